//! A directory of its own for each test, and the binary in it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with inputs, a prefix, and what is managed.
pub(crate) struct Place {
    dir: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command that still runs. Killed when dropped.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("homeostat-it-").tempdir().unwrap() }
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

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat"));
        command
            .args(args.iter().map(|arg| self.fill(arg)))
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("home/.cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub(crate) fn homeostat(&self, args: &[&str]) -> Done {
        self.start(args).finish()
    }

    /// Runs to the end with a standard input.
    pub(crate) fn homeostat_with_stdin(&self, args: &[&str], stdin: &str) -> Done {
        use std::io::Write;
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // Who refuses may end before it has read everything.
        if let Err(error) = child.stdin.take().unwrap().write_all(stdin.as_bytes()) {
            assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "{error}");
        }
        Running { child: Some(child) }.finish()
    }

    /// Starts in the background.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running { child: Some(self.command(args).spawn().unwrap()) }
    }

    /// Starts in the background; what is said of it goes into a file of this place, and can be read meanwhile.
    pub(crate) fn start_logging(&self, args: &[&str], log: &str) -> Running {
        let log = std::fs::File::create(self.path(log)).unwrap();
        Running { child: Some(self.command(args).stderr(log).spawn().unwrap()) }
    }

    /// `run` with a prefix of this place, an own host name, and more arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.start_run(args).finish()
    }

    pub(crate) fn start_run(&self, args: &[&str]) -> Running {
        let all = [&["run", "--prefix", "DIR/prefix", "--hostname", "test"], args].concat();
        self.start(&all)
    }

    /// The names of everything in this place, for what must not have been touched.
    pub(crate) fn everything(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    open.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let done =
            Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Done {
        let child = self.child.take().unwrap();
        let pid = child.id();
        let (done, waiting) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn(move || done.send(child.wait_with_output().unwrap()));
        let output = waiting.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
            panic!("did not end by itself")
        });
        waiter.join().unwrap().unwrap();
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    pub(crate) fn json_lines(&self) -> Vec<Json> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Waits until something outside of our process is so; nothing could tell us.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    wait_up_to(PATIENCE, what, is_so);
}

/// The same of something that may take longer.
#[track_caller]
#[allow(clippy::disallowed_methods)]
pub(crate) fn wait_up_to(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
