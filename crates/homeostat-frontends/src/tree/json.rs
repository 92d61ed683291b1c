//! JSON to a tree. A reader of our own, because places matter and `serde_json` values have none; it is strict.

use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, Stage, codes};

use super::Tree;
use super::builder::{Builder, Collection, PLAIN_DRESS, Stop, Style};
use crate::findings::Findings;

/// The tree, unless the text is no JSON or breaks a bound; the findings then say why.
pub(crate) fn parse(source: SourceId, text: &Arc<str>, findings: &mut Findings) -> Option<Tree> {
    let builder = Builder::new(source, text.clone(), findings);
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut reader = Reader { builder, text: text.clone(), at: start, scratch: String::new() };
    match reader.document() {
        Ok(()) => Some(reader.builder.tree),
        Err(Stop) => None,
    }
}

struct Reader<'f> {
    builder: Builder<'f>,
    text: Arc<str>,
    at: usize,
    scratch: String,
}

impl Reader<'_> {
    /// One value; nesting lives in the builder's stack, not in ours.
    fn document(&mut self) -> Result<(), Stop> {
        loop {
            // A value is due here.
            let opened = self.value()?;
            if opened && !self.at_empty_end() {
                self.key_if_mapping()?;
                continue;
            }
            if !self.another_value_is_due()? {
                break;
            }
        }
        self.space();
        if self.at < self.text.len() {
            return self.unexpected("the end of the text");
        }
        Ok(())
    }

    /// After a value: closes what ends, and says whether another value is due.
    fn another_value_is_due(&mut self) -> Result<bool, Stop> {
        while let Some(innermost) = self.builder.innermost() {
            self.space();
            match (self.byte(), innermost) {
                (Some(b','), _) => {
                    self.at += 1;
                    self.key_if_mapping()?;
                    return Ok(true);
                }
                (Some(b'}'), Collection::Mapping) | (Some(b']'), Collection::Sequence) => {
                    self.at += 1;
                    self.builder.close(Some(self.at));
                }
                (_, Collection::Mapping) => return self.unexpected("`,` or `}`").map(|()| false),
                (_, Collection::Sequence) => return self.unexpected("`,` or `]`").map(|()| false),
            }
        }
        Ok(false)
    }

    /// Reads a value; true when it is a collection that was opened.
    fn value(&mut self) -> Result<bool, Stop> {
        self.space();
        let start = self.at;
        match self.byte() {
            Some(b'{') => {
                self.at += 1;
                self.builder.open(Collection::Mapping, PLAIN_DRESS, start)?;
                Ok(true)
            }
            Some(b'[') => {
                self.at += 1;
                self.builder.open(Collection::Sequence, PLAIN_DRESS, start)?;
                Ok(true)
            }
            Some(b'"') => self.string().map(|()| false),
            _ => self.word().map(|()| false),
        }
    }

    /// Whether the collection just opened ends at once. The bracket stays for [`Self::another_value_is_due`].
    fn at_empty_end(&mut self) -> bool {
        self.space();
        matches!(
            (self.byte(), self.builder.innermost()),
            (Some(b'}'), Some(Collection::Mapping)) | (Some(b']'), Some(Collection::Sequence))
        )
    }

    fn key_if_mapping(&mut self) -> Result<(), Stop> {
        if self.builder.innermost() != Some(Collection::Mapping) {
            return Ok(());
        }
        self.space();
        if self.byte() != Some(b'"') {
            return self.unexpected("a key in double quotes");
        }
        self.string()?;
        self.space();
        if self.byte() != Some(b':') {
            return self.unexpected("`:`");
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self) -> Result<(), Stop> {
        let start = self.at;
        let text = self.text.clone();
        let length = text[start..]
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))
            .count();
        let word = &text[start..start + length];
        if !(matches!(word, "true" | "false" | "null") || is_number(word)) {
            return self.unexpected("a value");
        }
        self.at = start + length;
        self.builder.scalar(word, Style::Plain, PLAIN_DRESS, start, self.at);
        Ok(())
    }

    fn string(&mut self) -> Result<(), Stop> {
        let text = self.text.clone();
        let start = self.at;
        let body = start + 1;
        let mut at = body;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let mut copied = body;
        loop {
            match text.as_bytes().get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    scratch.push_str(&text[copied..at]);
                    let Some((c, length)) = escape(&text[at..]) else {
                        self.at = at;
                        return self.unexpected("an escape that JSON has");
                    };
                    scratch.push(c);
                    at += length;
                    copied = at;
                }
                Some(0x00..0x20) | None => {
                    self.at = at;
                    return self.unexpected("the end of the string");
                }
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        if copied == body {
            self.builder.scalar(&text[body..at], Style::Quoted, PLAIN_DRESS, start, self.at);
        } else {
            scratch.push_str(&text[copied..at]);
            self.builder.scalar(&scratch, Style::Quoted, PLAIN_DRESS, start, self.at);
        }
        self.scratch = scratch;
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&mut self, wanted: &str) -> Result<(), Stop> {
        let found = match self.text[self.at..].chars().next() {
            None => "the text ends".to_owned(),
            Some(c) => format!("`{}` stands", homeostat_model::suggest::printable(&c.to_string())),
        };
        let width = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        let span = self.builder.span(self.at, self.at + width);
        let message = format!("expected {wanted}, but {found} here");
        self.builder.fail(Diagnostic::error(codes::SYNTAX, Stage::Parse, message).at(span));
        Err(Stop)
    }
}

