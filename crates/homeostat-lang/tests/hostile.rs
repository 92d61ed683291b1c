//! Texts that try to exhaust something: each is read in time, with diagnostics where it must be refused.

#[path = "common/kinds.rs"]
mod kinds;
#[path = "common/whole.rs"]
mod whole;

use std::sync::Arc;
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

/// What is wrong with a whole program: every code once. That it ends at all is what counts here: what is exponential does not.
fn codes(text: &str) -> Vec<&'static str> {
    let found = whole::is_checked(text, &Arc::new(whole::kinds()));
    let mut codes: Vec<&str> = found.iter().map(|one| one.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// A program that imports what it needs and prints a value.
fn value(imports: &[&str], value: &str) -> Vec<&'static str> {
    let imports: String = imports.iter().map(|name| format!("import \"{name}\"\n")).collect();
    codes(&format!("{imports}$value = {value}\ntest \"x\" {{\n\tint => len($value),\n}}\n"))
}

#[test]
fn values_that_would_be_too_large_are_refused_before_they_are_made() {
    for (imports, text) in [
        (&["iter"] as &[&str], "iter.range(10000000000)"),
        (&["iter"], "iter.range(0, -9223372036854775807, -1)"),
        (&["golang/strings"], "strings.repeat(\"xx\", 9223372036854775807)"),
        (&["strings"], "strings.left_pad(\"x\", \"0\", 100000000000)"),
        (&["strings"], "strings.right_pad(\"x\", \"0\", 9223372036854775807)"),
        (&["golang"], "golang.template(\"{{ golang_strings_repeat \\\"x\\\" 100000000000 }}\")"),
    ] {
        assert_eq!(value(imports, text), ["failed"], "{text}");
    }
}

#[test]
fn values_that_grow_by_themselves_are_refused() {
    let start = "import \"golang/strings\"\nimport \"iter\"\nimport \"list\"\n$x0 = \"aaaaaaaaaa\"\n$l0 = iter.range(10)\n";
    // Twice as much with every step, or its square.
    let texts = [
        "\"${x@}${x@}\"",
        "$x@ + $x@",
        "concat($x@, $x@)",
        "strings.join([$x@, $x@], \",\")",
        "strings.replace_all($x@, \"a\", $x@)",
        "strings.replace($x@, \"a\", $x@, -1)",
    ];
    let lists = ["list.concat($l@, $l@)", "iter.flatten([$l@ for $one in $l@])"];
    let of = |name: char, all: &[&str]| {
        for step in all {
            let steps =
                (0..40).map(|n| format!("${name}{} = {}\n", n + 1, step.replace('@', &n.to_string())));
            let steps: String = steps.collect();
            let text = format!("{start}{steps}test \"x\" {{\n\tint => len(${name}40),\n}}\n");
            assert_eq!(codes(&text), ["failed"], "{step}");
        }
    };
    of('x', &texts);
    of('l', &lists);
}

#[test]
fn nothing_calls_or_includes_itself() {
    for (text, code) in [
        ("func f($x int) int {\n\tf($x)\n}\ntest \"x\" {\n\tint => f(1),\n}\n", "recursion"),
        ("$f = func($g) { $g($g) }\ntest \"x\" {\n\tint => $f($f),\n}\n", "wrong-type"),
        ("class c {\n\tinclude c\n}\ninclude c\n", "recursion"),
        ("class c {\n\tclass d {\n\t\tinclude c\n\t}\n\tinclude d\n}\ninclude c\n", "recursion"),
    ] {
        assert_eq!(codes(text), [code], "{text}");
    }
}

#[test]
fn long_chains_of_definitions_do_not_overflow() {
    let functions: String = (0..2000).map(|n| format!("func f{}($x) {{\n\tf{n}($x)\n}}\n", n + 1)).collect();
    let text = format!("func f0($x) {{\n\t$x\n}}\n{functions}test \"x\" {{\n\tint => f2000(1),\n}}\n");
    assert_eq!(codes(&text), [""; 0]);
    let variables: String = (0..5000).map(|n| format!("$x{} = $x{n} + 1\n", n + 1)).collect();
    let text = format!("$x0 = 0\n{variables}test \"x\" {{\n\tint => $x5000,\n}}\n");
    assert_eq!(codes(&text), [""; 0]);
    let classes: String = (0..1000).map(|n| format!("class c{} {{\n\tinclude c{n}\n}}\n", n + 1)).collect();
    let text = format!("class c0 {{\n\ttest \"x\" {{}}\n}}\n{classes}include c1000\n");
    assert_eq!(codes(&text), [""; 0]);
}

