use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use homeostat_engine::{Causes, Change, Drift};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::test_host::{host_below, whole_host};

/// A directory of the host, and what a vertex would do with a resource in it.
struct Place {
    dir: TempDir,
    host: homeostat_engine::Host,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), host: whole_host() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.path().to_str().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn file(&self, name: &str, params: serde_json::Value) -> File {
        declare(&self.text(name), params).unwrap()
    }

    fn cx(&self) -> Context<'_> {
        Context { host: &self.host, causes: Causes::WAKE }
    }

    fn look(&self, file: &File) -> Result<Check<FileDrift>, Failure> {
        block_on(file.check(&self.cx()))
    }

    fn drift(&self, file: &File) -> Vec<Change> {
        match self.look(file).unwrap() {
            Check::Converged(_) => Vec::new(),
            Check::Drifted(drift) => drift.changes(),
        }
    }

    /// Checks, applies what was found, and says what that was.
    fn try_put(&self, file: &File) -> Result<Vec<Change>, Failure> {
        match self.look(file)? {
            Check::Converged(_) => Ok(Vec::new()),
            Check::Drifted(drift) => {
                let changes = drift.changes();
                block_on(file.apply(&self.cx(), drift))?;
                Ok(changes)
            }
        }
    }

    /// Brings it in order, and expects that it then is.
    fn put(&self, file: &File) -> Vec<String> {
        let changes = self.try_put(file).unwrap();
        assert_eq!(self.drift(file), [], "it is in order after an apply");
        changes.into_iter().map(|change| change.property.into_owned()).collect()
    }

    fn entries(&self, name: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn declare(name: &str, params: serde_json::Value) -> Result<File, Vec<ParamError>> {
    File::new(&name.into(), serde_json::from_value(params).unwrap())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_missing_file_is_created_with_its_content() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "hello\n"}));
    assert_eq!(place.put(&file), ["state", "content"]);
    assert_eq!(place.read("f"), "hello\n");
    assert_eq!(place.entries(""), ["f"], "no temporary file stays");
}

#[test]
fn a_changed_file_gets_its_content_back() {
    let place = Place::new();
    place.write("f", "one\ntwo\n");
    let file = place.file("f", json!({"content": "one\nthree\n"}));
    let changes = place.try_put(&file).unwrap();
    let diff = changes[0].diff.clone().unwrap();
    assert!(diff.contains("-two\n") && diff.contains("+three\n"), "{diff}");
    assert_eq!(place.read("f"), "one\nthree\n");
    place.write("f", "one\nTHREE\n");
    assert_eq!(place.put(&file), ["content"]);
}

#[test]
fn an_absent_file_is_removed() {
    let place = Place::new();
    place.write("f", "x");
    let file = place.file("f", json!({"state": "absent"}));
    assert_eq!(place.put(&file), ["state"]);
    assert!(!place.path("f").exists());
}

#[test]
fn a_file_that_should_exist_is_created_empty_and_otherwise_left_alone() {
    let place = Place::new();
    let file = place.file("f", json!({"state": "exists"}));
    assert_eq!(place.put(&file), ["state"]);
    assert_eq!(place.read("f"), "");
    place.write("f", "theirs");
    assert_eq!(place.drift(&file), []);
}

#[test]
fn without_a_state_only_attributes_of_what_is_there_are_kept() {
    let place = Place::new();
    let file = place.file("f", json!({"mode": "0600"}));
    assert_eq!(place.drift(&file), []);
    place.write("f", "x");
    place.chmod("f", 0o644);
    assert_eq!(place.put(&file), ["mode"]);
    assert_eq!(place.mode("f"), 0o600);
}

