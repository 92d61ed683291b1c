//! The one erased form of all kinds. Authors of kinds never see it.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use homeostat_model::Params;

use super::{
    Applied, Causes, Change, Check, Claim, Context, Description, Drift, Failure, Looks, Need, Obstacle,
    Outputs, Reach, Resource,
};
use crate::host::Host;
use crate::source::Watch;

/// A future that a worker polls once where it stands, and that becomes a task of its own if it is not ready then.
pub(crate) type Job<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A look that answers many checks; only its kind knows what is inside.
pub(crate) type Look = Arc<dyn Any + Send + Sync>;

pub(crate) type DynCheck = Check<Box<dyn DynDrift>>;

/// A drift whose type only its kind knows.
pub(crate) trait DynDrift: Send {
    fn changes(&self) -> Vec<Change>;
    fn description(&self) -> Description;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
    fn type_id_inside(&self) -> std::any::TypeId;
}

impl dyn DynDrift {
    /// Whether it is a drift of this type.
    pub(crate) fn is<T: 'static>(&self) -> bool {
        self.type_id_inside() == std::any::TypeId::of::<T>()
    }
}

impl<D: Drift> DynDrift for D {
    fn changes(&self) -> Vec<Change> {
        Drift::changes(self)
    }

    fn description(&self) -> Description {
        Drift::description(self)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }

    fn type_id_inside(&self) -> std::any::TypeId {
        std::any::TypeId::of::<D>()
    }
}

impl std::fmt::Debug for dyn DynDrift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.changes()).finish()
    }
}

