//! The names of 2016. They are accepted, and one note per file says what became of them.

use homeostat_model::{Diagnostic, KindSchema, Span, Stage, codes};

use crate::findings::listed;

/// The parameters that an exec had once and that are meta parameters by now.
pub(super) const NOW_META: [(&str, &str); 2] = [("timeout", "timeout"), ("pollint", "poll")];

/// The parameters that an exec had once and has no more.
const OF_EXEC: [&str; 3] = ["timeout", "pollint", "state"];

/// The names that a file uses, in the order of their first use.
#[derive(Default)]
pub(super) struct Legacy {
    names: Vec<(&'static str, Span)>,
    /// Where content was first given to a file that should not be there.
    idle_content: Option<Span>,
}

/// Whether a kind had a parameter of that name once, and which.
pub(super) fn param_of_old(schema: &KindSchema, name: &str) -> Option<&'static str> {
    params_of_old(schema).iter().copied().find(|old| *old == name)
}

/// The parameters that a kind had once and has no more.
pub(crate) fn params_of_old(schema: &KindSchema) -> &'static [&'static str] {
    if schema.kind == "exec" { &OF_EXEC } else { &[] }
}

impl Legacy {
    pub(super) fn seen(&mut self, name: &'static str, span: Span) {
        if self.names.iter().all(|(have, _)| *have != name) {
            self.names.push((name, span));
        }
    }

    pub(super) fn idle_content(&mut self, span: Span) {
        self.idle_content.get_or_insert(span);
    }

    pub(super) fn notes(self) -> impl Iterator<Item = Diagnostic> {
        let idle_content = self.idle_content.map(|span| {
            let message = "`content` of a file that should be absent does nothing";
            Diagnostic::note(codes::LEGACY_KEY, Stage::Structure, message).at(span)
        });
        self.note().into_iter().chain(idle_content)
    }

    fn note(self) -> Option<Diagnostic> {
        let (_, first) = self.names.first()?;
        let (meant, idle): (Vec<&str>, Vec<&str>) = self
            .names
            .iter()
            .map(|(name, _)| *name)
            .partition(|name| NOW_META.iter().any(|(old, _)| old == name));
        let meant = meant.iter().map(|old| {
            let (_, new) = NOW_META.iter().find(|(name, _)| name == old).unwrap_or(&NOW_META[0]);
            format!("`{old}` is taken as `{new}` in `meta`")
        });
        let mut parts: Vec<String> = meant.collect();
        match idle.len() {
            0 => {}
            1 => parts.push(format!("{} does nothing", listed(idle))),
            _ => parts.push(format!("{} do nothing", listed(idle))),
        }
        let message = format!("this file uses names of old: {}", parts.join("; "));
        Some(Diagnostic::note(codes::LEGACY_KEY, Stage::Structure, message).at(*first))
    }
}
