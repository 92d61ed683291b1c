//! Whether anybody of a process group still runs.

use std::time::Duration;

use rustix::process::{Pid, test_kill_process_group};

/// Between two looks at a group that is being ended: at first, and at most.
const LOOK_MIN: Duration = Duration::from_millis(10);
const LOOK_MAX: Duration = Duration::from_millis(100);

/// Waits until nobody of it runs.
pub(super) async fn gone(group: Pid) {
    let mut pause = LOOK_MIN;
    while test_kill_process_group(group).is_ok() && runs(group) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_MAX);
    }
}

/// Orphans that ended stay in their group until whoever is the first process reaps them, which in a container may be never.
#[cfg(target_os = "linux")]
fn runs(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return true;
    };
    let group = group.as_raw_nonzero().to_string();
    processes
        .flatten()
        .filter(|process| process.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok())
        .any(|stat| is_running_in(&stat, &group))
}

#[cfg(not(target_os = "linux"))]
fn runs(_group: Pid) -> bool {
    true
}

/// The name comes first, in parentheses, and may hold anything; then the state, the parent and the group.
#[cfg(target_os = "linux")]
fn is_running_in(stat: &str, group: &str) -> bool {
    let Some((_, rest)) = stat.rsplit_once(") ") else {
        return false;
    };
    let mut words = rest.split(' ');
    let state = words.next();
    let is_over = matches!(state, Some("Z" | "X"));
    !is_over && words.nth(1) == Some(group)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn who_ended_and_was_not_reaped_does_not_run() {
        assert!(is_running_in("12 (a) Z 7 b) S 1 77 12 0", "77"));
        assert!(!is_running_in("12 (sleep) Z 1 77 12 0", "77"));
        assert!(!is_running_in("12 (sleep) S 77 12 12 0", "77"));
    }
}
