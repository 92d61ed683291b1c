//! Functions as values.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt::{self, Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::types::Type;

/// What a function does. The evaluator owns its form: the library only passes it back to
/// [`Call::call`](crate::functions::Call::call).
pub trait FuncBody: Any + Send + Sync {}

/// A function as a value.
///
/// Two are the same when their keys are: whoever makes functions gives equal keys to what computes the same, such as one
/// function literal in one scope, so that nothing that depends on it has to be computed again.
#[derive(Clone)]
pub struct Func(Arc<Inner<dyn FuncBody>>);

struct Inner<B: ?Sized> {
    key: u64,
    ty: Option<Type>,
    body: B,
}

impl Func {
    /// A function, with its type where that is known.
    pub fn new(key: u64, ty: Option<Type>, body: impl FuncBody) -> Self {
        Self(Arc::new(Inner { key, ty, body }))
    }

    /// Its type, where that is known.
    pub fn ty(&self) -> Option<&Type> {
        self.0.ty.as_ref()
    }

    /// What identifies it.
    pub fn key(&self) -> u64 {
        self.0.key
    }

    /// Its body, if it has that form.
    pub fn body<T: FuncBody>(&self) -> Option<&T> {
        let body: &dyn Any = &self.0.body;
        body.downcast_ref()
    }
}

impl Debug for Func {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Func({})", self.key())
    }
}

impl PartialEq for Func {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Func {}

impl Hash for Func {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key().hash(hasher);
    }
}

impl Ord for Func {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Func {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
