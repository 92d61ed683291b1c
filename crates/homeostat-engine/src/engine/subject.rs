//! A resource as the engine runs it: with what it received, and with what must not be shown of it.

use std::sync::{Arc, Mutex, PoisonError};

use homeostat_model::ResourceDecl;
use homeostat_model::value::{REDACTED, redact};

use crate::registry::Registry;
use crate::resource::{Change, DynResource, Failure, Outputs};
use crate::scheduler::{Received, Subject};

/// One declared resource. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Managed {
    resource: Arc<dyn DynResource>,
    special: Option<Arc<Special>>,
}

/// What few resources need.
struct Special {
    receiver: Option<Receiver>,
    secrets: Option<Secrets>,
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
    pub(crate) fn new(resource: Arc<dyn DynResource>, decl: &ResourceDecl, receives: bool) -> Self {
        let receiver = receives.then(|| Receiver { decl: decl.clone(), current: Mutex::new(None) });
        let special = Special { receiver, secrets: Secrets::of(decl) };
        let is_special = special.receiver.is_some() || special.secrets.is_some();
        Self { resource, special: is_special.then(|| Arc::new(special)) }
    }

    fn receiver(&self) -> Option<&Receiver> {
        self.special.as_ref()?.receiver.as_ref()
    }

    fn secrets(&self) -> Option<&Secrets> {
        self.special.as_ref()?.secrets.as_ref()
    }

    pub(crate) fn resource(&self) -> &Arc<dyn DynResource> {
        &self.resource
    }

    /// The resource with the values that it received in place of those that were declared.
    pub(crate) fn with(&self, received: Option<&Received>, registry: &Registry) -> Result<Managed, Failure> {
        let (Some(received), Some(receiver)) = (received, self.receiver()) else { return Ok(self.clone()) };
        let mut current = receiver.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, managed)) = &*current
            && *version == received.version
        {
            return Ok(managed.clone());
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
        let managed = Managed::new(built.0, &decl, false);
        *current = Some((received.version, managed.clone()));
        Ok(managed)
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
        !receives && self.resource().watches() == newer.resource().watches()
    }

    fn batch_key(&self) -> Option<Arc<str>> {
        self.resource().batch_key().map(Arc::from)
    }

    fn repairs(&self) -> bool {
        self.resource().repairs()
    }
}
