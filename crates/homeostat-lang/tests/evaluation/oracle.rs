//! Whatever has happened before, a program desires what a naive evaluation of all of it would say now.

use std::collections::BTreeSet;
use std::ops::Range;

use homeostat_lang::eval::collector::{Unknown, Unknowns};
use homeostat_lang::eval::naive::{Answers, Asked, Evaluated, World as Among, evaluate};
use homeostat_lang::functions::Answer;
use homeostat_lang::program::Checked;
use homeostat_model::Catalog;
use homeostat_model::circle::{Before, circles};

use crate::generator::{self, Generator, Random, news};
use crate::rig::{Given, HOSTNAME, Rig, World, checked, kinds};

/// As many as take some seconds; HOMEOSTAT_ORACLE_PROGRAMS says how many others, HOMEOSTAT_ORACLE_FIRST which is the first.
const PROGRAMS: u64 = 300;
const BATCHES: usize = 12;

struct Told<'a>(&'a World);

impl Answers for Told<'_> {
    fn answer(&self, asked: &Asked) -> Option<Answer> {
        self.0.get(&asked.request).cloned()
    }
}

/// What a naive evaluation says of the world as it is.
pub(crate) fn naive(checked: &Checked, world: &World) -> Evaluated {
    let kinds = kinds();
    Evaluated::of(evaluate(checked, Among { kinds: &kinds, hostname: HOSTNAME, answers: &Told(world) }))
}

/// What is said of edges that lead back to where they began. A naive evaluation gives them: whoever takes them refuses them.
fn circles_of(catalog: &Catalog) -> BTreeSet<String> {
    let mut edges: Vec<_> = catalog.edges.iter().collect();
    edges.sort_by_key(|edge| (&edge.from, &edge.to));
    circles(edges.into_iter().map(Before::from)).into_iter().map(|circle| circle.message).collect()
}

/// One program and a history of its world.
fn agrees(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let text = Generator::program(&mut random);
    let program = checked(&text).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong:#?}\n{text}"));
    let mut world = generator::world(&mut random);
    let mut rig = Rig::start_in(&text, world.clone(), Unknowns::Wait);
    let mut complete = 0;
    let mut last = None;
    for batch in 0..BATCHES {
        match naive(&program, &world) {
            Evaluated::Complete(catalog) => {
                complete += 1;
                let circles = circles_of(&catalog);
                last = Some(Given::of(catalog).lines());
                let said: BTreeSet<String> =
                    rig.evaluator.diagnostics().into_iter().map(|said| said.message).collect();
                assert_eq!(said, circles, "seed {seed}, batch {batch}: {:?}\n{text}", rig.shows());
            }
            Evaluated::Partial(..) => {}
            Evaluated::Failed(wrong) => {
                let said = rig.evaluator.diagnostics();
                assert!(
                    !said.is_empty(),
                    "seed {seed}, batch {batch}: nothing is said of {wrong:#?}\n{text}"
                );
            }
        }
        let given = rig.has_given.then(|| rig.given.lines());
        assert_eq!(given, last, "seed {seed}, batch {batch}: {:?}\n{text}\n{world:#?}", rig.shows());
        let count = 1 + random.below(3);
        let batch: Vec<_> = (0..count).map(|_| news(&mut random)).collect();
        world.extend(batch.iter().cloned());
        rig.say_all(batch);
    }
    complete
}

/// The seeds of the programs.
fn programs() -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let first = number("HOMEOSTAT_ORACLE_FIRST").unwrap_or(0);
    first..first + number("HOMEOSTAT_ORACLE_PROGRAMS").unwrap_or(PROGRAMS)
}

#[test]
fn batch_after_batch_is_the_same_as_all_at_once() {
    let programs = programs();
    let count = programs.clone().count();
    let complete: usize = programs.map(agrees).sum();
    assert!(complete > count * BATCHES / 4, "only {complete} comparisons mean something");
}

/// One program in a world that says only a part of what it could.
fn leaves_out_alike(seed: u64) {
    let mut random = Random::new(seed);
    let text = Generator::program(&mut random);
    let program = checked(&text).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong:#?}\n{text}"));
    let mut world = generator::world(&mut random);
    world.retain(|_, _| random.chance(70));
    let rig = Rig::start_in(&text, world.clone(), Unknowns::LeaveOut);
    let (catalog, unknown) = match naive(&program, &world) {
        Evaluated::Complete(catalog) => (catalog, Vec::new()),
        Evaluated::Partial(catalog, unknown) => (catalog, unknown),
        Evaluated::Failed(_) => {
            assert!(
                !rig.evaluator.diagnostics().is_empty(),
                "seed {seed}: nothing is said\n{text}\n{world:#?}"
            );
            return;
        }
    };
    let circles = circles_of(&catalog).into_iter().map(|circle| format!("error: {circle}"));
    let shown: Vec<String> = Given::of(catalog).lines().into_iter().chain(circles).collect();
    assert_eq!(rig.shows(), shown, "seed {seed}\n{text}\n{world:#?}");
    // The naive evaluation names the first resource only where several are declared together.
    let places = |all: Vec<&Unknown>| all.into_iter().map(|one| one.place).collect::<BTreeSet<_>>();
    assert_eq!(places(rig.evaluator.unknown()), places(unknown.iter().collect()), "seed {seed}\n{text}");
}

#[test]
fn what_nobody_answers_is_left_out_alike() {
    programs().for_each(leaves_out_alike);
}
