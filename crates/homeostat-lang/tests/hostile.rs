//! Texts that try to exhaust something: each is read in time, with diagnostics where it must be refused.

use std::time::{Duration, Instant};

use homeostat_lang::{ast, format};
use homeostat_model::SourceId;

/// Generous: a debug build on a busy machine. What is quadratic takes minutes.
const PATIENCE: Duration = Duration::from_secs(60);

fn reads(text: &str) -> usize {
    let begin = Instant::now();
    let parsed = ast::parse(text, SourceId(0));
    let formatted = format::format(text, SourceId(0));
    let took = begin.elapsed();
    assert!(took < PATIENCE, "{took:?} for {} bytes", text.len());
    assert_eq!(
        formatted.is_err(),
        parsed.diagnostics.iter().any(|found| found.code == "too-deep" || found.stage.as_str() == "parse")
    );
    parsed.diagnostics.len()
}

#[test]
fn long_programs_are_read_in_linear_time() {
    let list: String = (0..100_000).map(|n| format!("\t\"item {n}\",\n")).collect();
    assert_eq!(reads(&format!("$x = [\n{list}]\n")), 0);
    let numbers: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    assert_eq!(reads(&format!("$x = [{}]\n", numbers.join(", "))), 0);
    let entries: String = (0..20_000).map(|n| format!("\t\"k{n}\" => {n},\n")).collect();
    assert_eq!(reads(&format!("$x = {{\n{entries}}}\n")), 0);
    assert_eq!(reads(&"file \"/tmp/x\" {\n\tcontent => \"a\" + $b,\n}\n".repeat(10_000)), 0);
    let arms = " else if $c {\n}".repeat(20_000);
    assert_eq!(reads(&format!("if $c {{\n}}{arms}\n")), 0);
    assert_eq!(reads(&format!("$x = if $c {{ 1 }}{} else {{ 2 }}\n", " else if $c { 1 }".repeat(20_000))), 0);
}

#[test]
fn nesting_is_refused_where_it_is_too_deep_and_never_overflows() {
    for open in [
        "(",
        "[",
        "{",
        "not ",
        "[[",
        "$x[",
        "f(",
        "func() { ",
        "if ",
        "struct{a => ",
        "{1 => ",
        "$s->f <|> ",
        "[$x for $y in ",
    ] {
        let text = format!("$x = {}\n", open.repeat(20_000));
        assert!(reads(&text) > 0, "{open}");
    }
    for open in ["if $x {\n", "for $a, $b in $c {\n", "class a {\n", "$x []", "$x func(", "$x map{"] {
        assert!(reads(&open.repeat(20_000)) > 0, "{open}");
    }
    assert!(reads(&format!("$x {}int = 1\n", "[]".repeat(20_000))) > 0);
    assert!(reads(&format!("$x = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000))) > 0);
    assert_eq!(reads(&format!("$x = {}1{}\n", "(".repeat(150), ")".repeat(150))), 0);
}

#[test]
fn chains_of_operators_are_refused_where_they_are_too_long() {
    for link in [" + 1", " <|> 1", "[0]", "->f", " and true"] {
        assert!(reads(&format!("$x = $y{}\n", link.repeat(20_000))) > 0, "{link}");
        assert_eq!(reads(&format!("$x = $y{}\n", link.repeat(900))), 0, "{link}");
    }
}

#[test]
fn rubbish_is_read_in_linear_time() {
    for rubbish in [
        "\"\\\"\n",
        "\\\"\n",
        "_",
        "a_",
        "}",
        ")",
        "{",
        "$x = (\n",
        "$x = [\n",
        "a b c\n",
        "test \"x\" {\n",
        "\r\n",
        "é",
        "elif ",
        "} else {\n",
        "1 +\n",
        "$x = 1 +\n",
        ", ",
        "${",
        "\"${\" ",
        "Foo -> ",
        "func f(\n",
        "=> ",
        "include ",
        "$x = [for \n",
    ] {
        assert!(reads(&rubbish.repeat(20_000)) > 0, "{rubbish}");
    }
    let open = "${".repeat(20_000);
    assert!(reads(&format!("$x = \"{open}\"\n")) > 0);
}
