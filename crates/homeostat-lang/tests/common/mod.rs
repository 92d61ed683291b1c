//! What must hold of every text. Also used by the fuzz targets.

use homeostat_lang::ast;
use homeostat_lang::format;
use homeostat_lang::syntax::{self, SyntaxElement, SyntaxKind, SyntaxNode};
use homeostat_model::SourceId;

const SOURCE: SourceId = SourceId(0);

/// The tree is the text, places lie in the text, and what is read is read again the same.
pub(crate) fn is_read(text: &str) {
    let parsed = syntax::parse(text, SOURCE);
    assert_eq!(parsed.tree().text().to_string(), text, "the tree keeps every byte");
    let lowered = ast::parse(text, SOURCE);
    for diagnostic in &lowered.diagnostics {
        let labels = diagnostic.labels.iter().map(|label| label.span);
        for span in diagnostic.span.into_iter().chain(labels) {
            let part = text.get(span.start as usize..span.end as usize);
            assert!(part.is_some(), "a span lies in its text: {diagnostic:?}");
        }
    }
    assert!(parsed.diagnostics.len() <= lowered.diagnostics.len(), "nothing is forgotten");
    let has_errors = parsed.tree().descendants().any(|part| part.kind() == SyntaxKind::Error);
    assert!(!has_errors || !parsed.diagnostics.is_empty(), "what is not understood is said");
}

/// The canonical form means the same and is its own canonical form.
pub(crate) fn is_formatted(text: &str) {
    let Ok(once) = format::format(text, SOURCE) else { return };
    let before = syntax::parse(text, SOURCE).tree();
    let parsed = syntax::parse(&once, SOURCE);
    assert!(parsed.diagnostics.is_empty(), "it can be read again: {:?}\n{once}", parsed.diagnostics);
    assert_eq!(shape(&before), shape(&parsed.tree()), "it is the same tree:\n{text}\n---\n{once}");
    let twice = format::format(&once, SOURCE);
    assert_eq!(twice.as_ref(), Ok(&once), "formatting again changes nothing:\n{text}");
}

/// The tree without spaces and line ends, with numbers by their value.
fn shape(tree: &SyntaxNode) -> Vec<String> {
    let mut out = Vec::new();
    for event in tree.preorder_with_tokens() {
        match event {
            syntax::WalkEvent::Enter(SyntaxElement::Node(node)) => out.push(format!("({:?}", node.kind())),
            syntax::WalkEvent::Leave(SyntaxElement::Node(_)) => out.push(")".to_owned()),
            syntax::WalkEvent::Enter(SyntaxElement::Token(token)) => match token.kind() {
                SyntaxKind::Whitespace | SyntaxKind::Newline => {}
                SyntaxKind::Integer => out.push(format!("{:?}", token.text().parse::<i64>())),
                SyntaxKind::Float => out.push(format!("{:?}", token.text().parse::<f64>())),
                _ => out.push(token.text().to_owned()),
            },
            syntax::WalkEvent::Leave(SyntaxElement::Token(_)) => {}
        }
    }
    out
}
