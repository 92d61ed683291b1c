//! `Watch::Custom`: streams that kinds make themselves, each a task of its own that ends when it is disarmed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_engine::source::CustomWatch;
use homeostat_engine::{Host, Source, VertexKey, Wakes, Watch};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

/// Runs custom watches.
#[derive(Debug, Default)]
pub struct Customs {
    changes: Mutex<Vec<Change>>,
    changed: Notify,
}

#[derive(Debug)]
enum Change {
    Arm(CustomWatch, VertexKey),
    Disarm(VertexKey),
}

impl Customs {
    fn change(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        self.changed.notify_one();
    }

    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source for Customs {
    fn start(self: Arc<Self>, host: &Host, wakes: Wakes, tasks: &mut JoinSet<()>) -> io::Result<()> {
        let mut streams =
            Streams { host: host.clone(), wakes, running: JoinSet::new(), handles: BTreeMap::new() };
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = self.changed.notified() => self.take().into_iter().for_each(|change| streams.change(change)),
                    Some(ended) = streams.running.join_next() => {
                        if ended.is_err_and(|error| error.is_panic()) {
                            streams.wakes.note("a watch of a resource ended by a panic; its changes are no longer seen");
                        }
                    }
                }
            }
        });
        Ok(())
    }

    fn serves(&self, watch: &Watch) -> bool {
        matches!(watch, Watch::Custom(_))
    }

    fn arm(&self, watch: &Watch, vertex: VertexKey) {
        if let Watch::Custom(custom) = watch {
            self.change(Change::Arm(custom.clone(), vertex));
        }
    }

    fn disarm(&self, vertex: VertexKey) {
        self.change(Change::Disarm(vertex));
    }
}

/// What runs. Dropping it ends all of them.
struct Streams {
    host: Host,
    wakes: Wakes,
    running: JoinSet<()>,
    handles: BTreeMap<VertexKey, Vec<(Arc<str>, AbortHandle)>>,
}

impl Streams {
    fn change(&mut self, change: Change) {
        match change {
            Change::Arm(watch, vertex) => {
                let handles = self.handles.entry(vertex).or_default();
                if handles.iter().any(|(key, _)| *key == watch.key) {
                    return;
                }
                let stream = (watch.run)(self.host.clone(), self.wakes.waker(vertex));
                handles.push((watch.key, self.running.spawn(stream)));
            }
            Change::Disarm(vertex) => {
                for (_, handle) in self.handles.remove(&vertex).unwrap_or_default() {
                    handle.abort();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::testing::{Bench, vertex};
    use super::*;

    /// Wakes once, then waits to be ended; counts how many of it run.
    fn counted(key: &str, running: &Arc<AtomicUsize>) -> Watch {
        struct Running(Arc<AtomicUsize>);
        impl Drop for Running {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let running = running.clone();
        Watch::Custom(CustomWatch {
            key: key.into(),
            run: Arc::new(move |_host, waker| {
                running.fetch_add(1, Ordering::SeqCst);
                let alive = Running(running.clone());
                Box::pin(async move {
                    let _alive = alive;
                    waker.wake();
                    std::future::pending::<()>().await;
                })
            }),
        })
    }

    async fn until(counter: &AtomicUsize, wanted: usize) {
        while counter.load(Ordering::SeqCst) != wanted {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_stream_wakes_its_vertex_and_ends_when_disarmed() {
        let bench = Bench::start(Customs::default());
        let running = Arc::new(AtomicUsize::new(0));
        bench.source.arm(&counted("a", &running), vertex(1));
        bench.source.arm(&counted("a", &running), vertex(1));
        bench.source.arm(&counted("b", &running), vertex(2));
        let mut woken = bench.woken().await;
        while woken.len() < 2 {
            woken.extend(bench.woken().await);
        }
        assert_eq!(running.load(Ordering::SeqCst), 2);
        bench.source.disarm(vertex(1));
        until(&running, 1).await;
        let Bench { tasks, .. } = bench;
        drop(tasks);
        until(&running, 0).await;
    }

    #[tokio::test]
    async fn a_panic_of_a_stream_is_told_and_harms_no_other() {
        let bench = Bench::start(Customs::default());
        let run = |_host, _waker| -> homeostat_engine::source::CustomRun {
            Box::pin(async { panic!("on purpose") })
        };
        let bad = Watch::Custom(CustomWatch { key: "bad".into(), run: Arc::new(run) });
        bench.source.arm(&bad, vertex(1));
        bench.wakes.ready().await;
        assert_eq!(bench.wakes.take().notes.len(), 1);
        let running = Arc::new(AtomicUsize::new(0));
        bench.source.arm(&counted("a", &running), vertex(2));
        assert_eq!(bench.woken().await, [vertex(2)].into());
    }
}
