//! What a host that is valid can ask of agents about large files, and what follows: the lines of docs/security.md about them.

use homeostat_cluster::deploys::Hash;
use homeostat_cluster::identity::ClusterDir;
use homeostat_cluster::tls::{Whom, connect_pinned};

use super::api::{ask, tls};
use super::cluster::{Hosts, address};
use super::place::wait_until;

#[tokio::test]
async fn large_files_go_to_hosts_and_come_from_them_only_as_a_release_says() {
    let Some(hosts) = Hosts::new() else { return };
    let place = &hosts.place;
    hosts.init("a").ends_with(0);
    let prefix = ["--prefix", "DIR/a/prefix"];
    place.homeostat(&["operator", "init", "--name", "ann"]).ends_with(0);
    let public = "DIR/home/.config/homeostat/operator.pub";
    place.homeostat(&[&["operator", "trust", public], &prefix[..]].concat()).ends_with(0);
    let agent = place.start(&[&["agent", "-v"], &prefix[..]].concat());
    hosts.join("b", &hosts.token("a", &[])).ends_with(0);
    let text = "0123456789abcdef".repeat(20_000);
    place.write("payload/large", &text);
    place
        .homeostat(&[&["deploy", "DIR/site.yaml", "--with", "DIR/payload"], &prefix[..]].concat())
        .ends_with(0);

    let hash = blob(&text);
    let (get, put) = (format!("GET /v1/blobs/{hash}"), format!("PUT /v1/blobs/{hash}"));
    let at = format!("{}:7420", address("a"));
    let b = tls(&hosts, "b");
    let mut stream = b.connect(&at, &Whom::Member).await.unwrap();
    let answer = ask(&mut stream, &get, "").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with(&text),
        "{}",
        &answer[..200.min(answer.len())]
    );
    for other in
        ["GET /v1/blobs/", "GET /v1/blobs/..%2fcluster%2fhost.key", &format!("GET /v1/blobs/{}", blob("x"))]
    {
        let answer = ask(&mut stream, other, "").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{other}: {answer}");
    }

    // It is not there any more: what takes its place is what its hash says, or nothing.
    let path = place.path(&format!("a/prefix/blobs/{hash}"));
    std::fs::remove_file(&path).unwrap();
    for wrong in [text.replace('0', "x"), text[1..].to_owned(), format!("{text}x")] {
        let mut stream = b.connect(&at, &Whom::Member).await.unwrap();
        let answer = ask(&mut stream, &put, &wrong).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(!path.exists());
    }
    // The one that was refused for its size is closed with its body unread.
    let mut stream = b.connect(&at, &Whom::Member).await.unwrap();
    let answer = ask(&mut stream, &put, &text).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let unnamed = format!("PUT /v1/blobs/{}", blob("nobody names it"));
    let answer = ask(&mut stream, &unnamed, "nobody names it").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

    // Strangers get nothing, and neither does who was removed, on the connection that it has.
    let dir = ClusterDir::below(&place.path("a/prefix"));
    let authority = dir.authority().unwrap().unwrap().fingerprint();
    let (mut stranger, _) = connect_pinned(&at, authority).await.unwrap();
    for request in [&get, &put] {
        let answer = ask(&mut stranger, request, "").await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("not_authorized"), "{answer}");
    }
    let mut stream = b.connect(&at, &Whom::Member).await.unwrap();
    assert!(ask(&mut stream, "GET /v1/nothing", "").await.starts_with("HTTP/1.1 404"));
    hosts.cluster("a", &["remove", "b"]).ends_with(0);
    wait_until("it is refused", || hosts.file("a", "cluster.json").contains("\"refused\": [\n"));
    let answer = ask(&mut stream, &get, "").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    agent.signal("TERM");
    agent.finish().ends_with(0);
}

fn blob(text: &str) -> String {
    Hash::of(text.as_bytes()).to_string()
}
