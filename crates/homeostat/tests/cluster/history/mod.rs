//! Puts and reads of several hosts while agents are killed and hosts cut off, and what the store has to have made of them.

mod checker;
mod recorder;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::eyes::Eyes;
use super::rig::rig;
use checker::check;
use recorder::{Recorder, random, watch};

const HOSTS: usize = 5;
/// How long a fault lasts, and how long there is none after it, at most.
const PHASE: Duration = Duration::from_secs(4);

/// How long hosts put and read.
fn duration() -> Duration {
    let seconds =
        std::env::var("HOMEOSTAT_HISTORY_SECONDS").map_or(20, |text| text.parse().expect("a number"));
    Duration::from_secs(seconds)
}

/// A pause of the faults.
#[allow(clippy::disallowed_methods)]
fn pause(longest: Duration) {
    std::thread::sleep(longest / 4 + longest * 3 / 4 * u32::try_from(random() % 1000).unwrap() / 1000);
}

#[test]
fn no_acknowledged_write_is_lost_and_no_read_goes_back_under_kills_and_partitions() {
    let mut rig = rig!(HOSTS);
    rig.grow(HOSTS);
    let eyes = Eyes::open(&rig);
    eyes.until_whole(&rig, HOSTS);

    let over = Arc::new(AtomicBool::new(false));
    let all_is_put = Arc::new(AtomicBool::new(false));
    let watching = watch(rig.store(1), all_is_put.clone());
    let recording: Vec<_> =
        (1..=HOSTS).map(|host| Recorder::new(host, &rig).start(&rig, over.clone())).collect();
    let (start, mut faults) = (Instant::now(), [0; 4]);
    while start.elapsed() < duration() {
        let host = 1 + random() as usize % HOSTS;
        let other = 1 + (host + random() as usize % (HOSTS - 1)) % HOSTS;
        let fault = random() as usize % faults.len();
        faults[fault] += 1;
        match fault {
            0 => {
                rig.kill(host);
                pause(PHASE);
                rig.start(host, &[]);
            }
            1 => {
                [host, other].iter().for_each(|host| rig.kill(*host));
                pause(PHASE);
                [host, other].iter().for_each(|host| rig.start(*host, &[]));
            }
            2 => {
                rig.networks.isolate(host);
                pause(PHASE);
                rig.networks.rejoin(host);
            }
            _ => {
                [host, other].iter().for_each(|host| rig.networks.isolate(*host));
                pause(PHASE);
                [host, other].iter().for_each(|host| rig.networks.rejoin(*host));
            }
        }
        pause(PHASE);
    }
    eyes.until_whole(&rig, HOSTS);
    over.store(true, Ordering::Relaxed);
    let operations = recording.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>();
    all_is_put.store(true, Ordering::Relaxed);
    let history = watching.join().unwrap();
    let [killed, two_killed, cut_off, two_cut_off] = faults;
    eprintln!(
        "{:.0?}: {killed} times one was killed, {two_killed} times two; {cut_off} times one was cut off, {two_cut_off} times two",
        start.elapsed()
    );
    let counted = check(&operations, &history).unwrap_or_else(|wrong| panic!("{wrong}"));
    eprintln!("{counted}");
    assert!(counted.puts > 0 && counted.reads > 0, "{counted}");
}
