//! What stands in a string: text with escapes, and expressions between `${` and `}`.

use std::ops::Range;

/// A part of a string. Ranges are in bytes of the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Text with its escapes resolved.
    Text(String),
    /// A name in `${name}`.
    Variable(Range<usize>),
    /// Anything else in `${…}`.
    Expr(Range<usize>),
}

/// What is wrong with a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A backslash and what follows it.
    UnknownEscape(Range<usize>),
    /// A `${` without its `}`.
    Unfinished(Range<usize>),
    /// `${}`
    Empty(Range<usize>),
}

/// Takes the content of a string apart. Adjacent text is one part; a string without content has no parts.
pub(crate) fn split(content: &str) -> (Vec<Part>, Vec<Problem>) {
    let mut parts = Vec::new();
    let mut problems = Vec::new();
    let mut text = String::new();
    let mut rest = 0;
    while let Some(special) = content[rest..].find(['\\', '$']).map(|at| rest + at) {
        text.push_str(&content[rest..special]);
        if content.as_bytes()[special] == b'\\' {
            let escaped = content[special + 1..].chars().next();
            rest = special + 1 + escaped.map_or(0, char::len_utf8);
            match escaped.and_then(escape) {
                Some(meant) => text.push(meant),
                None => problems.push(Problem::UnknownEscape(special..rest)),
            }
            continue;
        }
        if !content[special + 1..].starts_with('{') {
            text.push('$');
            rest = special + 1;
            continue;
        }
        let inner = special + 2;
        let Some(end) = end_of_expr(&content[inner..]).map(|at| inner + at) else {
            // What would come after it cannot be told from it.
            problems.push(Problem::Unfinished(special..inner));
            rest = content.len();
            break;
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        let written = &content[inner..end];
        if written.trim().is_empty() {
            problems.push(Problem::Empty(special..end + 1));
        } else if is_variable(written) {
            parts.push(Part::Variable(inner..end));
        } else {
            parts.push(Part::Expr(inner..end));
        }
        rest = end + 1;
    }
    text.push_str(&content[rest..]);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    (parts, problems)
}

/// What a character after a backslash means.
fn escape(escaped: char) -> Option<char> {
    Some(match escaped {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '"' | '$' => escaped,
        _ => return None,
    })
}

/// Where the brace is that closes an interpolation. Strings in it stand between `\"`, and braces in them do not count.
fn end_of_expr(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut in_string = false;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some((_, b'"')) => in_string = !in_string,
                Some(_) => {}
                None => return None,
            },
            b'{' if !in_string => depth += 1,
            b'}' if !in_string && depth == 0 => return Some(at),
            b'}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The text of an expression as it would stand outside of a string, of the same length: `\"` becomes a quote with a space on
/// its outer side.
pub(crate) fn unquoted(expr: &str) -> String {
    let mut out = String::with_capacity(expr.len());
    let mut in_string = false;
    let mut chars = expr.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('"') => {
                out.push_str(if in_string { "\" " } else { " \"" });
                in_string = !in_string;
            }
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// Whether it is a name, perhaps with dots, and nothing else.
fn is_variable(text: &str) -> bool {
    let mut bytes = text.bytes().peekable();
    if !bytes.next().is_some_and(|first| first.is_ascii_lowercase()) {
        return false;
    }
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    while let Some(byte) = bytes.next() {
        let is_right = is_word(byte) || (byte == b'.' && bytes.next().is_some_and(is_word));
        if !is_right {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_names_alternate_and_escapes_are_resolved() {
        let (parts, problems) = split("hi ${who}\\t\\$5 $x {y}");
        assert_eq!(problems, []);
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(parts, [text("hi "), Part::Variable(5..8), text("\t$5 $x {y}")]);
    }

    #[test]
    fn braces_within_an_expression_do_not_end_it() {
        let (parts, _) = split("${f({\\\"}\\\" => 1}) + 1}!");
        assert_eq!(parts[0], Part::Expr(2..21));
    }

    #[test]
    fn a_name_with_dots_is_a_variable_and_a_sum_is_not() {
        for (text, is) in
            [("a.b.c", true), ("a_", true), ("a..b", false), ("a.", false), ("A", false), ("a b", false)]
        {
            assert_eq!(is_variable(text), is, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_found_everywhere_in_a_string() {
        let (_, problems) = split("\\j ${} ${x");
        assert_eq!(problems, [Problem::UnknownEscape(0..2), Problem::Empty(3..6), Problem::Unfinished(7..9)]);
    }

    #[test]
    fn quotes_of_an_expression_keep_their_places() {
        assert_eq!(unquoted("f(\\\"a\\n\\\", 1)"), "f( \"a\\n\" , 1)");
    }
}
