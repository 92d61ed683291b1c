use proptest::prelude::*;

use super::*;
use crate::functions::SourceRequest;
use crate::value::Func;

/// Knows nothing but a file.
struct Outside;

impl Call for Outside {
    fn call(&self, _: &Func, _: &[Value]) -> Result<Value> {
        Err(Error::permanent("there are no functions here"))
    }

    fn ask(&self, request: &SourceRequest) -> Result<Value> {
        match request {
            SourceRequest::File { .. } => Ok(Value::from("ID=debian\n")),
            other => Err(Error::Unanswered(Box::new(other.clone()))),
        }
    }
}

fn vars() -> Value {
    let person =
        |name: &str, age: i64| Value::structure([("name", Value::from(name)), ("age", Value::Int(age))]);
    Value::structure([
        ("people", Value::list([person("ann", 42), person("bob", 7)])),
        ("ports", Value::map([(Value::from("http"), Value::Int(80)), (Value::from("dns"), Value::Int(53))])),
        ("by_number", Value::map([(Value::Int(1), Value::from("one"))])),
        ("none", Value::list([])),
        ("pi", Value::Float(3.25)),
        ("raw_query", Value::from("a=1&b=<2>")),
        ("yes", Value::Bool(true)),
    ])
}

fn render(text: &str) -> Result<String, String> {
    let render = || execute(text).map_err(|error| error.to_string());
    render()
}

fn execute(text: &str) -> Result<String> {
    let template = compile(text).map_err(Error::permanent)?;
    exec::execute(
        &template,
        Some(data::from_value(&vars())),
        exec::Outside { caller: &Outside, module: "/module/" },
    )
}

