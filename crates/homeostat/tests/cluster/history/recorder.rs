//! Hosts that put and read, with the time at which each began and ended.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use homeostat_cluster::EtcdStore;
use homeostat_engine::Store;
use homeostat_engine::store::{Changed, WatchItem};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::super::rig::Rig;

/// The range that is played with.
const PREFIX: &str = "kv/one/history/";
const KEYS: u64 = 3;
/// Between two operations of a host, at most.
const REST: Duration = Duration::from_millis(20);
/// What marks the end of the history.
const END: &str = "kv/one/history/end";

/// One put or read.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) key: String,
    pub(super) asked: Instant,
    /// None where nobody knows whether it was done.
    pub(super) answered: Option<Instant>,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// This value, which nobody else ever puts, and the revision that it got.
    Put { value: String, revision: u64 },
    /// The value that was found, with its revision; zero for none.
    Read { value: String, revision: u64 },
}

pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

pub(super) struct Recorder {
    host: usize,
    runtime: Runtime,
    store: EtcdStore,
    done: Vec<Operation>,
}

impl Recorder {
    pub(super) fn new(host: usize, rig: &Rig) -> Self {
        Self { host, runtime: runtime(), store: rig.store(host), done: Vec::new() }
    }

    /// Puts and reads from its host until it is over.
    #[allow(clippy::disallowed_methods)]
    pub(super) fn start(mut self, rig: &Rig, over: Arc<AtomicBool>) -> JoinHandle<Vec<Operation>> {
        let enter = rig.networks.entrance(self.host);
        std::thread::spawn(move || {
            enter();
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                self.once(number);
                std::thread::sleep(REST * u32::try_from(random() % 1000).unwrap() / 1000);
            }
            self.done
        })
    }

    fn once(&mut self, number: usize) {
        let key = format!("{PREFIX}{}", random() % KEYS);
        let asked = Instant::now();
        let (what, is_answered) = if random().is_multiple_of(2) {
            let value = format!("{} of h{}", number, self.host);
            let done = self.runtime.block_on(self.store.put(&key, value.as_bytes(), None));
            (What::Put { value, revision: *done.as_ref().unwrap_or(&0) }, done.is_ok())
        } else {
            // One that failed says nothing.
            let Ok(found) = self.runtime.block_on(self.store.get(&key)) else { return };
            let value = found.as_ref().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap());
            let revision = found.map_or(0, |entry| entry.mod_revision);
            (What::Read { value: value.unwrap_or_default(), revision }, true)
        };
        let answered = is_answered.then(Instant::now);
        self.done.push(Operation { key, asked, answered, what });
    }
}

/// Everything that the store took, as a watch tells it that began before. It ends some time after all is put.
pub(super) fn watch(store: EtcdStore, all_is_put: Arc<AtomicBool>) -> JoinHandle<Vec<Changed>> {
    let runtime = runtime();
    let mut watching = runtime.block_on(async {
        let (_, revision) = store.range(PREFIX).await.unwrap();
        store.watch(PREFIX, revision).await.unwrap()
    });
    std::thread::spawn(move || {
        let mut all: Vec<Changed> = Vec::new();
        let mut is_ended = false;
        runtime.block_on(async {
            while all.last().is_none_or(|last| &*last.key != END) {
                match timeout(Duration::from_millis(100), watching.recv()).await {
                    Ok(Some(WatchItem::Changes(changes))) => all.extend(changes),
                    Ok(Some(WatchItem::Lost) | None) => panic!("the watch is lost"),
                    Err(_) => {}
                }
                if all_is_put.load(Ordering::Relaxed) && !is_ended {
                    is_ended = store.put(END, b"", None).await.is_ok();
                }
            }
        });
        all.retain(|changed| &*changed.key != END);
        all
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