#[test]
fn modes_are_octal_or_relative_to_what_is_there() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "x", "mode": "4755"}));
    place.put(&file);
    assert_eq!(place.mode("f"), 0o4755);
    place.chmod("f", 0o644);
    let changes = place.try_put(&file).unwrap();
    assert_eq!((&*changes[0].is, &*changes[0].want), ("0644", "4755"));
    place.chmod("f", 0o640);
    let symbolic = place.file("f", json!({"content": "x", "mode": "u+x,o=r"}));
    assert_eq!(place.put(&symbolic), ["mode"]);
    assert_eq!(place.mode("f"), 0o744);
}

#[test]
fn a_declared_mode_holds_from_the_first_moment_whatever_the_mask() {
    let place = Place::new();
    place.put(&place.file("wide", json!({"content": "x", "mode": "0666"})));
    place.put(&place.file("narrow", json!({"content": "x", "mode": "0400"})));
    assert_eq!((place.mode("wide"), place.mode("narrow")), (0o666, 0o400));
}

#[test]
fn what_is_not_declared_survives_a_replacement() {
    let place = Place::new();
    place.write("f", "old");
    place.chmod("f", 0o604);
    if is_root() {
        std::os::unix::fs::chown(place.path("f"), Some(12), Some(34)).unwrap();
    }
    let has_xattrs =
        rustix::fs::setxattr(place.path("f"), "user.test", b"kept", rustix::fs::XattrFlags::empty()).is_ok();
    place.put(&place.file("f", json!({"content": "new"})));
    let meta = fs::metadata(place.path("f")).unwrap();
    assert_eq!(place.read("f"), "new");
    assert_eq!(place.mode("f"), 0o604);
    if is_root() {
        assert_eq!((meta.uid(), meta.gid()), (12, 34));
    }
    if has_xattrs {
        let mut value = [0; 16];
        let length = rustix::fs::getxattr(place.path("f"), "user.test", &mut value[..]).unwrap();
        assert_eq!(&value[..length], b"kept");
    }
}

