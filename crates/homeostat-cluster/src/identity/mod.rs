//! Who a host is, and who says so.
//!
//! Owns the authority of a cluster, the certificates that it makes, and the directory where a host keeps them. It knows
//! nothing of networks: [`crate::tls`] uses what is here, [`crate::join`] decides who gets it.
//!
//! Invariants: a key never leaves the directory except as part of an authority that goes to a new member; no form that is
//! printed shows one; what a certificate says follows from whom it is for, never from what was asked for.

mod authority;
mod certificate;
mod dir;
mod key;
mod name;
mod operator;
mod settings;

pub use authority::{
    Authority, AuthorityError, AuthorityFiles, CLOCK_SKEW, Certificates, HOST_LIFETIME, Issued, MEMBER_NAME,
    PEER_NAME, Role, Subject,
};
pub use certificate::{Certificate, CertificateError, Fingerprint, Serial};
pub use dir::{ClusterDir, DirError, Identity};
pub use key::{Key, KeyError, RequestedKey, Secret, SigningRequest};
pub use name::{HostName, NotAHostName};
pub use operator::Operator;
pub use settings::{ClusterId, MemberAddress, Ports, SETTINGS_VERSION, Settings};

pub(crate) use authority::random;
pub(crate) use certificate::{hex, unhex};
