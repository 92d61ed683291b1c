//! The picture: boxes in columns from left to right, one colour per kind, readable on light and dark pages.

use std::collections::BTreeMap;

use homeostat_model::ResourceId;
use homeostat_model::suggest::printable;

use super::layout::{Layout, Point, Sizes, layout};
use super::{Sorted, push, sorted};
use crate::engine::{EdgeView, GraphView};

const HEIGHT: f64 = 44.0;
const MARGIN: f64 = 24.0;
/// A box is at most so many characters wide; what is cut is in its tooltip.
const CHARS_MAX: usize = 44;
const NAME_CHAR: f64 = 7.3;
const KIND_CHAR: f64 = 6.4;
const PADDING: f64 = 28.0;
const LEGEND_HEIGHT: f64 = 30.0;

/// Distinguishable hues, in the order of the kinds' names.
const HUES: &[&str] =
    &["#2f6fde", "#1d8a5b", "#b4540a", "#8a4fd0", "#c2255c", "#0b7285", "#7a6a00", "#5c6b7a"];

const STYLE: &str = "<style>\
  text{font-family:ui-sans-serif,system-ui,'DejaVu Sans',sans-serif}\
  .kind{font-size:11px;letter-spacing:.04em}\
  .name{font-size:13px;fill:#1b2430}\
  .label{font-size:11px;fill:#5c6b7a;paint-order:stroke;stroke:#fbfcfd;stroke-width:3px}\
  .edge{fill:none;stroke:#7d8a99;stroke-width:1.4}\
  .notify{stroke:#c2255c;stroke-width:2}\
  .auto{stroke-dasharray:5 4}\
  </style>";

/// Draws the graph.
pub(crate) fn svg(name: &str, graph: &GraphView) -> String {
    let Sorted { vertices, edges } = sorted(graph);
    let labels: Vec<(String, String)> =
        vertices.iter().map(|id| (id.kind.to_string(), short(&printable(&id.name)))).collect();
    let widths: Vec<f64> = labels.iter().map(|(kind, name)| box_width(kind, name)).collect();
    let ends = edges.iter().map(|(from, to, _)| (*from, *to)).collect();
    let laid = layout(&Sizes { widths: widths.clone(), height: HEIGHT, edges: ends });
    let width = laid.width.max(360.0) + 2.0 * MARGIN;
    let height = laid.height + 2.0 * MARGIN + LEGEND_HEIGHT;
    let title = escape(&printable(name));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{title}</title>\n{STYLE}\n<defs>\n{}{}</defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fbfcfd\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\">\n",
        marker("arrow", "#7d8a99"),
        marker("arrow-notify", "#c2255c"),
    );
    for (at, (from, to, edge)) in edges.iter().enumerate() {
        push_edge(&mut out, edge, &laid, at, (*from, *to), &widths);
    }
    let hues = hues(&vertices);
    for (at, id) in vertices.iter().enumerate() {
        let hue = hues.get(id.kind.as_str()).copied().unwrap_or(HUES[0]);
        push_vertex(&mut out, id, &labels[at], laid.vertices[at], widths[at], hue);
    }
    out.push_str("</g>\n");
    push_legend(&mut out, height - MARGIN / 2.0);
    out.push_str("</svg>\n");
    out
}

fn hues<'a>(vertices: &[&'a ResourceId]) -> BTreeMap<&'a str, &'static str> {
    let mut hues: BTreeMap<&str, &str> = vertices.iter().map(|id| (id.kind.as_str(), HUES[0])).collect();
    for (at, hue) in hues.values_mut().enumerate() {
        *hue = HUES[at % HUES.len()];
    }
    hues
}

fn short(name: &str) -> String {
    let count = name.chars().count();
    if count <= CHARS_MAX {
        return name.to_owned();
    }
    // The end of a path tells more than its middle.
    let head: String = name.chars().take(CHARS_MAX / 3).collect();
    let tail: String = name.chars().skip(count - (CHARS_MAX - CHARS_MAX / 3 - 1)).collect();
    format!("{head}…{tail}")
}

fn box_width(kind: &str, name: &str) -> f64 {
    let name = name.chars().count() as f64 * NAME_CHAR;
    let kind = kind.chars().count() as f64 * KIND_CHAR;
    (name.max(kind) + PADDING).max(72.0)
}

