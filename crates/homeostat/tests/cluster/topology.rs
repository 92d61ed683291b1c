//! One application over two hosts, through the store that they run themselves.

use std::path::PathBuf;

use super::rig::{Rig, name, rig};

/// Who comes after whom; the first four are for the first host, the others for the second.
const DEPENDENCIES: [&[u8]; 8] = [&[5], &[5, 0], &[3, 5], &[], &[0], &[], &[1, 3, 7], &[]];
const METHODS: [&str; 2] = ["configure", "create"];
/// What a person does.
const TOUCH: (usize, usize, &str) = (2, 5, "create");
/// How much is made before: of the components that come after nobody, and of the one that waits for the touch.
const FREE: usize = 4;

fn host_of(component: usize) -> usize {
    if component < 4 { 1 } else { 2 }
}

/// Eight components that make a file with each of their methods, but for one that waits for somebody to do that.
fn eight(rig: &Rig, dir: &str) -> String {
    let mut text = String::new();
    for (id, nodes) in DEPENDENCIES.iter().enumerate() {
        let host = host_of(id);
        text.push_str(&format!("- id: {id}\n  name: c{id}\n  target: {}\n  interfaces:\n", name(host)));
        for method in METHODS {
            let file = format!("{{file: {{path: {}/{dir}/{id}/{method}}}}}", rig.host(host).display());
            let action = if (host, id, method) == TOUCH { "{nil: }" } else { &file };
            text.push_str(&format!("    {method}: {{check: {file}, do: {action}}}\n"));
        }
        if !nodes.is_empty() {
            text.push_str(&format!("  deps:\n  - nodes: {nodes:?}\n"));
        }
    }
    text
}

/// Two hosts, the first of which runs the store; they are at rest.
fn two(rig: &mut Rig) {
    rig.grow(2);
    rig.kv(2, &["put", "they", "meet"]).ends_with(0);
    at_rest(rig);
}

/// The store goes last, so that it hears of the end of the other.
fn at_rest(rig: &mut Rig) {
    (1..=2).rev().for_each(|host| rig.stop(host));
}

/// Gives both hosts the topology, with its files below this directory.
fn tell(rig: &Rig, dir: &str) {
    let text = eight(rig, dir);
    (1..=2).for_each(|host| std::fs::write(rig.host(host).join("site.yaml"), &text).unwrap());
}

fn path(rig: &Rig, dir: &str, component: usize, method: &str) -> PathBuf {
    rig.host(host_of(component)).join(format!("{dir}/{component}/{method}"))
}

/// How many of the sixteen files there are.
fn made(rig: &Rig, dir: &str) -> usize {
    let all = (0..8).flat_map(|component| METHODS.map(|method| path(rig, dir, component, method)));
    all.filter(|path| path.exists()).count()
}

fn touch(rig: &Rig, dir: &str) {
    let path = path(rig, dir, TOUCH.1, TOUCH.2);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "").unwrap();
}

/// Whether a host says this of what is not in order.
fn says(rig: &Rig, host: usize, what: &str) -> bool {
    rig.run(host, &["status"]).stdout.contains(what)
}

fn until_in_order(rig: &Rig, dir: &str) {
    rig.until("everything is made", |rig| made(rig, dir) == 16);
    for host in 1..=2 {
        rig.until("it is in order", |rig| {
            let status = rig.run(host, &["status", "--format", "json"]).stdout;
            serde_json::from_str::<serde_json::Value>(&status).is_ok_and(|status| status["converged"] == true)
        });
    }
}

#[test]
fn eight_components_dance_after_a_touch_whoever_starts_first() {
    let mut rig = rig!(2);
    two(&mut rig);
    for (order, dir) in [([1, 2], "first"), ([2, 1], "second")] {
        // Other files: nothing of it was ever done.
        tell(&rig, dir);
        rig.start(order[0], &[]);
        rig.until("what is free on it is made", |rig| made(rig, dir) == FREE / 2);
        rig.start(order[1], &[]);
        rig.until("the second waits for a person", |rig| says(rig, 2, "5/create to be there"));
        rig.until("the first waits for the second", |rig| says(rig, 1, "method[5:c5.create] on h2"));
        assert_eq!(made(&rig, dir), FREE);
        touch(&rig, dir);
        until_in_order(&rig, dir);
        for (component, method) in (0..8).flat_map(|component| METHODS.map(|method| (component, method))) {
            if (host_of(component), component, method) == TOUCH {
                continue;
            }
            let path = path(&rig, dir, component, method);
            std::fs::remove_file(&path).unwrap();
            rig.until("what was removed is there again", |_| path.exists());
        }
        until_in_order(&rig, dir);
        at_rest(&mut rig);
    }
}

#[test]
fn a_host_that_is_killed_in_the_middle_is_waited_for_with_and_without_its_store() {
    let mut rig = rig!(2);
    let dir = "files";
    two(&mut rig);
    tell(&rig, dir);
    (1..=2).for_each(|host| rig.start(host, &[]));
    rig.until("the first waits for the second", |rig| says(rig, 1, "method[5:c5.create] on h2"));

    // The second one asks the store of the first: it is not heard of when its lease is over.
    rig.kill(2);
    touch(&rig, dir);
    rig.until("it is not heard of", |rig| says(rig, 1, "says nothing"));
    assert_eq!(made(&rig, dir), FREE + 1);

    // The first one takes the store with it, and the second returns without.
    rig.kill(1);
    rig.start(2, &[]);
    rig.until("the second has its store away", |rig| says(rig, 2, "cut off from other hosts"));
    // What comes after nothing of the first one, it does.
    assert_eq!(made(&rig, dir), FREE + 2);
    rig.start(1, &[]);
    until_in_order(&rig, dir);
}
