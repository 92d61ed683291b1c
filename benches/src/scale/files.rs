//! What every host must have in its file system, and since when it has.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::fleet::Fleet;

/// Between two looks.
const LOOKS: Duration = Duration::from_millis(5);

/// A file of a host, and what it must hold.
pub(crate) type Wanted = (PathBuf, String);

/// Waits until every host has all of its files. Says for each how long it took, none where it was not in time.
pub(crate) async fn appear(
    fleet: &Fleet,
    since: Instant,
    within: Duration,
    wanted: impl Fn(&str) -> Vec<Wanted>,
) -> Vec<Option<Duration>> {
    let mut waiting: Vec<Host> = fleet.hosts.iter().map(|host| Host::new(wanted(host))).collect();
    while waiting.iter().any(|host| host.took.is_none()) && since.elapsed() < within {
        for host in waiting.iter_mut().filter(|host| host.took.is_none()) {
            host.look(since);
        }
        sleep(LOOKS).await;
    }
    waiting.into_iter().map(|host| host.took).collect()
}

/// The files that are not as they must be.
pub(crate) fn missing(fleet: &Fleet, wanted: impl Fn(&str) -> Vec<Wanted>) -> Vec<PathBuf> {
    let all = fleet.hosts.iter().flat_map(|host| wanted(host));
    all.filter(|file| !is_there(file)).map(|(path, _)| path).collect()
}

struct Host {
    wanted: Vec<Wanted>,
    /// How many of them were seen: those are not looked at again.
    seen: usize,
    took: Option<Duration>,
}

impl Host {
    fn new(wanted: Vec<Wanted>) -> Self {
        Self { wanted, seen: 0, took: None }
    }

    fn look(&mut self, since: Instant) {
        while self.wanted.get(self.seen).is_some_and(is_there) {
            self.seen += 1;
        }
        if self.seen == self.wanted.len() {
            self.took = Some(since.elapsed());
        }
    }
}

fn is_there((path, content): &Wanted) -> bool {
    std::fs::read(path).is_ok_and(|found| found == content.as_bytes())
}
