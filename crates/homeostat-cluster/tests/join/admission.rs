//! Who is admitted with which token.

use std::sync::Arc;
use std::time::SystemTime;

use homeostat_cluster::deploys::{OperatorKey, publish_roster};
use homeostat_cluster::identity::{Certificate, Key, Role, Secret};
use homeostat_cluster::join::{Admission, JoinString, NewToken, Refusal};
use homeostat_engine::store::keys;

use super::setting::{Cluster, HOUR, admission};

async fn refused(cluster: &Cluster, asked: &Admission) -> Refusal {
    cluster.registrar.admit(asked, SystemTime::now()).await.expect_err("it is refused")
}

#[tokio::test]
async fn a_host_gets_what_its_token_says() {
    let cluster = Cluster::new().await;
    let (key, agent) = cluster.join("web-1", 2, Role::Agent).await;
    assert_eq!(agent.cluster, cluster.first.settings.cluster);
    assert!(agent.granted.authority.is_none() && agent.granted.certificates.peer.is_none());
    let shown = Certificate::all_of(&agent.granted.certificates.host).unwrap();
    assert_eq!((shown[0].common_name(), shown[0].public_key()), (Some("web-1"), key.fingerprint()));
    let names: Vec<_> = agent.granted.members.iter().map(|member| member.host.as_str()).collect();
    assert_eq!(names, ["first"]);

    let (_, member) = cluster.join("web-2", 3, Role::Member).await;
    assert!(member.granted.authority.is_some() && member.granted.certificates.peer.is_some());
    assert_eq!(member.granted.members.len(), 2);
    assert_eq!(cluster.token(1, Role::Agent).await.addresses.len(), 2);
}

#[tokio::test]
async fn no_join_string_is_given_that_leads_nowhere() {
    let cluster = Cluster::before_the_first_is_known().await;
    let new = || NewToken { ttl: HOUR, uses: 1, role: Role::Agent };
    let refused = cluster.registrar.token(new(), SystemTime::now()).await;
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    assert!(cluster.store.range(keys::CLUSTER_TOKENS).await.unwrap().0.is_empty());
    cluster.registrar.enrol_first(&cluster.first).await.unwrap();
    assert_eq!(cluster.token(1, Role::Agent).await.addresses.len(), 1);
}

#[tokio::test]
async fn a_wrong_expired_or_used_secret_is_refused_with_its_reason() {
    let cluster = Cluster::new().await;
    let key = Key::generate().unwrap();
    let token = cluster.token(1, Role::Agent).await;
    let elsewhere = Cluster::new().await.token(1, Role::Agent).await;
    let wrong = JoinString { secret: Secret::new("guess"), ..token.clone() };
    assert_eq!(refused(&cluster, &admission(&elsewhere, "a", 2, &key)).await, Refusal::UnknownToken);
    assert_eq!(refused(&cluster, &admission(&wrong, "a", 2, &key)).await, Refusal::WrongSecret);
    let asked = admission(&token, "a", 2, &key);
    let late = cluster.registrar.admit(&asked, SystemTime::now() + HOUR).await;
    assert_eq!(late.unwrap_err(), Refusal::TokenExpired);
    // Neither attempt has used it up.
    cluster.registrar.admit(&asked, SystemTime::now()).await.unwrap();
    assert_eq!(refused(&cluster, &admission(&token, "b", 3, &key)).await, Refusal::TokenUsed);
}

#[tokio::test]
async fn a_name_and_an_address_have_one_owner() {
    let cluster = Cluster::new().await;
    let token = cluster.token(9, Role::Agent).await;
    let key = Key::generate().unwrap();
    for name in ["first", "FIRST"] {
        let answer = refused(&cluster, &admission(&token, name, 2, &key)).await;
        assert!(matches!(&answer, Refusal::HostTaken(taken) if taken.as_str() == "first"), "{answer}");
    }
    let answer = refused(&cluster, &admission(&token, "second", 1, &key)).await;
    assert!(answer.to_string().contains("`first` listens at 127.0.0.1:7420"), "{answer}");
}

