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
        |args| Ok(Value::from(unescape(args.str(0)?))),
    ),
];

/// The names that end without a semicolon too, as old pages write them; sorted.
const WITHOUT_SEMICOLON: [&str; 106] = [
    "AElig", "AMP", "Aacute", "Acirc", "Agrave", "Aring", "Atilde", "Auml", "COPY", "Ccedil", "ETH",
    "Eacute", "Ecirc", "Egrave", "Euml", "GT", "Iacute", "Icirc", "Igrave", "Iuml", "LT", "Ntilde", "Oacute",
    "Ocirc", "Ograve", "Oslash", "Otilde", "Ouml", "QUOT", "REG", "THORN", "Uacute", "Ucirc", "Ugrave",
    "Uuml", "Yacute", "aacute", "acirc", "acute", "aelig", "agrave", "amp", "aring", "atilde", "auml",
    "brvbar", "ccedil", "cedil", "cent", "copy", "curren", "deg", "divide", "eacute", "ecirc", "egrave",
    "eth", "euml", "frac12", "frac14", "frac34", "gt", "iacute", "icirc", "iexcl", "igrave", "iquest",
    "iuml", "laquo", "lt", "macr", "micro", "middot", "nbsp", "not", "ntilde", "oacute", "ocirc", "ograve",
    "ordf", "ordm", "oslash", "otilde", "ouml", "para", "plusmn", "pound", "quot", "raquo", "reg", "sect",
    "shy", "sup1", "sup2", "sup3", "szlig", "thorn", "times", "uacute", "ucirc", "ugrave", "uml", "uuml",
    "yacute", "yen", "yuml",
];

/// The names that mean two characters, by the second; the table of all names has the first only.
const SECOND: [(char, &str); 8] = [
    (
        '\u{338}',
        "NotEqualTilde NotGreaterFullEqual NotGreaterGreater NotGreaterSlantEqual NotHumpDownHump NotHumpEqual \
         NotLeftTriangleBar NotLessLess NotLessSlantEqual NotNestedGreaterGreater NotNestedLessLess \
         NotPrecedesEqual NotRightTriangleBar NotSquareSubset NotSquareSuperset NotSucceedsEqual NotSucceedsTilde \
         nGg nGtv nLl nLtv napE napid nbump nbumpe ncongdot nedot nesim ngE ngeqq ngeqslant nges nlE nleqq \
         nleqslant nles notinE notindot npart npre npreceq nrarrc nrarrw nsce nsubE nsubseteqq nsucceq nsupE \
         nsupseteqq",
    ),
    (
        '\u{fe00}',
        "caps cups gesl gvertneqq gvnE lates lesg lvertneqq lvnE smtes sqcaps sqcups varsubsetneq varsubsetneqq \
         varsupsetneq varsupsetneqq vsubnE vsubne vsupnE vsupne",
    ),
    (
        '\u{20d2}',
        "NotSubset NotSuperset nGt nLt nang nsubset nsupset nvap nvge nvgt nvle nvlt nvltrie nvrtrie nvsim vnsub \
         vnsup",
    ),
    ('\u{20e5}', "bne bnequiv nparsl"),
    ('\u{333}', "acE"),
    ('j', "fjlig"),
    ('\u{331}', "race"),
    ('\u{200a}', "ThickSpace"),
];

/// What numbers from 0x80 on mean, which old pages took from Windows-1252.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        out.push_str(before);
        let read = match entity.strip_prefix("&#") {
            Some(number) => numbered(number, &mut out),
            None => named(&entity[1..], &mut out),
        };
        rest = read.unwrap_or_else(|| {
            out.push('&');
            &entity[1..]
        });
    }
    out.push_str(rest);
    out
}

/// Writes the character that a number stands for, and gives what follows.
fn numbered<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let (digits, radix) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() {
        return None;
    }
    // What is too large for a number is no character either.
    let code = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
    out.push(match code {
        0 => char::REPLACEMENT_CHARACTER,
        0x80..0xA0 => WINDOWS[code as usize - 0x80],
        code => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
    });
    Some(rest.strip_prefix(';').unwrap_or(rest))
}

/// The same for a name. Without a semicolon, the longest name counts that the text begins with.
fn named<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    if let Some(rest) = after.strip_prefix(';')
        && write_meaning(name, out).is_some()
    {
        return Some(rest);
    }
    let is_known = |end: &usize| WITHOUT_SEMICOLON.binary_search(&&name[..*end]).is_ok();
    let end = (2..=name.len().min(6)).rev().find(is_known)?;
    write_meaning(&name[..end], out)?;
    Some(&text[end..])
}

/// Writes what a name means, if it means something.
fn write_meaning(name: &str, out: &mut String) -> Option<()> {
    let at = html_escape::NAMED_ENTITIES.binary_search_by_key(&name.as_bytes(), |(known, _)| *known).ok()?;
    out.push_str(html_escape::NAMED_ENTITIES[at].1);
    let second = SECOND.iter().find(|(_, names)| names.split(' ').any(|known| known == name));
    out.extend(second.map(|(second, _)| *second));
    Some(())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_read_as_html_5_and_go_do() {
        for (text, expected) in [
            ("&amp;&AMP;&amp &amp", "&&& &"),
            ("&copy2024 &notit; &notin;", "©2024 ¬it; ∉"),
            ("&nbsp;&frac12x", "\u{a0}½x"),
            ("&alpha &alpha;", "&alpha α"),
            ("&NotEqualTilde;&caps;&fjlig;&Escr;", "≂\u{338}∩\u{fe00}fjℰ"),
            ("&nosuch; & &; &", "&nosuch; & &; &"),
            ("&#65&#x42;&#X43 &#0068;", "ABC D"),
            (
                "&#128;&#x9f;&#0;&#xD800;&#x110000;&#99999999999999999999;",
                "€Ÿ\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("&#; &#x &#xg;", "&#; &#x &#xg;"),
            ("&ampamp; &amp;lt;", "&amp; &lt;"),
            ("&eacut &eacutee", "&eacut ée"),
        ] {
            assert_eq!(unescape(text), expected, "{text}");
        }
    }
}
