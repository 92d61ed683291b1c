//! A resource as the engine runs it: with what it received, and with what must not be shown of it.

use std::sync::{Arc, Mutex, PoisonError};

use homeostat_model::ResourceDecl;
use homeostat_model::value::{REDACTED, redact};

use super::panics::caught;
use crate::graph::Claims;
use crate::host::Host;
use crate::registry::Registry;
use crate::resource::{Change, Claim, DynResource, Failure, Looks, Outputs, Reach};
use crate::scheduler::{Received, Subject};

/// One declared resource. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Managed {
    resource: Arc<dyn DynResource>,
    special: Option<Arc<Special>>,
}

/// What few resources need.
struct Special {
    batch_key: Option<Arc<str>>,
    prefetch_key: Option<Arc<str>>,
    /// Its kind failed to say what the graph must know of it, so it is neither looked at nor changed.
    broken: Option<Failure>,
    receiver: Option<Receiver>,
    secrets: Option<Secrets>,
}

impl Special {
    fn is_nothing(&self) -> bool {
        let keys = self.batch_key.is_some() || self.prefetch_key.is_some();
        !keys && self.broken.is_none() && self.receiver.is_none() && self.secrets.is_none()
    }
}

/// A resource that receives values is made anew when they change, and so needs its declaration.
struct Receiver {
    decl: ResourceDecl,
    current: Mutex<Option<(u32, Managed)>>,
}

/// What must not be shown of one resource.
#[derive(Debug, Default)]
struct Secrets {
    params: Vec<Arc<str>>,
    texts: Vec<Arc<str>>,
}

impl Managed {
    /// A resource, and what it claims. What the graph must know of it is asked once, here.
    pub(crate) fn new(resource: Arc<dyn DynResource>, decl: &ResourceDecl, receives: bool) -> (Self, Claims) {
        let known = caught(|| {
            let claims = Claims { provides: resource.provides().into(), needs: resource.needs().into() };
            (claims, resource.batch_key().map(Arc::from), resource.prefetch_key().map(Arc::from))
        });
        let (known, broken) = match known {
            Ok(known) => (known, None),
            Err(failure) => ((Claims::default(), None, None), Some(failure)),
        };
        let (claims, batch_key, prefetch_key) = known;
        let receiver = receives.then(|| Receiver { decl: decl.clone(), current: Mutex::new(None) });
        let special = Special { batch_key, prefetch_key, broken, receiver, secrets: Secrets::of(decl) };
        let special = (!special.is_nothing()).then(|| Arc::new(special));
        (Self { resource, special }, claims)
    }

    fn receiver(&self) -> Option<&Receiver> {
        self.special.as_ref()?.receiver.as_ref()
    }

    fn secrets(&self) -> Option<&Secrets> {
        self.special.as_ref()?.secrets.as_ref()
    }

    fn broken(&self) -> Option<&Failure> {
        self.special.as_ref()?.broken.as_ref()
    }

    pub(crate) fn resource(&self) -> &Arc<dyn DynResource> {
        &self.resource
    }

