//! Text in quotes as Go writes it.

use std::fmt::Write;

/// Which characters stand as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Those that can be seen, and the space.
    Printable,
    /// Those of ASCII that can be seen, and the space.
    Ascii,
    /// Those that can be seen, and every kind of space.
    Graphic,
}

/// In double quotes, with escapes for what cannot be seen.
pub(crate) fn quote(text: &str) -> String {
    quote_as(text, '"', Shown::Printable)
}

pub(crate) fn quote_as(text: &str, mark: char, shown: Shown) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for c in text.chars() {
        push_escaped(&mut out, c, mark, shown);
    }
    out.push(mark);
    out
}

fn push_escaped(out: &mut String, c: char, mark: char, shown: Shown) {
    if c == mark || c == '\\' {
        out.push('\\');
        out.push(c);
        return;
    }
    if is_shown(c, shown) {
        out.push(c);
        return;
    }
    if let Some(letter) = letter_of(c) {
        out.push('\\');
        out.push(letter);
        return;
    }
    let code = u32::from(c);
    let written = match code {
        0..0x20 | 0x7f => write!(out, "\\x{code:02x}"),
        ..0x1_0000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    written.expect("writing to a text does not fail");
}

const LETTERS: [(char, char); 7] =
    [('\x07', 'a'), ('\x08', 'b'), ('\x0c', 'f'), ('\n', 'n'), ('\r', 'r'), ('\t', 't'), ('\x0b', 'v')];

fn letter_of(c: char) -> Option<char> {
    LETTERS.iter().find(|(control, _)| *control == c).map(|(_, letter)| *letter)
}

fn is_shown(c: char, shown: Shown) -> bool {
    if c.is_ascii() || shown == Shown::Ascii {
        return (' '..='~').contains(&c);
    }
    let is_space =
        matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}');
    is_printable(c) || (shown == Shown::Graphic && is_space)
}

/// A mark that belongs to the letter before it can be seen, so a letter is put there.
fn is_printable(c: char) -> bool {
    let mut buffer = [b'a'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let text = std::str::from_utf8(&buffer[..=length]);
    text.is_ok_and(|text| text.escape_debug().count() == 2)
}

/// Whether it can stand between backquotes as it is.
pub(crate) fn can_backquote(text: &str) -> bool {
    text.chars().all(|c| c == '\t' || (c >= ' ' && c != '`' && c != '\x7f' && c != '\u{feff}'))
}

/// The text that a Go literal means: in double quotes, backquotes, or one character in single quotes. `None` if it is none.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    let mark = literal.chars().next()?;
    if quoted_prefix(literal)? != literal {
        return None;
    }
    let inner = &literal[1..literal.len() - 1];
    if mark == '`' {
        return Some(inner.replace('\r', ""));
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    let mut count = 0;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        count += 1;
        if c == '\\' {
            rest = unescape(rest, mark, &mut bytes)?;
        } else {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
        }
    }
    if mark == '\'' && count != 1 {
        return None;
    }
    String::from_utf8(bytes).ok()
}

/// Reads what follows a backslash; gives what follows that.
fn unescape<'a>(text: &'a str, mark: char, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let c = text.chars().next()?;
    let rest = &text[c.len_utf8()..];
    if let Some((control, _)) = LETTERS.iter().find(|(_, letter)| *letter == c) {
        bytes.push(*control as u8);
        return Some(rest);
    }
    let (digits, base, source) = match c {
        'x' => (2, 16, rest),
        'u' => (4, 16, rest),
        'U' => (8, 16, rest),
        '0'..='7' => (3, 8, text),
        '\\' => {
            bytes.push(b'\\');
            return Some(rest);
        }
        _ if c == mark => {
            bytes.push(c as u8);
            return Some(rest);
        }
        _ => return None,
    };
    let (code, rest) = (source.get(..digits)?, source.get(digits..)?);
    let is_number = code.chars().all(|digit| digit.is_digit(base));
    let code = u32::from_str_radix(code, base).ok().filter(|_| is_number)?;
    match c {
        'u' | 'U' => bytes.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).bytes()),
        _ => bytes.push(u8::try_from(code).ok()?),
    }
    Some(rest)
}

/// The literal that the text begins with, with its quotes.
pub(crate) fn quoted_prefix(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|c| "\"'`".contains(*c))?;
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if mark != '`' => is_escaped = true,
            '\n' if mark != '`' => return None,
            _ if c == mark => return Some(&text[..=at]),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(text in any::<String>()) {
            for shown in [Shown::Printable, Shown::Ascii, Shown::Graphic] {
                for mark in ['"', '\''] {
                    let quoted = quote_as(&text, mark, shown);
                    prop_assert_eq!(quoted_prefix(&quoted), Some(quoted.as_str()));
                    if mark == '"' {
                        prop_assert_eq!(unquote(&quoted), Some(text.clone()));
                    }
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\"'`\\\\xuU0-9a-fé\n]{0,12}") {
            unquote(&text);
            quoted_prefix(&text);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(
            quote("a\"\\\n\x01\x7f\u{a0}é\u{301}\u{200b}\u{1f600}\u{e0001}"),
            "\"a\\\"\\\\\\n\\x01\\x7f\\u00a0é\u{301}\\u200b😀\\U000e0001\""
        );
        assert_eq!(quote_as("é😀", '"', Shown::Ascii), "\"\\u00e9\\U0001f600\"");
        assert_eq!(quote_as("\u{a0}", '"', Shown::Graphic), "\"\u{a0}\"");
    }

    #[test]
    fn literals_of_go_are_read() {
        for (literal, text) in [
            (r#""\x41\101\u00e9\xc3\xa9""#, Some("AAéé")),
            ("`a\\n\"`", Some("a\\n\"")),
            ("'x'", Some("x")),
            ("'xy'", None),
            (r#""\xff""#, None),
            (r#""\'""#, None),
            (r#""a"b"#, None),
            (r#"""#, None),
            (r#""\u12""#, None),
            (r#""\ud800""#, None),
            ("\"a\n\"", None),
        ] {
            assert_eq!(unquote(literal).as_deref(), text, "{literal}");
        }
    }
}
