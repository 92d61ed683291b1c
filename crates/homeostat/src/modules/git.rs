//! Asking `git` for a commit.
//!
//! A repository is asked for objects and for nothing else: no hook, filter, submodule or setting of it has a say, no shell is
//! between, and only the protocols below are spoken. What the user set up for himself (keys, proxies, rewritten addresses) holds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::lockfile::Commit;

/// What is spoken to where modules come from.
const PROTOCOLS: &str = "file:git:https:ssh";
/// What of our own environment matters for reaching others.
const KEPT: [&str; 20] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];
const SETTINGS: [&str; 14] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "transfer.bundleURI=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "credential.interactive=false",
    "advice.detachedHead=false",
];
/// How long one module may take, and how large its repository may be.
const WITHIN: Duration = Duration::from_secs(600);
const REPOSITORY_BYTES_MAX: u64 = 512 << 20;
/// How often it is looked at how large it has become, and how often that is said.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const SAY_EVERY: Duration = Duration::from_secs(5);
/// What is kept of what `git` says.
const SAID_BYTES_MAX: u64 = 64 << 10;
/// More than the files of a commit may have.
const ANSWER_BYTES_MAX: u64 = 300 << 20;

/// What is fetched.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// What the repository has at present.
    Newest,
    Commit(&'a Commit),
}

/// Why there is nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("there is no program `git` here")]
    NoGit,
    #[error("git: {0}")]
    Git(String),
    #[error("it took longer than {} s", WITHIN.as_secs())]
    TooLong,
    #[error("the repository has more than {} MiB", REPOSITORY_BYTES_MAX >> 20)]
    TooLarge,
    #[error("it has no commit {0}")]
    NoCommit(String),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// An empty repository of ours that takes what is fetched.
pub(super) struct Repository<'a> {
    dir: PathBuf,
    deadline: Instant,
    say: &'a dyn Fn(&str),
}

impl<'a> Repository<'a> {
    /// Makes one in an empty directory.
    pub(super) async fn create(dir: PathBuf, say: &'a dyn Fn(&str)) -> Result<Self, Failure> {
        let repository = Self { dir, deadline: Instant::now() + WITHIN, say };
        repository.ask(&["init", "--quiet", "--bare", "--template="]).await?;
        Ok(repository)
    }

    /// Gets a commit with its files, and of its history no more than has to be.
    pub(super) async fn fetch(&self, url: &str, wanted: Wanted<'_>) -> Result<Commit, Failure> {
        let address = address(url);
        let into = "refs/homeostat/wanted";
        let commit = match wanted {
            Wanted::Newest => {
                self.get(&address, &["--depth=1"], &[&format!("+HEAD:{into}")]).await?;
                let found = self.ask(&["rev-parse", "--verify", &format!("{into}^{{commit}}")]).await?;
                let found = String::from_utf8_lossy(&found).trim().to_owned();
                Commit::try_from(found.clone()).map_err(|_| Failure::NoCommit(found))?
            }
            Wanted::Commit(commit) => {
                let refspec = format!("+{}:{into}", commit.as_str());
                match self.get(&address, &["--depth=1"], &[&refspec]).await {
                    Ok(()) => {}
                    // Not every server gives what no branch and no tag is at.
                    Err(Failure::Git(_)) => {
                        let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
                        self.get(&address, &[], &all).await?;
                    }
                    Err(other) => return Err(other),
                }
                commit.clone()
            }
        };
        let object = format!("{}^{{commit}}", commit.as_str());
        match self.ask(&["cat-file", "-e", &object]).await {
            Ok(_) => Ok(commit),
            Err(Failure::Git(_)) => Err(Failure::NoCommit(commit.as_str().to_owned())),
            Err(other) => Err(other),
        }
    }

    async fn get(&self, address: &str, depth: &[&str], refspecs: &[&str]) -> Result<(), Failure> {
        let options = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
        let args = [&options, depth, &["--", address], refspecs].concat();
        self.ask(&args).await.map(drop)
    }