#[test]
fn templates_are_rendered_as_in_go() {
    for (text, expected) in [
        ("plain {x} }}", "plain {x} }}"),
        ("{{ .Pi }}|{{ .Yes }}|{{ .Ports }}|{{ .Raw_query }}", "3.25|true|map[dns:53 http:80]|a=1&b=<2>"),
        ("{{ .Ports.http }} {{ (index .People 1).Name }} {{ index .By_number 1 }}", "80 bob one"),
        ("{{ range .People }}{{ .Name }}={{ .Age }};{{ end }}", "ann=42;bob=7;"),
        ("{{ range $i, $p := .People }}{{ $i }}{{ $p.Name }} {{ end }}", "0ann 1bob "),
        ("{{ range $k, $v := .Ports }}{{ $k }}:{{ $v }},{{ end }}", "dns:53,http:80,"),
        ("{{ range .None }}x{{ else }}nobody{{ end }}", "nobody"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        (
            "{{ range $p := .People }}{{ if eq $p.Name \"bob\" }}{{ break }}{{ end }}{{ $p.Name }}{{ end }}",
            "ann",
        ),
        ("{{ range .People }}{{ if lt .Age 18 }}{{ continue }}{{ end }}{{ .Name }}{{ end }}", "ann"),
        ("{{ if .None }}a{{ else if .Yes }}b{{ else }}c{{ end }}", "b"),
        (
            "{{ with .Ports }}{{ .dns }}{{ end }}{{ with .None }}x{{ else with .Pi }}{{ . }}{{ else }}y{{ end }}",
            "533.25",
        ),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ $y }}{{ end }}{{ $x }}", "32"),
        (
            "{{ define \"p\" }}<{{ .Name }}>{{ end }}{{ range .People }}{{ template \"p\" . }}{{ end }}",
            "<ann><bob>",
        ),
        ("{{ block \"b\" .Pi }}[{{ . }}]{{ end }}{{ template \"b\" 1 }}", "[3.25][1]"),
        ("a  {{- 1 -}}  b {{/* note */}}c {{- /* trims */ -}} d", "a1b cd"),
        ("{{ \"q\\\"\" }}{{ `r\\n` }}{{ 'a' }}{{ 0x10 }}{{ 1e2 }}{{ -3 }}", "q\"r\\n9716100-3"),
        ("{{ 1 | printf \"%03d-%s\" | len }}", "16"),
        ("{{ printf \"%5.1f|%-4s|%q\" .Pi \"a\" \"b\" }}", "  3.2|a   |\"b\""),
        ("{{ print 1 2 \"x\" 3 }} {{ println \"a\" 1 }}", "1 2x3 a 1\n"),
        ("{{ and 1 0 2 }} {{ or 0 \"\" 3 }} {{ not 0 }} {{ and true .Yes }}", "0 3 true true"),
        (
            "{{ eq 1 2 1 }} {{ ne \"a\" \"b\" }} {{ le 1 1 }} {{ gt .Pi 3.0 }} {{ ge \"b\" \"a\" }}",
            "true true true true true",
        ),
        ("{{ slice \"abcdef\" 1 3 }} {{ len (slice .People 1) }}", "bc 1"),
        (
            "{{ html .Raw_query }} {{ urlquery .Raw_query }} {{ js \"a'<\" }}",
            "a=1&amp;b=&lt;2&gt; a%3D1%26b%3D%3C2%3E a\\'\\u003C",
        ),
        (
            "{{ strings_to_upper \"a\" }} {{ convert_int_to_str 3 }} {{ math_pow 2 3 }} {{ _concat \"a\" \"b\" }}",
            "A 3 8 ab",
        ),
        ("{{ (net_url_parser \"https://example.org/a?b=c\").Raw_query }}", "b=c"),
        ("{{ golang_strings_trim_space \" a \" }} {{ os_family }}", "a debian"),
        ("{{ deploy_abspath \"/x\" }}", "/module/x"),
        ("{{ $.Pi }} {{ range .People }}{{ $.Yes }}{{ end }}", "3.25 truetrue"),
        ("{{ index .Ports \"none\" }}", "0"),
        ("", ""),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_template_is_said_with_its_line() {
    for (text, expected) in [
        ("{{", "1: unclosed action"),
        ("\n{{ .a", "2: unclosed action"),
        ("{{ if }}{{ end }}", "1: missing value for if"),
        ("{{ if 1 }}", "1: unexpected EOF"),
        ("{{ end }}", "1: unexpected {{end}}"),
        ("{{ nope 1 }}", "1: function \"nope\" not defined"),
        (
            "{{ strings_to_uper 1 }}",
            "1: function \"strings_to_uper\" not defined; did you mean \"strings_to_upper\"?",
        ),
        ("{{ iter_map 1 }}", "1: function \"iter_map\" not defined"),
        ("{{ $x }}", "1: undefined variable \"$x\""),
        ("{{ ( 1 }}", "1: unclosed left paren"),
        ("{{ 1 ) }}", "1: unexpected right paren"),
        ("{{ \"a }}", "1: unterminated quoted string"),
        ("{{ 1x }}", "1: bad number syntax: \"1x\""),
        ("{{ break }}", "1: {{break}} outside {{range}}"),
        ("{{ nil }}", "1: nil is not a command"),
        ("{{ 1 | 2 }}", "1: non executable command in pipeline stage 2"),
        ("{{ template 1 }}", "1: unexpected \"1\" in template clause"),
        ("{{ .a ! }}", "1: unexpected \"!\" in operand"),
        ("{{/* a }}", "1: unclosed comment"),
        ("{{ 1.a }}", "1: bad number syntax: \"1.a\""),
        ("{{ \"a\".b }}", "1: unexpected .b after term \"\\\"a\\\"\""),
    ] {
        let expected = format!("template: parse error: template: template:{expected}");
        assert_eq!(render(text), Err(expected), "{text}");
    }
}

#[test]
fn what_goes_wrong_while_rendering_is_said_with_its_place() {
    for (text, expected) in [
        ("{{ .Nope }}", "1:3: executing \"template\" at <.Nope>: map has no entry for key \"Nope\""),
        (
            "{{ .pi }}",
            "1:3: executing \"template\" at <.pi>: map has no entry for key \"pi\" (there is `.Pi`: fields of \
             structs are capital)",
        ),
        (
            "a\nb {{ .Pi.X }}",
            "2:5: executing \"template\" at <.Pi.X>: can't evaluate field X in type float64",
        ),
        (
            "{{ eq 1 \"a\" }}",
            "1:3: executing \"template\" at <eq 1 \"a\">: error calling eq: incompatible types for comparison",
        ),
        (
            "{{ index .People 7 }}",
            "1:3: executing \"template\" at <index .People 7>: error calling index: index out of range: 7",
        ),
        (
            "{{ strings_to_upper 1 }}",
            "1:3: executing \"template\" at <strings_to_upper>: wrong type for value; expected str; got int64",
        ),
        (
            "{{ strings_to_upper }}",
            "1:3: executing \"template\" at <strings_to_upper>: wrong number of args for strings_to_upper: want 1 got 0",
        ),
        (
            "{{ range .Pi }}{{ end }}",
            "1:9: executing \"template\" at <.Pi>: range can't iterate over a value of type float64",
        ),
        ("{{ template \"x\" }}", "1:12: executing \"template\" at <\"x\">: template \"x\" not defined"),
        (
            "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
            "1:28: executing \"x\" at <\"x\">: exceeded maximum template depth",
        ),
        ("{{ .Pi 1 }}", "1:3: executing \"template\" at <.Pi>: can't give argument to non-function .Pi"),
        (
            "{{ math_sqrt -1 }}",
            "1:3: executing \"template\" at <math_sqrt -1>: error calling math_sqrt: result is not a number",
        ),
    ] {
        let expected = format!("template: execution error: template: template:{expected}");
        assert_eq!(render(text), Err(expected), "{text}");
    }
}

#[test]
fn what_is_not_known_yet_is_asked_for() {
    assert!(matches!(execute("{{ sys_hostname }}"), Err(Error::Unanswered(_))));
}

#[test]
fn no_template_runs_for_ever() {
    let doubling = "{{ define \"x\" }}{{ template \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}";
    assert!(render(doubling).is_err());
    let wide = "{{ range 1000 }}{{ range 1000 }}{{ range 1000 }}x{{ end }}{{ end }}{{ end }}";
    assert!(render(wide).is_err());
    let (open, close) = ("{{ if true }}".repeat(90), "{{ end }}".repeat(90));
    let deep = format!(
        "{{{{ define \"x\" }}}}{open}{{{{ template \"x\" }}}}{close}{{{{ end }}}}{{{{ template \"x\" }}}}"
    );
    assert!(render(&deep).is_err());
    let many = "{{ range 1000 }}{{ if true }}{{ continue }}{{ end }}{{ end }}{{ range 1000 }}{{ if true }}{{ break }}{{ end }}{{ end }}";
    assert_eq!(render(many).as_deref(), Ok(""));
    assert!(render(&"{{ if 1 }}".repeat(100_000)).is_err());
    assert!(render(&format!("{{{{ {}", "(".repeat(100_000))).is_err());
    assert!(render(&format!("{{{{ if 1 }}}}{}", "{{ else if 1 }}".repeat(100_000))).is_err());
}

proptest! {
    #[test]
    fn no_template_makes_it_panic(parts in prop::collection::vec(prop::sample::select(vec![
        "{{", "}}", "{{-", "-}}", " ", "if", "else", "end", "range", "with", "define", "block", "template", "break",
        ".", ".People", "$", "$x", ":=", "=", ",", "|", "(", ")", "\"a\"", "`", "'a'", "1", "1.5", "-", "/*", "*/",
        "len", "index", "printf", "slice", "eq", "nil", "true", "é", "\n", "x", "strings_split",
    ]), 0..24)) {
        let text: String = parts.concat();
        drop(render(&text));
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        drop(render(&format!("{{{{{text}}}}}")));
    }
}
