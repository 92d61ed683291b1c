//! Sets of characters: in brackets, by an escape, by a name.

use super::escape::{self, NOTHING};
use super::{Result, error};

const INVALID: &str = "invalid character class range";
const SURROGATES: std::ops::RangeInclusive<u32> = 0xD800..=0xDFFF;
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Writes the class in brackets that a text begins with, and gives what follows. Within, an opening bracket and two marks in a
/// row mean nothing special, but `[:alpha:]` does.
pub(super) fn brackets<'a>(text: &'a str, out: &mut String) -> Result<&'a str> {
    let mut items = String::new();
    let mut rest = &text[1..];
    let is_negated = rest.starts_with('^');
    rest = rest.strip_prefix('^').unwrap_or(rest);
    let mut is_first = true;
    while is_first || !rest.starts_with(']') {
        is_first = false;
        if let Some((class, after)) = posix(rest)? {
            items.push_str(class);
            rest = after;
        } else if let Some((class, after)) = named(rest)? {
            items.push_str(&class);
            rest = after;
        } else {
            rest = range(rest, text, &mut items)?;
        }
    }
    match (items.is_empty(), is_negated) {
        (true, false) => out.push_str(NOTHING),
        (true, true) => out.push_str("(?s:.)"),
        (false, false) => out.extend(["[", &items, "]"]),
        (false, true) => out.extend(["[^", &items, "]"]),
    }
    Ok(&rest[1..])
}

/// One character, or two with `-` between them.
fn range<'a>(text: &'a str, whole: &str, items: &mut String) -> Result<&'a str> {
    let (low, mut rest) = character(text, whole)?;
    let mut high = low;
    if rest.starts_with('-') && rest.len() > 1 && !rest.starts_with("-]") {
        (high, rest) = character(&rest[1..], whole)?;
        if high < low {
            return error(INVALID, &text[..text.len() - rest.len()]);
        }
    }
    // Halves of surrogate pairs are in no text, and cannot be written.
    let low = if SURROGATES.contains(&low) { SURROGATES.end() + 1 } else { low };
    let high = if SURROGATES.contains(&high) { SURROGATES.start() - 1 } else { high };
    if low <= high {
        escape::point(low, items);
        items.push('-');
        escape::point(high, items);
    }
    Ok(rest)
}

fn character<'a>(text: &'a str, whole: &str) -> Result<(u32, &'a str)> {
    match text.chars().next() {
        Some('\\') => escape::read(text),
        Some(c) => Ok((u32::from(c), &text[c.len_utf8()..])),
        None => error("missing closing ]", whole),
    }
}

/// `[:alpha:]` and its like, which mean ASCII in both syntaxes.
fn posix(text: &str) -> Result<Option<(&str, &str)>> {
    let Some(end) = text.strip_prefix("[:").and_then(|name| name.find(":]")) else { return Ok(None) };
    let (class, rest) = text.split_at(2 + end + 2);
    let name = &class[2..2 + end];
    match POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        true => Ok(Some((class, rest))),
        false => error(INVALID, class),
    }
}

/// The class that an escape stands for, if it is one, as an item of brackets or by itself.
pub(super) fn named(text: &str) -> Result<Option<(String, &str)>> {
    let Some(after) = text.strip_prefix('\\') else { return Ok(None) };
    let class = match after.chars().next() {
        Some('d') => "[0-9]",
        Some('D') => "[^0-9]",
        Some('s') => r"[\t\n\f\r ]",
        Some('S') => r"[^\t\n\f\r ]",
        Some('w') => "[0-9A-Za-z_]",
        Some('W') => "[^0-9A-Za-z_]",
        Some('p' | 'P') => return unicode(text).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((class.to_owned(), &after[1..])))
}

/// `\pL`, `\p{Greek}`, `\P{^Greek}`: categories and scripts, but no other properties.
fn unicode(text: &str) -> Result<(String, &str)> {
    let is_negated = text.starts_with("\\P");
    let after = &text[2..];
    let (name, rest) = match (after.strip_prefix('{'), after.chars().next()) {
        (Some(braced), _) => match braced.split_once('}') {
            Some(parts) => parts,
            None => return error(INVALID, text),
        },
        (None, Some(c)) => after.split_at(c.len_utf8()),
        (None, None) => return error(INVALID, text),
    };
    let (name, is_negated) = match name.strip_prefix('^') {
        Some(name) => (name, !is_negated),
        None => (name, is_negated),
    };
    let is_plain =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_- ".contains(&byte));
    let sign = if is_negated { 'P' } else { 'p' };
    let forms = ["gc", "sc"].map(|property| format!("\\{sign}{{{property}={name}}}"));
    match forms.into_iter().find(|form| is_plain && regex::Regex::new(form).is_ok()) {
        Some(form) => Ok((form, rest)),
        None => error(INVALID, &text[..text.len() - rest.len()]),
    }
}
