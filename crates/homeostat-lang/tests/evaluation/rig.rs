//! A program, and a world that says what a test wants it to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homeostat_lang::Value;
use homeostat_lang::eval::collector::Unknowns;
use homeostat_lang::eval::flow::{Asking, SubscriptionId};
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::functions::{Answer, Error, SourceRequest};
use homeostat_lang::modules::{Files, Unreadable, load};
use homeostat_lang::program::{Checked, check};
use homeostat_model::catalog::CollectDecl;
use homeostat_model::{Catalog, CatalogDelta, Diagnostic, ResourceDecl, ResourceId, SourceMap};

use crate::kinds::TextKinds;

pub(crate) const HOSTNAME: &str = "host";

/// Files by their paths.
pub(crate) struct Texts(BTreeMap<String, Arc<str>>);

impl Texts {
    pub(crate) fn main(text: &str) -> Self {
        Self(BTreeMap::from([("/main.mcl".to_owned(), text.into())]))
    }
}

impl Files for Texts {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        self.0.get(path).cloned().ok_or(Unreadable::Missing)
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }
}

pub(crate) fn kinds() -> TextKinds {
    TextKinds::parse(include_str!("kinds.txt"))
}

/// Reads and checks a program of one file.
pub(crate) fn checked(text: &str) -> Result<Checked, Vec<Diagnostic>> {
    let mut sources = SourceMap::new();
    let modules = load("/main.mcl", &Texts::main(text), &mut sources).map_err(|wrong| vec![*wrong])?;
    Ok(check(modules, &kinds())?)
}

/// What the world says of each question; nothing of those that are not in it.
pub(crate) type World = BTreeMap<SourceRequest, Answer>;

/// A program that runs, and all that it has said.
pub(crate) struct Rig {
    pub(crate) evaluator: Evaluator,
    world: World,
    open: BTreeMap<SubscriptionId, SourceRequest>,
    pub(crate) has_given: bool,
    pub(crate) given: Given,
    /// What the last step set, removed and so on, for tests of how much that is.
    pub(crate) last: Option<CatalogDelta>,
}

/// Everything that was given, put together.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) resources: BTreeMap<ResourceId, ResourceDecl>,
    edges: BTreeMap<(ResourceId, ResourceId), bool>,
    sends: BTreeMap<(ResourceId, Arc<str>), (ResourceId, Arc<str>)>,
    exports: BTreeMap<ResourceId, Vec<String>>,
    collects: Vec<CollectDecl>,
}

impl Given {
    pub(crate) fn apply(&mut self, delta: &CatalogDelta) {
        for id in &delta.remove {
            assert!(self.resources.remove(id).is_some(), "{id} was there");
            self.edges.retain(|(from, to), _| from != id && to != id);
            self.sends.retain(|(to, _), (from, _)| from != id && to != id);
        }
        delta.set.iter().for_each(|one| drop(self.resources.insert(one.id.clone(), one.clone())));
        self.edges.retain(|key, _| !delta.remove_edges.contains(key));
        for edge in &delta.set_edges {
            self.edges.insert((edge.from.clone(), edge.to.clone()), edge.notify);
        }
        delta.remove_sends.iter().for_each(|key| drop(self.sends.remove(key)));
        for send in &delta.set_sends {
            let key = (send.to.clone(), send.param.clone());
            self.sends.insert(key, (send.from.clone(), send.key.clone()));
        }
        delta.remove_exports.iter().for_each(|id| drop(self.exports.remove(id)));
        for export in &delta.set_exports {
            let params = serde_json::to_string(&export.resource.params).expect("parameters are data");
            let line = format!("{params} to {}", export.hosts.join(","));
            self.exports.entry(export.resource.id.clone()).or_default().push(line);
        }
        if let Some(collects) = &delta.collects {
            self.collects.clone_from(collects);
        }
    }

    pub(crate) fn of(catalog: Catalog) -> Self {
        let mut given = Self::default();
        given.apply(&CatalogDelta {
            set: catalog.resources,
            set_edges: catalog.edges,
            set_sends: catalog.sends,
            set_exports: catalog.exports,
            collects: Some(catalog.collects),
            ..CatalogDelta::default()
        });
        given
    }

