//! What the scripted resources want, and how that becomes a catalog.

use crate::graph::Claims;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use homeostat_model::catalog::{EdgeDecl, SendDecl};
use homeostat_model::meta::{Limit, Retry, Semaphore};
use homeostat_model::{Catalog, Digest, Meta, Params, ResourceDecl, ResourceId, Value};

use super::super::*;
use crate::journal::{Former, Undo};
use crate::resource::{Claim, Need};

/// The number that stands for nothing.
pub(super) const ABSENT: i64 = -1_000_000;

/// What is declared of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Desired {
    pub(super) want: i64,
    pub(super) batch: Option<u8>,
    /// Bits: which of two semaphores.
    pub(super) semas: u8,
    pub(super) noop: bool,
    pub(super) retry: Option<u16>,
    pub(super) hidden: bool,
    pub(super) reverse: bool,
    pub(super) realize: bool,
    pub(super) poll: bool,
    pub(super) limit: bool,
    pub(super) provides: Option<u8>,
    pub(super) needs: Option<u8>,
    pub(super) elsewhere: bool,
    pub(super) publish: bool,
}

impl Desired {
    pub(super) fn new(want: i64) -> Self {
        Self { want, ..Self::default() }
    }

    pub(super) fn semaphores(&self) -> BTreeSet<u8> {
        (0..2).filter(|name| self.semas >> name & 1 == 1).collect()
    }

    fn meta(&self) -> Arc<Meta> {
        let semaphore = |name| Semaphore { name: format!("s{name}").into(), count: NonZeroU32::MIN };
        Arc::new(Meta {
            noop: self.noop,
            semaphores: self.semaphores().into_iter().map(semaphore).collect(),
            retry: self.retry.map_or(Retry::Forever, Retry::Times),
            retry_given: self.retry.is_some(),
            hidden: self.hidden,
            reverse: self.reverse,
            realize: self.realize,
            poll_seconds: if self.poll { 7 } else { 0 },
            publish: self.publish,
            limit: self.limit.then_some(Limit { per_second: 2.0, burst: 2 }),
            ..Meta::default()
        })
    }

    pub(super) fn decl(&self, number: u8) -> ResourceDecl {
        let small = |value: Option<u8>| Value::Int(value.map_or(-1, i64::from));
        let params = [
            ("want", Value::Int(self.want)),
            ("batch", small(self.batch)),
            ("provides", small(self.provides)),
            ("needs", small(self.needs)),
        ];
        ResourceDecl { meta: self.meta(), ..ResourceDecl::new(id(number), params.into_iter().collect()) }
    }

    fn claims(&self) -> Claims {
        let user = |name: u8| Claim::User(name.to_string().into());
        Claims {
            provides: self.provides.map(user).into_iter().collect(),
            needs: self.needs.map(|name| Need::Claim(user(name))).into_iter().collect(),
        }
    }

    pub(super) fn incoming(&self, number: u8, former: Option<Former>) -> Incoming<Desired> {
        let decl = self.decl(number);
        Incoming {
            id: decl.id.clone(),
            resource: self.clone(),
            claims: self.claims(),
            digest: decl.digest(),
            meta: decl.meta,
            origin: decl.origin,
            undoes: false,
            former,
        }
    }
}

/// What brings back a number.
pub(super) fn undoing(id: &ResourceId, undo: &Undo) -> Incoming<Desired> {
    let (number, meta) = (number_in(&undo.params), undo.former.meta_to_undo());
    let semas =
        meta.semaphores.iter().fold(0, |bits, semaphore| bits | 1 << u8::from(&*semaphore.name == "s1"));
    Incoming {
        id: id.clone(),
        resource: Desired { semas, ..Desired::new(number) },
        claims: Claims::default(),
        digest: Digest::of(&("undo", number, &*meta)),
        meta,
        origin: None,
        undoes: true,
        former: Some(undo.former.clone()),
    }
}

