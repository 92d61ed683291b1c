//! `homeostat doc`

use clap::Args;
use homeostat_model::{codes, suggest};

use crate::catalog;
use crate::exit::{Exit, refused};
use crate::reference::{self, Form};
use crate::terminal::Terminal;

/// Explain a kind, the meta parameters, or the code of a diagnostic
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat doc
  homeostat doc file
  homeostat doc unknown-param
  homeostat doc meta")]
pub(crate) struct DocArgs {
    /// A kind, a code, or `meta`; without it, all names are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(crate) fn run(args: &DocArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let registry = catalog::registry();
    let text = match args.name.as_deref() {
        None => reference::overview(&registry),
        Some("meta") => reference::meta(Form::Terminal),
        Some(name) => match (registry.schema(name), codes::explain(name)) {
            (Some(schema), _) => reference::kind(schema, Form::Terminal),
            (None, Some(code)) => reference::code(code),
            (None, None) => return Err(unknown(name, registry.names())),
        },
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

fn unknown(name: &str, kinds: impl Iterator<Item = &'static str>) -> anyhow::Error {
    let names = kinds.chain(codes::ALL.iter().map(|doc| doc.code)).chain(["meta"]);
    let hint = suggest::did_you_mean(name, names)
        .map_or_else(|| "`homeostat doc` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
    refused(format!("there is no kind or code `{name}`; {hint}"))
}
