//! What holds of every text, tried with many: rubbish made of words of the language, and programs that were damaged.

mod common;

use common::{is_formatted, is_read};
use proptest::prelude::*;

const WORDS: &[&str] = &[
    "\n",
    "\n",
    "\n",
    "\n\n\n",
    "\t",
    "# why\n",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "if ",
    "else ",
    "for ",
    "forkv ",
    "in ",
    "and ",
    "or ",
    "not ",
    "?:",
    "<|>",
    "=>",
    "->",
    ",",
    ":",
    ";",
    ".",
    "$",
    "=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "<",
    ">=",
    "bool ",
    "str ",
    "int ",
    "map",
    "struct",
    "func",
    "class ",
    "include ",
    "import ",
    "as ",
    "collect ",
    "panic",
    "true",
    "\"a\"",
    "\"${x}\"",
    "\"${f(x) + 1}\"",
    "\"",
    "7",
    "-7",
    "0.50",
    "a",
    "b ",
    "$a",
    "$b ",
    "Meta",
    "Meta:noop",
    "Foo",
    "where ",
    "elif ",
    "\r",
    "é",
    "_",
    "\\",
    "$a = ",
    "test \"a\" {",
    " => 1,",
    "{\n",
    "}\n",
    "[\n",
    "(\n",
    ",\n",
    "func($a) { ",
    "if $a { 1 } else { 2 }",
    "$x in ",
];

fn rubbish() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(WORDS), 0..60).prop_map(|words| words.concat())
}

/// Values with all the ways to write them.
fn value() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "1", "-007", "2.50", "\"a b\"", "true", "$x", "$m.y", "f()", "\"${x}\"", "\"\n\"", "[]", "{}",
        "[\n\n]", "{ }", "m.f(\n)",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 4, |inner| {
        let some = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some.clone().prop_map(|items| format!("[{}]", items.join(" ,"))),
            some.clone().prop_map(|items| format!("[ # c\n{},\n]", items.join(",# d\n\n\n"))),
            some.clone().prop_map(|items| format!("g( {} )", items.join(","))),
            some.prop_map(|items| format!("$f(\n  {},\n)", items.join(",\n"))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}+{b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} % ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$s->f<|>{a}  <|> {b}")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.clone().prop_map(|a| format!("$l[ {a} ] -> k")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{{a}=>{b}}}")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("if ({a}) {{\n{b}}} else if $c {{ {a} }} else {{ 2 }}")),
            inner.clone().prop_map(|a| format!("struct {{ a=>{a},b => 1}}")),
            inner.clone().prop_map(|a| format!("func($a int,$b) []str {{ {a} }}")),
            inner.clone().prop_map(|a| format!(
                "func($a map {{str : int}} = {a}) {{$q={a}\n\n# e\n$q }}(1, b => {a})"
            )),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a} for $i , $v in {b} if true]")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{{{a} => 1\nforkv $k, $v in {b}}}")),
        ]
    })
}

fn program() -> impl Strategy<Value = String> {
    let statement = (value(), 0..14_u8).prop_map(|(v, form)| match form {
        0 => format!("$x struct{{a int;b func( str ,$a int) float}}={v}"),
        1 => format!(
            "test {v} {{ a => {v}, b=>$c ?: 1, # t\n\n\n Meta : noop => {v}, Before => $c?:File[{v}], }}"
        ),
        2 => format!("test {v} {{\n# only\n}}"),
        3 => format!("if {v} {{}} else if $y {{ $z = {v}\n}} else {{\n\n}}"),
        4 => format!("for $a,$b in {v} {{ # c\n\n$x = 1\n\n}}"),
        5 => format!("forkv $a , $b in {v} {{\n}}"),
        6 => format!("func  f ($a,$b  int) int {{\n\n{v}\n}}"),
        7 => format!("class a:b(\n$a int= {v} where {v},\n) {{\n}}"),
        8 => format!("include m . c( {v} )  as d"),
        9 => "import \"x\"  as  *".to_owned(),
        10 => format!("panic( {v} )"),
        11 => format!("collect file {v} {{}}"),
        12 => format!("Http:Server[ {v} ].a->Test[\"b\"] . c"),
        _ => format!("# note\n\n\n$x={v}# t"),
    });
    proptest::collection::vec(statement, 0..6)
        .prop_map(|all| all.iter().map(|one| format!(" {one}\n")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rubbish_is_read(text in rubbish()) {
        is_read(&text);
        is_formatted(&text);
    }

    #[test]
    fn programs_are_read_and_formatted(text in program()) {
        let parsed = homeostat_lang::syntax::parse(&text, homeostat_model::SourceId(0));
        prop_assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        is_read(&text);
        is_formatted(&text);
    }

    #[test]
    fn damaged_programs_are_read(text in program(), cut in any::<prop::sample::Index>(), word in proptest::sample::select(WORDS)) {
        let cut = cut.index(text.len() + 1);
        let cut = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        is_read(&format!("{}{word}{}", &text[..cut], &text[cut..]));
        is_read(&text[..cut]);
        is_formatted(&text[cut..]);
    }
}
