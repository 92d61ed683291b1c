//! What members write into the store and hosts keep on disk, in the form in which it is stored: one byte for the version of
//! the form, then JSON.

use std::io;
use std::path::Path;

use homeostat_engine::durable;
use homeostat_engine::store::Operation;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const FORM: u8 = 1;

/// What a host that may be a member offers, in `members/<host>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its name.
    pub host: String,
    /// Where it would answer other members.
    pub peer_url: String,
    /// Where it would answer clients.
    pub client_url: String,
    /// Where it is: members spread over zones.
    pub zone: String,
    /// Whether it can.
    pub ability: Ability,
}

/// Whether a host can be a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// It can.
    Able,
    /// Its etcd does not run.
    Unable {
        /// For a person.
        why: String,
    },
    /// The data of the member that it was is gone: that member never returns.
    Lost {
        /// The number of that member.
        id: u64,
    },
}

/// The members and learners, in `cluster/members`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// By their numbers.
    pub seats: Vec<Seat>,
    /// The series of etcd that all of them have, such as `3.5`: an older one cannot join them. None until it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd: Option<String>,
}

/// One member or learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its number, which no other member ever gets.
    pub id: u64,
    /// The host that it is of; empty when nobody knows.
    pub host: String,
    /// Where it answers other members.
    pub peer_url: String,
    /// Where it answers clients; empty when nobody knows.
    pub client_url: String,
    /// Whether it has a vote; clients ask only those.
    pub votes: bool,
}

impl Roster {
    /// The place of a host.
    pub fn of(&self, host: &str) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.host == host)
    }

    /// Whom clients ask.
    pub fn client_urls(&self) -> Vec<String> {
        let voters = self.seats.iter().filter(|seat| seat.votes && !seat.client_url.is_empty());
        voters.map(|seat| seat.client_url.clone()).collect()
    }
}

/// The place that a host took, on its disk beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Taken {
    pub(super) id: u64,
    /// Whether etcd ran with it: from then on there must be data.
    pub(super) started: bool,
}

/// A record as it is stored.
pub(super) fn encode(record: &impl Serialize) -> Vec<u8> {
    let mut form = vec![FORM];
    serde_json::to_writer(&mut form, record).expect("records have text keys and are written to memory");
    form
}

/// Reads a stored record; none if it has a form that this version does not know.
pub(super) fn decode<T: DeserializeOwned>(stored: &[u8]) -> Option<T> {
    let (form, json) = stored.split_first()?;
    (*form == FORM).then(|| serde_json::from_slice(json).ok()).flatten()
}

/// What lies at a key of the members, read as hosts read it and written again; none where nobody would read it.
#[cfg(feature = "testing")]
pub(crate) fn written_again(key: &str, stored: &[u8]) -> Option<Vec<u8>> {
    use homeostat_engine::store::keys;
    fn again<T: Serialize + DeserializeOwned>(stored: &[u8]) -> Option<Vec<u8>> {
        decode::<T>(stored).map(|record| encode(&record))
    }
    match key {
        keys::CLUSTER_MEMBERS => again::<Roster>(stored),
        keys::CLUSTER_SIZE => again::<usize>(stored),
        keys::CLUSTER_GRACE => again::<u64>(stored),
        keys::CLUSTER_ELECTED => again::<String>(stored),
        keys::CLUSTER_STEP => again::<super::Step>(stored),
        other if other.starts_with(keys::MEMBERS) => again::<Offer>(stored),
        _ => None,
    }
}

pub(super) fn put(key: impl AsRef<str>, record: &impl Serialize) -> Operation {
    Operation::Put { key: key.as_ref().into(), value: encode(record).into(), lease: None }
}

/// Reads a record on disk; none if there is none that can be read.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    decode(&std::fs::read(path).ok()?)
}

/// Writes a record to disk, whole or not at all.
pub(super) fn save(path: &Path, record: &impl Serialize) -> io::Result<()> {
    durable::write(path, &encode(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_an_unknown_form_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seat");
        let taken = Taken { id: u64::MAX, started: true };
        save(&path, &taken).unwrap();
        assert_eq!(load(&path), Some(taken));
        assert_eq!(decode::<Taken>(b"\x02{}"), None);
        assert_eq!(decode::<Taken>(b""), None);
        assert_eq!(load::<Taken>(&dir.path().join("missing")), None);
    }
}