/// An access list that gives user 12 read: `u::rw-,u:12:r--,g::---,m::r--,o::---`.
fn acl() -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, bits, id) in
        [(1u16, 6u16, u32::MAX), (2, 4, 12), (4, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)]
    {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn access_lists_survive_a_replacement_and_are_not_inherited_by_it() {
    const ACCESS: &str = "system.posix_acl_access";
    let place = Place::new();
    place.write("f", "old");
    place.write("plain", "old");
    let none = rustix::fs::XattrFlags::empty();
    if let Err(errno) = rustix::fs::setxattr(place.path("f"), ACCESS, &acl(), none) {
        eprintln!("skipped: no access lists here: {errno}");
        return;
    }
    rustix::fs::setxattr(place.path(""), "system.posix_acl_default", &acl(), none).unwrap();
    place.put(&place.file("f", json!({"content": "new"})));
    place.put(&place.file("plain", json!({"content": "new"})));
    let mut value = [0; 128];
    let length = rustix::fs::getxattr(place.path("f"), ACCESS, &mut value[..]).unwrap();
    assert_eq!(value[..length], acl());
    let of_plain = rustix::fs::getxattr(place.path("plain"), ACCESS, &mut value[..]);
    assert_eq!(of_plain, Err(rustix::io::Errno::NODATA));
    assert_eq!(place.mode("plain"), 0o644);
}

#[test]
fn owners_are_names_or_numbers() {
    if !is_root() {
        eprintln!("skipped: only root changes owners");
        return;
    }
    let place = Place::new();
    let file = place.file("f", json!({"content": "x", "owner": "daemon", "group": "0"}));
    place.put(&file);
    assert_eq!(fs::metadata(place.path("f")).unwrap().uid(), 1);
    place.put(&place.file("ours", json!({"content": "x"})));
    assert_eq!(place.mode("f"), place.mode("ours"), "permissions that are not declared are the usual ones");
    std::os::unix::fs::chown(place.path("f"), Some(0), Some(7)).unwrap();
    assert_eq!(place.put(&file), ["owner", "group"]);
    let unknown = place.file("f", json!({"content": "x", "owner": "nobody-of-that-name"}));
    let failure = place.try_put(&unknown).unwrap_err();
    assert!(failure.message().contains("no such user"), "{failure}");
}

#[test]
fn a_directory_is_made_and_its_attributes_kept() {
    let place = Place::new();
    let dir = place.file("d/", json!({"state": "exists", "mode": "0750"}));
    assert_eq!(place.put(&dir), ["state"]);
    assert_eq!(place.mode("d"), 0o750);
    place.chmod("d", 0o777);
    assert_eq!(place.put(&dir), ["mode"]);
}

#[test]
fn a_missing_directory_above_fails_and_says_how_to_declare_it() {
    let place = Place::new();
    let failure = place.try_put(&place.file("a/b/f", json!({"content": "x"}))).unwrap_err();
    let hint = format!("file[{}/]", place.text("a"));
    assert!(matches!(&failure, Failure::Permanent(text) if text.contains(&hint)), "{failure}");
    assert!(place.entries("").is_empty());
    place.put(&place.file("a/b/", json!({"state": "exists", "recurse": true})));
    place.put(&place.file("a/b/f", json!({"content": "x"})));
}

#[test]
fn a_tree_is_copied_and_kept() {
    let place = Place::new();
    place.write("from/a", "1");
    place.write("from/sub/b", "2");
    place.chmod("from/sub/b", 0o755);
    symlink("a", place.path("from/link")).unwrap();
    let source = place.text("from/");
    let tree = place.file("to/", json!({"source": source, "recurse": true}));
    assert_eq!(place.put(&tree), ["state", "source", "source", "source", "source"]);
    assert_eq!(place.read("to/sub/b"), "2");
    assert_eq!(place.mode("to/sub/b"), 0o755);
    assert_eq!(fs::read_link(place.path("to/link")).unwrap(), Path::new("a"));
    place.write("to/a", "changed");
    place.write("to/extra", "stays");
    place.chmod("to/sub/b", 0o700);
    assert_eq!(place.put(&tree), ["source", "source"]);
    assert_eq!(place.entries("to"), ["a", "extra", "link", "sub"]);
    let flat = place.file("flat/", json!({"source": source}));
    place.put(&flat);
    assert_eq!(place.entries("flat"), ["a", "link"]);
}

#[test]
fn a_directory_of_the_source_takes_the_place_of_what_is_none_only_by_force() {
    let place = Place::new();
    for from in ["from/file/a", "from/link/b"] {
        place.write(from, "x");
    }
    place.write("to/file", "in the way");
    place.write("elsewhere/kept", "");
    symlink(place.path("elsewhere"), place.path("to/link")).unwrap();
    let tree =
        |force| place.file("to/", json!({"source": place.text("from/"), "recurse": true, "force": force}));
    let failure = place.try_put(&tree(false)).unwrap_err();
    assert!(failure.message().contains("`force: true`"), "{failure}");
    assert_eq!(place.read("to/file"), "in the way");
    place.put(&tree(true));
    assert_eq!((place.read("to/file/a"), place.read("to/link/b")), ("x".into(), "x".into()));
    assert_eq!(place.entries("elsewhere"), ["kept"]);
}

#[test]
fn purge_removes_what_nobody_declares() {
    let place = Place::new();
    for name in [
        "d/mine",
        "d/theirs",
        "d/sub/declared",
        "d/sub/loose",
        "d/gone/x",
        "d/own/kept",
        "d/.homeostat-other-1",
    ] {
        place.write(name, "x");
    }
    let claim = |name: &str| Claim::Path(AbsPath::parse(&place.text(name)).unwrap());
    place.host.declared().add(&[claim("d/mine"), claim("d/sub/declared"), claim("d/own/")]);
    let dir = place.file("d/", json!({"state": "exists", "recurse": true, "purge": true}));
    assert_eq!(place.put(&dir), ["purge", "purge", "purge"]);
    assert_eq!(place.entries("d"), [".homeostat-other-1", "mine", "own", "sub"]);
    assert_eq!(place.entries("d/sub"), ["declared"]);
    assert_eq!(place.entries("d/own"), ["kept"]);
}

#[test]
fn another_type_is_replaced_only_by_force() {
    let place = Place::new();
    place.write("x/inside", "1");
    let failure = place.try_put(&place.file("x", json!({"content": "x"}))).unwrap_err();
    assert!(failure.message().contains("`force: true`"), "{failure}");
    place.put(&place.file("x", json!({"content": "file", "force": true})));
    assert_eq!(place.read("x"), "file");
    assert!(place.try_put(&place.file("x/", json!({"state": "exists"}))).is_err());
    place.put(&place.file("x/", json!({"state": "exists", "force": true})));
    assert!(place.path("x").is_dir());
    assert!(place.try_put(&place.file("x", json!({"symlink": true, "source": "t"}))).is_err());
    place.put(&place.file("x", json!({"symlink": true, "source": "t", "force": true})));
    assert!(
        place.try_put(&place.file("x", json!({"content": "x"}))).is_err(),
        "a link is not written through"
    );
    assert_eq!(place.entries(""), ["x"], "nothing is left beside it");
}

#[test]
fn a_link_points_where_it_should() {
    let place = Place::new();
    let link = place.file("l", json!({"symlink": true, "source": "../anywhere"}));
    assert_eq!(place.put(&link), ["state", "source"]);
    fs::remove_file(place.path("l")).unwrap();
    symlink("/else", place.path("l")).unwrap();
    assert_eq!(place.put(&link), ["source"]);
    assert_eq!(fs::read_link(place.path("l")).unwrap(), Path::new("../anywhere"));
}

#[test]
fn fragments_are_joined_in_order() {
    let place = Place::new();
    place.write("parts/b", "2");
    place.write("parts/a", "1");
    place.write("last", "3");
    let file = place.file("f", json!({"fragments": [place.text("parts/"), place.text("last")]}));
    assert_eq!(place.put(&file), ["state", "fragments"]);
    assert_eq!(place.read("f"), "123");
    place.write("parts/c", "+");
    assert_eq!(place.put(&file), ["fragments"]);
    assert_eq!(place.read("f"), "12+3");
}

#[test]
fn a_source_is_followed_when_it_changes() {
    let place = Place::new();
    place.write("s", "one");
    let file = place.file("f", json!({"source": place.text("s")}));
    assert_eq!(place.put(&file), ["state", "source"]);
    place.write("s", "two");
    assert_eq!(place.put(&file), ["source"]);
    assert_eq!(place.read("f"), "two");
}

#[test]
fn an_absent_directory_goes_with_its_content_only_when_told() {
    let place = Place::new();
    place.write("d/sub/f", "x");
    symlink("/etc", place.path("d/sub/link")).unwrap();
    let failure = place.try_put(&place.file("d/", json!({"state": "absent"}))).unwrap_err();
    assert!(failure.message().contains("with `recurse`"), "{failure}");
    place.put(&place.file("d/", json!({"state": "absent", "recurse": true})));
    assert!(Path::new("/etc/passwd").exists());
    place.write("d", "now a file");
    assert!(place.try_put(&place.file("d/", json!({"state": "absent"}))).is_err());
}

#[test]
fn large_files_are_compared_and_told_as_hashes() {
    let place = Place::new();
    let big = "x".repeat(300_000);
    let file = place.file("f", json!({"content": big}));
    place.put(&file);
    place.write("f", format!("{}y", &big[1..]));
    let changes = place.try_put(&file).unwrap();
    assert!(changes[0].is.starts_with("300000 bytes, blake3 ") && changes[0].diff.is_none());
    assert_eq!(place.read("f"), big);
}

#[test]
fn binary_content_and_private_content_are_told_as_hashes() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "declared"}));
    place.write("f", b"a\0b");
    assert!(place.drift(&file)[0].diff.is_none());
    place.write("f", "public");
    assert!(place.drift(&file)[0].diff.is_some());
    place.chmod("f", 0o640);
    let private = place.drift(&file);
    assert!(private[0].diff.is_none() && !format!("{private:?}").contains("declared"));
    let new = place.drift(&place.file("new", json!({"content": "secret", "mode": "0600"})));
    assert!(!format!("{new:?}").contains("secret"));
}

