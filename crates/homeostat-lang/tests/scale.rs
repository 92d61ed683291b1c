//! Programs that are large in one way or another are checked in time that follows their size, and exhaust no stack.

#[path = "common/kinds.rs"]
mod kinds;

use std::fmt::Write;
use std::sync::Arc;

use homeostat_lang::eval::naive::{self, Evaluated, Silence, World};
use homeostat_lang::modules::{self, Files, Unreadable};
use homeostat_lang::program::{self, Checked};
use homeostat_model::SourceMap;
use kinds::TextKinds;

struct One(String);

impl Files for One {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        if path == "/main.mcl" { Ok(self.0.as_str().into()) } else { Err(Unreadable::Missing) }
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }
}

fn kinds() -> TextKinds {
    TextKinds::parse("test\n\tint int\n\tanotherstr str\n")
}

fn checked(text: String) -> Checked {
    let modules = modules::load("/main.mcl", &One(text), &mut SourceMap::new()).expect("it can be read");
    program::check(modules, &kinds()).expect("it is right")
}

/// How many resources a program declares.
fn resources(text: String) -> usize {
    let checked = checked(text);
    let world = World { kinds: &kinds(), hostname: "here", answers: &Silence };
    match Evaluated::of(naive::evaluate(&checked, world)) {
        Evaluated::Complete(catalog) => catalog.resources.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_thousand_classes_in_each_other_included_ten_thousand_times_are_checked() {
    let mut text = String::from("class c0($n, $m) {\n\ttest \"${n}\" { int => $m, }\n}\n");
    for at in 1..1000 {
        writeln!(text, "class c{at}($n, $m) {{\n\tinclude c{}($n, $m)\n}}", at - 1).unwrap();
    }
    for at in 0..10_000 {
        writeln!(text, "include c999(\"{at}\", {at})").unwrap();
    }
    checked(text);
}

#[test]
fn generic_classes_keep_what_only_their_uses_decide() {
    let mut text = String::from(
        "import \"fmt\"\nclass c0($n, $v) {\n\ttest \"${n}\" { anotherstr => fmt.printf(\"%v %d\", $v, len($v)), }\n}\n",
    );
    for at in 1..300 {
        writeln!(text, "class c{at}($n, $v) {{\n\tinclude c{}($n, $v)\n}}", at - 1).unwrap();
    }
    for at in 0..200 {
        writeln!(text, "include c299(\"a{at}\", [{at}])\ninclude c299(\"b{at}\", \"{at}\")").unwrap();
    }
    assert_eq!(resources(text), 400);
}

#[test]
fn long_chains_of_variables_and_functions_need_no_deep_stack() {
    let mut text = String::from("$v0 = 1\nfunc f0($x) { $x }\n");
    for at in 1..20_000 {
        writeln!(text, "$v{at} = $v{} + 1", at - 1).unwrap();
    }
    for at in 1..2_000 {
        writeln!(text, "func f{at}($x) {{ f{}($x) }}", at - 1).unwrap();
    }
    text.push_str("test \"a\" { int => f1999($v19999), }\n");
    assert_eq!(resources(text), 1);
}

#[test]
fn a_hundred_thousand_literals_are_a_list() {
    let mut text = String::from("$list = [\n");
    for at in 0..100_000 {
        writeln!(text, "\t\"{at}\",").unwrap();
    }
    text.push_str("]\ntest \"a\" { int => len($list), }\n");
    assert_eq!(resources(text), 1);
}

/// So many files, of which each imports the next one, and the program all of them.
struct Many(usize);

impl Files for Many {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        let imports = |files: std::ops::Range<usize>| {
            files.map(|at| format!("import \"m{at}.mcl\"\n")).collect::<String>()
        };
        if path == "/main.mcl" {
            let include = |at| format!("include m{at}.c(\"{at}\")\n");
            let includes: String = (0..self.0).map(include).collect();
            return Ok((imports(0..self.0) + &includes).into());
        }
        let at: Option<usize> =
            path.strip_prefix("/m").and_then(|rest| rest.strip_suffix(".mcl")?.parse().ok());
        let at = at.filter(|at| *at < self.0).ok_or(Unreadable::Missing)?;
        let next = if at + 1 < self.0 { at + 1..at + 2 } else { 0..0 };
        let depth = if next.is_empty() { "1".to_owned() } else { format!("$m{}.depth + 1", at + 1) };
        let class = "class c($name) {\n\ttest \"${name}\" { int => $depth, }\n}\n";
        Ok(format!("{}$depth = {depth}\n{class}", imports(next)).into())
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }
}

#[test]
fn five_hundred_modules_that_import_each_other_are_one_program() {
    let modules = modules::load("/main.mcl", &Many(500), &mut SourceMap::new()).expect("they can be read");
    let checked = program::check(modules, &kinds()).expect("it is right");
    let world = World { kinds: &kinds(), hostname: "here", answers: &Silence };
    let Evaluated::Complete(catalog) = Evaluated::of(naive::evaluate(&checked, world)) else {
        panic!("it is known");
    };
    assert_eq!(catalog.resources.len(), 500);
}

#[test]
fn errors_without_number_are_said_within_bounds() {
    let mut text = String::new();
    for at in 0..5_000 {
        writeln!(text, "test \"{at}\" {{ int => $missing{at}, anotherstr => {at}, }}").unwrap();
    }
    let modules = modules::load("/main.mcl", &One(text), &mut SourceMap::new()).expect("it can be read");
    let found = program::check(modules, &kinds()).expect_err("it is wrong");
    assert!(found.found.len() >= 5_000);
}

/// So many pairs of files; each puts all names of both files of the next pair among its own.
struct Pairs(usize);

impl Files for Pairs {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        let pair = |at: usize| format!("import \"a{at}.mcl\" as *\nimport \"b{at}.mcl\" as *\n");
        if path == "/main.mcl" {
            let last = self.0 - 1;
            return Ok(format!("{}test \"${{a{last}}}${{missing}}\" {{}}\n", pair(0)).into());
        }
        let name = path.strip_prefix('/').and_then(|rest| rest.strip_suffix(".mcl"));
        let name = name.ok_or(Unreadable::Missing)?;
        let at: usize = name[1..].parse().map_err(|_| Unreadable::Missing)?;
        let next = if at + 1 < self.0 { pair(at + 1) } else { String::new() };
        Ok(format!("{next}${name} = \"{name}\"\n").into())
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }
}

#[test]
fn a_name_is_looked_for_once_in_each_file_however_many_ways_lead_there() {
    let modules = modules::load("/main.mcl", &Pairs(60), &mut SourceMap::new()).expect("they can be read");
    let found = program::check(modules, &kinds()).expect_err("one name is not there").found;
    assert_eq!(found.len(), 1, "{found:?}");
}
