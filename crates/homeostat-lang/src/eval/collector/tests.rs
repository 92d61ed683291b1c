use std::sync::Arc;

use homeostat_model::catalog::CollectDecl;
use homeostat_model::{EdgeDecl, Meta, Params, ResourceDecl, SendDecl, Span, Value};

use super::*;
use crate::eval::Outcome;
use crate::eval::flow::Flow;

struct Rig {
    flow: Flow,
    collector: Collector,
}

impl Rig {
    fn new(unknowns: Unknowns) -> Self {
        Self { flow: Flow::default(), collector: Collector::new(unknowns) }
    }

    fn op(&mut self) -> OpId {
        self.flow.constant(Outcome::NOTHING)
    }

    /// What a report changes, as text; or why nothing is given.
    fn tell(&mut self, op: OpId, report: Report) -> String {
        self.collector.take(vec![(op, report)]);
        let Some(delta) = self.collector.give() else {
            let messages = self.collector.diagnostics().into_iter().map(|diagnostic| diagnostic.message);
            return format!("held: {}", messages.collect::<Vec<_>>().join("; "));
        };
        let mut said = Vec::new();
        said.extend(delta.set.iter().map(|resource| format!("+{}{}", resource.id, states(resource))));
        said.extend(delta.remove.iter().map(|id| format!("-{id}")));
        said.extend(
            delta
                .set_edges
                .iter()
                .map(|edge| format!("+{}>{}{}", edge.from, edge.to, if edge.notify { "!" } else { "" })),
        );
        said.extend(delta.remove_edges.iter().map(|(from, to)| format!("-{from}>{to}")));
        said.extend(delta.set_sends.iter().map(|send| format!("+{}.{}={}", send.to, send.param, send.from)));
        said.extend(delta.remove_sends.iter().map(|(to, param)| format!("-{to}.{param}")));
        said.join(" ")
    }
}

fn states(resource: &ResourceDecl) -> String {
    resource.params.get("state").and_then(Value::as_str).map_or(String::new(), |state| format!("={state}"))
}

fn id(name: &str) -> ResourceId {
    ResourceId::new("test", name)
}

fn resource(kind: &str, name: &str, state: Option<&str>) -> ResourceDecl {
    let params: Params = state.map(|state| ("state", Value::from(state))).into_iter().collect();
    ResourceDecl::new(ResourceId::new(kind, name), params)
}

fn declares(resources: Vec<ResourceDecl>) -> Report {
    Report::Pieces(Pieces { resources, ..Pieces::default() })
}

fn edges(edges: Vec<EdgeDecl>) -> Report {
    Report::Pieces(Pieces { edges, ..Pieces::default() })
}

#[test]
fn equal_resources_are_one_for_as_long_as_one_is_there() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (one, other) = (rig.op(), rig.op());
    assert_eq!(rig.tell(one, declares(vec![resource("test", "a", Some("x"))])), "+test[a]=x");
    assert_eq!(rig.tell(other, declares(vec![resource("test", "a", Some("x"))])), "");
    assert_eq!(rig.tell(one, Report::Gone), "");
    assert_eq!(rig.tell(other, Report::Gone), "-test[a]");
}

#[test]
fn different_resources_of_one_name_hold_everything_until_they_agree() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (one, other, third) = (rig.op(), rig.op(), rig.op());
    rig.tell(one, declares(vec![resource("test", "a", Some("x"))]));
    let held = "held: `test[a]` is declared twice, with different `state`";
    assert_eq!(rig.tell(other, declares(vec![resource("test", "a", Some("y"))])), held);
    assert_eq!(rig.tell(third, declares(vec![resource("test", "b", None)])), held);
    assert_eq!(rig.tell(one, Report::Gone), "+test[a]=y +test[b]");
}