#[test]
fn links_of_others_are_not_followed() {
    let place = Place::new();
    fs::create_dir(place.path("target")).unwrap();
    fs::create_dir(place.path("open")).unwrap();
    place.chmod("open", 0o777);
    symlink(place.path("target"), place.path("open/link")).unwrap();
    let failure = place.try_put(&place.file("open/link/f", json!({"content": "x"}))).unwrap_err();
    assert!(failure.message().contains("not followed"), "{failure}");
    assert!(place.entries("target").is_empty());
    place.chmod("open", 0o755);
    place.put(&place.file("open/link/f", json!({"content": "x"})));
    if is_root() {
        std::os::unix::fs::lchown(place.path("open/link"), Some(12), None).unwrap();
        assert!(place.try_put(&place.file("open/link/g", json!({"content": "x"}))).is_err());
    }
}

#[test]
fn a_link_at_the_path_is_never_written_through() {
    let place = Place::new();
    place.write("victim", "untouched");
    symlink(place.path("victim"), place.path("f")).unwrap();
    assert!(place.try_put(&place.file("f", json!({"content": "x"}))).is_err());
    place.put(&place.file("f", json!({"content": "x", "force": true})));
    assert_eq!(place.read("victim"), "untouched");
    assert!(!place.path("f").is_symlink());
}

