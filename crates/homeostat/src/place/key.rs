//! The key that opens what other hosts sealed to this one: made once, kept below the prefix, closed to other users.

use std::fs;
use std::io;

use homeostat_cluster::exchange::SealingKey;
use homeostat_engine::durable;

use super::Prefix;

const NAME: &str = "sealing.key";

/// The key of a prefix; a new one where there is none.
pub(crate) fn sealing_key(prefix: &Prefix) -> io::Result<SealingKey> {
    match read(prefix)? {
        Some(key) => Ok(key),
        None => {
            let key = SealingKey::generate();
            durable::write(&prefix.file(NAME), format!("{}\n", key.to_text()).as_bytes())?;
            Ok(key)
        }
    }
}

/// The key of a prefix, for whoever only looks: where there is none, one that opens nothing.
pub(crate) fn sealing_key_to_look(prefix: &Prefix) -> SealingKey {
    read(prefix).ok().flatten().unwrap_or_else(SealingKey::generate)
}

fn read(prefix: &Prefix) -> io::Result<Option<SealingKey>> {
    match fs::read_to_string(prefix.file(NAME)) {
        Ok(text) => SealingKey::from_text(text.trim()).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
