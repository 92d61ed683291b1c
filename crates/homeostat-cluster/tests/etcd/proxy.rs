//! A way to the server that can be cut, with and without a word.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Connections are closed, and so are new ones.
    Closed,
}

/// Listens on a port of its own and passes everything on.
pub(crate) struct Proxy {
    address: SocketAddr,
    way: Arc<watch::Sender<Way>>,
    /// Connections up to this number pass nothing on any more, and nobody is told.
    silenced: Arc<watch::Sender<u64>>,
    accepted: Arc<watch::Sender<u64>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let silenced = Arc::new(watch::Sender::new(0));
        let accepted = Arc::new(watch::Sender::new(0));
        let mut tasks = JoinSet::new();
        let shared = (way.clone(), silenced.clone(), accepted.clone());
        tasks.spawn(async move {
            let (way, silenced, accepted) = shared;
            let mut connections = JoinSet::new();
            loop {
                let (from, _) = listener.accept().await.unwrap();
                accepted.send_modify(|number| *number += 1);
                let number = *accepted.borrow();
                connections.spawn(pass(from, to, number, way.subscribe(), silenced.subscribe()));
            }
        });
        Self { address, way, silenced, accepted, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, those that are connected hear nothing more and are not told; new ones are served.
    pub(crate) fn silence(&self) {
        self.silenced.send_replace(*self.accepted.borrow());
    }

    pub(crate) fn close(&self) {
        self.way.send_replace(Way::Closed);
    }

    pub(crate) fn open(&self) {
        self.way.send_replace(Way::Open);
    }
}

async fn pass(
    mut from: TcpStream,
    to: u16,
    number: u64,
    mut way: watch::Receiver<Way>,
    mut silenced: watch::Receiver<u64>,
) {
    if *way.borrow() == Way::Closed {
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let (mut up, mut down) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        tokio::select! {
            () = until(&mut way, |way| *way == Way::Closed) => return,
            () = until(&mut silenced, |silenced| *silenced >= number) => break,
            read = from.read(&mut up) => match read {
                Ok(count @ 1..) if server.write_all(&up[..count]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(count @ 1..) if from.write_all(&down[..count]).await.is_ok() => {}
                _ => return,
            },
        }
    }
    // Both ends stay open.
    until(&mut way, |way| *way == Way::Closed).await;
}

async fn until<T>(changes: &mut watch::Receiver<T>, is_so: impl FnMut(&T) -> bool) {
    drop(changes.wait_for(is_so).await);
}
