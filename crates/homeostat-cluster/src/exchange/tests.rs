//! The tasks of the exchange, with stores in this process.

use std::collections::BTreeMap;

use homeostat_engine::EmbeddedStore;
use homeostat_model::catalog::CollectDecl;
use homeostat_model::{KindName, Value};
use tempfile::TempDir;

use super::*;
use crate::overheard::Overheard;
use crate::rewound::Rewound;
use crate::{EtcdOptions, EtcdStore};

/// Directories of stores.
struct Place {
    dir: TempDir,
    shared: Arc<dyn Store>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shared = Arc::new(store(&dir, "shared"));
        Self { dir, shared }
    }

    fn party(&self, host: &str) -> Party {
        self.party_in(host, host)
    }

    /// A host with a prefix that is called otherwise.
    fn party_in(&self, host: &str, prefix: &str) -> Party {
        Party {
            host: host.into(),
            key: SealingKey::generate(),
            publishes: true,
            store: self.shared.clone(),
            mirror: Arc::new(store(&self.dir, prefix)),
        }
    }

    async fn keys(&self) -> Vec<String> {
        let (entries, _) = self.shared.range("").await.unwrap();
        entries.iter().map(|entry| entry.key.to_string()).collect()
    }
}

fn store(dir: &TempDir, name: &str) -> EmbeddedStore {
    let path = dir.path().join(name);
    std::fs::create_dir_all(&path).unwrap();
    EmbeddedStore::open(&path)
}

fn all(kind: &str) -> Filter {
    let kind = KindName::new(kind);
    Filter::of(&[CollectDecl::of_kind(kind)])
}

fn files() -> Filter {
    all("file")
}

fn exports(range: std::ops::Range<usize>, content: &str) -> Vec<ExportDecl> {
    let export = |at: usize| {
        let params = [("content", Value::from(content))].into_iter().collect();
        let resource = ResourceDecl::new(ResourceId::new("file", format!("f{at}")), params);
        ExportDecl { resource, hosts: Vec::new() }
    };
    range.map(export).collect()
}

/// What a host knows after some news.
#[derive(Default)]
struct Known(BTreeMap<Arc<str>, String>);

impl Known {
    fn take(&mut self, changes: Vec<Change>) {
        for change in changes {
            let name = change.of.id.name;
            match change.found {
                Some(found) => {
                    let offer = found.unwrap();
                    let content = offer.resource.params.get("content").unwrap().as_str().unwrap();
                    self.0.insert(name, content.to_owned());
                }
                None => drop(self.0.remove(&name)),
            }
        }
    }

    async fn until(&mut self, exchange: &mut Exchange, is_so: impl Fn(&BTreeMap<Arc<str>, String>) -> bool) {
        while !is_so(&self.0) {
            match exchange.next().await.unwrap() {
                News::Changes(changes) => self.take(changes),
                News::Note(note) => panic!("{note}"),
            }
        }
    }
}

async fn until_calm(exchange: &Exchange) {
    let mut standing = exchange.standing();
    while !exchange.is_calm() {
        standing.changed().await.unwrap();
    }
}

#[tokio::test]
async fn of_hosts_that_nobody_named_nothing_is_followed() {
    let place = Place::new();
    let overheard = Overheard::new(place.shared.clone());
    let from = vec!["b".into(), "c".into()];
    let filter = Filter::of(&[CollectDecl { from, ..CollectDecl::of_kind(KindName::new("file")) }]);
    let party = Party { store: overheard.clone(), ..place.party("a") };
    let (mut a, _) = Exchange::start(party, filter.clone()).await;
    a.want(Vec::new(), filter);
    let mut others = Vec::new();
    for (host, at) in [("b", 0), ("c", 1), ("d", 2)] {
        let (other, _) = Exchange::start(place.party(host), Filter::default()).await;
        other.want(exports(at..at + 1, host), Filter::default());
        others.push(other);
    }
    let mut known = Known::default();
    known.until(&mut a, |known| known.len() == 2).await;
    // What comes later comes by the same ways.
    others[1].want(exports(1..2, "later"), Filter::default());
    known.until(&mut a, |known| known.get("f1").is_some_and(|content| content == "later")).await;
    let mut watched = overheard.watched();
    watched.retain(|prefix| prefix != keys::CLUSTER_RECOVERED);
    assert_eq!(watched, ["exports/b/", "exports/c/"]);
}

