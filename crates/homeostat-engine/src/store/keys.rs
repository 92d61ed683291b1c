//! The layout of the store: every key that anybody writes, in one place.
//!
//! | key | what | written by |
//! |---|---|---|
//! | `hosts/<host>` | summary of a host, under its lease | that host |
//! | `vertices/<host>/<id>` | those that another host refers to: catalog digest, done or not, a change counter | that host |
//! | `seen/<host>/<id>` | the last change of another host's vertex that this one acted on; never in a shared store | the host alone |
//! | `values/<name>` | what a `value` resource stored last; never in a shared store | the host alone |
//! | `pools/<pool>/<name>` | the number that a program gave to a name; never in a shared store | the host alone |
//! | `last/<key>` | what a program read last of a shared store, for when it is away; never in a shared store | the host alone |
//! | `keys/<host>` | the public key that values for a host are sealed to; without a lease | that host |
//! | `exports/<from>/<kind>/<name>` | an exported resource; sensitive values sealed to each recipient | that host |
//! | `facts/<host>`, `services/<name>/<host>` | capacity and load; address and health (lease) | that host |
//! | `kv/one/<key>` | what `kv` resources and `homeostat kv` share | all hosts |
//! | `kv/each/<host>/<key>` | the same, one value for each host (`mapped`) | that host |
//! | `deploys/<n>` | the signed manifest of a release; the number has ten digits | operators |
//! | `blobs/<hash>/<chunk>` | the files of releases, in pieces, by the hash of their content | operators |
//! | `holds/<host>` | of which releases a host has all large files, and where it hands them out | that host |
//! | `rollouts/lead/<n>` | the host that looks at all others for a release in stages, and what it sees; under a lease | members |
//! | `rollouts/go/<host>/<n>` | a host may take that release now; under the same lease | the host that looks |
//! | `operators/<n>` | whose signatures count from then on, signed by one whose did before | operators |
//! | `cluster/tokens/<id>` | a token to join with: the hash of its secret, its end, its uses | members |
//! | `cluster/hosts/<host>`, `cluster/addresses/<address>` | who has joined, with its certificates; who listens where | members |
//! | `cluster/candidates/<host>` | who may be a member, and where | members |
//! | `cluster/refused/<host>.<serial>` | certificates of hosts that were removed | members |
//! | `cluster/authority` | the authorities that are trusted | members |
//! | `members/<host>` | what a host that may be a member offers: its addresses, its zone, whether it can | that host |
//! | `cluster/members` | the members and learners with their addresses: whom to ask, who is to run a server | the elected one |
//! | `cluster/size` | how many members are wanted | operators |
//! | `cluster/grace` | for how many seconds a member may be away | operators |
//! | `cluster/elected` | the member that changes the others, under its lease | members |
//! | `cluster/step` | the change that is being made | the elected one |
//! | `cluster/recovered` | another value after each time that the store went on from the copy of one member | that member |
//!
//! A value begins with one byte that tells the version of its form. The parts of a key are separated by slashes; a part that
//! somebody chose freely has its slashes, percent signs and control characters written as `%xx`, so that no name can reach
//! into another's range. The last part of a key may be anything and is written as it is.

use std::fmt::Write;

/// The form of `kv` values: the byte, then the text as UTF-8.
pub const KV_FORM: u8 = 1;
/// The form of what `value` resources store: the byte, then JSON that keeps the types.
const VALUE_FORM: u8 = 1;
/// Everything that `kv` resources share.
pub const KV: &str = "kv/";
/// The `kv` values that hosts have in common.
pub const KV_ONE: &str = "kv/one/";
/// The `kv` values that each host has of its own.
pub const KV_EACH: &str = "kv/each/";

/// Tokens to join with.
pub const CLUSTER_TOKENS: &str = "cluster/tokens/";
/// Those who have joined.
pub const CLUSTER_HOSTS: &str = "cluster/hosts/";
/// Those who may be members.
pub const CLUSTER_CANDIDATES: &str = "cluster/candidates/";
/// Certificates of hosts that were removed.
pub const CLUSTER_REFUSED: &str = "cluster/refused/";
/// The authorities that are trusted.
pub const CLUSTER_AUTHORITY: &str = "cluster/authority";

/// A token to join with.
pub fn cluster_token(id: &str) -> String {
    format!("{CLUSTER_TOKENS}{}", part(id))
}

/// Who has joined under a name; names that differ in case only are one.
pub fn cluster_host(host: &str) -> String {
    format!("{CLUSTER_HOSTS}{}", part(&host.to_ascii_lowercase()))
}

/// Who listens at an address.
pub fn cluster_address(address: std::net::SocketAddr) -> String {
    format!("cluster/addresses/{address}")
}

/// A host that may be a member.
pub fn cluster_candidate(host: &str) -> String {
    format!("{CLUSTER_CANDIDATES}{}", part(&host.to_ascii_lowercase()))
}

