//! Links at the end of a watched path: what they lead to is watched too, and where they lead is looked up again whenever their
//! vertex is woken, before it looks itself.

use std::collections::BTreeMap;

use homeostat_engine::{AbsPath, VertexKey};

use super::armed::{Armed, LINKS_MAX, TRIES_MAX};
use super::look::Root;
use super::table::Interest;

/// By vertex, the paths whose links are followed.
#[derive(Debug, Default)]
pub(super) struct Targets(BTreeMap<VertexKey, Vec<Target>>);

#[derive(Debug)]
struct Target {
    path: AbsPath,
    /// Where the link at `path` leads, link by link, and the watches of that.
    way: Vec<(AbsPath, Interest)>,
}

impl Targets {
    pub(super) fn add(&mut self, vertex: VertexKey, path: &AbsPath) {
        self.0.entry(vertex).or_default().push(Target { path: path.clone(), way: Vec::new() });
    }

    pub(super) fn remove(&mut self, vertex: VertexKey) {
        self.0.remove(&vertex);
    }

    pub(super) fn has(&self, vertex: VertexKey) -> bool {
        self.0.contains_key(&vertex)
    }
}

impl Armed {
    /// Brings what is watched for a vertex in step with where its links lead now. It is looked at again after it was armed.
    pub(super) fn follow_targets(&mut self, vertex: VertexKey) {
        let Some(mut targets) = self.targets.0.remove(&vertex) else { return };
        for target in &mut targets {
            for _ in 0..TRIES_MAX {
                let way = self.root.way_on(&target.path);
                if way.iter().eq(target.way.iter().map(|(path, _)| path)) {
                    break;
                }
                let armed = way.into_iter().map(|path| {
                    let interest = self.arm_entry(&path, vertex);
                    (path, interest)
                });
                let before = std::mem::replace(&mut target.way, armed.collect());
                for (_, interest) in before {
                    self.disarm_one(vertex, &interest);
                }
            }
        }
        self.targets.0.insert(vertex, targets);
    }
}

impl Root {
    /// Where the link at a path leads, and the link there, and so on; nothing if there is none. What lies on another host, perhaps one
    /// that hangs, is not looked at.
    fn way_on(&self, path: &AbsPath) -> Vec<AbsPath> {
        let mut way: Vec<AbsPath> = Vec::new();
        while way.len() < LINKS_MAX {
            let Some(next) = self.link_at(way.last().unwrap_or(path)) else { break };
            if next == *path || way.contains(&next) {
                break;
            }
            way.push(next);
        }
        way
    }
}
