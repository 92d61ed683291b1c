//! YAML to a tree, by the events of the parser in one pass.

use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, Stage, codes};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::builder::{Builder, Collection, Dress, Stop, Style};
use super::{Tag, Tree};
use crate::findings::{Findings, quoted};

/// The tree, unless the text is no YAML or breaks a bound; the findings then say why.
pub(crate) fn parse(source: SourceId, text: &Arc<str>, findings: &mut Findings) -> Option<Tree> {
    if let Some(diagnostic) = control_character(source, text) {
        findings.push(diagnostic);
        return None;
    }
    let mut builder = Builder::new(source, text.clone(), findings);
    let offsets = Offsets::new(text);
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let outcome = match next {
            Ok((event, span)) => {
                let start = offsets.byte(span.start.index());
                let end = offsets.byte(span.end.index()).max(start);
                take(&mut builder, event, start, end)
            }
            Err(error) => {
                let at = offsets.byte(error.marker().index());
                let diagnostic = syntax(&builder, &error, at, text);
                builder.fail(diagnostic);
                Err(Stop)
            }
        };
        if outcome.is_err() {
            return None;
        }
    }
    Some(builder.tree)
}

fn take(builder: &mut Builder<'_>, event: Event<'_>, start: usize, end: usize) -> Result<(), Stop> {
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            let (tag, as_text) = read_tag(builder, tag.as_deref(), start, end);
            let style = match style {
                ScalarStyle::Plain if !as_text => Style::Plain,
                _ => Style::Quoted,
            };
            builder.scalar(&text, style, Dress { tag, anchor }, start, end);
        }
        Event::SequenceStart(anchor, tag) => {
            let (tag, _) = read_tag(builder, tag.as_deref(), start, end);
            builder.open(Collection::Sequence, Dress { tag, anchor }, start)?;
        }
        Event::MappingStart(anchor, tag) => {
            let (tag, _) = read_tag(builder, tag.as_deref(), start, end);
            builder.open(Collection::Mapping, Dress { tag, anchor }, start)?;
        }
        Event::SequenceEnd | Event::MappingEnd => builder.close((end > start).then_some(end)),
        Event::Alias(anchor) => builder.alias(anchor, start, end)?,
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart(_)
        | Event::DocumentEnd => {}
    }
    Ok(())
}

/// The tag, and whether it makes text of a plain scalar.
fn read_tag(
    builder: &mut Builder<'_>,
    tag: Option<&saphyr_parser::Tag>,
    start: usize,
    end: usize,
) -> (Tag, bool) {
    let Some(tag) = tag else {
        return (Tag::None, false);
    };
    let known = if tag.is_yaml_core_schema() {
        match tag.suffix.as_str() {
            "str" => Some((Tag::None, true)),
            "int" => Some((Tag::Int, false)),
            "float" => Some((Tag::Float, false)),
            "bool" => Some((Tag::Bool, false)),
            "null" | "seq" | "map" => Some((Tag::None, false)),
            _ => None,
        }
    } else {
        match (tag.handle.as_str(), tag.suffix.as_str()) {
            ("!", "sensitive") => Some((Tag::Sensitive, false)),
            // The bare `!` says: as it stands, no guessing.
            ("" | "!", "" | "!") => Some((Tag::None, true)),
            _ => None,
        }
    };
    known.unwrap_or_else(|| {
        let message = format!("there is no tag {}", quoted(&written(tag)));
        let span = builder.span(start, end);
        let diagnostic = Diagnostic::error(codes::UNKNOWN_TAG, Stage::Structure, message).at(span);
        builder.fail(diagnostic.help("`!sensitive` marks a value that must not be shown"));
        (Tag::None, false)
    })
}

fn written(tag: &saphyr_parser::Tag) -> String {
    match tag.is_yaml_core_schema() {
        true => format!("!!{}", tag.suffix),
        false => tag.to_string(),
    }
}

fn syntax(builder: &Builder<'_>, error: &ScanError, at: usize, text: &str) -> Diagnostic {
    let width = text[at..].chars().next().map_or(0, char::len_utf8);
    let span = builder.span(at, at + width);
    let info = error.info();
    if info.contains("unknown anchor") {
        let name: String =
            text[at..].chars().take_while(|c| !c.is_whitespace() && !",[]{}".contains(*c)).collect();
        let span = builder.span(at, at + name.len());
        let message = format!("{} stands for an anchor that was not set before", quoted(&name));
        return Diagnostic::error(codes::UNKNOWN_ANCHOR, Stage::Parse, message).at(span);
    }
    if info.contains("recursion limit") {
        let message = format!("nested deeper than {} collections", super::MAX_DEPTH);
        return Diagnostic::error(codes::TOO_DEEP, Stage::Parse, message).at(span);
    }
    let diagnostic = Diagnostic::error(codes::SYNTAX, Stage::Parse, info).at(span);
    if text[at..].starts_with('[') && text[..at].ends_with(|c: char| c.is_alphanumeric()) {
        return diagnostic.help("in a list in brackets, `kind[name]` must stand in quotes");
    }
    if text[..at].ends_with('\t') || text[at..].starts_with('\t') {
        return diagnostic.help("YAML indents with spaces, never with tabs");
    }
    diagnostic
}

