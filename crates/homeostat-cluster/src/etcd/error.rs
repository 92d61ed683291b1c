//! What went wrong, and what follows from it.

use std::error::Error;

use homeostat_engine::store::StoreError;
use tonic::{Code, ConnectError, Status};

/// How etcd says that it decided by roles that are no longer those: as all versions do, and as 3.5 does while it is being asked.
const ROLES_CHANGED: [&str; 2] = ["revision of auth store is old", "auth: revision in header is old"];

/// How a request failed.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// etcd answered, and this is its answer.
    Answered(StoreError),
    /// Nobody answered, or somebody who cannot: another member may.
    Gone {
        /// Why, for a person.
        why: String,
        /// Whether it may have been done all the same.
        doubtful: bool,
    },
    /// Roles were changed while it was under way, and it was not done.
    Overtaken,
    /// The answer would be larger than we take.
    TooMuch,
    /// The revision that was asked for is no longer, or not yet, kept.
    OtherTime,
}

impl Failed {
    pub(super) fn of(error: &etcd_client::Error) -> Self {
        match error {
            etcd_client::Error::GRpcStatus(status) => Self::of_status(status),
            // The client makes a text of what etcd said with a number.
            etcd_client::Error::LeaseKeepAliveError(text) if text.contains("not found") => {
                Self::Answered(StoreError::LeaseEnded)
            }
            etcd_client::Error::TransportError(error) => Self::Gone { why: innermost(error), doubtful: true },
            other => Self::Gone { why: other.to_string(), doubtful: true },
        }
    }

    fn of_status(status: &Status) -> Self {
        let said = status.message();
        // A role that was changed while a request was under way refuses it, whether it concerns us or not.
        if ROLES_CHANGED.iter().any(|changed| said.contains(changed)) {
            return Self::Overtaken;
        }
        // What etcd says has no cause: this was said on the way.
        if status.source().is_some() {
            return Self::Gone { why: why(status), doubtful: !was_never_sent(status) };
        }
        let refused = || Self::Answered(StoreError::Unavailable(format!("it refuses: {}", plain(said))));
        match status.code() {
            Code::NotFound if said.contains("lease not found") => Self::Answered(StoreError::LeaseEnded),
            Code::OutOfRange if said.contains("message length too large") => Self::TooMuch,
            Code::OutOfRange => Self::OtherTime,
            Code::InvalidArgument if said.contains("too large") || said.contains("too many operations") => {
                Self::Answered(StoreError::TooLarge(plain(said).into()))
            }
            Code::ResourceExhausted if said.contains("space exceeded") => {
                Self::Answered(StoreError::Unavailable(
                    "etcd is full: compact and defragment it, then disarm its alarm".into(),
                ))
            }
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::ResourceExhausted
            | Code::Unimplemented
            | Code::DataLoss => refused(),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable => Self::Gone { why: why(status), doubtful: !was_never_sent(status) },
        }
    }
}

/// etcd's own errors name it; who reads this knows.
fn plain(said: &str) -> &str {
    let said = said.strip_prefix("etcdserver: ").unwrap_or(said);
    said.strip_prefix("mvcc: ").unwrap_or(said)
}

/// The cause, since what stands above it only says that there is one.
fn why(status: &Status) -> String {
    match status.source() {
        Some(source) => innermost(source),
        None => plain(status.message()).to_owned(),
    }
}

/// The last in the chain of causes.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Whether the request cannot have had an effect.
fn was_never_sent(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    // A member that knows no leader says so before it does anything.
    status.message() == "etcdserver: no leader"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Code, said: &str) -> Failed {
        Failed::of(&etcd_client::Error::GRpcStatus(Status::new(code, said)))
    }

    #[test]
    fn an_answer_is_told_from_silence() {
        let lease = of(Code::NotFound, "etcdserver: requested lease not found");
        assert!(matches!(lease, Failed::Answered(StoreError::LeaseEnded)));
        let large = of(Code::InvalidArgument, "etcdserver: request is too large");
        assert!(
            matches!(large, Failed::Answered(StoreError::TooLarge(text)) if text == "request is too large")
        );
        let full = of(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
        assert!(matches!(full, Failed::Answered(StoreError::Unavailable(text)) if text.contains("full")));
        let denied = of(Code::PermissionDenied, "etcdserver: permission denied");
        assert!(
            matches!(denied, Failed::Answered(StoreError::Unavailable(text)) if text.contains("refuses"))
        );
        let compacted = of(Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted");
        assert!(matches!(compacted, Failed::OtherTime));
    }

    #[test]
    fn only_what_cannot_have_been_done_is_done_again() {
        let no_leader = of(Code::Unavailable, "etcdserver: no leader");
        assert!(matches!(no_leader, Failed::Gone { doubtful: false, .. }));
        for (code, said) in [
            (Code::InvalidArgument, "etcdserver: revision of auth store is old"),
            (Code::Unknown, "auth: revision in header is old"),
        ] {
            assert!(matches!(of(code, said), Failed::Overtaken), "{said}");
        }
        let timed_out = of(Code::Unavailable, "etcdserver: request timed out");
        assert!(matches!(timed_out, Failed::Gone { doubtful: true, .. }));
    }
}
