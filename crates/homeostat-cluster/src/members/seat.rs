//! The server of this host: it runs while the host has a seat among the members, and its data goes when the seat goes.
//!
//! Invariants: data of one seat is never used for another; a server whose data is gone is never started empty under its old
//! number, since it has promised things to the others that it does not know any more.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::process::{self, ProgramError, Running};
use super::records::{Ability, Roster, Taken, load, save};
use super::server::{Begin, Server};
use crate::etcd::Administration;
use crate::pace::{Backoff, about, some_of};

/// Between questions whether it is ready.
const READY_INTERVAL: Duration = Duration::from_millis(200);
/// Who ran for so long had no trouble with its start.
const LONG_LIFE: Duration = Duration::from_secs(60);
/// Between looks at a program that is missing or too old.
const PROGRAM_INTERVAL: Duration = Duration::from_secs(60);
/// To say whether it leads.
const LEADS_PATIENCE: Duration = Duration::from_millis(200);
/// To say whether it is well.
const WELL_PATIENCE: Duration = Duration::from_secs(2);
/// Ends in a row after which a server is no longer expected to come up by itself.
const EXITS_MAX: u32 = 3;

/// How the server of this host does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// None runs: the host is no member.
    Off,
    /// It was started.
    Starting,
    /// It answers.
    Running,
    /// It ended, and is started again after a while.
    Failing {
        /// What it said.
        why: String,
        /// How often in a row.
        exits: u32,
    },
    /// The program is missing, too old, or something else.
    Unusable(ProgramError),
    /// The data of this member is gone; it waits to be replaced.
    DataLost {
        /// Its number.
        id: u64,
    },
    /// Something with the disk.
    Blocked(String),
}

impl Condition {
    /// What the host can tell the elected one.
    pub(super) fn ability(&self) -> Ability {
        match self {
            Self::Off | Self::Starting | Self::Running => Ability::Able,
            Self::Failing { exits, .. } if *exits < EXITS_MAX => Ability::Able,
            Self::Failing { why, .. } | Self::Blocked(why) => Ability::Unable { why: why.clone() },
            Self::Unusable(error) => Ability::Unable { why: error.to_string() },
            Self::DataLost { id } => Ability::Lost { id: *id },
        }
    }
}

/// Keeps the server of this host as the roster says.
pub(super) struct Seating {
    pub(super) host: String,
    pub(super) dir: PathBuf,
    pub(super) server: Server,
    /// The server, where it runs already.
    pub(super) begun: Option<Running>,
    /// Asks our own server.
    pub(super) own: Administration,
    /// Between starts: from the first to the second.
    pub(super) restart: (Duration, Duration),
    /// Between looks whether the server still trusts whom it should.
    pub(super) look: Duration,
    /// None until it is known.
    pub(super) roster: watch::Receiver<Option<Roster>>,
    pub(super) condition: watch::Sender<Condition>,
}

/// What follows from the roster and the disk.
#[derive(Debug, PartialEq, Eq)]
enum Job {
    Rest,
    /// The data is of a seat that is no longer ours.
    Vacate,
    /// There is a seat for us that nobody took yet.
    Take(u64),
    Run(Taken),
    /// The seat has votes that we cannot know of.
    Lost(u64),
}

fn decide(taken: Option<&Taken>, has_data: bool, roster: Option<&Roster>, host: &str) -> Job {
    let Some(roster) = roster else {
        // All may have been started at once: nobody can tell anything before we run.
        return taken.filter(|_| has_data).map_or(Job::Rest, |taken| Job::Run(*taken));
    };
    match (roster.of(host), taken) {
        (None, None) if !has_data => Job::Rest,
        (None, _) => Job::Vacate,
        (Some(seat), Some(taken)) if taken.id == seat.id => match (has_data, taken.started) {
            (true, _) | (false, false) => Job::Run(*taken),
            (false, true) => Job::Lost(seat.id),
        },
        (Some(_), _) if has_data => Job::Vacate,
        (Some(seat), None) if seat.votes => Job::Lost(seat.id),
        (Some(seat), _) => Job::Take(seat.id),
    }
}

