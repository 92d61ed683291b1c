//! What a host says of the large files that it has: `holds/<host>`.

use std::net::SocketAddr;

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Operation, StoreError, keys};
use serde::{Deserialize, Serialize};

const FORM: u8 = 1;
/// Releases that a host may name; more than are kept.
const RELEASES_MAX: usize = 100;

/// A host that has all large files of some releases. That it says so is all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub host: String,
    /// Where it hands them out.
    pub agent: SocketAddr,
    /// Which releases.
    pub releases: Vec<u64>,
}

/// What is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    agent: SocketAddr,
    releases: Vec<u64>,
}

impl Holder {
    /// Reads what is stored at a key; none if that is not what a host would write.
    pub fn parse(key: &str, stored: &[u8]) -> Option<Self> {
        let host = keys::parse_host(key)?;
        let json = stored.strip_prefix(&[FORM])?;
        let Told { agent, releases } = serde_json::from_slice(json).ok()?;
        (releases.len() <= RELEASES_MAX).then_some(Self { host, agent, releases })
    }

    /// Tells the others; who has nothing says nothing.
    pub(in super::super) async fn tell(&self, store: &dyn Store) -> Result<(), StoreError> {
        let key = keys::holds(&self.host);
        let newest = &self.releases[self.releases.len().saturating_sub(RELEASES_MAX)..];
        if newest.is_empty() {
            let delete = vec![Operation::Delete(key.into())];
            return match store.transaction(Vec::new(), delete).await? {
                Commit::Done(_) | Commit::Refused => Ok(()),
            };
        }
        let told = Told { agent: self.agent, releases: newest.to_vec() };
        let mut value = vec![FORM];
        serde_json::to_writer(&mut value, &told).expect("it is plain data");
        store.put(&key, &value, None).await.map(drop)
    }
}

/// All that say that they have something, in the order of their names. What cannot be read is left out.
pub async fn holders(store: &dyn Store) -> Result<Vec<Holder>, StoreError> {
    let (entries, _) = store.range(keys::HOLDS).await?;
    Ok(entries.iter().filter_map(|entry| Holder::parse(&entry.key, &entry.value)).collect())
}
