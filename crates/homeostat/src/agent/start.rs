//! Starting: the parts of an agent are put together, and nothing is loaded yet.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use homeostat_cluster::exchange::Party;
use homeostat_engine::Store;
use homeostat_model::Diagnostic;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ending::Ending;
use super::loading::running;
use super::shared::Shared;
use super::{Agent, Opened, Part, Task, status};
use crate::catalog::Read;
use crate::engine::{self, Engine, Mode};
use crate::exit::refused;
use crate::place::desk::Desk;
use crate::place::socket::Server;
use crate::terminal::Terminal;
use crate::views::{self, Live};

/// An agent, and what is to be said of what was read. What works beside it ends with `beside`.
pub(super) async fn start<'a>(
    task: Task,
    opened: Opened,
    first: Read,
    beside: &mut JoinSet<()>,
    terminal: &'a Terminal,
) -> anyhow::Result<(Agent<'a>, Vec<Diagnostic>)> {
    let server = Server::bind(&opened.prefix)
        .inspect_err(|error| tracing::warn!("commands cannot reach this agent: {error}"));
    let (cluster, keeper) = opened.cluster.unzip();
    let playing = opened.part.map(Part::start);
    if let Some(keeper) = keeper {
        beside.spawn(keeper.run());
    }
    let (views, mut shown) = views::start(terminal, &task.hostname, task.events.as_deref())
        .map_err(|error| cannot_write_events(task.events.as_deref(), &error))?;
    let id = opened.prefix.id().context("cannot tell this agent from others")?;
    let store = opened.store.clone();
    let own_store = opened.mirror.as_ref().map_or_else(|| store.clone(), |(mirror, _)| mirror.clone());
    let (ends, ending) = watch::channel(false);
    let kept: Arc<dyn Store> = match &opened.mirror {
        Some(_) => Ending::new(opened.store, ending),
        None => opened.store,
    };
    let mut shared = match opened.mirror {
        Some((mirror, key)) => {
            let publishes = task.options.mode == Mode::Apply;
            let party = Party { host: task.hostname.clone(), key, publishes, store: store.clone(), mirror };
            let waits = task.cluster_converged;
            Some(Shared::start(party, task.registry.clone(), &first.catalog, waits).await)
        }
        None => None,
    };
    let host = opened.host.host(&task.hostname, opened.root, (kept, own_store), &id, shown.output())?;
    let engine_after = task.started.1.elapsed();
    let engine = Engine::start(
        task.options.clone(),
        task.registry.clone(),
        host,
        engine::sources().context("cannot watch for events")?,
        opened.journal,
        Box::new(views),
    )
    .await
    .context("cannot start the engine")?;
    if let Some(live) = shown.live.take() {
        beside.spawn(Live::follow(live, engine.clone()));
    }
    if let Some(shared) = &mut shared {
        shared.announce(store.clone(), engine.clone());
    }
    if let Ok(server) = server {
        let status = status::teller(task.hostname.clone(), &engine, shared.as_ref(), cluster.as_ref());
        beside.spawn(server.serve(Desk { store, cluster, status }));
    }
    let (programs, notes) = running(first, &opened.stores);
    let agent = Agent {
        task,
        terminal,
        progress: engine.progress(),
        engine,
        shared,
        playing,
        shown,
        engine_after,
        loaded: Instant::now(),
        programs,
        stores: opened.stores,
        coming: None,
        arriving: None,
        has_loaded: false,
        unwritten: None,
        ends,
    };
    Ok((agent, notes))
}

fn cannot_write_events(path: Option<&Path>, error: &std::io::Error) -> anyhow::Error {
    match path {
        Some(path) => refused(format!("cannot write events to {}: {error}", path.display())),
        None => refused(format!("cannot show what happens: {error}")),
    }
}
