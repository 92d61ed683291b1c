use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use homeostat_engine::source::Pending;
use homeostat_engine::{AbsPath, Depth};
use tempfile::TempDir;

use super::*;
use crate::test_host::host_below;

/// Long enough for a machine under load; what is waited for comes at once.
const PATIENCE: Duration = Duration::from_secs(10);

struct Watching {
    dir: TempDir,
    source: Arc<Inotify>,
    wakes: Wakes,
    notes: Vec<String>,
    tasks: JoinSet<()>,
}

const fn vertex(index: u32) -> VertexKey {
    VertexKey { index, generation: 0 }
}

const V: VertexKey = vertex(1);

impl Watching {
    fn new() -> Self {
        Self::with(InotifyOptions::default(), "/")
    }

    fn with(options: InotifyOptions, root: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = if root == "/" { "/" } else { dir.path().to_str().unwrap() };
        let source = Arc::new(Inotify::new(options).unwrap());
        let (wakes, mut tasks) = (Wakes::new(), JoinSet::new());
        source.clone().start(&host_below(root), wakes.clone(), &mut tasks).unwrap();
        Self { dir, source, wakes, notes: Vec::new(), tasks }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
    }

    fn write(&self, name: &str) {
        fs::write(self.path(name), "x").unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn arm_absolute(&self, path: &str, depth: Depth, vertex: VertexKey) {
        let path = AbsPath::parse(path).unwrap();
        self.source.arm(&Watch::Path { path, depth }, vertex);
    }

    fn arm_as(&self, name: &str, depth: Depth, vertex: VertexKey) {
        self.arm_absolute(self.path(name).to_str().unwrap(), depth, vertex);
    }

    fn arm(&self, name: &str) {
        self.arm_as(name, Depth::Entry, V);
    }

    /// Waits until a vertex is woken.
    async fn woken(&mut self, vertex: VertexKey) {
        let wait = async {
            loop {
                let Pending { vertices, notes } = self.wakes.take();
                self.notes.extend(notes);
                if vertices.contains(&vertex) {
                    return;
                }
                self.wakes.ready().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a wake");
    }

    async fn noted(&mut self, word: &str) {
        let wait = async {
            loop {
                self.notes.extend(self.wakes.take().notes);
                if self.notes.iter().any(|note| note.contains(word)) {
                    return;
                }
                self.wakes.ready().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a note");
    }

    /// Waits until all that happened so far was read: a file of our own comes last. Says who was woken.
    async fn quiet(&mut self) -> Vec<VertexKey> {
        const MARK: VertexKey = vertex(u32::MAX);
        let mark = tempfile::tempdir().unwrap();
        let path = mark.path().join("mark");
        self.arm_absolute(path.to_str().unwrap(), Depth::Entry, MARK);
        fs::write(&path, "").unwrap();
        let mut all = Vec::new();
        let wait = async {
            loop {
                let Pending { vertices, notes } = self.wakes.take();
                self.notes.extend(notes);
                let is_last = vertices.contains(&MARK);
                all.extend(vertices.into_iter().filter(|vertex| *vertex != MARK));
                if is_last {
                    return;
                }
                self.wakes.ready().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the mark");
        self.source.disarm(MARK);
        all
    }
}

#[tokio::test]
async fn writes_renames_and_deletes_of_a_file_wake() {
    let mut watching = Watching::new();
    watching.write("f");
    watching.arm("f");
    watching.write("f");
    watching.woken(V).await;
    fs::OpenOptions::new().write(true).truncate(true).open(watching.path("f")).unwrap();
    watching.woken(V).await;
    watching.write("other");
    watching.quiet().await;
    watching.rename("other", "f");
    watching.woken(V).await;
    fs::remove_file(watching.path("f")).unwrap();
    watching.woken(V).await;
    watching.write("f");
    watching.woken(V).await;
    fs::set_permissions(watching.path("f"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    watching.woken(V).await;
}

#[tokio::test]
async fn files_that_nobody_watches_wake_nobody() {
    let mut watching = Watching::new();
    watching.mkdir("d");
    watching.arm("d/f");
    watching.write("beside");
    watching.write("d/beside");
    assert_eq!(watching.quiet().await, []);
}

#[tokio::test]
async fn missing_directories_may_appear_one_after_the_other() {
    let mut watching = Watching::new();
    watching.arm("a/b/c/f");
    watching.mkdir("a");
    watching.woken(V).await;
    watching.mkdir("a/b/c");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("a/b/c/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn a_directory_may_be_removed_and_made_again() {
    let mut watching = Watching::new();
    watching.mkdir("a/b");
    watching.arm("a/b/f");
    fs::remove_dir_all(watching.path("a")).unwrap();
    watching.woken(V).await;
    watching.mkdir("a/b");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("a/b/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn a_directory_that_is_held_open_may_be_removed_and_made_again() {
    let mut watching = Watching::new();
    watching.mkdir("a");
    watching.write("a/f");
    watching.arm("a/f");
    let held = fs::File::open(watching.path("a")).unwrap();
    fs::remove_dir_all(watching.path("a")).unwrap();
    watching.woken(V).await;
    watching.woken(V).await;
    watching.mkdir("a");
    watching.woken(V).await;
    drop(held);
    watching.quiet().await;
    watching.write("a/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn an_ancestor_may_be_renamed_and_replaced() {
    let mut watching = Watching::new();
    watching.mkdir("a/b/c");
    watching.mkdir("new/b/c");
    watching.arm("a/b/c/f");
    watching.rename("a", "old");
    watching.woken(V).await;
    watching.rename("new", "a");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("old/b/c/f");
    assert_eq!(watching.quiet().await, []);
    watching.write("a/b/c/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn a_directory_may_be_replaced_by_a_link() {
    let mut watching = Watching::new();
    watching.mkdir("a/d");
    watching.mkdir("elsewhere");
    watching.arm("a/d/f");
    fs::remove_dir(watching.path("a/d")).unwrap();
    symlink("../elsewhere", watching.path("a/d")).unwrap();
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("elsewhere/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn a_link_may_point_elsewhere_and_its_target_may_come_and_go() {
    let mut watching = Watching::new();
    watching.mkdir("one");
    watching.mkdir("two/deep");
    symlink(watching.path("one"), watching.path("link")).unwrap();
    watching.arm("link/f");
    watching.write("one/f");
    watching.woken(V).await;
    symlink(watching.path("two/deep"), watching.path("next")).unwrap();
    watching.quiet().await;
    watching.rename("next", "link");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("two/deep/f");
    watching.woken(V).await;
    watching.quiet().await;
    watching.rename("two", "three");
    watching.woken(V).await;
    watching.quiet().await;
    watching.mkdir("two/deep");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("two/deep/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn links_in_a_circle_are_no_trouble() {
    let mut watching = Watching::new();
    symlink("b", watching.path("a")).unwrap();
    symlink("a", watching.path("b")).unwrap();
    watching.arm("a/f");
    fs::remove_file(watching.path("a")).unwrap();
    watching.mkdir("a");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("a/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn what_a_link_at_the_end_leads_to_is_watched_where_that_is_asked_for() {
    let mut watching = Watching::new();
    for name in ["one/f", "two/f"] {
        watching.mkdir(name.split('/').next().unwrap());
        watching.write(name);
    }
    symlink("../two/f", watching.path("one/next")).unwrap();
    symlink("one/f", watching.path("link")).unwrap();
    watching.arm_as("link", Depth::Target, V);
    watching.arm_as("link", Depth::Entry, vertex(2));
    watching.write("one/f");
    watching.woken(V).await;
    assert!(!watching.quiet().await.contains(&vertex(2)));
    // Over a link to a link, and no longer where it led before.
    symlink("one/next", watching.path("other")).unwrap();
    watching.rename("other", "link");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("two/f");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("one/f");
    assert!(!watching.quiet().await.contains(&V));
    // What it leads to may be missing for a while, and may be a circle.
    fs::remove_dir_all(watching.path("two")).unwrap();
    watching.woken(V).await;
    watching.mkdir("two");
    watching.write("two/f");
    watching.woken(V).await;
    fs::remove_file(watching.path("one/next")).unwrap();
    symlink("../link", watching.path("one/next")).unwrap();
    watching.woken(V).await;
    watching.source.disarm(V);
    watching.source.disarm(vertex(2));
    watching.quiet().await;
    fs::remove_file(watching.path("one/next")).unwrap();
    assert!(watching.quiet().await.is_empty());
}

#[tokio::test]
async fn a_mount_over_a_directory_and_its_end_wake() {
    let mut watching = Watching::new();
    watching.mkdir("m");
    watching.arm("m/f");
    let point = watching.path("m");
    let mounted = rustix::mount::mount("none", &point, "tmpfs", rustix::mount::MountFlags::empty(), None);
    if let Err(errno) = mounted {
        eprintln!("skipped: cannot mount: {errno}");
        return;
    }
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("m/f");
    watching.woken(V).await;
    watching.quiet().await;
    rustix::mount::unmount(&point, rustix::mount::UnmountFlags::empty()).unwrap();
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("m/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn a_tree_watch_sees_what_is_below_and_what_comes() {
    let mut watching = Watching::new();
    watching.mkdir("t/x/y");
    watching.arm_as("t", Depth::Tree, V);
    watching.write("t/x/y/f");
    watching.woken(V).await;
    watching.mkdir("t/new/deep");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("t/new/deep/f");
    watching.woken(V).await;
    watching.quiet().await;
    fs::remove_dir_all(watching.path("t")).unwrap();
    watching.woken(V).await;
    watching.mkdir("t/again");
    watching.woken(V).await;
    watching.quiet().await;
    watching.write("t/again/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn a_children_watch_sees_names_but_not_what_is_below_them() {
    let mut watching = Watching::new();
    watching.mkdir("d/sub");
    watching.arm_as("d", Depth::Children, V);
    watching.write("d/sub/f");
    assert_eq!(watching.quiet().await, []);
    watching.write("d/f");
    watching.woken(V).await;
}

#[tokio::test]
async fn temporary_files_of_ours_wake_no_tree() {
    let mut watching = Watching::new();
    watching.mkdir("t");
    watching.arm_as("t", Depth::Tree, V);
    watching.write("t/.homeostat-test-1");
    assert_eq!(watching.quiet().await, []);
}

#[tokio::test]
async fn what_happens_to_a_file_that_has_no_name_any_more_wakes_nobody() {
    use std::io::Write;
    let mut watching = Watching::new();
    watching.mkdir("t");
    watching.write("t/f");
    watching.arm_as("t", Depth::Tree, V);
    let mut open = fs::File::options().append(true).open(watching.path("t/f")).unwrap();
    fs::remove_file(watching.path("t/f")).unwrap();
    watching.woken(V).await;
    assert_eq!(watching.quiet().await, []);
    open.write_all(b"nobody sees this").unwrap();
    drop(open);
    assert_eq!(watching.quiet().await, []);
}

#[tokio::test]
async fn lost_events_wake_everybody() {
    let mut watching = Watching::new();
    watching.mkdir("t");
    watching.arm("a/f");
    watching.arm_as("t", Depth::Tree, vertex(2));
    watching.source.lose_events();
    let all = watching.quiet().await;
    assert!(all.contains(&V) && all.contains(&vertex(2)), "{all:?}");
}

#[tokio::test]
async fn without_watches_left_it_looks_from_time_to_time_and_says_so_once() {
    let options = InotifyOptions { poll_every: Duration::from_millis(20), watches_max: 0 };
    let mut watching = Watching::with(options, "/");
    watching.arm("f");
    watching.arm_as("g", Depth::Entry, vertex(2));
    watching.woken(V).await;
    watching.woken(vertex(2)).await;
    watching.noted("no watches are left").await;
    watching.woken(V).await;
    assert_eq!(watching.notes.len(), 1, "{:?}", watching.notes);
}

#[tokio::test]
async fn file_systems_that_do_not_report_are_looked_at_from_time_to_time() {
    let options = InotifyOptions { poll_every: Duration::from_millis(20), ..InotifyOptions::default() };
    let mut watching = Watching::with(options, "/");
    watching.arm_absolute("/proc/uptime", Depth::Entry, V);
    watching.woken(V).await;
    watching.woken(V).await;
    watching.noted("/proc").await;
}

#[tokio::test]
async fn with_another_root_paths_are_below_it() {
    let mut watching = Watching::with(InotifyOptions::default(), "below");
    watching.mkdir("etc");
    symlink("/etc", watching.path("link")).unwrap();
    watching.arm_absolute("/etc/f", Depth::Entry, V);
    watching.arm_absolute("/link/g", Depth::Entry, vertex(2));
    watching.write("etc/f");
    watching.woken(V).await;
    watching.write("etc/g");
    watching.woken(vertex(2)).await;
}

#[tokio::test]
async fn what_nobody_watches_any_more_leaves_the_kernel() {
    let mut watching = Watching::new();
    watching.mkdir("t/x/y");
    symlink("t/x", watching.path("link")).unwrap();
    let before = watching.source.armed().watches();
    watching.arm("t/f");
    watching.arm_as("t", Depth::Tree, vertex(2));
    watching.arm_as("link/y/f", Depth::Entry, vertex(3));
    watching.arm_as("missing/f", Depth::Entry, vertex(4));
    assert!(watching.source.armed().watches() > before);
    for index in [3, 1, 4, 2] {
        watching.source.disarm(vertex(index));
    }
    watching.write("t/f");
    assert_eq!(watching.quiet().await, []);
    let armed = watching.source.armed();
    assert!(armed.watches() <= before + 1, "only the root may stay: {}", armed.watches());
    drop(armed);
    watching.tasks.abort_all();
}

#[tokio::test]
async fn a_mount_on_a_watched_entry_wakes() {
    let mut watching = Watching::new();
    watching.mkdir("m");
    watching.arm("m");
    let point = watching.path("m");
    let mounted = rustix::mount::mount("none", &point, "tmpfs", rustix::mount::MountFlags::empty(), None);
    if let Err(errno) = mounted {
        eprintln!("skipped: cannot mount: {errno}");
        return;
    }
    watching.woken(V).await;
    rustix::mount::unmount(&point, rustix::mount::UnmountFlags::empty()).unwrap();
    watching.woken(V).await;
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Whatever is done to the directories and links on the way, a file that looks different afterwards has woken.
#[tokio::test]
async fn no_change_is_lost_whatever_happens_on_the_way() {
    const PATHS: [&str; 8] = ["a", "b", "a/b", "b/b", "a/b/f", "b/b/f", "b/f", "a/f"];
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut watching = Watching::new();
        let file = watching.path("a/b/f");
        watching.arm("a/b/f");
        let look = || {
            use std::os::unix::fs::MetadataExt;
            let meta = fs::symlink_metadata(&file).ok()?;
            // What is in a directory is not what it is.
            let changed = if meta.is_dir() { (0, 0) } else { (meta.ctime(), meta.ctime_nsec()) };
            Some((meta.dev(), meta.ino(), changed))
        };
        let mut history = Vec::new();
        for _ in 0..300 {
            let before = look();
            // Several changes at once, so that arming meets a moving target.
            for _ in 0..=dice.roll(3) {
                let one = watching.path(PATHS[dice.roll(PATHS.len())]);
                let other = watching.path(PATHS[dice.roll(PATHS.len())]);
                let what = dice.roll(6);
                // Most of them are impossible at a given moment, which is fine.
                let done = match what {
                    0 => fs::create_dir(&one),
                    1 => fs::remove_dir_all(&one).or_else(|_| fs::remove_file(&one)),
                    2 => fs::rename(&one, &other),
                    3 => symlink(&other, &one),
                    4 => symlink(other.strip_prefix(watching.dir.path()).unwrap(), &one),
                    _ => fs::write(&one, "x"),
                };
                if done.is_ok() {
                    history.push((what, one, other));
                }
            }
            let woken = watching.quiet().await.contains(&V);
            assert!(
                woken || look() == before,
                "seed {seed}: {:#?}",
                &history[history.len().saturating_sub(8)..]
            );
        }
    }
}
