//! Operators: whose signatures make a deploy. Their public keys are pinned when a host joins.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

const KIND: &str = "ed25519";
const NAME_BYTES_MAX: usize = 64;

/// The public key of an operator, as one line: `ed25519 <key as base64> <name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Operator {
    name: String,
    key: [u8; 32],
}

impl Operator {
    /// One with this name: letters, digits, dots, dashes and underscores, as it names a file.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, &'static str> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.starts_with('.')
            || !name.chars().all(is_good)
        {
            return Err("an operator's name has 1 to 64 letters, digits, dots, dashes and underscores");
        }
        Ok(Self { name: name.into(), key })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

impl TryFrom<String> for Operator {
    type Error = &'static str;

    fn try_from(line: String) -> Result<Self, &'static str> {
        let mut words = line.split_whitespace();
        let (Some(KIND), Some(key), Some(name), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("an operator's key is a line `ed25519 KEY NAME`");
        };
        let key = STANDARD.decode(key).ok().and_then(|key| key.try_into().ok());
        Self::new(name, key.ok_or("an ed25519 key has 32 bytes, as base64")?)
    }
}

impl From<Operator> for String {
    fn from(operator: Operator) -> Self {
        format!("{KIND} {} {}", STANDARD.encode(operator.key), operator.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_names_stay_in_their_directory() {
        let operator = Operator::new("ann.b", [7; 32]).unwrap();
        assert_eq!(Operator::try_from(String::from(operator.clone())), Ok(operator));
        for name in ["", ".", "..", "../x", "a/b", "a b", ".hidden"] {
            assert!(Operator::new(name, [7; 32]).is_err(), "{name}");
        }
        for line in ["", "ed25519", "ed25519 AAAA ann", "rsa AAAA ann"] {
            assert!(Operator::try_from(line.to_owned()).is_err(), "{line}");
        }
    }
}
