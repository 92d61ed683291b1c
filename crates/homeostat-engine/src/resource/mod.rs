//! What the author of a kind writes: [`Resource`].

mod claim;
mod erased;
mod failure;
mod obstacle;
mod unread;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::sync::Arc;

use homeostat_model::schema::OutputSchema;
use homeostat_model::{Params, Value};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use claim::{Claim, Looks, Need, Reach};
pub(crate) use erased::{DynCheck, DynDrift, DynResource, Look};
pub use failure::Failure;
pub use obstacle::Obstacle;
pub(crate) use unread::Unread;

use crate::host::Host;
use crate::source::Watch;

/// A managed thing of one kind.
///
/// `check` looks and never changes anything; `apply` is the only thing that changes the system, and takes the drift that
/// `check` found. Both may be called again at any time, and both are called for one resource at a time.
pub trait Resource: Sized + Send + Sync + 'static {
    /// The name of the kind.
    const KIND: &'static str;
    /// The documentation of the kind, Markdown.
    const DOC: &'static str;
    /// What resources of this kind can send.
    const OUTPUTS: &'static [OutputSchema] = &[];
    /// Whether parameters may be received.
    const RECEIVES: bool = true;
    /// Whether an apply that a wake brings about repairs something. Many in a row then mean that somebody else keeps changing it;
    /// for a command or a timer they are what it is for.
    const REPAIRS: bool = true;
    /// Whether it stands for something that another host keeps. How that stands may be unknown, so what comes after it remembers,
    /// across restarts, that it was done before.
    const ELSEWHERE: bool = false;

    /// What is declared.
    type Params: DeserializeOwned + JsonSchema;
    /// What a look found to be different.
    type Drift: Drift;
    /// One look at the system that answers the checks of many resources; `()` for kinds that do without.
    type Prefetched: Send + Sync + 'static;

    /// The only door: what comes out needs no further validation. It is called again when a received value changes.
    fn new(name: &Arc<str>, params: Self::Params) -> Result<Self, Vec<ParamError>>;

    /// What may change the answer of `check`.
    fn watches(&self) -> Vec<Watch> {
        Vec::new()
    }

    /// What others may need of it.
    fn provides(&self) -> Vec<Claim> {
        Vec::new()
    }

    /// What it needs of others, for automatic edges.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// What its check looks at, so that a plan knows whose changes could change the answer.
    fn looks(&self) -> Looks {
        Looks::Nothing
    }

    /// What its apply may change.
    fn reach(&self) -> Reach {
        Reach::Declared(self.provides())
    }

    /// What it will send, where that is known without applying it.
    fn foretell(&self) -> Option<Outputs> {
        None
    }

    /// Why applying a drift would fail as things stand, in the order in which an apply would meet them. Asked only where
    /// nothing is applied.
    fn obstacles(&self, cx: &Context<'_>, drift: &Self::Drift) -> impl Future<Output = Vec<Obstacle>> + Send {
        let _ = (cx, drift);
        ready(Vec::new())
    }

    /// Warnings about what was declared, shown by `check`: a code and a message each.
    fn warnings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Whether these are the parameters that it was to receive, asked before each look. Only a kind that is there to try out the
    /// passing of values has an opinion.
    fn expects(&self, received: &[&str]) -> Result<(), Failure> {
        let _ = received;
        Ok(())
    }

    /// Looks.
    fn check(&self, cx: &Context<'_>) -> impl Future<Output = Result<Check<Self::Drift>, Failure>> + Send;

    /// Changes the system.
    fn apply(
        &self,
        cx: &Context<'_>,
        drift: Self::Drift,
    ) -> impl Future<Output = Result<Applied, Failure>> + Send;

    /// What it does because something that notifies it changed.
    fn refresh(&self, cx: &Context<'_>) -> impl Future<Output = Result<Outputs, Failure>> + Send {
        let _ = cx;
        ready(Ok(Outputs::none()))
    }

    /// Resources of one kind with equal keys may be applied in one operation.
    fn batch_key(&self) -> Option<String> {
        None
    }

    /// Applies a batch: all of it or none. On failure its members are tried one by one.
    fn apply_batch(
        cx: &Context<'_>,
        batch: Vec<(Arc<Self>, Self::Drift)>,
    ) -> impl Future<Output = Result<Vec<Applied>, Failure>> + Send {
        async move {
            let mut applied = Vec::with_capacity(batch.len());
            for (resource, drift) in batch {
                applied.push(Resource::apply(&*resource, cx, drift).await?);
            }
            Ok(applied)
        }
    }

    /// Resources of one kind with equal keys are checked from one look.
    fn prefetch_key(&self) -> Option<String> {
        None
    }

    /// Takes the look that answers all checks with this key. Whatever wakes one of them makes it be taken again.
    fn prefetch(&self, cx: &Context<'_>) -> impl Future<Output = Result<Self::Prefetched, Failure>> + Send {
        let _ = cx;
        ready(Err(Failure::unsupported("this kind does not look ahead")))
    }

    /// Checks from a look.
    fn check_prefetched(
        &self,
        cx: &Context<'_>,
        look: &Self::Prefetched,
    ) -> impl Future<Output = Result<Check<Self::Drift>, Failure>> + Send {
        let _ = look;
        self.check(cx)
    }

    /// What it found out of the host when it was last in order, for a later run to go by: it is given to a resource that is declared
    /// the same, if this run ends well and the system does not start anew in between. Never anything secret.
    fn known(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes what an earlier run knew, before the first check.
    fn recall(&self, known: &[u8]) {
        let _ = known;
    }

    /// Whether one look, which waits for nothing and nobody, shows it just as it was when it was last in order. It is asked
    /// after each wake, before the check: most wakes are echoes of our own changes. Who cannot say it like that does not, and
    /// is checked.
    fn is_unchanged(&self, host: &Host) -> bool {
        let _ = host;
        false
    }

    /// The parameters that undo it: what is there now, captured before the first apply of a resource with `reverse`.
    fn capture(&self, cx: &Context<'_>) -> impl Future<Output = Result<Option<Params>, Failure>> + Send {
        let _ = cx;
        ready(Ok(None))
    }
}

/// What a check or an apply gets.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The one door to the operating system.
    pub host: &'a Host,
    /// Why this look is taken; everything since the last time the resource was in order.
    pub causes: Causes,
}