    /// A line for everything, in a fixed order.
    pub(crate) fn lines(&self) -> Vec<String> {
        let resources = self.resources.values().map(|resource| {
            let params = serde_json::to_string(&resource.params).expect("parameters are data");
            let hidden = if resource.meta.hidden { " hidden" } else { "" };
            let noop = if resource.meta.noop { " noop" } else { "" };
            format!("{} {params}{hidden}{noop}", resource.id)
        });
        let edges = self.edges.iter().map(|((from, to), notify)| {
            let arrow = if *notify { "=>" } else { "->" };
            format!("{from} {arrow} {to}")
        });
        let sends =
            self.sends.iter().map(|((to, param), (from, key))| format!("{from}.{key} -> {to}.{param}"));
        let exports = self
            .exports
            .iter()
            .flat_map(|(id, forms)| forms.iter().map(move |form| format!("exports {id} {form}")));
        let collects = self.collects.iter().map(|collect| {
            let said = [&collect.params, &collect.meta].map(|given| format!("{given:?}"));
            format!("collects {}[{:?}] of {:?} {said:?}", collect.kind, collect.name, collect.from)
        });
        resources.chain(edges).chain(sends).chain(exports).chain(collects).collect()
    }
}

impl Rig {
    /// Starts a program that is right.
    pub(crate) fn start(text: &str) -> Self {
        Self::start_in(text, World::new(), Unknowns::Wait)
    }

    pub(crate) fn start_in(text: &str, world: World, unknowns: Unknowns) -> Self {
        let checked = checked(text).unwrap_or_else(|wrong| panic!("{wrong:#?}\n{text}"));
        let program = Program::new(checked, Arc::new(kinds()), HOSTNAME.into());
        let mut rig = Self {
            evaluator: Evaluator::new(program, unknowns),
            world,
            open: BTreeMap::new(),
            has_given: false,
            given: Given::default(),
            last: None,
        };
        rig.settle();
        rig
    }

    /// The world says something, and the program follows.
    pub(crate) fn say(&mut self, request: SourceRequest, answer: impl IntoAnswer) -> &mut Self {
        self.say_all([(request, answer.answer())])
    }

    /// All at once.
    pub(crate) fn say_all(&mut self, news: impl IntoIterator<Item = (SourceRequest, Answer)>) -> &mut Self {
        for (request, answer) in news {
            for (id, asked) in &self.open {
                if *asked == request {
                    self.evaluator.answer(*id, answer.clone());
                }
            }
            self.world.insert(request, answer);
        }
        self.settle();
        self
    }

    /// Until nothing is asked that the world knows and has not said.
    fn settle(&mut self) {
        self.last = None;
        loop {
            if let Some(delta) = self.evaluator.settle() {
                self.has_given = true;
                self.given.apply(&delta);
                self.last = Some(delta);
            }
            let mut has_answered = false;
            for asking in self.evaluator.take_askings() {
                match asking {
                    Asking::Begin(id, request) => {
                        if let Some(answer) = self.world.get(&request) {
                            self.evaluator.answer(id, answer.clone());
                            has_answered = true;
                        }
                        self.open.insert(id, request);
                    }
                    Asking::End(id) => {
                        assert!(self.open.remove(&id).is_some(), "what ends has begun");
                    }
                }
            }
            if !has_answered {
                return;
            }
        }
    }

    /// What is asked at present.
    pub(crate) fn asked(&self) -> BTreeSet<&SourceRequest> {
        self.open.values().collect()
    }

    /// What the program desires, and whether anything keeps it from saying more.
    pub(crate) fn shows(&self) -> Vec<String> {
        let mut lines = self.given.lines();
        lines.extend(self.evaluator.diagnostics().iter().map(|wrong| format!("error: {}", wrong.message)));
        lines
    }
}

/// What can be said.
pub(crate) trait IntoAnswer {
    fn answer(self) -> Answer;
}

impl IntoAnswer for Answer {
    fn answer(self) -> Answer {
        self
    }
}

impl IntoAnswer for Value {
    fn answer(self) -> Answer {
        Ok(self)
    }
}

impl IntoAnswer for &str {
    fn answer(self) -> Answer {
        Ok(Value::from(self))
    }
}

impl IntoAnswer for i64 {
    fn answer(self) -> Answer {
        Ok(Value::Int(self))
    }
}

impl IntoAnswer for bool {
    fn answer(self) -> Answer {
        Ok(Value::Bool(self))
    }
}

impl IntoAnswer for &[&str] {
    fn answer(self) -> Answer {
        Ok(Value::list(self.iter().map(|text| Value::from(*text))))
    }
}

/// What a file holds.
pub(crate) fn file(path: &str) -> SourceRequest {
    SourceRequest::File { path: path.into() }
}

/// Whether there is a file.
pub(crate) fn exists(path: &str) -> SourceRequest {
    SourceRequest::FileExists { path: path.into() }
}

/// A list of texts.
pub(crate) fn list(name: &str) -> SourceRequest {
    SourceRequest::Schedule { namespace: name.into() }
}

/// A map of texts.
pub(crate) fn map(name: &str) -> SourceRequest {
    SourceRequest::StoreByHost { namespace: name.into() }
}

pub(crate) fn missing() -> Answer {
    Err(Error::catchable("no such file"))
}
