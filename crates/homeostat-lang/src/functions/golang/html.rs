//! `golang/html`: entities.

use crate::functions::declaration::{Function, gives};
use crate::value::Value;

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "golang/html.escape_string",
        &["func(s str) str"],
        "With entities for `<`, `>`, `&` and quotes.",
        &[gives("html.escape_string(\"<a href='x'>\")", "\"&lt;a href=&#39;x&#39;&gt;\"")],
        |args| Ok(Value::from(escape(args.str(0)?))),
    ),
    Function::pure(
        "golang/html.unescape_string",
        &["func(s str) str"],
        "With the characters that the entities mean.",
        &[gives("html.unescape_string(\"&lt;&eacute;&#233;&gt;\")", "\"<éé>\"")],
        |args| Ok(Value::from(html_escape::decode_html_entities(args.str(0)?).into_owned())),
    ),
];

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}
