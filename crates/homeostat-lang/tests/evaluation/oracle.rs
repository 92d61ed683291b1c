//! Whatever has happened before, a program desires what it would desire if it began now.

use homeostat_lang::eval::collector::Unknowns;

use crate::generator::{Generator, Random, news};
use crate::rig::{Rig, World};

#[test]
fn dbg_generate() {
    let mut wrong = 0;
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let text = Generator::program(&mut random);
        match crate::rig::program(&text) {
            Ok(_) => {}
            Err(found) => {
                wrong += 1;
                if wrong < 12 { println!("{seed} {:?}\n{text}", found[0]); }
            }
        }
    }
    println!("wrong {wrong}");
}

#[test]
fn dbg_self() {
    let mut ok = 0; let mut held=0;
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let text = Generator::program(&mut random);
        if crate::rig::program(&text).is_err() { continue }
        let mut world = World::new();
        for _ in 0..25 { let (r, a) = news(&mut random); world.insert(r, a); }
        let mut rig = Rig::start_in(&text, world.clone(), Unknowns::Wait);
        for step in 0..20 {
            let count = 1 + random.below(3);
            let batch: Vec<_> = (0..count).map(|_| news(&mut random)).collect();
            world.extend(batch.iter().cloned());
            rig.say_all(batch);
            let fresh = Rig::start_in(&text, world.clone(), Unknowns::Wait);
            if fresh.has_given {
                ok += 1;
                assert_eq!(rig.shows(), fresh.shows(), "seed {seed} step {step}\n{text}\n{world:#?}");
                assert_eq!(rig.asked(), fresh.asked());
            } else {
                held += 1;
                assert_eq!(rig.evaluator.diagnostics().len(), fresh.evaluator.diagnostics().len(), "seed {seed} step {step} {:?} {:?}\n{text}", rig.evaluator.diagnostics(), fresh.evaluator.diagnostics());
            }
        }
    }
    println!("ok {ok} held {held}");
}
