//! `homeostat graph`

use clap::{Args, ValueEnum};

use super::{pretty, runtime};
use crate::catalog::{self, Read};
use crate::cli::InputArgs;
use crate::diagnostics;
use crate::exit::Exit;
use crate::front;
use crate::front::Pool;
use crate::inputs::Inputs;
use crate::mcl;
use crate::picture;
use crate::terminal::Terminal;

/// Print the graph of resources and edges
///
/// Automatic edges are dashed, edges that refresh are bold. Nothing is executed, unless --live says so: what a
/// program asks of the world is left out, and said. The JSON form is a catalog that `run`,
/// `plan` and `check` read again; secrets in it are redacted, and what was redacted is refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat graph --format svg site.yaml > site.svg
  homeostat graph site.yaml | dot -Tpng > site.png
  homeostat graph --format json site.yaml > catalog.json")]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    input: InputArgs,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: GraphFormat,
    /// Evaluate the sources of programs for real (commands, files, facts) and print the first complete graph
    #[arg(long)]
    live: bool,
    /// Leave automatic edges out
    #[arg(long)]
    no_autoedges: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    /// Graphviz
    #[default]
    Dot,
    /// Mermaid, for Markdown pages
    Mermaid,
    /// A catalog with the automatic edges
    Json,
    /// A picture
    Svg,
}

pub(crate) fn run(args: GraphArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let hostname = catalog::hostname(&args.input)?;
    let registry = catalog::registry();
    let mut read = Read::inputs(&mut Inputs::new(&args.input)?, &registry, &hostname, Pool::ThisHost);
    match args.live {
        true => read.evaluate(&runtime()?, mcl::Stores::usual().as_ref()),
        false => read.foresee(),
    }
    read.collect_own(&hostname, &registry);
    let Some(graph) = read.graph(&registry, !args.no_autoedges) else {
        return match args.format {
            GraphFormat::Json => {
                terminal.print(&pretty(&diagnostics::to_json(&read.diagnostics, &read.sources)))?;
                Ok(Exit::Refused)
            }
            GraphFormat::Dot | GraphFormat::Mermaid | GraphFormat::Svg => {
                read.show(terminal);
                Err(read.refusal(terminal))
            }
        };
    };
    read.show(terminal);
    let name = read.catalog.name.as_deref().unwrap_or("homeostat");
    let text = match args.format {
        GraphFormat::Dot => picture::dot(name, &graph),
        GraphFormat::Mermaid => picture::mermaid(&graph),
        GraphFormat::Svg => picture::svg(name, &graph),
        GraphFormat::Json => pretty(&front::to_json(&read.catalog, &graph, &read.sources)),
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}
