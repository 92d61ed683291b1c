//! How long it takes from a value that one host puts to the file that another makes of it, beside what the store takes itself.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use homeostat_engine::Store;
use homeostat_engine::store::{WatchItem, keys};
use homeostat_model::ResourceId;
use tokio::runtime::Builder;

use super::rig::{Rig, rig};

const PUTS: usize = 200;
const REPAIRS: usize = 8;
/// Between two repairs: so rarely that nobody takes it for a fight.
const APART: Duration = Duration::from_millis(1100);
/// Puts that show nothing but that everything is warm.
const WARM: usize = 20;

/// A text of always the same length.
fn text(number: usize) -> String {
    format!("value {number:06}")
}

/// Tells when a file is another one, as soon as a look every 50 µs shows it.
fn looks(file: PathBuf) -> Receiver<(String, Instant)> {
    let (sender, found) = channel();
    std::thread::spawn(move || {
        // One that was removed and is there again at once has changed later.
        let look = || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            (
                text,
                std::fs::metadata(&file).map(|found| (found.ctime(), found.ctime_nsec())).unwrap_or_default(),
            )
        };
        let mut last = look();
        loop {
            let now = look();
            if now != last && sender.send((now.0.clone(), Instant::now())).is_err() {
                return;
            }
            last = now;
            pause(Duration::from_micros(50));
        }
    });
    found
}

/// Tells when a watch of the store on a host has a change.
fn watches(rig: &Rig, host: usize, key: &str) -> Receiver<Instant> {
    let (sender, seen) = channel();
    let (store, enter, key) = (rig.store(host), rig.networks.entrance(host), key.to_owned());
    std::thread::spawn(move || {
        enter();
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let (_, revision) = store.range(&key).await.unwrap();
            let mut watching = store.watch(&key, revision).await.unwrap();
            sender.send(Instant::now()).unwrap();
            while let Some(WatchItem::Changes(_)) = watching.recv().await {
                if sender.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
    });
    seen.recv().unwrap();
    seen
}

/// Puts, as a host, the export with the text of a number that it is sent.
fn puts(rig: &Rig, host: usize, key: String) -> Sender<usize> {
    let (sender, asked) = channel::<usize>();
    let (store, enter) = (rig.store(host), rig.networks.entrance(host));
    std::thread::spawn(move || {
        enter();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let stored = runtime.block_on(store.get(&key)).unwrap().unwrap().value;
        let stored = String::from_utf8(stored.to_vec()).unwrap();
        for number in asked {
            let value = stored.replace(&text(0), &text(number));
            runtime.block_on(store.put(&key, value.as_bytes(), None)).unwrap();
        }
    });
    sender
}

/// Waits until the file is so, since a time.
fn until(found: &Receiver<(String, Instant)>, wanted: &str, since: Instant) -> Instant {
    loop {
        let (text, at) = found.recv_timeout(Duration::from_secs(60)).expect("the file follows");
        if text == wanted && at >= since {
            return at;
        }
    }
}

#[allow(clippy::disallowed_methods)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn say(what: &str, mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort();
    let [p50, p99] = [50, 99].map(|percent| times[(times.len() - 1) * percent / 100]);
    eprintln!("{what:24} p50 {p50:>9.2?}  p99 {p99:>9.2?}  of {}", times.len());
    [p50, p99]
}

#[test]
fn a_value_that_one_host_puts_is_a_file_on_another() {
    let mut rig = rig!(2);
    let shared = format!("  - {{name: '@@shared', path: DIR/files/shared, content: {}}}\n", text(0));
    rig.declare(1, &shared);
    rig.declare(2, "collect:\n- kind: file\n  pattern: DIR/files/\n");
    rig.grow(2);
    rig.until("the other one has it", |rig| rig.read(2, "files/shared") == text(0));

    let key = keys::export("h1", &ResourceId::new("file", "shared"));
    let (seen, file) = (watches(&rig, 2, &key), rig.host(2).join("files/shared"));
    let found = looks(file.clone());
    let puts = puts(&rig, 1, key);
    let (mut watched, mut made) = (Vec::new(), Vec::new());
    for number in 1..=WARM + PUTS {
        let start = Instant::now();
        puts.send(number).unwrap();
        let seen = seen.recv_timeout(Duration::from_secs(60)).expect("the watch tells it");
        let found = until(&found, &text(number), start);
        if number > WARM {
            watched.push(seen - start);
            made.push(found - start);
        }
    }
    let mut repaired = Vec::new();
    for _ in 0..REPAIRS {
        pause(APART);
        let start = Instant::now();
        std::fs::remove_file(&file).unwrap();
        repaired.push(until(&found, &text(WARM + PUTS), start) - start);
    }
    let watched = say("put to watch", watched);
    let repaired = say("repair", repaired);
    let made = say("put to file", made);
    for (at, name) in ["p50", "p99"].into_iter().enumerate() {
        let budget = watched[at] * 2 + repaired[at];
        eprintln!("{name}: {:.2} of the budget {budget:.2?}", made[at].as_secs_f64() / budget.as_secs_f64());
    }
}