impl Seating {
    /// Until it is stopped; the server has ended then.
    pub(super) async fn keep(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(self.restart.0, self.restart.1);
        while !stop.is_cancelled() {
            if let Err(error) = self.once(&stop, &mut backoff).await {
                self.condition.send_replace(Condition::Blocked(error.to_string()));
                tracing::warn!("the server of this host cannot be kept: {error}");
                self.changed_or(backoff.next(), &stop).await;
            }
        }
    }

    async fn once(&mut self, stop: &CancellationToken, backoff: &mut Backoff) -> io::Result<()> {
        let job = self.job();
        match job {
            Job::Rest => {
                let program = self.program().await;
                let is_usable = program.is_ok();
                let condition = program.map_or_else(Condition::Unusable, |()| Condition::Off);
                self.condition
                    .send_if_modified(|before| std::mem::replace(before, condition.clone()) != condition);
                // While it can be used, only the roster tells that it is needed.
                let interval = if is_usable { Duration::MAX } else { PROGRAM_INTERVAL };
                self.changed_or(interval, stop).await;
            }
            Job::Vacate => {
                tracing::info!("this host is no longer the member that it was: its copy of the data goes");
                vacate(&self.dir)?;
                self.condition.send_replace(Condition::Off);
            }
            Job::Take(id) => {
                backoff.reset();
                // What a start left that did not get as far as a log.
                is_missing_or(std::fs::remove_dir_all(process::data(&self.dir)))?;
                save(&taken_at(&self.dir), &Taken { id, started: false })?;
            }
            Job::Lost(id) => {
                tracing::warn!("the data of this member is gone: it waits to be replaced");
                self.condition.send_replace(Condition::DataLost { id });
                self.changed_or(Duration::MAX, stop).await;
            }
            Job::Run(taken) => self.run(taken, stop, backoff).await?,
        }
        Ok(())
    }

    fn job(&self) -> Job {
        let taken: Option<Taken> = load(&taken_at(&self.dir));
        decide(taken.as_ref(), has_data(&self.dir), self.roster.borrow().as_ref(), &self.host)
    }

    /// One life of the server.
    async fn run(&mut self, taken: Taken, stop: &CancellationToken, backoff: &mut Backoff) -> io::Result<()> {
        let since = Instant::now();
        let trusted = self.trusted();
        let begun = self.begun.take();
        let Some(mut running) = (match begun {
            Some(begun) => Some(begun),
            None => self.start(stop).await?,
        }) else {
            return Ok(());
        };
        if backoff.attempts() == 0 {
            self.condition.send_replace(Condition::Starting);
        }
        let exit = tokio::select! {
            exit = running.ended() => exit,
            unseated = self.attend(taken) => {
                running.stop().await;
                return unseated;
            }
            () = self.trust_is_older_than(trusted.as_deref()) => {
                tracing::info!("whom to trust is another one now: the etcd of this host begins anew with that");
                self.end(running).await;
                return Ok(());
            }
            () = stop.cancelled() => {
                self.end(running).await;
                return Ok(());
            }
        };
        if since.elapsed() > LONG_LIFE {
            backoff.reset();
        }
        tracing::warn!("the etcd of this host ended: {}", exit.why);
        let wait = backoff.next();
        self.condition.send_replace(Condition::Failing { why: exit.why, exits: backoff.attempts() });
        self.changed_or(wait, stop).await;
        Ok(())
    }

    /// Whether etcd can be used here, and beside the members that there are.
    async fn program(&self) -> Result<(), ProgramError> {
        let found = process::version(&self.server.program).await?;
        process::fits(&found, self.roster.borrow().as_ref().and_then(|roster| roster.etcd.as_deref()))
    }