/// The certificates of a host that was removed, named by one of them: the host may come back and be removed again.
pub fn cluster_refused(host: &str, serial: &str) -> String {
    format!("{CLUSTER_REFUSED}{}.{}", part(host), part(serial))
}

/// What a host has written about itself: keys, and prefixes of more of them.
pub fn of_host(name: &str) -> ([String; 5], [String; 3]) {
    let keys = [host(name), facts(name), key_of(name), member(name), holds(name)];
    (keys, [vertices_of(name), exports_of(name), kv_each_of(name)])
}
/// The summaries of all hosts.
pub const HOSTS: &str = "hosts/";
/// The public keys of all hosts.
pub const KEYS: &str = "keys/";
/// What all hosts export.
pub const EXPORTS: &str = "exports/";
/// What hosts that may be members offer.
pub const MEMBERS: &str = "members/";
/// The members and learners with their addresses.
pub const CLUSTER_MEMBERS: &str = "cluster/members";
/// How many members are wanted.
pub const CLUSTER_SIZE: &str = "cluster/size";
/// For how many seconds a member may be away before it is replaced.
pub const CLUSTER_GRACE: &str = "cluster/grace";
/// The member that changes the others.
pub const CLUSTER_ELECTED: &str = "cluster/elected";
/// Which past the store has: it is another value after each time that it went on from an old copy.
pub const CLUSTER_RECOVERED: &str = "cluster/recovered";
/// The change of members that is being made.
pub const CLUSTER_STEP: &str = "cluster/step";

/// The signed manifests of releases.
pub const DEPLOYS: &str = "deploys/";
/// The files of releases.
pub const BLOBS: &str = "blobs/";
/// Which hosts have the large files of which releases.
pub const HOLDS: &str = "holds/";
/// How releases in stages get on.
pub const ROLLOUTS: &str = "rollouts/";
/// Whose signatures count, as that changed.
pub const OPERATORS: &str = "operators/";

/// The manifest of a release. Keys are in the order of the numbers.
pub fn deploy(number: u64) -> String {
    format!("{DEPLOYS}{number:010}")
}

/// A piece of a file of releases.
pub fn blob(hash: &str, chunk: usize) -> String {
    format!("{BLOBS}{}/{chunk:04}", part(hash))
}

/// The hash that a key below [`BLOBS`] belongs to.
pub fn parse_blob(key: &str) -> Option<&str> {
    key.strip_prefix(BLOBS)?.split('/').next()
}

/// The releases of which a host has all large files.
pub fn holds(host: &str) -> String {
    format!("{HOLDS}{}", part(host))
}

/// The host that looks at all others for a release.
pub fn rollout_lead(number: u64) -> String {
    format!("{ROLLOUTS}lead/{number:010}")
}

/// That a host may take a release. The release is in the last part, so that no host is told what begins like its own name.
pub fn rollout_go(host: &str, number: u64) -> String {
    format!("{ROLLOUTS}go/{}/{number:010}", part(host))
}

/// One change of whose signatures count.
pub fn operators(number: u64) -> String {
    format!("{OPERATORS}{number:010}")
}