fn marker(id: &str, color: &str) -> String {
    format!(
        "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.5 8 4 0 7.5Z\" fill=\"{color}\"/></marker>\n"
    )
}

fn push_edge(
    out: &mut String,
    edge: &EdgeView,
    laid: &Layout,
    at: usize,
    (from, to): (usize, usize),
    widths: &[f64],
) {
    let start = Point { x: laid.vertices[from].x + widths[from] / 2.0, y: laid.vertices[from].y };
    let end = Point { x: laid.vertices[to].x - widths[to] / 2.0, y: laid.vertices[to].y };
    // A curve begins and ends at the edge of a column: within it, it would run below wider boxes.
    let leaves = Point { x: laid.vertices[from].x + laid.columns[from] / 2.0, ..start };
    let enters = Point { x: laid.vertices[to].x - laid.columns[to] / 2.0, ..end };
    let mut path = format!("M{:.1} {:.1}H{:.1}", start.x, start.y, leaves.x);
    let mut here = leaves;
    let passed = laid.bends[at].iter().flat_map(|bend| {
        let Point { x, y } = bend.middle;
        [Point { x: x - bend.width / 2.0, y }, Point { x: x + bend.width / 2.0, y }]
    });
    let ways: Vec<Point> = passed.chain([enters]).collect();
    for next in ways.iter().copied() {
        let reach = (next.x - here.x) / 2.0;
        push(
            &mut path,
            format_args!(
                " C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                here.x + reach,
                here.y,
                next.x - reach,
                next.y,
                next.x,
                next.y
            ),
        );
        here = next;
    }
    push(&mut path, format_args!("H{:.1}", end.x));
    let (class, marker) = match (edge.notify, edge.auto) {
        (true, true) => ("edge notify auto", "arrow-notify"),
        (true, false) => ("edge notify", "arrow-notify"),
        (false, true) => ("edge auto", "arrow"),
        (false, false) => ("edge", "arrow"),
    };
    push(out, format_args!("<path class=\"{class}\" marker-end=\"url(#{marker})\" d=\"{path}\"/>\n"));
    if let Some(label) = &edge.label {
        let first = ways[0];
        push(
            out,
            format_args!(
                "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                f64::midpoint(leaves.x, first.x),
                f64::midpoint(leaves.y, first.y) - 5.0,
                escape(&short(&printable(label)))
            ),
        );
    }
}

fn push_vertex(
    out: &mut String,
    id: &ResourceId,
    (kind, name): &(String, String),
    at: Point,
    width: f64,
    hue: &str,
) {
    let (left, top) = (at.x - width / 2.0, at.y - HEIGHT / 2.0);
    push(
        out,
        format_args!(
            "<g><title>{}</title>\
             <rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"7\" fill=\"#ffffff\" stroke=\"{hue}\" stroke-width=\"1.4\"/>\
             <text class=\"kind\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{hue}\">{}</text>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>\n",
            escape(&id.to_string()),
            at.x,
            top + 16.0,
            escape(kind),
            at.x,
            top + 33.0,
            escape(name),
        ),
    );
}

fn push_legend(out: &mut String, y: f64) {
    let mut x = MARGIN;
    for (class, marker, text, width) in [
        ("edge", "arrow", "before", 86.0),
        ("edge notify", "arrow-notify", "refreshes", 104.0),
        ("edge auto", "arrow", "automatic", 100.0),
    ] {
        push(
            out,
            format_args!(
                "<path class=\"{class}\" marker-end=\"url(#{marker})\" d=\"M{x:.0} {:.1}H{:.0}\"/><text class=\"label\" x=\"{:.0}\" y=\"{y:.1}\">{text}</text>\n",
                y - 4.0,
                x + 30.0,
                x + 36.0
            ),
        );
        x += width;
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::graph;
    use super::*;

    #[test]
    fn a_picture_names_everything_once_and_escapes_it() {
        let picture = svg("g & h", &graph());
        assert!(picture.contains("<title>g &amp; h</title>"));
        assert!(picture.contains("print[&lt;done&gt;]"));
        assert_eq!(picture.matches("<rect x=").count(), 4);
        assert_eq!(picture.matches("class=\"edge auto\"").count(), 2, "one edge and the legend");
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        let name = format!("/{}/app.conf", "x".repeat(100));
        let shown = short(&name);
        assert_eq!(shown.chars().count(), CHARS_MAX);
        assert!(shown.ends_with("/app.conf"));
    }
}
