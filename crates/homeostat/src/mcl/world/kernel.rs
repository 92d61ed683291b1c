//! Sockets through which the kernel says that something of this machine is different: only that, so whoever listens looks again.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use homeostat_lang::functions::{Answer, Sink};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tokio::io::unix::AsyncFd;

/// Changes come many at a time; they are one look.
const TOGETHER: Duration = Duration::from_millis(50);
/// Where the kernel does not tell, looks are so far apart.
const UNTOLD: Duration = Duration::from_secs(60);

/// A protocol, which is that of routes if none is named, and groups of what it tells.
type Group = (Option<Protocol>, u32);

/// Interfaces, and their addresses: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR.
const INTERFACES: Group = (None, 0x1 | 0x10 | 0x100);
/// Devices and modules, as the kernel itself tells it.
const DEVICES: Group = (Some(netlink::KOBJECT_UEVENT), 0x1);

/// Answers whenever interfaces or their addresses may differ.
pub(super) async fn interfaces(sink: Sink) {
    follow(INTERFACES, sink, super::interfaces::all).await;
}

/// Answers whenever devices or modules may differ.
pub(super) async fn devices(sink: Sink, look: fn() -> Answer) {
    follow(DEVICES, sink, look).await;
}

async fn follow(what: Group, sink: Sink, look: fn() -> Answer) {
    // Listening first and looking then: a change in between is seen.
    let listening = listen(what);
    if let Err(error) = &listening {
        tracing::warn!("changes of this machine are not told, and looked for once a minute: {error}");
    }
    loop {
        if let Ok(answer) = tokio::task::spawn_blocking(look).await {
            sink(answer);
        }
        match &listening {
            Ok(socket) => {
                if told(socket).await.is_err() {
                    tokio::time::sleep(UNTOLD).await;
                }
                tokio::time::sleep(TOGETHER).await;
                drain(socket);
            }
            Err(_) => tokio::time::sleep(UNTOLD).await,
        }
    }
}

fn listen((protocol, groups): Group) -> io::Result<AsyncFd<OwnedFd>> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    registered(socket)
}

/// The successor of this constructor is unsafe, for types that could close the descriptor behind it; this one owns its own.
#[allow(deprecated)]
fn registered(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(socket)
}

async fn told(socket: &AsyncFd<OwnedFd>) -> io::Result<()> {
    let mut ready = socket.readable().await?;
    ready.clear_ready();
    Ok(())
}

/// Takes all that waits; what was lost for want of space is news too, and seen by the next look.
fn drain(socket: &AsyncFd<OwnedFd>) {
    let mut buffer = [0_u8; 8192];
    loop {
        match recv(socket.get_ref(), buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok(_) | Err(Errno::NOBUFS | Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
