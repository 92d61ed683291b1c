//! Inputs that change while they are followed.

use std::os::unix::fs::symlink;

use super::place::{Place, Running, wait_until};

fn site(content: &str) -> String {
    format!("graph: g\nresources:\n  file:\n  - {{name: DIR/out, content: {content}}}\n")
}

fn follow(place: &Place) -> Running {
    place.write("site.yaml", &site("one"));
    let agent = place.start_run(&["site.yaml"]);
    wait_until("the first load is done", || place.read("out") == "one");
    agent
}

#[test]
fn a_text_written_in_place_is_loaded() {
    let place = Place::new();
    let _agent = follow(&place);
    for content in ["two", "three"] {
        place.write("site.yaml", &site(content));
        wait_until("it is loaded", || place.read("out") == content);
    }
}

#[test]
fn a_text_that_replaces_the_old_one_is_loaded() {
    let place = Place::new();
    let _agent = follow(&place);
    for content in ["two", "three"] {
        place.write("site.yaml.new", &site(content));
        std::fs::rename(place.path("site.yaml.new"), place.path("site.yaml")).unwrap();
        wait_until("it is loaded", || place.read("out") == content);
    }
}

#[test]
fn a_link_that_is_turned_is_followed() {
    let place = Place::new();
    place.write("v1/site.yaml", &site("one"));
    place.write("v2/site.yaml", &site("two"));
    symlink("v1", place.path("current")).unwrap();
    let _agent = place.start_run(&["current/site.yaml"]);
    wait_until("the first load is done", || place.read("out") == "one");
    symlink("v2", place.path("next")).unwrap();
    std::fs::rename(place.path("next"), place.path("current")).unwrap();
    wait_until("the second is loaded", || place.read("out") == "two");
}

#[test]
fn while_a_text_is_wrong_the_old_one_goes_on() {
    let place = Place::new();
    let agent = follow(&place);
    place.write("site.yaml", "graph: g\nresources:\n  fiel:\n  - name: x\n");
    // A repair shows that the old graph is alive, whenever the bad text was read.
    std::fs::remove_file(place.path("out")).unwrap();
    wait_until("it is repaired", || place.read("out") == "one");
    place.write("site.yaml", &site("two"));
    wait_until("the good text is loaded", || place.read("out") == "two");
    agent.signal("INT");
    let done = agent.finish();
    done.ends_with(130);
}

#[test]
fn what_is_taken_out_is_no_longer_kept() {
    let place = Place::new();
    let _agent = follow(&place);
    place.write("site.yaml", "graph: g\nresources:\n  file:\n  - {name: DIR/other, content: x}\n");
    wait_until("the new text is loaded", || place.read("other") == "x");
    std::fs::remove_file(place.path("out")).unwrap();
    std::fs::remove_file(place.path("other")).unwrap();
    wait_until("the other is repaired", || place.read("other") == "x");
    assert!(!place.path("out").exists());
}

#[test]
fn a_hangup_loads_again_where_nothing_is_followed() {
    let place = Place::new();
    place.write("site.yaml", &site("one"));
    let agent = place.start_run(&["--no-watch", "site.yaml"]);
    wait_until("the first load is done", || place.read("out") == "one");
    place.write("site.yaml", &site("two"));
    agent.signal("HUP");
    wait_until("it is loaded", || place.read("out") == "two");
}

#[test]
fn that_an_input_is_gone_is_said_once_and_what_was_declared_goes_on() {
    let place = Place::new();
    place.write("site.yaml", &site("one"));
    let agent = place.start_run(&["site.yaml"]);
    wait_until("the first load is done", || place.read("out") == "one");
    std::fs::remove_file(place.path("site.yaml")).unwrap();
    pause();
    // Something of its name makes it be looked for again.
    std::fs::create_dir(place.path("site.yaml")).unwrap();
    std::fs::remove_dir(place.path("site.yaml")).unwrap();
    pause();
    std::fs::remove_file(place.path("out")).unwrap();
    wait_until("it is repaired", || place.read("out") == "one");
    place.write("site.yaml", &site("two"));
    wait_until("it is back", || place.read("out") == "two");
    agent.signal("TERM");
    let done = agent.finish();
    assert_eq!(done.stderr.matches("what was declared before goes on").count(), 1, "{done:#?}");
}

/// Longer than whoever replaces a file may take. On a slower machine it is said later, and once all the same.
#[allow(clippy::disallowed_methods)]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(1500));
}