#[test]
fn whoever_refers_to_what_contradicts_itself_is_not_to_blame() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (ends, between) = (rig.op(), rig.op());
    let twice = || vec![resource("test", "a", Some("x")), resource("test", "a", Some("y"))];
    let held = "held: `test[a]` is declared twice, with different `state`";
    rig.tell(ends, declares([twice(), vec![resource("test", "b", None)]].concat()));
    assert_eq!(rig.tell(between, edges(vec![EdgeDecl::before(id("a"), id("b"))])), held);
    let missing = "held: the edge refers to `test[a]`, which is not declared";
    assert_eq!(rig.tell(ends, declares(vec![resource("test", "b", None)])), missing);
    assert_eq!(
        rig.tell(ends, declares(twice())),
        format!("{held}; the edge refers to `test[b]`, which is not declared")
    );
}

#[test]
fn packages_merge_where_they_ask_for_presence() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (one, other, third) = (rig.op(), rig.op(), rig.op());
    assert_eq!(rig.tell(one, declares(vec![resource("pkg", "a", Some("installed"))])), "+pkg[a]=installed");
    assert_eq!(rig.tell(other, declares(vec![resource("pkg", "a", Some("newest"))])), "+pkg[a]=newest");
    assert!(rig.tell(third, declares(vec![resource("pkg", "a", Some("1.2"))])).starts_with("held"));
    assert_eq!(rig.tell(third, Report::Gone), "");
    assert_eq!(rig.tell(other, Report::Gone), "+pkg[a]=installed");
}

#[test]
fn hidden_resources_stand_beside_others() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (hidden, other) = (rig.op(), rig.op());
    let mut secret = resource("test", "a", Some("hidden"));
    secret.meta = Arc::new(Meta { hidden: true, ..Meta::default() });
    assert_eq!(rig.tell(hidden, declares(vec![secret])), "+test[a]=hidden");
    assert_eq!(rig.tell(other, declares(vec![resource("test", "a", Some("x"))])), "+test[a]=x");
}

#[test]
fn of_hidden_resources_the_same_is_taken_whoever_declared_it_first() {
    let secret = |state: &str| {
        let mut secret = resource("test", "a", Some(state));
        secret.meta = Arc::new(Meta { hidden: true, ..Meta::default() });
        declares(vec![secret])
    };
    let taken = |both: [&str; 2]| {
        let mut rig = Rig::new(Unknowns::Wait);
        let ops = [rig.op(), rig.op()];
        rig.collector.take(ops.into_iter().zip(both.map(secret)).collect());
        rig.collector.give().map(|delta| delta.set.iter().map(states).collect::<String>())
    };
    assert_eq!(taken(["x", "y"]), taken(["y", "x"]));
}

#[test]
fn what_becomes_hidden_cannot_send_any_more() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (from, to, between) = (rig.op(), rig.op(), rig.op());
    let send = SendDecl { from: id("a"), key: "x".into(), to: id("b"), param: "y".into(), origin: None };
    let edges = vec![EdgeDecl::before(id("a"), id("b"))];
    rig.tell(to, declares(vec![resource("test", "b", None)]));
    rig.tell(between, Report::Pieces(Pieces { sends: vec![send], edges, ..Pieces::default() }));
    rig.tell(from, declares(vec![resource("test", "a", None)]));
    let mut hidden = resource("test", "a", None);
    hidden.meta = Arc::new(Meta { hidden: true, ..Meta::default() });
    let held = "held: `test[a]` is hidden, so it never has anything to send";
    assert_eq!(rig.tell(from, declares(vec![hidden])), held);
    assert_eq!(rig.tell(from, declares(vec![resource("test", "a", None)])), "");
}

#[test]
fn collects_of_one_name_have_one_order_whoever_declared_them_first() {
    let collect = |state: &str| CollectDecl {
        name: Some("a".into()),
        params: [("state", Value::from(state))].into_iter().collect(),
        ..CollectDecl::of_kind(homeostat_model::KindName::new("test"))
    };
    let ordered = |states: [&str; 3]| {
        let mut rig = Rig::new(Unknowns::Wait);
        for state in states {
            let op = rig.op();
            let collects = vec![collect(state)];
            rig.tell(op, Report::Pieces(Pieces { collects, ..Pieces::default() }));
        }
        rig.collector.collects.all()
    };
    let wanted = ["x", "y"].map(collect);
    assert_eq!(ordered(["x", "y", "x"]), wanted);
    assert_eq!(ordered(["y", "x", "y"]), wanted);
}

