//! By whom a host is told of its turn for a release in stages: by the one that looks at all hosts for everybody, or, where nobody does,
//! by what it sees of them itself.
//!
//! Whoever may look for all begins when nobody does. Who may not, and who hears nothing of one that does, looks for itself after a
//! while: nothing is stopped by one that is gone, hangs, or may not.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::Store;
use homeostat_engine::store::{Entry, StoreError, WatchItem, Watching, keys};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::lead::{BEAT, Lead, lead};
use super::manifest::Manifest;
use super::others::Others;
use super::rollout::{Fleet, Heard};
use crate::pace::{Backoff, about, some_of};

/// How long somebody may take to begin looking for all.
const VACANT: Duration = Duration::from_secs(5);
/// Who may, begins within this time: many do not try at once.
const CAMPAIGN: Duration = Duration::from_secs(1);
/// Nothing is looked at more often by itself.
const PAUSE: Duration = Duration::from_millis(50);
/// Between attempts to hear: a store of before this was there refuses it each time.
const DEAF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How long one that looks may be silent.
const SILENT: Duration = BEAT.saturating_mul(3);

/// What a host knows of a release in stages.
pub(super) enum Sight {
    /// What it was told.
    Told(Heard, Progress),
    /// What it sees itself, which is enough to act on from then on, if nothing happens.
    Seen(Fleet, Option<Instant>),
}

/// How far a release in stages is, as whoever looks at all hosts says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    OnItsWay,
    /// Nobody who is there is to take it any more.
    Over,
    /// The same, and it is in order on every host that it is for.
    Everywhere,
}

/// The guide of one host.
pub(super) struct Guide {
    store: Arc<dyn Store>,
    host: Arc<str>,
    may_lead: bool,
    course: Option<Course>,
}

/// A release that is on its way.
struct Course {
    manifest: Manifest,
    news: watch::Receiver<News>,
    /// Looked at while nobody does that for us.
    others: Others,
    leading: JoinSet<()>,
    /// How long this host lets others begin before it.
    modesty: Duration,
    /// When it may begin after it could not.
    rests_until: Option<Instant>,
    _hearing: JoinSet<()>,
}

/// What was heard last.
#[derive(Debug, Clone)]
struct News {
    lead: Option<Lead>,
    /// It is our turn: once it is, it stays so, unless whoever gave it takes it back since we were away.
    go: bool,
    /// When the store was last heard to say who looks, or that nobody does.
    at: Instant,
    /// The store was heard at all.
    is_heard: bool,
}

impl News {
    /// Until when others are waited for to look for us.
    fn patience(&self) -> Instant {
        self.at + if self.lead.is_some() { SILENT } else { VACANT }
    }
}

impl Guide {
    pub(super) fn new(store: Arc<dyn Store>, host: Arc<str>, may_lead: bool) -> Self {
        Self { store, host, may_lead, course: None }
    }

    /// Cares for this release from now on, or for none.
    pub(super) fn care_for(&mut self, manifest: Option<&Manifest>) {
        if self.course.as_ref().map(|course| &course.manifest) == manifest {
            return;
        }
        self.course = manifest.map(|manifest| {
            let heard = News { lead: None, go: false, at: Instant::now(), is_heard: false };
            let (tell, news) = watch::channel(heard);
            let mut hearing = JoinSet::new();
            hearing.spawn(hear(self.store.clone(), self.host.clone(), manifest.number, tell));
            Course {
                manifest: manifest.clone(),
                news,
                others: Others::new(self.store.clone(), self.host.clone()),
                leading: JoinSet::new(),
                modesty: some_of(CAMPAIGN),
                rests_until: None,
                _hearing: hearing,
            }
        });
    }

    /// Sees to it that somebody looks for all. How far the release is, and when to come again if nothing happens; nothing where
    /// no release is cared for.
    pub(super) fn tend(&mut self) -> Option<(Progress, Instant)> {
        let (may_lead, store, host) = (self.may_lead, &self.store, &self.host);
        let course = self.course.as_mut()?;
        let (heard, progress, mut again) = {
            let news = course.news.borrow_and_update();
            let is_vacant = news.is_heard && news.lead.is_none();
            let progress = match &news.lead {
                Some(lead) if lead.everywhere => Progress::Everywhere,
                Some(lead) if lead.over => Progress::Over,
                Some(_) | None => Progress::OnItsWay,
            };
            (is_vacant.then_some(news.at), progress, news.patience())
        };
        if may_lead
            && course.leading.is_empty()
            && let Some(vacant_since) = heard
        {
            let begin_at = (vacant_since + course.modesty).max(course.rests_until.unwrap_or(vacant_since));
            if begin_at <= Instant::now() {
                course.leading.spawn(lead(store.clone(), host.clone(), course.manifest.clone()));
            } else {
                again = again.min(begin_at);
            }
        }
        Some((progress, again.max(Instant::now() + PAUSE)))
    }

