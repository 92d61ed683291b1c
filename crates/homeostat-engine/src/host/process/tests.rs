use std::sync::mpsc as sync_mpsc;
use std::time::Instant;

use tokio::time::timeout;

use super::*;

/// Longer than anything here may take; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

fn processes() -> Processes {
    Processes::new(&AbsPath::parse("/").unwrap(), RootExec::In, GRACE)
}

fn sh(line: &str) -> Command {
    Command::shell("/bin/sh", line)
}

async fn run(command: Command) -> Finished {
    processes().run(command).await.unwrap()
}

async fn stdout(command: Command) -> String {
    run(command).await.stdout.text().into_owned()
}

fn is_alive(pid: &str) -> bool {
    // A zombie whose parent does not reap it is as dead as it gets.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until_gone(pid: &str) {
    let gone = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("process {pid} is still there"));
}

/// Follows a command until it says its first line.
async fn first_line(processes: &Processes, command: Command) -> (String, impl Future<Output = ()>) {
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let mut running = Box::pin(processes.follow(command, move |line| {
        sender.send(String::from_utf8_lossy(line).into_owned()).unwrap();
    }));
    let line = tokio::select! {
        finished = &mut running => panic!("ended before its first line: {finished:?}"),
        line = timeout(PATIENCE, lines.recv()) => line.unwrap().unwrap(),
    };
    (line, async move { drop(running.await) })
}

#[tokio::test]
async fn a_command_tells_how_it_ended_and_what_it_said() {
    let finished = run(sh("echo out; echo err >&2; exit 3")).await;
    assert_eq!(finished.exit, Exit::Status(3));
    assert_eq!(finished.exit.to_string(), "exit status 3");
    assert_eq!(finished.stdout.text(), "out\n");
    assert_eq!(finished.stderr.text(), "err\n");
    assert_eq!(finished.output.text().len(), 8);
    assert_eq!(run(sh("kill -9 $$")).await.exit, Exit::Signal(9));
}

#[tokio::test]
async fn the_environment_is_fixed() {
    let text = stdout(Command::new("env").env([("X".to_owned(), "1".to_owned())].into())).await;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let home = format!(
        "HOME={}",
        if rustix::process::geteuid().is_root() { "/root" } else { lines[0].split_once('=').unwrap().1 }
    );
    assert_eq!(lines, [home.as_str(), "LANG=C.UTF-8", &format!("PATH={PATH}"), "X=1"]);
}

#[tokio::test]
async fn it_has_no_input_no_terminal_and_a_session_of_its_own() {
    let text =
        stdout(sh("cat; readlink /proc/self/fd/0; cut -d' ' -f 1,5,6,7 /proc/$$/stat; pwd; umask")).await;
    let lines: Vec<&str> = text.lines().collect();
    let stat: Vec<&str> = lines[1].split(' ').collect();
    assert_eq!(lines[0], "/dev/null");
    assert!(stat[0] == stat[1] && stat[1] == stat[2], "{stat:?}");
    assert_eq!((stat[3], lines[2], lines[3]), ("0", "/", "0022"));
}

#[tokio::test]
async fn no_signal_is_ignored_or_blocked() {
    let text = stdout(Command::new("grep").args(["^Sig[BI]".into(), "/proc/self/status".into()])).await;
    let sets = text.lines().filter_map(|line| line.split_once(":\t"));
    let sets: Vec<u64> = sets.map(|(_, set)| u64::from_str_radix(set, 16).unwrap()).collect();
    // Those above 31 belong to the C library.
    let common: Vec<u64> = sets.iter().map(|set| set & 0x7fff_ffff).collect();
    assert_eq!(common, [0, 0], "{text}");
}

#[tokio::test]
async fn a_script_without_an_interpreter_is_one_for_the_shell() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "echo \"$0 $*\"\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap().to_owned();
    let text = stdout(Command::new(&script).args(["a b".into(), "c".into()])).await;
    assert_eq!(text, format!("{script} a b c\n"));
}

#[tokio::test]
async fn a_program_is_searched_for_in_the_path_that_it_gets() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/echo", directory.path().join("my-echo")).unwrap();
    let path = format!("/no/such/directory:{}", directory.path().display());
    let command = Command::new("my-echo").args(["found".into()]).env([("PATH".to_owned(), path)].into());
    assert_eq!(stdout(command).await, "found\n");
}

#[tokio::test]
async fn output_is_bounded_and_the_command_is_not_held_up() {
    let finished = run(sh("head -c 5000000 /dev/zero; echo; echo the end; echo done >&2")).await;
    assert_eq!(finished.exit, Exit::Status(0));
    assert!(finished.stdout.left_out() > 3_000_000);
    assert!(finished.stdout.text().len() < OUTPUT_BYTES_MAX + 8192);
    assert_eq!(finished.stdout.last_lines(1, 80), "the end");
    assert_eq!(finished.stderr.text(), "done\n");
}

#[tokio::test]
async fn dropping_the_future_ends_the_whole_process_group() {
    let processes = processes();
    let (pids, running) = first_line(&processes, sh("sleep 1000 & echo $$ $!; wait")).await;
    let (leader, child) = pids.split_once(' ').unwrap();
    assert!(is_alive(leader) && is_alive(child));
    drop(running);
    until_gone(leader).await;
    until_gone(child).await;
}

#[tokio::test]
async fn who_ignores_the_request_is_killed_after_the_grace() {
    let grace = Duration::from_millis(50);
    let processes = Processes::new(&AbsPath::parse("/").unwrap(), RootExec::In, grace);
    let stubborn =
        "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $$ $!; while :; do sleep 1; done";
    let (pids, running) = first_line(&processes, sh(stubborn)).await;
    let (leader, child) = pids.split_once(' ').unwrap();
    drop(running);
    until_gone(leader).await;
    until_gone(child).await;
}

