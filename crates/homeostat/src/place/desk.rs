//! What a running agent is asked through its socket, and by whom that is answered.

use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::identity::{HostName, Role};
use homeostat_cluster::join::{NewToken, Refusal};
use homeostat_engine::Store;
use serde::{Deserialize, Serialize};

use super::kv::{self, Answer};
use crate::agent::Cluster;

/// A question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// About values.
    Kv(kv::Request),
    /// About the cluster.
    Cluster(ClusterRequest),
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
}

/// Who answers.
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cluster: Option<Arc<Cluster>>,
}

impl Desk {
    /// Answers everything but a watch.
    pub(crate) async fn handle(&self, question: Question) -> Answer {
        match (question, &self.cluster) {
            (Question::Kv(request), _) => kv::handle(&*self.store, request).await,
            (Question::Cluster(request), Some(cluster)) => {
                answer(cluster, request).await.unwrap_or_else(|refusal| Answer::Error(refusal.to_string()))
            }
            (Question::Cluster(_), None) => Answer::Error(
                "the agent is part of no cluster: `homeostat cluster init` or `join`, and start it again"
                    .into(),
            ),
        }
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
    })
}
