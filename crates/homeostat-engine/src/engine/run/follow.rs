//! What the scheduler asks for is run, and how it ended is reported to it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::GraphTask;
use crate::engine::jobs::{self, Ended, Work};
use crate::scheduler::Command;

/// Jobs that one task polls one after the other.
const CHUNK_MAX: usize = 32;
/// Jobs in a row that the graph's task runs itself while there is only ever one, before it looks at what else came.
const ALONE_MAX: usize = 16;

impl GraphTask {
    /// Does what the scheduler asks for and tells what happened.
    pub(super) async fn follow(&mut self) {
        for _ in 0..ALONE_MAX {
            let mut work = self.obey();
            if work.len() != 1 || self.scheduler.in_flight() != 1 {
                self.spawn(work);
                break;
            }
            // Nothing else could run meanwhile: handing it to another thread would cost more than most jobs take.
            let Some(work) = work.pop() else { break };
            let mut job = work.begin(&self.tools);
            match poll_fn(|cx| Poll::Ready(job.as_mut().poll(cx))).await {
                Poll::Ready(end) => {
                    self.set_time();
                    self.ended(end);
                }
                Poll::Pending => {
                    self.jobs.spawn(jobs::run_alone(job, self.messages.clone()));
                }
            }
        }
        let work = self.obey();
        self.spawn(work);
        let events = self.scheduler.take_events();
        if !events.is_empty() {
            self.activity += events.len() as u64;
            self.keep_changes(&events);
            self.sink.emit(&events);
        }
        if let Some(shown) = self.scheduler.take_shown() {
            self.stands.send_replace(Arc::new(shown));
        }
        self.tell_progress();
    }

    /// Takes the scheduler's commands; the jobs among them are still to be run.
    fn obey(&mut self) -> Vec<Work> {
        let mut work = Vec::new();
        for command in self.scheduler.take_commands() {
            match command {
                Command::Check(job) => work.push(Work::Check(job)),
                Command::Apply(job) => work.push(Work::Apply(job)),
                Command::Batch(job) => work.push(Work::Batch(job)),
                Command::Record(ticket, records) => {
                    self.loader.follow(&records);
                    if let Some(queue) = &self.records {
                        // The journal's task ends only after this one.
                        queue.send((ticket, records)).ok();
                    }
                }
                Command::Disarm(key) => self.tools.disarm(key),
            }
        }
        work
    }

    /// Runs jobs in chunks: the larger, the more is under way, as long as every worker has enough of them.
    fn spawn(&mut self, work: Vec<Work>) {
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        let size = (self.scheduler.in_flight() / (workers * 2)).clamp(1, CHUNK_MAX);
        let mut work = work.into_iter();
        while work.len() > 0 {
            let chunk = work.by_ref().take(size).collect();
            self.jobs.spawn(jobs::run_chunk(chunk, self.tools.clone(), self.messages.clone()));
        }
    }

    pub(super) fn ended(&mut self, end: Ended) {
        match end {
            Ended::Check(ticket, result, took, armed) => {
                if !armed {
                    self.scheduler.not_armed(ticket.key);
                }
                self.scheduler.check_ended(ticket, result, took);
            }
            Ended::Apply(ticket, result, took) => self.scheduler.apply_ended(ticket, result, took),
            Ended::Batch(id, result, took) => self.scheduler.batch_ended(id, result, took),
        }
    }
}
