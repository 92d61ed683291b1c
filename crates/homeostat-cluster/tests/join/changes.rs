//! What happens to hosts that have joined.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use homeostat_cluster::identity::{Certificate, Key, Role};
use homeostat_cluster::join::{MESSAGE_VERSION, News, Refusal, Return, follow};
use homeostat_engine::Store;
use homeostat_engine::store::{
    Commit, Compare, Entry, LeaseId, Operation, StoreError, StoreFuture, Watching,
};
use tokio::sync::watch;
use tokio::time::timeout;

use super::setting::{Cluster, again, peer};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_host_renews_with_its_certificate_until_it_is_removed() {
    let cluster = Cluster::new().await;
    let (key, admitted) = cluster.join("a", 2, Role::Agent).await;
    let who = peer(&admitted.granted.certificates.host);
    cluster.renew(&who, &key).await.unwrap();
    cluster.registrar.remove(&who.host, SystemTime::now()).await.unwrap();
    assert_eq!(cluster.renew(&who, &key).await, Err(Refusal::NotAuthorized));
    // Its name is free again; the old certificate still opens nothing.
    cluster.join("a", 2, Role::Agent).await;
    assert_eq!(cluster.renew(&who, &key).await, Err(Refusal::NotAuthorized));
    assert_eq!(cluster.registrar.is_known(&who).await, Err(Refusal::NotAuthorized));
}

#[tokio::test]
async fn a_host_whose_certificates_have_ended_comes_back_with_its_key_within_the_grace() {
    let cluster = Cluster::new().await;
    let (key, _) = cluster.join("a", 2, Role::Member).await;
    let asked = |key: &Key, name: &str| Return {
        version: MESSAGE_VERSION,
        host: name.parse().unwrap(),
        request: key.signing_request().unwrap(),
    };
    let days = |days: u64| SystemTime::now() + Duration::from_secs(days * 24 * 3600);
    let registrar = &cluster.registrar;
    let granted = registrar.welcome_back(&asked(&key, "a"), days(100)).await.unwrap();
    let shown = Certificate::all_of(&granted.certificates.host).unwrap().remove(0);
    assert_eq!((shown.common_name(), shown.public_key()), (Some("a"), key.fingerprint()));
    assert!(shown.valid().1 > days(125) && granted.certificates.peer.is_some());
    assert!(granted.authority.is_none(), "who asks has shown no certificate");
    // It is known again, renews as ever, and may be away again.
    registrar.is_known(&peer(&granted.certificates.host)).await.unwrap();
    registrar.welcome_back(&asked(&key, "a"), days(200)).await.unwrap();

    let other = Key::generate().unwrap();
    for (asked, when, refusal) in [
        (asked(&other, "a"), days(200), Refusal::NotAuthorized),
        (asked(&key, "first"), days(40), Refusal::NotAuthorized),
        (asked(&key, "b"), days(200), Refusal::UnknownHost("b".parse().unwrap())),
        (asked(&key, "a"), days(331), Refusal::AwayTooLong("a".parse().unwrap())),
    ] {
        assert_eq!(registrar.welcome_back(&asked, when).await.unwrap_err(), refusal);
    }
    registrar.remove(&"a".parse().unwrap(), days(200)).await.unwrap();
    let refusal = registrar.welcome_back(&asked(&key, "a"), days(200)).await.unwrap_err();
    assert_eq!(refusal, Refusal::UnknownHost("a".parse().unwrap()));
}

