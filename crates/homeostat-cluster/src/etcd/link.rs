//! The connection to etcd: one member at a time, the next one when it does not answer.
//!
//! Requests wait out a change of members within their deadline. Once etcd has been away for longer than that, one request
//! tries all members now and then and the others fail at once, so that nobody who needs etcd holds up those who do not.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcd_client::{
    AuthClient, Client, ClusterClient, ConnectOptions, KvClient, LeaseClient, MaintenanceClient, WatchClient,
};
use homeostat_engine::store::StoreError;
use tokio::sync::{OnceCell, watch};
use tokio::time::{Instant, sleep, timeout};

use super::error::Failed;
use super::options::{EtcdOptions, OptionsError};
use crate::pace::{about, grown, random};

/// No answer above this is taken. Ranges are read in pieces; a watch that has so much to tell has lost track.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A store that never answered is not said to be away for so long.
const STARTING: Duration = Duration::from_secs(10);
/// Before what met a change of roles is asked again.
const OVERTAKEN_PAUSE: Duration = Duration::from_millis(5);

/// Whether a request may be sent again when it is not known whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Twice is as good as once.
    Harmless,
    /// Somebody else may have changed it in between.
    Never,
}

/// A connection to one member.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) kv: KvClient,
    pub(super) watch: WatchClient,
    pub(super) lease: LeaseClient,
    pub(super) cluster: ClusterClient,
    pub(super) maintenance: MaintenanceClient,
    pub(super) auth: AuthClient,
    /// Connections are counted, so that a late failure is not held against its successor.
    pub(super) number: u64,
    pub(super) url: Arc<str>,
    /// Which past the store has, as who asked first over this connection was told.
    pub(super) mark: Arc<OnceCell<Option<Vec<u8>>>>,
}

/// The connection that is used now, and how it goes.
pub(super) struct Link {
    options: EtcdOptions,
    pub(super) state: Mutex<State>,
    /// Tells watches on an earlier connection to move.
    pub(super) current: watch::Sender<u64>,
    /// Whether people were told that etcd is away.
    away: watch::Sender<bool>,
    /// Tells those who wait that etcd is back.
    returns: watch::Sender<u64>,
    /// That one member is away is no news that concerns everybody.
    is_of_one: bool,
}

pub(super) struct State {
    /// In the order in which they are tried.
    pub(super) urls: Vec<String>,
    pub(super) number: u64,
    pub(super) connection: Option<Connection>,
    /// In a row.
    failures: u32,
    /// Whether anybody has ever answered.
    has_worked: bool,
    pub(super) away: Option<Away>,
    /// While it is away: connections to those who answer, and cannot say anything without the others.
    pub(super) mute: BTreeMap<String, Connection>,
    /// The same: members that a round waits for.
    pub(super) asked: BTreeSet<String>,
}

/// No member answers.
pub(super) struct Away {
    since: Instant,
    pub(super) retry_at: Instant,
    pub(super) why: String,
    /// Whether people were told.
    is_said: bool,
    /// Rounds in which a member was found that had too much to do.
    pub(super) late_rounds: u32,
}

impl Link {
    pub(super) fn new(options: EtcdOptions) -> Self {
        let urls = in_random_order(options.urls.clone());
        let state = State {
            urls,
            number: 0,
            connection: None,
            failures: 0,
            has_worked: false,
            away: None,
            mute: BTreeMap::new(),
            asked: BTreeSet::new(),
        };
        Self {
            options,
            state: Mutex::new(state),
            current: watch::Sender::new(0),
            away: watch::Sender::new(false),
            returns: watch::Sender::new(0),
            is_of_one: false,
        }
    }

    /// To one member, whoever else there is.
    pub(super) fn to_one(options: EtcdOptions) -> Self {
        Self { is_of_one: true, ..Self::new(options) }
    }

    pub(super) fn options(&self) -> &EtcdOptions {
        &self.options
    }

    /// Whether it is said to be away.
    pub(super) fn away(&self) -> watch::Receiver<bool> {
        self.away.subscribe()
    }