    /// None, after a while, where the program cannot be used.
    async fn start(&mut self, stop: &CancellationToken) -> io::Result<Option<Running>> {
        if let Err(error) = self.program().await {
            self.condition.send_replace(Condition::Unusable(error));
            self.changed_or(about(PROGRAM_INTERVAL), stop).await;
            return Ok(None);
        }
        let begin = match (has_data(&self.dir), &*self.roster.borrow_and_update()) {
            (false, Some(roster)) => Begin::Among(
                roster.seats.iter().map(|seat| (seat.host.clone(), seat.peer_url.clone())).collect(),
            ),
            (true, _) | (_, None) => Begin::Alone,
        };
        make_private(&process::data(&self.dir))?;
        self.server.start(&self.host, &self.dir, &begin).await.map(Some)
    }

    /// It would close its files in order, which nobody needs.
    async fn end(&self, running: Running) {
        if self.leads_others().await { running.hand_over().await } else { running.kill().await }
    }

    /// The authorities that a server is to trust, as they are now.
    fn trusted(&self) -> Option<Vec<u8>> {
        self.server.tls.as_ref().and_then(|tls| std::fs::read(&tls.authority).ok())
    }

    /// etcd reads certificates anew for every connection, and whom to trust only when it starts. Returns when that is another one by now, and
    /// it may be without this server for a moment.
    async fn trust_is_older_than(&self, began_with: Option<&[u8]>) {
        loop {
            sleep(about(self.look)).await;
            let is_other = || self.trusted().is_some_and(|trusted| Some(&*trusted) != began_with);
            if !is_other() {
                continue;
            }
            // One after the other.
            let others = self.others();
            sleep(some_of(self.look.saturating_mul(u32::try_from(others.len()).unwrap_or(u32::MAX)))).await;
            let mut all_are_well = true;
            for single in others.iter().map(|url| self.own.of(url)) {
                let Ok(single) = single else { continue };
                let health = timeout(WELL_PATIENCE, single.health()).await;
                all_are_well &= matches!(health, Ok(Ok(health)) if health.leader.is_some());
            }
            if all_are_well && is_other() {
                return;
            }
        }
    }

    /// Where the other members with a vote are.
    fn others(&self) -> Vec<String> {
        let roster = self.roster.borrow();
        let seats = roster.as_ref().map_or(&[][..], |roster| &roster.seats);
        let others = seats.iter().filter(|seat| seat.votes && seat.host != self.host);
        others.map(|seat| seat.client_url.clone()).collect()
    }

    /// Whether others would miss it until they have elected another: a leader that is asked to end hands over before.
    async fn leads_others(&self) -> bool {
        let asked = timeout(LEADS_PATIENCE, self.own.health());
        !self.others().is_empty() && matches!(asked.await, Ok(Ok(health)) if health.leader == Some(health.id))
    }

    /// Tells when the server answers, and returns when it is no longer to run.
    async fn attend(&self, taken: Taken) -> io::Result<()> {
        let ready = async {
            while self.own.health().await.is_err() {
                sleep(about(READY_INTERVAL)).await;
            }
            self.condition.send_replace(Condition::Running);
            // From now on it may have promised something to the others.
            save(&taken_at(&self.dir), &Taken { started: true, ..taken })
        };
        let mut roster = self.roster.clone();
        let unseated = async {
            let is_over = |roster: &Option<Roster>| {
                roster
                    .as_ref()
                    .is_some_and(|roster| roster.of(&self.host).is_none_or(|seat| seat.id != taken.id))
            };
            if roster.wait_for(is_over).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let kept = async {
            ready.await?;
            std::future::pending().await
        };
        tokio::select! {
            kept = kept => kept,
            () = unseated => Ok(()),
        }
    }

    /// Waits, or less long when the roster changes or all ends.
    async fn changed_or(&mut self, wait: Duration, stop: &CancellationToken) {
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => {}
            // Its sender ends with us.
            changed = self.roster.changed() => drop(changed),
        }
    }
}

