//! An export as it lies in the store: one byte that tells the form, then JSON.
//!
//! Values keep their types: what JSON cannot say is an object with one key that says it (`struct`, `map`, `float`, `sealed`). What
//! is sensitive is taken out and sealed, together with the key of the export, so that nobody can pass it on as their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_engine::store::keys;
use homeostat_model::catalog::ExportDecl;
use homeostat_model::{Meta, Params, ResourceDecl, ResourceId, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value as Json, json};

use super::Offer;
use super::seal::{Recipient, Sealed, SealingKey, Shut};

const FORM: u8 = 1;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    params: Map<String, Json>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    meta: Map<String, Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Sealed>,
}

/// What is sealed.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Secrets {
    /// The key of the export that they belong to.
    of: String,
    values: Vec<Json>,
}

/// Why an export cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Its secrets are sealed, and not to us, or not yet.
    NotForUs,
    /// It says nothing that we understand.
    Wrong(Arc<str>),
}

fn wrong(why: impl Into<String>) -> Unusable {
    Unusable::Wrong(why.into().into())
}

/// An export that is to be written.
pub(super) struct Draft {
    open: Stored,
    secrets: Option<Secrets>,
}

impl Draft {
    pub(super) fn new(key: &str, export: &ExportDecl) -> Self {
        let mut values = Vec::new();
        let params = write_params(&export.resource.params, &mut values);
        let meta = Meta { export: Vec::new(), ..Meta::clone(&export.resource.meta) };
        let meta = write_params(&meta.to_params(), &mut values);
        let secrets = (!values.is_empty()).then(|| Secrets { of: key.to_owned(), values });
        Self { open: Stored { params, meta, hosts: export.hosts.clone(), sealed: None }, secrets }
    }

    pub(super) fn has_secrets(&self) -> bool {
        self.secrets.is_some()
    }

    /// The bytes to store; none if those that are stored say the same to the same recipients. What we cannot read is written anew.
    pub(super) fn differing(
        mut self,
        stored: Option<&[u8]>,
        recipients: &BTreeMap<Arc<str>, Recipient>,
        host: &str,
        ours: &SealingKey,
    ) -> Option<Vec<u8>> {
        let mut stored = stored.and_then(|stored| parse(stored).ok());
        let sealed_before = stored.as_mut().and_then(|stored| stored.sealed.take());
        let was_sealed = sealed_before.is_some();
        let same_open = stored.as_ref() == Some(&self.open);
        let Some(secrets) = self.secrets else {
            return (!same_open || was_sealed).then(|| to_stored(&self.open));
        };
        let still = sealed_before.filter(|sealed| open_secrets(sealed, host, ours).as_ref() == Ok(&secrets));
        if same_open && still.as_ref().is_some_and(|sealed| sealed.is_for(recipients)) {
            return None;
        }
        let wider = still.and_then(|sealed| sealed.widened(recipients, host, ours));
        self.open.sealed = Some(wider.unwrap_or_else(|| Sealed::new(&to_bytes(&secrets), recipients)));
        Some(to_stored(&self.open))
    }
}

fn to_stored(stored: &Stored) -> Vec<u8> {
    let mut bytes = vec![FORM];
    bytes.extend(to_bytes(stored));
    bytes
}

/// An export, read as the host of a key reads it and written again by that host; none where it would not be read.
#[cfg(feature = "testing")]
pub(crate) fn written_again(at: &str, stored: &[u8], ours: &SealingKey) -> Option<Vec<u8>> {
    let Offer { from, resource, hosts } = read(at, stored, "b", ours).ok()?;
    let export = ExportDecl { resource, hosts };
    let recipients = [(from.clone(), ours.recipient()), ("b".into(), ours.recipient())].into();
    Draft::new(at, &export).differing(None, &recipients, &from, ours)
}

/// An export with any bytes in the place of what it seals; none where it is no export.
#[cfg(feature = "testing")]
pub(crate) fn sealing(stored: &[u8], secrets: &[u8], ours: &SealingKey) -> Option<Vec<u8>> {
    let sealed = Sealed::new(secrets, &[("b".into(), ours.recipient())].into());
    parse(stored).ok().map(|open| to_stored(&Stored { sealed: Some(sealed), ..open }))
}

/// Reads what another host exports. Never fails in another way than by saying why, whatever the bytes are.
pub fn read(key: &str, stored: &[u8], host: &str, ours: &SealingKey) -> Result<Offer, Unusable> {
    let (from, id) = keys::parse_export(key).ok_or_else(|| wrong("its key is none"))?;
    let stored = parse(stored)?;
    let mut secrets = match &stored.sealed {
        None => Unsealed::default(),
        Some(sealed) => {
            let secrets = open_secrets(sealed, host, ours)?;
            if secrets.of != key {
                return Err(wrong("what is sealed in it belongs to another one"));
            }
            Unsealed(secrets.values.into_iter().map(Some).collect())
        }
    };
    let params = read_params(&stored.params, &mut secrets)?;
    let meta = read_meta(&stored.meta, &mut secrets)?;
    let resource = ResourceDecl { meta, ..ResourceDecl::new(ResourceId::clone(&id), params) };
    Ok(Offer { from: from.into(), resource, hosts: stored.hosts })
}

