//! The end: what was done is recorded, and who asks is still answered.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{GraphTask, Message, sleep_until};
use crate::engine::view::GraphView;
use crate::engine::{known, plan};

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
        self.keep_known();
        self.answer_stops();
    }

    /// Whoever was cancelled may have left something half done: the next run looks closely.
    fn keep_known(&self) {
        let Some(path) = self.known_at.as_deref().filter(|_| !self.cancelled) else { return };
        let states = self.scheduler.graph.iter().map(|(_, vertex)| &vertex.data);
        let known = states.filter_map(|state| Some((state.digest, state.resource.known()?)));
        if let Err(error) = known::keep(path, &known.collect::<Vec<_>>()) {
            tracing::debug!("what was found out cannot be kept for the next run: {error}");
        }
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