/// As a journal keeps it.
pub(super) fn note(kept: &mut BTreeMap<ResourceId, Undo>, record: &Record) {
    match record {
        Record::Undo(id, undo) => {
            kept.entry(id.clone()).or_insert_with(|| undo.clone()).former = undo.former.clone();
        }
        Record::Former(id, former) => {
            if let Some(known) = kept.get_mut(id) {
                known.former = former.clone();
            }
        }
        Record::ForgetUndo(id) => {
            kept.remove(id);
        }
        Record::Owe(_)
        | Record::Clear(_)
        | Record::Done(..)
        | Record::ForgetDone(_)
        | Record::Count(..)
        | Record::ForgetCount(_) => {}
    }
}

pub(super) fn captured(number: i64) -> Params {
    [("want", Value::Int(number))].into_iter().collect()
}

pub(super) fn number_in(params: &Params) -> i64 {
    match params.get("want") {
        Some(Value::Int(number)) => *number,
        other => panic!("{other:?} is no number"),
    }
}

impl Subject for Desired {
    fn same_watches(&self, _newer: &Self) -> bool {
        true
    }

    fn batch_key(&self) -> Option<Arc<str>> {
        self.batch.map(|key| key.to_string().into())
    }

    fn repairs(&self) -> bool {
        true
    }

    fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }
}

pub(super) fn id(number: u8) -> ResourceId {
    ResourceId::new("test", number.to_string())
}

/// What everybody wants, as the user wrote it.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    pub(super) resources: BTreeMap<u8, Desired>,
    /// From, to: whether it notifies.
    pub(super) edges: BTreeMap<(u8, u8), bool>,
    /// Receivers: from whom.
    pub(super) sends: BTreeMap<u8, u8>,
}

impl Text {
    pub(super) fn of(&self, wanted: &ResourceId) -> Option<&Desired> {
        self.resources.iter().find(|(number, _)| id(**number) == *wanted).map(|(_, desired)| desired)
    }

    pub(super) fn catalog(&self) -> Catalog {
        let edge = |((from, to), notify): (&(u8, u8), &bool)| EdgeDecl {
            notify: *notify,
            ..EdgeDecl::before(id(*from), id(*to))
        };
        let send = |(to, from): (&u8, &u8)| SendDecl {
            from: id(*from),
            key: "number".into(),
            to: id(*to),
            param: "received".into(),
            origin: None,
        };
        Catalog {
            resources: self.resources.iter().map(|(number, desired)| desired.decl(*number)).collect(),
            edges: self.edges.iter().map(edge).collect(),
            sends: self.sends.iter().map(send).collect(),
            ..Catalog::default()
        }
    }

    /// Edges and sends go with either of their ends, and a sender or receiver that is declared anew has none of before.
    pub(super) fn without(&mut self, resource: u8) {
        self.resources.remove(&resource);
        self.edges.retain(|(from, to), _| *from != resource && *to != resource);
        self.sends.retain(|to, from| *from != resource && *to != resource);
    }

    /// Whose values one gets, and whose those get in turn.
    pub(super) fn senders(&self, number: u8) -> impl Iterator<Item = u8> {
        let sender = |to: &u8| self.sends.get(to).copied();
        std::iter::successors(sender(&number), sender)
    }

    pub(super) fn explicit(&self) -> BTreeSet<(u8, u8)> {
        self.edges.keys().copied().chain(self.sends.iter().map(|(to, from)| (*from, *to))).collect()
    }

    pub(super) fn automatic(&self) -> BTreeSet<(u8, u8)> {
        let needers = self.resources.iter().filter_map(|(to, desired)| Some((*to, desired.needs?)));
        let providers = |name: u8| {
            self.resources
                .iter()
                .filter(move |(_, desired)| desired.provides == Some(name))
                .map(|(at, _)| *at)
        };
        needers
            .flat_map(|(to, name)| providers(name).map(move |from| (from, to)))
            .filter(|(a, b)| a != b)
            .collect()
    }
}

pub(super) fn has_cycle(edges: &BTreeSet<(u8, u8)>) -> bool {
    let mut left: BTreeSet<u8> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
    while let Some(free) =
        left.iter().copied().find(|at| !edges.iter().any(|(from, to)| to == at && left.contains(from)))
    {
        left.remove(&free);
    }
    !left.is_empty()
}
