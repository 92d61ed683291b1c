//! The function library of MCL: pages of modules, and what is said of one function.

use homeostat_lang::functions::{self, Body, Example, Function, Variable};

use super::{cell, push};
use crate::mcl::UNANSWERED;

/// What needs no import has no name; this is what its page is called.
const GLOBAL: &str = "global";

/// Words about everything that is written before a name of the library.
const HEAD: &str = "\
The library of [MCL](../language.md), by modules. A program imports a module before it uses it: `import \"strings\"`, and then
`strings.split(…)`; of a name with slashes the last part counts: `import \"golang/strings\"`, and then `strings.repeat(…)`.

In types, `?1` is any type, the same wherever it stands, and `...` any number of arguments. What can be caught (`<|>`) is a
value that fails in a way that a program can expect. Functions that watch something give a new value whenever that changes, and
what was made of the old one follows.
";

/// The modules, with what needs no import first: their names as the reference has them.
pub fn modules() -> impl Iterator<Item = &'static str> {
    [GLOBAL].into_iter().chain(functions::modules().iter().copied())
}

/// The names of all functions that a program can write.
pub fn names() -> impl Iterator<Item = &'static str> {
    written().map(|function| function.name)
}

/// The functions that have that name in some module.
pub fn called(short_name: &str) -> impl Iterator<Item = &'static str> {
    names().filter(move |name| functions::find(name).is_some_and(|one| one.short_name() == short_name))
}

/// The name of a module's page.
pub fn page_name(module: &str) -> String {
    module.replace('/', "-")
}

/// All modules, with links to their pages.
pub fn index() -> String {
    let mut out = format!("# Functions\n\n{HEAD}\n| module | what | functions |\n|---|---|---|\n");
    for name in modules() {
        let list: Vec<String> = of(name).map(|function| format!("`{}`", function.short_name())).collect();
        let (page, about) = (page_name(name), about(name));
        push(
            &mut out,
            format_args!("| [{name}](functions/{page}.md) | {} | {} |\n", cell(about), list.join(" ")),
        );
    }
    out.push_str("\n## What cannot be had\n\nThese have their types, and fail when they are called.\n\n");
    out.push_str("| function | why |\n|---|---|\n");
    for function in written() {
        if let Body::Absent(reason) = function.body {
            push(&mut out, format_args!("| `{}` | {} |\n", function.name, cell(reason)));
        }
    }
    out.push_str(
        "\nThese can be used, and nobody answers them yet.\n\n| function | what it gives |\n|---|---|\n",
    );
    for function in written() {
        if let Some(reason) = unanswered(function) {
            push(&mut out, format_args!("| `{}` | {} |\n", function.name, cell(reason)));
        }
    }
    out
}

/// The page of a module; `None` if there is none.
pub fn module(name: &str) -> Option<String> {
    let key = key(name);
    functions::about(key)?;
    let mut out = format!("# {name}\n\n{}\n", about(name));
    if !key.is_empty() {
        push(&mut out, format_args!("\n```mcl\nimport \"{key}\"\n```\n"));
    }
    for function in of(name) {
        push(&mut out, format_args!("\n## {}\n\n", function.short_name()));
        push_function(&mut out, function);
    }
    let variables = functions::variables();
    let mut variables: Vec<&Variable> = variables.iter().filter(|variable| variable.module == key).collect();
    variables.sort_by_key(|variable| variable.name);
    if !variables.is_empty() {
        out.push_str("\n## Variables\n\n| variable | value |\n|---|---|\n");
        if key.is_empty() {
            out.push_str("| `$hostname` | the name of this host |\n");
        }
        let prefix = if key.is_empty() { String::new() } else { format!("{}.", alias(key)) };
        for variable in variables {
            push(&mut out, format_args!("| `${prefix}{}` | `{}` |\n", variable.name, variable.value));
        }
    }
    Some(out)
}

