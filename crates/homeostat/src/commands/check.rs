//! `homeostat check`

use clap::Args;

use super::{TextOrJson, pretty};
use crate::catalog::{self, Read};
use crate::cli::InputArgs;
use crate::diagnostics;
use crate::exit::Exit;
use crate::front::Pool;
use crate::inputs::Inputs;
use crate::terminal::Terminal;

/// Check inputs; execute and touch nothing
///
/// Parses the inputs, checks types, makes every resource and the graph with its automatic edges. Every error of a file is
/// shown at once; `homeostat doc CODE` explains a code.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat check site.yaml
  homeostat check --format json site.yaml | jq .diagnostics
  homeostat check --hostname web1 fleet.yaml

Exit codes:
  0  in order
  2  bad input")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Leave automatic edges out
    #[arg(long)]
    no_autoedges: bool,
    /// For people or for tools
    #[arg(long, value_enum, default_value_t)]
    format: TextOrJson,
}

pub(crate) fn run(args: CheckArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let hostname = catalog::hostname(&args.input)?;
    let registry = catalog::registry();
    let mut read = Read::inputs(&mut Inputs::new(&args.input)?, &registry, &hostname, Pool::ThisHost);
    read.foresee();
    read.collect_own(&hostname, &registry);
    let graph = read.graph(&registry, !args.no_autoedges);
    if graph.is_some() {
        read.warn(&registry);
    }
    match args.format {
        TextOrJson::Json => {
            terminal.print(&pretty(&diagnostics::to_json(&read.diagnostics, &read.sources)))?
        }
        TextOrJson::Text => read.show(terminal),
    }
    let Some(graph) = graph else {
        return match args.format {
            TextOrJson::Json => Ok(Exit::Refused),
            TextOrJson::Text => Err(read.refusal(terminal)),
        };
    };
    if args.format == TextOrJson::Text && !terminal.is_quiet() {
        let auto = graph.edges.iter().filter(|edge| edge.auto).count();
        terminal.print(&format!(
            "in order: {}, {} ({auto} automatic)\n",
            count(graph.vertices.len(), "resource"),
            count(graph.edges.len(), "edge"),
        ))?;
    }
    Ok(Exit::Done)
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
