//! `Watch::Every`: one wheel for all timers, and no timer of our own while it is empty.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_engine::{Host, Source, VertexKey, Wakes, Watch};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

/// Wakes vertices at intervals, counted from when they were armed.
#[derive(Debug, Default)]
pub struct Timers {
    changes: Mutex<Vec<Change>>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Arm(Timer),
    Disarm(VertexKey),
}

#[derive(Debug, Clone, Copy)]
struct Timer {
    vertex: VertexKey,
    period: Duration,
    due: Instant,
}

impl Timers {
    fn change(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        self.changed.notify_one();
    }

    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source for Timers {
    fn start(self: Arc<Self>, _host: &Host, wakes: Wakes, tasks: &mut JoinSet<()>) -> io::Result<()> {
        tasks.spawn(async move {
            let mut wheel = Wheel::default();
            loop {
                tokio::select! {
                    () = self.changed.notified() => self.take().into_iter().for_each(|change| wheel.change(change)),
                    vertex = wheel.next() => wakes.wake(vertex),
                }
            }
        });
        Ok(())
    }

    fn serves(&self, watch: &Watch) -> bool {
        matches!(watch, Watch::Every(_))
    }

    fn arm(&self, watch: &Watch, vertex: VertexKey) {
        if let Watch::Every(period) = *watch
            && !period.is_zero()
        {
            let due = Instant::now() + period;
            self.change(Change::Arm(Timer { vertex, period, due }));
        }
    }

    fn disarm(&self, vertex: VertexKey) {
        self.change(Change::Disarm(vertex));
    }
}

#[derive(Default)]
struct Wheel {
    queue: DelayQueue<Timer>,
    keys: BTreeMap<VertexKey, Vec<Key>>,
}

impl Wheel {
    fn change(&mut self, change: Change) {
        match change {
            Change::Arm(timer) => self.insert(timer),
            Change::Disarm(vertex) => {
                for key in self.keys.remove(&vertex).unwrap_or_default() {
                    self.queue.remove(&key);
                }
            }
        }
    }

    fn insert(&mut self, timer: Timer) {
        let key = self.queue.insert_at(timer, timer.due);
        self.keys.entry(timer.vertex).or_default().push(key);
    }

    /// The next vertex whose time has come. Ticks that were missed, as while the host slept, are one tick.
    async fn next(&mut self) -> VertexKey {
        if self.queue.is_empty() {
            return std::future::pending().await;
        }
        let expired = poll_fn(|cx| self.queue.poll_expired(cx)).await;
        let expired = expired.expect("a queue that is not empty has a next one");
        let key = expired.key();
        let mut timer = expired.into_inner();
        if let Some(keys) = self.keys.get_mut(&timer.vertex) {
            keys.retain(|other| *other != key);
        }
        let now = Instant::now();
        while timer.due <= now {
            let missed = (now - timer.due).as_nanos() / timer.period.as_nanos() + 1;
            timer.due += timer.period * u32::try_from(missed).unwrap_or(u32::MAX);
        }
        self.insert(timer);
        timer.vertex
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, vertex};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_wakes_at_its_interval_until_it_is_disarmed() {
        let bench = Bench::start(Timers::default());
        let started = Instant::now();
        bench.source.arm(&Watch::Every(3 * SECOND), vertex(1));
        for tick in 1..=3 {
            assert_eq!(bench.woken().await, [vertex(1)].into());
            let off = started.elapsed().abs_diff(tick * 3 * SECOND);
            assert!(off < SECOND / 100, "{off:?}");
        }
        bench.source.disarm(vertex(1));
        assert_eq!(bench.woken_within(60 * SECOND).await, [].into());
    }

    #[tokio::test(start_paused = true)]
    async fn many_intervals_share_the_wheel() {
        let bench = Bench::start(Timers::default());
        bench.source.arm(&Watch::Every(2 * SECOND), vertex(1));
        bench.source.arm(&Watch::Every(5 * SECOND), vertex(2));
        let started = Instant::now();
        let mut seen = Vec::new();
        while started.elapsed() < 9 * SECOND {
            let woken = bench.woken().await;
            seen.push((started.elapsed().as_secs_f32().round() as u32, woken.first().unwrap().index));
        }
        assert_eq!(seen, [(2, 1), (4, 1), (5, 2), (6, 1), (8, 1), (10, 1)][..seen.len()]);
        assert!(seen.len() >= 5);
    }

    #[tokio::test(start_paused = true)]
    async fn missed_ticks_are_one_tick() {
        let bench = Bench::start(Timers::default());
        bench.source.arm(&Watch::Every(SECOND), vertex(1));
        // The task has to take the timer before time jumps.
        tokio::task::yield_now().await;
        tokio::time::advance(100 * SECOND).await;
        assert_eq!(bench.woken().await, [vertex(1)].into());
        assert_eq!(bench.woken_within(SECOND / 2).await, [].into());
        assert!(bench.host.name() == "h1" && bench.tasks.len() == 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_wheel_has_no_timer() {
        let mut wheel = Wheel::default();
        let due = Instant::now() + SECOND;
        let timer = Timer { vertex: vertex(1), period: SECOND, due };
        wheel.change(Change::Arm(timer));
        wheel.change(Change::Disarm(vertex(1)));
        let started = Instant::now();
        let never = tokio::time::timeout(1000 * SECOND, wheel.next()).await;
        assert!(never.is_err() && started.elapsed() >= 1000 * SECOND);
    }
}