#[test]
fn an_edge_waits_for_both_of_its_ends_wherever_they_come_from() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (one, other, between) = (rig.op(), rig.op(), rig.op());
    let edge = edges(vec![EdgeDecl::notify(id("a"), id("b"))]);
    let held = |end: &str| format!("held: the edge refers to `test[{end}]`, which is not declared");
    assert_eq!(rig.tell(between, edge), held("a"));
    assert_eq!(rig.tell(one, declares(vec![resource("test", "a", None)])), held("b"));
    assert_eq!(
        rig.tell(other, declares(vec![resource("test", "b", None)])),
        "+test[a] +test[b] +test[a]>test[b]!"
    );
    assert_eq!(rig.tell(other, Report::Gone), held("b"));
    assert_eq!(rig.tell(between, Report::Gone), "-test[b] -test[a]>test[b]");
}

#[test]
fn an_edge_notifies_as_long_as_one_of_its_declarations_does() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (ends, one, other) = (rig.op(), rig.op(), rig.op());
    rig.tell(ends, declares(vec![resource("test", "a", None), resource("test", "b", None)]));
    assert_eq!(rig.tell(one, edges(vec![EdgeDecl::before(id("a"), id("b"))])), "+test[a]>test[b]");
    assert_eq!(rig.tell(other, edges(vec![EdgeDecl::notify(id("a"), id("b"))])), "+test[a]>test[b]!");
    assert_eq!(rig.tell(other, Report::Gone), "+test[a]>test[b]");
}

#[test]
fn a_parameter_is_received_from_one() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (ends, one, other) = (rig.op(), rig.op(), rig.op());
    rig.tell(ends, declares(["a", "b", "c"].map(|name| resource("test", name, None)).into()));
    let sends = |from: &str| {
        let send = SendDecl { from: id(from), key: "x".into(), to: id("c"), param: "y".into(), origin: None };
        Report::Pieces(Pieces { sends: vec![send], ..Pieces::default() })
    };
    assert_eq!(rig.tell(one, sends("a")), "+test[c].y=test[a]");
    assert_eq!(rig.tell(other, sends("b")), "held: `test[c]` receives `y` from two resources");
    assert_eq!(rig.tell(one, Report::Gone), "+test[c].y=test[b]");
    assert_eq!(rig.tell(other, Report::Gone), "-test[c].y");
}

#[test]
fn an_error_keeps_what_was_given_and_its_end_brings_what_changed() {
    let mut rig = Rig::new(Unknowns::Wait);
    let (one, other) = (rig.op(), rig.op());
    rig.tell(one, declares(vec![resource("test", "a", None)]));
    let failure = Failure::new(homeostat_model::codes::FAILED, "no such file");
    assert_eq!(rig.tell(one, Report::Failed(failure, Pieces::default())), "held: no such file");
    assert_eq!(rig.tell(other, declares(vec![resource("test", "b", None)])), "held: no such file");
    assert_eq!(rig.tell(one, declares(vec![resource("test", "c", None)])), "+test[b] +test[c] -test[a]");
}

#[test]
fn what_is_unknown_is_waited_for_or_left_out_with_edges_to_it() {
    let place = Span::start_of(homeostat_model::SourceId(0));
    let unknown = || Unknown { place, part: UnknownPart::Block, because: None };
    let mut rig = Rig::new(Unknowns::Wait);
    let op = rig.op();
    assert_eq!(rig.tell(op, Report::Pieces(Pieces::unknown(unknown()))), "held: ");
    let mut rig = Rig::new(Unknowns::LeaveOut);
    let (block, end, edge) = (rig.op(), rig.op(), rig.op());
    rig.tell(block, Report::Pieces(Pieces::unknown(unknown())));
    assert_eq!(rig.tell(edge, edges(vec![EdgeDecl::before(id("a"), id("b"))])), "");
    assert_eq!(rig.tell(end, declares(vec![resource("test", "a", None)])), "+test[a]");
    assert_eq!(rig.collector.unknown(), [&unknown()]);
}
