//! Keys, and what is made with them: the request to sign for one, and the secret that they are.

use std::fmt;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256,
    PublicKey, PublicKeyData,
};
use rustls::pki_types::CertificateSigningRequestDer;
use serde::{Deserialize, Serialize};

use super::certificate::{Fingerprint, to_pem};

/// A text that nobody may see: it is not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// A key of our own.
pub struct Key(KeyPair);

/// The request to certify a key: it shows that whoever asks has that key. Who they are is not taken from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningRequest(String);

/// A key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A key that could not be made or read.
    #[error("the key cannot be used: {0}")]
    Key(String),
    /// A request that does not show that its key is there.
    #[error("the signing request cannot be used: {0}")]
    Request(String),
}

impl Secret {
    /// A secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for those who need it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Key {
    /// A new one (ECDSA P-256).
    pub fn generate() -> Result<Self, KeyError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|error| KeyError::Key(error.to_string()))
    }

    /// One that was kept.
    pub fn from_pem(text: &Secret) -> Result<Self, KeyError> {
        KeyPair::from_pem(text.reveal()).map(Self).map_err(|error| KeyError::Key(error.to_string()))
    }

    /// To keep it.
    pub fn pem(&self) -> Secret {
        Secret::new(to_pem("PRIVATE KEY", self.0.serialized_der()))
    }

    /// Asks to certify it.
    pub fn signing_request(&self) -> Result<SigningRequest, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&self.0).and_then(|request| request.pem());
        request.map(SigningRequest).map_err(|error| KeyError::Request(error.to_string()))
    }

    /// The SHA-256 of its public part.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.0.public_key_raw())
    }

    pub(super) fn into_pair(self) -> KeyPair {
        self.0
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint())
    }
}

impl SigningRequest {
    /// A text that claims to be one; it is checked when it is to be signed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same from its DER.
    pub fn from_der(der: &[u8]) -> Self {
        Self(to_pem("CERTIFICATE REQUEST", der))
    }

    /// The key that it is for, whose owner has shown to have it.
    pub fn key(&self) -> Result<RequestedKey, KeyError> {
        let wrong = |why: &str| KeyError::Request(why.into());
        let block = pem::parse(&self.0).map_err(|_| wrong("it is not PEM"))?;
        let der = CertificateSigningRequestDer::from(block.into_contents());
        let read = CertificateSigningRequestParams::from_der(&der)
            .map_err(|error| KeyError::Request(error.to_string()))?;
        if read.public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(wrong("only ECDSA P-256 keys are certified"));
        }
        Ok(RequestedKey(read.public_key))
    }
}

/// A key that somebody else has.
#[derive(Debug)]
pub struct RequestedKey(PublicKey);

impl RequestedKey {
    /// The SHA-256 of its public part.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.0.der_bytes())
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_is_not_printed() {
        let key = Key::generate().unwrap();
        let pem = key.pem();
        assert_eq!(Key::from_pem(&pem).unwrap().fingerprint(), key.fingerprint());
        for shown in [format!("{key:?}"), format!("{pem:?}")] {
            assert!(!shown.contains("PRIVATE"), "{shown}");
            assert!(!pem.reveal().lines().any(|line| shown.contains(line)), "{shown}");
        }
    }

    #[test]
    fn a_request_is_for_the_key_that_signed_it() {
        let key = Key::generate().unwrap();
        let request = key.signing_request().unwrap();
        assert_eq!(request.key().unwrap().fingerprint(), key.fingerprint());
    }

    #[test]
    fn requests_that_were_changed_or_use_other_keys_are_refused() {
        let SigningRequest(text) = Key::generate().unwrap().signing_request().unwrap();
        let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let other = CertificateParams::default().serialize_request(&other).unwrap().pem().unwrap();
        let mut block = pem::parse(&text).unwrap().into_contents();
        *block.last_mut().unwrap() ^= 1;
        for text in ["", "x", &SigningRequest::from_der(&block).0, &other] {
            assert!(SigningRequest::new(text).key().is_err(), "{text}");
        }
    }
}
