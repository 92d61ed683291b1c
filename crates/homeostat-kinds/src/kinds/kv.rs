//! Keeps a key of the store at a value.
//!
//! The store is shared by all hosts of a cluster; without a cluster it is this host's. `homeostat kv` shows the same keys.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   kv:
//!   - name: motd
//!     value: be kind
//!   - name: version-that-only-grows
//!     key: version
//!     value: "42"
//!     skiplessthan: true
//! ```
//!
//! ## Watches
//!
//! The key.
//!
//! ## Automatic edges
//!
//! None.
//!
//! ## Sends and receives
//!
//! Receives any parameter; sends nothing.
//!
//! ## Limits
//!
//! A value has less than 1 MiB.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_engine::store::{
    Commit, Compare, Entry, OPERATIONS_MAX, Operation, StoreError, VALUE_BYTES_MAX, keys,
};
use homeostat_engine::{
    Applied, Change, Check, Context, Drift, Failure, Host, Looks, ParamError, Reach, Resource, Watch,
};
use homeostat_model::Value;
use schemars::JsonSchema;
use serde::Deserialize;

/// What a person sees of a value.
const SHOWN_CHARS_MAX: usize = 80;

/// What is declared of a `kv`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// The key; the name of the resource if it is not given.
    key: String,
    /// The value. If it is not given, the key is removed.
    #[schemars(with = "Option<String>")]
    value: Option<Value>,
    /// Each host has a value of its own under this key.
    mapped: bool,
    /// Leave the stored value alone if ours is less.
    skiplessthan: bool,
    /// How `skiplessthan` compares: 0 as whole numbers, 1 as texts.
    #[schemars(range(min = 0, max = 1))]
    skipcmpstyle: i64,
}

pub(super) struct Kv {
    key: String,
    value: Option<String>,
    mapped: bool,
    only_up: Option<Order>,
    /// Whether the value must not be shown.
    secret: bool,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Number,
    Text,
}

/// The stored value is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Differs {
    is: Option<String>,
    want: Option<String>,
    /// Who changed it last, so that nobody's later change is overwritten where that matters.
    revision: Option<u64>,
    /// Both are shown as hashes: what is stored may be an older secret.
    secret: bool,
}

impl Drift for Differs {
    fn changes(&self) -> Vec<Change> {
        let shown = |value: &Option<String>| match value {
            None => "absent".to_owned(),
            Some(text) if self.secret => format!("blake3 {}", &blake3::hash(text.as_bytes()).to_hex()[..16]),
            Some(text) if text.chars().count() > SHOWN_CHARS_MAX => {
                text.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
            }
            Some(text) => text.clone(),
        };
        vec![Change::new("value", shown(&self.is), shown(&self.want))]
    }
}

impl Kv {
    fn stored_key(&self, host: &Host) -> String {
        if self.mapped { keys::kv_of(&self.key, host.name()) } else { keys::kv(&self.key) }
    }

    /// Compares what is stored with what is declared.
    fn compare(&self, stored: Option<&Entry>) -> Result<Check<Differs>, Failure> {
        // A form of a later version is not ours to read, but it is another value.
        let found = stored.map(|entry| keys::kv_text(&entry.value));
        if found == self.value.as_deref().map(Some) {
            return Ok(Check::converged());
        }
        let is = found.map(|text| text.unwrap_or("(in an unknown form)").to_owned());
        if let (Some(order), Some(is), Some(want)) = (self.only_up, &is, &self.value)
            && order.compare(want, is)? == Ordering::Less
        {
            return Ok(Check::converged());
        }
        Ok(Check::Drifted(Differs {
            is,
            want: self.value.clone(),
            revision: stored.map(|entry| entry.mod_revision),
            secret: self.secret,
        }))
    }

    fn operation(&self, host: &Host) -> Operation {
        let key = self.stored_key(host).into();
        match &self.value {
            None => Operation::Delete(key),
            Some(text) => Operation::Put { key, value: keys::kv_value(text).into(), lease: None },
        }
    }
}

