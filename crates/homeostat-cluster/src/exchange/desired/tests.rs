//! What a host makes of what others export, without a store.

use homeostat_engine::{Applied, Check, Context, Failure, Kind, NoDrift, ParamError, Resource};
use homeostat_model::catalog::ExportDecl;
use homeostat_model::{EdgeDecl, SendDecl, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::*;

/// Like a file, as far as anything here looks.
struct Paper;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PaperParams {
    #[serde(rename = "path")]
    _path: String,
    #[serde(default, rename = "content")]
    _content: String,
}

impl Resource for Paper {
    const KIND: &'static str = "file";
    const DOC: &'static str = "";

    type Params = PaperParams;
    type Drift = NoDrift;
    type Prefetched = ();

    fn new(_name: &std::sync::Arc<str>, _params: PaperParams) -> Result<Self, Vec<ParamError>> {
        Ok(Self)
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<NoDrift>, Failure> {
        Ok(Check::converged())
    }

    async fn apply(&self, _cx: &Context<'_>, drift: NoDrift) -> Result<Applied, Failure> {
        match drift {}
    }
}

fn id(name: &str) -> ResourceId {
    ResourceId::new("file", name)
}

fn paper(name: &str, params: &[(&str, &str)]) -> ResourceDecl {
    let params = params.iter().map(|(name, value)| (*name, Value::from(*value)));
    ResourceDecl::new(id(name), params.collect())
}

fn collect(pattern: Option<&str>, from: &[&str]) -> CollectDecl {
    CollectDecl {
        pattern: pattern.map(Arc::from),
        from: from.iter().map(|host| Arc::from(*host)).collect(),
        ..CollectDecl::of_kind(KindName::new("file"))
    }
}

/// A catalog of the host `us` that collects all files into `/c`.
fn collecting() -> Catalog {
    Catalog { collects: vec![collect(Some("/c/"), &[])], ..Catalog::default() }
}

fn desired(catalog: &Catalog) -> Desired {
    let mut desired = Desired::new("us".into(), Registry::new([Kind::of::<Paper>()]));
    drop(desired.declare(catalog));
    desired
}

fn change(from: &str, name: &str, found: Option<Found>) -> Change {
    Change { of: ExportId { from: from.into(), id: id(name) }, found }
}

fn offered(from: &str, name: &str, content: &str) -> Change {
    let path = format!("/{from}/{name}");
    offered_to(&[], from, paper(name, &[("path", &path), ("content", content)]))
}

fn offered_to(hosts: &[&str], from: &str, resource: ResourceDecl) -> Change {
    let name = resource.id.name.clone();
    let hosts = hosts.iter().map(|host| Arc::from(*host)).collect();
    change(from, &name, Some(Ok(Arc::new(Offer { from: from.into(), resource, hosts }))))
}

fn set(step: &Step) -> Vec<String> {
    let text =
        |decl: &ResourceDecl, param: &str| decl.params.get(param).unwrap().as_str().unwrap().to_owned();
    step.delta.set.iter().map(|decl| format!("{} {}", text(decl, "path"), text(decl, "content"))).collect()
}

#[test]
fn what_others_export_comes_changes_and_goes() {
    let mut desired = desired(&collecting());
    let step = desired.change(vec![offered("a", "x", "1"), offered("b", "y", "1")]);
    assert_eq!(set(&step), ["/c/x 1", "/c/y 1"]);
    let step = desired.change(vec![offered("a", "x", "2"), offered("b", "y", "1")]);
    assert_eq!((set(&step), step.delta.remove.len()), (vec!["/c/x 2".to_owned()], 0));
    let step = desired.change(vec![change("a", "x", None), change("a", "never", None)]);
    assert_eq!((set(&step).len(), step.delta.remove), (0, vec![id("x")]));
    assert_eq!(desired.collected(), 1);
}

#[test]
fn our_own_exports_are_collected_from_the_catalog_and_not_from_the_store() {
    let export = ExportDecl { resource: paper("x", &[("path", "/us/x"), ("content", "1")]), hosts: vec![] };
    let catalog = Catalog { exports: vec![export], ..collecting() };
    let mut desired = desired(&catalog);
    assert_eq!(desired.catalog().resources.len(), 1);
    assert!(desired.change(vec![offered("us", "x", "of old"), change("us", "x", None)]).delta.is_empty());
    drop(desired.declare(&collecting()));
    assert_eq!(desired.catalog().resources.len(), 0);
}

#[test]
fn the_same_of_several_hosts_is_one_and_stays_until_the_last_goes() {
    let catalog = Catalog { collects: vec![collect(Some("/c"), &[])], ..Catalog::default() };
    let mut desired = desired(&catalog);
    let step = desired.change(vec![offered("a", "x", "1"), offered("b", "x", "1")]);
    assert_eq!((set(&step), step.notes.len()), (vec!["/c/x 1".to_owned()], 0));
    assert!(desired.change(vec![change("a", "x", None)]).delta.is_empty());
    assert_eq!(desired.change(vec![change("b", "x", None)]).delta.remove, [id("x")]);
}

#[test]
fn of_two_that_differ_none_is_taken_and_it_is_said_once() {
    let mut desired = desired(&collecting());
    drop(desired.change(vec![offered("a", "x", "1")]));
    let step = desired.change(vec![offered("b", "x", "2"), offered("b", "y", "2")]);
    assert_eq!((set(&step), step.delta.remove), (vec!["/c/y 2".to_owned()], vec![id("x")]));
    assert_eq!(step.notes.len(), 1);
    assert!(step.notes[0].contains("by a and by b"), "{:?}", step.notes);
    let step = desired.change(vec![offered("a", "x", "3")]);
    assert!(step.delta.is_empty() && step.notes.is_empty());
    assert_eq!(set(&desired.change(vec![change("b", "x", None)])), ["/c/x 3"]);
    assert_eq!(desired.left_out().count(), 0);
}

#[test]
fn what_would_be_undone_is_hidden_while_others_say_something_else_of_it() {
    let mut reversible = paper("x", &[("path", "/a/x"), ("content", "1")]);
    reversible.meta = Arc::new(Meta { reverse: true, ..Meta::default() });
    let mut desired = desired(&collecting());
    drop(desired.change(vec![offered_to(&[], "b", reversible)]));
    let hidden = |step: &Step| step.delta.set.iter().map(|one| one.meta.hidden).collect::<Vec<_>>();
    let step = desired.change(vec![offered("a", "x", "2")]);
    assert_eq!((hidden(&step), step.delta.remove, step.notes.len()), (vec![true], vec![], 1));
    let step = desired.change(vec![change("a", "x", None)]);
    assert_eq!((hidden(&step), step.delta.remove), (vec![false], vec![]));
    let step = desired.change(vec![change("b", "x", Some(Err(Unusable::NotForUs)))]);
    assert_eq!((hidden(&step), step.delta.remove), (vec![true], vec![]));
    assert_eq!(desired.change(vec![change("b", "x", None)]).delta.remove, [id("x")]);
}

#[test]
fn what_is_declared_stays_and_says_so_unless_it_is_the_same() {
    let declared = vec![
        paper("x", &[("path", "/c/x"), ("content", "ours")]),
        paper("y", &[("path", "/c/y"), ("content", "1")]),
    ];
    let mut desired = desired(&Catalog { resources: declared, ..collecting() });
    let step = desired.change(vec![offered("a", "x", "1"), offered("a", "y", "1")]);
    assert!(step.delta.is_empty());
    assert_eq!(step.notes.len(), 1);
    assert!(step.notes[0].contains("file[x], exported by a, is declared on us"), "{:?}", step.notes);
    assert_eq!(desired.catalog().resources.len(), 2);
}

#[test]
fn a_wrong_one_fails_alone() {
    let mut desired = desired(&collecting());
    let wrong = offered_to(&[], "a", paper("wrong", &[("path", "/a/x"), ("contnet", "1")]));
    let unread = change("a", "unread", Some(Err(Unusable::Wrong("it is nonsense".into()))));
    let sealed = change("a", "sealed", Some(Err(Unusable::NotForUs)));
    let jailed = offered_to(&[], "a", paper("jailed", &[("path", "/a/.."), ("content", "1")]));
    let step = desired.change(vec![wrong, unread, sealed, jailed, offered("a", "x", "1")]);
    assert_eq!(set(&step), ["/c/x 1"]);
    assert_eq!(step.notes.len(), 3, "{:?}", step.notes);
    assert!(step.notes.iter().all(|note| note.contains("exported by a")));
    // Another host's right one of the same id is taken all the same.
    assert_eq!(set(&desired.change(vec![offered("b", "wrong", "1")])), ["/c/wrong 1"]);
}

#[test]
fn only_what_is_for_us_and_from_those_we_trust_is_taken() {
    let catalog = Catalog { collects: vec![collect(None, &["a", "b*"])], ..Catalog::default() };
    let mut desired = desired(&catalog);
    let to = |hosts: &[&str], name: &str| {
        offered_to(hosts, "a", paper(name, &[("path", "/x"), ("content", name)]))
    };
    let step = desired.change(vec![
        to(&["us"], "mine"),
        to(&["u*", "other"], "ours"),
        to(&["other"], "theirs"),
        offered("b1", "trusted", "1"),
        offered("c", "stranger", "1"),
        change("c", "wrong", Some(Err(Unusable::Wrong("x".into())))),
    ]);
    assert_eq!(set(&step), ["/x mine", "/x ours", "/b1/trusted 1"]);
    assert!(step.notes.is_empty());
}

#[test]
fn edges_wait_for_what_is_collected_and_receivers_too() {
    let declared =
        vec![paper("r", &[("path", "/r")]), paper("s", &[("path", "/s")]), paper("t", &[("path", "/t")])];
    let send = |from: &str, to: &str| SendDecl {
        from: id(from),
        key: "any".into(),
        to: id(to),
        param: "content".into(),
        origin: None,
    };
    let catalog = Catalog {
        resources: declared,
        edges: vec![EdgeDecl::before(id("x"), id("t")), EdgeDecl::before(id("s"), id("t"))],
        sends: vec![send("x", "r"), send("r", "s")],
        ..collecting()
    };
    let mut desired = desired(&catalog);
    let names =
        |catalog: &Catalog| catalog.resources.iter().map(|one| one.id.name.to_string()).collect::<Vec<_>>();
    let now = desired.catalog();
    assert_eq!((names(&now), now.edges.len(), now.sends.len()), (vec!["t".to_owned()], 0, 0));
    let step = desired.change(vec![offered("a", "x", "1")]);
    assert!(step.moves_edges);
    let now = desired.catalog();
    assert_eq!((names(&now).len(), now.edges.len(), now.sends.len()), (4, 2, 2));
    assert_eq!(desired.in_edges(), [id("x")]);
    let note = desired.bar(&id("x"), "it closes a circle");
    assert!(note.contains("exported by a") && note.contains("circle"), "{note}");
    assert_eq!(desired.catalog().resources.len(), 1);
    assert!(!desired.change(vec![offered("a", "z", "1")]).moves_edges);
}

#[test]
fn the_order_of_changes_does_not_matter() {
    let changes = [
        offered("a", "x", "1"),
        offered("b", "x", "2"),
        offered("b", "y", "1"),
        offered("c", "y", "1"),
        change("b", "x", None),
    ];
    let outcome = |order: &[usize]| {
        let mut desired = desired(&collecting());
        order.iter().for_each(|at| drop(desired.change(vec![changes[*at].clone()])));
        (format!("{:?}", desired.catalog().resources), desired.left_out().count())
    };
    // The last must come after the second: they are about the same export.
    let want = outcome(&[0, 1, 2, 3, 4]);
    for order in [[1, 4, 0, 2, 3], [3, 2, 1, 0, 4], [2, 1, 4, 3, 0]] {
        assert_eq!(outcome(&order), want, "{order:?}");
    }
}
