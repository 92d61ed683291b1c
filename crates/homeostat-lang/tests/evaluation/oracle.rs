//! Whatever has happened before, a program desires what a naive evaluation of all of it would say now.

use homeostat_lang::eval::collector::Unknowns;
use homeostat_lang::eval::naive::{Answers, Asked, Evaluated, World as Among, evaluate};
use homeostat_lang::functions::Answer;
use homeostat_lang::program::Checked;

use crate::generator::{Generator, Random, news};
use crate::rig::{Given, HOSTNAME, Rig, World, checked, kinds};

const PROGRAMS: u64 = 1000;
const BATCHES: usize = 12;

struct Told<'a>(&'a World);

impl Answers for Told<'_> {
    fn answer(&self, asked: &Asked) -> Option<Answer> {
        self.0.get(&asked.request).cloned()
    }
}

/// What a naive evaluation says of the world as it is.
fn naive(checked: &Checked, world: &World) -> Evaluated {
    let kinds = kinds();
    Evaluated::of(evaluate(checked, Among { kinds: &kinds, hostname: HOSTNAME, answers: &Told(world) }))
}

/// One program and a history of its world.
fn agrees(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let text = Generator::program(&mut random);
    let program = checked(&text).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong:#?}\n{text}"));
    let mut world: World = (0..25).map(|_| news(&mut random)).collect();
    let mut rig = Rig::start_in(&text, world.clone(), Unknowns::Wait);
    let mut complete = 0;
    let mut last = None;
    for batch in 0..BATCHES {
        match naive(&program, &world) {
            Evaluated::Complete(catalog) => {
                complete += 1;
                last = Some(Given::of(catalog).lines());
                assert!(rig.evaluator.diagnostics().is_empty(), "seed {seed}, batch {batch}: {:?}\n{text}", rig.shows());
            }
            Evaluated::Partial(..) => {}
            Evaluated::Failed(wrong) => {
                let said = rig.evaluator.diagnostics();
                assert!(!said.is_empty(), "seed {seed}, batch {batch}: nothing is said of {wrong:#?}\n{text}");
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

#[test]
fn batch_after_batch_is_the_same_as_all_at_once() {
    let complete: usize = (0..PROGRAMS).map(agrees).sum();
    assert!(complete > PROGRAMS as usize * BATCHES / 4, "only {complete} comparisons mean something");
}