#[tokio::test]
async fn of_several_forms_of_a_resource_the_first_goes_out_and_a_note_says_so() {
    let place = Place::new();
    let (mut a, _) = Exchange::start(place.party("a"), Filter::default()).await;
    let form = |host: &str| ExportDecl { hosts: vec![host.into()], ..exports(0..1, host).remove(0) };
    a.want(vec![form("b"), form("c")], Filter::default());
    match a.next().await.unwrap() {
        News::Note(note) => assert!(note.starts_with("file[f0] is exported in several forms"), "{note}"),
        News::Changes(_) => panic!("nothing is collected"),
    }
    until_calm(&a).await;
    let (entries, _) = place.shared.range("exports/").await.unwrap();
    let stored: Vec<_> = entries.iter().map(|entry| String::from_utf8_lossy(&entry.value)).collect();
    assert!(matches!(&*stored, [one] if one.contains("\"b\"") && !one.contains("\"c\"")), "{stored:?}");
}

#[tokio::test]
async fn what_one_host_wants_to_export_reaches_the_other_and_only_its_own_goes_again() {
    let place = Place::new();
    let (a, _) = Exchange::start(place.party("a"), Filter::default()).await;
    let (b, _) = Exchange::start(place.party("b"), Filter::default()).await;
    let (mut c, last) = Exchange::start(place.party("c"), files()).await;
    assert!(last.is_empty());
    a.want(exports(0..3, "1"), Filter::default());
    b.want(exports(7..8, "1"), Filter::default());
    let mut known = Known::default();
    known.until(&mut c, |known| known.len() == 4).await;
    a.want(exports(1..2, "2"), Filter::default());
    known.until(&mut c, |known| known.len() == 2 && known["f1"] == "2").await;
    until_calm(&a).await;
    assert_eq!(place.keys().await, ["exports/a/file/f1", "exports/b/file/f7", "keys/a", "keys/b"]);
    // It ends, and nothing goes; it leaves, and all of its own does.
    drop(a);
    withdraw(&*place.shared, "a").await.unwrap();
    known.until(&mut c, |known| known.len() == 1).await;
    assert_eq!(place.keys().await, ["exports/b/file/f7", "keys/b"]);
}

#[tokio::test]
async fn a_restart_without_the_store_begins_with_what_was_there_last() {
    let place = Place::new();
    let (a, _) = Exchange::start(place.party("a"), Filter::default()).await;
    a.want(exports(0..250, "1"), Filter::default());
    let party = place.party("b");
    let (mirror, key) = (party.mirror.clone(), party.key.clone());
    let (mut b, _) = Exchange::start(party, files()).await;
    let mut known = Known::default();
    known.until(&mut b, |known| known.len() == 250).await;
    drop(b);
    let away = EtcdStore::new(EtcdOptions::new(["http://127.0.0.1:1"])).unwrap();
    let party = Party { host: "b".into(), key, publishes: true, store: Arc::new(away), mirror };
    let (b, last) = Exchange::start(party, files()).await;
    assert_eq!(last.len(), 250);
    b.want(Vec::new(), files());
    // It says that it tried, and takes nothing away.
    until_calm(&b).await;
    assert!(b.standing().borrow().trouble().is_some());
}

#[tokio::test]
async fn who_reads_slowly_ends_with_what_is_there_all_the_same() {
    let place = Place::new();
    let (a, _) = Exchange::start(place.party("a"), Filter::default()).await;
    let (mut b, _) = Exchange::start(place.party("b"), files()).await;
    // Far more than fits into the queues, changed again and again while nobody reads.
    for round in 0..4 {
        a.want(exports(0..3_000, &format!("{round}")), Filter::default());
        until_calm(&a).await;
    }
    a.want(exports(0..10, "last"), Filter::default());
    until_calm(&a).await;
    let mut known = Known::default();
    known.until(&mut b, |known| known.len() == 10 && known.values().all(|content| content == "last")).await;
}

#[tokio::test]
async fn kinds_that_are_no_longer_collected_go() {
    let place = Place::new();
    let (a, _) = Exchange::start(place.party("a"), Filter::default()).await;
    a.want(exports(0..3, "1"), Filter::default());
    let (mut b, _) = Exchange::start(place.party("b"), Filter::default()).await;
    b.want(Vec::new(), files());
    let mut known = Known::default();
    known.until(&mut b, |known| known.len() == 3).await;
    b.want(Vec::new(), all("noop"));
    known.until(&mut b, BTreeMap::is_empty).await;
}

/// What a host is told, by the names of the resources: whether it can be used.
async fn told(
    exchange: &mut Exchange,
    is_enough: impl Fn(&BTreeMap<Arc<str>, Result<(), String>>) -> bool,
) -> BTreeMap<Arc<str>, Result<(), String>> {
    let mut told = BTreeMap::new();
    while !is_enough(&told) {
        let Some(News::Changes(changes)) = exchange.next().await else { continue };
        for Change { of, found } in changes {
            match found {
                Some(Err(Unusable::Wrong(why))) => drop(told.insert(of.id.name, Err(why.to_string()))),
                Some(_) => drop(told.insert(of.id.name, Ok(()))),
                None => drop(told.remove(&of.id.name)),
            }
        }
    }
    told
}

