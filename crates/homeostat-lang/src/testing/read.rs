//! From the text of a file to the views of its tests.

use std::collections::BTreeMap;

use homeostat_model::{Diagnostic, SourceId, Span, Stage, codes};
use rowan::TextRange;

use super::{Expectation, Sense, Test};
use crate::syntax::{self, Mode, SyntaxElement, SyntaxKind as K, SyntaxNode, SyntaxToken};

/// The tests of a file, in their order.
///
/// # Errors
/// Everything that is wrong with its text, and what stands where it cannot.
pub fn read(text: &str, source: SourceId) -> Result<Vec<Test>, Vec<Diagnostic>> {
    let parsed = syntax::parse_as(text, source, Mode::Tests);
    if !parsed.diagnostics.is_empty() {
        return Err(parsed.diagnostics);
    }
    let tree = parsed.tree();
    let mut wrong = misplaced(&tree, source);
    let shared: Vec<TextRange> =
        tree.children().filter(is_definition).map(|part| part.text_range()).collect();
    let mut tests = Vec::new();
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for part in tree.children().filter(|part| part.kind() == K::Test) {
        let test = test(text, source, &part, &shared);
        let head = head(&part, source);
        if test.expectations.is_empty() {
            wrong.push(invalid(head, "this test expects nothing").help("add `expect { … }`"));
        }
        if let Some(first) = names.insert(test.name.clone(), head) {
            let twice = invalid(head, &format!("there are two tests `{}`", test.name));
            wrong.push(twice.label(first, "the first one"));
        }
        tests.push(test);
    }
    if wrong.is_empty() { Ok(tests) } else { Err(wrong) }
}

fn invalid(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error(codes::INVALID_TEST, Stage::Structure, message).at(span)
}

fn is_definition(part: &SyntaxNode) -> bool {
    matches!(part.kind(), K::Bind | K::FuncDef | K::Class | K::Import)
}

fn span(range: TextRange, source: SourceId) -> Span {
    Span::new(source, range.start().into(), range.end().into())
}

/// The words in front of the block of a part.
fn head(part: &SyntaxNode, source: SourceId) -> Span {
    let range = part.text_range();
    let block = part.children().find(|child| matches!(child.kind(), K::Block | K::GivenBody));
    let end = block.map_or(range.end(), |block| block.text_range().start());
    let text = part.text().to_string();
    let words = text[..usize::from(end - range.start())].trim_end().len();
    let start: usize = range.start().into();
    Span::new(source, start, start + words)
}

/// What stands where it cannot.
fn misplaced(tree: &SyntaxNode, source: SourceId) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    for part in tree.children().filter(|part| part.kind() != K::Test && !is_definition(part)) {
        let message = "outside of tests there are only definitions";
        let error = invalid(head(&part, source), message);
        wrong.push(error.help("imports, variables, functions and classes; everything else stands in a test"));
    }
    let is_in_test = |part: &SyntaxNode| {
        part.parent().and_then(|block| block.parent()).is_some_and(|test| test.kind() == K::Test)
    };
    for part in tree.descendants() {
        let (word, is_right) = match part.kind() {
            K::Test => ("test", part.parent().is_some_and(|file| file.kind() == K::File)),
            K::Given => ("given", is_in_test(&part)),
            K::Expect => ("expect", is_in_test(&part)),
            _ => continue,
        };
        let was_said = part.parent().is_some_and(|file| file.kind() == K::File);
        if !is_right && !was_said {
            let place = if word == "test" { "at the top of a file" } else { "directly in a test" };
            wrong.push(invalid(head(&part, source), &format!("`{word}` stands {place}")));
        }
    }
    wrong
}

fn test(text: &str, source: SourceId, part: &SyntaxNode, shared: &[TextRange]) -> Test {
    let quoted = tokens(part).find(|token| token.kind() == K::String);
    let name = quoted.map(|token| token.text().trim_matches('"').to_owned()).unwrap_or_default();
    let body: Vec<SyntaxNode> = statements(part).collect();
    let ranges = |fits: &dyn Fn(&SyntaxNode) -> bool| -> Vec<TextRange> {
        let own = body.iter().filter(|statement| fits(statement)).map(|statement| statement.text_range());
        shared.iter().copied().chain(own).collect()
    };
    let subject = view(text, ranges(&|statement| statement.kind() != K::Expect));
    let common = ranges(&|statement| is_definition(statement) || statement.kind() == K::Given);
    let expectations = body.iter().filter(|statement| statement.kind() == K::Expect).map(|expect| {
        let inner = statements(expect).map(|statement| statement.text_range());
        let kept = common.iter().copied().chain(inner).collect();
        Expectation { sense: sense(expect), span: head(expect, source), view: view(text, kept) }
    });
    let expectations = expectations.collect();
    Test { name, span: span(part.text_range(), source), subject, expectations }
}

fn sense(expect: &SyntaxNode) -> Sense {
    let words = tokens(expect).filter(|token| !token.kind().is_trivia());
    match words.map(|token| token.kind()).nth(1) {
        Some(K::NotWord) => Sense::Absent,
        Some(K::Identifier) => Sense::Only,
        _ => Sense::Present,
    }
}

fn tokens(part: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> {
    part.children_with_tokens().filter_map(SyntaxElement::into_token)
}

/// What stands directly in the block of a part.
fn statements(part: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    part.children().filter(|child| child.kind() == K::Block).flat_map(|block| block.children())
}

/// The text, blank but for some parts.
fn view(text: &str, mut kept: Vec<TextRange>) -> String {
    kept.sort_by_key(|range| range.start());
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in kept {
        let (start, end) = (usize::from(range.start()), usize::from(range.end()));
        blank(&mut out, &text[at..start]);
        out.push_str(&text[start..end]);
        at = end;
    }
    blank(&mut out, &text[at..]);
    out
}

fn blank(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            other => out.extend(std::iter::repeat_n(' ', other.len_utf8())),
        }
    }
}
