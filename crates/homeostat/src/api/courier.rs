//! The asking end of large files: from whoever has them, and to whoever takes them in.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use homeostat_cluster::deploys::blobs::{Courier, Holder, Pieces, part};
use homeostat_cluster::deploys::{Body, Content, Hash};
use homeostat_cluster::tls::{Tls, Whom};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_RANGE, HOST, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::outgoing::Outgoing;
use super::path;
use crate::agent::Cluster;

/// How long an answer may take to begin, once everything was said.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long it may take until all was said and kept at the other end, by the slowest way that it would take.
const HAND_OVER_MAX: Duration = Duration::from_secs(6 * 3600);
const REASON_BYTES_MAX: usize = 4 << 10;

/// Brings what other agents have.
pub(crate) struct AgentCourier(pub(crate) Arc<Cluster>);

impl Courier for AgentCourier {
    fn fetch(&self, from: &Holder, hash: Hash, offset: u64) -> Pieces {
        let (cluster, from) = (self.0.clone(), from.clone());
        Pieces::sent_by(async move |sender: Sender<io::Result<Bytes>>| {
            if let Err(error) = fetch(cluster.tls(), &from, hash, offset, &sender).await {
                sender.send(Err(error)).await.ok();
            }
        })
    }
}

async fn fetch(
    tls: &Tls,
    from: &Holder,
    hash: Hash,
    offset: u64,
    sender: &Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let whom = Whom::Host(from.host.parse().map_err(|_| io::Error::other("it has no name of a host"))?);
    let mut request = Request::builder().method(Method::GET);
    if offset > 0 {
        request = request.header(RANGE, part::asked(offset));
    }
    let nothing = Outgoing::new(Pieces::of_bytes(Vec::new()), 0);
    let asked = ask(tls, from.agent, &whom, &hash, request, nothing);
    let (response, _connection) = timeout(ANSWER_MAX, asked).await.map_err(|_| late())??;
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let is_right = match response.status() {
        StatusCode::OK => offset == 0,
        StatusCode::PARTIAL_CONTENT => range.is_some_and(|range| part::begins_at(range, offset)),
        StatusCode::NOT_FOUND => return Err(io::Error::other("it does not have it")),
        StatusCode::SERVICE_UNAVAILABLE => return Err(io::Error::other("it gives to others just now")),
        _ => false,
    };
    if !is_right {
        return Err(io::Error::other(format!("it answers what was not asked (HTTP {})", response.status())));
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(io::Error::other)?.into_data()
            && sender.send(Ok(piece)).await.is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// What became of handing something over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandOver {
    Done,
    WasThere,
}

/// Gives a large file to an agent.
pub(crate) async fn hand_over(
    tls: &Tls,
    at: SocketAddr,
    whom: &Whom,
    content: &Content,
) -> anyhow::Result<HandOver> {
    let nothing = Outgoing::new(Pieces::of_bytes(Vec::new()), 0);
    let head = ask(tls, at, whom, &content.hash, Request::builder().method(Method::HEAD), nothing);
    let (response, _) = timeout(ANSWER_MAX, head).await.map_err(|_| late())??;
    if response.status() == StatusCode::OK {
        return Ok(HandOver::WasThere);
    }
    let pieces = match &content.body {
        Body::Here(bytes) => Pieces::of_bytes(bytes.clone()),
        Body::At(path) => Pieces::of_file(open(path)?, 0, || true),
        Body::Elsewhere => anyhow::bail!("it does not have {}, which is not here either", content.hash),
    };
    let put = Request::builder().method(Method::PUT);
    let all = async {
        let body = Outgoing::new(pieces, content.bytes);
        let (response, connection) = ask(tls, at, whom, &content.hash, put, body).await?;
        let status = response.status();
        let reason = Limited::new(response.into_body(), REASON_BYTES_MAX).collect().await;
        drop(connection);
        let reason = reason.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok::<_, io::Error>((status, String::from_utf8_lossy(&reason).into_owned()))
    };
    let (status, reason) = timeout(HAND_OVER_MAX, all).await.map_err(|_| late())??;
    match status {
        StatusCode::CREATED => Ok(HandOver::Done),
        StatusCode::NO_CONTENT => Ok(HandOver::WasThere),
        StatusCode::NOT_FOUND => anyhow::bail!("no `homeostat agent` runs there"),
        _ if reason.is_empty() => anyhow::bail!("it was not taken (HTTP {status})"),
        _ => anyhow::bail!("it was not taken: {}", homeostat_model::suggest::printable(&reason)),
    }
}

fn open(path: &Path) -> anyhow::Result<std::fs::File> {
    use anyhow::Context;
    std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Asks about a hash; the connection lives as long as the second part of what is returned.
async fn ask(
    tls: &Tls,
    at: SocketAddr,
    whom: &Whom,
    hash: &Hash,
    request: hyper::http::request::Builder,
    body: Outgoing,
) -> io::Result<(Response<Incoming>, JoinSet<()>)> {
    let stream = tls.connect(at, whom).await.map_err(io::Error::other)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    let request = request.uri(format!("{}{hash}", path::BLOBS)).header(HOST, "agent").body(body);
    let request = request.expect("the path is ours");
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok((response, tasks))
}

fn late() -> io::Error {
    io::Error::other("no answer in time")
}