/// The parser takes a zero byte for the end of the text, and YAML forbids all of them.
fn control_character(source: SourceId, text: &str) -> Option<Diagnostic> {
    let is_control = |b: u8| (b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || b == 0x7f;
    // Whole chunks at a time, without a way out in between, are what the compiler makes fast.
    let is_suspect = |chunk: &[u8]| chunk.iter().fold(false, |found, b| found | is_control(*b));
    if !text.as_bytes().chunks(256).any(is_suspect) {
        return None;
    }
    let at = text.bytes().position(is_control)?;
    let message = format!("the control character U+{:04X} cannot stand here", text.as_bytes()[at]);
    let span = homeostat_model::Span::new(source, at, at + 1);
    Some(
        Diagnostic::error(codes::SYNTAX, Stage::Parse, message)
            .at(span)
            .help("in double quotes it can be written as `\\x..`"),
    )
}

/// The parser counts characters; spans count bytes.
struct Offsets {
    length: usize,
    /// The byte offset of every [`STRIDE`]th character; nothing when every character is one byte.
    marks: Option<Vec<u32>>,
    text: Arc<str>,
}

const STRIDE: usize = 64;

impl Offsets {
    fn new(text: &Arc<str>) -> Self {
        let marks = (!text.is_ascii()).then(|| {
            text.char_indices().step_by(STRIDE).map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        });
        Self { length: text.len(), marks, text: text.clone() }
    }

    fn byte(&self, chars: usize) -> usize {
        let Some(marks) = &self.marks else {
            return chars.min(self.length);
        };
        let Some(mark) = marks.get(chars / STRIDE) else {
            return self.length;
        };
        let mark = *mark as usize;
        let mut rest = self.text[mark..].char_indices();
        rest.nth(chars % STRIDE).map_or(self.length, |(at, _)| mark + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Shape;

    fn tree(text: &str) -> Tree {
        let mut findings = Findings::default();
        let tree = parse(SourceId(0), &text.into(), &mut findings);
        assert_eq!(findings.finish(), vec![]);
        tree.unwrap()
    }

    fn failure(text: &str) -> (&'static str, Option<String>) {
        let mut findings = Findings::default();
        assert!(parse(SourceId(0), &text.into(), &mut findings).is_none());
        let first = findings.finish().remove(0);
        let part = |span: homeostat_model::Span| text[span.start as usize..span.end as usize].to_owned();
        (first.code, first.span.map(part))
    }

    #[test]
    fn places_are_bytes_however_wide_the_characters_are() {
        let text = format!(
            "{}\r\nk\u{e9}y: [ \"\u{fc}\\n\", '\u{1f600}', plain \u{e9} ]\r\n",
            "# \u{e9}".repeat(100)
        );
        let tree = tree(&text);
        let root = tree.roots().next().unwrap();
        let (key, list) = tree.entries(root).next().unwrap();
        let part = |at| {
            let span = tree.span(at);
            &text[span.start as usize..span.end as usize]
        };
        assert_eq!(part(key), "k\u{e9}y");
        let items: Vec<_> = tree.items(list).collect();
        assert_eq!(
            items.iter().map(|at| part(*at)).collect::<Vec<_>>(),
            ["\"\u{fc}\\n\"", "'\u{1f600}'", "plain \u{e9}"]
        );
        assert_eq!(tree.text(items[0]), "\u{fc}\n");
        assert_eq!(tree.text(items[1]), "\u{1f600}");
        assert_eq!(tree.shape(items[2]), Shape::Plain);
    }

    #[test]
    fn a_block_ends_with_its_last_child() {
        let text = "a:\n  b: 1\n  c: [x]\n\n\nd: 2\n";
        let tree = tree(text);
        let a = tree.get(tree.roots().next().unwrap(), "a").unwrap();
        let span = tree.span(a);
        assert_eq!(&text[span.start as usize..span.end as usize], "b: 1\n  c: [x]");
    }

    #[test]
    fn merged_keys_give_way_to_own_ones() {
        let tree = tree("base: &b {x: 1, y: 2}\nnext: {y: 3, <<: *b}\nlist: {<<: [{x: 4}, *b]}\n");
        let root = tree.roots().next().unwrap();
        let value =
            |map: &str, key: &str| tree.text(tree.get(tree.get(root, map).unwrap(), key).unwrap()).to_owned();
        assert_eq!((value("next", "x"), value("next", "y")), ("1".into(), "3".into()));
        assert_eq!((value("list", "x"), value("list", "y")), ("4".into(), "2".into()));
    }

    #[test]
    fn what_has_no_end_is_stopped() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..20 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        assert_eq!(failure(&text).0, codes::ALIAS_EXPANSION);
        assert_eq!(failure("a: &a [*a]").0, codes::ALIAS_EXPANSION);
        assert_eq!(failure(&"[".repeat(100_000)).0, codes::TOO_DEEP);
        assert_eq!(failure(&"- ".repeat(100_000)).0, codes::TOO_DEEP);
        let mut tower = String::from("a0: &a0 [[[[[[[[x]]]]]]]]\n");
        for level in 1..20 {
            tower.push_str(&format!("a{level}: &a{level} [[[[[[[[*a{}]]]]]]]]\n", level - 1));
        }
        assert_eq!(failure(&tower).0, codes::TOO_DEEP);
    }

    #[test]
    fn bad_syntax_is_pointed_at() {
        assert_eq!(failure("a: *x\n"), (codes::UNKNOWN_ANCHOR, Some("*x".into())));
        assert_eq!(failure("a:\n\t- b\n").0, codes::SYNTAX);
        assert_eq!(failure("a: b\0c\n"), (codes::SYNTAX, Some("\0".into())));
    }
}
