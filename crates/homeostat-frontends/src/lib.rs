//! Texts to catalogs: graph YAML, topologies and our own JSON catalogs.
//!
//! Invariants: nothing here does input or output; it gets names and bytes and gives a catalog, diagnostics and the texts
//! that they point into. No input makes it panic, recurse without bound or grow out of proportion. It knows the schemas
//! of the kinds and nothing of what they do. Everything wrong is reported at once, in the order of the text; only a
//! syntax error ends the reading of its file.
//!
//! The way of a text: bytes → [`input`] (which format?) → `tree` (elements with places) → a `draft` (resources by name,
//! references still open) → `collect` → the catalog, once every reference is found.
#![warn(missing_docs)]

pub mod catalog_json;
mod collect;
mod convert;
mod draft;
mod findings;
mod graph_yaml;
pub mod input;
pub mod json_schema;
mod reader;
mod scalar;
mod topology;
mod tree;

use homeostat_model::{Catalog, Diagnostic, KindSchema, SourceMap};

pub use catalog_json::to_json;
pub use input::{Format, Input, MAX_INPUT_BYTES};
pub use json_schema::json_schema;
pub use tree::{MAX_ALIAS_BYTES, MAX_ALIAS_BYTES_PER_BYTE, MAX_DEPTH};

use draft::Draft;
use findings::Findings;

/// The kinds that a text may use.
pub trait Kinds {
    /// The schema of a kind.
    fn schema(&self, kind: &str) -> Option<&KindSchema>;
    /// The names of all kinds, in a defined order.
    fn names(&self) -> Vec<&str>;
}

/// Where collected resources come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// No cluster: this host's own exports. [`load`] turns them into resources, and every reference must be found.
    ThisHost,
    /// The pool that all hosts share. Somebody else collects; a reference to a resource that is not declared is kept when
    /// its kind is collected.
    Shared,
}

/// What a load depends on besides its texts.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The kinds there are.
    pub kinds: &'a dyn Kinds,
    /// Who we are, for documents that select their hosts.
    pub hostname: &'a str,
    /// Where collected resources come from.
    pub pool: Pool,
}

/// What came of the inputs.
#[derive(Debug)]
pub struct Loaded {
    /// Everything that the inputs desire of this host. It means something only when the inputs are not refused.
    pub catalog: Catalog,
    /// What is wrong or worth knowing, in the order of the texts.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that spans lie in; source `n` is input `n`.
    pub sources: SourceMap,
}

impl Loaded {
    /// Whether any diagnostic is an error: the catalog must then not be used.
    pub fn is_refused(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Reads all inputs into one catalog.
pub fn load(inputs: Vec<Input>, cx: &Context<'_>) -> Loaded {
    let mut sources = SourceMap::new();
    let mut findings = Findings::default();
    let mut draft = Draft::default();
    for input in inputs {
        let Some((tree, format)) = input::read(input, &mut sources, &mut findings) else {
            continue;
        };
        match format {
            input::Readable::GraphYaml => graph_yaml::read(&tree, cx, &mut draft, &mut findings),
            input::Readable::Topology => topology::read(&tree, cx, &mut draft, &mut findings),
            input::Readable::Catalog => catalog_json::read(&tree, cx, &mut draft, &mut findings),
        }
    }
    if cx.pool == Pool::ThisHost {
        let (collected, diagnostics) = collect::own_exports(draft.catalog(), cx.hostname);
        findings.extend(diagnostics);
        for resource in collected {
            let place = resource.origin;
            draft.add(resource, place, &mut findings);
        }
    }
    let catalog = draft.finish(cx, &mut findings);
    Loaded { catalog, diagnostics: findings.finish(), sources }
}