#[test]
fn leftovers_of_a_killed_run_go_and_those_of_others_stay() {
    let place = Place::new();
    let ours = ".homeostat-test-1.0-0";
    for name in [ours, ".homeostat-else-1.0-0", ".homeostat-"] {
        place.write(name, "half");
    }
    place.put(&place.file("f", json!({"content": "x"})));
    assert_eq!(place.entries(""), [".homeostat-", ".homeostat-else-1.0-0", "f"]);
}

#[test]
fn with_another_root_links_stay_inside() {
    let place = Place::new();
    fs::create_dir(place.path("etc")).unwrap();
    symlink("/etc", place.path("link")).unwrap();
    let host = host_below(place.dir.path().to_str().unwrap());
    let file = declare("/link/f", json!({"content": "x"})).unwrap();
    let cx = Context { host: &host, causes: Causes::DECLARED };
    let Ok(Check::Drifted(drift)) = block_on(file.check(&cx)) else {
        panic!("it is missing");
    };
    block_on(file.apply(&cx, drift)).unwrap();
    assert_eq!(place.read("etc/f"), "x");
}

#[test]
fn an_unchanged_file_costs_one_stat() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "hello"}));
    place.put(&file);
    let identity = place.host.files().stat(&file.shared.spec.path).unwrap().unwrap();
    if !place.host.files().trusts(&identity) {
        eprintln!("skipped: this file system cannot tell changes within a tick");
        return;
    }
    let before = place.host.files().looks_taken();
    assert_eq!(place.drift(&file), []);
    let after = place.host.files().looks_taken();
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 0));
    place.write("f", "HELLO");
    assert_eq!(place.put(&file), ["content"], "a change right after is seen");
    fs::remove_file(place.path("f")).unwrap();
    let before = place.host.files().looks_taken();
    assert_eq!(place.drift(&file)[0].property, "state");
    let after = place.host.files().looks_taken();
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 0), "what is gone is not looked for twice");
}

