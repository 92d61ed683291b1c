use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::write::Placed;
use super::*;

fn place() -> (TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    (dir, Files::open(&path("/"), "test").unwrap())
}

fn path(text: impl AsRef<str>) -> AbsPath {
    AbsPath::parse(text.as_ref()).unwrap()
}

fn below(dir: &TempDir, name: &str) -> AbsPath {
    path(format!("{}/{name}", dir.path().to_str().unwrap()))
}

fn names(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_replacement_that_somebody_came_before_keeps_what_it_finds() {
    let (dir, files) = place();
    let file = dir.path().join("f");
    fs::write(&file, "theirs").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o606)).unwrap();
    let parent = files.parent(&below(&dir, "f")).unwrap();
    let now = parent.replace("f", Expect::Missing, Body::Bytes(b"ours"), &Attributes::default()).unwrap();
    assert_eq!(now.unwrap().permissions(), 0o606);
    assert_eq!(fs::read_to_string(&file).unwrap(), "ours");
    assert_eq!(names(&dir), ["f"]);
}

#[test]
fn the_identity_after_a_replacement_is_that_of_the_file() {
    let (dir, files) = place();
    let file = below(&dir, "f");
    let now = files
        .parent(&file)
        .unwrap()
        .replace("f", Expect::Missing, Body::Bytes(b"x"), &Attributes::default())
        .unwrap();
    assert_eq!(files.stat(&file).unwrap(), now);
}

#[test]
fn a_new_file_is_whole_when_its_name_is_first_seen() {
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let files = Files::open(&path("/"), "test").unwrap();
    let events = inotify::init(CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&events, dir.path(), WatchFlags::ALL_EVENTS | WatchFlags::EXCL_UNLINK).unwrap();
    let parent = files.parent(&below(&dir, "f")).unwrap();
    let attributes = Attributes { mode: Some(0o600), ..Attributes::default() };
    parent.replace("f", Expect::Missing, Body::Bytes(b"x"), &attributes).unwrap();
    let mut buffer = [const { std::mem::MaybeUninit::uninit() }; 4096];
    let mut reader = Reader::new(&events, &mut buffer);
    let mut told = Vec::new();
    while let Ok(event) = reader.next() {
        let of_names = event.events().difference(ReadFlags::OPEN | ReadFlags::ISDIR);
        let name = event.file_name().map(|name| name.to_str().unwrap().to_owned());
        told.extend(name.filter(|_| !of_names.is_empty()).map(|name| (of_names, name)));
    }
    assert_eq!(told, [(ReadFlags::CREATE, "f".to_owned())]);
}

#[test]
fn a_kernel_that_wants_a_capability_for_the_link_is_asked_by_way_of_proc() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let files = Files::open(&path("/"), "test").unwrap();
    let parent = files.parent(&below(&dir, "f")).unwrap();
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&parent.fd, ".", flags, Mode::from_raw_mode(0o600)).unwrap();
    rustix::io::write(&fd, b"x").unwrap();
    parent.link_magic(&fd, "f").unwrap();
    assert_eq!(parent.link_magic(&fd, "f"), Err(Errno::EXIST));
    assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), "x");
}

#[test]
fn where_a_file_needs_a_name_from_the_start_it_gets_its_own_by_a_rename() {
    let (dir, files) = place();
    let parent = files.parent(&below(&dir, "f")).unwrap();
    let make = |content| {
        let wanted = Attributes::default();
        parent.rename_in("f", Expect::Missing, false, Body::Bytes(content), &wanted).unwrap()
    };
    assert!(matches!(make(b"first"), Placed::Whole(Some(_))));
    assert!(matches!(make(b"second"), Placed::Taken));
    assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), "first");
    assert_eq!(names(&dir), ["f"]);
}

#[test]
fn removing_a_tree_does_not_leave_it_over_links() {
    let (dir, files) = place();
    let (tree, kept) = (dir.path().join("tree"), dir.path().join("kept"));
    fs::create_dir_all(tree.join("a/b")).unwrap();
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("f"), "x").unwrap();
    symlink(&kept, tree.join("a/b/link")).unwrap();
    let parent = files.parent(&below(&dir, "tree")).unwrap();
    parent.remove_all("tree".as_ref()).unwrap();
    assert!(kept.join("f").exists() && !tree.exists());
    parent.remove_all("tree".as_ref()).unwrap();
}