/// `-`, digits without a leading zero, a fraction, an exponent.
fn is_number(word: &str) -> bool {
    fn digits(text: &[u8]) -> (&[u8], bool) {
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        (&text[count..], count > 0)
    }
    let unsigned = word.strip_prefix('-').unwrap_or(word).as_bytes();
    let (mut rest, mut whole) = digits(unsigned);
    if unsigned.len() - rest.len() > 1 && unsigned[0] == b'0' {
        return false;
    }
    if let [b'.', fraction @ ..] = rest {
        let (after, any) = digits(fraction);
        whole &= any;
        rest = after;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            unsigned => unsigned,
        };
        let (after, any) = digits(exponent);
        whole &= any;
        rest = after;
    }
    whole && rest.is_empty()
}

/// The character that an escape stands for, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    let simple = |c| Some((c, 2));
    match text.as_bytes().get(1)? {
        b'"' => simple('"'),
        b'\\' => simple('\\'),
        b'/' => simple('/'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'u' => {
            let unit = hex(text.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&unit) {
                return Some((char::from_u32(unit)?, 6));
            }
            let low = hex(text.get(6..12)?.strip_prefix("\\u")?)?;
            let pair =
                0x10000 + ((unit - 0xd800) << 10) + low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            Some((char::from_u32(pair)?, 12))
        }
        _ => None,
    }
}

fn hex(digits: &str) -> Option<u32> {
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{At, Shape};

    fn to_json(tree: &Tree, at: At) -> serde_json::Value {
        match tree.shape(at) {
            Shape::Plain => serde_json::from_str(tree.text(at)).unwrap(),
            Shape::Quoted => tree.text(at).into(),
            Shape::Sequence => tree.items(at).map(|item| to_json(tree, item)).collect(),
            Shape::Mapping => tree
                .entries(at)
                .map(|(key, value)| (tree.text(key).to_owned(), to_json(tree, value)))
                .collect(),
        }
    }

    #[test]
    fn agrees_with_serde_json() {
        for text in [
            "{}",
            "[]",
            "[[],{}]",
            " [1, -2.5e+3, 0, true, false, null] ",
            "\"x\"",
            "7",
            r#"{"a": {"b": [1, {"c": "\u00e9\n\ud83d\ude00\\/\/"}]}, "": ""}"#,
            "",
            "{",
            "[",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            "-",
            ".5",
            "1e",
            "[1 2]",
            "\"\\x\"",
            "\"\\ud83d\"",
            "\"\\ud83d\\u0041\"",
            "\"a",
            "\"a\nb\"",
            "nul",
            "[]]",
            "{]",
            "\"\\u+123\"",
            "\u{e9}",
        ] {
            let mut findings = Findings::default();
            let tree = parse(SourceId(0), &text.into(), &mut findings);
            let ours = tree.map(|tree| to_json(&tree, tree.roots().next().unwrap()));
            let theirs: Option<serde_json::Value> = serde_json::from_str(text).ok();
            assert_eq!(ours, theirs, "{text}");
            assert_eq!(theirs.is_none(), !findings.finish().is_empty(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut findings = Findings::default();
        assert!(parse(SourceId(0), &"[".repeat(1_000_000).into(), &mut findings).is_none());
        assert_eq!(findings.finish()[0].code, codes::TOO_DEEP);
    }
}
