//! `golang.template`: the template language of Go's `text/template`.

mod builtins;
mod compare;
mod data;
mod exec;
mod lexer;
mod library;
mod parser;
mod tree;

use crate::functions::args::Args;
use crate::functions::compiled::Compiled;
use crate::functions::declaration::{Body, Call, Function, Site, gives};
use crate::functions::error::{Error, Result};
use crate::value::Value;

pub(in crate::functions) const FUNCTIONS: &[Function] = &[Function::with_body(
    "golang.template",
    &["func(template str) str", "func(template str, vars ?1) str"],
    "The template, in the language of Go's `text/template`, with `.` for the variables. The first letter of the names of \
     struct fields is capital there. A field or key that is missing is an error. Besides Go's own functions there is every \
     function of this library that has one type, with `_` for `.` and `/`: `{{ strings_to_lower .Name }}`, `{{ _concat \"a\" \
     \"b\" }}`.",
    &[
        gives("golang.template(\"out: {{ . }}\", 42)", "\"out: 42\""),
        gives(
            "golang.template(\"{{ range . }}{{ .Name }};{{ end }}\", [struct{name => \"a\"}, struct{name => \"b\"}])",
            "\"a;b;\"",
        ),
        gives(
            "golang.template(\"{{ strings_to_upper .x | printf \\\"%q\\\" }}\", {\"x\" => \"a\"})",
            "\"\\\"A\\\"\"",
        ),
        gives(
            "golang.template(\"{{ .Nope }}\", struct{a => 1})",
            "error: template: execution error: template: template:1:3: executing \"template\" at <.Nope>: map has no entry for key \"Nope\"",
        ),
        gives(
            "golang.template(\"{{ end }}\")",
            "error: template: parse error: template: template:1: unexpected {{end}}",
        ),
    ],
    Body::Asking(run),
)];

fn run(site: &Site<'_>, caller: &dyn Call, args: Args<'_>) -> Result<Value> {
    static TEMPLATES: Compiled<tree::Template> = Compiled::new();
    let template = TEMPLATES.get(args.text(0)?, compile).map_err(Error::permanent)?;
    let vars = args.0.get(1).map(data::from_value);
    exec::execute(&template, vars, exec::Outside { caller, module: site.module }).map(Value::from)
}

/// Reads a template.
///
/// # Errors
/// What is wrong and in which line, as Go would say it.
fn compile(text: &str) -> Result<tree::Template, String> {
    parser::parse(text).map_err(|error| format!("template: parse error: template: {error}"))
}

#[cfg(test)]
mod tests;
