//! Values that only some hosts can read.
//!
//! A secret is sealed to the key of an envelope that is made for it, and the key of the envelope to each recipient, so that its
//! size grows by a hundred bytes for each of them, however long the secret is. Sealing is X25519 with XSalsa20-Poly1305 (a sealed
//! box of NaCl). Who sealed it is not proven by the box: that only a host itself writes its exports is for the store to hold.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use crypto_box::aead::OsRng;
use crypto_box::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

/// What a host opens with what was sealed to it.
#[derive(Clone)]
pub struct SealingKey(SecretKey);

/// What values for a host are sealed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(PublicKey);

/// A key in a form that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key")]
pub struct NoKey;

/// What nobody but its recipients can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    /// Sealed to the key of the envelope.
    text: String,
    /// Who can read it.
    to: BTreeMap<Arc<str>, Slip>,
}

/// One recipient's way into the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slip {
    /// The recipient's public key, by which it knows that it is meant.
    key: String,
    /// The key of the envelope, sealed to it.
    way: String,
}

/// Why something sealed cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shut {
    /// It is not sealed to us.
    NotForUs,
    /// It is no envelope, or was tampered with.
    Broken,
}

impl SealingKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(SecretKey::generate(&mut OsRng))
    }

    /// As text, to be kept where nobody else can read it.
    pub fn to_text(&self) -> String {
        BASE64.encode(self.0.to_bytes())
    }

    /// Reads it back.
    pub fn from_text(text: &str) -> Result<Self, NoKey> {
        let bytes = BASE64.decode(text).map_err(|_| NoKey)?;
        SecretKey::from_slice(&bytes).map(Self).map_err(|_| NoKey)
    }

    /// What others seal to.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.public_key())
    }

    fn open(&self, text: &str) -> Option<Vec<u8>> {
        self.0.unseal(&BASE64.decode(text).ok()?).ok()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

impl Recipient {
    /// As text.
    pub fn to_text(&self) -> String {
        BASE64.encode(self.0.as_bytes())
    }

    /// Reads it back.
    pub fn from_text(text: &str) -> Result<Self, NoKey> {
        let bytes = BASE64.decode(text).map_err(|_| NoKey)?;
        PublicKey::from_slice(&bytes).map(Self).map_err(|_| NoKey)
    }

    fn seal(&self, bytes: &[u8]) -> String {
        let sealed = self.0.seal(&mut OsRng, bytes).expect("a value fits into a box");
        BASE64.encode(sealed)
    }

    fn slip(&self, envelope: &SealingKey) -> Slip {
        Slip { key: self.to_text(), way: self.seal(envelope.to_text().as_bytes()) }
    }
}

impl Sealed {
    pub(super) fn new(secret: &[u8], recipients: &BTreeMap<Arc<str>, Recipient>) -> Self {
        let envelope = SealingKey::generate();
        Self {
            text: envelope.recipient().seal(secret),
            to: recipients.iter().map(|(host, to)| (host.clone(), to.slip(&envelope))).collect(),
        }
    }

    /// Whether these can read it, and nobody else.
    pub(super) fn is_for(&self, recipients: &BTreeMap<Arc<str>, Recipient>) -> bool {
        self.to.len() == recipients.len()
            && self
                .to
                .iter()
                .zip(recipients)
                .all(|(have, want)| have.0 == want.0 && have.1.key == want.1.to_text())
    }

    /// The same for more recipients, at a cost that follows how many are new; none if somebody is not to read it any more, who knows
    /// the way into this envelope.
    pub(super) fn widened(
        &self,
        recipients: &BTreeMap<Arc<str>, Recipient>,
        host: &str,
        key: &SealingKey,
    ) -> Option<Self> {
        let stays = |(host, slip): (&Arc<str>, &Slip)| {
            recipients.get(host).is_some_and(|to| to.to_text() == slip.key)
        };
        if !self.to.iter().all(stays) {
            return None;
        }
        let envelope = self.envelope(host, key).ok()?;
        let mut wider = self.clone();
        for (host, to) in recipients.iter().filter(|(host, _)| !self.to.contains_key(*host)) {
            wider.to.insert(host.clone(), to.slip(&envelope));
        }
        Some(wider)
    }

    pub(super) fn open(&self, host: &str, key: &SealingKey) -> Result<Vec<u8>, Shut> {
        self.envelope(host, key)?.open(&self.text).ok_or(Shut::Broken)
    }

    fn envelope(&self, host: &str, key: &SealingKey) -> Result<SealingKey, Shut> {
        let slip = self.to.get(host).filter(|slip| slip.key == key.recipient().to_text());
        let way = key.open(&slip.ok_or(Shut::NotForUs)?.way).ok_or(Shut::Broken)?;
        let envelope = String::from_utf8(way).ok().and_then(|text| SealingKey::from_text(&text).ok());
        envelope.ok_or(Shut::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_recipients_can_read_what_is_sealed() {
        let (a, b, c) = (SealingKey::generate(), SealingKey::generate(), SealingKey::generate());
        let to: BTreeMap<Arc<str>, _> = [("a".into(), a.recipient()), ("b".into(), b.recipient())].into();
        let sealed = Sealed::new(b"secret", &to);
        assert!(sealed.is_for(&to));
        for (host, key) in [("a", &a), ("b", &b)] {
            assert_eq!(sealed.open(host, key), Ok(b"secret".to_vec()));
        }
        assert_eq!(sealed.open("c", &c), Err(Shut::NotForUs));
        assert_eq!(sealed.open("a", &c), Err(Shut::NotForUs));
        let more: BTreeMap<Arc<str>, _> =
            to.clone().into_iter().chain([("c".into(), c.recipient())]).collect();
        let wider = sealed.widened(&more, "a", &a).unwrap();
        assert!(wider.is_for(&more) && wider.open("c", &c) == Ok(b"secret".to_vec()));
        assert_eq!(wider.widened(&to, "a", &a), None, "who could read it keeps the way in");
        let broken = Sealed { text: sealed.text.chars().rev().collect(), ..sealed };
        assert_eq!(broken.open("a", &a), Err(Shut::Broken));
    }

    #[test]
    fn a_key_reads_back_and_is_never_shown() {
        let key = SealingKey::generate();
        assert_eq!(SealingKey::from_text(&key.to_text()).unwrap().recipient(), key.recipient());
        assert_eq!(Recipient::from_text(&key.recipient().to_text()), Ok(key.recipient()));
        assert!(SealingKey::from_text("x").is_err() && Recipient::from_text("").is_err());
        assert!(!format!("{key:?}").contains(&key.to_text()));
    }
}
