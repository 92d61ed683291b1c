//! `golang/strings`: functions of text. Positions are bytes; letters change their case one by one.

use std::cmp::Ordering;

use crate::functions::args::Args;
use crate::functions::bounds;
use crate::functions::declaration::{Function, gives};
use crate::functions::error::{Error, Result};
use crate::value::Value;

macro_rules! text {
    ($name:literal, $doc:literal, $call:literal => $result:literal, $body:expr) => {
        Function::pure(
            concat!("golang/strings.", $name),
            &["func(s str) str"],
            $doc,
            &[gives(concat!("strings.", $name, "(", $call, ")"), $result)],
            |args| Ok(Value::from($body(args.str(0)?))),
        )
    };
}

macro_rules! two {
    ($name:literal, $signature:literal, $doc:literal, $call:literal => $result:literal, $body:expr) => {
        Function::pure(
            concat!("golang/strings.", $name),
            &[$signature],
            $doc,
            &[gives(concat!("strings.", $name, "(", $call, ")"), $result)],
            |args| Ok(Value::from($body(args.str(0)?, args.str(1)?))),
        )
    };
}

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    text!("clone", "The same text.", "\"a\"" => "\"a\"", |s: &str| s.to_owned()),
    text!("title", "The first letter of each word capital.", "\"her royal\"" => "\"Her Royal\"", title),
    text!("to_lower", "All letters small.", "\"ÄB\"" => "\"äb\"", lower),
    text!("to_title", "All letters capital, as in titles.", "\"äb\"" => "\"ÄB\"", all_title),
    text!("to_upper", "All letters capital.", "\"äb\"" => "\"ÄB\"", upper),
    text!("trim_space", "Without space at both ends.", "\" a b\\n\"" => "\"a b\"", str::trim),
    two!("compare", "func(a str, b str) int", "-1, 0 or 1: how the first stands to the second.", "\"a\", \"b\"" => "-1", compare),
    two!("count", "func(s str, substr str) int", "How often the second is in the first.", "\"cheese\", \"e\"" => "3", count),
    two!("index", "func(s str, substr str) int", "Where the second is first; -1 if nowhere.", "\"chicken\", \"ken\"" => "4", |s: &str, t| position(s.find(t))),
    two!("index_any", "func(s str, chars str) int", "Where one of the characters is first; -1 if nowhere.", "\"golang\", \"gy\"" => "0", |s: &str, t| position(s.find(any_of(t)))),
    two!("last_index", "func(s str, substr str) int", "Where the second is last; -1 if nowhere.", "\"go gopher\", \"go\"" => "3", |s: &str, t| position(s.rfind(t))),
    two!("last_index_any", "func(s str, chars str) int", "Where one of the characters is last; -1 if nowhere.", "\"golang\", \"go\"" => "5", |s: &str, t| position(s.rfind(any_of(t)))),
    two!("contains", "func(s str, substr str) bool", "Whether the second is in the first.", "\"seafood\", \"foo\"" => "true", |s: &str, t| s.contains(t)),
    two!("contains_any", "func(s str, chars str) bool", "Whether one of the characters is in the text.", "\"fail\", \"ui\"" => "true", |s: &str, t| s.contains(any_of(t))),
    two!("equal_fold", "func(s str, t str) bool", "Whether both are equal but for the case of letters.", "\"Go\", \"GO\"" => "true", equal_fold),
    two!("has_prefix", "func(s str, prefix str) bool", "Whether the first begins with the second.", "\"golang\", \"go\"" => "true", |s: &str, t| s.starts_with(t)),
    two!("has_suffix", "func(s str, suffix str) bool", "Whether the first ends with the second.", "\"amigo\", \"go\"" => "true", |s: &str, t| s.ends_with(t)),
    two!("trim", "func(s str, cutset str) str", "Without these characters at both ends.", "\"xyaxy\", \"yx\"" => "\"a\"", |s: &str, t| s.trim_matches(any_of(t)).to_owned()),
    two!("trim_left", "func(s str, cutset str) str", "Without these characters at the beginning.", "\"xyaxy\", \"yx\"" => "\"axy\"", |s: &str, t| s.trim_start_matches(any_of(t)).to_owned()),
    two!("trim_prefix", "func(s str, prefix str) str", "Without that beginning, once.", "\"aab\", \"a\"" => "\"ab\"", |s: &str, t| s.strip_prefix(t).unwrap_or(s).to_owned()),
    two!("trim_right", "func(s str, cutset str) str", "Without these characters at the end.", "\"xyaxy\", \"yx\"" => "\"xya\"", |s: &str, t| s.trim_end_matches(any_of(t)).to_owned()),
    two!("trim_suffix", "func(s str, suffix str) str", "Without that end, once.", "\"abb\", \"b\"" => "\"ab\"", |s: &str, t| s.strip_suffix(t).unwrap_or(s).to_owned()),
    Function::pure(
        "golang/strings.join",
        &["func(elems []str, sep str) str"],
        "All items with a separator between them.",
        &[gives("strings.join([\"a\", \"\", \"b\"], \"-\")", "\"a--b\"")],
        |args| {
            let (parts, separator) = (args.strings(0)?, args.str(1)?);
            bounds::text(bounds::joined(&parts, separator))?;
            Ok(Value::from(parts.join(separator)))
        },
    ),
    Function::pure(
        "golang/strings.repeat",
        &["func(s str, count int) str"],
        "The text that many times.",
        &[
            gives("strings.repeat(\"na\", 2)", "\"nana\""),
            gives("strings.repeat(\"a\", -1)", "error: negative repeat count"),
        ],
        |args| {
            let (text, count) = (args.str(0)?, args.int(1)?);
            let count = usize::try_from(count).map_err(|_| Error::permanent("negative repeat count"))?;
            bounds::text(text.len().checked_mul(count))?;
            Ok(Value::from(text.repeat(count)))
        },
    ),
    Function::pure(
        "golang/strings.replace",
        &["func(s str, old str, new str, n int) str"],
        "With `new` for the first `n` places where `old` is; for all of them if `n` is negative.",
        &[gives("strings.replace(\"oink oink\", \"k\", \"ky\", 1)", "\"oinky oink\"")],
        |args| {
            let (text, old, new) = three(args)?;
            let count = usize::try_from(args.int(3)?);
            let times = text.matches(old).take(count.unwrap_or(usize::MAX)).count();
            bounds::text(bounds::replaced(text, old, new, times))?;
            Ok(Value::from(match count {
                Ok(count) => text.replacen(old, new, count),
                Err(_) => text.replace(old, new),
            }))
        },
    ),
    Function::pure(
        "golang/strings.replace_all",
        &["func(s str, old str, new str) str"],
        "With `new` wherever `old` is.",
        &[gives("strings.replace_all(\"ab\", \"\", \"-\")", "\"-a-b-\"")],
        |args| {
            let (text, old, new) = three(args)?;
            bounds::text(bounds::replaced(text, old, new, text.matches(old).count()))?;
            Ok(Value::from(text.replace(old, new)))
        },
    ),
    Function::pure(
        "golang/strings.to_valid_utf_8",
        &["func(s str, replacement str) str"],
        "The same text: here, all text is valid.",
        &[gives("strings.to_valid_utf_8(\"a\", \"?\")", "\"a\"")],
        |args| Ok(Value::from(args.text(0)?.clone())),
    ),
];