    /// What is known now, and when to look again if nothing happens; nothing where no release is cared for.
    pub(super) fn look(&mut self) -> Option<(Sight, Instant)> {
        let (progress, again) = self.tend()?;
        let course = self.course.as_mut()?;
        let news = course.news.borrow().clone();
        let now = Instant::now();
        let is_alone = news.patience() <= now;
        course.others.look(is_alone);
        if is_alone {
            let fleet = course.others.fleet();
            let clear_at = course.others.clear_at();
            return Some((
                Sight::Seen(fleet, clear_at),
                clear_at.filter(|at| *at > now).unwrap_or(now + VACANT),
            ));
        }
        let failed_on = news.lead.and_then(|lead| lead.failed_on);
        Some((Sight::Told(Heard { go: news.go, failed_on }, progress), again))
    }

    /// Returns when something may be known anew. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        let Some(Course { news, others, leading, rests_until, .. }) = &mut self.course else {
            return pending().await;
        };
        tokio::select! {
            changed = news.changed() => if changed.is_err() {
                pending::<()>().await;
            },
            () = others.changed() => {}
            Some(_) = leading.join_next() => *rests_until = Some(Instant::now() + about(VACANT)),
        }
    }
}

/// Listens to who looks for all, and to whether it is our turn, for as long as somebody wants to know.
async fn hear(store: Arc<dyn Store>, host: Arc<str>, number: u64, tell: watch::Sender<News>) {
    let keys = [keys::rollout_lead(number), keys::rollout_go(&host, number)];
    let mut backoff = Backoff::new(DEAF.0, DEAF.1);
    while !tell.is_closed() {
        match begin(&*store, &keys, &tell).await {
            Ok(watches) => {
                backoff.reset();
                go_on(watches, &keys, &tell).await;
            }
            Err(error) => {
                tracing::debug!("who looks at all hosts for release {number} is not known: {error}")
            }
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = tell.closed() => return,
        }
    }
}

async fn begin(
    store: &dyn Store,
    [lead, go]: &[String; 2],
    tell: &watch::Sender<News>,
) -> Result<[Watching; 2], StoreError> {
    let value = |entries: Vec<Entry>, key: &str| {
        entries.into_iter().find(|entry| *entry.key == *key).map(|entry| entry.value)
    };
    let (entries, revision) = store.range(lead).await?;
    let led = value(entries, lead);
    let gone = value(store.range(go).await?.0, go).is_some();
    let watches = [store.watch(lead, revision).await?, store.watch(go, revision).await?];
    tell.send_modify(|news| {
        hears(news, led.as_deref());
        news.go |= gone;
    });
    Ok(watches)
}

async fn go_on([mut leads, mut goes]: [Watching; 2], [lead, go]: &[String; 2], tell: &watch::Sender<News>) {
    loop {
        let item = tokio::select! {
            item = leads.recv() => item,
            item = goes.recv() => item,
            () = tell.closed() => return,
        };
        let Some(WatchItem::Changes(changes)) = item else { return };
        tell.send_modify(|news| {
            for changed in changes {
                if *changed.key == **lead {
                    hears(news, changed.value.as_deref());
                } else if *changed.key == **go {
                    // What goes with whoever said it, says nothing.
                    news.go = changed.value.is_some() || (news.go && news.lead.is_none());
                }
            }
        });
    }
}

/// One that is there and says what we do not understand is as good as nobody.
fn hears(news: &mut News, said: Option<&[u8]>) {
    let now = said.and_then(Lead::parse);
    if let Some(lead) = &now
        && news.lead.as_ref().is_none_or(|before| before.host != lead.host)
    {
        tracing::info!("`{}` looks at all hosts for the release that comes in stages", lead.host);
    }
    *news = News { lead: now, at: Instant::now(), is_heard: true, ..news.clone() };
}