/// What is said of a function, by its full name.
pub fn function(name: &str) -> Option<String> {
    let function = functions::find(name).filter(|function| is_written(function))?;
    let mut out = format!("# {name}\n\n");
    push_function(&mut out, function);
    Some(out)
}

/// The modules for the overview, with a line about each.
pub fn overview(out: &mut String) {
    let width = modules().map(str::len).max().unwrap_or(0);
    for name in modules() {
        push(out, format_args!("  {name:width$}  {}\n", about(name)));
    }
}

fn push_function(out: &mut String, function: &Function) {
    out.push_str("```mcl\n");
    let called = call_name(function);
    for signature in function.signatures {
        push(out, format_args!("{called}{}\n", signature.strip_prefix("func").unwrap_or(signature)));
    }
    push(out, format_args!("```\n\n{}\n", function.doc));
    if !function.forms.is_empty() {
        let forms: Vec<String> = function.forms.iter().map(|form| format!("`{form}`")).collect();
        push(out, format_args!("\nAt these types: {}.\n", forms.join(", ")));
    }
    match function.body {
        Body::Absent(reason) => push(out, format_args!("\nNot here: {reason}.\n")),
        Body::Source(_) => push_source(out, function),
        Body::Pure(_) | Body::At(_) | Body::Each(_) | Body::Fold(_) | Body::Asking(_) => {}
    }
    if !function.examples.is_empty() {
        out.push_str("\n```mcl\n");
        function.examples.iter().for_each(|example| push_example(out, example));
        out.push_str("```\n");
    }
}

fn push_source(out: &mut String, function: &Function) {
    match unanswered(function) {
        Some(reason) => push(out, format_args!("\nNot here yet: {reason}.\n")),
        None => out.push_str("\nAsks the machine or the store, and follows what they say.\n"),
    }
}

/// Why nobody answers what the function asks.
fn unanswered(function: &Function) -> Option<&'static str> {
    let starts = |name: &str| function.name == name || name == function.module();
    UNANSWERED.iter().find(|(name, _)| starts(name)).map(|(_, reason)| *reason)
}

fn push_example(out: &mut String, example: &Example) {
    let given = match example.given {
        "" => String::new(),
        given if given == example.result => String::new(),
        given => format!(", where {given} was found"),
    };
    push(out, format_args!("{}  # {}{given}\n", example.call, example.result));
}

/// As a program calls it.
fn call_name(function: &Function) -> String {
    match function.module() {
        "" => function.name.to_owned(),
        module => format!("{}.{}", alias(module), function.short_name()),
    }
}

fn alias(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

fn of(module: &str) -> impl Iterator<Item = &'static Function> {
    functions::module(key(module)).filter(|function| is_written(function))
}

fn written() -> impl Iterator<Item = &'static Function> {
    functions::registry().iter().copied().filter(|function| is_written(function))
}

/// Operators have declarations too, by names that no program can write.
fn is_written(function: &Function) -> bool {
    !function.name.starts_with('_')
}

fn key(module: &str) -> &str {
    if module == GLOBAL { "" } else { module }
}

fn about(module: &str) -> &'static str {
    functions::about(key(module)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_on_the_page_of_its_module_with_its_examples() {
        let pages: Vec<String> = modules().map(|name| module(name).unwrap()).collect();
        for function in written() {
            let name = call_name(function);
            assert!(pages.iter().any(|page| page.contains(&format!("\n{name}("))), "{name}");
            for example in function.examples {
                assert!(pages.iter().any(|page| page.contains(example.call)), "{name}: {}", example.call);
            }
        }
    }

    #[test]
    fn what_cannot_be_had_says_why() {
        let absent: Vec<_> = written().filter(|one| matches!(one.body, Body::Absent(_))).collect();
        assert!(!absent.is_empty());
        for function in absent {
            assert!(super::function(function.name).unwrap().contains("Not here: "), "{}", function.name);
        }
        for (name, _) in UNANSWERED {
            assert!(written().any(|one| one.name == *name || one.module() == *name), "{name}");
        }
    }
}