fn three(args: Args<'_>) -> Result<(&str, &str, &str)> {
    Ok((args.str(0)?, args.str(1)?, args.str(2)?))
}

fn any_of(chars: &str) -> impl Fn(char) -> bool + Copy + '_ {
    move |c| chars.contains(c)
}

/// The one letter that others become, where it is one: `ß` stays.
fn one(mut mapped: impl Iterator<Item = char>, c: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(other), None) => other,
        _ => c,
    }
}

fn upper_letter(c: char) -> char {
    // Letters with an iota below become two where they may, and have one besides.
    let distance = match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        c => return one(c.to_uppercase(), c),
    };
    char::from_u32(u32::from(c) + distance).unwrap_or(c)
}

fn lower_letter(c: char) -> char {
    // It would become two, the second of which is the dot.
    if c == 'İ' { 'i' } else { one(c.to_lowercase(), c) }
}

/// As a capital letter before small ones.
fn title_letter(c: char) -> char {
    match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        // Georgian is written without.
        'ა'..='ჺ' | 'ჽ'..='ჿ' => c,
        c => upper_letter(c),
    }
}

pub(in crate::functions) fn upper(text: &str) -> String {
    text.chars().map(upper_letter).collect()
}

pub(in crate::functions) fn lower(text: &str) -> String {
    text.chars().map(lower_letter).collect()
}