#[test]
fn what_an_earlier_run_knew_of_a_file_makes_the_first_look_one_stat_and_hides_no_change() {
    let place = Place::new();
    place.write("source", "hello");
    let declared = [json!({"content": "hello"}), json!({"source": place.text("source")})];
    for (at, params) in declared.into_iter().enumerate() {
        let name = format!("f{at}");
        let earlier = place.file(&name, params.clone());
        place.put(&earlier);
        let Some(known) = Resource::known(&earlier) else {
            eprintln!("skipped: this file system cannot tell changes within a tick");
            return;
        };
        let again = || {
            let file = place.file(&name, params.clone());
            Resource::recall(&file, &known);
            file
        };
        let before = place.host.files().looks_taken();
        let first = Context { host: &place.host, causes: Causes::DECLARED };
        assert!(matches!(block_on(again().check(&first)), Ok(Check::Converged(_))));
        assert_eq!(place.host.files().looks_taken().1, before.1, "nothing is opened");

        // Of the same size, at the same time: only when it was changed tells.
        let is = fs::metadata(place.path(&name)).unwrap();
        place.write(&name, "HELLO");
        let file = fs::File::open(place.path(&name)).unwrap();
        file.set_modified(is.modified().unwrap()).unwrap();
        assert_eq!(place.put(&again()), [if at == 0 { "content" } else { "source" }]);
        assert_eq!(place.read(&name), "hello");
    }
}

#[test]
fn what_is_known_of_a_file_does_not_tell_whose_it_is_by_name() {
    let place = Place::new();
    let us = rustix::process::geteuid().as_raw();
    let file = place.file("f", json!({"content": "x", "owner": place.host.files().user_name(us)}));
    place.put(&file);
    let again = place.file("f", json!({"content": "x", "owner": place.host.files().user_name(us)}));
    if let Some(known) = Resource::known(&file) {
        Resource::recall(&again, &known);
    }
    let before = place.host.files().looks_taken();
    let first = Context { host: &place.host, causes: Causes::DECLARED };
    assert!(matches!(block_on(again.check(&first)), Ok(Check::Converged(_))));
    assert_eq!(place.host.files().looks_taken().1, before.1 + 1, "the user may have another number by now");
}

#[test]
fn many_quick_changes_of_the_same_size_are_all_seen() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "aaaa"}));
    for _ in 0..200 {
        place.put(&file);
        place.write("f", "bbbb");
        assert_eq!(place.put(&file), ["content"]);
    }
}

/// A small file system of its own, unmounted at the end.
struct Mount(PathBuf);

impl Mount {
    fn tmpfs(at: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let options = std::ffi::CString::new(options).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        match rustix::mount::mount("none", &at, "tmpfs", flags, Some(&*options)) {
            Ok(()) => Some(Self(at)),
            Err(errno) => {
                eprintln!("skipped: cannot mount: {errno}");
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    let place = Place::new();
    let Some(_mount) = Mount::tmpfs(place.path("m"), "size=64k") else {
        return;
    };
    place.write("m/f", "old");
    let failure = place.try_put(&place.file("m/f", json!({"content": "x".repeat(1 << 20)}))).unwrap_err();
    let text = format!("cannot replace `{}`: No space left on device (os error 28)", place.text("m/f"));
    assert_eq!(failure, Failure::Transient(text));
    assert_eq!(place.read("m/f"), "old");
    assert_eq!(place.entries("m"), ["f"]);
}

#[test]
fn a_file_system_that_cannot_be_written_is_a_permanent_failure() {
    let place = Place::new();
    let Some(_mount) = Mount::tmpfs(place.path("m"), "ro") else {
        return;
    };
    let failure = place.try_put(&place.file("m/f", json!({"content": "x"}))).unwrap_err();
    assert!(matches!(&failure, Failure::Permanent(text) if text.contains("Read-only")), "{failure}");
}

#[test]
fn capture_says_how_to_get_back() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "new"}));
    let captured = block_on(file.capture(&place.cx())).unwrap().unwrap();
    assert_eq!(captured.get("state"), Some(&Value::str("absent")));
    place.write("f", "old");
    place.chmod("f", 0o640);
    let captured = block_on(file.capture(&place.cx())).unwrap().unwrap();
    place.put(&file);
    let back =
        File::new(&"any".into(), captured.parse().unwrap()).unwrap_or_else(|errors| panic!("{errors:?}"));
    place.put(&back);
    assert_eq!((place.read("f"), place.mode("f")), ("old".to_owned(), 0o640));
    place.write("f", b"\xff");
    assert_eq!(block_on(file.capture(&place.cx())).unwrap(), None);
}

