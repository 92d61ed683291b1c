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
pub(super) struct Rows<T> {
    rows: Vec<Row<T>>,
    is_cut: bool,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), is_cut: false }
    }
}

impl<T> Rows<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Row<T>> {
        self.rows.iter()
    }

    /// Whether elements have no rows since the program became too large.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = OpId> {
        self.rows.iter().flat_map(|row| [row.key_op, row.value_op])
    }

    /// Brings the rows in line with a collection; says whether rows have come or gone.
    pub(super) fn follow(
        &mut self,
        step: &mut Step<'_>,
        collection: &Value,
        mut build: impl FnMut(&mut Step<'_>, OpId, OpId) -> T,
        mut remove: impl FnMut(&mut Step<'_>, T),
    ) -> bool {
        self.is_cut = false;
        if self.fill_in_place(step, collection) {
            return false;
        }
        let mut has_moved = false;
        let mut old = std::mem::take(&mut self.rows).into_iter().peekable();
        for (key, value) in elements(collection) {
            while let Some(gone) = old.next_if(|row| row.key < key) {
                has_moved = true;
                gone.remove(step, &mut remove);
            }
            let row = match old.next_if(|row| row.key.cmp(&key) == Ordering::Equal) {
                Some(mut row) => {
                    row.fill(step, &value);
                    row
                }
                None if step.flow().is_full() => {
                    self.is_cut = true;
                    break;
                }
                None => {
                    has_moved = true;
                    let (key_op, value_op) = (step.flow().constant(key.clone()), step.cell(value.clone()));
                    step.flow().hold(key_op);
                    let body = build(step, key_op, value_op);
                    Row { key, value, key_op, value_op, body }
                }
            };
            self.rows.push(row);
        }
        for gone in old {
            has_moved = true;
            gone.remove(step, &mut remove);
        }
        has_moved
    }

    /// The usual case: the elements are the same, or have other values. Only those that differ are cloned. Says whether it was
    /// the case.
    fn fill_in_place(&mut self, step: &mut Step<'_>, collection: &Value) -> bool {
        match collection {
            Value::List(items) if items.len() == self.rows.len() => {
                self.rows.iter_mut().zip(items.iter()).for_each(|(row, item)| row.fill(step, item));
                true
            }
            Value::Map(map)
                if map.len() == self.rows.len() && self.rows.iter().map(|row| &row.key).eq(map.keys()) =>
            {
                self.rows.iter_mut().zip(map.values()).for_each(|(row, value)| row.fill(step, value));
                true
            }
            _ => false,
        }
    }
}

impl<T> Row<T> {
    fn fill(&mut self, step: &mut Step<'_>, value: &Value) {
        if self.value != *value {
            self.value = value.clone();
            step.fill(self.value_op, value.clone());
        }
    }

    fn remove(self, step: &mut Step<'_>, remove: &mut impl FnMut(&mut Step<'_>, T)) {
        step.flow().release(self.key_op);
        step.flow().release(self.value_op);
        remove(step, self.body);
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
