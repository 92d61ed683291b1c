//! The journal's task: makes records durable in their order, many at once when they come quickly.
//!
//! A vertex that waits for its records is told when they fail, and tries again itself. Records that nobody waits for stay here until
//! they are durable, before all that comes later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::run::Message;
use crate::journal::{Journal, Record};
use crate::resource::Failure;
use crate::scheduler::Ticket;

/// Records that wait for the disk. A vertex waits for its own before it goes on, so the bound is the size of the graph.
pub(super) type Queue = mpsc::UnboundedSender<Entry>;

type Entry = (Option<Ticket>, Vec<Record>);

/// Transactions are cut at about so many records.
const TOGETHER_MAX: usize = 4096;
const AGAIN_AFTER_MIN: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(300);
/// Records that stay to be tried again. What is lost beyond costs a refresh, or an undoing, that was done before.
const LEFT_MAX: usize = 100_000;

/// Records that nobody waits for and that could not be made durable.
#[derive(Default)]
struct Left {
    records: Vec<Record>,
    /// Failures in a row.
    failures: u32,
}

impl Left {
    /// What comes next; nothing new when it is time to try again.
    async fn next(&self, queue: &mut mpsc::UnboundedReceiver<Entry>) -> Option<Entry> {
        if self.records.is_empty() {
            return queue.recv().await;
        }
        let after = (AGAIN_AFTER_MIN * 2u32.pow(self.failures.min(16))).min(AGAIN_AFTER_MAX);
        tokio::time::timeout(after, queue.recv()).await.unwrap_or(Some((None, Vec::new())))
    }
}

pub(super) async fn run(
    journal: Arc<dyn Journal>,
    mut queue: mpsc::UnboundedReceiver<Entry>,
    out: mpsc::WeakSender<Message>,
) {
    let mut left = Left::default();
    while let Some(first) = left.next(&mut queue).await {
        let mut records = left.records.clone();
        let mut tickets = Vec::new();
        let mut entry = Some(first);
        while let Some((ticket, more)) = entry {
            match ticket {
                Some(ticket) => tickets.push(ticket),
                None => left.records.extend(more.iter().cloned()),
            }
            records.extend(more);
            entry = if records.len() < TOGETHER_MAX { queue.try_recv().ok() } else { None };
        }
        let result = journal.record(records).await.map_err(|error| Failure::from_error(&error));
        match &result {
            Ok(()) => left = Left::default(),
            Err(failure) => {
                tracing::warn!("what must survive a crash cannot be recorded: {failure}");
                left.failures += 1;
                left.records.truncate(LEFT_MAX);
            }
        }
        if tickets.is_empty() {
            continue;
        }
        let Some(out) = out.upgrade() else { return };
        if out.send(Message::Recorded(tickets, result)).await.is_err() {
            return;
        }
    }
    if !left.records.is_empty()
        && let Err(error) = journal.record(left.records).await
    {
        tracing::warn!("what was done last cannot be recorded: {error}");
    }
}