pub(crate) trait DynResource: Send + Sync {
    fn watches(&self) -> Vec<Watch>;
    fn provides(&self) -> Vec<Claim>;
    fn needs(&self) -> Vec<Need>;
    fn looks(&self) -> Looks;
    fn reach(&self) -> Reach;
    fn foretell(&self) -> Option<Outputs>;
    fn warnings(&self) -> Vec<(&'static str, String)>;
    fn repairs(&self) -> bool;
    fn is_elsewhere(&self) -> bool;
    fn expects(&self, received: &[&str]) -> Result<(), Failure>;
    fn batch_key(&self) -> Option<String>;
    fn prefetch_key(&self) -> Option<String>;
    fn check(self: Arc<Self>, host: Host, causes: Causes) -> Job<Result<DynCheck, Failure>>;
    fn apply(
        self: Arc<Self>,
        host: Host,
        causes: Causes,
        drift: Box<dyn DynDrift>,
    ) -> Job<Result<Applied, Failure>>;
    fn refresh(self: Arc<Self>, host: Host, causes: Causes) -> Job<Result<Outputs, Failure>>;
    fn prefetch(self: Arc<Self>, host: Host) -> Job<Result<Look, Failure>>;
    fn check_prefetched(
        self: Arc<Self>,
        host: Host,
        causes: Causes,
        look: Look,
    ) -> Job<Result<DynCheck, Failure>>;
    fn capture(self: Arc<Self>, host: Host) -> Job<Result<Option<Params>, Failure>>;
    /// `batch` are resources of this kind, this one among them.
    fn apply_batch(
        self: Arc<Self>,
        host: Host,
        batch: Vec<(Arc<dyn DynResource>, Box<dyn DynDrift>)>,
    ) -> Job<Result<Vec<Applied>, Failure>>;
    fn obstacles(self: Arc<Self>, host: Host, drift: Box<dyn DynDrift>) -> Job<Vec<Obstacle>>;
    fn known(&self) -> Option<Vec<u8>>;
    fn recall(&self, known: &[u8]);
    fn is_unchanged(&self, host: &Host) -> bool;
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

fn erase<D: Drift>(check: Check<D>) -> DynCheck {
    match check {
        Check::Converged(outputs) => Check::Converged(outputs),
        Check::Drifted(drift) => Check::Drifted(Box::new(drift)),
    }
}

fn typed<R: Resource>(drift: Box<dyn DynDrift>) -> R::Drift {
    *drift.into_any().downcast().expect("a drift goes back to the kind that found it")
}

impl<R: Resource> DynResource for R {
    fn watches(&self) -> Vec<Watch> {
        Resource::watches(self)
    }

    fn provides(&self) -> Vec<Claim> {
        Resource::provides(self)
    }

    fn needs(&self) -> Vec<Need> {
        Resource::needs(self)
    }

    fn looks(&self) -> Looks {
        Resource::looks(self)
    }

    fn reach(&self) -> Reach {
        Resource::reach(self)
    }

    fn foretell(&self) -> Option<Outputs> {
        Resource::foretell(self)
    }

    fn warnings(&self) -> Vec<(&'static str, String)> {
        Resource::warnings(self)
    }

    fn repairs(&self) -> bool {
        R::REPAIRS
    }

    fn is_elsewhere(&self) -> bool {
        R::ELSEWHERE
    }

    fn expects(&self, received: &[&str]) -> Result<(), Failure> {
        Resource::expects(self, received)
    }

    fn batch_key(&self) -> Option<String> {
        Resource::batch_key(self)
    }

    fn prefetch_key(&self) -> Option<String> {
        Resource::prefetch_key(self)
    }

    fn check(self: Arc<Self>, host: Host, causes: Causes) -> Job<Result<DynCheck, Failure>> {
        Box::pin(async move { Resource::check(&*self, &Context { host: &host, causes }).await.map(erase) })
    }

    fn apply(
        self: Arc<Self>,
        host: Host,
        causes: Causes,
        drift: Box<dyn DynDrift>,
    ) -> Job<Result<Applied, Failure>> {
        Box::pin(
            async move { Resource::apply(&*self, &Context { host: &host, causes }, typed::<R>(drift)).await },
        )
    }

    fn refresh(self: Arc<Self>, host: Host, causes: Causes) -> Job<Result<Outputs, Failure>> {
        Box::pin(async move { Resource::refresh(&*self, &Context { host: &host, causes }).await })
    }

    fn prefetch(self: Arc<Self>, host: Host) -> Job<Result<Look, Failure>> {
        Box::pin(async move {
            let cx = Context { host: &host, causes: Causes::none() };
            Resource::prefetch(&*self, &cx).await.map(|look| Arc::new(look) as Look)
        })
    }

    fn check_prefetched(
        self: Arc<Self>,
        host: Host,
        causes: Causes,
        look: Look,
    ) -> Job<Result<DynCheck, Failure>> {
        Box::pin(async move {
            let look = look.downcast_ref().expect("a look goes back to the kind that took it");
            Resource::check_prefetched(&*self, &Context { host: &host, causes }, look).await.map(erase)
        })
    }

    fn capture(self: Arc<Self>, host: Host) -> Job<Result<Option<Params>, Failure>> {
        Box::pin(
            async move { Resource::capture(&*self, &Context { host: &host, causes: Causes::none() }).await },
        )
    }

    fn apply_batch(
        self: Arc<Self>,
        host: Host,
        batch: Vec<(Arc<dyn DynResource>, Box<dyn DynDrift>)>,
    ) -> Job<Result<Vec<Applied>, Failure>> {
        Box::pin(async move {
            let members = batch.into_iter().map(|(resource, drift)| {
                let resource = resource.as_any().downcast::<R>().expect("a batch holds one kind");
                (resource, typed::<R>(drift))
            });
            R::apply_batch(&Context { host: &host, causes: Causes::none() }, members.collect()).await
        })
    }

    fn obstacles(self: Arc<Self>, host: Host, drift: Box<dyn DynDrift>) -> Job<Vec<Obstacle>> {
        Box::pin(async move {
            let cx = Context { host: &host, causes: Causes::none() };
            Resource::obstacles(&*self, &cx, &typed::<R>(drift)).await
        })
    }

    fn known(&self) -> Option<Vec<u8>> {
        Resource::known(self)
    }

    fn recall(&self, known: &[u8]) {
        Resource::recall(self, known);
    }

    fn is_unchanged(&self, host: &Host) -> bool {
        Resource::is_unchanged(self, host)
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