    /// The members that are asked, in no order.
    pub(super) fn urls(&self) -> Vec<String> {
        self.lock().urls.clone()
    }

    /// From now on these are asked. Who speaks to one that is no longer among them goes on with another.
    pub(super) fn set_urls(&self, urls: Vec<String>) -> Result<(), OptionsError> {
        let options = EtcdOptions { urls, ..self.options.clone() };
        options.check()?;
        let mut state = self.lock();
        let known = |url: &String| state.urls.contains(url);
        if options.urls.len() == state.urls.len() && options.urls.iter().all(known) {
            return Ok(());
        }
        state.urls = in_random_order(options.urls);
        let url = state.connection.as_ref().map(|connection| connection.url.clone());
        // A connection that is being made has a number already: it is not taken when it is done.
        if !url.is_some_and(|url| state.urls.iter().any(|other| **other == *url)) {
            state.number += 1;
            state.connection = None;
            self.current.send_replace(state.number);
        }
        // Nobody has tried these.
        state.failures = 0;
        if let Some(away) = &mut state.away {
            away.retry_at = Instant::now();
        }
        Ok(())
    }

    fn members(&self) -> usize {
        self.lock().urls.len()
    }

    /// Asks etcd, and another member if one does not answer, until the deadline of a request.
    pub(super) async fn ask<T, F>(&self, again: Again, request: impl Fn(Connection) -> F) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        self.ask_within(self.options.times.request, again, request).await
    }

    /// The same, with a deadline of its own.
    pub(super) async fn ask_within<T, F>(
        &self,
        patience: Duration,
        again: Again,
        request: impl Fn(Connection) -> F,
    ) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let deadline = Instant::now() + patience;
        loop {
            let connection = self.connection().await?;
            let left = deadline.saturating_duration_since(Instant::now());
            // Who may ask again leaves time for it.
            let share = match again {
                Again::Harmless if self.members() > 1 => left.min(patience / 2),
                Again::Harmless | Again::Never => left,
            };
            let failed = match timeout(share, request(connection.clone())).await {
                Ok(Ok(answer)) => {
                    self.works(&connection);
                    return Ok(answer);
                }
                Ok(Err(error)) => Failed::of(&error),
                Err(_) => Failed::Gone { why: format!("no answer in {share:.1?}"), doubtful: true },
            };
            let (why, doubtful) = match failed {
                Failed::Gone { why, doubtful } => (why, doubtful),
                Failed::Overtaken => {
                    self.works(&connection);
                    if Instant::now() + OVERTAKEN_PAUSE >= deadline {
                        return Err(failed);
                    }
                    sleep(OVERTAKEN_PAUSE).await;
                    continue;
                }
                Failed::Answered(_) | Failed::TooMuch | Failed::OtherTime => {
                    self.works(&connection);
                    return Err(failed);
                }
            };
            let why = format!("{}: {why}", connection.url);
            let pause = self.failed(&connection, &why);
            let may_ask_again = again == Again::Harmless || !doubtful;
            if !may_ask_again || Instant::now() + pause >= deadline {
                return Err(Failed::Gone { why, doubtful });
            }
            sleep(pause).await;
        }
    }

    /// The connection to use now; an error while etcd is away and it is not our turn to try.
    async fn connection(&self) -> Result<Connection, Failed> {
        let number = {
            let mut state = self.lock();
            let state = &mut *state;
            match (&mut state.away, &state.connection) {
                (Some(away), _) if away.since.elapsed() > self.options.times.request => {
                    let now = Instant::now();
                    if now < away.retry_at {
                        return Err(Failed::Gone { why: away.why.clone(), doubtful: false });
                    }
                    // The next round does not wait for the end of this one: what is sent into the void stays there.
                    away.retry_at = now + about(self.options.times.round);
                    None
                }
                (_, Some(connection)) => return Ok(connection.clone()),
                (_, None) => Some(state.number),
            }
        };
        let Some(number) = number else { return self.round().await };
        let opened = self.open(number).await?;
        let mut state = self.lock();
        // Somebody else may have been faster: one connection is enough.
        if state.number == number {
            return Ok(state.connection.get_or_insert(opened).clone());
        }
        Ok(opened)
    }

    async fn open(&self, number: u64) -> Result<Connection, Failed> {
        let url = {
            let state = self.lock();
            let members = u64::try_from(state.urls.len().max(1)).unwrap_or(1);
            state.urls[usize::try_from(number % members).unwrap_or(0)].clone()
        };
        self.open_at(&url, number).await
    }

    /// A connection that will be made by its first request.
    pub(super) async fn open_at(&self, url: &str, number: u64) -> Result<Connection, Failed> {
        let gone = |why: String| Failed::Gone { why, doubtful: false };
        let endpoint = self.options.endpoint(url).map_err(|error| gone(error.to_string()))?;
        // A member that lost the others is none to talk to.
        let options = ConnectOptions::new().with_require_leader(true);
        let channel = etcd_client::Channel::Tonic(endpoint.connect_lazy());
        let client = Client::from_channel(channel, Some(options)).await;
        let client = client.map_err(|error| gone(error.to_string()))?;
        Ok(Connection {
            kv: client.kv_client().max_decoding_message_size(MESSAGE_BYTES_MAX),
            watch: client.watch_client().max_decoding_message_size(MESSAGE_BYTES_MAX),
            lease: client.lease_client(),
            cluster: client.cluster_client(),
            maintenance: client.maintenance_client(),
            auth: client.auth_client(),
            number,
            url: url.into(),
            mark: Arc::default(),
        })
    }

    pub(super) fn works(&self, connection: &Connection) {
        let mut state = self.lock();
        if state.number != connection.number {
            return;
        }
        state.failures = 0;
        state.has_worked = true;
        if let Some(away) = state.away.take() {
            state.mute.clear();
            if away.is_said {
                self.away.send_replace(false);
                tracing::info!("the store is back after {:.1?}", away.since.elapsed());
            }
            self.returns.send_modify(|times| *times += 1);
        }
    }

    /// Goes on to the next member. Says how long to wait before asking again.
    pub(super) fn failed(&self, connection: &Connection, why: &str) -> Duration {
        let mut state = self.lock();
        if state.number != connection.number {
            return Duration::ZERO;
        }
        state.number += 1;
        state.connection = None;
        state.failures = state.failures.saturating_add(1);
        let pause = self.backoff(state.failures, state.urls.len());
        let now = Instant::now();
        // As long as there are members that were not tried it is not away.
        if usize::try_from(state.failures).is_ok_and(|failures| failures >= state.urls.len()) {
            let fresh =
                || Away { since: now, retry_at: now, why: String::new(), is_said: false, late_rounds: 0 };
            state.away.get_or_insert_with(fresh).retry_at = now + pause;
            self.is_away(&mut state, why);
        } else {
            tracing::debug!("on to the next member of the store: {why}");
        }
        self.current.send_replace(state.number);
        pause
    }

    /// Remembers why it is away, and says so once. Who starts with it waits a little: it may be starting as well.
    pub(super) fn is_away(&self, state: &mut State, why: &str) {
        let has_worked = state.has_worked;
        let Some(away) = &mut state.away else { return };
        why.clone_into(&mut away.why);
        let is_due = has_worked || away.since.elapsed() > STARTING;
        if is_due && !self.is_of_one && !std::mem::replace(&mut away.is_said, true) {
            self.away.send_replace(true);
            tracing::warn!("the store is away: {why}");
        }
    }

    fn backoff(&self, failures: u32, members: usize) -> Duration {
        let members = u32::try_from(members.max(1)).unwrap_or(u32::MAX);
        match (failures / members).checked_sub(1) {
            None => Duration::ZERO,
            Some(rounds) => self.after(rounds),
        }
    }

    /// Grows with each round in which no member answered; random, so that many hosts do not come at once.
    fn after(&self, rounds: u32) -> Duration {
        grown(self.options.times.backoff, rounds)
    }

    /// Returns when another connection is to be used than this.
    pub(super) async fn moved_on(&self, from: u64) {
        let mut current = self.current.subscribe();
        // The sender lives as long as we do.
        current.wait_for(|number| *number != from).await.ok();
    }

    /// Waits before the next of so many attempts, or until etcd is back.
    pub(super) async fn pause(&self, attempts: u32) {
        let mut returns = self.returns.subscribe();
        timeout(self.after(attempts), returns.changed()).await.ok();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Answered(error) => error,
            Failed::Gone { why, .. } => Self::Unavailable(why),
            Failed::TooMuch => Self::TooLarge("the answer is too large".into()),
            Failed::Overtaken => Self::Unavailable("roles are being changed there".into()),
            Failed::OtherTime => Self::Unavailable("it no longer keeps that revision".into()),
        }
    }
}