#[tokio::test]
async fn all_certificates_of_a_removed_host_are_refused_and_what_it_wrote_goes() {
    let cluster = Cluster::new().await;
    let (key, admitted) = cluster.join("a", 2, Role::Member).await;
    let who = peer(&admitted.granted.certificates.host);
    cluster.renew(&who, &key).await.unwrap();
    for at in 0..150 {
        cluster.store.put(&format!("exports/a/file/{at}"), b"\x01", None).await.unwrap();
    }
    for other in ["exports/ab/file/x", "hosts/ab", "hosts/a", "facts/a", "vertices/a/x"] {
        cluster.store.put(other, b"\x01", None).await.unwrap();
    }
    let (tell, mut told) = watch::channel(None);
    let mut following = tokio::task::JoinSet::new();
    following.spawn(follow(cluster.store.clone(), tell, watch::Sender::new(false)));
    let is_empty = |news: &Option<News>| news.as_ref().is_some_and(|news| news.refused.is_empty());
    timeout(PATIENCE, told.wait_for(is_empty)).await.unwrap().unwrap();
    cluster.registrar.is_known(&who).await.unwrap();
    cluster.registrar.remove(&who.host, SystemTime::now()).await.unwrap();
    let all_of_it = |news: &Option<News>| {
        news.as_ref().is_some_and(|news| news.refused.len() == 6 && news.refused.contains(&who.serial))
    };
    timeout(PATIENCE, told.wait_for(all_of_it)).await.unwrap().unwrap();
    assert_eq!(cluster.keys("exports/").await, ["exports/ab/file/x"]);
    assert_eq!(cluster.keys("hosts/").await, ["hosts/ab"]);
    assert!(cluster.keys("cluster/candidates/").await == ["cluster/candidates/first"]);
    assert!(cluster.keys("facts/").await.is_empty() && cluster.keys("vertices/").await.is_empty());
    // Once they have ended anyway, they are forgotten.
    let (_, _) = cluster.join("b", 3, Role::Agent).await;
    let later = SystemTime::now() + Duration::from_secs(40 * 24 * 3600);
    cluster.registrar.remove(&"b".parse().unwrap(), later).await.unwrap();
    assert!(cluster.keys("cluster/refused/").await.is_empty());
}

#[tokio::test]
async fn the_last_that_may_be_a_member_and_strangers_are_not_removed() {
    let cluster = Cluster::new().await;
    cluster.join("a", 2, Role::Agent).await;
    let now = SystemTime::now();
    for (host, refusal) in [
        ("first", Refusal::LastMember("first".parse().unwrap())),
        ("b", Refusal::UnknownHost("b".parse().unwrap())),
        ("A", Refusal::UnknownHost("A".parse().unwrap())),
    ] {
        assert_eq!(cluster.registrar.remove(&host.parse().unwrap(), now).await, Err(refusal));
    }
}

#[tokio::test]
async fn of_two_that_remove_each_other_one_stays_and_is_not_refused() {
    for _ in 0..5 {
        let cluster = Cluster::new().await;
        cluster.join("a", 2, Role::Member).await;
        let (first, a) = ("first".parse().unwrap(), "a".parse().unwrap());
        let now = SystemTime::now();
        let (one, other) =
            tokio::join!(cluster.registrar.remove(&first, now), cluster.registrar.remove(&a, now));
        assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
        let refused = cluster.keys("cluster/refused/").await;
        let gone = if one.is_ok() { "first" } else { "a" };
        assert!(
            refused.iter().all(|key| key.starts_with(&format!("cluster/refused/{gone}."))),
            "{refused:?}"
        );
    }
}

/// Refuses the next look at what hosts export.
struct Stops(Arc<dyn Store>, AtomicBool);

impl Store for Stops {
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Entry>> {
        self.0.get(key)
    }

    fn range<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, (Vec<Entry>, u64)> {
        if prefix.starts_with("exports/") && self.1.swap(false, Ordering::Relaxed) {
            return Box::pin(async { Err(StoreError::Unavailable("it is away".into())) });
        }
        self.0.range(prefix)
    }

    fn put<'a>(&'a self, key: &'a str, value: &'a [u8], lease: Option<LeaseId>) -> StoreFuture<'a, u64> {
        self.0.put(key, value, lease)
    }

    fn transaction(&self, when: Vec<Compare>, then: Vec<Operation>) -> StoreFuture<'_, Commit> {
        self.0.transaction(when, then)
    }

    fn grant(&self, ttl: Duration) -> StoreFuture<'_, LeaseId> {
        self.0.grant(ttl)
    }

    fn keep_alive(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        self.0.keep_alive(lease)
    }

    fn revoke(&self, lease: LeaseId) -> StoreFuture<'_, ()> {
        self.0.revoke(lease)
    }

    fn watch<'a>(&'a self, prefix: &'a str, after: u64) -> StoreFuture<'a, Watching> {
        self.0.watch(prefix, after)
    }
}

#[tokio::test]
async fn a_removal_that_the_store_interrupted_can_be_repeated() {
    let cluster = Cluster::with_store(|store| Arc::new(Stops(store, AtomicBool::new(true)))).await;
    cluster.join("a", 2, Role::Agent).await;
    cluster.store.put("exports/a/file/x", b"\x01", None).await.unwrap();
    let (a, now) = ("a".parse().unwrap(), SystemTime::now());
    cluster.registrar.remove(&a, now).await.unwrap_err();
    assert_eq!(cluster.keys("cluster/hosts/a").await, ["cluster/hosts/a"]);
    cluster.registrar.remove(&a, now).await.unwrap();
    assert!(cluster.keys("exports/").await.is_empty());
    assert_eq!(cluster.keys("cluster/refused/").await.len(), 1);
}

