//! A disk without room.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::rig::{BINARY, Mount, Place, skipped, wait_until};

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
fn without_room_for_our_own_things_only_those_fail_that_need_them() {
    let place = Place::new();
    let Some(_disk) = Mount::new(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"], &place.make_dir("disk")) else {
        return skipped("no file system can be mounted");
    };
    let declare = |content: &str| {
        let text = "graph: g\nresources:\n  exec:\n  - {name: service, shell: /bin/sh, cmd: echo ran >> DIR/ran, \
                    listen: 'file[DIR/conf]'}\n  kv:\n  - {name: key, key: key, value: VALUE}\n  file:\n  \
                    - {name: DIR/conf, content: VALUE}\n  - {name: DIR/alone, content: VALUE}\n";
        place.write("site.yaml", &text.replace("VALUE", content));
    };
    let run = |args: &[&str]| place.start(BINARY, &[&["run", "--prefix", "DIR/disk/prefix"], args].concat());
    declare("old");
    run(&["--once", "site.yaml"]).finish().ends_with(0);
    declare("new");
    std::fs::remove_file(place.path("ran")).unwrap();
    // Not even who holds the lock can be written down.
    std::fs::remove_file(place.path("disk/prefix/lock")).unwrap();
    fill(&place.path("disk/filler"));
    let agent = run(&["site.yaml"]);
    wait_until("the one that needs nothing of ours is there", || place.read("alone") == "new");
    let failed = |id: &str| agent.out().contains(&place.fill(&format!("failed {id}: the store")));
    wait_until("the others fail", || failed("kv[key]") && failed("file[DIR/conf]"));
    // What must be told to a service is not changed where that could be forgotten.
    assert_eq!((place.read("conf"), place.path("ran").exists()), ("old".into(), false));
    std::fs::remove_file(place.path("disk/filler")).unwrap();
    let took =
        wait_until("they are in order", || place.read("conf") == "new" && place.read("ran") == "ran\n");
    wait_until("the key is there", || agent.out().contains("recovered kv[key]"));
    println!("in order {took:?} after there was room");
    drop(agent);
}

/// Takes all the room that is left.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
