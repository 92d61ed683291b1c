//! Diagnostics for people, as source excerpts, and for tools, as JSON.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use homeostat_model::span::{LineColumn, SourceText};
use homeostat_model::suggest::printable;
use homeostat_model::{Diagnostic, Severity, SourceMap, Span};
use serde_json::{Value as Json, json};

use crate::terminal::Paint;

/// More than this helps nobody; the rest is counted.
const SHOWN_MAX: usize = 500;
/// A line longer than this is not shown, only its place: cost must not grow with lines times findings.
const LINE_BYTES_MAX: usize = 4096;
/// Places further apart than this get excerpts of their own.
const TOGETHER_LINES: u32 = 12;
const WIDTH: usize = 120;

/// All of them as people read them, with a line of counts at the end when one is an error.
pub(crate) fn render(diagnostics: &[Diagnostic], sources: &SourceMap, paint: Paint) -> String {
    let renderer = if paint.0 { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN_MAX) {
        out.push_str(&render_one(diagnostic, sources, &renderer));
        out.push_str("\n\n");
    }
    if diagnostics.len() > SHOWN_MAX {
        out.push_str(&format!("and {} more\n\n", diagnostics.len() - SHOWN_MAX));
    }
    out
}

/// `2 errors, 1 warning`: nothing when there is nothing to count.
pub(crate) fn counts(diagnostics: &[Diagnostic]) -> String {
    let count = |severity: Severity| {
        let number = diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let plural = if number == 1 { "" } else { "s" };
        (number > 0).then(|| format!("{number} {}{plural}", severity.as_str()))
    };
    let words: Vec<String> =
        [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(count).collect();
    words.join(", ")
}

fn render_one(diagnostic: &Diagnostic, sources: &SourceMap, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(printable(&diagnostic.message)).id(diagnostic.code);
    let mut group = Group::with_title(title);
    for excerpt in excerpts(diagnostic, sources) {
        group = match excerpt.text {
            Some((range, line)) => {
                let text = &excerpt.source.text[range.clone()];
                let marks = excerpt.marks.iter().map(|mark| {
                    let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                    kind.span(mark.range.start - range.start..mark.range.end - range.start)
                        .label(mark.text.map(printable))
                });
                let snippet = Snippet::source(text)
                    .path(printable(&excerpt.source.name))
                    .line_start(line as usize)
                    .annotations(marks);
                group.element(snippet)
            }
            None => group.element(origin(&excerpt)),
        };
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    indented(&renderer.render(&[group]))
}

/// One column of space before everything but the title sets it off.
fn indented(text: &str) -> String {
    text.replace('\n', "\n ")
}

fn origin<'a>(excerpt: &Excerpt<'a>) -> Origin<'a> {
    let place = excerpt.source.line_column(offset(excerpt.marks[0].range.start));
    Origin::path(printable(&excerpt.source.name)).line(place.line as usize).char_column(place.column as usize)
}

fn offset(byte: usize) -> u32 {
    u32::try_from(byte).unwrap_or(u32::MAX)
}

/// A part of a text with the places in it; without `text` the place alone is said.
struct Excerpt<'a> {
    source: &'a SourceText,
    text: Option<(Range<usize>, u32)>,
    marks: Vec<Mark<'a>>,
}

struct Mark<'a> {
    range: Range<usize>,
    line: u32,
    text: Option<&'a str>,
    primary: bool,
}

/// The primary place and its neighbours first, then the other places in their order.
fn excerpts<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Vec<Excerpt<'a>> {
    let primary = diagnostic.span.map(|span| (span, diagnostic.at.as_deref(), true));
    let labels = diagnostic.labels.iter().map(|label| (label.span, Some(label.text.as_str()), false));
    let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
    for (span, text, primary) in primary.into_iter().chain(labels) {
        let Some(source) = sources.get(span.source) else {
            continue;
        };
        let mark = mark(source, span, text, primary);
        let near = |excerpt: &&mut Excerpt<'a>| {
            std::ptr::eq(excerpt.source, source)
                && excerpt.marks.iter().any(|other| other.line.abs_diff(mark.line) <= TOGETHER_LINES)
        };
        match excerpts.iter_mut().find(near) {
            Some(excerpt) => excerpt.marks.push(mark),
            None => excerpts.push(Excerpt { source, text: None, marks: vec![mark] }),
        }
    }
    for excerpt in &mut excerpts {
        excerpt.text = window(excerpt.source, &excerpt.marks);
    }
    excerpts
}