/// What a look found.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check<D> {
    /// As declared. A resource that can tell what it sends without being applied says so here.
    Converged(Outputs),
    /// Different, and how.
    Drifted(D),
}

impl<D> Check<D> {
    /// As declared, with nothing to send.
    pub fn converged() -> Self {
        Self::Converged(Outputs::none())
    }
}

/// The typed difference between what is and what should be.
pub trait Drift: Send + 'static {
    /// Property by property, for people.
    fn changes(&self) -> Vec<Change>;

    /// What [`Drift::changes`] says, kept until after the apply. To put it in words only then brings things in order sooner, where
    /// that is work and what it needs is cheap to keep.
    fn description(&self) -> Description {
        let changes = self.changes();
        Box::new(move || changes)
    }
}

/// What a drift was, to be put in words when it is asked for.
pub type Description = Box<dyn FnOnce() -> Vec<Change> + Send>;

/// The drift of a kind that is never found different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDrift {}

impl Drift for NoDrift {
    fn changes(&self) -> Vec<Change> {
        match *self {}
    }
}

/// One property that differs. Texts are bounded; what must not be shown is a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// The parameter that it concerns.
    pub property: Cow<'static, str>,
    /// What was found.
    pub is: String,
    /// What is declared.
    pub want: String,
    /// A unified diff, for text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl Change {
    /// A change of one property.
    pub fn new(
        property: impl Into<Cow<'static, str>>,
        is: impl Into<String>,
        want: impl Into<String>,
    ) -> Self {
        Self { property: property.into(), is: is.into(), want: want.into(), diff: None }
    }
}

/// What an apply brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// What it sends.
    pub outputs: Outputs,
    /// Whether a pending refresh is thereby done: a command that just ran need not run again.
    pub covers_refresh: bool,
}

impl Applied {
    /// Done, nothing to send, a pending refresh is still to do.
    pub fn done() -> Self {
        Self::default()
    }
}

/// Values to send, by key. Mostly there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs(#[allow(clippy::box_collection)] Option<Box<BTreeMap<&'static str, Value>>>);

impl Outputs {
    /// Nothing to send.
    pub fn none() -> Self {
        Self(None)
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: Value) -> Self {
        self.0.get_or_insert_default().insert(key, value);
        self
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().flat_map(|map| map.iter().map(|(key, value)| (*key, value)))
    }

    /// The same values, none of which may be shown.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        for value in self.0.iter_mut().flat_map(|map| map.values_mut()) {
            if !matches!(value, Value::Sensitive(_)) {
                *value = Value::Sensitive(Box::new(std::mem::replace(value, Value::Null)));
            }
        }
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|map| map.is_empty())
    }
}

/// Why a resource is looked at: a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Causes(u8);

impl Causes {
    /// The agent started, or the resource is new or differently declared.
    pub const DECLARED: Self = Self(1);
    /// An event source woke it.
    pub const WAKE: Self = Self(2);
    /// A predecessor changed.
    pub const PREDECESSOR: Self = Self(4);
    /// A received value changed.
    pub const RECEIVED: Self = Self(8);
    /// An attempt failed before.
    pub const RETRY: Self = Self(16);
    /// Its `poll` interval passed.
    pub const POLL: Self = Self(32);
    /// Somebody asked.
    pub const ASKED: Self = Self(64);

    /// No cause.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `others` is among them.
    pub const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// What is wrong with a parameter, or with several together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamError {
    /// The parameter that the message concerns most.
    pub param: Option<&'static str>,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl ParamError {
    /// An error of one parameter.
    pub fn of(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), message: message.into(), help: None }
    }

    /// An error of the resource as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self { param: None, message: message.into(), help: None }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}
