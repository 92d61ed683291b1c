//! How large a value may get. What is larger comes from a mistake rather than from a need, and would take all memory before
//! anybody saw it.

use super::error::{Error, Result};
use crate::value::Value;

/// The longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 20;

/// The longest list, in items.
pub const LIST_ITEMS_MAX: usize = 10_000_000;

/// The largest value with everything in it, as [`Value::weight`] counts. A list may hold another many times at the cost of
/// one, and that one likewise: it is small in memory, and without an end for whoever looks at it.
pub const WEIGHT_MAX: u32 = 16 << 20;

/// Refuses a text of that many bytes, or of more than can be counted, before it is made.
///
/// # Errors
/// If it would be too long.
pub fn text(bytes: Option<usize>) -> Result<()> {
    match bytes {
        Some(0..=TEXT_BYTES_MAX) => Ok(()),
        _ => Err(Error::permanent(format!("a text of more than {TEXT_BYTES_MAX} bytes is too long"))),
    }
}

/// The same for a list of that many items.
///
/// # Errors
/// If it would be too long.
pub fn list(items: Option<usize>) -> Result<()> {
    match items {
        Some(0..=LIST_ITEMS_MAX) => Ok(()),
        _ => Err(Error::permanent(format!("a list of more than {LIST_ITEMS_MAX} items is too long"))),
    }
}

/// The same for a value, which is made already: it may share its parts with others.
///
/// # Errors
/// If it is too large.
pub fn value(value: Value) -> Result<Value> {
    match value.weight() {
        0..=WEIGHT_MAX => Ok(value),
        _ => Err(Error::permanent(format!("a value with more than {WEIGHT_MAX} parts is too large"))),
    }
}

/// How many bytes a text gets when `new` is put into it that many times for `old`.
pub(super) fn replaced(text: &str, old: &str, new: &str, times: usize) -> Option<usize> {
    text.len().checked_add(times.checked_mul(new.len().saturating_sub(old.len()))?)
}

/// How many there are in all.
pub(super) fn sum(mut parts: impl Iterator<Item = usize>) -> Option<usize> {
    parts.try_fold(0_usize, usize::checked_add)
}

/// How many bytes parts have with a separator between them.
pub(super) fn joined(parts: &[&str], separator: &str) -> Option<usize> {
    let between = parts.len().saturating_sub(1).checked_mul(separator.len())?;
    sum(parts.iter().map(|part| part.len()))?.checked_add(between)
}