impl Order {
    fn compare(self, ours: &str, stored: &str) -> Result<Ordering, Failure> {
        match self {
            Self::Text => Ok(ours.cmp(stored)),
            Self::Number => Ok(number(ours)?.cmp(&number(stored)?)),
        }
    }
}

fn number(text: &str) -> Result<i64, Failure> {
    text.trim().parse().map_err(|_| {
        Failure::permanent("`skiplessthan` compares whole numbers, and the stored value is none")
    })
}

fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(_) | StoreError::LeaseEnded => Failure::transient(error.to_string()),
        StoreError::TooLarge(_) | StoreError::Damaged(_) => Failure::permanent(error.to_string()),
    }
}

impl Resource for Kv {
    const KIND: &'static str = "kv";
    const DOC: &'static str = super::doc_of!("kv");

    type Params = Params;
    type Drift = Differs;
    /// The keys that hosts have in common.
    type Prefetched = BTreeMap<Arc<str>, Entry>;

    fn new(name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        let key = if params.key.is_empty() { (**name).to_owned() } else { params.key };
        let secret = params.value.as_ref().is_some_and(Value::is_sensitive);
        let value = params.value.as_ref().and_then(Value::as_str).map(str::to_owned);
        if params.value.is_some() && value.is_none() {
            errors.push(ParamError::of("value", "`value` must be a text"));
        }
        if value.as_ref().is_some_and(|text| text.len() >= VALUE_BYTES_MAX) {
            errors.push(ParamError::of(
                "value",
                format!("`value` must have less than {VALUE_BYTES_MAX} bytes"),
            ));
        }
        let order = match params.skipcmpstyle {
            0 => Order::Number,
            1 => Order::Text,
            _ => {
                errors.push(ParamError::of("skipcmpstyle", "`skipcmpstyle` must be 0 or 1"));
                Order::Text
            }
        };
        let is_number = value.as_ref().is_none_or(|text| number(text).is_ok());
        if params.skiplessthan && order == Order::Number && !is_number {
            let error = ParamError::of("value", "`value` must be a whole number to be compared as one");
            errors.push(error.help("`skipcmpstyle: 1` compares texts"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self { key, value, secret, mapped: params.mapped, only_up: params.skiplessthan.then_some(order) })
    }

    fn watches(&self) -> Vec<Watch> {
        let prefix = if self.mapped { keys::kv_of_us(&self.key) } else { keys::kv(&self.key) };
        vec![Watch::Store(prefix.into())]
    }

    fn looks(&self) -> Looks {
        // Only other resources of this kind change the store, and they declare it.
        Looks::Nothing
    }

    fn reach(&self) -> Reach {
        Reach::Declared(Vec::new())
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<Differs>, Failure> {
        let stored = cx.host.store().get(&self.stored_key(cx.host)).await;
        self.compare(stored.map_err(|error| store_failure(&error))?.as_ref())
    }

    async fn apply(&self, cx: &Context<'_>, drift: Differs) -> Result<Applied, Failure> {
        let when = match (self.only_up, drift.revision) {
            (None, _) => Vec::new(),
            (Some(_), Some(revision)) => vec![Compare::Revision(self.stored_key(cx.host).into(), revision)],
            (Some(_), None) => vec![Compare::Missing(self.stored_key(cx.host).into())],
        };
        let done = cx.host.store().transaction(when, vec![self.operation(cx.host)]).await;
        match done.map_err(|error| store_failure(&error))? {
            Commit::Done(_) => Ok(Applied::done()),
            Commit::Refused => Err(Failure::transient("somebody else changed the key at the same time")),
        }
    }

    fn batch_key(&self) -> Option<String> {
        // Those that compare need a transaction of their own.
        self.only_up.is_none().then(String::new)
    }

    async fn apply_batch(
        cx: &Context<'_>,
        batch: Vec<(Arc<Self>, Differs)>,
    ) -> Result<Vec<Applied>, Failure> {
        for members in batch.chunks(OPERATIONS_MAX) {
            let operations = members.iter().map(|(kv, _)| kv.operation(cx.host)).collect();
            let done = cx.host.store().transaction(Vec::new(), operations).await;
            if done.map_err(|error| store_failure(&error))? == Commit::Refused {
                return Err(Failure::transient("the store refused"));
            }
        }
        Ok(vec![Applied::done(); batch.len()])
    }

    fn prefetch_key(&self) -> Option<String> {
        // The values of all hosts would be too many for the one that is wanted.
        (!self.mapped).then(|| keys::KV_ONE.to_owned())
    }

    async fn prefetch(&self, cx: &Context<'_>) -> Result<Self::Prefetched, Failure> {
        let (entries, _) =
            cx.host.store().range(keys::KV_ONE).await.map_err(|error| store_failure(&error))?;
        Ok(entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect())
    }

    async fn check_prefetched(
        &self,
        cx: &Context<'_>,
        look: &Self::Prefetched,
    ) -> Result<Check<Differs>, Failure> {
        self.compare(look.get(self.stored_key(cx.host).as_str()))
    }

    async fn capture(&self, cx: &Context<'_>) -> Result<Option<homeostat_model::Params>, Failure> {
        let stored = cx.host.store().get(&self.stored_key(cx.host)).await;
        let stored = stored.map_err(|error| store_failure(&error))?;
        let mut params = homeostat_model::Params::new();
        params.set("key", Value::from(self.key.as_str()));
        params.set("mapped", Value::Bool(self.mapped));
        if let Some(text) = stored.as_ref().and_then(|entry| keys::kv_text(&entry.value)) {
            let value = Value::from(text);
            let value = if self.secret { Value::Sensitive(Box::new(value)) } else { value };
            params.set("value", value);
        }
        Ok(Some(params))
    }
}

#[cfg(test)]
mod tests {
    use homeostat_engine::Causes;

    use super::*;
    use crate::testing::TestHost;

    fn kv(params: Params) -> Kv {
        Kv::new(&"k".into(), params).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn value(text: &str) -> Params {
        Params { value: Some(Value::from(text)), ..Params::default() }
    }

    async fn look_and_apply(host: &TestHost, kv: &Kv) -> bool {
        let cx = host.cx(Causes::DECLARED);
        match kv.check(&cx).await.unwrap() {
            Check::Converged(_) => false,
            Check::Drifted(drift) => kv.apply(&cx, drift).await.is_ok(),
        }
    }

    async fn stored(host: &TestHost, key: &str) -> Option<String> {
        let entry = host.host.store().get(key).await.unwrap()?;
        keys::kv_text(&entry.value).map(str::to_owned)
    }

    #[tokio::test]
    async fn a_key_gets_its_value_and_without_one_it_goes() {
        let host = TestHost::new();
        assert!(look_and_apply(&host, &kv(value("1"))).await);
        assert!(!look_and_apply(&host, &kv(value("1"))).await);
        assert_eq!(stored(&host, "kv/one/k").await.as_deref(), Some("1"));
        assert!(look_and_apply(&host, &kv(Params::default())).await);
        assert_eq!(stored(&host, "kv/one/k").await, None);
        assert!(!look_and_apply(&host, &kv(Params::default())).await);
    }

    #[tokio::test]
    async fn a_mapped_key_has_a_value_for_each_host() {
        let host = TestHost::new();
        assert!(look_and_apply(&host, &kv(Params { mapped: true, key: "a/b".into(), ..value("1") })).await);
        assert_eq!(stored(&host, "kv/each/h1/a/b").await.as_deref(), Some("1"));
    }

    #[tokio::test]
    async fn a_lesser_value_is_not_written() {
        let host = TestHost::new();
        let up = |text: &str, skipcmpstyle| kv(Params { skiplessthan: true, skipcmpstyle, ..value(text) });
        assert!(look_and_apply(&host, &up("9", 0)).await);
        assert!(look_and_apply(&host, &up("10", 0)).await);
        assert!(!look_and_apply(&host, &up("9", 0)).await);
        assert!(look_and_apply(&host, &up("9", 1)).await);
        assert!(!look_and_apply(&host, &up("10", 1)).await);
    }

    #[tokio::test]
    async fn a_greater_value_of_somebody_else_is_not_overwritten() {
        let host = TestHost::new();
        let ours = kv(Params { skiplessthan: true, ..value("5") });
        let Ok(Check::Drifted(drift)) = ours.check(&host.cx(Causes::DECLARED)).await else {
            panic!("absent")
        };
        host.host.store().put("kv/one/k", &keys::kv_value("7"), None).await.unwrap();
        assert!(ours.apply(&host.cx(Causes::DECLARED), drift).await.is_err());
        assert!(!look_and_apply(&host, &ours).await);
    }

    #[tokio::test]
    async fn one_look_answers_many_and_a_batch_writes_them() {
        let host = TestHost::new();
        let cx = host.cx(Causes::DECLARED);
        let many = |at: usize| Arc::new(kv(Params { key: format!("k{at}"), ..value("v") }));
        let look = many(0).prefetch(&cx).await.unwrap();
        let mut batch = Vec::new();
        for at in 0..250 {
            let kv = many(at);
            let Check::Drifted(drift) = kv.check_prefetched(&cx, &look).await.unwrap() else {
                panic!("absent")
            };
            batch.push((kv, drift));
        }
        assert_eq!(Kv::apply_batch(&cx, batch).await.unwrap().len(), 250);
        let look = many(0).prefetch(&cx).await.unwrap();
        assert_eq!(look.len(), 250);
        assert_eq!(many(249).check_prefetched(&cx, &look).await, Ok(Check::converged()));
    }

    #[tokio::test]
    async fn what_was_there_is_captured_for_its_return() {
        let host = TestHost::new();
        let captured = |kv: Kv| {
            let host = &host;
            async move { kv.capture(&host.cx(Causes::none())).await.unwrap().unwrap() }
        };
        assert_eq!(captured(kv(value("new"))).await.get("value"), None);
        look_and_apply(&host, &kv(value("old"))).await;
        let params = captured(kv(value("new"))).await;
        assert_eq!(params.get("value"), Some(&Value::from("old")));
        look_and_apply(&host, &kv(value("new"))).await;
        assert!(look_and_apply(&host, &kv(params.parse().unwrap())).await);
        assert_eq!(stored(&host, "kv/one/k").await.as_deref(), Some("old"));
    }

    #[tokio::test]
    async fn a_secret_is_shown_as_a_hash_and_so_is_the_one_before_it() {
        let host = TestHost::new();
        look_and_apply(&host, &kv(value("hunter1"))).await;
        let secret = Value::Sensitive(Box::new(Value::from("hunter2")));
        let params: homeostat_model::Params = [("value", secret)].into_iter().collect();
        let ours = kv(params.parse().unwrap());
        let Ok(Check::Drifted(drift)) = ours.check(&host.cx(Causes::DECLARED)).await else {
            panic!("it differs")
        };
        let shown = format!("{:?}", drift.changes());
        assert!(shown.contains("blake3 ") && !shown.contains("hunter"), "{shown}");
        assert!(look_and_apply(&host, &ours).await);
        assert_eq!(stored(&host, "kv/one/k").await.as_deref(), Some("hunter2"));
    }

    #[test]
    fn its_value_is_a_text() {
        let registry = homeostat_engine::Registry::new([homeostat_engine::Kind::of::<Kv>()]);
        let schema = registry.schema("kv").unwrap();
        assert_eq!(schema.param("value").unwrap().ty, homeostat_model::schema::Type::Str);
        let number = Params { value: Some(Value::Int(1)), ..Params::default() };
        assert!(Kv::new(&"k".into(), number).is_err());
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(Kv::new(&"k".into(), Params { skiplessthan: true, ..value("x") }).is_err());
        assert!(Kv::new(&"k".into(), Params { skipcmpstyle: 2, ..value("x") }).is_err());
        assert!(Kv::new(&"k".into(), value(&"x".repeat(VALUE_BYTES_MAX))).is_err());
    }
}
