//! What is expected, beside what is declared.

use homeostat_model::{Catalog, Diagnostic, Params, ResourceDecl, ResourceId, Span, Stage, codes, suggest};

use super::run::Evaluated;
use super::{Expectation, Sense};

/// Everything that is not as it is expected. Only what an expectation mentions counts: other parameters may be there.
pub(super) fn unmet(expected: &Evaluated, actual: &Evaluated, expectation: &Expectation) -> Vec<Diagnostic> {
    let (view, expected, actual) = (expected.0, &expected.1, &actual.1);
    let mut unmet = match expectation.sense {
        Sense::Present => present(expected, actual),
        Sense::Absent => absent(expected, actual),
        Sense::Only => {
            let mut unmet = present(expected, actual);
            let others = actual.resources.iter().filter(|one| find(expected, &one.id).is_none());
            unmet.extend(others.map(|one| {
                let message = format!("`{}` is declared, and only others are expected", one.id);
                say(Some(expectation.span), message).label(one.origin, "declared here")
            }));
            unmet
        }
    };
    for diagnostic in &mut unmet {
        // Places of the expectation are in the file that its view shows.
        if let Some(span) = diagnostic.span.as_mut().filter(|span| span.source == view) {
            span.source = expectation.span.source;
        }
    }
    unmet
}

fn say(place: Option<Span>, message: String) -> Diagnostic {
    Diagnostic::error(codes::UNMET, Stage::Catalog, message).at(place)
}

fn find<'a>(catalog: &'a Catalog, id: &ResourceId) -> Option<&'a ResourceDecl> {
    catalog.resources.iter().find(|one| one.id == *id)
}

fn present(expected: &Catalog, actual: &Catalog) -> Vec<Diagnostic> {
    let mut unmet = Vec::new();
    for wanted in &expected.resources {
        match find(actual, &wanted.id) {
            Some(found) => unmet.extend(differences(wanted, found)),
            None => {
                let names: Vec<String> = actual.resources.iter().map(|one| one.id.to_string()).collect();
                let missing = say(wanted.origin, format!("`{}` is expected, and not declared", wanted.id));
                unmet.push(
                    match suggest::did_you_mean(&wanted.id.to_string(), names.iter().map(String::as_str)) {
                        Some(close) => missing.help(format!("there is `{close}`")),
                        None => missing,
                    },
                );
            }
        }
    }
    for wanted in &expected.edges {
        let found = actual.edges.iter().find(|edge| edge.from == wanted.from && edge.to == wanted.to);
        let (from, to) = (&wanted.from, &wanted.to);
        match found {
            Some(edge) if edge.notify == wanted.notify => {}
            Some(edge) => {
                let how = if edge.notify { "notifies" } else { "does not notify" };
                let message = format!("the edge from `{from}` to `{to}` {how}");
                unmet.push(say(wanted.origin, message).label(edge.origin, "declared here"));
            }
            None => unmet.push(say(wanted.origin, format!("there is no edge from `{from}` to `{to}`"))),
        }
    }
    for wanted in &expected.sends {
        let is_it = |send: &&homeostat_model::SendDecl| {
            (&send.from, &send.key, &send.to, &send.param)
                == (&wanted.from, &wanted.key, &wanted.to, &wanted.param)
        };
        if !actual.sends.iter().any(|send| is_it(&send)) {
            let message = format!(
                "`{}` of `{}` does not get `{}` of `{}`",
                wanted.param, wanted.to, wanted.key, wanted.from
            );
            unmet.push(say(wanted.origin, message));
        }
    }
    unmet
}

fn absent(expected: &Catalog, actual: &Catalog) -> Vec<Diagnostic> {
    let mut unmet = Vec::new();
    for unwanted in &expected.resources {
        let Some(found) = find(actual, &unwanted.id) else { continue };
        if differences(unwanted, found).is_empty() {
            let message = format!("`{}` is declared, and expected not to be", unwanted.id);
            unmet.push(say(unwanted.origin, message).label(found.origin, "declared here"));
        }
    }
    unmet
}

/// What is mentioned of a resource and different from what it is.
fn differences(wanted: &ResourceDecl, found: &ResourceDecl) -> Vec<Diagnostic> {
    let params = unequal(&wanted.params, &found.params);
    let metas = unequal(&wanted.meta.to_params(), &found.meta.to_params());
    let of = |(prefix, (name, is, want)): (&str, (String, String, String))| {
        let message = format!("`{prefix}{name}` of `{}` is {is}, and {want} is expected", wanted.id);
        let place = wanted.span_of(&name).or(wanted.origin);
        say(place, message).label(found.span_of(&name), "declared here")
    };
    let params = params.into_iter().map(|one| ("", one));
    params.chain(metas.into_iter().map(|one| ("Meta:", one))).map(of).collect()
}

/// Names, what they are, and what they should be.
fn unequal(wanted: &Params, found: &Params) -> Vec<(String, String, String)> {
    let pairs = wanted.iter().map(|(name, want)| (name, found.get(name), want));
    let unequal = pairs.filter(|(_, is, want)| *is != Some(*want));
    unequal.map(|(name, is, want)| (name.to_string(), shown(is), shown(Some(want)))).collect()
}

fn shown(value: Option<&homeostat_model::Value>) -> String {
    match value {
        None => "not set".to_owned(),
        Some(value) if value.is_sensitive() => "a sensitive value".to_owned(),
        Some(value) => match serde_json::to_string(value) {
            Ok(text) => format!("`{text}`"),
            Err(_) => "what cannot be shown".to_owned(),
        },
    }
}
