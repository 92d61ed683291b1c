//! How a host becomes part of a cluster, stays it, and leaves.
//!
//! Owns what is said (plain data; who carries it is somebody else's), what the store remembers, and every decision: who is
//! admitted with which token, who gets new certificates, who is refused from now on. It knows no connections and no files.
//!
//! Invariants: a token admits as many hosts as it says, whichever members are asked at once; a name and an address have one
//! owner; whoever was removed gets nothing more, since each decision compares the record that removal deletes; no secret is
//! stored, logged or repeated in a refusal.

mod admit;
mod change;
mod message;
mod news;
pub(crate) mod record;
mod registrar;
mod ticket;

pub use admit::NewToken;
pub use message::{
    ANSWER_BYTES_MAX, Admission, Admitted, Granted, JoinAnswer, JoinRequest, MESSAGE_VERSION,
    REQUEST_BYTES_MAX, RETURN_DAYS, Refusal, Renewal, Return,
};
pub use news::{News, follow};
pub use record::TrustedRecord;
pub(crate) use registrar::hosts;
pub use registrar::{Pinned, Registrar};
pub use ticket::{ADDRESSES_MAX, JoinString, NotAJoinString, TokenId};
