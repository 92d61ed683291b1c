//! Handing out large files of releases, and taking them in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use homeostat_cluster::deploys::Hash;
use homeostat_cluster::deploys::blobs::{Depot, DepotError, Patience, Pieces, ReceptionError, part};
use http_body_util::BodyExt;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::outgoing::Outgoing;
use super::server::{Api, Caller};

/// A release comes through the store, and its large files straight from the operator: they may be quicker.
const RELEASE_WAIT_MAX: Duration = Duration::from_secs(10);

/// Nobody gives for longer.
const TAKE_TIME_MAX: Duration = Duration::from_secs(6 * 3600);

/// Hands one out, from an offset on if that is asked for.
pub(super) async fn give(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(hash): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    let (depot, hash) = asked(&api, &hash)?;
    let peer = caller.peer.ok_or(StatusCode::FORBIDDEN)?;
    let (file, bytes) = depot.open(&hash).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    })?;
    let from = match headers.get(RANGE) {
        Some(range) => {
            let start = range.to_str().ok().and_then(|range| part::start(range, bytes));
            start.ok_or(StatusCode::RANGE_NOT_SATISFIABLE)?
        }
        None => 0,
    };
    let body = if method == Method::HEAD {
        Body::new(Outgoing::new(Pieces::of_bytes(Vec::new()), bytes))
    } else {
        let alone = api.giving.alone(&peer.host).await;
        let turn = alone.and_then(|alone| api.giving.begin(alone)).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        // Whoever is removed meanwhile gets no more; the turn goes with the last piece.
        let may_go_on = move || !api.cluster.tls().is_refused(&peer.serial) && turn.goes_on();
        Body::new(Outgoing::new(Pieces::of_file(file, from, may_go_on), bytes - from))
    };
    if from == 0 {
        return Ok(body.into_response());
    }
    Ok((StatusCode::PARTIAL_CONTENT, [(CONTENT_RANGE, part::given(from, bytes))], body).into_response())
}

/// Takes one in, if a release that an operator signed names it for this host. For others, members take in what is given to them, and every
/// host what comes from itself: from those the others have it.
pub(super) async fn take(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(hash): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, (StatusCode, String)> {
    let plain = |status: StatusCode| (status, String::new());
    let (depot, hash) = asked(&api, &hash).map_err(plain)?;
    let said = |status, text: &str| (status, text.to_owned());
    let peer = caller.peer.ok_or_else(|| plain(StatusCode::FORBIDDEN))?;
    let busy = |text| said(StatusCode::SERVICE_UNAVAILABLE, text);
    let alone =
        api.taking.alone(&peer.host).await.ok_or_else(|| busy("this host gives something else just now"))?;
    let wanted = depot.wanted(&hash, RELEASE_WAIT_MAX).await;
    let bytes = wanted.filter(|wanted| wanted.is_for_us || api.cluster.takes_for_others(&peer.host));
    let bytes =
        bytes.ok_or_else(|| said(StatusCode::FORBIDDEN, "no release that counts here names it"))?.bytes;
    if depot.has(&hash, bytes) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length != Some(bytes) {
        return Err(said(StatusCode::BAD_REQUEST, "it has another size"));
    }
    let _turn = api.taking.begin(alone).ok_or_else(|| busy("too many give at once"))?;
    let mut reception = depot.take(hash, bytes).await.map_err(|error| match error {
        DepotError::Busy => (StatusCode::CONFLICT, error.to_string()),
        DepotError::Disk(_) | DepotError::NoRoom => (StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
    })?;
    let kept = async {
        reception.take(&mut pieces(body), Patience::default()).await?;
        reception.finish().await
    };
    match timeout(TAKE_TIME_MAX, kept).await.unwrap_or(Err(ReceptionError::TooSlow)) {
        Ok(_) => {
            tracing::info!("blob {hash} came from `{}`", peer.host);
            Ok(StatusCode::CREATED)
        }
        Err(error @ ReceptionError::Disk(_)) => {
            tracing::error!("blob {hash}: {:#}", anyhow::Error::from(error));
            Err(said(StatusCode::INSUFFICIENT_STORAGE, "it cannot be kept"))
        }
        Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string())),
    }
}

/// Where it is, on agents that follow releases.
fn asked(api: &Api, hash: &str) -> Result<(Depot, Hash), StatusCode> {
    let depot = api.cluster.depot().ok_or(StatusCode::NOT_FOUND)?;
    let hash = hash.parse().map_err(|_| StatusCode::NOT_FOUND)?;
    Ok((depot.clone(), hash))
}

fn pieces(mut body: Body) -> Pieces {
    Pieces::sent_by(async move |sender: Sender<io::Result<hyper::body::Bytes>>| {
        while let Some(frame) = body.frame().await {
            let piece = match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(piece)) => Ok(piece),
                // Headers after the body are of no interest.
                Ok(Err(_)) => continue,
                Err(error) => Err(io::Error::other(error)),
            };
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    })
}
