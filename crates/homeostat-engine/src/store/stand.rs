//! What a host says of a vertex that another host refers to.

use serde::{Deserialize, Serialize};

const FORM: u8 = 1;

/// How a vertex stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// It is in order, or its drift is only reported: what comes after it may start.
    pub done: bool,
    /// A number that is another one after each change.
    pub changes: u64,
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    /// The digest of the catalog that it was declared in.
    catalog: std::borrow::Cow<'a, str>,
    done: bool,
    changes: u64,
}

impl Stand {
    /// The form in which it is stored, with the digest of the host's catalog.
    pub fn to_bytes(self, catalog: &str) -> Vec<u8> {
        let written = Written { catalog: catalog.into(), done: self.done, changes: self.changes };
        let mut bytes = vec![FORM];
        serde_json::to_writer(&mut bytes, &written).expect("memory takes whatever is written");
        bytes
    }

    /// Reads what is stored; none if it has a form that this version does not know.
    pub fn parse(stored: &[u8]) -> Option<Self> {
        match stored.split_first() {
            Some((&FORM, json)) => {
                let Written { done, changes, .. } = serde_json::from_slice(json).ok()?;
                Some(Self { done, changes })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_what_it_wrote_and_no_other_form() {
        let stand = Stand { done: true, changes: 7 };
        assert_eq!(Stand::parse(&stand.to_bytes("abc")), Some(stand));
        for stored in [&b""[..], b"\x02{}", b"\x01{\"done\":1}", b"\x01"] {
            assert_eq!(Stand::parse(stored), None);
        }
    }
}
