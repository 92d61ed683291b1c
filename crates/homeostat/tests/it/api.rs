//! What an agent answers on its port, and to whom.

use homeostat_cluster::identity::ClusterDir;
use homeostat_cluster::join::REQUEST_BYTES_MAX;
use homeostat_cluster::tls::{Tls, Whom, connect_pinned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::cluster::{Hosts, address};
use super::place::wait_until;

/// Sends a request and reads until the body of the answer is there. The connection stays.
pub(crate) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
    body: &str,
) -> String {
    let text = format!("{request} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    // Who is refused early may close before all of it is written.
    stream.write_all(text.as_bytes()).await.ok();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.unwrap_or(0);
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "{text}");
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if read == 0 || body.len() >= length.parse().unwrap() {
            return text;
        }
    }
}

pub(crate) fn tls(hosts: &Hosts, host: &str) -> Tls {
    let dir = ClusterDir::below(&hosts.place.path(&format!("{host}/prefix")));
    let identity = dir.load().unwrap().unwrap();
    Tls::new(&identity).unwrap()
}

#[tokio::test]
async fn strangers_reach_nothing_but_join() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    let agent = hosts.start("a");
    let dir = ClusterDir::below(&hosts.place.path("a/prefix"));
    let authority = dir.authority().unwrap().unwrap().fingerprint();
    let at = format!("{}:7420", address("a"));
    let (mut stream, _) = connect_pinned(&at, authority).await.unwrap();
    for request in ["POST /v1/renew", "POST /v1/leave", "GET /", "GET /v1/join/", "POST /v1/join%2f"] {
        let answer = ask(&mut stream, request, "").await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("not_authorized"), "{answer}");
    }
    // Who comes back has no certificate either; it is known by its key.
    let answer = ask(&mut stream, "POST /v1/return", "{}").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let answer = ask(&mut stream, "POST /v1/join", r#"{"ask":"where"}"#).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""host":"a""#), "{answer}");
    let answer = ask(&mut stream, "POST /v1/join", r#"{"ask":"admit","secret":"hunter2"}"#).await;
    assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains("hunter2"), "{answer}");
    let answer = ask(&mut stream, "POST /v1/join", &"x".repeat(REQUEST_BYTES_MAX + 1)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Not encrypted: no answer.
    let mut plain = tokio::net::TcpStream::connect(&at).await.unwrap();
    plain.write_all(b"POST /v1/join HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    agent.signal("TERM");
    agent.finish().ends_with(0);
}

#[tokio::test]
async fn a_removed_host_is_cut_off_in_the_middle_of_a_connection() {
    let Some(hosts) = Hosts::new() else { return };
    hosts.init("a").ends_with(0);
    let agent = hosts.start("a");
    hosts.join("b", &hosts.token("a", &[])).ends_with(0);
    let at = format!("{}:7420", address("a"));
    let b = tls(&hosts, "b");
    let mut stream = b.connect(&at, &Whom::Member).await.unwrap();
    let answer = ask(&mut stream, "POST /v1/nothing", "").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let answer = ask(&mut stream, "POST /v1/renew", "{}").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    hosts.cluster("a", &["remove", "b"]).ends_with(0);
    wait_until("it is refused", || hosts.file("a", "cluster.json").contains("\"refused\": [\n"));
    let answer = ask(&mut stream, "POST /v1/leave", "").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let mut again = b.connect(&at, &Whom::Member).await.unwrap();
    let mut nothing = Vec::new();
    again.read_to_end(&mut nothing).await.ok();
    assert!(nothing.is_empty());
    agent.signal("TERM");
    agent.finish().ends_with(0);
}