    /// The resource with the values that it received in place of those that were declared.
    pub(crate) fn with(&self, received: Option<&Received>, registry: &Registry) -> Result<Managed, Failure> {
        let (Some(received), Some(receiver)) = (received, self.receiver()) else { return self.sound() };
        let mut current = receiver.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, managed)) = &*current
            && *version == received.version
        {
            return managed.sound();
        }
        let mut decl = receiver.decl.clone();
        for (param, value) in received.values.iter() {
            decl.params.set(param.clone(), value.clone());
        }
        let built = registry.build(&decl).map_err(|diagnostics| {
            let messages: Vec<_> = diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect();
            let text = format!("the received values do not fit: {}", messages.join("; "));
            Failure::permanent(Secrets::of(&decl).map_or(text.clone(), |secrets| secrets.redact(&text)))
        })?;
        let (managed, _) = Managed::new(built.0, &decl, false);
        *current = Some((received.version, managed.clone()));
        managed.sound()
    }

    fn sound(&self) -> Result<Managed, Failure> {
        match self.broken() {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.clone()),
        }
    }

    /// What a later run may go by.
    pub(crate) fn known(&self) -> Option<Vec<u8>> {
        caught(|| self.resource().known()).ok().flatten()
    }

    /// Takes what an earlier run knew.
    pub(crate) fn recall(&self, known: &[u8]) {
        // A kind that fails here looks at everything.
        caught(|| self.resource().recall(known)).ok();
    }

    /// Whether it is seen at once that nothing happened to it since it was last in order.
    pub(crate) fn is_unchanged(&self, host: &Host) -> bool {
        caught(|| self.resource().is_unchanged(host)).unwrap_or(false)
    }

    pub(crate) fn prefetch_key(&self) -> Option<&Arc<str>> {
        self.special.as_ref()?.prefetch_key.as_ref()
    }

    /// What it provides, as the graph knows it.
    pub(crate) fn provides(&self) -> Vec<Claim> {
        if self.broken().is_some() {
            return Vec::new();
        }
        caught(|| self.resource().provides()).unwrap_or_default()
    }

    /// What its check looks at, and what its apply may change. Of a kind that cannot say, anything is to be expected.
    pub(crate) fn scope(&self) -> (Looks, Reach) {
        let scope = caught(|| (self.resource().looks(), self.resource().reach()));
        scope.unwrap_or((Looks::Anything, Reach::Anything))
    }

    pub(crate) fn has_secrets(&self) -> bool {
        self.secrets().is_some()
    }

    /// Blanks out of changes what must not be shown.
    pub(crate) fn redact_changes(&self, changes: Vec<Change>) -> Vec<Change> {
        let Some(secrets) = self.secrets() else { return changes };
        changes.into_iter().map(|change| secrets.redact_change(change)).collect()
    }

    /// What a resource with secrets sends may hold them, in whatever form: it stays secret.
    pub(crate) fn redact_outputs(&self, outputs: Outputs) -> Outputs {
        if self.has_secrets() { outputs.sensitive() } else { outputs }
    }

    /// Blanks out of a failure what must not be shown.
    pub(crate) fn redact_failure(&self, failure: Failure) -> Failure {
        match self.secrets() {
            Some(secrets) => failure.map_message(|text| secrets.redact(&text)),
            None => failure,
        }
    }
}

impl std::fmt::Debug for Managed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Managed")
    }
}

impl Secrets {
    fn of(decl: &ResourceDecl) -> Option<Self> {
        let params: Vec<Arc<str>> = decl.params.sensitive().cloned().collect();
        if params.is_empty() {
            return None;
        }
        Some(Self { params, texts: decl.params.secrets() })
    }

    fn redact(&self, text: &str) -> String {
        redact(text, &self.texts)
    }

    fn redact_change(&self, change: Change) -> Change {
        if self.params.iter().any(|param| **param == *change.property) {
            return Change::new(change.property, REDACTED, REDACTED);
        }
        Change {
            is: self.redact(&change.is),
            want: self.redact(&change.want),
            diff: change.diff.map(|diff| self.redact(&diff)),
            property: change.property,
        }
    }
}

impl Subject for Managed {
    fn same_watches(&self, newer: &Self) -> bool {
        // What a receiver watches depends on what it received.
        let receives = self.receiver().is_some() || newer.receiver().is_some();
        // A kind that cannot say fails the next check, which arms.
        let watches = |managed: &Self| caught(|| managed.resource().watches()).ok();
        !receives && watches(self).is_some_and(|watches_now| Some(watches_now) == watches(newer))
    }

    fn batch_key(&self) -> Option<Arc<str>> {
        self.special.as_ref()?.batch_key.clone()
    }

    fn repairs(&self) -> bool {
        self.resource().repairs()
    }

    fn is_elsewhere(&self) -> bool {
        self.resource().is_elsewhere()
    }
}