#[test]
fn what_was_displaced_comes_back_when_its_place_cannot_be_taken() {
    let (dir, files) = place();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("d/f"), "x").unwrap();
    let parent = files.parent(&below(&dir, "d")).unwrap();
    let placed: Result<(), _> =
        parent.displace("d", || Err(FileError::new("test", "d", io::Error::other("no"))));
    assert!(placed.is_err());
    assert!(dir.path().join("d/f").exists());
    assert_eq!(names(&dir), ["d"]);
}

#[test]
fn the_highest_missing_directory_is_named() {
    let (dir, files) = place();
    assert_eq!(files.missing_above(&below(&dir, "a/b/f")), Some(below(&dir, "a")));
    fs::create_dir(dir.path().join("a")).unwrap();
    assert_eq!(files.missing_above(&below(&dir, "a/b/f")), Some(below(&dir, "a/b")));
    assert_eq!(files.missing_above(&below(&dir, "a/f")), None);
}

#[test]
fn links_of_root_and_ours_are_followed_within_the_root() {
    let (dir, _) = place();
    fs::create_dir_all(dir.path().join("real/deep")).unwrap();
    symlink("/real/../../real", dir.path().join("link")).unwrap();
    symlink("deep", dir.path().join("real/more")).unwrap();
    let files = Files::open(&path(dir.path().to_str().unwrap()), "test").unwrap();
    files
        .parent(&path("/link/more/f"))
        .unwrap()
        .replace("f", Expect::Missing, Body::Bytes(b"x"), &Attributes::default())
        .unwrap();
    assert!(dir.path().join("real/deep/f").exists());
    assert_eq!(files.read(&path("/link/deep/f"), 10).unwrap(), b"x");
    assert_eq!(files.read(&path("/link/more"), 10).unwrap_err().source().raw_os_error(), Some(21));
}

#[test]
fn links_in_a_circle_are_an_error() {
    let (dir, files) = place();
    symlink("b", dir.path().join("a")).unwrap();
    symlink("a", dir.path().join("b")).unwrap();
    let error = files.dir(&below(&dir, "a/x")).unwrap_err();
    assert!(error.is(Errno::LOOP), "{error:?}");
}

#[test]
fn large_content_is_compared_to_the_last_byte() {
    let (dir, files) = place();
    let mut bytes = vec![7; 200_000];
    fs::write(dir.path().join("f"), &bytes).unwrap();
    fs::write(dir.path().join("same"), &bytes).unwrap();
    let open = |name| files.open_file(&below(&dir, name)).unwrap();
    let file = open("f");
    assert!(file.holds(Content::Bytes(&bytes)).unwrap());
    assert!(file.holds(Content::File(&open("same"))).unwrap());
    bytes[199_999] = 8;
    assert!(!file.holds(Content::Bytes(&bytes)).unwrap());
    fs::write(dir.path().join("other"), &bytes).unwrap();
    assert!(!file.holds(Content::File(&open("other"))).unwrap());
    assert!(file.read(1000).is_err());
}

#[test]
fn without_an_id_leftovers_stay() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".homeostat-test-1.0-0"), "x").unwrap();
    Files::open(&path("/"), "").unwrap().tidy(&below(&dir, "f"));
    assert_eq!(names(&dir).len(), 1);
    Files::open(&path("/"), "other").unwrap().tidy(&below(&dir, "f"));
    assert_eq!(names(&dir).len(), 1);
    Files::open(&path("/"), "test").unwrap().tidy(&below(&dir, "f"));
    assert_eq!(names(&dir).len(), 0);
}

#[test]
fn users_are_read_again_when_their_file_changes() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    let passwd = dir.path().join("etc/passwd");
    fs::write(&passwd, "root:x:0:0::/root:/bin/sh\nann:x:7:7::/:/bin/sh\n").unwrap();
    let files = Files::open(&path(dir.path().to_str().unwrap()), "test").unwrap();
    assert_eq!(files.uid("ann").unwrap(), 7);
    assert_eq!(files.uid("12").unwrap(), 12);
    assert_eq!((files.user_name(7), files.user_name(8)), ("ann".to_owned(), "8".to_owned()));
    assert!(files.uid("bob").is_err());
    fs::write(&passwd, "bob:x:70:7::/:/bin/sh\n").unwrap();
    assert_eq!(files.uid("bob").unwrap(), 70);
    assert!(files.uid("ann").is_err());
}
