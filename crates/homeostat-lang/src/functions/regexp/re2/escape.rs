//! Escapes that stand for one character.

use std::fmt::Write;

use super::{Result, error};

/// The character of the escape that a text begins with, and what follows.
pub(super) fn read(text: &str) -> Result<(u32, &str)> {
    let after = &text[1..];
    let Some(c) = after.chars().next() else { return error("trailing backslash at end of expression", "") };
    let rest = &after[c.len_utf8()..];
    let code = match c {
        '0' => return Ok(octal(after, 3)),
        // One digit alone would refer to a group, which RE2 cannot.
        '1'..='7' if rest.starts_with(|next: char| ('0'..='7').contains(&next)) => {
            return Ok(octal(after, 3));
        }
        'x' => return hexadecimal(text, rest),
        'a' => 0x07,
        'f' => 0x0c,
        'n' => u32::from('\n'),
        'r' => u32::from('\r'),
        't' => u32::from('\t'),
        'v' => 0x0b,
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
        _ => return invalid(text, rest),
    };
    Ok((code, rest))
}

/// Writes a character so that it means itself, in brackets too. A half of a surrogate pair is in no text.
pub(super) fn write(code: u32, out: &mut String) {
    match char::from_u32(code) {
        Some(c) if c.is_alphanumeric() => out.push(c),
        Some(_) => point(code, out),
        None => out.push_str(NOTHING),
    }
}

/// A class without any character.
pub(super) const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";

/// Writes a character by its number.
pub(super) fn point(code: u32, out: &mut String) {
    // Writing to a text does not fail.
    write!(out, "\\x{{{code:X}}}").ok();
}

fn octal(digits: &str, digits_max: usize) -> (u32, &str) {
    let is_digit = |byte: &u8| (b'0'..=b'7').contains(byte);
    let count = digits.bytes().take(digits_max).take_while(is_digit).count();
    let (digits, rest) = digits.split_at(count);
    (digits.bytes().fold(0, |code, byte| code * 8 + u32::from(byte - b'0')), rest)
}

/// Two digits, or any number of them in braces.
fn hexadecimal<'a>(text: &'a str, digits: &'a str) -> Result<(u32, &'a str)> {
    let Some(braced) = digits.strip_prefix('{') else {
        let mut chars = digits.chars();
        let two = chars.next().and_then(|c| c.to_digit(16)).zip(chars.next().and_then(|c| c.to_digit(16)));
        return match two {
            Some((high, low)) => Ok((high * 16 + low, chars.as_str())),
            None => invalid(text, chars.as_str()),
        };
    };
    let mut code = None;
    let mut rest = braced;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (c, c.to_digit(16)) {
            ('}', _) => break,
            (_, Some(digit)) => code = Some(code.unwrap_or(0) * 16 + digit),
            (_, None) => return invalid(text, rest),
        }
        if code > Some(u32::from(char::MAX)) {
            return invalid(text, rest);
        }
    }
    match code {
        Some(code) if digits[..digits.len() - rest.len()].ends_with('}') => Ok((code, rest)),
        _ => invalid(text, rest),
    }
}

fn invalid<T>(text: &str, rest: &str) -> Result<T> {
    error("invalid escape sequence", &text[..text.len() - rest.len()])
}
