//! A layered layout: every vertex right of its predecessors, edges with few crossings.
//!
//! Four steps: layers by longest path; long edges get a bend in every layer they pass; the order within layers is improved by
//! medians of neighbours; heights follow the neighbours as far as there is room.

/// Bends at most; a graph with more draws its long edges straight.
const BENDS_MAX: usize = 50_000;
const SWEEPS: usize = 12;

/// What is laid out: vertices by their heights and widths, edges by the positions of their ends.
pub(super) struct Sizes {
    pub(super) widths: Vec<f64>,
    pub(super) height: f64,
    pub(super) edges: Vec<(usize, usize)>,
}

/// Where everything is; coordinates are middles.
pub(super) struct Layout {
    pub(super) vertices: Vec<Point>,
    /// For each edge, the bends on its way.
    pub(super) bends: Vec<Vec<Bend>>,
    /// For each vertex, how wide its column is.
    pub(super) columns: Vec<f64>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where an edge passes a column, and how wide that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bend {
    pub(super) middle: Point,
    pub(super) width: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

const GAP_ACROSS: f64 = 64.0;
const GAP_DOWN: f64 = 18.0;
const BEND_HEIGHT: f64 = 6.0;

/// Vertices and bends alike.
struct Places {
    layer: Vec<usize>,
    /// The neighbours one layer before and one layer after.
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// How many of them are vertices; the rest are bends.
    vertices: usize,
}

/// Lays a graph out.
pub(super) fn layout(sizes: &Sizes) -> Layout {
    let layers = layers(sizes.widths.len(), &sizes.edges);
    let (places, bends) = with_bends(layers, &sizes.edges);
    let mut columns = columns(&places);
    untangle(&places, &mut columns);
    let ys = heights(&places, &columns, sizes.height);
    let (xs, column_widths, width) = across(&columns, places.vertices, &sizes.widths);
    let lowest = ys.iter().copied().fold(0.0, f64::max);
    let point = |place: usize| Point { x: xs[places.layer[place]], y: ys[place] };
    let bend = |place: usize| Bend { middle: point(place), width: column_widths[places.layer[place]] };
    Layout {
        vertices: (0..places.vertices).map(point).collect(),
        bends: bends.into_iter().map(|on_the_way| on_the_way.into_iter().map(bend).collect()).collect(),
        columns: (0..places.vertices).map(|place| column_widths[places.layer[place]]).collect(),
        width,
        height: lowest + sizes.height / 2.0,
    }
}

/// The longest path to each vertex; those without successors near move right to them. Edges of a cycle count once.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut after = vec![Vec::new(); count];
    let mut open = vec![0usize; count];
    for (from, to) in edges {
        after[*from].push(*to);
        open[*to] += 1;
    }
    let mut layer = vec![0usize; count];
    let mut ready: Vec<usize> = (0..count).filter(|at| open[*at] == 0).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(at) = ready.pop() {
        order.push(at);
        for next in &after[at] {
            layer[*next] = layer[*next].max(layer[at] + 1);
            open[*next] -= 1;
            if open[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    // A vertex that waits for nothing stands next to what waits for it.
    for at in order.into_iter().rev() {
        let nearest = after[at].iter().map(|next| layer[*next]).min();
        if let (0, Some(nearest)) = (layer[at], nearest) {
            layer[at] = nearest.saturating_sub(1);
        }
    }
    layer
}

fn with_bends(layer: Vec<usize>, edges: &[(usize, usize)]) -> (Places, Vec<Vec<usize>>) {
    let vertices = layer.len();
    let spans = |(from, to): &(usize, usize)| layer[*to].saturating_sub(layer[*from] + 1);
    let wanted: usize = edges.iter().map(spans).sum();
    let bend = wanted <= BENDS_MAX;
    let mut places =
        Places { before: vec![Vec::new(); vertices], after: vec![Vec::new(); vertices], layer, vertices };
    let mut bends = Vec::with_capacity(edges.len());
    for (from, to) in edges {
        let (first, last) = (places.layer[*from], places.layer[*to]);
        let mut on_the_way = Vec::new();
        if first < last && (bend || last == first + 1) {
            let mut previous = *from;
            for layer in first + 1..last {
                let place = places.layer.len();
                places.layer.push(layer);
                places.before.push(Vec::new());
                places.after.push(Vec::new());
                connect(&mut places, previous, place);
                on_the_way.push(place);
                previous = place;
            }
            connect(&mut places, previous, *to);
        }
        bends.push(on_the_way);
    }
    (places, bends)
}

fn connect(places: &mut Places, from: usize, to: usize) {
    places.after[from].push(to);
    places.before[to].push(from);
}

fn columns(places: &Places) -> Vec<Vec<usize>> {
    let count = places.layer.iter().max().map_or(0, |last| last + 1);
    let mut columns = vec![Vec::new(); count];
    for (place, layer) in places.layer.iter().enumerate() {
        columns[*layer].push(place);
    }
    columns
}

/// Orders each column by where the neighbours are, from both sides in turn.
fn untangle(places: &Places, columns: &mut [Vec<usize>]) {
    let mut rank = vec![0usize; places.layer.len()];
    let note = |column: &[usize], rank: &mut Vec<usize>| {
        for (at, place) in column.iter().enumerate() {
            rank[*place] = at;
        }
    };
    for column in columns.iter() {
        note(column, &mut rank);
    }
    for sweep in 0..SWEEPS {
        let forwards = sweep % 2 == 0;
        let order: Vec<usize> =
            if forwards { (0..columns.len()).collect() } else { (0..columns.len()).rev().collect() };
        for at in order {
            let neighbours = if forwards { &places.before } else { &places.after };
            let mut keyed: Vec<(f64, usize, usize)> = columns[at]
                .iter()
                .map(|place| {
                    (middle(&neighbours[*place], &rank).unwrap_or(rank[*place] as f64), rank[*place], *place)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            columns[at] = keyed.into_iter().map(|(_, _, place)| place).collect();
            note(&columns[at], &mut rank);
        }
    }
}

fn middle(neighbours: &[usize], rank: &[usize]) -> Option<f64> {
    let sum: usize = neighbours.iter().map(|place| rank[*place]).sum();
    (!neighbours.is_empty()).then(|| sum as f64 / neighbours.len() as f64)
}

/// Heights: packed at first, then drawn towards the neighbours without changing the order.
fn heights(places: &Places, columns: &[Vec<usize>], vertex_height: f64) -> Vec<f64> {
    let half = |place: usize| {
        if place < places.vertices { vertex_height / 2.0 } else { BEND_HEIGHT / 2.0 }
    };
    let room = |above: usize, below: usize| half(above) + GAP_DOWN + half(below);
    let mut ys = vec![0.0; places.layer.len()];
    for column in columns {
        let mut y = 0.0;
        for (at, place) in column.iter().enumerate() {
            y += if at == 0 { 0.0 } else { room(column[at - 1], *place) };
            ys[*place] = y;
        }
        let shift = y / 2.0;
        for place in column {
            ys[*place] -= shift;
        }
    }
    for sweep in 0..SWEEPS {
        let forwards = sweep % 2 == 0;
        let order: Vec<usize> =
            if forwards { (0..columns.len()).collect() } else { (0..columns.len()).rev().collect() };
        for at in order {
            let neighbours = if forwards { &places.before } else { &places.after };
            let wish = |place: usize| {
                let near = &neighbours[place];
                if near.is_empty() {
                    ys[place]
                } else {
                    near.iter().map(|place| ys[*place]).sum::<f64>() / near.len() as f64
                }
            };
            let wishes: Vec<f64> = columns[at].iter().map(|place| wish(*place)).collect();
            for (place, y) in columns[at].iter().zip(fit(&columns[at], &wishes, room)) {
                ys[*place] = y;
            }
        }
    }
    let top = ys.iter().zip(0..).map(|(y, place)| y - half(place)).fold(f64::INFINITY, f64::min);
    if top.is_finite() {
        for y in &mut ys {
            *y -= top;
        }
    }
    ys
}

/// The heights nearest to the wishes that keep order and room: neighbours that would overlap move as one block to the
/// mean of their wishes.
fn fit(column: &[usize], wishes: &[f64], room: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    struct Block {
        first: usize,
        sum: f64,
        count: f64,
    }
    let mut offsets = Vec::with_capacity(column.len());
    let mut offset = 0.0;
    for (at, place) in column.iter().enumerate() {
        offset += if at == 0 { 0.0 } else { room(column[at - 1], *place) };
        offsets.push(offset);
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (at, wish) in wishes.iter().enumerate() {
        blocks.push(Block { first: at, sum: wish - offsets[at], count: 1.0 });
        while let [.., above, below] = blocks.as_slice() {
            if above.sum / above.count <= below.sum / below.count {
                break;
            }
            let (sum, count) = (above.sum + below.sum, above.count + below.count);
            blocks.pop();
            if let Some(above) = blocks.last_mut() {
                (above.sum, above.count) = (sum, count);
            }
        }
    }
    let mut ys = Vec::with_capacity(column.len());
    for (at, block) in blocks.iter().enumerate() {
        let end = blocks.get(at + 1).map_or(column.len(), |next| next.first);
        ys.extend((block.first..end).map(|member| block.sum / block.count + offsets[member]));
    }
    ys
}

/// The middle and the width of each column, and the width of all.
fn across(columns: &[Vec<usize>], vertices: usize, widths: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
    let mut x = 0.0;
    let mut xs = Vec::with_capacity(columns.len());
    let mut column_widths = Vec::with_capacity(columns.len());
    for column in columns {
        let width =
            column.iter().filter(|place| **place < vertices).map(|place| widths[*place]).fold(0.0, f64::max);
        xs.push(x + width / 2.0);
        column_widths.push(width);
        x += width + GAP_ACROSS;
    }
    (xs, column_widths, (x - GAP_ACROSS).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay(count: usize, edges: &[(usize, usize)]) -> Layout {
        layout(&Sizes { widths: vec![100.0; count], height: 30.0, edges: edges.to_vec() })
    }

    #[test]
    fn everything_stands_right_of_what_comes_before_it() {
        let edges = [(0, 1), (1, 2), (0, 2), (3, 2), (0, 4)];
        let laid = lay(5, &edges);
        for (from, to) in edges {
            assert!(laid.vertices[from].x < laid.vertices[to].x, "{from} {to}");
        }
        assert_eq!(laid.bends[2].len(), 1);
        assert_eq!(laid.vertices[3].x, laid.vertices[1].x, "a late start stands next to its successor");
    }

    #[test]
    fn nothing_overlaps_within_a_column() {
        let edges: Vec<_> = (1..20).map(|at| (0, at)).collect();
        let laid = lay(20, &edges);
        let mut ys: Vec<f64> = laid.vertices[1..].iter().map(|point| point.y).collect();
        ys.sort_by(f64::total_cmp);
        assert!(ys.windows(2).all(|pair| pair[1] - pair[0] >= 30.0), "{ys:?}");
    }

    #[test]
    fn a_ladder_is_drawn_without_crossings() {
        // Two chains declared crosswise.
        let laid = lay(6, &[(0, 3), (3, 4), (1, 2), (2, 5)]);
        let above = |a: usize, b: usize| laid.vertices[a].y < laid.vertices[b].y;
        assert_eq!(above(0, 1), above(3, 2));
        assert_eq!(above(0, 1), above(4, 5));
    }

    #[test]
    fn nothing_is_laid_out_as_nothing() {
        let laid = lay(0, &[]);
        assert_eq!((laid.width, laid.vertices.len()), (0.0, 0));
    }
}
