//! A watch that outlives its connections.
//!
//! One task for each: it knows the last revision that it has told of, and takes the watch up again after it when the
//! connection, the member or etcd as a whole was away. Nothing is told twice and nothing is left out; when that cannot be kept,
//! the watcher is told that it is lost.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Event, EventType, GetOptions, WatchOptions, WatchResponse, WatchStream};
use homeostat_engine::store::{Changed, StoreError, WatchItem, Watching, keys};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

use super::error::Failed;
use super::form::{Namespace, number, signed};
use super::link::{Again, Connection, Link};

/// Revisions that a watcher may fall behind; the same as in the embedded store.
const QUEUE: usize = 256;

/// A watch that ends sooner after its beginning did not really begin.
const SHORT_LIFE: Duration = Duration::from_secs(5);

/// A watch of etcd's, on one connection.
pub(super) struct Opened {
    stream: WatchStream,
    connection: Connection,
    /// Where the store was when it began.
    store: Position,
}

/// Where a store is.
struct Position {
    past: Past,
    revision: u64,
}

/// What tells one past from another, also where the later one is further already.
#[derive(Clone, Default, PartialEq, Eq)]
struct Past {
    cluster: u64,
    /// Under [`keys::CLUSTER_RECOVERED`].
    mark: Option<Vec<u8>>,
}

/// What goes on watching.
pub(super) struct Follower {
    link: Arc<Link>,
    namespace: Namespace,
    prefix: String,
    watcher: mpsc::Sender<WatchItem>,
    /// The last revision that the watcher knows all about.
    seen: u64,
    past: Past,
}

/// Why a watch of etcd's ended.
enum End {
    /// The past is not kept, or the watcher is too slow.
    Lost,
    /// Nobody listens any more.
    Unwanted,
    /// The connection is well, but this watch does not go on as it is.
    Cancelled(String),
    /// It may go on elsewhere.
    Broken(String),
    /// The connection was given up by somebody else.
    Moved,
}

/// Watches; the first time it has to work at once. There is nothing to follow when the watcher is lost from the start.
pub(super) async fn start(
    link: Arc<Link>,
    namespace: Namespace,
    prefix: &str,
    after: u64,
) -> Result<(Option<(Follower, Opened)>, Watching), Failed> {
    // One place more, so that a watcher that is too slow can be told so.
    let (watcher, watching) = mpsc::channel(QUEUE + 1);
    let past = Past::default();
    let mut follower = Follower { link, namespace, prefix: prefix.into(), watcher, seen: after, past };
    let opened = match follower.open().await {
        Err(Failed::OtherTime | Failed::TooMuch) => {
            follower.lose();
            return Ok((None, watching));
        }
        other => other?,
    };
    follower.past = opened.store.past.clone();
    Ok((Some((follower, opened)), watching))
}

impl Follower {
    /// Until nobody listens any more or the watcher is lost.
    pub(super) async fn follow(mut self, mut opened: Opened) {
        let mut short_lives = 0;
        loop {
            let since = Instant::now();
            let end = self.read(&mut opened).await;
            short_lives = if since.elapsed() < SHORT_LIFE { short_lives + 1 } else { 0 };
            match end {
                End::Unwanted => return,
                End::Lost => return self.lose(),
                End::Moved => {}
                End::Cancelled(why) => tracing::debug!("etcd cancelled a watch: {why}"),
                End::Broken(why) => {
                    tracing::debug!("a watch of the store broke: {why}");
                    self.link.failed(&opened.connection, &why);
                }
            }
            // One that can always be opened and never lives must not go round and round.
            if short_lives > 1 {
                self.link.pause(short_lives).await;
            }
            opened = match self.open_again().await {
                Ok(opened) => opened,
                Err(End::Lost) => return self.lose(),
                Err(End::Unwanted | End::Moved | End::Cancelled(_) | End::Broken(_)) => return,
            };
        }
    }

