//! What may not be written.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::rig::{Done, Mount, NOBODY, Place, is_root, skipped, tool};

/// One that cannot be kept and one that can, each with one that comes after it.
const SITE: &str = "graph: g
resources:
  file:
  - {name: DIR/closed/there, content: new}
  - {name: DIR/closed/absent, content: new}
  - {name: DIR/closed/away, state: absent}
  - {name: DIR/after, content: x, depend: 'file[DIR/closed/there]'}
  - {name: DIR/beside, content: x}
  - {name: DIR/beside-after, content: x, depend: 'file[DIR/beside]'}
";

fn place() -> Place {
    prepared(Place::new())
}

fn prepared(place: Place) -> Place {
    place.write("site.yaml", SITE);
    place.write("closed/there", "old");
    place.write("closed/away", "old");
    place
}

#[track_caller]
fn only_the_closed_failed(place: &Place, done: Done, why: &str) {
    let done = done.ends_with(1);
    for name in ["there", "absent", "away"] {
        let begin = place.fill(&format!("failed file[DIR/closed/{name}]: "));
        let line = done.out.lines().find(|line| line.starts_with(&begin));
        assert!(line.is_some_and(|line| line.contains(why)), "{name} {done:#?}");
    }
    assert!(done.out.contains(&place.fill("blocked file[DIR/after] by file[DIR/closed/there]")), "{done:#?}");
    assert_eq!((place.read("beside"), place.read("beside-after")), ("x".into(), "x".into()), "{done:#?}");
    assert_eq!((place.read("closed/there"), place.read("closed/away")), ("old".into(), "old".into()));
    assert!(!place.path("after").exists() && !place.path("closed/absent").exists());
    assert_eq!(place.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn a_read_only_mount_fails_what_is_below_it_and_nothing_else() {
    let place = place();
    let closed = place.path("closed");
    let Some(mount) = Mount::new(&["--bind", closed.to_str().unwrap()], &closed) else {
        return skipped("nothing can be mounted");
    };
    assert!(mount.remount("ro,bind"));
    let done = place.run(&["--once", "site.yaml"]).finish();
    only_the_closed_failed(&place, done, "Read-only file system");
}

/// Makes an entry immutable until dropped.
struct Immutable(PathBuf);

impl Immutable {
    fn new(path: &Path) -> Option<Self> {
        tool("chattr", &["+i", path.to_str().unwrap()]).then(|| Self(path.to_owned()))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        tool("chattr", &["-i", self.0.to_str().unwrap()]);
    }
}

#[test]
fn an_immutable_directory_fails_what_is_in_it_and_nothing_else() {
    let place = prepared(Place::below(&std::env::temp_dir()));
    let Some(_immutable) = Immutable::new(&place.path("closed")) else {
        return skipped("nothing can be made immutable");
    };
    let done = place.run(&["--once", "site.yaml"]).finish();
    only_the_closed_failed(&place, done, "Operation not permitted");
}

#[test]
fn an_immutable_file_fails_alone() {
    let place = prepared(Place::below(&std::env::temp_dir()));
    let Some(_immutable) = Immutable::new(&place.path("closed/there")) else {
        return skipped("nothing can be made immutable");
    };
    let done = place.run(&["--once", "site.yaml"]).finish().ends_with(1);
    assert!(done.out.contains("Operation not permitted"), "{done:#?}");
    assert_eq!((place.read("closed/there"), place.read("closed/absent")), ("old".into(), "new".into()));
    assert!(!place.path("closed/away").exists() && place.path("beside-after").exists());
    assert_eq!(place.leftovers(), Vec::<PathBuf>::new());
}

fn as_nobody(place: &Place, args: &[&str]) -> Done {
    let binary = place.open_to_all();
    let id = NOBODY.to_string();
    let through = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
    place.run_through(&through, &binary, args).finish()
}

#[test]
fn who_owns_nothing_fails_at_what_is_not_his_and_nothing_else() {
    if !is_root() || !tool("setpriv", &["--version"]) {
        return skipped("only root can become nobody");
    }
    let place = place();
    let done = as_nobody(&place, &["--once", "site.yaml"]);
    only_the_closed_failed(&place, done, "Permission denied");
}

#[test]
fn who_may_not_even_look_fails_and_nothing_else() {
    if !is_root() || !tool("setpriv", &["--version"]) {
        return skipped("only root can become nobody");
    }
    let place = place();
    std::fs::set_permissions(place.path("closed"), PermissionsExt::from_mode(0o700)).unwrap();
    let done = as_nobody(&place, &["--once", "site.yaml"]);
    only_the_closed_failed(&place, done, "Permission denied");
}

#[test]
fn an_owner_that_may_not_be_given_fails_and_what_is_there_stays() {
    if !is_root() || !tool("setpriv", &["--version"]) {
        return skipped("only root can become nobody");
    }
    let place = Place::new();
    place.write(
        "site.yaml",
        "graph: g\nresources:\n  file:\n  - {name: DIR/given, content: new, owner: root}\n  \
         - {name: DIR/beside, content: x}\n",
    );
    let done = as_nobody(&place, &["--once", "site.yaml"]).ends_with(1);
    assert!(done.out.contains("Operation not permitted"), "{done:#?}");
    assert!(!place.path("given").exists() && place.path("beside").exists());
    assert_eq!(place.leftovers(), Vec::<PathBuf>::new());
}