#[test]
fn classes_that_are_included_again_and_again_are_made_once() {
    let class = |n| format!("class c{}($name) {{\n\tinclude c{n}($name)\n\tinclude c{n}($name)\n}}\n", n + 1);
    let classes: String = (0..1000).map(class).collect();
    let includes = "include c1000(\"x\")\n".repeat(10_000);
    let text = format!("class c0($name) {{\n\ttest $name {{}}\n}}\n{classes}{includes}");
    assert_eq!(codes(&text), [""; 0]);
}

#[test]
fn types_and_products_that_are_too_large_are_refused() {
    let nested: String =
        (0..40).map(|n| format!("$x{} = struct{{a => $x{n}, b => $x{n}}}\n", n + 1)).collect();
    let text = format!("$x0 = func($a) {{ $a }}\n{nested}test \"x\" {{\n\tint => len([$x40]),\n}}\n");
    assert_eq!(codes(&text), ["wrong-type"]);
    let edges = "import \"iter\"\n$n = [\"n${i + 0}\" for $i in iter.range(2000)]\nTest[$n] -> Test[$n]\n";
    assert_eq!(codes(edges), ["too-large"]);
}

#[test]
fn patterns_templates_and_data_are_bounded() {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    for (imports, text) in [
        (&["golang"] as &[&str], "golang.template(\"{{ define \\\"a\\\" }}{{ template \\\"a\\\" }}{{ end }}{{ template \\\"a\\\" }}\")".to_owned()),
        (&["golang"], "golang.template(\"{{ range . }}{{ range $ }}{{ range $ }}{{ range $ }}{{ range $ }}{{ range $ }}{{ range $ }}{{ range $ }}x{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}\", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])".to_owned()),
        (&["encoding"], "encoding.decode_json(\"@\", \"[]int\")".replace('@', &nested("[", "]"))),
    ] {
        assert_eq!(value(imports, &text), ["failed"], "{text:.200}");
    }
    for (imports, text, code) in [
        (
            &["golang"] as &[&str],
            format!("golang.template(\"{}\")", nested("{{ if true }}", "{{ end }}")),
            "failed",
        ),
        (&["golang"], format!("golang.template(\"{{{{ {} }}}}\")", nested("(", ")")), "failed"),
        (
            &["encoding"],
            format!("encoding.decode_json(\"1\", \"{}\")", "[]".repeat(20_000) + "int"),
            "wrong-type",
        ),
    ] {
        assert_eq!(value(imports, &text), [code], "{text:.200}");
    }
    let wide = "golang.template(\"{{ printf \\\"%999999999d %.999999999f %*d\\\" 1 1.5 999999999 1 }}\")";
    assert_eq!(value(&["golang"], wide), [""; 0]);
    let pattern = |pattern: &str| {
        codes(&format!(
            "import \"regexp\"\ntest \"x\" {{\n\tbool => regexp.match(\"{pattern}\", \"a\"),\n}}\n"
        ))
    };
    assert_eq!(pattern("((((a{1000}){1000}){1000}){1000})"), ["failed"]);
    assert_eq!(pattern(&nested("(", ")")), ["failed"]);
    assert_eq!(pattern("(x+x+)+y"), [""; 0]);
}

#[test]
fn long_words_and_wide_programs_are_checked_in_linear_time() {
    let params: Vec<String> = (0..2000).map(|n| format!("$p{n} int")).collect();
    let wide = format!("class c({}) {{}}\ninclude c({})\n", params.join(", "), vec!["1"; 2000].join(", "));
    assert_eq!(codes(&wide), [""; 0]);
    assert_eq!(
        codes(&format!("$x = \"{}\"\ntest \"x\" {{\n\tint => len($x),\n}}\n", "a".repeat(3_000_000))),
        [""; 0]
    );
    assert_eq!(codes(&format!("$x = {}\n", "9".repeat(100_000))), ["number-too-large"]);
    let many =
        format!("$y = \"a\"\n$x = \"{}\"\ntest \"x\" {{\n\tint => len($x),\n}}\n", "${y}".repeat(20_000));
    assert_eq!(codes(&many), [""; 0]);
    assert_eq!(codes(&format!("class c {{\n\ttest \"a\" {{}}\n}}\n{}", "include c\n".repeat(5000))), [""; 0]);
}

