//! From inputs to a catalog, the same for every command: reading, the front ends, and saying what was found.

use std::sync::Arc;

use homeostat_engine::Registry;
use homeostat_model::{Catalog, Diagnostic, SourceMap, codes};

use crate::agent;
use crate::cli::InputArgs;
use crate::diagnostics;
use crate::engine::GraphView;
use crate::exit::refused;
use crate::front::{self, Pool};
use crate::inputs::Inputs;
use crate::mcl;
use crate::terminal::Terminal;

/// Every kind.
pub(crate) fn registry() -> Registry {
    Registry::new(homeostat_kinds::KINDS.iter().copied())
}

/// The name that was given, or that of this machine.
pub(crate) fn hostname(args: &InputArgs) -> anyhow::Result<Arc<str>> {
    match &args.hostname {
        Some(name) if is_hostname(name) => Ok(name.as_str().into()),
        Some(name) => {
            Err(refused(format!("`{name}` is no host name: letters, digits, `-`, `_` and dots between them")))
        }
        None => {
            let uname = rustix::system::uname();
            Ok(uname.nodename().to_string_lossy().into())
        }
    }
}

fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// What was read: a catalog that may be used unless it is refused, and what was found.
pub(crate) struct Read {
    /// What stands in texts; what programs declare comes in addition.
    pub(crate) catalog: Catalog,
    /// Programs that are right, to be foreseen or run.
    pub(crate) programs: Vec<mcl::Loaded>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: SourceMap,
}

impl Read {
    /// Reads inputs into one catalog.
    pub(crate) fn inputs(inputs: &mut Inputs, registry: &Registry, hostname: &str, pool: Pool) -> Self {
        let texts = inputs.read();
        let front::Loaded { catalog, diagnostics: found, mut sources } =
            front::load(texts.inputs, registry, hostname, pool);
        let mut diagnostics = texts.unreadable;
        diagnostics.extend(found);
        let mut programs = Vec::new();
        for mut program in texts.programs {
            match mcl::load(&mut program, hostname, &mut sources) {
                Ok(loaded) => programs.push(loaded),
                Err(wrong) => diagnostics.extend(wrong),
            }
            inputs.remember(program);
        }
        Self { catalog, programs, diagnostics, sources }
    }

    /// Adds what programs declare, as far as it can be told without asking the world anything; the rest is noted. Where
    /// something was refused before, only what is wrong with them.
    pub(crate) fn foresee(&mut self) {
        let programs = std::mem::take(&mut self.programs);
        if programs.is_empty() {
            return;
        }
        if self.is_refused() {
            let found = programs.into_iter().flat_map(|program| mcl::foresee(program).1);
            self.diagnostics.extend(found.filter(Diagnostic::is_error));
            return;
        }
        let mut catalogs = vec![std::mem::take(&mut self.catalog)];
        for program in programs {
            let (catalog, found) = mcl::foresee(program);
            catalogs.push(catalog);
            self.diagnostics.extend(found);
        }
        self.merge(catalogs);
    }

    /// Adds what programs declare when they have asked the world what they want to know.
    pub(crate) fn evaluate(&mut self, runtime: &tokio::runtime::Runtime, stores: Option<&mcl::Stores>) {
        let programs = std::mem::take(&mut self.programs);
        if programs.is_empty() || self.is_refused() {
            return;
        }
        let fixed = std::mem::take(&mut self.catalog);
        let first =
            runtime.block_on(async { mcl::first(&mut mcl::Programs::start(fixed, programs, stores)).await });
        match first {
            Ok(catalog) => self.catalog = catalog,
            Err(wrong) => self.diagnostics.extend(wrong),
        }
    }

    /// Adds what is collected where nothing is known of other hosts.
    pub(crate) fn collect_own(&mut self, hostname: &Arc<str>, registry: &Registry) {
        if let Some(catalog) = agent::alone(&self.catalog, hostname, registry) {
            self.catalog = catalog;
        }
    }

    fn merge(&mut self, catalogs: Vec<Catalog>) {
        let (catalog, wrong) = mcl::merge(catalogs);
        self.catalog = catalog;
        self.diagnostics.extend(wrong);
    }

    /// Whether the catalog must not be used.
    pub(crate) fn is_refused(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Makes every resource and every edge, and adds what is wrong with them.
    pub(crate) fn graph(&mut self, registry: &Registry, autoedges: bool) -> Option<GraphView> {
        self.graph_with(None, registry, autoedges)
    }

    /// The same of another catalog that was made of this one.
    pub(crate) fn graph_with(
        &mut self,
        other: Option<Catalog>,
        registry: &Registry,
        autoedges: bool,
    ) -> Option<GraphView> {
        if self.is_refused() {
            return None;
        }
        match GraphView::of(other.as_ref().unwrap_or(&self.catalog), registry, autoedges) {
            Ok(graph) => Some(graph),
            Err(found) => {
                self.diagnostics.extend(found);
                None
            }
        }
    }

    /// Adds the warnings of resources about what was declared of them.
    pub(crate) fn warn(&mut self, registry: &Registry) {
        for decl in &self.catalog.resources {
            let Ok(built) = registry.build(decl) else { continue };
            self.diagnostics.extend(built.warnings().into_iter().map(|(code, message)| {
                Diagnostic::warning(code, homeostat_model::Stage::Catalog, message).at(decl.origin)
            }));
        }
    }

    /// Shows what was found to people.
    pub(crate) fn show(&self, terminal: &Terminal) {
        show(&self.diagnostics, &self.sources, terminal);
    }

    /// A refusal that counts what was shown.
    pub(crate) fn refusal(&self, terminal: &Terminal) -> anyhow::Error {
        let shown = shown(&self.diagnostics, terminal);
        refused(format!("{}; nothing was touched", diagnostics::counts(&shown)))
    }
}

/// Shows diagnostics to people.
pub(crate) fn show(found: &[Diagnostic], sources: &SourceMap, terminal: &Terminal) {
    let shown = shown(found, terminal);
    if !shown.is_empty() {
        terminal.say(&diagnostics::render(&shown, sources, terminal.paint_err()));
    }
}

/// What people see: when quiet, only errors. That a document is for others is news to nobody: a text for a fleet would say it for
/// every document on every host.
fn shown(found: &[Diagnostic], terminal: &Terminal) -> Vec<Diagnostic> {
    let is_shown = |diagnostic: &&Diagnostic| match diagnostic.code {
        codes::OTHER_HOST => terminal.is_verbose(),
        _ => diagnostic.is_error() || !terminal.is_quiet(),
    };
    found.iter().filter(is_shown).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_told_from_nonsense() {
        for name in ["a", "web-1.example.org", "db_2"] {
            assert!(is_hostname(name), "{name}");
        }
        for name in ["", ".", "a..b", "a b", "a/b", "-a", "a\n"] {
            assert!(!is_hostname(name), "{name}");
        }
    }
}
