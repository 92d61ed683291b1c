//! Releases in the store: `deploys/<n>` holds a manifest as it was signed, `blobs/<hash>/<chunk>` the files, each content once. Those
//! that hosts hand to each other are not there ([`Manifest::carried`]).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use homeostat_engine::Store;
use homeostat_engine::store::{
    Commit, Compare, OPERATIONS_MAX, Operation, StoreError, VALUE_BYTES_MAX, keys,
};

use super::draft::{Body, Content, Draft, DraftError};
use super::manifest::{FileEntry, Hash, Manifest, ManifestError, Rollout, STORE_BYTES_MAX};
use super::numbers;
use super::signed::{OperatorKey, Purpose, Untrusted, body, open};
use crate::identity::Operator;

/// Releases that pruning leaves, besides those that run somewhere.
pub const KEPT: usize = 10;
/// Of one range, the entries with the greatest numbers that are looked at.
const LOOKED_AT_MAX: usize = 100;
/// How often somebody else may be quicker with a number.
const TRIES_MAX: u32 = 32;
/// A piece of a file. One byte before it tells its form.
const CHUNK_BYTES: usize = VALUE_BYTES_MAX / 2;
const FORM: u8 = 1;

/// Something signed with its number, as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The number that its key says.
    pub number: u64,
    /// What was signed, with its signature.
    pub signed: Arc<[u8]>,
}

/// Why a release is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// It is not an operator's word.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// Its manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It is for another cluster.
    #[error("it is for the cluster `{0}`")]
    OtherCluster(String),
    /// It lies where another one belongs.
    #[error("it is number {0}, and lies in the place of another")]
    OtherNumber(u64),
}

/// Why files of a release cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file is not there.
    #[error("`{0}` is not in the store")]
    Missing(String),
    /// A file is another one.
    #[error("what the store has for `{0}` is something else")]
    Different(String),
    /// Files do not go together.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

/// What a release is signed with, and what it says besides its files.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The operator's key.
    pub key: &'a OperatorKey,
    /// The operator's name.
    pub author: String,
    /// The cluster that it is for.
    pub cluster: String,
    /// What there is to say about it.
    pub note: String,
    /// The release whose content it is again.
    pub restores: Option<u64>,
    /// Who takes it, and when.
    pub rollout: Rollout,
    /// When it is signed, in milliseconds since 1970.
    pub made_ms: u64,
    /// The greatest number that is known besides the store: its own is greater.
    pub known: u64,
}

/// How large files come to the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Large {
    /// Hosts hand them to each other.
    Carried,
    /// Through the store, as all others: hosts cannot reach each other.
    Stored,
}

/// Why a release was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It would not be taken anywhere.
    #[error("it cannot be a release: {0}")]
    Content(&'static str),
    /// Its manifest is too large.
    #[error("its list of files has more than {VALUE_BYTES_MAX} bytes")]
    TooLarge,
    /// Its files are too large for the store.
    #[error(
        "its files have more than {STORE_BYTES_MAX} bytes together, which only hosts of a cluster can hand to each other: \
         release it on a host of the cluster, with the prefix of that host"
    )]
    NeedsPeers,
    /// A file that cannot be read, or that nobody has.
    #[error("`{0}` cannot be had")]
    File(Hash, #[source] io::Error),
    /// Somebody else was quicker, again and again.
    #[error("others publish releases all the time: no number could be had")]
    NoNumber,
}

impl Stored {
    /// Those with the greatest numbers below a prefix, in the order of their numbers, and the revision.
    pub(super) async fn below(store: &dyn Store, prefix: &str) -> Result<(Vec<Self>, u64), StoreError> {
        let (entries, revision) = store.range(prefix).await?;
        let mut all: Vec<Self> = entries
            .into_iter()
            .filter_map(|entry| Some(Self { number: keys::parse_number(&entry.key)?, signed: entry.value }))
            .collect();
        all.sort_by_key(|one| one.number);
        all.drain(..all.len().saturating_sub(LOOKED_AT_MAX));
        Ok((all, revision))
    }