#[test]
fn values_that_hold_the_same_again_and_again_are_refused() {
    let start = "import \"fmt\"\nimport \"iter\"\n$x0 = [1]\n$y0 = [1]\n$m0 = {1 => 1}\n";
    let twice = ["[$@, $@]", "[$@ for $one in [1, 2]]", "iter.map([1, 2], func($one) { $@ })"];
    for step in twice {
        let of = |name: char| {
            let steps =
                (0..40).map(|n| format!("${name}{} = {}\n", n + 1, step.replace('@', &format!("{name}{n}"))));
            steps.collect::<String>()
        };
        for looks in ["$x40 == $y40", "len(fmt.printf(\"%v\", $x40)) == 1", "len($x40) == len($y40)"] {
            let text = format!("{start}{}{}test \"x\" {{\n\tbool => {looks},\n}}\n", of('x'), of('y'));
            assert_eq!(codes(&text), ["failed"], "{step} {looks}");
        }
    }
    // In the value of a map, and in a struct whose type stays small.
    let maps: String = (0..40).map(|n| format!("$m{} = {{1 => $m{n}, 2 => $m{n}}}\n", n + 1)).collect();
    assert_eq!(codes(&format!("{start}{maps}test \"x\" {{\n\tint => len($m40),\n}}\n")), ["failed"]);
    // What is shared and small enough is as good as any other.
    let few: String = (0..10).map(|n| format!("$x{} = [$x{n}, $x{n}]\n", n + 1)).collect();
    let text = format!(
        "{start}{few}test \"x\" {{\n\tbool => $x10 == $x10,\n\tstr => fmt.printf(\"%v\", $x10),\n}}\n"
    );
    assert_eq!(codes(&text), [""; 0]);
}

#[test]
fn constants_that_grow_by_themselves_are_not_computed_before_they_are_needed() {
    let texts: String = (0..40).map(|n| format!("$x{} = \"${{x{n}}}${{x{n}}}\"\n", n + 1)).collect();
    let text = format!(
        "import \"fmt\"\n$x0 = \"aaaaaaaaaa\"\n{texts}test \"x\" {{\n\tstr => fmt.printf($x40),\n}}\n"
    );
    assert_ne!(codes(&text), [""; 0]);
    let names: String =
        (0..40).map(|n| format!("$x{} = if $c {{ $x{n} }} else {{ $x{n} }}\n", n + 1)).collect();
    let text = format!("$c = len(\"a\") == 1\n$x0 = \"a\"\n{names}test $x40 {{}}\n");
    assert_eq!(codes(&text), [""; 0]);
}

#[test]
fn calls_that_double_are_refused() {
    let start = "import \"os\"\nfunc f0($n) {\n\t$n + 1\n}\nclass c0($n int) {}\n";
    let functions: String =
        (0..30).map(|n| format!("func f{}($n) {{\n\tf{n}($n) + f{n}($n)\n}}\n", n + 1)).collect();
    assert_eq!(codes(&format!("{start}{functions}test \"x\" {{\n\tint => f30(1),\n}}\n")), ["too-large"]);
    // Classes that declare nothing take no operations.
    let class = |n| format!("class c{}($n int) {{\n\tinclude c{n}($n)\n\tinclude c{n}($n + 1)\n}}\n", n + 1);
    let classes: String = (0..30).map(class).collect();
    assert_eq!(codes(&format!("{start}{classes}include c30(len(os.readfile(\"/x\")))\n")), ["too-large"]);
}

#[test]
fn loops_in_loops_are_refused_before_they_take_all_memory() {
    let start = "import \"iter\"\n$r = iter.range(10000)\n";
    let statements = format!("{start}for $i, $v in $r {{\n\tfor $j, $w in $r {{\n\t}}\n}}\n");
    assert_eq!(codes(&statements), ["too-large"]);
    let expressions =
        format!("{start}$x = [[$w for $w in $r] for $v in $r]\ntest \"x\" {{\n\tint => len($x),\n}}\n");
    assert_eq!(codes(&expressions), ["too-large"]);
}
