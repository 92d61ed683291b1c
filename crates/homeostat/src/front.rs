//! What the binary asks of the front ends, in one place.

use homeostat_engine::Registry;
use homeostat_frontends::{Context, Kinds};
use homeostat_model::{Catalog, KindSchema, SourceMap};
use serde_json::Value as Json;

pub(crate) use homeostat_frontends::{Format, Input, Loaded, MAX_INPUT_BYTES, Pool};

use crate::engine::GraphView;

/// The kinds of a registry, as front ends know them.
struct Known<'a>(&'a Registry);

impl Kinds for Known<'_> {
    fn schema(&self, kind: &str) -> Option<&KindSchema> {
        self.0.schema(kind)
    }

    fn names(&self) -> Vec<&str> {
        self.0.names().collect()
    }
}

/// Reads texts into one catalog.
pub(crate) fn load(inputs: Vec<Input>, registry: &Registry, hostname: &str, pool: Pool) -> Loaded {
    let kinds = Known(registry);
    let context = Context { kinds: &kinds, hostname, pool };
    homeostat_frontends::load(inputs, &context)
}

/// A catalog with its automatic edges as JSON.
pub(crate) fn to_json(catalog: &Catalog, graph: &GraphView, sources: &SourceMap) -> Json {
    let auto = graph.edges.iter().filter(|edge| edge.auto);
    let auto: Vec<_> = auto.map(|edge| (edge.from.clone(), edge.to.clone())).collect();
    homeostat_frontends::to_json(catalog, &auto, sources)
}

/// The JSON Schema of graph YAML.
pub(crate) fn json_schema(registry: &Registry) -> Json {
    homeostat_frontends::json_schema(&Known(registry))
}