    /// The manifest, if one of these operators signed it for this cluster and this number.
    pub fn verify<'o>(
        &self,
        operators: &'o [Operator],
        cluster: &str,
    ) -> Result<(Manifest, &'o Operator), ReleaseError> {
        let (operator, body) = open(Purpose::Deploy, operators, &self.signed)?;
        let manifest = Manifest::parse(body)?;
        if manifest.cluster != cluster {
            return Err(ReleaseError::OtherCluster(manifest.cluster));
        }
        if manifest.number != self.number {
            return Err(ReleaseError::OtherNumber(manifest.number));
        }
        Ok((manifest, operator))
    }

    /// What it says, whoever signed it: to count what it refers to, and for nothing else.
    pub fn unverified(&self) -> Option<Manifest> {
        Manifest::parse(body(&self.signed)?).ok()
    }
}

/// The releases in the store, in the order of their numbers.
pub async fn releases(store: &dyn Store) -> Result<Vec<Stored>, StoreError> {
    Stored::below(store, keys::DEPLOYS).await.map(|(all, _)| all)
}

/// Signs a release with a number that nobody knows yet, and puts it into the store.
pub async fn publish(
    store: &dyn Store,
    terms: &Terms<'_>,
    draft: &Draft,
    large: Large,
) -> Result<Manifest, PublishError> {
    let mut manifest = Manifest {
        cluster: terms.cluster.clone(),
        number: 1,
        made_ms: terms.made_ms,
        author: terms.author.clone(),
        note: terms.note.clone(),
        restores: terms.restores,
        inputs: draft.inputs().to_vec(),
        files: draft.entries(),
        rollout: terms.rollout.clone(),
    };
    manifest.check().map_err(PublishError::Content)?;
    let carried = match large {
        Large::Carried => manifest.carried(),
        Large::Stored => BTreeMap::new(),
    };
    let mut stored = draft.contents();
    stored.retain(|hash, _| !carried.contains_key(hash));
    if stored.values().map(|content| content.bytes).sum::<u64>() > STORE_BYTES_MAX {
        return Err(PublishError::NeedsPeers);
    }
    put_blobs(store, &stored).await?;
    for _ in 0..TRIES_MAX {
        let last = releases(store).await?.last().map_or(0, |last| last.number);
        manifest.number = numbers::next(store, last, terms.known).await?;
        manifest.check().map_err(PublishError::Content)?;
        let signed = terms.key.sign(Purpose::Deploy, &manifest.to_bytes());
        if signed.len() > VALUE_BYTES_MAX {
            return Err(PublishError::TooLarge);
        }
        let key: Arc<str> = keys::deploy(manifest.number).into();
        let put = Operation::Put { key: key.clone(), value: signed.into(), lease: None };
        match store.transaction(vec![Compare::Missing(key)], vec![put]).await? {
            Commit::Done(_) => {
                // Somebody may have pruned what nobody referred to until now.
                put_blobs(store, &stored).await?;
                return Ok(manifest);
            }
            Commit::Refused => {}
        }
    }
    Err(PublishError::NoNumber)
}

/// Puts those pieces that are missing.
async fn put_blobs(store: &dyn Store, contents: &BTreeMap<Hash, &Content>) -> Result<(), PublishError> {
    for (hash, content) in contents {
        let cannot = |error| PublishError::File(*hash, error);
        let bytes = content.read().map_err(cannot)?.ok_or_else(|| cannot(io::ErrorKind::NotFound.into()))?;
        if Hash::of(&bytes) != *hash {
            return Err(cannot(io::Error::other("it changes while it is read")));
        }
        let hash = hash.to_string();
        for (at, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
            let key: Arc<str> = keys::blob(&hash, at).into();
            let value = [&[FORM], chunk].concat();
            match store.get(&key).await? {
                Some(entry) if *entry.value == *value => {}
                _ => drop(store.put(&key, &value, None).await?),
            }
        }
    }
    Ok(())
}

