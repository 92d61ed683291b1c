//! The reference as Markdown, from the declarations themselves: for `homeostat doc` and for the pages in `docs/reference`.

pub mod functions;

use std::fmt::Write;

use homeostat_engine::Registry;
use homeostat_model::codes::{self, CodeDoc};
use homeostat_model::{KindSchema, Meta, ParamSchema, Value};

/// How wide text on a terminal gets.
const WIDTH: usize = 96;

/// Every kind of this program.
pub fn registry() -> Registry {
    crate::catalog::registry()
}

/// The JSON Schema of graph YAML.
pub fn graph_yaml_schema(registry: &Registry) -> serde_json::Value {
    crate::front::json_schema(registry)
}

/// The names that can be looked up, each with a line about it.
pub fn overview(registry: &Registry) -> String {
    let mut out = String::from("Kinds:\n");
    let width = registry.names().map(str::len).max().unwrap_or(0);
    for schema in registry.names().filter_map(|name| registry.schema(name)) {
        push(&mut out, format_args!("  {:width$}  {}\n", schema.kind, summary(schema.doc)));
    }
    out.push_str("\nParameters of every resource:\n  meta\n\nModules of functions:\n");
    functions::overview(&mut out);
    out.push_str("\nCodes of diagnostics:\n");
    let width = codes::ALL.iter().map(|doc| doc.code.len()).max().unwrap_or(0);
    for doc in codes::ALL {
        push(&mut out, format_args!("  {:width$}  {}\n", doc.code, summary(doc.doc)));
    }
    out.push_str(
        "\n`homeostat doc NAME` explains one of them, or a function: `homeostat doc strings.split`.\n",
    );
    out
}

/// For a page that is rendered, or for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Markdown with tables.
    Page,
    /// Text that is read as it is.
    Terminal,
}

/// The page of a kind.
pub fn kind(schema: &KindSchema, form: Form) -> String {
    let mut out = format!("# {}\n\n", schema.kind);
    let (head, rest) = split_at_parameters(schema.doc);
    out.push_str(head.trim_end());
    out.push_str("\n\n## Parameters\n\n");
    if schema.params.is_empty() {
        out.push_str("None.\n");
    } else {
        push_params(&mut out, &schema.params, form);
    }
    if !schema.outputs.is_empty() {
        out.push_str("\n## Values it sends\n\n| key | type | what |\n|---|---|---|\n");
        for output in &schema.outputs {
            push(
                &mut out,
                format_args!(
                    "| `{}` | {} | {} |\n",
                    output.key,
                    cell(&output.ty.describe()),
                    cell(output.doc)
                ),
            );
        }
    }
    if !rest.trim().is_empty() {
        out.push('\n');
        out.push_str(rest.trim());
        out.push('\n');
    }
    out
}

/// The parameters come where the documentation of a kind turns from what it is to how it behaves.
fn split_at_parameters(doc: &str) -> (&str, &str) {
    let places = ["## Watches", "## Automatic edges", "## Sends and receives", "## Limits"];
    let at = places.iter().filter_map(|heading| doc.find(heading)).min();
    doc.split_at(at.unwrap_or(doc.len()))
}

/// The meta parameters.
pub fn meta(form: Form) -> String {
    let mut out = String::from(
        "# Meta parameters\n\nHow the engine treats a resource, whatever its kind: the mapping `meta` of a resource.\n\n",
    );
    push_params(&mut out, Meta::schema(), form);
    out
}

/// The page of a diagnostic code.
pub fn code(doc: &CodeDoc) -> String {
    format!("# {}\n\n{}", doc.code, unindent(doc.doc))
}

/// All codes on one page.
pub fn all_codes() -> String {
    let mut out =
        String::from("# Diagnostics\n\nWhat is said about a text has a code that stays the same.\n");
    for doc in codes::ALL {
        push(&mut out, format_args!("\n## {}\n\n{}", doc.code, unindent(doc.doc)));
    }
    out
}

/// The list of kinds, with links to their pages.
pub fn kinds(registry: &Registry) -> String {
    let mut out = String::from("# Kinds\n\n| kind | what it manages |\n|---|---|\n");
    for schema in registry.names().filter_map(|name| registry.schema(name)) {
        let page = page_name(schema.kind);
        push(
            &mut out,
            format_args!("| [{}](kinds/{page}.md) | {} |\n", schema.kind, cell(&summary(schema.doc))),
        );
    }
    out.push_str("\nEvery resource also takes the [meta parameters](meta.md).\n");
    out
}

/// The name of a kind as a file name.
pub fn page_name(kind: &str) -> String {
    kind.replace(':', "-")
}

fn push_params(out: &mut String, params: &[ParamSchema], form: Form) {
    if form == Form::Page {
        out.push_str("| parameter | type | default | what |\n|---|---|---|---|\n");
    }
    for param in params {
        let default = match (&param.default, param.required) {
            (_, true) => "required".to_owned(),
            (Some(value), false) => format!("`{}`", default_text(value)),
            (None, false) => String::new(),
        };
        let (name, ty) = (&param.name, param.ty.describe());
        match form {
            Form::Page => {
                let doc = cell(&param.doc);
                push(out, format_args!("| `{name}` | {} | {} | {doc} |\n", cell(&ty), cell(&default)));
            }
            Form::Terminal => {
                let default = match (default.as_str(), param.required) {
                    ("", _) => String::new(),
                    (_, true) => ", required".to_owned(),
                    (text, false) => format!(", default {text}"),
                };
                push(out, format_args!("{name}: {ty}{default}\n"));
                for line in wrapped(&param.doc) {
                    push(out, format_args!("    {line}\n"));
                }
            }
        }
    }
}

/// Lines that fit a terminal.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn default_text(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The first sentence or line.
fn summary(doc: &str) -> String {
    let paragraph: Vec<&str> =
        doc.trim_start().lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let text = paragraph.join(" ");
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text,
    }
}

/// Text within a table.
fn cell(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ").replace('|', "\\|")
}

fn unindent(doc: &str) -> String {
    doc.lines().map(|line| format!("{}\n", line.trim())).collect()
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_first_sentence() {
        assert_eq!(summary(" One thing\n is said. Another too.\n\nMore."), "One thing is said.");
        assert_eq!(summary("All there is\n"), "All there is");
    }

    #[test]
    fn every_kind_has_a_page_with_its_parameters() {
        let registry = registry();
        for name in registry.names() {
            let schema = registry.schema(name).unwrap();
            let page = kind(schema, Form::Page);
            assert!(page.starts_with(&format!("# {name}\n\n")), "{page}");
            for param in &schema.params {
                assert!(page.contains(&format!("| `{}` |", param.name)), "{name}: {}", param.name);
            }
        }
    }
}
