//! Several hosts on one machine: each with a network of its own, on one switch.
//!
//! The networks have no names: they end with their last user, however a test ends.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::skip;

/// Tests of one process use the same addresses.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The networks of hosts that are counted from 1.
pub struct Networks {
    hosts: Vec<OwnedFd>,
    _alone: MutexGuard<'static, ()>,
}

/// The address of a host.
pub fn address(host: usize) -> String {
    format!("10.88.0.{host}")
}

impl Networks {
    /// So many hosts; none where that cannot be, which is counted. This thread is at their switch from then on.
    pub fn new(hosts: usize) -> Option<Self> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        for program in ["etcd --version", "ip -V", "nsenter --version"] {
            let (program, argument) = program.split_once(' ').unwrap();
            if Command::new(program).arg(argument).stdout(Stdio::null()).status().is_err() {
                skip(&format!("{program} is not installed"));
                return None;
            }
        }
        let Some(networks) = (0..=hosts).map(|_| network()).collect::<Option<Vec<_>>>() else {
            skip("networks of their own need root");
            return None;
        };
        let mut networks = networks.into_iter();
        enter(&networks.next().unwrap());
        run("ip", "link add br0 type bridge");
        run("ip", "link set br0 up");
        run("ip", "addr add 10.88.0.254/24 dev br0");
        let all = Self { hosts: networks.collect(), _alone: alone };
        for host in 1..=hosts {
            let network = all.path(host);
            run("ip", &format!("link add v{host} type veth peer name eth0 netns {network}"));
            run("ip", &format!("link set v{host} master br0 up"));
            for command in [
                "link set lo up".into(),
                "link set eth0 up".into(),
                format!("addr add {}/24 dev eth0", address(host)),
            ] {
                run("nsenter", &format!("--net={network} ip {command}"));
            }
        }
        Some(all)
    }

    /// A command that runs on a host: add the program and its arguments.
    pub fn command(&self, host: usize) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path(host)));
        command
    }

    /// Takes the thread that calls it to a host, with what it starts from then on.
    pub fn entrance(&self, host: usize) -> impl FnOnce() + Send + 'static {
        let network = self.hosts[host - 1].try_clone().unwrap();
        move || enter(&network)
    }

    /// Takes a host off the switch.
    pub fn cut(&self, host: usize) {
        run("ip", &format!("link set v{host} down"));
    }

    /// Puts it back.
    pub fn heal(&self, host: usize) {
        run("ip", &format!("link set v{host} up"));
    }

    /// What a host sends goes nowhere from now on, and nobody is told.
    pub fn isolate(&self, host: usize) {
        run("ip", &format!("link set v{host} nomaster"));
    }

    /// Ends that.
    pub fn rejoin(&self, host: usize) {
        run("ip", &format!("link set v{host} master br0"));
    }

    fn path(&self, host: usize) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.hosts[host - 1].as_raw_fd())
    }
}

/// A network of its own, which ends with its last user.
#[allow(
    unsafe_code,
    reason = "the call is unsafe for what it may do to descriptors, which are not asked for here"
)]
fn network() -> Option<OwnedFd> {
    let before = File::open("/proc/thread-self/ns/net").unwrap();
    // SAFETY: only the network of this thread changes.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.ok()?;
    let network = File::open("/proc/thread-self/ns/net").unwrap();
    enter(&before.into());
    Some(network.into())
}

fn enter(network: &OwnedFd) {
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

#[track_caller]
fn run(program: &str, arguments: &str) {
    let done = Command::new(program).args(arguments.split(' ')).output().unwrap();
    assert!(done.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

impl std::fmt::Debug for Networks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Networks").field(&self.hosts.len()).finish()
    }
}