fn parse(stored: &[u8]) -> Result<Stored, Unusable> {
    match stored.split_first() {
        Some((&FORM, json)) => {
            serde_json::from_slice(json).map_err(|error| wrong(format!("it cannot be read: {error}")))
        }
        _ => Err(wrong("it is in a form that this version does not know")),
    }
}

fn open_secrets(sealed: &Sealed, host: &str, ours: &SealingKey) -> Result<Secrets, Unusable> {
    let bytes = sealed.open(host, ours).map_err(|shut| match shut {
        Shut::NotForUs => Unusable::NotForUs,
        Shut::Broken => wrong("what is sealed in it cannot be opened"),
    })?;
    serde_json::from_slice(&bytes).map_err(|_| wrong("what is sealed in it cannot be read"))
}

fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON of texts and numbers can be written")
}

fn write_params(params: &Params, secrets: &mut Vec<Json>) -> Map<String, Json> {
    params.iter().map(|(name, value)| (name.to_string(), write(value, secrets))).collect()
}

/// Secrets go into what is sealed; what is left of one is its number there.
fn write(value: &Value, secrets: &mut Vec<Json>) -> Json {
    value.to_typed_json_hiding(&mut |secret| {
        secrets.push(secret.to_typed_json());
        json!({ "sealed": secrets.len() - 1 })
    })
}

/// Secrets that were unsealed. Each is used once: a few bytes must not become many.
#[derive(Default)]
struct Unsealed(Vec<Option<Json>>);

impl Unsealed {
    fn take(&mut self, at: &Number) -> Result<Json, String> {
        let at = at.as_u64().and_then(|at| usize::try_from(at).ok());
        let found = at.and_then(|at| self.0.get_mut(at)?.take());
        found.ok_or_else(|| "it refers to a secret that is not there".to_owned())
    }
}

fn read_params(json: &Map<String, Json>, secrets: &mut Unsealed) -> Result<Params, Unusable> {
    json.iter().map(|(name, value)| Ok((name.as_str(), read_value(value, secrets)?))).collect()
}

fn read_value(json: &Json, secrets: &mut Unsealed) -> Result<Value, Unusable> {
    let mut sealed = |tag: &str, inner: &Json| match (tag, inner) {
        ("sealed", Json::Number(at)) => Some(secrets.take(at).and_then(|secret| {
            // Nothing sealed refers to something sealed.
            let value = Value::from_typed_json(&secret).map_err(|error| error.to_string())?;
            Ok(Value::Sensitive(Box::new(value)))
        })),
        _ => None,
    };
    Value::from_typed_json_with(json, &mut sealed).map_err(|error| wrong(error.to_string()))
}

