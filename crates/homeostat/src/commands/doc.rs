//! `homeostat doc`

use clap::Args;
use homeostat_engine::Registry;
use homeostat_model::{codes, suggest};

use crate::catalog;
use crate::exit::{Exit, refused};
use crate::reference::{self, Form};
use crate::terminal::Terminal;

/// Explain a kind, a function, the meta parameters, or the code of a diagnostic
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat doc
  homeostat doc file
  homeostat doc strings.split
  homeostat doc strings
  homeostat doc unknown-param
  homeostat doc meta")]
pub(crate) struct DocArgs {
    /// A kind, a module of functions or one of its functions, a code, or `meta`; without it, all names are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(crate) fn run(args: &DocArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let registry = catalog::registry();
    let text = match args.name.as_deref() {
        None => reference::overview(&registry),
        Some(name) => named(name, &registry).ok_or_else(|| unknown(name, &registry))?,
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// All that has the name: some modules are called like a kind.
fn named(name: &str, registry: &Registry) -> Option<String> {
    let pages = [
        (name == "meta").then(|| reference::meta(Form::Terminal)),
        registry.schema(name).map(|schema| reference::kind(schema, Form::Terminal)),
        reference::functions::module(name),
        reference::functions::function(name),
        codes::explain(name).map(reference::code),
    ];
    let pages: Vec<String> = pages.into_iter().flatten().collect();
    (!pages.is_empty()).then(|| pages.join("\n"))
}

fn unknown(name: &str, registry: &Registry) -> anyhow::Error {
    let functions = reference::functions::names();
    let candidates = registry
        .names()
        .chain(["meta"])
        .chain(reference::functions::modules())
        .chain(codes::ALL.iter().map(|doc| doc.code))
        .chain(functions);
    let elsewhere: Vec<String> = reference::functions::called(name).map(|name| format!("`{name}`")).collect();
    let hint = match suggest::did_you_mean(name, candidates) {
        Some(near) => format!("did you mean `{near}`?"),
        None if !elsewhere.is_empty() => format!("did you mean {}?", elsewhere.join(" or ")),
        None => "`homeostat doc` lists them".to_owned(),
    };
    refused(format!("there is no kind, module, function or code `{name}`; {hint}"))
}
