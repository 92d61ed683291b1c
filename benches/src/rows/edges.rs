//! Automatic edges of a tree of files.

use std::time::Instant;

use homeostat_engine::{GraphView, Registry};
use homeostat_kinds::KINDS;
use homeostat_model::{Catalog, Params, ResourceDecl, ResourceId, Value};

use crate::Settings;
use crate::report::{Budget, Figure, Row};
use crate::running::refused;

/// Ten directories in each of ten in each of ten, nine files in each of the thousand lowest: with the directories themselves
/// 10,111 resources, each but the top one with an edge.
const FAN: usize = 10;
const FILES: usize = 9;
const MOST: f64 = 10e-3;

/// A difference of two times that vary: of each, the best of so many.
const TRIES: usize = 5;

/// What a graph with automatic edges costs beyond the same one without. The edges are sorted for the view too, which the
/// running engine does not do: it takes less.
pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let registry = Registry::new(KINDS.iter().copied());
    let catalog = tree();
    let mut beyond = Vec::new();
    for _ in 0..settings.runs {
        let (without, edges) = view(&catalog, &registry, false)?;
        anyhow::ensure!(edges == 0, "{edges} edges that nobody declared");
        let (with, edges) = view(&catalog, &registry, true)?;
        anyhow::ensure!(edges == catalog.resources.len() - 1, "{edges} edges");
        beyond.push(with - without);
    }
    add(Row {
        what: format!("automatic edges of a tree of {} files", catalog.resources.len()),
        figure: Figure::seconds(beyond),
        yardstick: None,
        budget: Budget::AtMost(MOST),
    });
    Ok(())
}

fn view(catalog: &Catalog, registry: &Registry, autoedges: bool) -> anyhow::Result<(f64, usize)> {
    let mut best = (f64::INFINITY, 0);
    for _ in 0..TRIES {
        let started = Instant::now();
        let view = GraphView::of(catalog, registry, autoedges).map_err(refused)?;
        best = (best.0.min(started.elapsed().as_secs_f64()), view.edges.len());
    }
    Ok(best)
}

fn tree() -> Catalog {
    let mut resources = Vec::new();
    let mut add = |path: String| {
        let params: Params = [("state", Value::str("exists"))].into_iter().collect();
        resources.push(ResourceDecl::new(ResourceId::new("file", path), params));
    };
    add("/srv/tree/".to_owned());
    for a in 0..FAN {
        add(format!("/srv/tree/{a}/"));
        for b in 0..FAN {
            add(format!("/srv/tree/{a}/{b}/"));
            for c in 0..FAN {
                add(format!("/srv/tree/{a}/{b}/{c}/"));
                (0..FILES).for_each(|file| add(format!("/srv/tree/{a}/{b}/{c}/f{file}")));
            }
        }
    }
    Catalog { resources, ..Catalog::default() }
}