    /// What `git` answers.
    pub(super) async fn ask(&self, args: &[&str]) -> Result<Vec<u8>, Failure> {
        self.ask_with(args, Vec::new()).await
    }

    /// What `git` answers to what it reads from its standard input.
    pub(super) async fn ask_with(&self, args: &[&str], input: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let mut child = self.command(args).spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::NoGit,
            _ => Failure::Io(error),
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // Who ends early says why himself.
                stdin.write_all(&input).await.ok();
            }
        };
        let talk = async {
            let ((), answer, said) =
                tokio::join!(feed, taken(stdout, ANSWER_BYTES_MAX), taken(stderr, SAID_BYTES_MAX));
            (answer, said)
        };
        let done = tokio::select! {
            done = timeout_at(self.deadline, talk) => done.map_err(|_| Failure::TooLong),
            stopped = self.watch() => Err(stopped),
        };
        let (answer, said) = match done {
            Ok(done) => done,
            Err(stopped) => {
                end(&mut child).await;
                return Err(stopped);
            }
        };
        let status = child.wait().await?;
        let answer = answer?;
        if answer.len() as u64 > ANSWER_BYTES_MAX {
            return Err(Failure::TooLarge);
        }
        if !status.success() {
            return Err(Failure::Git(what_was_said(&said?)));
        }
        Ok(answer)
    }

    /// Ends when it has to be stopped.
    async fn watch(&self) -> Failure {
        let begun = Instant::now();
        let mut said = begun;
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return Failure::Interrupted,
                _ = ticks.tick() => {}
            }
            let dir = self.dir.clone();
            let bytes = tokio::task::spawn_blocking(move || bytes_in(&dir)).await.unwrap_or(0);
            if bytes > REPOSITORY_BYTES_MAX {
                return Failure::TooLarge;
            }
            if said.elapsed() >= SAY_EVERY {
                said = Instant::now();
                (self.say)(&format!("  {} KiB after {} s\n", bytes >> 10, begun.elapsed().as_secs()));
            }
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        let kept = KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let kept: Vec<(&str, OsString)> = kept.collect();
        command
            .env_clear()
            .envs(kept)
            .env("LC_ALL", "C")
            .env("GIT_DIR", &self.dir)
            .env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .current_dir(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if std::env::var_os("GIT_SSH_COMMAND").is_none() && std::env::var_os("GIT_SSH").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(args);
        command
    }
}

/// What is asked for an address. `git://` names a repository; its protocol, which anybody on the way can change, is spoken only
/// where its port is named as well.
fn address(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.strip_prefix("git://") {
        Some(rest) if !rest.split('/').next().unwrap_or_default().contains(':') => format!("https://{rest}"),
        Some(_) | None => url.to_owned(),
    }
}

/// Ends a command with all that it has started.
async fn end(child: &mut Child) {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
    }
    child.wait().await.ok();
}

async fn taken(stream: Option<impl AsyncReadExt + Unpin>, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut taken = Vec::new();
    if let Some(stream) = stream {
        stream.take(bytes_max + 1).read_to_end(&mut taken).await?;
    }
    Ok(taken)
}

/// The lines that say what is wrong.
fn what_was_said(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix("fatal: ").unwrap_or(line)).take(3).collect();
    if lines.is_empty() { "failed without a word".to_owned() } else { lines.join("; ") }
}

fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_names_no_port_is_asked_in_a_protocol_that_nobody_can_change() {
        for (url, asked) in [
            ("git://example.com/a/b/", "https://example.com/a/b"),
            ("git://example.com:9418/a/", "git://example.com:9418/a"),
            ("ssh://git@example.com/a.git", "ssh://git@example.com/a.git"),
            ("file:///srv/a/", "file:///srv/a"),
        ] {
            assert_eq!(address(url), asked);
        }
    }
}
