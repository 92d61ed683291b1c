//! Files from hosts that give, lie, stall, stop and are not there.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_engine::store::keys;
use homeostat_engine::{EmbeddedStore, Store};
use tempfile::TempDir;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;

use super::super::rollout::HostStanding;
use super::super::{
    Content, Draft, Follower, Hash, Large, Manifest, OperatorKey, Party, Rollout, Shelf, Terms, publish,
    releases,
};
use super::*;
use crate::identity::ClusterDir;
use crate::rewound::Rewound;

/// How a host gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Gives,
    Lies,
    LiesAndStops,
    Stops,
    IsSilent,
    GivesTooMuch,
    EndsEarly,
    HasNothing,
}

use Manner::*;

struct Others {
    manners: BTreeMap<&'static str, Manner>,
    content: Vec<u8>,
    /// Who was asked, and from where on.
    asked: Mutex<Vec<(String, u64)>>,
}

impl Courier for Others {
    fn fetch(&self, from: &Holder, _hash: Hash, offset: u64) -> Pieces {
        self.asked.lock().unwrap().push((from.host.clone(), offset));
        let manner = self.manners[&*from.host];
        let rest = self.content[usize::try_from(offset).unwrap()..].to_vec();
        Pieces::sent_by(async move |sender| give(manner, rest, sender).await)
    }
}

async fn give(manner: Manner, mut rest: Vec<u8>, sender: Sender<io::Result<bytes::Bytes>>) {
    if matches!(manner, Lies | LiesAndStops) {
        rest.iter_mut().for_each(|byte| *byte ^= 1);
    }
    match manner {
        Gives | Lies => {}
        Stops | LiesAndStops | EndsEarly => rest.truncate(rest.len() / 2),
        GivesTooMuch => rest.push(0),
        IsSilent => rest.truncate(rest.len() / 4),
        HasNothing => rest.clear(),
    }
    for piece in rest.chunks(10_000) {
        if sender.send(Ok(piece.to_vec().into())).await.is_err() {
            return;
        }
    }
    match manner {
        Stops | LiesAndStops | HasNothing => {
            drop(sender.send(Err(io::ErrorKind::ConnectionReset.into())).await)
        }
        IsSilent => std::future::pending().await,
        Gives | Lies | GivesTooMuch | EndsEarly => {}
    }
}

fn content() -> Vec<u8> {
    (0..400_000u32).flat_map(u32::to_le_bytes).collect()
}

fn draft() -> Draft {
    let mut draft = Draft::default();
    draft.add_input("site.yaml".parse().unwrap(), Content::here(0o600, b"text".to_vec())).unwrap();
    draft.add_file("large".parse().unwrap(), Content::here(0o644, content())).unwrap();
    draft.add_file("same".parse().unwrap(), Content::here(0o600, content())).unwrap();
    draft
}

fn terms(key: &OperatorKey) -> Terms<'_> {
    Terms {
        key,
        author: "ann".into(),
        cluster: "c".into(),
        note: String::new(),
        restores: None,
        rollout: Rollout::default(),
        made_ms: 0,
        known: 0,
    }
}

