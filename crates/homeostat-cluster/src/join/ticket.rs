//! Join strings: what a host needs to become part of a cluster, in one word that can be copied.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::identity::{Fingerprint, Secret, random};

/// What a join string begins with; the number is its form.
const MARK: &str = "homeostat1-";
/// More than any join string has.
const TEXT_BYTES_MAX: usize = 4096;
/// How many addresses one names at most.
pub const ADDRESSES_MAX: usize = 8;

/// What a host needs to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinString {
    /// Where agents of the cluster answer: 1 to [`ADDRESSES_MAX`].
    pub addresses: Vec<SocketAddr>,
    /// The authority that they must show.
    pub authority: Fingerprint,
    /// Which token it is.
    pub token: TokenId,
    /// What shows that it was given to us.
    pub secret: Secret,
}

/// The name of a token; it is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId(String);

/// Why a text is no join string. It does not repeat the text, which may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAJoinString {
    /// It begins otherwise.
    #[error("a join string begins with `{MARK}`: it is what `homeostat cluster token` prints")]
    Mark,
    /// Something is missing or was changed.
    #[error("the join string is damaged: copy all of it")]
    Damaged,
}

/// What is encoded.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    a: Vec<SocketAddr>,
    f: Fingerprint,
    t: TokenId,
    s: Secret,
}

impl TokenId {
    /// A new one.
    pub fn random() -> Self {
        Self(crate::identity::hex(&random::<8>()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret that nobody guesses.
pub(super) fn new_secret() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(random::<32>()))
}

impl TryFrom<String> for TokenId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        // It becomes part of a key.
        let is_good = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_good { Ok(Self(text)) } else { Err("the name of a token has 16 hexadecimal digits") }
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JoinString {
    /// As the word that is handed over. It holds the secret.
    pub fn reveal(&self) -> String {
        let Self { addresses, authority, token, secret } = self.clone();
        let form = Form { a: addresses, f: authority, t: token, s: secret };
        let json = serde_json::to_vec(&form).expect("a join string is plain data");
        format!("{MARK}{}", URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for JoinString {
    type Err = NotAJoinString;

    fn from_str(text: &str) -> Result<Self, NotAJoinString> {
        let encoded = text.trim().strip_prefix(MARK).ok_or(NotAJoinString::Mark)?;
        if encoded.len() > TEXT_BYTES_MAX {
            return Err(NotAJoinString::Damaged);
        }
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotAJoinString::Damaged)?;
        let form: Form = serde_json::from_slice(&json).map_err(|_| NotAJoinString::Damaged)?;
        if form.a.is_empty() || form.a.len() > ADDRESSES_MAX {
            return Err(NotAJoinString::Damaged);
        }
        Ok(Self { addresses: form.a, authority: form.f, token: form.t, secret: form.s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> JoinString {
        JoinString {
            addresses: vec!["10.0.0.1:7420".parse().unwrap(), "[2001:db8::1]:7420".parse().unwrap()],
            authority: Fingerprint::of(b"x"),
            token: TokenId::random(),
            secret: new_secret(),
        }
    }

    #[test]
    fn a_join_string_reads_back_from_one_word() {
        let text = example().reveal();
        assert!(!text.contains(char::is_whitespace));
        assert_eq!(format!(" {text}\n").parse::<JoinString>().unwrap().reveal(), text);
    }

    #[test]
    fn what_was_cut_or_changed_is_refused_without_repeating_it() {
        let text = example().reveal();
        for at in 0..text.len() {
            let error = text[..at].parse::<JoinString>().unwrap_err();
            assert!(at < MARK.len() || !error.to_string().contains(&text[..at]));
        }
        assert_eq!("hello".parse::<JoinString>(), Err(NotAJoinString::Mark));
        let none = JoinString { addresses: Vec::new(), ..example() };
        assert_eq!(none.reveal().parse::<JoinString>(), Err(NotAJoinString::Damaged));
    }

    #[test]
    fn a_join_string_is_not_printed_by_accident() {
        let example = example();
        assert!(!format!("{example:?}").contains(example.secret.reveal()));
    }
}
