//! Seven hosts, five of them members, of which some are killed: any one, the elected one at each step, two at once.

use homeostat_cluster::members::Step;

use super::eyes::Eyes;
use super::rig::rig;

/// How often all of it is done: other hosts are killed each time.
fn rounds() -> usize {
    std::env::var("HOMEOSTAT_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"))
}

#[test]
fn seven_hosts_are_whole_again_whoever_is_killed_and_at_whatever_step() {
    let mut rig = rig!(7);
    rig.grow(7);
    let eyes = Eyes::open(&rig);
    eyes.until_whole(&rig, 5);
    rig.run(1, &["cluster", "members", "--grace", "1"]).ends_with(0);
    let steps: [fn(&Step) -> bool; 3] = [
        |step| matches!(step, Step::Remove { .. }),
        |step| matches!(step, Step::Add { .. }),
        |step| matches!(step, Step::Promote { .. }),
    ];
    for round in 0..rounds() {
        let value = round.to_string();
        let put = rig.kv(1 + round % 7, &["put", &format!("before-{round}"), &value]);
        put.ends_with(0);
        let elected = eyes.elected(&rig);
        let others: Vec<_> =
            eyes.until_whole(&rig, 5).into_iter().filter(|member| *member != elected).collect();
        let victim = others[round % others.len()];
        let mut written = eyes.steps();
        rig.kill(victim);
        let mut mandate = 0;
        for is_it in steps {
            // What is written down now is of somebody who was elected since the last one was killed.
            let Some(now) = eyes.until_step(&mut written, mandate, is_it) else { continue };
            mandate = now.revision;
            eprintln!("the elected one is killed, h{}", now.host);
            rig.kill(now.host);
            rig.start(now.host, &[]);
        }
        assert!(mandate > 0);
        let members = eyes.until_whole(&rig, 5);
        assert!(!members.contains(&victim), "{members:?}");
        rig.start(victim, &[]);

        let two = [members[round % 5], members[(round + 2) % 5]];
        two.iter().for_each(|host| rig.kill(*host));
        let members = eyes.until_whole(&rig, 5);
        assert!(two.iter().all(|host| !members.contains(host)), "{members:?}");
        two.iter().for_each(|host| rig.start(*host, &[]));
        for host in [victim, two[0], members[0]] {
            rig.until("what was acknowledged is there", |rig| {
                rig.kv(host, &["get", &format!("before-{round}")]).stdout == value
            });
            rig.repair(host);
        }
    }
}
