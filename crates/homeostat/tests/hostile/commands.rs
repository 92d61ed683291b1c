//! Commands that do not want to end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::rig::{Place, Running, tool, wait_until};

/// Far more than the time between asking a command to end and killing it, and far less than the command takes.
const BOUND: Duration = Duration::from_secs(120);

/// A command with children of several sorts, none of which ends when it is asked to.
struct Stubborn {
    place: Place,
    /// How long they sleep: a number that no other process has in its arguments.
    mark: String,
}

impl Stubborn {
    fn new(meta: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("7{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let place = Place::new();
        place.write(
            "stubborn.sh",
            &format!(
                "trap '' TERM INT HUP\nsleep {mark} &\n(sleep {mark} & sleep {mark}) &\n\
                 setsid sleep {mark} &\ntouch DIR/begun\nsleep {mark}\nsleep {mark}\n"
            ),
        );
        place.write(
            "site.yaml",
            &format!(
                "graph: g\nresources:\n  exec:\n  - {{name: stubborn, cmd: sh DIR/stubborn.sh, meta: {{{meta}}}}}\n  \
                 file:\n  - {{name: DIR/beside, content: x}}\n  - {{name: DIR/after, content: x, depend: 'exec[stubborn]'}}\n"
            ),
        );
        Self { place, mark }
    }

    fn start(&self, args: &[&str]) -> Running {
        let run = self.place.run(&[args, &["site.yaml"]].concat());
        wait_until("all of them run", || self.place.path("begun").exists() && self.sleeping() == 5);
        run
    }

    fn sleeping(&self) -> usize {
        sleepers(&self.mark).len()
    }

    /// All but the one that made itself a session of its own, as a daemon does. What was killed may need a moment.
    #[track_caller]
    fn expect_gone(&self) {
        wait_until("they are gone", || self.sleeping() <= 1);
    }
}

impl Drop for Stubborn {
    fn drop(&mut self) {
        for process in sleepers(&self.mark) {
            tool("kill", &["-KILL", &process]);
        }
    }
}

/// The processes that sleep for exactly so long, zombies not counted.
fn sleepers(mark: &str) -> Vec<String> {
    let line = format!("sleep\0{mark}\0");
    let all = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    all.filter(|process| std::fs::read(process.join("cmdline")).is_ok_and(|found| found == line.as_bytes()))
        .map(|process| process.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn what_ignores_its_timeout_is_killed_with_its_children() {
    let stubborn = Stubborn::new("timeout: 1, retry: 0");
    let done = stubborn.start(&["--once"]).finish().ends_with(1);
    stubborn.expect_gone();
    assert!(done.out.contains("not done within its timeout of 1 s"), "{done:#?}");
    assert!(done.took < BOUND, "{done:#?}");
    assert!(stubborn.place.path("beside").exists() && !stubborn.place.path("after").exists());
    println!("ended after {:?}", done.took);
}

#[test]
fn a_second_interrupt_kills_what_ignores_it() {
    let stubborn = Stubborn::new("");
    let run = stubborn.start(&[]);
    run.signal("INT");
    wait_until("the first is taken", || run.err().contains("stopping"));
    assert_eq!(stubborn.sleeping(), 5);
    run.signal("INT");
    let done = run.finish().ends_with(130);
    stubborn.expect_gone();
    assert!(done.took < BOUND, "{done:#?}");
    println!("ended after {:?}", done.took);
}

#[test]
fn the_longest_time_to_run_is_kept_where_a_command_ignores_it() {
    let stubborn = Stubborn::new("");
    let done = stubborn.start(&["--max-runtime", "2"]).finish().ends_with(124);
    stubborn.expect_gone();
    assert!(done.took < BOUND, "{done:#?}");
    println!("ended after {:?}", done.took);
}

#[test]
fn what_ends_when_it_is_asked_is_not_waited_for() {
    let place = Place::new();
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  exec:\n  - {name: polite, shell: /bin/sh, cmd: sleep 60 & sleep 60; true}\n",
    );
    let done = place.run(&["--max-runtime", "1", "site.yaml"]).finish().ends_with(124);
    // Who is not waited for is not killed either, which comes ten seconds after it was asked.
    assert!(done.took < Duration::from_secs(10), "{done:#?}");
}

#[test]
fn a_command_dies_with_an_agent_that_is_killed() {
    let place = Place::new();
    let mark = format!("8{}.0", std::process::id());
    place.write(
        "site.yaml",
        &format!("graph: g\nresources:\n  exec:\n  - {{name: long, cmd: sleep {mark}}}\n"),
    );
    let mut run = place.run(&["site.yaml"]);
    let is_there = || !sleepers(&mark).is_empty();
    wait_until("it runs", is_there);
    run.kill();
    wait_until("it is gone", || !is_there());
}

#[test]
fn an_attempt_does_not_begin_before_the_last_has_ended() {
    if !tool("flock", &["--version"]) {
        return super::rig::skipped("there is no flock");
    }
    let place = Place::new();
    // All of an attempt hold the lock, until the last of them is gone.
    place.write(
        "attempt.sh",
        "exec 9>DIR/lock\nflock -n 9 || touch DIR/beside-another\necho begun >>DIR/attempts\n\
         trap '' TERM\nsleep 60 & sleep 60 & sleep 60\nsleep 60\n",
    );
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  exec:\n  - {name: slow, cmd: sh DIR/attempt.sh, meta: {timeout: 1, retry: 1, delay: 1}}\n",
    );
    place.run(&["--once", "site.yaml"]).finish().ends_with(1);
    assert_eq!(place.read("attempts"), "begun\nbegun\n");
    assert!(!place.path("beside-another").exists());
}