/// The number at the end of a key below [`DEPLOYS`] or [`OPERATORS`].
pub fn parse_number(key: &str) -> Option<u64> {
    let digits = key.strip_prefix(DEPLOYS).or_else(|| key.strip_prefix(OPERATORS))?;
    let is_number = digits.len() == 10 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

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

/// A vertex that another host refers to.
pub fn vertex(of: &str, id: &homeostat_model::ResourceId) -> String {
    format!("{}{}[{}]", vertices_of(of), id.kind, id.name)
}

/// In the store of a host alone: the last change of another host's vertex that it acted on.
pub fn seen(of: &str, id: &homeostat_model::ResourceId) -> String {
    format!("seen/{}/{}[{}]", part(of), id.kind, id.name)
}

/// In the store of a host alone: what a `value` resource stored last.
pub fn value(name: &str) -> String {
    format!("values/{name}")
}

/// In the store of a host alone: the prefix of the numbers of a pool.
pub fn pool(name: &str) -> String {
    format!("pools/{}/", part(name))
}

/// In the store of a host alone: what was read of a shared store below a prefix, or that nothing was there.
pub fn last(key: &str) -> String {
    format!("last/{key}")
}

/// An exported resource.
pub fn export(from: &str, id: &homeostat_model::ResourceId) -> String {
    format!("exports/{}/{}/{}", part(from), part(id.kind.as_str()), id.name)
}

/// The prefix of all that a host exports.
pub fn exports_of(host: &str) -> String {
    format!("{EXPORTS}{}/", part(host))
}

/// Whose export a key is, and of which resource.
pub fn parse_export(key: &str) -> Option<(String, homeostat_model::ResourceId)> {
    let mut parts = key.strip_prefix(EXPORTS)?.splitn(3, '/');
    let (from, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let (from, kind) = (whole(from)?, whole(kind)?);
    let named = !(from.is_empty() || kind.is_empty() || name.is_empty());
    named.then(|| (from, homeostat_model::ResourceId::new(kind, name)))
}

/// The public key of a host.
pub fn key_of(host: &str) -> String {
    format!("{KEYS}{}", part(host))
}

/// Which host a key below [`HOSTS`], [`KEYS`] or [`HOLDS`] is about.
pub fn parse_host(key: &str) -> Option<String> {
    let name = [HOSTS, KEYS, HOLDS].into_iter().find_map(|prefix| key.strip_prefix(prefix))?;
    whole(name).filter(|name| !name.is_empty())
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
    format!("{}{key}", kv_each_of(host))
}

/// The `kv` value of the host that watches, for a watch that is declared where the host is not known: no host has no name.
pub fn kv_of_us(key: &str) -> String {
    kv_of(key, "")
}

/// What [`kv_of_us`] means on a host; none for all other keys.
pub fn resolved(prefix: &str, host: &str) -> Option<String> {
    prefix.strip_prefix(&kv_each_of("")).map(|key| kv_of(key, host))
}

/// The prefix of all `kv` values that a host has of its own.
pub fn kv_each_of(host: &str) -> String {
    format!("{KV_EACH}{}/", part(host))
}

/// Whose value a key below [`KV_EACH`] is, and of which key.
pub fn parse_kv_each(key: &str) -> Option<(String, &str)> {
    let (host, key) = key.strip_prefix(KV_EACH)?.split_once('/')?;
    whole(host).filter(|host| !host.is_empty()).map(|host| (host, key))
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

/// A value with its type in the form in which it is stored.
pub fn value_form(value: &homeostat_model::Value) -> Vec<u8> {
    let mut form = vec![VALUE_FORM];
    form.extend(value.to_typed_json().to_string().into_bytes());
    form
}

/// Reads a stored value; none if it has a form that this version does not know.
pub fn value_of(stored: &[u8]) -> Option<homeostat_model::Value> {
    match stored.split_first() {
        Some((&VALUE_FORM, json)) => {
            homeostat_model::Value::from_typed_json(&serde_json::from_slice(json).ok()?).ok()
        }
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

/// What a part was before it was written; none if nobody writes a part like that: there is one way to write each.
pub fn whole(written: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(*high)? * 16 + digit(*low)?);
                after
            }
            (b'%' | b'/', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes).ok().filter(|whole| part(whole) == written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_model::ResourceId;

    #[test]
    fn the_key_of_an_export_tells_whose_and_which_it_is() {
        for (from, kind, name) in [("a", "file", "/etc/motd"), ("a/b%\n", "http:server", "x/%2f")] {
            let id = ResourceId::new(kind, name);
            let key = export(from, &id);
            assert!(key.starts_with(&exports_of(from)));
            assert_eq!(parse_export(&key), Some((from.to_owned(), id)));
        }
        for key in ["exports/a/file", "exports//file/x", "exports/a/file/", "exports/%4/file/x", "kv/one/x"] {
            assert_eq!(parse_export(key), None, "{key}");
        }
        assert_eq!(parse_host(&key_of("web/1")).as_deref(), Some("web/1"));
        assert_eq!(parse_host(&host("a")).as_deref(), Some("a"));
    }

    #[test]
    fn a_part_that_nobody_writes_is_nobodys() {
        // Otherwise one host would be known by several keys, and one export be there twice.
        for part in ["%61", "a%2F", "a/b", "a\n", "%", "%2", "%zz", "%ff"] {
            assert_eq!(whole(part), None, "{part:?}");
        }
        for key in ["hosts/%61", "keys/%41", "holds/a%2F", "exports/%61/file/x", "exports/a/%66ile/x"] {
            assert!(parse_host(key).is_none() && parse_export(key).is_none(), "{key}");
        }
        assert_eq!(parse_kv_each("kv/each/%61/x"), None);
        assert_eq!(whole("a%2fb%25%0a").as_deref(), Some("a/b%\n"));
    }

    #[test]
    fn no_name_reaches_into_the_range_of_another() {
        assert_eq!(kv_of("a/b", "h1"), "kv/each/h1/a/b");
        assert_eq!(parse_kv_each("kv/each/h1/a/b"), Some(("h1".into(), "a/b")));
        assert_eq!(resolved(&kv_of_us("a/b"), "h1"), Some(kv_of("a/b", "h1")));
        assert_eq!(resolved(&kv_of("a", "h1"), "h2"), None);
        assert!(!kv_of("c", "a/b").starts_with(&kv_each_of("a")));
        assert!(!kv("x").starts_with(KV_EACH));
    }

    #[test]
    fn a_kv_value_reads_back_and_an_unknown_form_does_not() {
        assert_eq!(kv_text(&kv_value("x")), Some("x"));
        assert_eq!(kv_text(b"\x09x"), None);
        assert_eq!(kv_text(b""), None);
    }
}