#[test]
fn paths_come_from_name_path_dirname_and_basename() {
    for (name, params, path, is_dir) in [
        ("/a/b", json!({}), "/a/b", false),
        ("x", json!({"path": "/a/b/"}), "/a/b", true),
        ("/a/b", json!({"dirname": "/c/"}), "/c/b", false),
        ("/a/b/", json!({"basename": "d"}), "/a/d", false),
        ("x", json!({"dirname": "/c/", "basename": "d/"}), "/c/d", true),
        ("x", json!({"dirname": "/c/"}), "/c/x", false),
    ] {
        let file = declare(name, params).unwrap_or_else(|errors| panic!("{errors:?}"));
        let spec = &file.shared.spec;
        assert_eq!((spec.path.as_str(), spec.is_dir), (path, is_dir));
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (name, params, about) in [
        ("relative", json!({}), "must be absolute"),
        ("/a/../b", json!({}), "`..`"),
        ("/f", json!({"dirname": "/d"}), "end with a slash"),
        ("/f", json!({"basename": "/b"}), "not begin with a slash"),
        ("/f", json!({"content": "x", "source": "/s"}), "at most one of"),
        ("/f", json!({"content": "x", "state": "absent"}), "should be absent"),
        ("/d/", json!({"content": "x"}), "for a directory"),
        ("/d/", json!({"fragments": ["/x"]}), "for a directory"),
        ("/d/", json!({"symlink": true, "source": "x"}), "for a directory"),
        ("/d/f", json!({"fragments": ["/d/"]}), "inside a frag (`/d/`)"),
        ("/f", json!({"fragments": ["x"]}), "must be absolute"),
        ("/f", json!({"source": "s"}), "must be absolute"),
        ("/f", json!({"source": "/s/"}), "both end with a slash"),
        ("/d/", json!({"source": "/d/e/"}), "within each other"),
        ("/d/", json!({"purge": true}), "needs `recurse`"),
        ("/f", json!({"mode": "999"}), "is no mode"),
        ("/", json!({"state": "absent"}), "cannot be absent"),
        ("/f", json!({"symlink": true}), "from `source`"),
    ] {
        let Err(errors) = declare(name, params.clone()) else {
            panic!("{name} {params} was taken");
        };
        assert!(errors.iter().any(|error| error.message.contains(about)), "{params}: {errors:?}");
    }
    assert!(serde_json::from_value::<Params>(json!({"state": "present"})).is_err());
}

#[test]
fn what_is_as_it_was_left_is_seen_at_once_to_be_unchanged() {
    let place = Place::new();
    let file = place.file("f", json!({"content": "one"}));
    assert!(!file.is_unchanged(&place.host), "nobody has looked yet");
    place.put(&file);
    // Not every file system tells two changes within its tick apart, so it may take some looks.
    let started = std::time::Instant::now();
    while !file.is_unchanged(&place.host) {
        assert!(place.drift(&file).is_empty());
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
    }
    place.write("f", "two");
    assert!(!file.is_unchanged(&place.host));
    fs::remove_file(place.path("f")).unwrap();
    assert!(!file.is_unchanged(&place.host));
}