    async fn open(&self) -> Result<Opened, Failed> {
        let key = self.namespace.key(&self.prefix);
        let options = WatchOptions::new()
            .with_prefix()
            .with_progress_notify()
            .with_start_revision(signed(self.seen.saturating_add(1)));
        let asked = self.link.ask(Again::Harmless, |mut connection| {
            let (key, options) = (key.clone(), options.clone());
            async move {
                let mut stream = connection.watch.watch(key, Some(options)).await?;
                let first = stream.message().await?;
                Ok((stream, first, connection))
            }
        });
        let (stream, first, mut connection) = asked.await?;
        let ended = || Failed::Gone { why: "the watch ended at once".into(), doubtful: false };
        let first = first.ok_or_else(ended)?;
        if first.canceled() {
            let refused = || format!("it refuses the watch: {}", first.cancel_reason());
            let compacted = first.compact_revision() != 0;
            return Err(if compacted {
                Failed::OtherTime
            } else {
                Failed::Answered(StoreError::Unavailable(refused()))
            });
        }
        let (cluster, revision) =
            first.header().map_or((0, 0), |header| (header.cluster_id(), number(header.revision())));
        let past = Past { cluster, mark: self.mark().await? };
        let mut store = Position { past, revision };
        if store.revision < self.seen {
            store.revision = self.revision_of_all(&mut connection).await?;
        }
        Ok(Opened { stream, connection, store })
    }

    /// What tells that the store went on from an old copy; asked once over each connection.
    async fn mark(&self) -> Result<Option<Vec<u8>>, Failed> {
        let key = self.namespace.key(keys::CLUSTER_RECOVERED);
        let asked = self.link.ask(Again::Harmless, |connection| {
            let key = key.clone();
            async move {
                let Connection { mark, mut kv, .. } = connection;
                let read = mark.get_or_try_init(|| async {
                    let found = kv.get(key, None).await?.take_kvs().pop();
                    Ok(found.map(|entry| entry.value().to_vec()))
                });
                read.await.cloned()
            }
        });
        match asked.await {
            // Where it may not be read, nobody writes it.
            Err(Failed::Answered(_)) => Ok(None),
            other => other,
        }
    }

    /// Where all members are together: one that was away may be behind, and will tell what it does not know yet.
    async fn revision_of_all(&self, connection: &mut Connection) -> Result<u64, Failed> {
        let key = self.namespace.key(&self.prefix);
        let options = GetOptions::new().with_count_only();
        let asked = timeout(self.link.options().times.request, connection.kv.get(key, Some(options)));
        match asked.await {
            Ok(Ok(found)) => Ok(found.header().map_or(0, |header| number(header.revision()))),
            Ok(Err(error)) => Err(Failed::of(&error)),
            Err(_) => Err(Failed::Gone { why: "it does not catch up".into(), doubtful: false }),
        }
    }

