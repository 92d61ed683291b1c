//! What the binary asks of the front ends, in one place.

use homeostat_engine::Registry;
use homeostat_model::{Catalog, Diagnostic, SourceMap};

/// One text to read.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    GraphYaml,
    Catalog,
}

pub(crate) const MAX_INPUT_BYTES: u64 = 64 << 20;

pub(crate) struct Loaded {
    pub(crate) catalog: Catalog,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: SourceMap,
}

impl Loaded {
    pub(crate) fn is_refused(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

pub(crate) fn load(inputs: Vec<Input>, _registry: &Registry, _hostname: &str) -> Loaded {
    let mut sources = SourceMap::new();
    for input in inputs {
        let _format = input.format;
        sources.add(input.name, String::from_utf8_lossy(&input.bytes).into_owned());
    }
    Loaded {
        catalog: Catalog::default(),
        diagnostics: Vec::new(),
        sources,
    }
}

pub(crate) fn to_json(
    _catalog: &Catalog,
    _graph: &crate::engine::GraphView,
    _sources: &SourceMap,
) -> serde_json::Value {
    serde_json::json!({"resources": [], "edges": [], "sends": [], "exports": [], "collects": []})
}

pub(crate) fn json_schema(_registry: &Registry) -> serde_json::Value {
    serde_json::json!({})
}