/// So that hosts begin with different members, and spread over the others when one is gone.
fn in_random_order(mut urls: Vec<String>) -> Vec<String> {
    urls.sort_by_cached_key(|_| random());
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(members: usize) -> Link {
        Link::new(EtcdOptions::new((1..=members).map(|port| format!("http://127.0.0.1:{port}"))))
    }

    /// Fails once; says how long to wait.
    async fn fail(link: &Link) -> Duration {
        let number = link.lock().number;
        let connection = link.open(number).await.unwrap();
        link.failed(&connection, "why")
    }

    #[tokio::test]
    async fn each_member_is_tried_before_anybody_waits() {
        let link = link(3);
        let mut tried = std::collections::BTreeSet::new();
        for _ in 0..2 {
            tried.insert(link.connection().await.unwrap().url);
            assert_eq!(fail(&link).await, Duration::ZERO);
        }
        tried.insert(link.connection().await.unwrap().url);
        assert_eq!(tried.len(), 3);
        assert!(link.lock().away.is_none());
        assert!(fail(&link).await > Duration::ZERO);
        assert!(link.lock().away.is_some());
    }

    #[tokio::test]
    async fn who_speaks_to_a_member_that_left_goes_on_with_another() {
        let link = link(1);
        let first = link.connection().await.unwrap();
        link.set_urls(vec!["http://127.0.0.1:1".into(), "http://127.0.0.1:2".into()]).unwrap();
        assert_eq!(link.connection().await.unwrap().number, first.number, "it is still one of them");
        link.set_urls(vec!["http://127.0.0.1:2".into()]).unwrap();
        link.moved_on(first.number).await;
        assert_eq!(&*link.connection().await.unwrap().url, "http://127.0.0.1:2");
        assert!(link.set_urls(vec![]).is_err());
        assert_eq!(link.urls(), ["http://127.0.0.1:2"]);
    }

    #[tokio::test]
    async fn the_wait_grows_to_its_bound_and_a_success_ends_it() {
        let link = link(1);
        let (least, most) = link.options.times.backoff;
        assert!(fail(&link).await <= least);
        for _ in 0..100 {
            assert!(fail(&link).await <= most);
        }
        assert!(fail(&link).await >= most / 2);
        link.works(&link.connection().await.unwrap());
        assert!(link.lock().away.is_none());
        assert!(fail(&link).await <= least);
    }

    #[tokio::test]
    async fn a_late_failure_is_not_held_against_the_next_connection() {
        let link = link(1);
        let first = link.connection().await.unwrap();
        link.failed(&first, "why");
        let second = link.connection().await.unwrap();
        assert_eq!(link.failed(&first, "late"), Duration::ZERO);
        assert_eq!(link.connection().await.unwrap().number, second.number);
    }

    #[tokio::test]
    async fn while_it_is_away_for_long_one_tries_and_the_others_fail_at_once() {
        let mut options = EtcdOptions::new(["http://127.0.0.1:1"]);
        options.times.request = Duration::ZERO;
        options.times.backoff = (Duration::from_secs(60), Duration::from_secs(60));
        let link = Link::new(options);
        fail(&link).await;
        let due = || link.lock().away.as_ref().is_some_and(|away| away.retry_at <= Instant::now());
        assert!(link.connection().await.is_err() && !due());
        if let Some(away) = &mut link.lock().away {
            away.retry_at = Instant::now();
        }
        assert!(due());
        assert!(link.connection().await.is_err(), "nobody answers");
        assert!(!due(), "it is not our turn any more");
    }
}
