//! A disk without room.

use std::path::PathBuf;

use super::rig::{Mount, Place, skipped, wait_until};

const FIRST: &str = "first content";

/// A place whose `disk` has room for sixteen pages.
fn small_disk() -> Option<(Place, Mount)> {
    let place = Place::new();
    let mount = Mount::new(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"], &place.make_dir("disk"));
    if mount.is_none() {
        skipped("no file system can be mounted");
    }
    Some((place, mount?))
}

/// One that does not fit, one that does, and one elsewhere.
fn declare(place: &Place) {
    let large = "x".repeat(150_000);
    place.write("disk/large", FIRST);
    place.write(
        "site.yaml",
        &format!(
            "graph: g\nresources:\n  file:\n  - {{name: DIR/disk/large, content: {large}}}\n  \
             - {{name: DIR/disk/small, content: small}}\n  - {{name: DIR/elsewhere, content: x}}\n  \
             - {{name: DIR/after, content: x, depend: 'file[DIR/disk/large]'}}\n"
        ),
    );
}

#[test]
fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let Some((place, _disk)) = small_disk() else { return };
    declare(&place);
    let done = place.run(&["--once", "site.yaml"]).finish().ends_with(1);
    assert!(done.out.contains("failed file[") && done.out.contains("No space left on device"), "{done:#?}");
    assert!(done.out.contains("blocked file["), "{done:#?}");
    assert_eq!((place.read("disk/small"), place.read("elsewhere")), ("small".into(), "x".into()));
    assert_eq!(place.read("disk/large"), FIRST);
    assert!(!place.path("after").exists());
    assert_eq!(place.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn what_did_not_fit_is_written_when_there_is_room() {
    let Some((place, disk)) = small_disk() else { return };
    declare(&place);
    let agent = place.run(&["site.yaml"]);
    wait_until("the large one failed", || agent.out().contains("No space left on device"));
    assert!(disk.remount("size=1m"));
    let took = wait_until("the large one is there", || place.read("disk/large").len() == 150_000);
    wait_until("what waited for it is there", || place.path("after").exists());
    wait_until("it says so", || agent.out().contains("recovered"));
    assert_eq!(place.leftovers(), Vec::<PathBuf>::new());
    println!("repaired {took:?} after there was room");
}

#[test]
fn a_prefix_on_a_full_disk_does_not_keep_others_from_being_in_order() {
    let Some((place, _disk)) = small_disk() else { return };
    place.write("site.yaml", "graph: g\nresources:\n  file:\n  - {name: DIR/elsewhere, content: x}\n");
    // What is there for the store is too little for it.
    place.write("disk/filler", &"x".repeat(60_000));
    let run = place.run(&["--once", "--prefix", "DIR/disk/prefix", "site.yaml"]);
    let done = run.finish();
    assert!(matches!(done.code, Some(0)) && place.path("elsewhere").exists(), "{done:#?}");
    assert!(done.err.contains("No space left on device"), "{done:#?}");
}
