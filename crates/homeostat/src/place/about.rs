//! What commands ask of a running agent about itself and the others, through the socket.

use std::pin::Pin;
use std::sync::Arc;

use homeostat_cluster::presence::{self, HostView};
use homeostat_engine::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::desk::{Desk, NO_CLUSTER};

/// A question.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum About {
    /// How this host stands.
    Status,
    /// Which hosts there are, and how they stand.
    Hosts,
    /// How the cluster stands, its members and its hosts.
    Cluster,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    Told(Json),
    Error(String),
}

/// Tells how this host stands.
pub(crate) type Status = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Json> + Send>> + Send + Sync>;

/// Answers.
pub(super) async fn answer(about: About, desk: &Desk) -> Told {
    match about {
        About::Status => Told::Told((desk.status)().await),
        About::Hosts => match hosts(&*desk.store).await {
            Ok(hosts) => Told::Told(hosts),
            Err(error) => Told::Error(format!("{error:#}")),
        },
        About::Cluster => match &desk.cluster {
            Some(cluster) => Told::Told(cluster.report(&*desk.store).await),
            None => Told::Error(NO_CLUSTER.into()),
        },
    }
}

/// All hosts that share a store, as JSON.
pub(crate) async fn hosts(store: &dyn Store) -> anyhow::Result<Json> {
    Ok(presence::hosts(store).await?.iter().map(host).collect())
}

fn host(view: &HostView) -> Json {
    let known = view.alive.as_ref().and_then(Option::as_ref);
    json!({
        "host": view.host,
        "alive": view.alive.is_some(),
        "converged": known.map(presence::Summary::is_converged),
        "summary": known,
    })
}