fn read_meta(json: &Map<String, Json>, secrets: &mut Unsealed) -> Result<Arc<Meta>, Unusable> {
    if json.is_empty() {
        return Ok(Meta::shared_default());
    }
    Meta::parse(&read_params(json, secrets)?).map(Arc::new).map_err(|errors| {
        let why: Vec<String> = errors
            .into_iter()
            .map(|error| match error.param {
                Some(param) => format!("`{param}` {}", error.message),
                None => error.message,
            })
            .collect();
        wrong(format!("its meta parameters: {}", why.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensitive(value: Value) -> Value {
        Value::Sensitive(Box::new(value))
    }

    fn export(params: &[(&str, Value)]) -> ExportDecl {
        let params = params.iter().map(|(name, value)| (*name, value.clone())).collect();
        let meta = Meta { noop: true, delay_ms: Some(5), ..Meta::default() };
        let resource =
            ResourceDecl { meta: meta.into(), ..ResourceDecl::new(ResourceId::new("file", "/x/y"), params) };
        ExportDecl { resource, hosts: vec!["web*".into()] }
    }

    const KEY: &str = "exports/a/file//x/y";

    #[test]
    fn an_export_reads_back_as_it_was_with_all_types() {
        let (a, b) = (SealingKey::generate(), SealingKey::generate());
        let nested: Value =
            Value::Map([(Value::Int(1), sensitive(Value::from("inner")))].into_iter().collect());
        let export = export(&[
            ("null", Value::Null),
            ("float", Value::Float(1.0)),
            ("endless", Value::Float(f64::NEG_INFINITY)),
            ("int", Value::Int(i64::MIN)),
            ("list", Value::List(vec![Value::Bool(true), Value::from("x")])),
            ("fields", Value::Struct([("sealed".into(), Value::Int(0))].into_iter().collect())),
            ("nested", nested.clone()),
            ("secret", sensitive(nested)),
        ]);
        let to: BTreeMap<Arc<str>, _> = [("a".into(), a.recipient()), ("b".into(), b.recipient())].into();
        let stored = Draft::new(KEY, &export).differing(None, &to, "a", &a).unwrap();
        assert!(!String::from_utf8_lossy(&stored).contains("inner"));
        let offer = read(KEY, &stored, "b", &b).unwrap();
        assert_eq!((&*offer.from, &offer.hosts), ("a", &export.hosts));
        assert_eq!(offer.resource.id, export.resource.id);
        assert_eq!(offer.resource.digest(), export.resource.digest());
        assert_eq!(Draft::new(KEY, &export).differing(Some(&stored), &to, "a", &a), None);
        assert_eq!(read(KEY, &stored, "c", &SealingKey::generate()).unwrap_err(), Unusable::NotForUs);
    }

    #[test]
    fn a_changed_secret_or_recipient_is_written_again() {
        let (a, b) = (SealingKey::generate(), SealingKey::generate());
        let only: BTreeMap<Arc<str>, _> = [("a".into(), a.recipient())].into();
        let both: BTreeMap<Arc<str>, _> = [("a".into(), a.recipient()), ("b".into(), b.recipient())].into();
        let draft = |secret: &str| Draft::new(KEY, &export(&[("s", sensitive(Value::from(secret)))]));
        let stored = draft("one").differing(None, &only, "a", &a).unwrap();
        let again = |secret: &str, to| draft(secret).differing(Some(&stored), to, "a", &a);
        assert_eq!(again("one", &only), None);
        let changed = again("two", &only).unwrap();
        assert_eq!(read(KEY, &changed, "b", &b).unwrap_err(), Unusable::NotForUs);
        assert!(read(KEY, &again("one", &both).unwrap(), "b", &b).is_ok());
        // Without secrets nothing stays sealed.
        let open = Draft::new(KEY, &export(&[("s", Value::from("one"))]));
        assert!(open.differing(Some(&stored), &BTreeMap::new(), "a", &a).is_some());
    }

    #[test]
    fn what_is_sealed_cannot_be_passed_on() {
        let key = SealingKey::generate();
        let to: BTreeMap<Arc<str>, _> = [("b".into(), key.recipient())].into();
        let draft = Draft::new(KEY, &export(&[("s", sensitive(Value::from("x")))]));
        let stored = draft.differing(None, &to, "a", &SealingKey::generate()).unwrap();
        let why = read("exports/c/file/mine", &stored, "b", &key).unwrap_err();
        assert_eq!(why, wrong("what is sealed in it belongs to another one"));
    }

    #[test]
    fn what_is_no_export_says_why() {
        let key = SealingKey::generate();
        let deep = format!("\u{1}{{\"params\":{{\"a\":{}{}}}}}", "[".repeat(5000), "]".repeat(5000));
        for bytes in [
            &b""[..],
            b"\x02{}",
            b"\x01{",
            b"\x01{\"params\":{\"a\":{\"sealed\":0}}}",
            b"\x01{\"params\":{\"a\":{\"sealed\":-1}}}",
            b"\x01{\"params\":{\"a\":{}}}",
            b"\x01{\"params\":{\"a\":{\"map\":[[1]]}}}",
            b"\x01{\"params\":{\"a\":18446744073709551615}}",
            b"\x01{\"params\":{},\"meta\":{\"noop\":3}}",
            b"\x01{\"params\":{},\"meta\":{\"unknown\":3}}",
            b"\x01{\"params\":{},\"more\":1}",
            deep.as_bytes(),
        ] {
            let found = read(KEY, bytes, "b", &key);
            assert!(matches!(found, Err(Unusable::Wrong(_))), "{bytes:?} {found:?}");
        }
    }

    #[test]
    fn an_export_that_was_damaged_anywhere_is_read_or_refused() {
        let key = SealingKey::generate();
        let to: BTreeMap<Arc<str>, _> = [("b".into(), key.recipient())].into();
        let nested = Value::Map([(Value::Int(1), Value::from("x"))].into_iter().collect());
        let draft = Draft::new(
            KEY,
            &export(&[("s", sensitive(nested.clone())), ("m", nested), ("f", Value::Float(0.5))]),
        );
        let stored = draft.differing(None, &to, "b", &key).unwrap();
        let pieces: [&[u8]; 8] = [b"{", b"}", b"[", b"\"", b"1e999", b"{\"sealed\":0}", b"null", b"\xff"];
        let (mut read_all_the_same, mut refused) = (0, 0);
        for at in 0..stored.len() {
            for piece in pieces {
                for cut in [0, 1, piece.len()] {
                    let end = (at + cut).min(stored.len());
                    let damaged = [&stored[..at], piece, &stored[end..]].concat();
                    match read(KEY, &damaged, "b", &key) {
                        Ok(_) => read_all_the_same += 1,
                        Err(Unusable::Wrong(_) | Unusable::NotForUs) => refused += 1,
                    }
                }
            }
        }
        assert!(read_all_the_same > 0 && refused > read_all_the_same, "{read_all_the_same} {refused}");
    }
}