#[tokio::test]
async fn whoever_never_got_the_answer_asks_again_and_uses_nothing_up() {
    let cluster = Cluster::new().await;
    let token = cluster.token(1, Role::Agent).await;
    let key = Key::generate().unwrap();
    let asked = admission(&token, "a", 2, &key);
    for _ in 0..3 {
        cluster.registrar.admit(&asked, SystemTime::now()).await.unwrap();
    }
    let other = admission(&token, "a", 2, &Key::generate().unwrap());
    assert!(matches!(refused(&cluster, &other).await, Refusal::HostTaken(_)));
}

#[tokio::test]
async fn a_token_admits_as_many_as_it_says_however_many_ask_at_once() {
    let cluster = Arc::new(Cluster::new().await);
    let token = cluster.token(60, Role::Agent).await;
    let mut asking = tokio::task::JoinSet::new();
    for at in 10..90 {
        let (cluster, token) = (cluster.clone(), token.clone());
        asking.spawn(async move {
            let asked = admission(&token, &format!("h{at}"), at, &Key::generate().unwrap());
            cluster.registrar.admit(&asked, SystemTime::now()).await
        });
    }
    let answers = asking.join_all().await;
    let admitted = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(admitted, 60, "{answers:?}");
    assert!(answers.into_iter().filter_map(Result::err).all(|refusal| refusal == Refusal::TokenUsed));
    assert_eq!(cluster.keys("cluster/hosts/").await.len(), 61);
}

#[tokio::test]
async fn another_version_and_a_key_that_is_not_there_are_refused() {
    let cluster = Cluster::new().await;
    let token = cluster.token(1, Role::Agent).await;
    let asked = admission(&token, "a", 2, &Key::generate().unwrap());
    assert_eq!(refused(&cluster, &Admission { version: 2, ..asked.clone() }).await, Refusal::Version(2));
    let nonsense = homeostat_cluster::identity::SigningRequest::new("nonsense");
    let answer = refused(&cluster, &Admission { request: nonsense, ..asked }).await;
    assert!(matches!(answer, Refusal::Malformed(_)), "{answer}");
}

#[tokio::test]
async fn tokens_that_are_over_are_forgotten_and_no_secret_is_stored() {
    let cluster = Cluster::new().await;
    let token = cluster.token(1, Role::Agent).await;
    let (entries, _) = cluster.store.range("cluster/").await.unwrap();
    for entry in entries {
        let text = String::from_utf8_lossy(&entry.value).into_owned();
        assert!(!text.contains(token.secret.reveal()) && !text.contains("PRIVATE"), "{}", entry.key);
    }
    let much_later = SystemTime::now() + 2 * HOUR;
    let new = homeostat_cluster::join::NewToken { ttl: HOUR, uses: 1, role: Role::Agent };
    cluster.registrar.token(new, much_later).await.unwrap();
    assert_eq!(cluster.keys("cluster/tokens/").await.len(), 1);
}

#[tokio::test]
async fn who_joins_learns_the_operators_of_that_moment() {
    let cluster = Cluster::new().await;
    let [ann, bob] = [(); 2].map(|()| OperatorKey::generate());
    let (a, b) = (ann.operator("ann").unwrap(), bob.operator("bob").unwrap());
    assert!(cluster.join("a", 2, Role::Agent).await.1.operators.is_empty());
    // Trusted on the member after its agent has started, and changed in the store since.
    *cluster.pinned.lock().unwrap() = (0, vec![a.clone()]);
    assert_eq!(cluster.join("b", 3, Role::Agent).await.1.operators, vec![a.clone()]);
    let name = cluster.first.settings.cluster.as_str();
    publish_roster(&*cluster.store, &ann, name, 0, vec![a, b.clone()]).await.unwrap();
    publish_roster(&*cluster.store, &bob, name, 0, vec![b.clone()]).await.unwrap();
    let (_, admitted) = cluster.join("c", 4, Role::Agent).await;
    assert_eq!((admitted.operators, admitted.roster), (vec![b], 2));
}
