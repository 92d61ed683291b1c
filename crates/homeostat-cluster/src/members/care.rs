//! What each member does for its own server: space.
//!
//! etcd refuses writes when its file reaches the quota, and goes on refusing after there is room again until somebody says
//! so. That must not depend on an election, which is a write: every member looks after itself, and speaks for those that
//! cannot any more.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::seat::Condition;
use crate::etcd::{Administration, Health, Refusal, ServerMember};
use crate::pace::about;

/// Below this it is not worth the time in which the member answers nobody.
const FILE_BYTES_MIN: u64 = 32 << 20;

/// To answer whether it is there.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// Whether more than half of the file of a member is unused.
pub(super) fn is_loose(health: &Health) -> bool {
    health.file_bytes >= FILE_BYTES_MIN && health.used_bytes < health.file_bytes / 2
}

/// Looks after our own server while it runs; never returns.
pub(super) async fn care(
    own: &Administration,
    quota_bytes: u64,
    interval: Duration,
    mut condition: watch::Receiver<Condition>,
    is_full: &watch::Sender<bool>,
) {
    loop {
        if condition.wait_for(|condition| *condition == Condition::Running).await.is_err() {
            return;
        }
        match look(own, quota_bytes).await {
            Ok(full) => drop(is_full.send_if_modified(|before| std::mem::replace(before, full) != full)),
            Err(refusal) => tracing::debug!("the etcd of this host cannot be looked after: {refusal}"),
        }
        sleep(about(interval)).await;
    }
}

/// Makes room if there is an alarm. Says whether it is still full.
async fn look(own: &Administration, quota_bytes: u64) -> Result<bool, Refusal> {
    let health = own.health().await?;
    if !health.complaints.iter().any(|complaint| complaint.contains("NOSPACE")) {
        return Ok(false);
    }
    tracing::warn!("the store is at its quota: it is compacted and defragmented");
    own.compact().await?;
    own.defragment().await?;
    let health = own.health().await?;
    if health.used_bytes > quota_bytes / 10 * 9 {
        tracing::warn!("the store is full of what is in use: remove something, or raise its quota");
        return Ok(true);
    }
    let members = own.members().await?;
    for id in own.alarmed().await? {
        let member = members.iter().find(|member| member.id == id);
        // Who can ends its own alarm when it has made room; who has none when it is back says so again.
        if id == health.id || !looks_after_itself(own, member).await {
            own.disarm(id).await?;
        }
    }
    Ok(false)
}

/// Whether it is there, and etcd lets it: a learner may neither defragment nor end an alarm.
async fn looks_after_itself(own: &Administration, member: Option<&ServerMember>) -> bool {
    let url = member.filter(|member| !member.is_learner).and_then(|member| member.client_urls.first());
    let Some(single) = url.and_then(|url| own.of(url).ok()) else { return false };
    matches!(timeout(PROBE_PATIENCE, single.health()).await, Ok(Ok(_)))
}