    async fn open_again(&self) -> Result<Opened, End> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            if self.watcher.is_closed() {
                return Err(End::Unwanted);
            }
            match self.open().await {
                Ok(opened) => return Ok(opened),
                Err(Failed::OtherTime | Failed::TooMuch) => return Err(End::Lost),
                Err(Failed::Gone { why, .. }) => tracing::debug!("the watch cannot go on yet: {why}"),
                // Such as a permission that was taken away: whoever watches learns of it by reading again.
                Err(Failed::Answered(error)) => {
                    tracing::debug!("a watch of the store cannot go on: {error}");
                    return Err(End::Lost);
                }
                Err(Failed::Overtaken) => {}
            }
            tokio::select! {
                () = self.watcher.closed() => return Err(End::Unwanted),
                () = self.link.pause(attempts) => {}
            }
        }
    }

    async fn read(&mut self, opened: &mut Opened) -> End {
        // A store that is behind what it told before is another one, or was put back to an earlier time; and so is one with
        // another past, however far it is by now.
        if opened.store.past != self.past || opened.store.revision < self.seen {
            return End::Lost;
        }
        let silence_max = self.link.options().times.watch_silence;
        let answer_max = self.link.options().times.request;
        let mut asked = false;
        loop {
            let patience = if asked { answer_max } else { silence_max };
            let message = tokio::select! {
                () = self.watcher.closed() => return End::Unwanted,
                () = self.link.moved_on(opened.connection.number) => return End::Moved,
                message = timeout(patience, opened.stream.message()) => message,
            };
            match message {
                Ok(Ok(Some(response))) => {
                    asked = false;
                    // Much may come at once. Who is only not let run is not too slow.
                    if self.watcher.capacity() < QUEUE / 2 {
                        yield_now().await;
                    }
                    if let Err(end) = self.take(&response) {
                        return end;
                    }
                }
                Ok(Ok(None)) => return End::Broken("etcd ended it".into()),
                Ok(Err(error)) => match Failed::of(&error) {
                    Failed::OtherTime | Failed::TooMuch => return End::Lost,
                    Failed::Gone { why, .. } => return End::Broken(why),
                    Failed::Overtaken => return End::Cancelled("roles were changed".into()),
                    Failed::Answered(error) => return End::Cancelled(error.to_string()),
                },
                Err(_) if asked => return End::Broken(format!("no answer in {answer_max:.1?}")),
                // Whoever answers for the connection may not be who watches.
                Err(_) => match opened.stream.request_progress().await {
                    Ok(()) => asked = true,
                    Err(error) => return End::Broken(error.to_string()),
                },
            }
        }
    }

    /// Passes on what came.
    fn take(&mut self, response: &WatchResponse) -> Result<(), End> {
        if response.canceled() {
            let compacted = response.compact_revision() != 0;
            return Err(if compacted { End::Lost } else { End::Cancelled(response.cancel_reason().into()) });
        }
        // One that answers a question of ours belongs to no watch, and may come before changes that it covers: etcd before
        // 3.4.25 has that fault. What etcd says by itself comes in its order.
        let is_progress = response.events().is_empty() && !response.created() && response.watch_id() >= 0;
        if is_progress && let Some(header) = response.header() {
            self.seen = self.seen.max(number(header.revision()));
        }
        let revisions = self.revisions(response.events());
        if let Some(last) = revisions.last().and_then(|changes| changes.last()) {
            self.seen = last.revision;
            return self.pass_on(revisions);
        }
        Ok(())
    }

    /// The changes of each revision; etcd never splits one unless it is asked to.
    fn revisions(&self, events: &[Event]) -> Vec<Vec<Changed>> {
        let mut revisions: Vec<Vec<Changed>> = Vec::new();
        for changed in events.iter().filter_map(|event| self.changed(event)) {
            match revisions.last_mut() {
                Some(last) if last[0].revision == changed.revision => last.push(changed),
                _ => revisions.push(vec![changed]),
            }
        }
        revisions
    }

    fn changed(&self, event: &Event) -> Option<Changed> {
        let found = event.kv()?;
        let value = match event.event_type() {
            EventType::Put => Some(found.value().into()),
            EventType::Delete => None,
        };
        let key = self.namespace.ours(found.key())?.into();
        let changed = Changed { key, value, revision: number(found.mod_revision()) };
        (changed.revision > self.seen).then_some(changed)
    }

    fn pass_on(&self, revisions: Vec<Vec<Changed>>) -> Result<(), End> {
        let room = self.watcher.capacity().saturating_sub(1);
        // What was missed while away can be more than the queue: that alone makes no watcher slow.
        let items = if room > 0 && revisions.len() > room {
            vec![revisions.into_iter().flatten().collect()]
        } else {
            revisions
        };
        for changes in items {
            if self.watcher.capacity() <= 1 {
                return Err(End::Lost);
            }
            self.watcher.try_send(WatchItem::Changes(changes)).map_err(|_| End::Unwanted)?;
        }
        Ok(())
    }

    fn lose(&self) {
        // The last place is kept for this, so it fails only when nobody listens any more.
        drop(self.watcher.try_send(WatchItem::Lost));
    }
}