/// A place within one line: what reaches further is cut at the end of its first line.
fn mark<'a>(source: &SourceText, span: Span, text: Option<&'a str>, primary: bool) -> Mark<'a> {
    let start = floor(&source.text, span.start as usize);
    let end = floor(&source.text, span.end as usize).max(start);
    let line_end = source.text[start..].find(['\n', '\r']).map_or(source.text.len(), |at| start + at);
    Mark {
        range: start..end.min(line_end).max(start),
        line: source.line_column(offset(start)).line,
        text,
        primary,
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The whole lines that hold all marks, and the number of the first; none when a line of them is too long to show, or may hold a
/// secret.
fn window(source: &SourceText, marks: &[Mark<'_>]) -> Option<(Range<usize>, u32)> {
    let text = &source.text;
    let first = marks.iter().map(|mark| mark.range.start).min()?;
    let last = marks.iter().map(|mark| mark.range.end).max()?;
    let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
    let too_long = text[start..end].lines().any(|line| line.len() > LINE_BYTES_MAX);
    let shown = !too_long && !may_quote_secret(text, start..end);
    shown.then(|| (start..end, source.line_column(offset(start)).line))
}

/// Whether a value that is tagged as sensitive stands in these lines, or began before them and goes on.
fn may_quote_secret(text: &str, lines: Range<usize>) -> bool {
    const TAG: &str = "!sensitive";
    if text[lines.clone()].contains(TAG) {
        return true;
    }
    let Some(tag) = text[..lines.start].rfind(TAG) else { return false };
    let tag_line = text[..tag].rfind('\n').map_or(0, |at| at + 1);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let outer = indent(&text[tag_line..]);
    let since = text[tag..lines.end].lines().skip(1);
    since.filter(|line| !line.trim().is_empty()).all(|line| indent(line) > outer)
}

/// The form for tools.
pub(crate) fn to_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> Json {
    let diagnostics: Vec<Json> =
        diagnostics.iter().map(|diagnostic| one_to_json(diagnostic, sources)).collect();
    json!({ "diagnostics": diagnostics })
}

fn one_to_json(diagnostic: &Diagnostic, sources: &SourceMap) -> Json {
    let place = |span: Span| {
        let source = sources.get(span.source)?;
        let end = source.line_column(span.end);
        Some((source.name.to_string(), position(source.line_column(span.start)), position(end)))
    };
    let (file, start, end) = diagnostic
        .span
        .and_then(place)
        .map_or((diagnostic.file.clone(), Json::Null, Json::Null), |(file, start, end)| {
            (Some(file), start, end)
        });
    let at = diagnostic.span.zip(diagnostic.at.as_ref());
    let labels = diagnostic.labels.iter().map(|label| (label.span, &label.text));
    let labels: Vec<Json> = at
        .into_iter()
        .chain(labels)
        .filter_map(|(span, text)| {
            let (file, start, end) = place(span)?;
            Some(json!({ "file": file, "start": start, "end": end, "text": text }))
        })
        .collect();
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity.as_str(),
        "stage": diagnostic.stage.as_str(),
        "message": diagnostic.message,
        "file": file,
        "start": start,
        "end": end,
        "labels": labels,
        "help": diagnostic.help,
    })
}

fn position(place: LineColumn) -> Json {
    json!({ "line": place.line, "column": place.column })
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_model::{Stage, codes};

    fn source(text: &str) -> (SourceMap, homeostat_model::SourceId) {
        let mut sources = SourceMap::new();
        let id = sources.add("site.yaml", text);
        (sources, id)
    }

    #[test]
    fn a_finding_is_shown_at_its_place() {
        let text = "---\ngraph: g\nresources:\n  file:\n  - name: /a\n    contnet: hello\n";
        let (sources, id) = source(text);
        let at = text.find("contnet").unwrap();
        let finding =
            Diagnostic::error(codes::UNKNOWN_PARAM, Stage::Type, "`file` has no parameter `contnet`")
                .at(Span::new(id, at, at + 7))
                .saying("did you mean `content`?");
        insta::assert_snapshot!(render(std::slice::from_ref(&finding), &sources, Paint(false)));
        insta::assert_snapshot!(to_json(&[finding], &sources));
    }

    #[test]
    fn a_secret_is_not_quoted_with_its_surroundings() {
        let text = "a: !sensitive hunter2\nb:\n  c: !sensitive |\n    hunter3\n  d: plain\n";
        let (sources, id) = source(text);
        let shown = |what: &str| {
            let at = text.find(what).unwrap();
            let finding =
                Diagnostic::error(codes::WRONG_TYPE, Stage::Type, "wrong").at(Span::new(id, at, at + 1));
            render(&[finding], &sources, Paint(false))
        };
        assert!(shown("a:").contains("site.yaml:1:1") && !shown("a:").contains("hunter"));
        assert!(!shown("hunter3").contains("hunter"));
        assert!(shown("d: plain").contains("plain"));
    }

    #[test]
    fn control_characters_of_the_text_do_not_reach_the_terminal() {
        let (sources, id) = source("a: \u{1b}[31mred\u{202e}\n");
        let finding = Diagnostic::error(codes::SYNTAX, Stage::Parse, "bad \u{1b}[2J").at(Span::new(id, 3, 4));
        let shown = render(&[finding], &sources, Paint(false));
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
    }

    #[test]
    fn a_very_long_line_is_named_and_not_shown() {
        let (sources, id) = source(&"x".repeat(100_000));
        let finding = Diagnostic::error(codes::SYNTAX, Stage::Parse, "bad").at(Span::new(id, 50_000, 50_001));
        let shown = render(&[finding], &sources, Paint(false));
        assert!(shown.contains("--> site.yaml:1:50001"), "{shown}");
        assert!(shown.len() < 500, "{}", shown.len());
    }

    #[test]
    fn places_far_apart_get_their_own_excerpts() {
        let text = format!("first\n{}last\n", "\n".repeat(500));
        let (sources, id) = source(&text);
        let at = text.find("last").unwrap();
        let finding =
            Diagnostic::error(codes::DUPLICATE_RESOURCE, Stage::Catalog, "`file[/a]` is declared twice")
                .at(Span::new(id, at, at + 4))
                .label(Span::new(id, 0, 5), "first declared here")
                .help("remove one");
        insta::assert_snapshot!(render(&[finding], &sources, Paint(false)));
    }

    #[test]
    fn a_place_outside_of_its_text_harms_nobody() {
        let (sources, id) = source("é");
        for span in [Span::new(id, 1, 1), Span::new(id, 99, 100), Span::new(id, 2, 2)] {
            let finding = Diagnostic::error(codes::SYNTAX, Stage::Parse, "bad").at(span);
            assert!(render(std::slice::from_ref(&finding), &sources, Paint(true)).contains("bad"));
            assert!(to_json(&[finding], &sources)["diagnostics"].is_array());
        }
    }
}
