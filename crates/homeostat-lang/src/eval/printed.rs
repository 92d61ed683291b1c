//! Texts with values in them.

use crate::Value;
use crate::functions::{Result, bounds};

/// A text that is put together.
#[derive(Default)]
pub(super) struct Printed {
    text: String,
    is_sensitive: bool,
}

impl Printed {
    pub(super) fn push(&mut self, fixed: &str) -> Result<()> {
        bounds::text(self.text.len().checked_add(fixed.len()))?;
        self.text.push_str(fixed);
        Ok(())
    }

    pub(super) fn print(&mut self, value: &Value) -> Result<()> {
        self.is_sensitive |= value.is_sensitive();
        match value.reveal() {
            Value::Str(inner) => self.push(inner),
            other => self.push(&other.reveal_all().to_string()),
        }
    }

    pub(super) fn finish(self) -> Value {
        let made = Value::from(self.text);
        if self.is_sensitive { made.into_sensitive() } else { made }
    }
}
