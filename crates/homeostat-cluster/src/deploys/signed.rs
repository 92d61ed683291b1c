//! What an operator signed, as it lies in the store: one byte for the form, the operator's public key (32 bytes), the signature (64
//! bytes), and what is signed.
//!
//! The signature (Ed25519) is over a line that says what it is and in which form (`homeostat deploy 1`), a zero byte, and what is
//! signed. So nothing that is signed for one purpose counts for another, and no other form is taken for this one.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::identity::{Operator, Secret, random};

const FORM: u8 = 1;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// What the file of a key begins with; the number is its form.
const MARK: &str = "homeostat-operator-key-1";

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Deploy,
    Operators,
}

impl Purpose {
    fn line(self) -> &'static [u8] {
        match self {
            Self::Deploy => b"homeostat deploy 1\0",
            Self::Operators => b"homeostat operators 1\0",
        }
    }

    fn message(self, body: &[u8]) -> Vec<u8> {
        [self.line(), body].concat()
    }
}

/// The key of an operator.
#[derive(Clone)]
pub struct OperatorKey(SigningKey);

/// Why something is not taken for an operator's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It has another form.
    #[error("it is in a form that this version does not know")]
    Form,
    /// The key is not pinned here.
    #[error("it is signed by nobody who is an operator here")]
    Stranger,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
}

impl OperatorKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&random()))
    }

    /// What others know of it.
    pub fn operator(&self, name: &str) -> Result<Operator, &'static str> {
        Operator::new(name, self.0.verifying_key().to_bytes())
    }

    /// As the text of a file.
    pub fn to_text(&self) -> Secret {
        Secret::new(format!("{MARK} {}\n", STANDARD.encode(self.0.to_bytes())))
    }

    /// Reads the text of a file.
    pub fn from_text(text: &str) -> Option<Self> {
        let encoded = text.trim().strip_prefix(MARK)?.trim();
        let bytes: [u8; KEY_BYTES] = STANDARD.decode(encoded).ok()?.try_into().ok()?;
        Some(Self(SigningKey::from_bytes(&bytes)))
    }

    /// Whether it is that operator's.
    pub fn is_of(&self, operator: &Operator) -> bool {
        self.0.verifying_key().as_bytes() == operator.key()
    }

    pub(super) fn sign(&self, purpose: Purpose, body: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&purpose.message(body));
        [&[FORM], self.0.verifying_key().as_bytes().as_slice(), &signature.to_bytes(), body].concat()
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey")
    }
}

/// What was signed, if one of these operators did it.
pub(super) fn open<'a, 'o>(
    purpose: Purpose,
    operators: &'o [Operator],
    stored: &'a [u8],
) -> Result<(&'o Operator, &'a [u8]), Untrusted> {
    let (key, signature, body) = split(stored).ok_or(Untrusted::Form)?;
    let operator = operators.iter().find(|operator| operator.key() == key).ok_or(Untrusted::Stranger)?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| Untrusted::Stranger)?;
    let signature = Signature::from_bytes(signature);
    key.verify_strict(&purpose.message(body), &signature).map_err(|_| Untrusted::Signature)?;
    Ok((operator, body))
}

/// What was signed, by whomever.
pub(super) fn body(stored: &[u8]) -> Option<&[u8]> {
    split(stored).map(|(_, _, body)| body)
}

fn split(stored: &[u8]) -> Option<(&[u8; KEY_BYTES], &[u8; SIGNATURE_BYTES], &[u8])> {
    let (form, rest) = stored.split_first()?;
    let (key, rest) = rest.split_first_chunk()?;
    let (signature, body) = rest.split_first_chunk()?;
    (*form == FORM).then_some((key, signature, body))
}
