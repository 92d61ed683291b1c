//! Patterns of RE2 in the syntax of the `regex` crate, which differ in what is Unicode and in brackets.

/// The same pattern; what is wrong stays as it is, to be told by the compiler.
pub(super) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(rest, Place::Outside, &mut out),
            '[' => {
                out.push('[');
                rest = class(rest, &mut out);
            }
            c => out.push(c),
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Class,
}

/// What follows a backslash. Classes of letters, digits and spaces are those of ASCII.
fn escape<'a>(text: &'a str, place: Place, out: &mut String) -> &'a str {
    let Some(c) = text.chars().next() else {
        out.push('\\');
        return text;
    };
    let rest = &text[c.len_utf8()..];
    if c == 'Q' && place == Place::Outside {
        let (literal, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
        out.push_str(&regex::escape(literal));
        return rest;
    }
    let replaced = match (c, place) {
        ('d', Place::Outside) => "[0-9]",
        ('w', Place::Outside) => "[0-9A-Za-z_]",
        ('s', Place::Outside) => r"[\t\n\f\r ]",
        ('d', Place::Class) => "0-9",
        ('w', Place::Class) => "0-9A-Za-z_",
        ('s', Place::Class) => r"\t\n\f\r ",
        ('D', _) => "[^0-9]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('S', _) => r"[^\t\n\f\r ]",
        ('b', Place::Outside) => r"(?-u:\b)",
        ('B', Place::Outside) => r"(?-u:\B)",
        (c, _) => {
            out.extend(['\\', c]);
            return rest;
        }
    };
    out.push_str(replaced);
    rest
}

/// Up to its closing bracket. Within, an opening one and two marks in a row mean nothing special, but `[:alpha:]` does.
fn class<'a>(text: &'a str, out: &mut String) -> &'a str {
    let mut rest = text;
    for first in ["^", "]"] {
        if let Some(after) = rest.strip_prefix(first) {
            out.push_str(if first == "]" { "\\]" } else { first });
            rest = after;
        }
    }
    while let Some(c) = rest.chars().next() {
        let named = rest.starts_with("[:").then(|| rest.find(":]")).flatten();
        if let Some(end) = named {
            out.push_str(&rest[..end + 2]);
            rest = &rest[end + 2..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            ']' => {
                out.push(']');
                return rest;
            }
            '\\' => rest = escape(rest, Place::Class, out),
            '[' | '&' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::super::compile;

    #[test]
    fn patterns_mean_what_they_mean_in_re2() {
        for (pattern, text, expected) in [
            (r"^\d$", "٣", false),
            (r"^\w$", "é", false),
            (r"^[\d\s]+$", "1 2", true),
            (r"^[^\d]$", "1", false),
            (r"^[\W]$", "é", true),
            (r"\bfoo\b", "a foo b", true),
            (r"a\Bb", "ab", true),
            (r"\Qa.b\E+", "a.bbb", true),
            (r"\Qa.b\E", "axb", false),
            ("^[[a]$", "[", true),
            ("^[]a]$", "]", true),
            ("^[^]a]$", "]", false),
            ("^[a&&b]$", "&", true),
            ("^[[:alpha:]_]+$", "ab_", true),
            (r"^\pL$", "é", true),
            ("(?i)É", "é", true),
            ("^(?P<x>a)|b$", "b", true),
        ] {
            let compiled = compile(pattern).unwrap();
            assert_eq!(compiled.is_match(text), expected, "{pattern} {text}");
        }
        for pattern in ["(", "[a", r"\1", "(?=a)", "\\", "[\\"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