/// Where a host notes which seat its data is of.
pub(super) fn taken_at(dir: &Path) -> PathBuf {
    dir.join("seat")
}

/// What etcd makes its other files for, it notes in its log: without one it would begin a cluster of its own.
pub(super) fn has_data(dir: &Path) -> bool {
    process::data(dir).join("member/wal").exists()
}

/// Removes the data. Killed half-way, it is begun again.
fn vacate(dir: &Path) -> io::Result<()> {
    let gone = dir.join("etcd.gone");
    is_missing_or(std::fs::remove_dir_all(&gone))?;
    is_missing_or(std::fs::rename(process::data(dir), &gone))?;
    is_missing_or(std::fs::remove_file(taken_at(dir)))?;
    is_missing_or(std::fs::remove_dir_all(&gone))
}

fn is_missing_or(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a directory that others cannot look into.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::records::Seat;

    fn roster(id: u64, votes: bool) -> Roster {
        let url = || "u".to_owned();
        let seats = vec![Seat { id, host: "a".into(), peer_url: url(), client_url: url(), votes }];
        Roster { seats, etcd: None }
    }

    #[test]
    fn a_server_runs_with_the_data_of_its_own_seat_only() {
        let taken = |id, started| Taken { id, started };
        let of = |taken: Option<Taken>, has_data, roster: Option<Roster>| {
            decide(taken.as_ref(), has_data, roster.as_ref(), "a")
        };
        let nobody = || Some(Roster::default());
        // It starts by itself with what it has, and goes when it is told.
        assert_eq!(of(Some(taken(1, true)), true, None), Job::Run(taken(1, true)));
        assert_eq!(of(Some(taken(1, true)), true, Some(roster(1, true))), Job::Run(taken(1, true)));
        assert_eq!(of(Some(taken(1, true)), true, nobody()), Job::Vacate);
        assert_eq!(of(Some(taken(1, true)), true, Some(roster(2, false))), Job::Vacate);
        assert_eq!(of(None, true, Some(roster(2, false))), Job::Vacate);
        // A seat is taken, then filled.
        assert_eq!(of(None, false, nobody()), Job::Rest);
        assert_eq!(of(None, false, Some(roster(2, false))), Job::Take(2));
        assert_eq!(of(Some(taken(1, true)), false, Some(roster(2, false))), Job::Take(2));
        assert_eq!(of(Some(taken(2, false)), false, Some(roster(2, false))), Job::Run(taken(2, false)));
        // What was promised is not forgotten.
        assert_eq!(of(Some(taken(2, true)), false, Some(roster(2, true))), Job::Lost(2));
        assert_eq!(of(None, false, Some(roster(2, true))), Job::Lost(2));
        assert_eq!(of(None, false, None), Job::Rest);
        assert_eq!(of(Some(taken(2, true)), false, None), Job::Rest);
    }

    #[test]
    fn files_of_a_start_that_was_cut_off_are_no_data() {
        let dir = tempfile::tempdir().unwrap();
        for made in ["etcd/member/snap", "etcd/member/wal.tmp"] {
            std::fs::create_dir_all(dir.path().join(made)).unwrap();
            assert!(!has_data(dir.path()), "{made}");
        }
        std::fs::create_dir(dir.path().join("etcd/member/wal")).unwrap();
        assert!(has_data(dir.path()));
    }

    #[test]
    fn vacating_may_be_cut_off_and_done_again() {
        let dir = tempfile::tempdir().unwrap();
        for leftover in ["etcd/member/wal", "etcd.gone/member"] {
            std::fs::create_dir_all(dir.path().join(leftover)).unwrap();
        }
        save(&taken_at(dir.path()), &Taken { id: 1, started: true }).unwrap();
        for _ in 0..2 {
            vacate(dir.path()).unwrap();
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
