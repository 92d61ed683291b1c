//! The part that this host has in the store of its cluster: it makes it, runs some of it, or asks those who do.
//!
//! Nothing waits for it: the host is kept in order meanwhile, with what was known last.

use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::EtcdStore;
use homeostat_cluster::identity::{ClusterDir, Settings};
use homeostat_cluster::members::{
    Candidacy, Condition, LoneError, MemberTimes, MembersConfig, Membership, Role, Roster, Running, begin,
};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::said::Said;

/// Between attempts to make the store of a new cluster.
const BEGIN_AGAIN: Duration = Duration::from_secs(5);

/// What this host is to do in the store of its cluster.
pub(crate) struct Part {
    dir: ClusterDir,
    config: MembersConfig,
    store: Arc<EtcdStore>,
    seen: watch::Sender<Seen>,
}

/// How that goes.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// The store is made; what is in the way, if something is.
    Beginning(Option<String>),
    /// Nothing is known yet, but perhaps why that stays so.
    Starting(Option<String>),
    /// The members are followed.
    Following {
        roster: watch::Receiver<Option<Roster>>,
        condition: watch::Receiver<Condition>,
        elected: watch::Receiver<Option<String>>,
        doing: watch::Receiver<Option<String>>,
        is_full: watch::Receiver<bool>,
    },
}

/// A part that is being played.
pub(crate) struct Playing {
    stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

impl Part {
    /// That of a host with these settings, which lies in a zone.
    pub(crate) fn new(dir: ClusterDir, settings: &Settings, zone: String, store: Arc<EtcdStore>) -> Self {
        let candidacy = settings.member.then(|| Candidacy::of(&dir, settings, zone));
        let config = MembersConfig {
            host: settings.host.to_string(),
            dir: dir.path().to_owned(),
            candidacy,
            times: MemberTimes::default(),
        };
        let seen = if dir.is_first() { Seen::Beginning(None) } else { Seen::Starting(None) };
        Self { dir, config, store, seen: watch::Sender::new(seen) }
    }

    /// How it goes, from now on.
    pub(crate) fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Plays it until it is stopped.
    pub(crate) fn start(self) -> Playing {
        let (stop, stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(self.play(stopped));
        Playing { stop, tasks }
    }

    async fn play(self, mut stopped: oneshot::Receiver<()>) {
        let begun = tokio::select! {
            begun = self.begin() => begun,
            _ = &mut stopped => return,
        };
        let membership = match Membership::start(self.config, self.store, begun) {
            Ok(membership) => membership,
            Err(error) => {
                tracing::error!("this host cannot take part in the store of its cluster: {error}");
                self.seen.send_replace(Seen::Starting(Some(error.to_string())));
                return drop(stopped.await);
            }
        };
        self.seen.send_replace(Seen::Following {
            roster: membership.roster.clone(),
            condition: membership.condition.clone(),
            elected: membership.elected.clone(),
            doing: membership.doing.clone(),
            is_full: membership.is_full.clone(),
        });
        // Whoever stops it sends nothing.
        drop(stopped.await);
        membership.stop().await;
    }

    /// Makes the store of a new cluster, if that is up to this host, and gives its server.
    async fn begin(&self) -> Option<Running> {
        let candidacy = self.config.candidacy.as_ref()?;
        let mut said = Said::default();
        while self.dir.is_first() {
            match self.begin_once(candidacy).await {
                Ok(begun) => return begun,
                Err(error) => {
                    let why = format!("{error:#}");
                    if said.is_due(&why) {
                        tracing::warn!("the store of the new cluster is not made yet: {why}");
                    }
                    self.seen.send_replace(Seen::Beginning(Some(why)));
                    sleep(BEGIN_AGAIN).await;
                }
            }
        }
        None
    }

    async fn begin_once(&self, candidacy: &Candidacy) -> anyhow::Result<Option<Running>> {
        let options = self.dir.store_options(self.store.urls());
        let begun = match begin(&self.config.host, &self.config.dir, candidacy, &options).await {
            Ok(begun) => Some(begun),
            // It was made before this host was stopped.
            Err(LoneError::HasData(_)) => None,
            Err(error) => return Err(error.into()),
        };
        self.dir.set_first(false)?;
        Ok(begun)
    }
}

impl Playing {
    /// Stops it, and the server of this host; the host stays the member that it is.
    pub(crate) async fn end(mut self) {
        drop(self.stop);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Seen {
    /// Who the members were when that was last heard of.
    pub(crate) fn roster(&self) -> Option<Roster> {
        match self {
            Self::Beginning(_) | Self::Starting(_) => None,
            Self::Following { roster, .. } => roster.borrow().clone(),
        }
    }

    /// The word for what a host is in the store.
    pub(crate) fn part_of(&self, host: &str) -> &'static str {
        match (self, self.roster()) {
            (Self::Beginning(_), _) => "about to begin it",
            (_, None) => "not known yet",
            (_, Some(roster)) => word(match roster.of(host) {
                None => Role::Client,
                Some(seat) if seat.votes => Role::Member,
                Some(_) => Role::Learner,
            }),
        }
    }

    /// Who changes the members.
    pub(crate) fn elected(&self) -> Option<String> {
        match self {
            Self::Beginning(_) | Self::Starting(_) => None,
            Self::Following { elected, .. } => elected.borrow().clone(),
        }
    }

    /// For a person: what is done now about the members.
    pub(crate) fn doing(&self) -> Option<String> {
        match self {
            Self::Beginning(_) => Some("the store of the new cluster is made".into()),
            Self::Starting(_) => None,
            Self::Following { doing, .. } => doing.borrow().clone(),
        }
    }

    /// For a person: what is wrong with the part of this host.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self {
            Self::Beginning(trouble) | Self::Starting(trouble) => trouble.clone(),
            Self::Following { is_full, .. } if *is_full.borrow() => {
                Some("the store is full of what is in use".into())
            }
            Self::Following { condition, .. } => match &*condition.borrow() {
                Condition::Off | Condition::Starting | Condition::Running => None,
                Condition::Failing { why, .. } => Some(format!("etcd ended: {why}")),
                Condition::Unusable(error) => Some(error.to_string()),
                Condition::DataLost { .. } => {
                    Some("the data of this member is gone: it waits to be replaced".into())
                }
                Condition::Blocked(why) => Some(why.clone()),
            },
        }
    }
}

/// The word for it.
pub(crate) fn word(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Learner => "learner",
        Role::Member => "member",
    }
}
