use std::fs;
use std::time::{Duration, SystemTime};

use homeostat_engine::source::CustomWatch;
use homeostat_engine::{Causes, Change, Drift, VertexKey, Wakes};
use homeostat_model::Value;

use super::*;
use crate::testing::TestHost;

const AGAIN: Causes = Causes::WAKE;

fn shell(line: impl Into<String>) -> Params {
    Params { cmd: line.into(), shell: "/bin/sh".into(), ..Params::default() }
}

fn exec(params: Params) -> Exec {
    Exec::new(&"a command".into(), params).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// What an engine does: look, and apply what was found. Whether it ran.
async fn look_and_run(host: &TestHost, exec: &Exec, causes: Causes) -> Result<bool, Failure> {
    match exec.check(&host.cx(causes)).await? {
        Check::Converged(_) => Ok(false),
        Check::Drifted(drift) => {
            let applied = exec.apply(&host.cx(causes), drift).await?;
            assert!(applied.covers_refresh);
            Ok(true)
        }
    }
}

async fn ran(host: &TestHost, exec: &Exec, causes: Causes) -> bool {
    look_and_run(host, exec, causes).await.unwrap()
}

async fn why(host: &TestHost, exec: &Exec) -> Option<Change> {
    match exec.check(&host.cx(Causes::DECLARED)).await.unwrap() {
        Check::Converged(_) => None,
        Check::Drifted(drift) => drift.changes().pop(),
    }
}

fn message(params: Params) -> String {
    let errors = Exec::new(&"a command".into(), params).map(drop).unwrap_err();
    errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ")
}

fn text(outputs: &Outputs, key: &str) -> Option<String> {
    outputs.iter().find(|(name, _)| *name == key)?.1.as_str().map(str::to_owned)
}

#[tokio::test]
async fn without_a_guard_it_runs_once_for_each_declaration() {
    let host = TestHost::new();
    let log = host.path("log");
    let command = || exec(shell(format!("echo x >> {log}")));
    let first = command();
    assert!(ran(&host, &first, Causes::DECLARED).await);
    for cause in [Causes::DECLARED, Causes::PREDECESSOR, Causes::WAKE, Causes::ASKED, Causes::RETRY] {
        assert!(!ran(&host, &first, cause).await, "{cause:?}");
    }
    assert!(ran(&host, &command(), Causes::DECLARED).await);
    assert_eq!(fs::read_to_string(&log).unwrap(), "x\nx\n");
}

#[tokio::test]
async fn without_a_guard_a_poll_a_received_value_and_a_refresh_run_it_again() {
    let host = TestHost::new();
    let log = host.path("log");
    let command = exec(shell(format!("echo x >> {log}")));
    assert!(ran(&host, &command, Causes::DECLARED).await);
    assert!(ran(&host, &command, Causes::POLL).await);
    assert!(ran(&host, &command, Causes::RECEIVED.and(Causes::PREDECESSOR)).await);
    command.refresh(&host.cx(Causes::none())).await.unwrap();
    assert_eq!(fs::read_to_string(&log).unwrap().len(), 8);
}

#[tokio::test]
async fn a_run_that_failed_is_still_due() {
    let host = TestHost::new();
    let gate = host.path("gate");
    let command = exec(shell(format!("echo secret-free >&2; test -e {gate}")));
    let failure = look_and_run(&host, &command, Causes::DECLARED).await.unwrap_err();
    assert_eq!(failure, Failure::transient("`cmd`: exit status 1: secret-free"));
    fs::write(&gate, "").unwrap();
    assert!(ran(&host, &command, Causes::RETRY).await);
    fs::remove_file(&gate).unwrap();
    assert!(look_and_run(&host, &command, Causes::POLL).await.is_err());
    fs::write(&gate, "").unwrap();
    assert!(ran(&host, &command, Causes::RETRY).await);
    assert!(!ran(&host, &command, Causes::RETRY).await);
}

#[tokio::test]
async fn an_aborted_run_is_still_due() {
    let host = TestHost::new();
    let command = exec(shell("sleep 1000"));
    let Check::Drifted(drift) = command.check(&host.cx(Causes::DECLARED)).await.unwrap() else {
        panic!("not due")
    };
    let deadline = Duration::from_millis(20);
    assert!(tokio::time::timeout(deadline, command.apply(&host.cx(AGAIN), drift)).await.is_err());
    assert!(why(&host, &command).await.is_some());
}

#[tokio::test]
async fn a_change_of_a_watched_file_runs_it_and_a_wake_without_one_does_not() {
    let host = TestHost::new();
    let (log, file) = (host.path("log"), host.path("file"));
    let params = Params { watchfiles: vec![file.clone()], ..shell(format!("echo x >> {log}")) };
    let command = exec(params);
    assert_eq!(command.watches().len(), 1);
    assert!(ran(&host, &command, Causes::DECLARED).await);
    assert!(!ran(&host, &command, AGAIN).await);
    fs::write(&file, "1").unwrap();
    assert!(ran(&host, &command, AGAIN).await);
    assert!(!ran(&host, &command, AGAIN).await);
    fs::remove_file(&file).unwrap();
    assert!(ran(&host, &command, AGAIN).await);
    // What a link leads to counts, not the link.
    let other = host.path("other");
    fs::write(&other, "1").unwrap();
    std::os::unix::fs::symlink(&other, &file).unwrap();
    assert!(ran(&host, &command, AGAIN).await);
    fs::write(&other, "12").unwrap();
    assert!(ran(&host, &command, AGAIN).await);
    assert!(!ran(&host, &command, AGAIN).await);
}

#[tokio::test]
async fn creates_keeps_it_from_running_while_there_is_something() {
    let host = TestHost::new();
    let made = host.path("made");
    let command = exec(Params { creates: made.clone(), ..shell(format!("echo x >> {made}")) });
    assert_eq!(why(&host, &command).await.unwrap().is, "absent");
    assert!(ran(&host, &command, Causes::DECLARED).await);
    assert!(!ran(&host, &command, AGAIN).await);
    command.refresh(&host.cx(Causes::none())).await.unwrap();
    assert_eq!(fs::read_to_string(&made).unwrap(), "x\n");
    fs::remove_file(&made).unwrap();
    assert!(ran(&host, &command, AGAIN).await);
}

#[tokio::test]
async fn it_fails_if_it_does_not_create_what_it_says() {
    let host = TestHost::new();
    let command = exec(Params { creates: host.path("never"), ..shell("true") });
    let failure = look_and_run(&host, &command, Causes::DECLARED).await.unwrap_err();
    assert!(failure.message().contains("there is still nothing at"), "{failure}");
}

#[tokio::test]
async fn it_runs_again_when_what_it_is_made_from_is_newer() {
    let host = TestHost::new();
    let (made, source) = (host.path("made"), host.path("source"));
    let params = Params {
        creates: made.clone(),
        mtimes: vec![host.path("missing"), source.clone()],
        ..shell(format!("touch {made}"))
    };
    let command = exec(params);
    fs::write(&source, "").unwrap();
    assert!(ran(&host, &command, Causes::DECLARED).await);
    assert!(!ran(&host, &command, AGAIN).await);
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::File::options().append(true).open(&source).unwrap().set_modified(later).unwrap();
    assert!(why(&host, &command).await.unwrap().is.starts_with("older than"));
}

#[tokio::test]
async fn guard_commands_decide_at_every_look() {
    let host = TestHost::new();
    let (gate, log) = (host.path("gate"), host.path("log"));
    let params = |line: &str| shell(format!("echo {line} >> {log}"));
    let if_gate = exec(Params { ifcmd: format!("test -e {gate}"), ..params("if") });
    let unless_gate = exec(Params { nifcmd: format!("test -e {gate}"), ..params("unless") });
    assert!(!ran(&host, &if_gate, Causes::DECLARED).await);
    assert!(ran(&host, &unless_gate, Causes::DECLARED).await);
    assert!(ran(&host, &unless_gate, Causes::PREDECESSOR).await);
    fs::write(&gate, "").unwrap();
    assert!(ran(&host, &if_gate, Causes::PREDECESSOR).await);
    assert!(!ran(&host, &unless_gate, Causes::PREDECESSOR).await);
    unless_gate.refresh(&host.cx(Causes::none())).await.unwrap();
    assert_eq!(fs::read_to_string(&log).unwrap(), "unless\nunless\nif\n");
}

#[tokio::test]
async fn what_ifcmd_says_tells_that_there_is_nothing_to_do() {
    let host = TestHost::new();
    let file = host.path("file");
    let base = Params {
        ifcmd: format!("cat {file}; echo noise >&2"),
        ifshell: "/bin/sh".into(),
        ..shell(format!("echo wanted > {file}"))
    };
    let command = exec(Params { ifequals_stdout: Some("wanted".into()), ..base.clone() });
    fs::write(&file, "other\n").unwrap();
    assert!(ran(&host, &command, Causes::DECLARED).await);
    assert!(!ran(&host, &command, AGAIN).await);
    let with_noise = exec(Params { ifequals: Some(" wanted\nnoise ".into()), ..base });
    assert!(!ran(&host, &with_noise, Causes::DECLARED).await);
}

#[tokio::test]
async fn donecmd_has_the_last_word() {
    let host = TestHost::new();
    let log = host.path("log");
    let params = |line: &str, done: &str| Params {
        donecmd: format!("echo done >> {log}; {done}"),
        doneshell: "/bin/sh".into(),
        ..shell(line)
    };
    assert!(ran(&host, &exec(params("true", "true")), Causes::DECLARED).await);
    let failed = look_and_run(&host, &exec(params("true", "exit 4")), Causes::DECLARED).await.unwrap_err();
    assert_eq!(failed.message(), "`donecmd`: exit status 4");
    let never = look_and_run(&host, &exec(params("exit 5", "true")), Causes::DECLARED).await.unwrap_err();
    assert_eq!(never.message(), "`cmd`: exit status 5");
    assert_eq!(fs::read_to_string(&log).unwrap(), "done\ndone\n");
}

#[tokio::test]
async fn it_sends_what_it_said_or_what_is_given_for_when_it_did_not_run() {
    let host = TestHost::new();
    let command = exec(shell("echo out; echo err >&2"));
    let Check::Drifted(drift) = command.check(&host.cx(Causes::DECLARED)).await.unwrap() else {
        panic!("not due")
    };
    let sent = command.apply(&host.cx(Causes::DECLARED), drift).await.unwrap().outputs;
    assert_eq!(text(&sent, "stdout").unwrap(), "out\n");
    assert_eq!(text(&sent, "stderr").unwrap(), "err\n");
    assert_eq!(text(&sent, "output").unwrap().len(), 8);
    assert_eq!(command.check(&host.cx(AGAIN)).await.unwrap(), Check::Converged(sent));

    let guarded = Params { nifcmd: "true".into(), send_stdout: Some("before".into()), ..shell("true") };
    let Check::Converged(sent) = exec(guarded).check(&host.cx(Causes::DECLARED)).await.unwrap() else {
        panic!("the guard holds")
    };
    assert_eq!(sent, Outputs::none().with("stdout", Value::from("before")));
}

#[tokio::test]
async fn a_word_is_a_word_without_a_shell() {
    let host = TestHost::new();
    let out = host.path("out");
    let run = |params: Params| {
        let host = &host;
        async move {
            let command = exec(params);
            assert!(ran(host, &command, Causes::DECLARED).await);
            text(&command.sends(), "stdout").unwrap()
        }
    };
    let split = Params { cmd: format!("echo  a;  > {out} $HOME"), ..Params::default() };
    assert_eq!(run(split).await, format!("a; > {out} $HOME\n"));
    let args = Params { cmd: "echo".into(), args: vec!["a  b".into(), "*".into()], ..Params::default() };
    assert_eq!(run(args).await, "a  b *\n");
    let place =
        Params { cwd: "/usr".into(), env: [("X".into(), "1".into())].into(), ..shell("pwd; echo $X") };
    assert_eq!(run(place).await, "/usr\n1\n");
    let named = Exec::new(&"echo by name".into(), Params::default()).unwrap();
    assert!(ran(&host, &named, Causes::DECLARED).await);
    assert_eq!(text(&named.sends(), "stdout").unwrap(), "by name\n");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_failure_that_may_pass() {
    let host = TestHost::new();
    let command = exec(Params { cmd: "no-such-program-here".into(), ..Params::default() });
    let failure = look_and_run(&host, &command, Causes::DECLARED).await.unwrap_err();
    assert!(matches!(&failure, Failure::Transient(text) if text.contains("cannot run")), "{failure:?}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    assert!(message(Params { cwd: "here".into(), ..Params::default() }).contains("`cwd` must be absolute"));
    assert!(message(Params { sig: "LOUD".into(), ..Params::default() }).contains("`sig` is no signal"));
    assert!(message(Params { args: vec!["x".into()], ..shell("echo") }).contains("together with `shell`"));
    assert!(
        message(Params { mtimes: vec!["/x".into()], ..Params::default() })
            .contains("`creates` must be given")
    );
    assert!(
        message(Params { ifequals: Some("x".into()), ..Params::default() }).contains("`ifcmd` must be given")
    );
    assert!(message(Params { cmd: " ".into(), ..Params::default() }).contains("holds no command"));
    assert!(message(Params { cmd: "a\0b".into(), ..Params::default() }).contains("NUL"));
    let two = Params {
        ifcmd: "true".into(),
        ifequals: Some("x".into()),
        ifequals_stdout: Some("x".into()),
        ..Params::default()
    };
    assert!(message(two).contains("exclude each other"));
    let all = message(Params { creates: "x".into(), watchfiles: vec!["y".into()], ..Params::default() });
    assert!(all.contains("`creates`") && all.contains("`watchfiles`"), "{all}");
}

#[test]
fn it_needs_the_files_its_words_name_and_whom_it_runs_as() {
    let params = Params {
        cwd: "/srv".into(),
        user: "web".into(),
        group: "33".into(),
        ifcmd: "/usr/bin/check /not/this".into(),
        ..shell("/opt/run --config=/x '/etc/run.conf'; /opt/run")
    };
    let mut paths = Vec::new();
    let mut others = Vec::new();
    for need in exec(params).needs() {
        match need {
            Need::Claim(Claim::Path(path)) => paths.push(path.to_string()),
            other => others.push(other),
        }
    }
    assert_eq!(paths, ["/bin/sh", "/etc/run.conf", "/opt/run", "/srv", "/usr/bin/check"]);
    assert_eq!(others, [Need::Claim(Claim::User("web".into()))]);
}

#[test]
fn a_command_without_guard_is_warned_of() {
    let code = |params: Params| exec(params).warnings().pop().map(|(code, _)| code);
    assert_eq!(code(shell("true")), Some(codes::UNGUARDED_EXEC));
    assert_eq!(code(Params { creates: "/x".into(), ..shell("true") }), None);
    assert_eq!(code(Params { watchcmd: "tail -f /x".into(), ..shell("true") }), None);
}

#[test]
fn what_it_looks_at_follows_from_its_guards() {
    assert_eq!(exec(shell("true")).looks(), Looks::Nothing);
    let path = AbsPath::parse("/x").unwrap();
    assert_eq!(exec(Params { creates: "/x".into(), ..shell("true") }).looks(), Looks::Paths(vec![path]));
    assert_eq!(exec(Params { ifcmd: "true".into(), ..shell("true") }).looks(), Looks::Anything);
}

fn stream(exec: &Exec) -> CustomWatch {
    let custom = exec.watches().into_iter().find_map(|watch| match watch {
        Watch::Custom(custom) => Some(custom),
        Watch::Path { .. } | Watch::Every(_) | Watch::Store(_) => None,
    });
    custom.expect("a watchcmd is a stream")
}

#[tokio::test]
async fn each_line_of_watchcmd_runs_it_again() {
    let host = TestHost::new();
    let params = Params {
        watchcmd: "echo one; exec sleep 1000".into(),
        watchshell: "/bin/sh".into(),
        ..shell("true")
    };
    let command = exec(params);
    assert!(ran(&host, &command, Causes::DECLARED).await);
    assert!(!ran(&host, &command, AGAIN).await);
    let wakes = Wakes::new();
    let vertex = VertexKey { index: 1, generation: 0 };
    let stream = (stream(&command).run)(host.host.clone(), wakes.waker(vertex));
    tokio::select! {
        () = stream => panic!("a watch does not end"),
        () = wakes.ready() => {}
    }
    assert!(ran(&host, &command, AGAIN).await);
    assert!(!ran(&host, &command, AGAIN).await);
}

#[tokio::test(start_paused = true)]
async fn a_watchcmd_that_ends_is_started_again_ever_more_slowly() {
    let host = TestHost::new();
    let log = host.path("log");
    let params =
        Params { watchcmd: format!("echo x >> {log}"), watchshell: "/bin/sh".into(), ..shell("true") };
    let command = exec(params);
    assert!(ran(&host, &command, Causes::DECLARED).await);
    let wakes = Wakes::new();
    let vertex = VertexKey { index: 1, generation: 0 };
    let mut stream = (stream(&command).run)(host.host.clone(), wakes.waker(vertex));
    let started = tokio::time::Instant::now();
    let mut seconds = Vec::new();
    for _ in 0..9 {
        tokio::select! {
            () = &mut stream => panic!("a watch does not end"),
            () = wakes.ready() => {}
        }
        wakes.take();
        seconds.push(started.elapsed().as_secs());
    }
    assert_eq!(seconds, [1, 3, 7, 15, 31, 63, 123, 183, 243]);
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 9);
    // It was started again, but it said nothing.
    assert!(!ran(&host, &command, AGAIN).await);
}
