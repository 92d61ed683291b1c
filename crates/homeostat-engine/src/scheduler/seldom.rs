//! Collections that most vertices never fill: one word each while they are empty.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use homeostat_model::ResourceId;
use homeostat_model::meta::Semaphore;

use super::state::Owed;
use crate::resource::Obstacle;
use crate::source::VertexKey;

/// A collection that is empty in most vertices. To change it makes it, so look whether it is empty first.
#[derive(Debug)]
pub(crate) struct Seldom<T>(Option<Box<T>>);

/// A collection, and what an empty one reads like.
pub(crate) trait Collection: Default + 'static {
    const EMPTY: &'static Self;

    fn is_empty(&self) -> bool;
}

impl Collection for BTreeMap<ResourceId, Owed> {
    const EMPTY: &'static Self = &BTreeMap::new();

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Collection for Vec<VertexKey> {
    const EMPTY: &'static Self = &Vec::new();

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Collection for Vec<Obstacle> {
    const EMPTY: &'static Self = &Vec::new();

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Collection for Vec<Semaphore> {
    const EMPTY: &'static Self = &Vec::new();

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Collection> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Collection> DerefMut for Seldom<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Collection> Seldom<T> {
    /// What is in it, leaving it empty.
    pub(crate) fn take(&mut self) -> T {
        self.0.take().map(|full| *full).unwrap_or_default()
    }
}

impl<T: Collection> From<T> for Seldom<T> {
    fn from(collection: T) -> Self {
        Self((!collection.is_empty()).then(|| Box::new(collection)))
    }
}