#[tokio::test]
async fn it_is_asked_to_end_with_the_signal_of_its_choice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("asked");
    let processes = processes();
    let line =
        format!("trap 'echo int > {}; exit' INT; echo ready; while :; do sleep 0.01; done", path.display());
    let (_, running) = first_line(&processes, sh(&line).end_signal(libc::SIGINT)).await;
    drop(running);
    drop(processes);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "int\n");
}

#[tokio::test]
async fn when_the_door_closes_nobody_is_left() {
    let processes = processes();
    let (pid, running) = first_line(&processes, sh("echo $$; exec sleep 1000")).await;
    drop(running);
    drop(processes);
    assert!(!is_alive(&pid));
}

const CHILD: &str = "HOMEOSTAT_TEST_PROCESSES";

/// Not a test of its own: [`when_the_agent_is_killed_its_commands_end`] runs it as a process to kill.
#[tokio::test]
async fn run_until_killed() {
    if std::env::var_os(CHILD).is_some() {
        let say = |line: &[u8]| println!("command {}", String::from_utf8_lossy(line));
        drop(processes().follow(sh("echo $$; exec sleep 1000"), say).await);
    }
}

#[tokio::test]
async fn when_the_agent_is_killed_its_commands_end() {
    use std::io::{BufRead, BufReader};
    let mut agent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "host::process::tests::run_until_killed", "--nocapture"])
        .env(CHILD, "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(agent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.find_map(|line| Some(line.split_once("command ")?.1.to_owned())).unwrap();
    assert!(is_alive(&pid));
    agent.kill().unwrap();
    agent.wait().unwrap();
    until_gone(&pid).await;
}

#[tokio::test]
async fn what_a_command_leaves_behind_is_neither_waited_for_nor_ended() {
    let started = Instant::now();
    let finished = run(sh("sleep 1000 & echo $!")).await;
    assert!(started.elapsed() < PATIENCE);
    let pid = finished.stdout.text().trim().to_owned();
    assert!(is_alive(&pid));
    let kill = run(Command::new("kill").args([pid.clone()])).await;
    assert!(kill.exit.success());
    until_gone(&pid).await;
}

#[tokio::test]
async fn lines_are_handed_on_while_it_runs() {
    let (sender, lines) = sync_mpsc::channel();
    let finished = processes()
        .follow(sh("printf 'one\\ntwo\\nlast without end'"), move |line| {
            sender.send(String::from_utf8_lossy(line).into_owned()).unwrap();
        })
        .await
        .unwrap();
    assert!(finished.exit.success());
    assert_eq!(lines.iter().collect::<Vec<_>>(), ["one", "two", "last without end"]);
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let processes = processes();
    let error = processes.run(Command::new("no-such-program-here")).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot run `no-such-program-here`");
    let nowhere = AbsPath::parse("/no/such/place").unwrap();
    let error = processes.run(sh("true").cwd(Some(nowhere))).await.unwrap_err();
    assert!(matches!(error, ProcessError::NoDirectory(_)), "{error}");
    let error = processes.run(sh("true").user(Some("no-such-user".into()))).await.unwrap_err();
    assert!(matches!(error, ProcessError::UnknownUser(_)), "{error}");
    let error = processes.run(sh("true").group(Some("no-such-group".into()))).await.unwrap_err();
    assert!(matches!(error, ProcessError::UnknownGroup(_)), "{error}");
}

#[tokio::test]
async fn it_runs_as_another_user_with_that_users_groups_and_home() {
    let command = sh("id -u; id -g; id -G; echo $HOME").user(Some("nobody".into()));
    match processes().run(command).await {
        Ok(finished) => {
            let text = finished.stdout.text().into_owned();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[..2], ["65534", "65534"], "{text}");
            assert_eq!(lines[2], "65534");
            assert_ne!(lines[3], "/root");
        }
        Err(error) => assert!(matches!(error, ProcessError::MayNotChangeUser), "{error}"),
    }
}

#[tokio::test]
async fn a_root_of_its_own_is_entered_or_refused_but_never_left() {
    let directory = tempfile::tempdir().unwrap();
    let root = AbsPath::parse(directory.path().to_str().unwrap()).unwrap();
    std::fs::write(directory.path().join("inside"), "").unwrap();
    let outside = Processes::new(&root, RootExec::Host, GRACE);
    assert!(outside.run(Command::new("true")).await.unwrap().exit.success());
    let inside = Processes::new(&root, RootExec::In, GRACE);
    // The root is empty, so that whatever runs there cannot have been found inside.
    match inside.run(Command::new("true")).await.unwrap_err() {
        ProcessError::Start { source, .. } => assert_eq!(source.kind(), io::ErrorKind::NotFound),
        other => assert!(matches!(other, ProcessError::MayNotEnterRoot(_)), "{other}"),
    }
}

#[tokio::test]
async fn a_hundred_at_once_end_all() {
    let processes = std::sync::Arc::new(processes());
    let mut running = tokio::task::JoinSet::new();
    for at in 0..100 {
        let processes = processes.clone();
        running.spawn(async move { processes.run(sh(&format!("exit {at}"))).await.unwrap().exit });
    }
    let mut exits = running.join_all().await;
    exits.sort_by_key(|exit| if let Exit::Status(status) = exit { *status } else { -1 });
    assert_eq!(exits, (0..100).map(Exit::Status).collect::<Vec<_>>());
}
