//! `homeostat schema`

use clap::Args;

use super::pretty;
use crate::catalog;
use crate::exit::Exit;
use crate::front;
use crate::terminal::Terminal;

/// Print the JSON Schema of graph YAML, for editors
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat schema > graph-yaml.schema.json

Then, as the first line of a graph YAML file:
  # yaml-language-server: $schema=graph-yaml.schema.json")]
pub(crate) struct SchemaArgs {}

pub(crate) fn run(_args: &SchemaArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    terminal.print(&pretty(&front::json_schema(&catalog::registry())))?;
    Ok(Exit::Done)
}
