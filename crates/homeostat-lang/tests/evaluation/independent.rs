//! Errors that have nothing to do with each other are found together, whatever stages find them, and nothing is said of the
//! rest.

use std::ops::Range;
use std::sync::Arc;

use homeostat_lang::eval::collector::Unknowns;
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::modules::load;
use homeostat_lang::program::check;
use homeostat_model::{Diagnostic, SourceMap};

use crate::generator::{Generator, Random};
use crate::rig::{HOSTNAME, Texts, kinds};

const PROGRAMS: u64 = 400;
const ERRORS_MAX: usize = 8;

/// What is wrong on its own, where `@` stands for a number: every stage has its errors.
const WRONG: &[&str] = &[
    // Parse.
    "$h@ = = 1\n",
    "$h@ = 5-3\n",
    "$h@ = [1, 2\n3]\n",
    "import h@\n",
    "test \"h@\" {\n\tint => 1 2,\n}\n",
    "test \"h@\" {\n\tint => 1\n}\n",
    "test \"h@\" {\n\tint = 1,\n}\n",
    "func h@($x) int {\n\t$x $x\n}\ntest \"h@\" {\n\tint => h@(\"x\"),\n}\n",
    "class h@($x =) {\n\ttest \"h@\" {}\n}\ninclude h@(1, 2, 3)\n",
    "h@\n",
    // Structure and interpolation.
    "test \"h@\" {\n\tint => 1,\n\tint => 2,\n}\n",
    "$h@ = struct{a => 1, a => 2}\n",
    "$h@ = {\"a\" => 1, \"a\" => 2}\n",
    "$h@ = \"\\q\"\ntest \"h@\" {\n\tint => $h@,\n}\n",
    "test \"h@\" {\n\tstr => \"${}\",\n}\n",
    // Scope.
    "$h@ = $nothing@\n$g@ = [$h@]\ntest \"h@\" {\n\tstr => $g@[0],\n\tint => $g@[0],\n}\n",
    "include nothing@ as h@\ntest \"h@\" {\n\tint => $h@.x,\n\tstr => $h@.x,\n}\n",
    "test \"h@\" {\n\tint => nothing@(1),\n}\n",
    "$h@ = [$g@]\n$g@ = $h@[0]\ntest \"h@\" {\n\tstr => $h@,\n}\n",
    "$h@ = 1\n$h@ = \"a\"\ntest \"h@\" {\n\tint => $h@,\n\tstr => $h@,\n}\n",
    "class h@($x int) {\n\ttest \"h@\" {\n\t\tint => $x,\n\t}\n}\ninclude h@(1, 2)\n",
    "class h@() {\n\tinclude g@\n}\nclass g@() {\n\tinclude h@\n}\ninclude h@\n",
    // Types.
    "test \"h@\" {\n\tint => \"x\",\n}\n",
    "if 5 {\n\ttest \"h@\" {}\n} else {\n\ttest \"g@\" {}\n}\n",
    "for $i, $v in 5 {\n\ttest \"h@-${$v}\" {\n\t\tint => $v,\n\t}\n}\n",
    "nokind \"h@\" {\n\ta => 1,\n}\n",
    "test \"h@\" {\n\tnoparam => 1,\n}\n",
    "class h@($x int) {\n\ttest \"h@\" {\n\t\tint => $x,\n\t}\n}\ninclude h@(\"x\") as g@\n$h@ = $g@.x\n",
    "func h@($x) str {\n\t$x + 1\n}\ntest \"h@\" {\n\tstr => h@(1),\n}\n",
    "$h@ = [1, \"a\",]\ntest \"h@\" {\n\tint => $h@[7],\n}\n",
    "$h@ = struct{a => 1}\ntest \"h@\" {\n\tint => $h@->b,\n}\n",
    "$h@ = []\ntest \"h@\" {\n\tinterface => $h@,\n}\n",
    "$h@ = func($x) {\n\t$x + 1\n}\ntest \"h@\" {\n\tstr => \"${$h@(\"a\")}\",\n}\n",
    // Values.
    "panic(true, \"h@\")\n",
    "test \"h@\" {\n\tint => [1, 2][7],\n}\ntest \"g@\" {}\nTest[\"h@\"] -> Test[\"g@\"]\n",
    "test \"h@\" {\n\tint8 => 300,\n}\n",
    "$h@ = {\"a\" => 1}[\"b\"]\ntest \"h@-${$h@}\" {}\n",
    "class h@($x int where $x > 1) {\n\ttest \"h@\" {\n\t\tint => $x,\n\t}\n}\ninclude h@(1)\n",
    "if [true][1] {\n\ttest \"h@\" {}\n}\n",
    "test \"\" {\n\tint => @,\n}\n",
    // The catalog.
    "test \"h@\" {\n\tint => 1,\n}\ntest \"h@\" {\n\tint => 2,\n}\n",
    "test \"h@\" {\n\tMeta:noop => true,\n}\ntest \"h@\" {\n\tMeta:noop => false,\n\tMeta:limit => -5.0,\n}\n",
    "test \"h@\" {}\ntest \"g@\" {}\nTest[\"h@\"] -> Test[\"g@\"]\nTest[\"g@\"] -> Test[\"h@\"]\n",
];

