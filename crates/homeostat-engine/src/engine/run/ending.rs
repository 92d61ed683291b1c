//! The end: what was done is recorded, and who asks is still answered.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{GraphTask, Message, sleep_until};
use crate::engine::plan;
use crate::engine::view::GraphView;

/// How long a cancelling stop waits for a journal that hangs.
const JOURNAL_GRACE: Duration = Duration::from_secs(5);

impl GraphTask {
    /// Everything has ended: waits for the records of what was done, then answers those who asked to stop.
    pub(super) async fn finish_records(&mut self, inbox: &mut mpsc::Receiver<Message>) {
        self.records = None;
        let give_up_at = self.cancelled.then(|| Instant::now() + JOURNAL_GRACE);
        loop {
            tokio::select! {
                () = sleep_until(give_up_at) => {
                    self.journal_task.abort_all();
                    self.note("what was done last could not be recorded in time".to_owned());
                    break;
                }
                ended = self.journal_task.join_next() => {
                    if ended.is_none() {
                        break;
                    }
                }
                Some(message) = inbox.recv() => match message {
                    Message::Stop(_, reply) => self.stopping.push(reply),
                    other => self.answer(other),
                }
            }
        }
        self.answer_stops();
    }

    /// Nothing runs any more; how everything ended can be asked for as long as somebody holds a handle.
    pub(super) async fn answer_late(self, mut inbox: mpsc::Receiver<Message>) {
        while let Some(message) = inbox.recv().await {
            self.answer(message);
        }
    }

    /// Answers what can be answered when nothing runs any more.
    fn answer(&self, message: Message) {
        match message {
            Message::Status(reply) => drop(reply.send(self.status())),
            Message::Graph(reply) => drop(reply.send(GraphView::from_graph(&self.scheduler.graph))),
            Message::PlanFacts(reply) => drop(reply.send(plan::facts(&self.scheduler, self.status()))),
            Message::Running(_, reply) => drop(reply.send(Vec::new())),
            Message::Stop(_, reply) => drop(reply.send(())),
            Message::LoadFull(..)
            | Message::LoadDelta(..)
            | Message::Ran { .. }
            | Message::Recorded(..)
            | Message::Note(_) => {}
        }
    }

    fn answer_stops(&mut self) {
        self.stopping.drain(..).for_each(|reply| {
            reply.send(()).ok();
        });
    }
}