/// A store with a release that has a large file.
struct World {
    store: Arc<dyn Store>,
    dir: TempDir,
    manifest: Manifest,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(dir.path()));
        let key = OperatorKey::generate();
        let manifest = publish(&*store, &terms(&key), &draft(), Large::Carried).await.unwrap();
        Self { store, dir, manifest }
    }

    /// A host for which others are as they are said to be.
    async fn host(&self, manners: &[(&'static str, Manner)]) -> (Gatherer, Arc<Others>, TempDir) {
        for (host, _) in manners {
            let holder =
                Holder { host: (*host).into(), agent: "10.0.0.1:7420".parse().unwrap(), releases: vec![1] };
            holder.tell(&*self.store).await.unwrap();
        }
        let prefix = tempfile::tempdir().unwrap();
        let others = Others {
            manners: manners.iter().copied().collect(),
            content: content(),
            asked: Mutex::default(),
        };
        let others = Arc::new(others);
        let patience =
            Patience { silence: Duration::from_millis(200), bytes: 1, period: Duration::from_secs(60) };
        let gatherer = Gatherer {
            store: self.store.clone(),
            host: "us".into(),
            depot: Depot::below(prefix.path()),
            peers: Some(Peers { own: "10.0.0.9:7420".parse().unwrap(), courier: others.clone(), patience }),
            named: BTreeMap::from([(1, self.manifest.carried())]),
        };
        (gatherer, others, prefix)
    }
}

fn is_whole(draft: &Draft) -> bool {
    draft.files()[&"large".parse().unwrap()].read().unwrap() == Some(content())
}

#[tokio::test]
async fn large_files_do_not_lie_in_the_store() {
    let world = World::new().await;
    let stored = world.store.range(keys::BLOBS).await.unwrap().0;
    assert_eq!(stored.len(), 1);
    assert_eq!(world.manifest.carried().len(), 1);
    assert!(world.dir.path().exists());
    assert_eq!(releases(&*world.store).await.unwrap().len(), 1);
}

#[tokio::test]
async fn whoever_lies_stops_or_stalls_costs_an_attempt_and_the_next_one_is_asked() {
    let world = World::new().await;
    let all = [
        ("liar", Lies),
        ("stops", Stops),
        ("silent", IsSilent),
        ("long", GivesTooMuch),
        ("short", EndsEarly),
        ("none", HasNothing),
        ("worst", LiesAndStops),
        ("good", Gives),
    ];
    // In whatever order chance has them asked.
    for _ in 0..12 {
        let (gatherer, _, _prefix) = world.host(&all).await;
        assert!(is_whole(&gatherer.gather(&world.manifest).await.unwrap()));
    }
}

#[tokio::test]
async fn hosts_that_are_alive_are_asked_before_those_that_are_not() {
    let world = World::new().await;
    let gone = ["a", "b", "c", "d", "e", "f"].map(|host| (host, HasNothing));
    world.store.put(&keys::host("here"), b"{}", None).await.unwrap();
    let (gatherer, others, _prefix) = world.host(&[&gone[..], &[("here", Gives)]].concat()).await;
    assert!(is_whole(&gatherer.gather(&world.manifest).await.unwrap()));
    assert_eq!(*others.asked.lock().unwrap(), [("here".into(), 0)]);
}

#[tokio::test]
async fn what_came_from_somebody_who_died_is_gone_on_with() {
    let world = World::new().await;
    let (gatherer, others, prefix) = world.host(&[("stops", Stops)]).await;
    let error = gatherer.gather(&world.manifest).await.unwrap_err().to_string();
    assert!(
        error.starts_with("waiting: blob ") && error.contains(" of release 1 is with nobody reachable"),
        "{error}"
    );
    assert!(error.contains("`stops`: it broke off"), "{error}");
    // It is there once more, and has half of the rest for us.
    gatherer.gather(&world.manifest).await.unwrap_err();
    let half = content().len() as u64 / 2;
    assert_eq!(*others.asked.lock().unwrap(), [("stops".into(), 0), ("stops".into(), half)]);
    // A process that begins anew goes on with it too.
    let (other, others, _) = world.host(&[("stops", Gives)]).await;
    let gatherer = Gatherer { depot: Depot::below(prefix.path()), ..other };
    assert!(is_whole(&gatherer.gather(&world.manifest).await.unwrap()));
    assert_eq!(others.asked.lock().unwrap()[0].1, half + half / 2);
}

#[tokio::test]
async fn nothing_of_a_liar_stays() {
    let world = World::new().await;
    let (gatherer, _, prefix) = world.host(&[("liar", Lies)]).await;
    gatherer.gather(&world.manifest).await.unwrap_err();
    let hash = Hash::of(&content());
    assert!(!gatherer.depot.has(&hash, content().len() as u64));
    assert!(gatherer.depot.open(&hash).is_err());
    // And what was damaged on our own disk is brought again.
    let (gatherer, others, _) = world.host(&[("good", Gives), ("liar", Gives)]).await;
    let gatherer = Gatherer { depot: Depot::below(prefix.path()), ..gatherer };
    gatherer.gather(&world.manifest).await.unwrap();
    std::fs::write(prefix.path().join("blobs").join(hash.to_string()), vec![0; content().len()]).unwrap();
    assert!(is_whole(&gatherer.gather(&world.manifest).await.unwrap()));
    assert_eq!(others.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_large_file_is_on_the_disk_once_whatever_release_has_it() {
    let world = World::new().await;
    let (gatherer, _, prefix) = world.host(&[("good", Gives)]).await;
    let files = gatherer.gather(&world.manifest).await.unwrap();
    let signed = releases(&*world.store).await.unwrap().remove(0).signed;
    let shelf = Shelf::below(prefix.path());
    let shelved = shelf.put(&signed, &world.manifest, &files).unwrap();
    let place = shelved.inputs[0].parent().unwrap();
    let ino = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().ino();
    let blob = prefix.path().join("blobs").join(Hash::of(&content()).to_string());
    let [one, other] = ["large", "same"].map(|name| place.join(name));
    // One of the two has another mode, and so a file of its own.
    assert!((ino(one.clone()) == ino(blob.clone())) != (ino(other.clone()) == ino(blob)));
    let mode = |path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(one), mode(other)), (0o644, 0o600));
    assert_eq!(shelf.get(1).unwrap(), shelved);
}

#[tokio::test]
async fn what_no_release_names_is_not_wanted_and_goes() {
    let prefix = tempfile::tempdir().unwrap();
    let depot = Depot::below(prefix.path());
    let [old, new, stranger] = [b"old", b"new", b"odd"].map(|text| Hash::of(text));
    for hash in [old, new, stranger] {
        let text = if hash == old {
            b"old"
        } else if hash == new {
            b"new"
        } else {
            b"odd"
        };
        let mut reception = depot.fetch(hash, 3).await.unwrap();
        assert!(matches!(depot.fetch(hash, 3).await, Err(DepotError::Busy)));
        reception.take(&mut Pieces::of_bytes(text.to_vec()), Patience::default()).await.unwrap();
        reception.finish().await.unwrap();
    }
    for part in [Hash::of(b"x").to_string(), format!("{new}.0")] {
        std::fs::write(prefix.path().join("blobs").join(format!(".homeostat-part-{part}")), "").unwrap();
    }
    let huge = Hash::of(b"huge");
    let releases = [(true, new, 3), (false, huge, 33 << 30), (false, new, 3)]
        .map(|(is_for_us, hash, bytes)| Named { is_for_us, files: BTreeMap::from([(hash, bytes)]) });
    depot.want(&releases, &BTreeSet::from([old])).unwrap();
    let wanted = Some(Wanted { bytes: 3, is_for_us: true });
    assert_eq!(depot.wanted(&new, Duration::ZERO).await, wanted);
    assert_eq!(depot.wanted(&huge, Duration::ZERO).await, None, "it would not be kept");
    assert_eq!(depot.wanted(&stranger, Duration::ZERO).await, None);
    assert_eq!([old, new, stranger].map(|hash| depot.has(&hash, 3)), [true, true, false]);
    assert_eq!(std::fs::read_dir(prefix.path().join("blobs")).unwrap().count(), 2);
}

#[tokio::test]
async fn whoever_gives_garbage_holds_up_nobody_and_nothing_of_it_stays() {
    let world = World::new().await;
    let (gatherer, others, prefix) = world.host(&[("stops", Stops)]).await;
    gatherer.gather(&world.manifest).await.unwrap_err();
    let (hash, bytes) = (Hash::of(&content()), content().len() as u64);
    // Two give the same, and not all of it yet.
    let mut gifts = Vec::new();
    for _ in 0..2 {
        let mut gift = gatherer.depot.take(hash, bytes).await.unwrap();
        let garbage = Pieces::of_bytes(vec![7; content().len() - 1]);
        let took = gift.take(&mut { garbage }, Patience::default()).await;
        assert!(matches!(took, Err(ReceptionError::TooShort)), "{took:?}");
        gifts.push(gift);
    }
    // What was fetched before is gone on with.
    gatherer.gather(&world.manifest).await.unwrap_err();
    let half = bytes / 2;
    assert_eq!(*others.asked.lock().unwrap(), [("stops".into(), 0), ("stops".into(), half)]);
    let (other, _, _other) = world.host(&[("good", Gives), ("stops", Stops)]).await;
    let own = Gatherer { depot: gatherer.depot.clone(), ..other };
    assert!(is_whole(&own.gather(&world.manifest).await.unwrap()));
    let mut last = gifts.pop().unwrap();
    last.take(&mut Pieces::of_bytes(vec![7]), Patience::default()).await.unwrap();
    assert!(matches!(last.finish().await, Err(ReceptionError::Different)));
    drop((gifts, last));
    assert!(own.depot.has(&hash, bytes));
    assert_eq!(std::fs::read_dir(prefix.path().join("blobs")).unwrap().count(), 1);
}

#[tokio::test]
async fn what_was_given_whole_takes_the_place_of_what_was_fetched_in_part() {
    let world = World::new().await;
    let (gatherer, others, prefix) = world.host(&[("stops", Stops)]).await;
    gatherer.gather(&world.manifest).await.unwrap_err();
    let (hash, bytes) = (Hash::of(&content()), content().len() as u64);
    let fetched = gatherer.depot.fetch(hash, bytes).await.unwrap();
    for _ in 0..2 {
        let mut gift = gatherer.depot.take(hash, bytes).await.unwrap();
        gift.take(&mut Pieces::of_bytes(content()), Patience::default()).await.unwrap();
        gift.finish().await.unwrap();
    }
    drop(fetched);
    assert!(is_whole(&gatherer.gather(&world.manifest).await.unwrap()));
    assert_eq!(others.asked.lock().unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(prefix.path().join("blobs")).unwrap().count(), 1);
}

/// One host that has everything, and gives one file at a time.
#[derive(Default)]
struct OneAtATime {
    contents: BTreeMap<Hash, Vec<u8>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Courier for OneAtATime {
    fn fetch(&self, _from: &Holder, hash: Hash, offset: u64) -> Pieces {
        let rest = self.contents[&hash][usize::try_from(offset).unwrap()..].to_vec();
        let turn = self.turn.clone().try_lock_owned();
        Pieces::sent_by(async move |sender| match turn {
            Ok(_turn) => give(Gives, rest, sender).await,
            Err(_) => give(HasNothing, rest, sender).await,
        })
    }
}

#[tokio::test]
async fn many_files_come_from_one_host_that_gives_one_at_a_time() {
    let world = World::new().await;
    let mut draft = draft();
    let mut courier = OneAtATime::default();
    for at in 0..6u8 {
        let text = [&[at], content().as_slice()].concat();
        courier.contents.insert(Hash::of(&text), text.clone());
        draft.add_file(format!("more{at}").parse().unwrap(), Content::here(0o644, text)).unwrap();
    }
    courier.contents.insert(Hash::of(&content()), content());
    let manifest = Manifest { files: draft.entries(), ..world.manifest.clone() };
    let (own, _, _prefix) = world.host(&[("one", Gives)]).await;
    let mut peers = own.peers.clone().unwrap();
    peers.courier = Arc::new(courier);
    let own = Gatherer { peers: Some(peers), named: BTreeMap::from([(1, manifest.carried())]), ..own };
    assert!(is_whole(&own.gather(&manifest).await.unwrap()));
}

#[test]
fn what_a_host_says_that_it_has_is_read_strictly() {
    let key = keys::holds("a");
    let good = br#"{"agent":"10.0.0.1:7420","releases":[1]}"#;
    let stored = |json: &[u8]| [&[1], json].concat();
    assert_eq!(Holder::parse(&key, &stored(good)).unwrap().releases, [1]);
    assert!(Holder::parse("holds/", &stored(good)).is_none());
    let many = format!(r#"{{"agent":"10.0.0.1:7420","releases":{:?}}}"#, vec![1; 101]);
    for bad in [&b""[..], b"{}", br#"{"agent":"a.example:7420","releases":[]}"#, many.as_bytes()] {
        assert!(Holder::parse(&key, &stored(bad)).is_none());
    }
    assert!(Holder::parse(&key, good).is_none());
}

/// Follows the releases of a store as the host `a`, which has the large file of [`draft`] below its prefix.
struct Following {
    _follower: Follower,
    _standing: watch::Sender<HostStanding>,
    file: PathBuf,
    _prefix: TempDir,
}

impl Following {
    fn start(store: Arc<dyn Store>, key: &OperatorKey) -> Self {
        let prefix = tempfile::tempdir().unwrap();
        let below = prefix.path();
        std::fs::create_dir_all(below.join("blobs")).unwrap();
        let file = below.join("blobs").join(Hash::of(&content()).to_string());
        std::fs::write(&file, content()).unwrap();
        let dir = ClusterDir::below(below);
        dir.pin_operators(&[key.operator("ann").unwrap()], 0).unwrap();
        let others = Others { manners: BTreeMap::new(), content: Vec::new(), asked: Mutex::default() };
        let party = Party {
            store,
            host: "a".into(),
            cluster: "c".into(),
            dir,
            shelf: Shelf::below(below),
            depot: Depot::below(below),
            peers: Some(Peers {
                own: "10.0.0.1:7420".parse().unwrap(),
                courier: Arc::new(others),
                patience: Patience::default(),
            }),
            may_lead: false,
        };
        let (standing, own) = watch::channel(HostStanding::default());
        Self { _follower: Follower::start(party, own), _standing: standing, file, _prefix: prefix }
    }
}

#[tokio::test]
async fn a_store_that_went_back_is_told_again_which_large_files_a_host_has() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| -> Arc<dyn Store> {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        Arc::new(EmbeddedStore::open(dir.path().join(name)))
    };
    let (first, copy) = (open("first"), open("copy"));
    let key = OperatorKey::generate();
    // The copy knows the release, and not who has its files.
    for store in [&first, &copy] {
        publish(&**store, &terms(&key), &draft(), Large::Carried).await.unwrap();
    }
    let rewound = Rewound::new(first.clone());
    let _following = Following::start(rewound.clone(), &key);
    let told = async |store: &Arc<dyn Store>| {
        let at = keys::holds("a");
        loop {
            let holder = store.get(&at).await.unwrap().and_then(|entry| Holder::parse(&at, &entry.value));
            if let Some(holder) = holder {
                return holder.releases;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(told(&first).await, [1]);
    rewound.go_back(copy.clone());
    assert_eq!(told(&copy).await, [1]);
}

#[tokio::test]
async fn large_files_stay_until_the_store_says_which_releases_there_are() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    // It cannot be opened, and so never answers.
    let store = Arc::new(EmbeddedStore::open(dir.path().join("file")));
    let following = Following::start(store.clone(), &OperatorKey::generate());
    assert!(store.range(keys::DEPLOYS).await.is_err());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(following.file.exists());
}