/// Everything that is wrong with a program, and the lines that each error begins on.
fn found(text: &str) -> Vec<(u32, Diagnostic)> {
    let mut sources = SourceMap::new();
    let modules = load("/main.mcl", &Texts::main(text), &mut sources).expect("it is there");
    let (checked, mut found) = match check(modules, &kinds()) {
        Ok(checked) => (checked, Vec::new()),
        Err(refused) => (*refused.rest.expect("brackets fit"), refused.found),
    };
    let mut evaluator =
        Evaluator::new(Program::new(checked, Arc::new(kinds()), HOSTNAME.into()), Unknowns::LeaveOut);
    evaluator.settle();
    found.extend(evaluator.diagnostics());
    let line = |found: &Diagnostic| {
        let span = found.span.expect("errors have places");
        sources.get(span.source).expect("it was read").line_column(span.start).line
    };
    found.into_iter().map(|found| (line(&found), found)).collect()
}

/// The lines of a text that statements may be put in front of.
fn seams(text: &str) -> Vec<usize> {
    let mut depth = 0_i64;
    let mut seams = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if depth == 0 {
            seams.push(at);
        }
        let count = |all: &[char]| line.matches(all).count() as i64;
        depth += count(&['{', '[', '(']) - count(&['}', ']', ')']);
    }
    seams
}

/// A program with errors, and the lines, from 1, that each of them has.
fn broken(random: &mut Random, right: &str) -> (String, Vec<Range<u32>>) {
    let seams = seams(right);
    let count = 1 + random.below(ERRORS_MAX);
    let mut wrong: Vec<(usize, String)> = (0..count)
        .map(|number| {
            let text = WRONG[random.below(WRONG.len())].replace('@', &number.to_string());
            let is_wrapped = random.chance(30);
            let text = if is_wrapped { wrapped(&text, number) } else { text };
            (seams[random.below(seams.len())], text)
        })
        .collect();
    wrong.sort();
    let (mut text, mut places, mut lines) = (String::new(), Vec::new(), 1);
    let mut wrong = wrong.into_iter().peekable();
    for (at, line) in right.lines().enumerate() {
        while let Some((_, statements)) = wrong.next_if(|(seam, _)| *seam == at) {
            let count = statements.lines().count() as u32;
            places.push(lines..lines + count);
            lines += count;
            text.push_str(&statements);
        }
        text.push_str(line);
        text.push('\n');
        lines += 1;
    }
    (text, places)
}

/// Statements in a class that is included.
fn wrapped(statements: &str, number: usize) -> String {
    let body: String = statements.lines().map(|line| format!("\t{line}\n")).collect();
    format!("class wrap{number}() {{\n{body}}}\ninclude wrap{number}\n")
}

fn is_found(seed: u64) {
    let mut random = Random::new(seed);
    let right = Generator::program(&mut random);
    if !found(&right).is_empty() {
        return;
    }
    let (text, places) = broken(&mut random, &right);
    let found = found(&text);
    for (line, wrong) in &found {
        assert!(places.iter().any(|place| place.contains(line)), "seed {seed}: {wrong:#?}\n{text}");
    }
    for place in &places {
        let is_said = found.iter().any(|(line, _)| place.contains(line));
        assert!(is_said, "seed {seed}: nothing of lines {place:?}\n{found:#?}\n{text}");
    }
}

#[test]
fn independent_errors_of_all_stages_are_found_together_and_nothing_else() {
    (0..PROGRAMS).for_each(is_found);
}

#[test]
fn every_error_is_found_alone() {
    let mut wrong = Vec::new();
    for (number, statements) in WRONG.iter().enumerate() {
        let text = statements.replace('@', &number.to_string());
        for text in [wrapped(&text, number), text] {
            let found = found(&text);
            if found.len() != 1 {
                let said: Vec<_> = found.iter().map(|(line, found)| (line, &found.message)).collect();
                wrong.push(format!("{text}{said:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
