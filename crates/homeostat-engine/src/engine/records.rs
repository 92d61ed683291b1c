//! The journal's task: makes records durable in their order, many at once when they come quickly.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::run::Message;
use crate::journal::{Journal, Record};
use crate::resource::Failure;
use crate::scheduler::Ticket;

/// Records that wait for the disk. A vertex waits for its own before it goes on, so the bound is the size of the graph.
pub(super) type Queue = mpsc::UnboundedSender<(Option<Ticket>, Vec<Record>)>;

/// Transactions are cut at about so many records.
const TOGETHER_MAX: usize = 4096;

pub(super) async fn run(
    journal: Arc<dyn Journal>,
    mut queue: mpsc::UnboundedReceiver<(Option<Ticket>, Vec<Record>)>,
    out: mpsc::WeakSender<Message>,
) {
    while let Some((ticket, mut records)) = queue.recv().await {
        let mut tickets: Vec<Ticket> = ticket.into_iter().collect();
        while records.len() < TOGETHER_MAX {
            let Ok((ticket, more)) = queue.try_recv() else { break };
            tickets.extend(ticket);
            records.extend(more);
        }
        let result = journal.record(records).await.map_err(|error| Failure::from_error(&error));
        if let Err(failure) = &result {
            tracing::warn!("what must survive a crash cannot be recorded: {failure}");
        }
        let Some(out) = out.upgrade() else { return };
        if out.send(Message::Recorded(tickets, result)).await.is_err() {
            return;
        }
    }
}
