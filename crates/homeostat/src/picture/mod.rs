//! The graph as text for other programs to draw, and as a picture of our own.
//!
//! Invariant: the same graph gives the same bytes. Names come from outside and are escaped for each format.

mod layout;
mod svg;

use std::collections::BTreeMap;
use std::fmt::Write;

use homeostat_model::ResourceId;

pub(crate) use svg::svg;

use crate::engine::{EdgeView, GraphView};

/// Vertices in order, and edges between their positions.
struct Sorted<'a> {
    vertices: Vec<&'a ResourceId>,
    edges: Vec<(usize, usize, &'a EdgeView)>,
}

fn sorted(graph: &GraphView) -> Sorted<'_> {
    let mut vertices: Vec<&ResourceId> = graph.vertices.iter().collect();
    vertices.sort();
    vertices.dedup();
    let positions: BTreeMap<&ResourceId, usize> =
        vertices.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut edges: Vec<_> = graph
        .edges
        .iter()
        .filter_map(|edge| Some((*positions.get(&edge.from)?, *positions.get(&edge.to)?, edge)))
        .collect();
    edges.sort_by_key(|(from, to, _)| (*from, *to));
    Sorted { vertices, edges }
}

/// For Graphviz.
pub(crate) fn dot(name: &str, graph: &GraphView) -> String {
    let Sorted { vertices, edges } = sorted(graph);
    let mut out = format!("digraph {} {{\n", dot_text(name));
    out.push_str("  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for id in vertices {
        push(&mut out, format_args!("  {};\n", dot_text(&id.to_string())));
    }
    for (_, _, edge) in edges {
        let mut attributes = Vec::new();
        if let Some(label) = &edge.label {
            attributes.push(format!("label={}", dot_text(label)));
        }
        match (edge.auto, edge.notify) {
            (true, true) => attributes.push("style=\"dashed,bold\"".to_owned()),
            (true, false) => attributes.push("style=dashed".to_owned()),
            (false, true) => attributes.push("style=bold".to_owned()),
            (false, false) => {}
        }
        let attributes =
            if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let (from, to) = (dot_text(&edge.from.to_string()), dot_text(&edge.to.to_string()));
        push(&mut out, format_args!("  {from} -> {to}{attributes};\n"));
    }
    out.push_str("}\n");
    out
}

fn dot_text(text: &str) -> String {
    let safe = homeostat_model::suggest::printable(text);
    format!("\"{}\"", safe.replace('\\', "\\\\").replace('"', "\\\""))
}

/// For Markdown pages.
pub(crate) fn mermaid(graph: &GraphView) -> String {
    let Sorted { vertices, edges } = sorted(graph);
    let mut out = String::from("flowchart LR\n");
    for (at, id) in vertices.iter().enumerate() {
        push(&mut out, format_args!("  v{at}[\"{}\"]\n", mermaid_text(&id.to_string())));
    }
    for (from, to, edge) in edges {
        let arrow = match (edge.auto, edge.notify) {
            (true, _) => "-.->",
            (false, true) => "==>",
            (false, false) => "-->",
        };
        let label =
            edge.label.as_ref().map_or_else(String::new, |label| format!("|\"{}\"|", mermaid_text(label)));
        push(&mut out, format_args!("  v{from} {arrow}{label} v{to}\n"));
    }
    out
}

/// Everything that Mermaid or HTML could take for its own becomes an entity.
fn mermaid_text(text: &str) -> String {
    let safe = homeostat_model::suggest::printable(text);
    let mut out = String::with_capacity(safe.len());
    for c in safe.chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | ';' | '`' => push(&mut out, format_args!("#{};", u32::from(c))),
            _ => out.push(c),
        }
    }
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn graph() -> GraphView {
        let id = |text: &str| ResourceId::parse(text).unwrap();
        let edge = |from: &str, to: &str, notify, auto, label: Option<&str>| EdgeView {
            from: id(from),
            to: id(to),
            notify,
            auto,
            label: label.map(Into::into),
        };
        GraphView {
            vertices: ["file[/etc/app]", "file[/etc/app/app.conf]", "exec[reload \"app\"]", "print[<done>]"]
                .map(id)
                .to_vec(),
            edges: vec![
                edge("file[/etc/app/app.conf]", "exec[reload \"app\"]", true, false, Some("e1")),
                edge("file[/etc/app]", "file[/etc/app/app.conf]", false, true, None),
                edge("exec[reload \"app\"]", "print[<done>]", false, false, None),
                edge("file[/etc/app]", "print[<done>]", false, false, None),
            ],
        }
    }

    #[test]
    fn dot_shows_automatic_edges_dashed_and_escapes_names() {
        insta::assert_snapshot!(dot("a \"graph\"", &graph()));
    }

    #[test]
    fn mermaid_shows_automatic_edges_dashed_and_escapes_names() {
        insta::assert_snapshot!(mermaid(&graph()));
    }

    #[test]
    fn the_order_of_declaration_does_not_matter() {
        let mut other = graph();
        other.vertices.reverse();
        other.edges.reverse();
        assert_eq!(dot("g", &graph()), dot("g", &other));
        assert_eq!(svg("g", &graph()), svg("g", &other));
    }
}
