//! Classes with colons: `class a:b` is written beside `class a` and belongs into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_model::{Diagnostic, Stage, codes};

use super::{Block, Class, Name, Statement, StatementId, StatementKind};

/// Moves the classes of a block that name another one of it in front of their colon into that one, and says which classes
/// are there twice.
pub(super) fn nest(statements: &mut [Statement], block: &mut Block) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let (kept, mut open) = take_out(statements, std::mem::take(&mut block.statements), &mut diagnostics);
    block.statements = kept;
    while let Some((class, added)) = open.pop_first() {
        let Some(body) = body_mut(statements, class) else { continue };
        let mut members = std::mem::take(&mut body.statements);
        members.extend(added);
        let (kept, moved) = take_out(statements, members, &mut diagnostics);
        if let Some(body) = body_mut(statements, class) {
            body.statements = kept;
        }
        open.extend(moved);
    }
    diagnostics
}

/// The classes among some statements, by their names; of two with one name the first.
fn by_name(statements: &[Statement], members: &[StatementId]) -> BTreeMap<Arc<str>, StatementId> {
    let mut classes = BTreeMap::new();
    for id in members {
        if let StatementKind::Class(class) = &statements[id.index()].kind {
            classes.entry(class.name.text.clone()).or_insert(*id);
        }
    }
    classes
}

fn twice(statements: &[Statement], members: &[StatementId]) -> Vec<Diagnostic> {
    let classes = by_name(statements, members);
    let mut found = Vec::new();
    for id in members {
        let Statement { kind: StatementKind::Class(Class { name, .. }), span } = &statements[id.index()]
        else {
            continue;
        };
        let Some(first) = classes.get(&name.text).filter(|first| *first != id) else { continue };
        let head = homeostat_model::Span { end: name.span.end, ..*span };
        let message = format!("the class `{}` is there twice", name.text);
        found.push(
            Diagnostic::error(codes::DUPLICATE_NAME, Stage::Interpolation, message)
                .at(head)
                .label(statements[first.index()].span, "it is here already")
                .help("give one of them another name"),
        );
    }
    found
}

type Moved = BTreeMap<StatementId, Vec<StatementId>>;

/// Takes out the classes that belong into another one, from the last to the first, and shortens their names.
fn take_out(
    statements: &mut [Statement],
    members: Vec<StatementId>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<StatementId>, Moved) {
    diagnostics.extend(twice(statements, &members));
    let classes = by_name(statements, &members);
    let mut moved = Moved::new();
    let mut kept = Vec::new();
    for id in members.into_iter().rev() {
        let outer = match &statements[id.index()].kind {
            StatementKind::Class(Class { name, .. }) => name.text.split_once(':'),
            _ => None,
        };
        let target = outer.and_then(|(outer, rest)| Some((*classes.get(outer)?, rest.into())));
        match (target, &mut statements[id.index()].kind) {
            (Some((class, rest)), StatementKind::Class(Class { name: Name { text, .. }, .. })) => {
                *text = rest;
                moved.entry(class).or_default().push(id);
            }
            _ => kept.push(id),
        }
    }
    kept.reverse();
    (kept, moved)
}

fn body_mut(statements: &mut [Statement], id: StatementId) -> Option<&mut Block> {
    match &mut statements[id.index()].kind {
        StatementKind::Class(class) => Some(&mut class.body),
        _ => None,
    }
}
