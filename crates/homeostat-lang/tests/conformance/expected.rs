//! What a case expects, in our words.

use homeostat_model::Stage;

/// How a program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It has a graph.
    Graph,
    /// It is refused.
    Error {
        stage: Stage,
        /// The places that are accepted: file, line and column of the start.
        places: Vec<(String, u32, u32)>,
    },
}

impl Expected {
    pub(crate) fn of(output: &str) -> Self {
        let Some(first) = output.lines().next().and_then(|line| line.strip_prefix("# err: ")) else {
            return Self::Graph;
        };
        let stage = match first.split(':').next().unwrap_or_default() {
            "errLexParse" => Stage::Parse,
            "errInit" => Stage::Structure,
            "errInterpolate" => Stage::Interpolation,
            "errSetScope" => Stage::Scope,
            "errUnify" => Stage::Type,
            "errGraph" | "errStream" => Stage::Evaluation,
            _ => Stage::Catalog,
        };
        Self::Error { stage, places: output.lines().flat_map(places).collect() }
    }
}

/// The places in a line: `…: /main.mcl @ 3:7-3:9`; there may be several.
fn places(line: &str) -> Vec<(String, u32, u32)> {
    let parts: Vec<&str> = line.split(" @ ").collect();
    parts.windows(2).filter_map(|pair| place(pair[0], pair[1])).collect()
}

fn place(before: &str, range: &str) -> Option<(String, u32, u32)> {
    let file = before.rsplit([' ', ',']).next()?.trim_start_matches('/').to_owned();
    let (row, column) = range.split('-').next()?.split_once(':')?;
    Some((file, row.parse().ok()?, column.parse().ok()?))
}
