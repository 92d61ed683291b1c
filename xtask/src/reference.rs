//! `docs/reference`, from the declarations in the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use homeostat::cli;
use homeostat::reference::{self, Form, functions};

const DIR: &str = "docs/reference";
const WIDTH: usize = 100;
const HEAD: &str = "<!-- Written by `cargo xtask reference`: change the code instead. -->\n\n";

/// The pages by their paths below [`DIR`].
fn pages() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let registry = reference::registry();
    let mut pages = BTreeMap::new();
    let mut page = |path: &str, text: String| {
        pages.insert(PathBuf::from(path), text);
    };
    for schema in registry.names().filter_map(|name| registry.schema(name)) {
        let path = format!("kinds/{}.md", reference::page_name(schema.kind));
        page(&path, format!("{HEAD}{}", reference::kind(schema, Form::Page)));
    }
    page("kinds.md", format!("{HEAD}{}", reference::kinds(&registry)));
    for module in functions::modules() {
        let text = functions::module(module).context("every listed module has a page")?;
        page(&format!("functions/{}.md", functions::page_name(module)), format!("{HEAD}{text}"));
    }
    page("functions.md", format!("{HEAD}{}", functions::index()));
    page("meta.md", format!("{HEAD}{}", reference::meta(Form::Page)));
    page("diagnostics.md", format!("{HEAD}{}", reference::all_codes()));
    page("commands.md", format!("{HEAD}{}", commands()));
    let schema = serde_json::to_string_pretty(&reference::graph_yaml_schema(&registry))?;
    page("graph-yaml.schema.json", format!("{schema}\n"));
    Ok(pages)
}

fn commands() -> String {
    let mut command = cli::command().term_width(WIDTH);
    command.build();
    let mut out = String::from("# Commands\n");
    push_command(&mut out, "homeostat", &mut command);
    for sub in command.get_subcommands_mut().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let name = format!("homeostat {}", sub.get_name());
        push_command(&mut out, &name, sub);
    }
    out
}

fn push_command(out: &mut String, name: &str, command: &mut clap::Command) {
    let help = command.clone().term_width(WIDTH).render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    out.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
}

/// Writes the pages, and removes those of kinds that are gone.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    let dir = root.join(DIR);
    let pages = pages()?;
    for stale in existing(&dir)?.iter().filter(|path| !pages.contains_key(*path)) {
        fs::remove_file(dir.join(stale))?;
    }
    for (path, text) in &pages {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().context("a page lies in a directory")?)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Says which pages are stale.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let dir = root.join(DIR);
    let pages = pages()?;
    let mut stale: Vec<PathBuf> =
        existing(&dir)?.into_iter().filter(|path| !pages.contains_key(path)).collect();
    for (path, text) in &pages {
        if fs::read_to_string(dir.join(path)).ok().as_ref() != Some(text) {
            stale.push(path.clone());
        }
    }
    Ok(stale
        .into_iter()
        .map(|path| format!("{DIR}/{} is stale: run `cargo xtask reference`", path.display()))
        .collect())
}

fn existing(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in crate::tidy::files_below(dir)? {
        found.push(path.strip_prefix(dir)?.to_owned());
    }
    Ok(found)
}

/// Writes the man pages.
pub(crate) fn man(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(cli::command(), dir)?;
    Ok(())
}
