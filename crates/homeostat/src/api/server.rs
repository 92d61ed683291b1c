//! The answering end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use homeostat_cluster::join::{
    Granted, JoinAnswer, JoinRequest, REQUEST_BYTES_MAX, Refusal, Renewal, Return,
};
use homeostat_cluster::tls::{Peer, TlsError};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::attempts::Attempts;
use super::turns::Turns;
use super::{blobs, path};
use crate::agent::Cluster;

const CONNECTIONS_MAX: usize = 1024;
/// Of those, how many may show no certificate.
const STRANGERS_MAX: usize = 64;
/// How long one more waits.
const STRANGER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a stranger may stay.
const STRANGER_MAX: Duration = Duration::from_secs(60);
/// How long a request may take to come, and how long its answer.
const HEADER_MAX: Duration = Duration::from_secs(30);
const ANSWER_MAX: Duration = Duration::from_secs(60);
const BUFFER_BYTES_MAX: usize = 32 << 10;
const BIND_AGAIN: Duration = Duration::from_secs(5);

/// Large files that are handed out at once, and taken in; whoever comes then is told to come later.
const GIVING_MAX: usize = 16;
const TAKING_MAX: usize = 4;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    from: IpAddr,
    pub(super) peer: Option<Peer>,
}

pub(super) struct Api {
    pub(super) cluster: Arc<Cluster>,
    /// Joins that were refused.
    joins: Attempts,
    /// Handshakes that failed.
    handshakes: Attempts,
    strangers: Arc<Semaphore>,
    pub(super) giving: Turns,
    pub(super) taking: Turns,
}

impl Api {
    /// Logs it, unless somebody fills the log.
    fn not_let_in(&self, from: IpAddr, error: TlsError) {
        let now = Instant::now();
        let error = anyhow::Error::from(error);
        if self.handshakes.may_try(from, now) {
            tracing::warn!("{from} was not let in: {error:#}");
        } else {
            tracing::debug!("{from} was not let in: {error:#}");
        }
        self.handshakes.failed(from, now);
    }
}

/// Answers for as long as it is let. An address that is not there yet is waited for.
pub(crate) async fn serve(cluster: Arc<Cluster>) {
    let listener = listen(cluster.address()).await;
    let api = Arc::new(Api {
        cluster,
        joins: Attempts::default(),
        handshakes: Attempts::default(),
        strangers: Arc::new(Semaphore::new(STRANGERS_MAX)),
        giving: Turns::new(GIVING_MAX),
        taking: Turns::new(TAKING_MAX),
    });
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, from)) => drop(connections.spawn(answer(api.clone(), stream, from.ip()))),
            Err(error) => {
                tracing::warn!("cannot take a connection of another agent: {error}");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    let mut was_said = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if was_said => tracing::debug!("cannot listen at {address}: {error}"),
            Err(error) => {
                tracing::error!("other agents cannot reach us: cannot listen at {address}: {error}")
            }
        }
        was_said = true;
        sleep(BIND_AGAIN).await;
    }
}

/// One connection: requests until it ends.
async fn answer(api: Arc<Api>, stream: TcpStream, from: IpAddr) {
    let (stream, peer) = match api.cluster.tls().accept(stream).await {
        Ok(accepted) => accepted,
        Err(error) => return api.not_let_in(from, error),
    };
    let is_stranger = peer.is_none();
    // Many may join at once: they wait for each other.
    let strangers = api.strangers.clone();
    let _permit = match is_stranger.then(|| timeout(STRANGER_WAIT_MAX, strangers.acquire_owned())) {
        Some(permit) => match permit.await {
            Ok(Ok(permit)) => Some(permit),
            Ok(Err(_)) | Err(_) => {
                return tracing::warn!("{from} was not let in: too many have no certificate");
            }
        },
        None => None,
    };
    let service = TowerToHyperService::new(router(api, Caller { from, peer }));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends concerns nobody but the other end.
    if is_stranger {
        timeout(STRANGER_MAX, connection).await.ok();
    } else {
        connection.await.ok();
    }
}

