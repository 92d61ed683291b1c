//! What was compiled of texts that programs give again and again: patterns, templates.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are kept. A program with more compiles some of them again.
const KEPT_MAX: usize = 128;
/// Longer texts are not kept.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// Things by the texts that they were compiled of.
pub(super) struct Compiled<T>(Mutex<BTreeMap<Arc<str>, Arc<T>>>);

impl<T> Compiled<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The thing of a text. What cannot be compiled is tried each time.
    pub(super) fn get<E>(
        &self,
        text: &Arc<str>,
        compile: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(text) {
            return Ok(known.clone());
        }
        let new = Arc::new(compile(text)?);
        if text.len() <= TEXT_BYTES_MAX {
            let mut kept = kept();
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(text.clone(), new.clone());
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_text_is_compiled_once_and_what_is_kept_is_bounded() {
        let compiled: Compiled<usize> = Compiled::new();
        let count = Cell::new(0);
        let get = |text: &str| {
            let length = compiled.get(&text.into(), |text| {
                count.set(count.get() + 1);
                if text.is_empty() { Err(()) } else { Ok(text.len()) }
            });
            length.map(|length| *length)
        };
        assert_eq!((get("abc"), get("abc"), count.get()), (Ok(3), Ok(3), 1));
        assert_eq!((get(""), get(""), count.get()), (Err(()), Err(()), 3));
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        assert_eq!((get(&long), get(&long), count.get()), (Ok(long.len()), Ok(long.len()), 5));
        for number in 0..3 * KEPT_MAX {
            assert!(get(&format!("{number} is a number")).is_ok());
        }
        let kept = compiled.0.lock().unwrap().len();
        assert!(kept <= KEPT_MAX, "{kept}");
    }
}
