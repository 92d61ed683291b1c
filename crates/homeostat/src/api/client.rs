//! The asking end: one request on a connection of its own.

use std::time::Duration;

use homeostat_cluster::join::{ANSWER_BYTES_MAX, Refusal};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

const ANSWER_MAX: Duration = Duration::from_secs(75);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// There is one, and it is no.
    #[error(transparent)]
    Refused(Refusal),
    /// The connection ended.
    #[error("the connection ended")]
    Ended(#[from] hyper::Error),
    /// Nothing came in time.
    #[error("no answer in time")]
    Late,
    /// It is not understood.
    #[error("the answer cannot be understood (HTTP {0})")]
    NotUnderstood(u16),
}

/// Asks, and waits for the answer.
pub(crate) async fn ask<A: DeserializeOwned>(
    stream: TlsStream<TcpStream>,
    path: &str,
    question: &impl Serialize,
) -> Result<A, AskError> {
    let (status, body) =
        timeout(ANSWER_MAX, exchange(stream, path, question)).await.map_err(|_| AskError::Late)??;
    let not_understood = |_| AskError::NotUnderstood(status.as_u16());
    if status.is_success() {
        // No content is the answer of those who have nothing to say.
        let body = if status == StatusCode::NO_CONTENT { &b"null"[..] } else { &body };
        return serde_json::from_slice(body).map_err(not_understood);
    }
    let refusal = serde_json::from_slice(&body).map_err(not_understood)?;
    Err(AskError::Refused(refusal))
}

async fn exchange(
    stream: TlsStream<TcpStream>,
    path: &str,
    question: &impl Serialize,
) -> Result<(StatusCode, Bytes), AskError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let body = serde_json::to_vec(question).expect("questions are plain data");
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, "agent")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("the path is ours");
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let not_understood = |_| AskError::NotUnderstood(status.as_u16());
        let body =
            Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(not_understood)?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        // It may end with the answer already there.
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.into()),
        },
    }
}