#[tokio::test]
async fn an_export_of_a_later_form_is_left_out_alone_until_it_is_understood() {
    let place = Place::new();
    let known = [&[1][..], br#"{"params":{"content":"x"}}"#].concat();
    let later = [&[2][..], br#"{"other":1}"#].concat();
    place.shared.put("exports/a/file/f0", &later, None).await.unwrap();
    place.shared.put("exports/a/file/f1", &known, None).await.unwrap();
    let (mut b, _) = Exchange::start(place.party("b"), files()).await;
    b.want(Vec::new(), files());
    let first = told(&mut b, |told| told.len() == 2).await;
    assert!(first["f1"].is_ok() && first["f0"].as_ref().is_err_and(|why| why.contains("form")), "{first:?}");
    place.shared.put("exports/a/file/f0", &known, None).await.unwrap();
    told(&mut b, |told| told.get("f0") == Some(&Ok(()))).await;
}

#[tokio::test]
async fn of_one_host_no_more_is_kept_than_its_share_and_the_rest_fails_alone_by_name() {
    const SHARE: usize = 10_000;
    let place = Place::new();
    let (a, _) = Exchange::start(place.party("a"), Filter::default()).await;
    a.want(exports(0..SHARE + 5, "1"), Filter::default());
    let (other, _) = Exchange::start(place.party("b"), Filter::default()).await;
    other.want(exports(SHARE + 5..SHARE + 6, "1"), Filter::default());
    until_calm(&a).await;
    until_calm(&other).await;
    let party = place.party("c");
    let mirror = party.mirror.clone();
    let (mut c, _) = Exchange::start(party, files()).await;
    c.want(Vec::new(), files());
    let first = told(&mut c, |told| told.len() == SHARE + 6).await;
    let left_out: Vec<_> = first.values().filter_map(|told| told.as_ref().err()).collect();
    assert_eq!(left_out.len(), 5, "{left_out:?}");
    assert!(left_out.iter().all(|why| why.contains("10000")), "{left_out:?}");
    assert_eq!(mirror.range(keys::EXPORTS).await.unwrap().0.len(), SHARE + 1);
    // What goes makes room.
    a.want(exports(10..SHARE + 5, "1"), Filter::default());
    let mut left: std::collections::BTreeSet<Arc<str>> =
        first.into_iter().filter(|(_, told)| told.is_err()).map(|(name, _)| name).collect();
    while !left.is_empty() {
        let Some(News::Changes(changes)) = c.next().await else { continue };
        for change in changes {
            if matches!(change.found, None | Some(Ok(_))) {
                left.remove(&change.of.id.name);
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_went_back_gets_again_what_a_host_exports_and_its_key() {
    let place = Place::new();
    let rewound = Rewound::new(place.shared.clone());
    let party = Party { store: rewound.clone(), ..place.party("a") };
    let (mut a, _) = Exchange::start(party, Filter::default()).await;
    a.want(exports(0..2, "1"), Filter::default());
    until_calm(&a).await;
    // Of what it wrote, the copy has nothing; it is further than the store was, since others wrote into it.
    let copy: Arc<dyn Store> = Arc::new(store(&place.dir, "copy"));
    for at in 0..20_u8 {
        copy.put("exports/b/file/f0", &[at], None).await.unwrap();
    }
    let mut watching = copy.watch(keys::EXPORTS, 20).await.unwrap();
    rewound.go_back(copy.clone());
    let told = tokio::time::timeout(std::time::Duration::from_secs(60), watching.recv()).await;
    told.expect("it is written again").unwrap();
    assert_eq!(copy.range("exports/a/").await.unwrap().0.len(), 2);
    assert!(copy.get(&keys::key_of("a")).await.unwrap().is_some());
    assert!(a.news.try_recv().is_err(), "that is nothing to say");
}

#[tokio::test]
async fn a_name_that_is_used_twice_is_said() {
    let place = Place::new();
    let (first, _) = Exchange::start(place.party("a"), Filter::default()).await;
    first.want(Vec::new(), Filter::default());
    until_calm(&first).await;
    let (mut second, _) = Exchange::start(place.party_in("a", "twin"), Filter::default()).await;
    second.want(Vec::new(), Filter::default());
    let Some(News::Note(note)) = second.next().await else { panic!("no note") };
    assert!(note.contains("another prefix"), "{note}");
}