/// The files of a release, each with the content that its manifest says. Those that hosts hand to each other are elsewhere.
pub async fn fetch(store: &dyn Store, manifest: &Manifest) -> Result<Draft, FetchError> {
    let carried = manifest.carried();
    let mut draft = Draft::default();
    let mut room = STORE_BYTES_MAX;
    for file in &manifest.files {
        let stored = if file.bytes <= room { fetch_one(store, file).await? } else { None };
        let body = match stored {
            Some(bytes) => {
                room -= file.bytes;
                Body::Here(bytes)
            }
            None if carried.contains_key(&file.hash) => Body::Elsewhere,
            None => return Err(FetchError::Missing(file.path.to_string())),
        };
        let content = Content { mode: file.mode, bytes: file.bytes, hash: file.hash, body };
        draft.add_file(file.path.clone(), content)?;
    }
    for input in &manifest.inputs {
        draft.name_input(input.clone());
    }
    Ok(draft)
}

/// What the store has for a file; none if it has nothing at all.
async fn fetch_one(store: &dyn Store, file: &FileEntry) -> Result<Option<Vec<u8>>, FetchError> {
    let size = usize::try_from(file.bytes).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(size);
    for at in 0..size.div_ceil(CHUNK_BYTES) {
        let entry = match store.get(&keys::blob(&file.hash.to_string(), at)).await? {
            Some(entry) => entry,
            None if at == 0 => return Ok(None),
            None => return Err(FetchError::Missing(file.path.to_string())),
        };
        match piece(&entry.value) {
            Some(chunk) if bytes.len() + chunk.len() <= size => bytes.extend_from_slice(chunk),
            Some(_) | None => return Err(FetchError::Different(file.path.to_string())),
        }
    }
    if bytes.len() != size || Hash::of(&bytes) != file.hash {
        return Err(FetchError::Different(file.path.to_string()));
    }
    Ok(Some(bytes))
}

/// What a piece of a file holds; none if it has a form that this version does not know.
fn piece(stored: &[u8]) -> Option<&[u8]> {
    stored.strip_prefix(&[FORM])
}

/// A piece of a file, read as hosts read it and written again; none where nobody would read it.
#[cfg(feature = "testing")]
pub(crate) fn piece_written_again(stored: &[u8]) -> Option<Vec<u8>> {
    piece(stored).map(|chunk| [&[FORM], chunk].concat())
}

/// Removes all but the last [`KEPT`] releases, those that run somewhere, and the files that no release refers to any more. Says
/// which numbers went.
pub async fn prune(store: &dyn Store, running: &BTreeSet<u64>) -> Result<Vec<u64>, StoreError> {
    let all = releases(store).await?;
    let old = all.len().saturating_sub(KEPT);
    let (gone, kept): (Vec<_>, Vec<_>) = all
        .into_iter()
        .enumerate()
        .partition(|(at, release)| *at < old && !running.contains(&release.number));
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let manifests: Option<Vec<Manifest>> = kept.iter().map(|(_, release)| release.unverified()).collect();
    let gone: Vec<u64> = gone.iter().map(|(_, release)| release.number).collect();
    delete(store, gone.iter().map(|number| keys::deploy(*number))).await?;
    // Whoever cannot read a manifest cannot know which files it needs.
    if let Some(manifests) = manifests {
        let needed: BTreeSet<String> =
            manifests.iter().flat_map(|manifest| &manifest.files).map(|file| file.hash.to_string()).collect();
        let mut useless = Vec::new();
        for entry in store.range(keys::BLOBS).await?.0 {
            if keys::parse_blob(&entry.key).is_some_and(|hash| !needed.contains(hash)) {
                useless.push(entry.key.to_string());
            }
        }
        delete(store, useless).await?;
    }
    Ok(gone)
}

async fn delete(store: &dyn Store, keys: impl IntoIterator<Item = String>) -> Result<(), StoreError> {
    let operations: Vec<_> = keys.into_iter().map(|key| Operation::Delete(key.into())).collect();
    for some in operations.chunks(OPERATIONS_MAX) {
        match store.transaction(Vec::new(), some.to_vec()).await? {
            Commit::Done(_) | Commit::Refused => {}
        }
    }
    Ok(())
}
