//! Killed at any moment while it writes: nothing is torn, nothing is lost, nothing stays behind.

use std::path::Path;
use std::time::{Duration, Instant};

use super::rig::{BINARY, Place, Random, pause, wait_until};

/// How many wait for the file that the service reads, so that a kill often falls between the two.
const BETWEEN: usize = 100;

struct Site {
    place: Place,
    files: usize,
    /// The round in which each file got what it holds; 0: it is not there.
    holds: Vec<usize>,
}

/// What a test says in the end.
#[derive(Default, Debug)]
#[allow(dead_code)]
struct Figures {
    kills: usize,
    while_writing: usize,
    old: usize,
    new: usize,
    leftovers: usize,
    refreshes_owed: usize,
    complete: usize,
}

#[test]
fn a_killed_run_tears_nothing_and_the_next_completes_it() {
    let kills = std::env::var("HOMEOSTAT_KILLS").ok().and_then(|text| text.parse().ok());
    let (rounds, files) = kills.map_or((5, 2_000), |kills| (kills, 10_000));
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut site = Site { place: Place::new(), files, holds: vec![0; files] };
    let mut figures = Figures::default();
    site.place.make_dir("files");
    let mut round = 1;
    let writing = site.first_run(round);
    println!("{files} files are written within {writing:?}");
    while figures.kills < rounds {
        round += 1;
        site.declare(round);
        site.kill_one(&mut random, writing, &mut figures);
        site.look(round, &mut figures);
        site.store_opens(round);
        // Sometimes a killed run follows a killed run.
        if random.below(3) > 0 || figures.kills == rounds {
            site.complete(round, &mut figures);
        }
    }
    println!("{figures:#?}, nothing torn");
    assert!(rounds < 20 || figures.refreshes_owed > 0, "no kill fell between the file and its service");
}

/// The whole of what a file holds in a round. Some are much longer than a page, and every one says how it must end.
fn content(file: usize, round: usize) -> String {
    let length = if file.is_multiple_of(100) { 40_000 } else { 200 + file % 150 };
    format!("{round} {file} {} end {round}", "x".repeat(length))
}

impl Site {
    fn path(&self, file: usize) -> String {
        format!("files/{file:05}")
    }

    fn declare(&self, round: usize) {
        let mut text =
            format!("graph: g\nresources:\n  kv:\n  - {{name: round, key: round, value: '{round}'}}\n");
        // The service appends what it was started with.
        text.push_str("  exec:\n  - name: service\n    shell: /bin/sh\n    cmd: cat DIR/files/00000.conf >> DIR/served\n");
        let last: Vec<String> = (self.files - BETWEEN..self.files)
            .map(|file| format!("'file[DIR/{}]'", self.path(file)))
            .collect();
        text.push_str(&format!(
            "    listen: 'file[DIR/files/00000.conf]'\n    depend: [{}]\n",
            last.join(", ")
        ));
        text.push_str(&format!("  file:\n  - {{name: DIR/files/00000.conf, content: \"{round}\\n\"}}\n"));
        for file in 0..self.files {
            text.push_str(&format!(
                "  - {{name: DIR/{}, content: {}}}\n",
                self.path(file),
                content(file, round)
            ));
        }
        self.place.write("site.yaml", &text);
    }

    /// Everything once, undisturbed; says how long files were written.
    fn first_run(&mut self, round: usize) -> Duration {
        self.declare(round);
        let run = self.place.run(&["-q", "--once", "site.yaml"]);
        wait_until("the first file is written", || self.place.path("files/00000.conf").exists());
        let start = Instant::now();
        run.finish_within(Duration::from_secs(300)).ends_with(0);
        self.look(round, &mut Figures::default());
        assert!(self.holds.iter().all(|held| *held == round));
        start.elapsed()
    }

    /// Mostly while files are written, sometimes at any moment since the start.
    fn kill_one(&self, random: &mut Random, writing: Duration, figures: &mut Figures) {
        let conf = self.place.read("files/00000.conf");
        let mut run = self.place.run(&["-q", "--once", "site.yaml"]);
        if random.below(5) > 0 {
            wait_until("it writes", || {
                run.has_ended().is_some() || self.place.read("files/00000.conf") != conf
            });
            figures.while_writing += 1;
        }
        let micros = u64::try_from(writing.as_micros()).unwrap();
        pause(Duration::from_micros(random.below(micros)));
        run.kill();
        figures.kills += 1;
    }

    /// Each file is what it was before the round, or what it should be now, and whole.
    fn look(&mut self, round: usize, figures: &mut Figures) {
        for file in 0..self.files {
            let held = self.holds[file];
            match std::fs::read_to_string(self.place.path(&self.path(file))) {
                Ok(text) if text == content(file, round) => {
                    figures.new += 1;
                    self.holds[file] = round;
                }
                Ok(text) if held > 0 && text == content(file, held) => figures.old += 1,
                Ok(text) => panic!("{file} is torn in round {round}: {} bytes: {text:.80}", text.len()),
                Err(error) => assert!(held == 0, "{file} was there before round {round}: {error}"),
            }
        }
    }

    /// What was put there in the round before is still there.
    fn store_opens(&self, round: usize) {
        let kv = |args: &[&str]| {
            let done = self.place.start(BINARY, &[&["kv", "--prefix", "DIR/prefix"], args].concat()).finish();
            done.ends_with(0).out
        };
        if round > 2 {
            assert_eq!(kv(&["get", "killed"]).trim(), (round - 1).to_string());
        }
        kv(&["put", "killed", &round.to_string()]);
    }

    /// A run to the end leaves everything as declared and nothing of its own behind.
    fn complete(&mut self, round: usize, figures: &mut Figures) {
        figures.leftovers += self.place.leftovers().len();
        // The file is new, and its service was not told: that must not be forgotten.
        let served = self.place.read("served");
        let conf = self.place.read("files/00000.conf");
        let is_owed = conf == format!("{round}\n") && served.lines().last() != Some(conf.trim());
        let run = self.place.run(&["-q", "--once", "--report", "report.json", "site.yaml"]);
        run.finish_within(Duration::from_secs(300)).ends_with(0);
        self.look(round, &mut Figures::default());
        assert!(self.holds.iter().all(|held| *held == round));
        assert_eq!(self.place.leftovers(), Vec::<std::path::PathBuf>::new());
        assert_eq!(self.place.read("served").lines().last(), Some(&*round.to_string()));
        if is_owed {
            figures.refreshes_owed += 1;
            let report = self.place.json("report.json");
            let service =
                report["resources"].as_array().unwrap().iter().find(|one| one["id"] == "exec[service]");
            assert_eq!(service.unwrap()["refreshes"], 1, "{service:?}");
        }
        figures.complete += 1;
        self.clear_logs();
    }

    fn clear_logs(&self) {
        for entry in std::fs::read_dir(self.place.path(".")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension() == Some(Path::new("log").as_os_str()) {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}
