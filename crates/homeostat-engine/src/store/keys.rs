//! The layout of the store: every key that anybody writes, in one place.
//!
//! | key | what | written by |
//! |---|---|---|
//! | `hosts/<host>` | summary of a host, under its lease | that host |
//! | `vertices/<host>/<id>` | those that another host refers to: catalog digest, done or not, a change counter | that host |
//! | `exports/<from>/<kind>/<name>` | an exported resource; sensitive values sealed to each recipient | that host |
//! | `facts/<host>`, `services/<name>/<host>` | capacity and load; address and health (lease) | that host |
//! | `kv/one/<key>` | what `kv` resources and `homeostat kv` share | hosts, by role |
//! | `kv/each/<key>/<host>` | the same, one value for each host (`mapped`) | that host |
//! | `deploys/<n>`, `blobs/<hash>` | signed releases | operators |
//! | `members/<host>` | what a host that may be a member offers: its addresses, its zone, whether it can | that host |
//! | `cluster/members` | the members and learners with their addresses: whom to ask, who is to run a server | the elected one |
//! | `cluster/size` | how many members are wanted | operators |
//! | `cluster/elected` | the member that changes the others, under its lease | members |
//! | `cluster/step` | the change that is being made | the elected one |
//!
//! A value begins with one byte that tells the version of its form. The parts of a key are separated by slashes; a part that
//! somebody chose freely has its slashes, percent signs and control characters written as `%xx`, so that no name can reach
//! into another's range. The last part of a key may be anything and is written as it is.

use std::fmt::Write;

/// The form of `kv` values: the byte, then the text as UTF-8.
pub const KV_FORM: u8 = 1;
/// Everything that `kv` resources share.
pub const KV: &str = "kv/";
/// The `kv` values that hosts have in common.
pub const KV_ONE: &str = "kv/one/";
/// The `kv` values that each host has of its own.
pub const KV_EACH: &str = "kv/each/";

/// The summaries of all hosts.
pub const HOSTS: &str = "hosts/";
/// What hosts that may be members offer.
pub const MEMBERS: &str = "members/";
/// The members and learners with their addresses.
pub const CLUSTER_MEMBERS: &str = "cluster/members";
/// How many members are wanted.
pub const CLUSTER_SIZE: &str = "cluster/size";
/// The member that changes the others.
pub const CLUSTER_ELECTED: &str = "cluster/elected";
/// The change of members that is being made.
pub const CLUSTER_STEP: &str = "cluster/step";

/// The summary of a host.
pub fn host(host: &str) -> String {
    format!("{HOSTS}{}", part(host))
}

/// What a host offers as a member.
pub fn member(host: &str) -> String {
    format!("{MEMBERS}{}", part(host))
}

/// The prefix of the vertices of a host.
pub fn vertices_of(host: &str) -> String {
    format!("vertices/{}/", part(host))
}

/// The prefix of the exports of a host.
pub fn exports_of(from: &str) -> String {
    format!("exports/{}/", part(from))
}

/// A vertex that another host refers to.
pub fn vertex(of: &str, id: &homeostat_model::ResourceId) -> String {
    format!("vertices/{}/{}[{}]", part(of), id.kind, id.name)
}

/// An exported resource.
pub fn export(from: &str, id: &homeostat_model::ResourceId) -> String {
    format!("exports/{}/{}/{}", part(from), part(id.kind.as_str()), id.name)
}

/// Capacity and load of a host.
pub fn facts(host: &str) -> String {
    format!("facts/{}", part(host))
}

/// Address and health of a service on a host.
pub fn service(name: &str, host: &str) -> String {
    format!("services/{}/{}", part(name), part(host))
}

/// A shared `kv` value.
pub fn kv(key: &str) -> String {
    format!("{KV_ONE}{key}")
}

/// The `kv` value of one host.
pub fn kv_of(key: &str, host: &str) -> String {
    format!("{}{}", kv_each(key), part(host))
}

/// The prefix of all hosts' values of a mapped `kv` key.
pub fn kv_each(key: &str) -> String {
    format!("{KV_EACH}{}/", part(key))
}

/// A `kv` value in the form in which it is stored.
pub fn kv_value(text: &str) -> Vec<u8> {
    let mut form = Vec::with_capacity(text.len() + 1);
    form.push(KV_FORM);
    form.extend_from_slice(text.as_bytes());
    form
}

/// Reads a stored `kv` value; none if it has a form that this version does not know.
pub fn kv_text(stored: &[u8]) -> Option<&str> {
    match stored.split_first() {
        Some((&KV_FORM, text)) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

/// One freely chosen part, which must not reach into another part.
fn part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '/' || c == '%' || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                write!(out, "%{byte:02x}").expect("a string takes whatever is written");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_reaches_into_the_range_of_another() {
        assert_eq!(kv_of("a/b", "h1"), "kv/each/a%2fb/h1");
        assert!(!kv_of("a", "b/../c").starts_with("kv/each/a/b/"));
        assert!(!kv("x").starts_with(KV_EACH));
    }

    #[test]
    fn a_kv_value_reads_back_and_an_unknown_form_does_not() {
        assert_eq!(kv_text(&kv_value("x")), Some("x"));
        assert_eq!(kv_text(b"\x09x"), None);
        assert_eq!(kv_text(b""), None);
    }
}
