//! Stands for a resource of another host, so that edges cross hosts.
//!
//! It runs nothing: it is done when the other host says so. Until then, what comes after it waits. When the other host is not
//! heard of, nobody knows how the resource stands: that holds back what was never done after it, and never the repair of
//! what was. A change over there is a change here: it makes what comes after this be looked at again, and refreshes what
//! this notifies. Which change was acted on last is remembered, so that none is missed over a restart of either host.
//!
//! The other host says how a resource stands if that has `publish: true` in its `meta`. A topology sees to both.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   remote:
//!   - name: the schema of the database
//!     host: db1
//!     id: exec[migrate]
//!     notify: exec[reload]
//!   exec:
//!   - name: reload
//!     cmd: systemctl reload app
//!     ifcmd: systemctl is-active app
//! ```
//!
//! ## Watches
//!
//! What the other host says of the resource.
//!
//! ## Automatic edges
//!
//! None.
//!
//! ## Sends and receives
//!
//! Neither sends nor receives.
//!
//! ## Limits
//!
//! A host that dies is not heard of from some 15 seconds on. Several changes that come quickly are one.

use std::sync::Arc;

use homeostat_engine::store::{Stand, StoreError, keys};
use homeostat_engine::{
    Applied, Change, Check, Context, Drift, Failure, Looks, ParamError, Reach, Resource, Watch,
};
use homeostat_model::ResourceId;
use schemars::JsonSchema;
use serde::Deserialize;

/// What is declared of a `remote`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// The other host.
    host: String,
    /// The resource, as in `file[/etc/motd]`.
    id: String,
}

pub(super) struct Remote {
    host: String,
    id: ResourceId,
}

/// The resource has changed since the last time that we acted on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    from: Option<u64>,
    to: u64,
}

impl Drift for Moved {
    fn changes(&self) -> Vec<Change> {
        let from = self.from.map_or_else(|| "not seen".to_owned(), |from| from.to_string());
        vec![Change::new("changes", from, self.to.to_string())]
    }
}

impl Remote {
    fn seen_key(&self) -> String {
        keys::seen(&self.host, &self.id)
    }

    async fn seen(&self, cx: &Context<'_>) -> Result<Option<u64>, Failure> {
        let stored = cx.host.own_store().get(&self.seen_key()).await;
        let stored = stored.map_err(|error| Failure::from_error(&error))?;
        Ok(stored.and_then(|entry| Some(u64::from_le_bytes((*entry.value).try_into().ok()?))))
    }

    fn unknown(&self, why: &str) -> Failure {
        Failure::unknown(format!("{} on {}, {why}", self.id, self.host))
    }
}

impl Resource for Remote {
    const KIND: &'static str = "remote";
    const DOC: &'static str = super::doc_of!("remote");
    const RECEIVES: bool = false;
    const REPAIRS: bool = false;
    const ELSEWHERE: bool = true;

    type Params = Params;
    type Drift = Moved;
    type Prefetched = ();

    fn new(_name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        if params.host.is_empty() {
            errors.push(ParamError::of("host", "`host` cannot be empty"));
        }
        let id = ResourceId::parse(&params.id)
            .map_err(|_| errors.push(ParamError::of("id", "`id` is not of the form `kind[name]`")));
        match id {
            Ok(id) if errors.is_empty() => Ok(Self { host: params.host, id }),
            _ => Err(errors),
        }
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Store(keys::vertex(&self.host, &self.id).into())]
    }

    fn looks(&self) -> Looks {
        Looks::Nothing
    }

    fn reach(&self) -> Reach {
        Reach::Declared(Vec::new())
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<Moved>, Failure> {
        if self.host == cx.host.name() {
            return Err(Failure::permanent(format!(
                "{} is this host: declare an edge to {} itself",
                self.host, self.id
            )));
        }
        let stored = match cx.host.store().get(&keys::vertex(&self.host, &self.id)).await {
            Ok(stored) => stored,
            Err(error @ (StoreError::Unavailable(_) | StoreError::LeaseEnded)) => {
                return Err(self.unknown(&error.to_string()));
            }
            Err(error) => return Err(Failure::from_error(&error)),
        };
        let Some(stored) = stored else {
            return Err(self.unknown("of which that host says nothing"));
        };
        let Some(stand) = Stand::parse(&stored.value) else {
            return Err(self.unknown("of which that host speaks in a form that this version does not know"));
        };
        if !stand.done {
            return Err(Failure::waiting(format!("{} on {}", self.id, self.host)));
        }
        let from = self.seen(cx).await?;
        if from == Some(stand.changes) {
            return Ok(Check::converged());
        }
        Ok(Check::Drifted(Moved { from, to: stand.changes }))
    }

    async fn apply(&self, cx: &Context<'_>, drift: Moved) -> Result<Applied, Failure> {
        // Whoever is notified of it owes a refresh durably by now.
        let put = cx.host.own_store().put(&self.seen_key(), &drift.to.to_le_bytes(), None).await;
        put.map_err(|error| Failure::from_error(&error))?;
        Ok(Applied::done())
    }
}

#[cfg(test)]
mod tests {
    use homeostat_engine::Causes;

    use super::*;
    use crate::testing::TestHost;

    fn remote(host: &str) -> Remote {
        let params = Params { host: host.into(), id: "file[/x]".into() };
        Remote::new(&"r".into(), params).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    async fn say(host: &TestHost, done: bool, changes: u64) {
        let key = keys::vertex("h2", &ResourceId::new("file", "/x"));
        host.host.store().put(&key, &Stand { done, changes }.to_bytes("c"), None).await.unwrap();
    }

    #[tokio::test]
    async fn it_is_unknown_then_waits_and_then_each_change_counts_once() {
        let host = TestHost::new();
        let cx = host.cx(Causes::DECLARED);
        let remote = remote("h2");
        assert!(matches!(remote.check(&cx).await, Err(Failure::Unknown(why)) if why.contains("h2")));
        say(&host, false, 7).await;
        assert_eq!(remote.check(&cx).await, Err(Failure::waiting("file[/x] on h2")));
        say(&host, true, 7).await;
        let moved = Moved { from: None, to: 7 };
        assert_eq!(remote.check(&cx).await, Ok(Check::Drifted(moved)));
        remote.apply(&cx, moved).await.unwrap();
        assert_eq!(remote.check(&cx).await, Ok(Check::converged()));
        // A count of another life is lower, and another one all the same.
        say(&host, true, 3).await;
        assert_eq!(remote.check(&cx).await, Ok(Check::Drifted(Moved { from: Some(7), to: 3 })));
    }

    #[tokio::test]
    async fn what_another_version_says_is_unknown_and_our_own_name_is_refused() {
        let host = TestHost::new();
        let cx = host.cx(Causes::DECLARED);
        let key = keys::vertex("h2", &ResourceId::new("file", "/x"));
        host.host.store().put(&key, b"\x09", None).await.unwrap();
        assert!(matches!(remote("h2").check(&cx).await, Err(Failure::Unknown(_))));
        assert!(matches!(remote("h1").check(&cx).await, Err(Failure::Permanent(_))));
        assert!(Remote::new(&"r".into(), Params { host: String::new(), id: "x".into() }).is_err());
    }
}