fn router(api: Arc<Api>, caller: Caller) -> Router {
    // What is large takes its time, as long as it gets on.
    let large = Router::new()
        .route(&format!("{}{{hash}}", path::BLOBS), get(blobs::give).put(blobs::take))
        .layer(DefaultBodyLimit::disable());
    Router::new()
        .route(path::JOIN, post(join))
        .route(path::RENEW, post(renew))
        .route(path::RETURN, post(come_back))
        .route(path::LEAVE, post(leave))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(from_fn(in_time))
        .merge(large)
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(api.clone(), guard))
        .layer(Extension(caller))
        .with_state(api)
}

/// Nobody waits for ever.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout(ANSWER_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refused(Refusal::Unavailable("it takes too long".into())).into_response(),
    }
}

/// Who is not known reaches `join` and `return` alone.
async fn guard(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let is_known = match &caller.peer {
        Some(peer) => !api.cluster.tls().is_refused(&peer.serial),
        None => [path::JOIN, path::RETURN].contains(&request.uri().path()),
    };
    if !is_known {
        return Refused(Refusal::NotAuthorized).into_response();
    }
    next.run(request).await
}

async fn join(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<JoinAnswer>, Refused> {
    let from = caller.from;
    if !api.joins.may_try(from, Instant::now()) {
        return Err(Refused(Refusal::TooOften));
    }
    let asked = JoinRequest::parse(&body);
    let host = match &asked {
        Ok(JoinRequest::Admit(admission)) => format!("`{}`", admission.host),
        Ok(JoinRequest::Where) | Err(_) => "somebody".to_owned(),
    };
    let answer = match asked {
        Ok(asked) => api.cluster.answer_join(asked).await,
        Err(refusal) => Err(refusal),
    };
    match answer {
        Ok(answer) => {
            if let JoinAnswer::Admitted(_) = &answer {
                tracing::warn!("{host} at {from} has joined the cluster");
            }
            Ok(Json(answer))
        }
        Err(refusal) => {
            api.joins.failed(from, Instant::now());
            tracing::warn!("{host} at {from} was not admitted: {refusal}");
            Err(Refused(refusal))
        }
    }
}

async fn renew(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Granted>, Refused> {
    let who = caller.peer.ok_or(Refused(Refusal::NotAuthorized))?;
    let granted = api.cluster.answer_renewal(&who, &Renewal::parse(&body).map_err(Refused)?).await;
    granted.map(Json).map_err(|refusal| {
        tracing::warn!("the certificates of `{}` were not renewed: {refusal}", who.host);
        Refused(refusal)
    })
}

/// Like joining, it can be tried by anybody, and so not often in vain.
async fn come_back(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Granted>, Refused> {
    let from = caller.from;
    if !api.joins.may_try(from, Instant::now()) {
        return Err(Refused(Refusal::TooOften));
    }
    let granted = match Return::parse(&body) {
        Ok(asked) => api.cluster.answer_return(&asked).await.map(|granted| (asked.host, granted)),
        Err(refusal) => Err(refusal),
    };
    match granted {
        Ok((host, granted)) => {
            tracing::warn!("`{host}` at {from} has come back after its certificates had ended");
            Ok(Json(granted))
        }
        Err(refusal) => {
            api.joins.failed(from, Instant::now());
            tracing::warn!("somebody at {from} did not come back: {refusal}");
            Err(Refused(refusal))
        }
    }
}

async fn leave(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Refused> {
    let who = caller.peer.ok_or(Refused(Refusal::NotAuthorized))?;
    api.cluster.answer_leave(&who).await.map_err(Refused)?;
    tracing::warn!("`{}` has left the cluster", who.host);
    Ok(StatusCode::NO_CONTENT)
}

/// A refusal as an answer.
struct Refused(Refusal);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            Refusal::Malformed(_) | Refusal::Version(_) => StatusCode::BAD_REQUEST,
            Refusal::UnknownToken
            | Refusal::WrongSecret
            | Refusal::TokenExpired
            | Refusal::TokenUsed
            | Refusal::AwayTooLong(_)
            | Refusal::NotAuthorized => StatusCode::FORBIDDEN,
            Refusal::UnknownHost(_) => StatusCode::NOT_FOUND,
            Refusal::HostTaken(_)
            | Refusal::AddressTaken { .. }
            | Refusal::LastMember(_)
            | Refusal::Itself(_) => StatusCode::CONFLICT,
            Refusal::NotAMember => StatusCode::MISDIRECTED_REQUEST,
            Refusal::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(self.0)).into_response()
    }
}
