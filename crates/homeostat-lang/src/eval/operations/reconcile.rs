//! Rows for the elements of a collection, of which only those are touched that change: by index for lists, by key for maps.

use std::cmp::Ordering;

use crate::Value;
use crate::eval::flow::{OpId, Step};

/// An element and what was made for it.
pub(super) struct Row<T> {
    key: Value,
    value: Value,
    /// What its body sees as the index or key, and as the element. The rows keep both.
    pub(super) key_op: OpId,
    pub(super) value_op: OpId,
    pub(super) body: T,
}

/// Invariant: in the order of keys.
pub(super) struct Rows<T>(Vec<Row<T>>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Rows<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Row<T>> {
        self.0.iter()
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = OpId> {
        self.0.iter().flat_map(|row| [row.key_op, row.value_op])
    }

    /// Brings the rows in line with a collection; says whether rows have come or gone.
    pub(super) fn follow(
        &mut self,
        step: &mut Step<'_>,
        collection: &Value,
        mut build: impl FnMut(&mut Step<'_>, OpId, OpId) -> T,
        mut remove: impl FnMut(&mut Step<'_>, T),
    ) -> bool {
        let is_same = self.0.len() == length(collection)
            && self.0.iter().zip(elements(collection)).all(|(row, (key, _))| row.key == key);
        if is_same {
            for (row, (_, value)) in self.0.iter_mut().zip(elements(collection)) {
                row.fill(step, value);
            }
            return false;
        }
        let mut old = std::mem::take(&mut self.0).into_iter().peekable();
        for (key, value) in elements(collection) {
            while let Some(gone) = old.next_if(|row| row.key < key) {
                gone.remove(step, &mut remove);
            }
            let row = match old.next_if(|row| row.key.cmp(&key) == Ordering::Equal) {
                Some(mut row) => {
                    row.fill(step, value);
                    row
                }
                None => {
                    let (key_op, value_op) = (step.flow().constant(key.clone()), step.cell(value.clone()));
                    step.flow().hold(key_op);
                    let body = build(step, key_op, value_op);
                    Row { key, value, key_op, value_op, body }
                }
            };
            self.0.push(row);
        }
        old.for_each(|gone| gone.remove(step, &mut remove));
        true
    }
}

impl<T> Row<T> {
    fn fill(&mut self, step: &mut Step<'_>, value: Value) {
        if self.value != value {
            self.value = value.clone();
            step.fill(self.value_op, value);
        }
    }

    fn remove(self, step: &mut Step<'_>, remove: &mut impl FnMut(&mut Step<'_>, T)) {
        step.flow().release(self.key_op);
        step.flow().release(self.value_op);
        remove(step, self.body);
    }
}

fn length(collection: &Value) -> usize {
    match collection.reveal() {
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        _ => 0,
    }
}

/// Keys and values; what is in a sensitive collection is sensitive.
fn elements(collection: &Value) -> Box<dyn Iterator<Item = (Value, Value)> + '_> {
    let is_sensitive = matches!(collection, Value::Sensitive(_));
    let taint =
        move |value: &Value| if is_sensitive { value.clone().into_sensitive() } else { value.clone() };
    match collection.reveal() {
        Value::List(items) => {
            Box::new(items.iter().enumerate().map(move |(at, item)| (Value::Int(at as i64), taint(item))))
        }
        Value::Map(map) => Box::new(map.iter().map(move |(key, value)| (taint(key), taint(value)))),
        _ => Box::new(std::iter::empty()),
    }
}
