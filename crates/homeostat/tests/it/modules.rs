//! Modules that programs import from elsewhere: fetched, pinned, moved, and taken along.

use std::process::Command;

use super::place::{Done, Place};

/// A repository with a module in a directory of the place. `DIR` in its files stands for the place.
fn commit(place: &Place, repository: &str, files: &[(&str, &str)]) -> String {
    for (name, text) in files {
        place.write(&format!("{repository}/{name}"), text);
    }
    let dir = place.path(repository);
    git(place, &["init", "--quiet", dir.to_str().unwrap()]);
    let git = |args: &[&str]| git(place, &[&["-C", dir.to_str().unwrap()], args].concat());
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "a change"]);
    git(&["rev-parse", "HEAD"])
}

fn git(place: &Place, args: &[&str]) -> String {
    let who = ["user.name=test", "user.email=test@example.com", "core.hooksPath=/dev/null"];
    let done = Command::new("git")
        .args(who.iter().flat_map(|setting| ["-c", setting]))
        .args(args)
        .env("HOME", place.path("home"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// A program in `site` that imports a module, which imports another.
fn program() -> Place {
    let place = Place::new();
    prepare(&place);
    place
}

/// Puts that program and the repositories into a place.
pub(crate) fn prepare(place: &Place) {
    commit(
        place,
        "outer",
        &[("main.mcl", "import \"file://DIR/inner/\"\n\n$text = \"outer ${inner.text}\"\n")],
    );
    commit(
        place,
        "inner",
        &[
            ("metadata.yaml", "main: mcl/inner.mcl\n"),
            ("mcl/inner.mcl", "$text = \"inner\"\n"),
            ("files/note", "a note"),
        ],
    );
    place.write(
        "site/main.mcl",
        "import \"file://DIR/outer/\"\n\nfile \"DIR/out\" {\n\tstate => \"exists\",\n\tcontent => $outer.text,\n}\n",
    );
}

fn module(place: &Place, args: &[&str]) -> Done {
    place.homeostat(&[&["module", "--program", "site"], args].concat())
}

fn said(done: &Done, code: i32) -> String {
    done.ends_with(code).stderr.clone()
}

fn content(place: &Place) -> String {
    place.homeostat(&["run", "--once", "--prefix", "DIR/prefix", "site"]).ends_with(0);
    place.read("out")
}

fn locked(place: &Place, name: &str) -> String {
    let lock = place.json("site/homeostat.lock");
    let path = format!("{}/{name}/", place.fill("localhostDIR"));
    lock["modules"][path.as_str()]["commit"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_is_not_fetched_is_said_at_its_import() {
    let place = program();
    for command in [
        &["check"][..],
        &["plan", "--prefix", "DIR/prefix"],
        &["graph"],
        &["run", "--once", "--prefix", "DIR/prefix"],
    ] {
        let said = said(&place.homeostat(&[command, &["site"]].concat()), 2);
        assert!(said.contains("missing-module") && said.contains("homeostat module fetch"), "{said}");
        assert!(said.contains("main.mcl:1:1"), "{said}");
    }
    assert!(!place.path("home/.cache").exists());
}

#[test]
fn a_fetched_module_is_pinned_and_needs_its_repository_no_longer() {
    let place = program();
    module(&place, &["fetch"]).ends_with(0);
    let before = locked(&place, "inner");
    assert_eq!(content(&place), "outer inner");
    commit(&place, "inner", &[("mcl/inner.mcl", "$text = \"later\"\n")]);
    module(&place, &["fetch"]).ends_with(0);
    assert_eq!(locked(&place, "inner"), before);
    std::fs::remove_dir_all(place.path("inner")).unwrap();
    std::fs::remove_dir_all(place.path("outer")).unwrap();
    assert_eq!(content(&place), "outer inner");
    let listed = module(&place, &["list"]);
    assert!(listed.ends_with(0).stdout.contains(&before[..12]), "{listed:?}");
}

#[test]
fn what_is_locked_is_fetched_as_it_is_locked() {
    let place = program();
    module(&place, &["fetch"]).ends_with(0);
    commit(&place, "inner", &[("mcl/inner.mcl", "$text = \"later\"\n")]);
    std::fs::remove_dir_all(place.path("home/.cache")).unwrap();
    place.homeostat(&["check", "site"]).ends_with(2);
    module(&place, &["fetch"]).ends_with(0);
    assert_eq!(content(&place), "outer inner");
}

#[test]
fn an_update_moves_what_it_names() {
    let place = program();
    module(&place, &["fetch"]).ends_with(0);
    let outer = locked(&place, "outer");
    let inner = commit(&place, "inner", &[("mcl/inner.mcl", "$text = \"later\"\n")]);
    commit(&place, "outer", &[("README", "more")]);
    module(&place, &["update", "nobody"]).ends_with(2);
    module(&place, &["update", "inner"]).ends_with(0);
    assert_eq!((locked(&place, "outer"), locked(&place, "inner")), (outer.clone(), inner));
    assert_eq!(content(&place), "outer later");
    module(&place, &["update"]).ends_with(0);
    assert_ne!(locked(&place, "outer"), outer);
}

#[test]
fn a_program_with_its_modules_needs_neither_cache_nor_lock() {
    let place = program();
    module(&place, &["vendor"]).ends_with(0);
    std::fs::remove_dir_all(place.path("home/.cache")).unwrap();
    std::fs::rename(place.path("site/homeostat.lock"), place.path("lock")).unwrap();
    assert_eq!(content(&place), "outer inner");
    std::fs::rename(place.path("lock"), place.path("site/homeostat.lock")).unwrap();
    commit(&place, "inner", &[("mcl/inner.mcl", "$text = \"later\"\n")]);
    module(&place, &["update"]).ends_with(0);
    assert_eq!(content(&place), "outer later");
}

#[test]
fn files_of_a_fetched_module_are_found_by_it() {
    let place = program();
    let text = "import \"deploy\"\n\n$text = deploy.readfile(\"/files/note\")\n";
    commit(&place, "inner", &[("mcl/inner.mcl", text)]);
    module(&place, &["fetch"]).ends_with(0);
    assert_eq!(content(&place), "outer a note");
}

#[test]
fn nothing_that_is_fetched_is_executed_and_links_are_left_out() {
    let place = program();
    let touch = "touch DIR/executed";
    let hook = place.fill(&format!("#!/bin/sh\n{touch}\n"));
    for name in ["post-checkout", "post-merge", "reference-transaction", "post-index-change", "pre-auto-gc"] {
        place.write(&format!("inner/.git/hooks/{name}"), &hook);
        let path = place.path(&format!("inner/.git/hooks/{name}"));
        Command::new("chmod").arg("+x").arg(path).status().unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", place.path("inner/link")).unwrap();
    place.write(
        "inner/.git/config.more",
        &format!("[filter \"x\"]\n\tsmudge = {touch}\n[core]\n\tfsmonitor = {touch}\n"),
    );
    place.write("inner/.gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c \"touch DIR/executed\"\n\tupdate = !touch DIR/executed\n");
    commit(&place, "inner", &[(".gitattributes", "* filter=x\n")]);
    let said = said(&module(&place, &["fetch"]), 0);
    assert!(said.contains("left out: link"), "{said}");
    assert!(!place.path("executed").exists());
    let below_cache =
        place.everything().into_iter().filter(|path| path.starts_with(place.path("home/.cache")));
    assert!(below_cache.into_iter().all(|path| !path.is_symlink() && !path.ends_with(".git")));
}

#[test]
fn a_module_that_cannot_be_had_is_named_and_keeps_nobody_else_from_being_fetched() {
    let place = program();
    place.write("site/main.mcl", "import \"file://DIR/nobody/\"\nimport \"file://DIR/outer/\"\n");
    let said = said(&module(&place, &["fetch"]), 1);
    assert!(said.contains(&place.fill("cannot fetch file://DIR/nobody/")), "{said}");
    assert_eq!(locked(&place, "outer").len(), 40);
    assert_eq!(locked(&place, "nobody"), "");
}

#[test]
fn an_address_is_never_an_option_or_a_command() {
    let place = Place::new();
    for address in
        ["ssh://-oProxyCommand=touch DIR-x/a/", "git://-u/a/", "file:///../a/", "ext://sh -c touch/a/"]
    {
        let text = format!("import \"{address}\" as a\n");
        std::fs::create_dir_all(place.path("site")).unwrap();
        std::fs::write(place.path("site/main.mcl"), &text).unwrap();
        let said = said(&place.homeostat(&["check", "site"]), 2);
        assert!(said.contains("invalid-import"), "{said}");
        module(&place, &["fetch"]).ends_with(0);
    }
    std::fs::write(place.path("site/main.mcl"), "import \"ftp://example.com/a/\"\n").unwrap();
    let said = said(&module(&place, &["fetch"]), 1);
    assert!(said.contains("not allowed"), "{said}");
}

#[test]
fn a_lock_file_that_is_none_is_refused() {
    let place = program();
    place.write("site/homeostat.lock", "{\"version\": 1, \"modules\": {\"../../x/\": {}}}");
    let said = said(&place.homeostat(&["check", "site"]), 2);
    assert!(said.contains("invalid-lock"), "{said}");
    module(&place, &["fetch"]).ends_with(2);
}
