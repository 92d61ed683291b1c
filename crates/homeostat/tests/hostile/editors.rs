//! How editors write, while the text is followed.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::rig::{Place, Running, wait_until};

/// As editors put a text in its place.
type Put = fn(&Path, &str);

fn by_rename(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

fn by_rename_with_a_backup(path: &Path, text: &str) {
    std::fs::rename(path, path.with_extension("yaml~")).unwrap();
    std::fs::write(path, text).unwrap();
}

fn in_place(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// Each piece is on the disk before the next.
fn in_pieces(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    for piece in text.as_bytes().chunks(7) {
        file.write_all(piece).unwrap();
        file.sync_data().unwrap();
    }
}

const WAYS: &[(&str, Put)] = &[
    ("by rename", by_rename),
    ("by rename with a backup", by_rename_with_a_backup),
    ("in place", in_place),
    ("in pieces", in_pieces),
];

fn site(content: &str) -> String {
    format!(
        "graph: g\nresources:\n  file:\n  - {{name: DIR/out, content: {content}}}\n  - {{name: DIR/kept, content: kept}}\n"
    )
}

/// A site that is reached through links: of the file, and of a directory on the way.
fn followed(place: &Place) -> Running {
    place.write("real/site.yaml", &site("first"));
    symlink("real", place.path("way")).unwrap();
    symlink("way/site.yaml", place.path("site.yaml")).unwrap();
    let agent = place.run(&["site.yaml"]);
    wait_until("the first is loaded", || place.read("out") == "first" && place.read("kept") == "kept");
    agent
}

#[test]
fn a_text_behind_links_is_loaded_however_it_is_written() {
    let place = Place::new();
    let agent = followed(&place);
    for round in 0..3 {
        for (way, put) in WAYS {
            let content = format!("{} {round}", way);
            put(&place.path("real/site.yaml"), &place.fill(&site(&content)));
            let took = wait_until(way, || place.read("out") == content);
            println!("{way}: {took:?}");
        }
    }
    assert!(agent.err().is_empty() || !agent.err().contains("panicked"), "{}", agent.err());
    assert!(place.path("site.yaml").is_symlink() && place.path("way").is_symlink());
}

#[test]
fn a_wrong_text_is_refused_in_every_way_and_the_old_graph_goes_on() {
    let place = Place::new();
    let agent = followed(&place);
    let said = |text: &str| agent.err().matches(text).count();
    let wrongs = [
        ("graph: g\nresources:\n  file:\n  - {name: DIR/out, contnet: x}\n", "contnet"),
        ("graph: g\nresources: [\n", "error["),
        ("", "error["),
    ];
    for (way, put) in WAYS {
        for (wrong, told) in wrongs {
            let before = said("what was declared before goes on");
            put(&place.path("real/site.yaml"), &place.fill(wrong));
            wait_until("it is refused", || said("what was declared before goes on") > before);
            assert!(said(told) > 0, "{way} {told}: {}", agent.err());
            // The old graph is alive.
            std::fs::remove_file(place.path("out")).unwrap();
            std::fs::remove_file(place.path("kept")).unwrap();
            wait_until("it is repaired", || place.path("out").exists() && place.read("kept") == "kept");
        }
        let content = format!("after {way}");
        put(&place.path("real/site.yaml"), &place.fill(&site(&content)));
        wait_until("the good text is loaded", || place.read("out") == content);
    }
}

#[test]
fn a_text_that_is_away_for_a_while_leaves_the_old_graph() {
    let place = Place::new();
    let _agent = followed(&place);
    std::fs::rename(place.path("real"), place.path("away")).unwrap();
    std::fs::remove_file(place.path("out")).unwrap();
    wait_until("it is repaired", || place.read("out") == "first");
    place.write("away/site.yaml", &site("second"));
    std::fs::rename(place.path("away"), place.path("real")).unwrap();
    wait_until("the new text is loaded", || place.read("out") == "second");
    // What the link leads to may be another directory, too.
    place.write("other/site.yaml", &site("third"));
    symlink("other", place.path("way.new")).unwrap();
    std::fs::rename(place.path("way.new"), place.path("way")).unwrap();
    wait_until("the other text is loaded", || place.read("out") == "third");
    by_rename(&place.path("other/site.yaml"), &place.fill(&site("fourth")));
    wait_until("it is followed there", || place.read("out") == "fourth");
}