#[tokio::test]
async fn a_record_of_another_form_hides_no_others() {
    let cluster = Cluster::new().await;
    let (_, admitted) = cluster.join("a", 2, Role::Agent).await;
    let who = peer(&admitted.granted.certificates.host);
    cluster.registrar.remove(&who.host, SystemTime::now()).await.unwrap();
    for key in ["cluster/refused/b.1", "cluster/candidates/b"] {
        cluster.store.put(key, b"\x63{}", None).await.unwrap();
    }
    let (tell, mut told) = watch::channel(None);
    let mut following = tokio::task::JoinSet::new();
    following.spawn(follow(cluster.store.clone(), tell, watch::Sender::new(false)));
    let is_known = |news: &Option<News>| {
        news.as_ref().is_some_and(|news| {
            let members: Vec<_> = news.members.iter().map(|member| member.host.as_str()).collect();
            members == ["first"] && news.refused.contains(&who.serial)
        })
    };
    timeout(PATIENCE, told.wait_for(is_known)).await.unwrap().unwrap();
}

#[tokio::test]
async fn whoever_renews_all_the_time_is_stopped() {
    let cluster = Cluster::new().await;
    let (key, admitted) = cluster.join("a", 2, Role::Agent).await;
    let who = peer(&admitted.granted.certificates.host);
    let mut renewed = 0;
    let refusal = loop {
        match cluster.renew(&who, &key).await {
            Ok(()) => renewed += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((refusal, renewed), (Refusal::TooOften, 14));
}

#[tokio::test]
async fn of_two_new_authorities_made_at_once_one_stays() {
    let cluster = Cluster::new().await;
    let old = cluster.registrar.authority();
    let now = SystemTime::now();
    let (one, two) = (old.renew(now).unwrap(), old.renew(now).unwrap());
    let newest = one.fingerprint();
    assert_eq!(cluster.registrar.publish(one).await, Ok(true));
    assert_eq!(cluster.registrar.authority().fingerprint(), newest);
    // The other member still has the old one.
    cluster.registrar.replace_authority(again(&old.files()));
    assert_eq!(cluster.registrar.publish(two).await, Ok(false));
}

#[tokio::test]
async fn a_renewed_certificate_brings_the_new_authority_and_members_its_key() {
    let cluster = Cluster::new().await;
    let new = cluster.registrar.authority().renew(SystemTime::now()).unwrap();
    assert_eq!(cluster.registrar.publish(new).await, Ok(true));
    let newest = cluster.registrar.authority().fingerprint();
    let (_, member) = cluster.join("a", 2, Role::Member).await;
    let granted = member.granted;
    let trusted = Certificate::all_of(&granted.trusted).unwrap();
    assert_eq!((trusted.len(), trusted[0].fingerprint()), (2, newest));
    assert_eq!(again(&granted.authority.unwrap()).fingerprint(), newest);
}

#[tokio::test]
async fn a_host_whose_record_is_of_a_later_form_is_refused_with_a_reason_and_its_record_stays() {
    let cluster = Cluster::new().await;
    let (key, admitted) = cluster.join("a", 2, Role::Agent).await;
    let who = peer(&admitted.granted.certificates.host);
    let at = cluster.keys("cluster/hosts/").await.into_iter().find(|key| key.ends_with("/a")).unwrap();
    let known = cluster.store.get(&at).await.unwrap().unwrap().value;
    let later = [&[2], &known[1..]].concat();
    cluster.store.put(&at, &later, None).await.unwrap();
    let refused = cluster.renew(&who, &key).await.unwrap_err().to_string();
    assert!(refused.contains("has a form that this version does not know"), "{refused}");
    // Nobody takes its place, and others are let in as ever.
    let again =
        super::setting::admission(&cluster.token(1, Role::Agent).await, "a", 3, &Key::generate().unwrap());
    assert!(cluster.registrar.admit(&again, SystemTime::now()).await.is_err());
    assert_eq!(*cluster.store.get(&at).await.unwrap().unwrap().value, *later);
    cluster.join("b", 4, Role::Agent).await;
    cluster.store.put(&at, &known, None).await.unwrap();
    cluster.renew(&who, &key).await.unwrap();
}