fn all_title(text: &str) -> String {
    text.chars().map(title_letter).collect()
}

fn equal_fold(a: &str, b: &str) -> bool {
    // The letters of Turkish differ by more than their case.
    let fold = |c: char| match c {
        'İ' | 'ı' => c,
        c => lower_letter(upper_letter(c)),
    };
    a.chars().map(fold).eq(b.chars().map(fold))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn title(text: &str) -> String {
    let mut previous = ' ';
    let titled = text.chars().map(|c| {
        let is_between = if previous.is_ascii() { !is_word(previous) } else { previous.is_whitespace() };
        previous = c;
        if is_between { title_letter(c) } else { c }
    });
    titled.collect()
}

fn compare(a: &str, b: &str) -> i64 {
    match a.cmp(b) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

fn count(text: &str, part: &str) -> i64 {
    text.matches(part).count() as i64
}

fn position(found: Option<usize>) -> i64 {
    found.map_or(-1, |at| at as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_change_their_case_one_by_one() {
        for (text, lowered, uppered, titled) in [
            ("İ", "i", "İ", "İ"),
            ("ß", "ß", "ß", "ß"),
            ("ẞ", "ß", "ẞ", "ẞ"),
            ("ΌΣΟΣ", "όσοσ", "ΌΣΟΣ", "ΌΣΟΣ"),
            ("ς", "ς", "Σ", "Σ"),
            ("ŉǰΐ", "ŉǰΐ", "ŉǰΐ", "ŉǰΐ"),
            ("ﬁ", "ﬁ", "ﬁ", "ﬁ"),
            ("ᾀᾗᾠᾳῃῳ", "ᾀᾗᾠᾳῃῳ", "ᾈᾟᾨᾼῌῼ", "ᾈᾟᾨᾼῌῼ"),
            ("ᾈᾼ", "ᾀᾳ", "ᾈᾼ", "ᾈᾼ"),
            ("ǆ", "ǆ", "Ǆ", "ǅ"),
            ("ǅ", "ǆ", "Ǆ", "ǅ"),
            ("Ǌ", "ǌ", "Ǌ", "ǋ"),
            ("ǳ", "ǳ", "Ǳ", "ǲ"),
            ("ა", "ა", "Ა", "ა"),
            ("ıſ", "ıſ", "IS", "IS"),
        ] {
            assert_eq!(lower(text), lowered, "lower {text}");
            assert_eq!(upper(text), uppered, "upper {text}");
            assert_eq!(all_title(text), titled, "title {text}");
        }
        assert_eq!(title("ǆa ǆb"), "ǅa ǅb");
    }

    #[test]
    fn texts_are_equal_but_for_case_where_letters_fold_into_each_other() {
        for (a, b, expected) in [
            ("Go", "GO", true),
            ("ſ", "S", true),
            ("K", "k", true),
            ("ß", "ẞ", true),
            ("σ", "ς", true),
            ("ı", "I", false),
            ("İ", "i", false),
            ("ss", "ß", false),
        ] {
            assert_eq!(equal_fold(a, b), expected, "{a} {b}");
        }
    }
}
