//! A directory in memory for each test, the binary in it, and what tests need of the machine.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_homeostat");
/// A user who owns nothing.
pub(crate) const NOBODY: u32 = 65534;

/// A directory with inputs, a prefix, what is managed, and what was said.
pub(crate) struct Place {
    dir: TempDir,
}

/// A command that runs. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    since: Instant,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Place {
    /// In memory where there is such a place.
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory) } else { Self::below(&std::env::temp_dir()) }
    }

    pub(crate) fn below(dir: &Path) -> Self {
        Self { dir: tempfile::Builder::new().prefix("homeostat-hostile-").tempdir_in(dir).unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file; `DIR` in its text stands for this place.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.fill(text)).unwrap();
    }

    pub(crate) fn make_dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("DIR", self.dir.path().to_str().unwrap())
    }

    /// What a file holds; empty when it is not there.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn json(&self, name: &str) -> Json {
        let text = self.read(name);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The events that were written so far; the last line may be on its way.
    pub(crate) fn events(&self, name: &str, event: &str) -> Vec<Json> {
        let text = self.read(name);
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        lines.filter(|line| line["event"] == event).collect()
    }

    /// Any program, in this place.
    pub(crate) fn start(&self, program: &str, args: &[&str]) -> Running {
        let log = |what: &str| {
            let name = (0..).map(|n| format!("{what}.{n}.log")).find(|name| !self.path(name).exists());
            self.path(&name.unwrap())
        };
        let (out, err) = (log("out"), log("err"));
        let mut command = Command::new(program);
        command
            .args(args.iter().map(|arg| self.fill(arg)))
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap());
        Running { child: command.spawn().unwrap(), out, err, since: Instant::now() }
    }

    /// `homeostat run` with a prefix of this place, and more arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Running {
        self.start(BINARY, &[RUN, args].concat())
    }

    /// The same through another program, such as one that gives up privileges.
    pub(crate) fn run_through(&self, through: &[&str], binary: &str, args: &[&str]) -> Running {
        self.start(through[0], &[&through[1..], &[binary], RUN, args].concat())
    }

    /// Temporary files of ours anywhere in this place.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let entry = entry.unwrap();
                if entry.file_name().to_string_lossy().starts_with(".homeostat-") {
                    found.push(entry.path());
                }
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                }
            }
        }
        found
    }

    /// Lets [`NOBODY`] work here: a directory open to all, and a copy of the binary that it can reach.
    pub(crate) fn open_to_all(&self) -> String {
        let all =
            |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        all(self.dir.path(), 0o777);
        let copy = self.path("homeostat");
        std::fs::copy(BINARY, &copy).unwrap();
        all(&copy, 0o755);
        copy.to_str().unwrap().to_owned()
    }
}

const RUN: &[&str] = &["run", "--prefix", "DIR/prefix", "--hostname", "test"];

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(tool("kill", &[&format!("-{signal}"), &self.pid().to_string()]));
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it said on standard output so far.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.out).unwrap()).into_owned()
    }

    /// What it said on standard error so far.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.err).unwrap()).into_owned()
    }

    /// Waits for the end.
    pub(crate) fn finish(self) -> Done {
        self.finish_within(PATIENCE)
    }

    pub(crate) fn finish_within(mut self, patience: Duration) -> Done {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.has_ended() {
                break status;
            }
            assert!(Instant::now() < deadline, "did not end by itself\n{}\n{}", self.out(), self.err());
            pause(Duration::from_millis(2));
        };
        Done { code: status.code(), out: self.out(), err: self.err(), took: self.since.elapsed() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// A mount that is taken away again.
pub(crate) struct Mount {
    at: PathBuf,
}

impl Mount {
    /// None where this machine does not let us.
    pub(crate) fn new(args: &[&str], at: &Path) -> Option<Self> {
        tool("mount", &[args, &[at.to_str().unwrap()]].concat()).then(|| Self { at: at.to_owned() })
    }

    pub(crate) fn remount(&self, options: &str) -> bool {
        tool("mount", &["-o", &format!("remount,{options}"), self.at.to_str().unwrap()])
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        tool("umount", &["-l", self.at.to_str().unwrap()]);
    }
}

/// Runs a small program; says whether it succeeded.
pub(crate) fn tool(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

/// Says why a test shows nothing here.
pub(crate) fn skipped(reason: &str) {
    println!("skipped: {reason}");
}

/// Waits until something outside of our process is so; nothing could tell us. Says how long it took.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl FnMut() -> bool) -> Duration {
    wait_within(PATIENCE, what, is_so)
}

#[track_caller]
pub(crate) fn wait_within(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "waited in vain until {what}");
        pause(Duration::from_millis(1));
    }
    start.elapsed()
}

/// Lets time pass: between two looks, or where the passing of time is what is tested.
#[allow(clippy::disallowed_methods)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Numbers that look random, the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
