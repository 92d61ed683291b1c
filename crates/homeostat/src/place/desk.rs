//! What a running agent is asked through its socket, and by whom that is answered.

use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::identity::{HostName, Role};
use homeostat_cluster::join::{NewToken, Refusal};
use homeostat_engine::Store;
use serde::{Deserialize, Serialize};

use super::about::{self, About, Status, Told};
use super::kv::{self, Answer};
use crate::agent::Cluster;

/// What a host that is alone answers.
pub(super) const NO_CLUSTER: &str =
    "the agent is part of no cluster: `homeostat cluster init` or `join`, and start it again";

/// A question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// About values.
    Kv(kv::Request),
    /// About the cluster.
    Cluster(ClusterRequest),
    /// About the agent and the other hosts.
    About(About),
}

/// An answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Answer(Answer),
    Told(Told),
}

/// A question about the cluster.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum ClusterRequest {
    /// A token to join with.
    Token { ttl: Duration, uses: u32, role: Role },
    /// Take a host out.
    Remove { host: HostName },
    /// Replace the authority, or drop those before it.
    RenewAuthority { drop_older: bool },
    /// Have so many members.
    Size { members: usize },
    /// Replace a member that is away for longer.
    Grace { seconds: u64 },
}

/// Who answers.
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cluster: Option<Arc<Cluster>>,
    pub(crate) status: Status,
}

impl Desk {
    /// Answers everything but a watch.
    pub(super) async fn handle(&self, question: Question) -> Reply {
        match question {
            Question::Kv(request) => Reply::Answer(kv::handle(&*self.store, request).await),
            Question::Cluster(request) => Reply::Answer(self.cluster(request).await),
            Question::About(about) => Reply::Told(about::answer(about, self).await),
        }
    }

    async fn cluster(&self, request: ClusterRequest) -> Answer {
        let Some(cluster) = &self.cluster else {
            return Answer::Error(NO_CLUSTER.into());
        };
        answer(cluster, request).await.unwrap_or_else(|refusal| Answer::Error(refusal.to_string()))
    }
}

async fn answer(cluster: &Cluster, request: ClusterRequest) -> Result<Answer, Refusal> {
    Ok(match request {
        ClusterRequest::Token { ttl, uses, role } => {
            Answer::Value(Some(cluster.token(NewToken { ttl, uses, role }).await?))
        }
        ClusterRequest::Remove { host } => {
            let advice = match cluster.remove(&host).await? {
                Role::Agent => None,
                Role::Member => Some(format!(
                    "`{host}` has had the authority's key: replace it with `homeostat cluster authority renew`, and once \
                     every host has new certificates, with --drop-older"
                )),
            };
            Answer::Value(advice)
        }
        ClusterRequest::RenewAuthority { drop_older } => {
            Answer::Value(Some(cluster.renew_authority(drop_older).await?))
        }
        ClusterRequest::Size { members } => {
            cluster.set_size(members).await?;
            Answer::Done
        }
        ClusterRequest::Grace { seconds } => {
            cluster.set_grace(seconds).await?;
            Answer::Done
        }
    })
}
