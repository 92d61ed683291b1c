//! What compilers do not check: the arrows between crates, banned crates, sizes, links, examples.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;

/// A file above this is close to needing a folder.
const LINES_WARN: usize = 800;
const LINES_MAX: usize = 900;

/// Crates that must not come in by any way: they need more than a C compiler, or a system library.
const BANNED: &[&str] = &["aws-lc-rs", "aws-lc-sys", "cmake", "openssl-sys"];

/// Who may depend on whom. The binary and xtask know all.
const ARROWS: &[(&str, &[&str])] = &[
    ("homeostat-model", &[]),
    ("homeostat-lang", &["homeostat-model"]),
    ("homeostat-frontends", &["homeostat-model"]),
    ("homeostat-engine", &["homeostat-model"]),
    ("homeostat-kinds", &["homeostat-model", "homeostat-engine"]),
    ("homeostat-cluster", &["homeostat-model", "homeostat-engine"]),
];

/// What only the binary may know.
const BINARY_ONLY: &[&str] = &["clap", "anyhow", "annotate-snippets", "tracing-subscriber", "axum"];

/// Everything that is not tidy.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    complaints.extend(arrows(root)?);
    complaints.extend(banned(root)?);
    complaints.extend(sources(root)?);
    complaints.extend(links(root)?);
    complaints.extend(examples(root)?);
    Ok(complaints)
}

fn arrows(root: &Path) -> anyhow::Result<Vec<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    anyhow::ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let mut complaints = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ARROWS.iter().find(|(of, _)| *of == name) else {
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            // Tests may look at both ends of an arrow.
            let is_for_tests = dependency["kind"] == "dev";
            let forbidden =
                (on.starts_with("homeostat") && !allowed.contains(&on)) || BINARY_ONLY.contains(&on);
            if forbidden && !is_for_tests {
                complaints.push(format!("{name} must not depend on {on}"));
            }
        }
    }
    Ok(complaints)
}

fn banned(root: &Path) -> anyhow::Result<Vec<String>> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let found = BANNED.iter().filter(|name| lock.contains(&format!("name = \"{name}\"\n")));
    Ok(found.map(|name| format!("Cargo.lock: {name} must stay out")).collect())
}

fn sources(root: &Path) -> anyhow::Result<Vec<String>> {
    let unfinished = concat!("todo", "!(");
    let mut complaints = Vec::new();
    for dir in ["crates", "xtask", "benches", "tests"] {
        for path in files_below(&root.join(dir))? {
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let shown = path.strip_prefix(root)?.display().to_string();
            let lines = text.lines().count();
            if lines > LINES_MAX {
                complaints.push(format!("{shown}: {lines} lines, more than {LINES_MAX}: make it a folder"));
            } else if lines > LINES_WARN {
                crate::say(&format!("warning: {shown}: {lines} lines, more than {LINES_WARN}"));
            }
            if text.contains(unfinished) {
                complaints.push(format!("{shown}: something is still to be done"));
            }
        }
    }
    Ok(complaints)
}

/// Links in Markdown pages to files of this repository.
fn links(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut pages = files_below(&root.join("docs"))?;
    for entry in fs::read_dir(root)? {
        pages.push(entry?.path());
    }
    let mut complaints = Vec::new();
    for page in pages.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(page)?;
        let dir = page.parent().unwrap_or(root);
        for target in targets(&text) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !dir.join(file).exists() {
                complaints.push(format!("{}: {target} leads nowhere", page.strip_prefix(root)?.display()));
            }
        }
    }
    Ok(complaints)
}

/// What is linked to within this repository, outside of code blocks.
fn targets(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            if let Some(end) = rest.find(')') {
                found.push(&rest[..end]);
            }
        }
    }
    found.retain(|target| !target.contains("://") && !target.starts_with("mailto:"));
    found
}

fn examples(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for path in files_below(&root.join("examples"))? {
        // Those of a module say what it is, not what there is to be.
        let is_of_module = path.ends_with("metadata.yaml");
        if is_of_module || path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let shown = path.strip_prefix(root)?.display().to_string();
        let text = fs::read_to_string(&path)?;
        if !text.starts_with('#') || !text.contains("\n# plan-unknown:") {
            complaints.push(format!("{shown}: begin with a comment, and a line `# plan-unknown: ids`"));
        }
        let args =
            ["homeostat", "--quiet", "check"].map(Into::into).into_iter().chain([path.into_os_string()]);
        if homeostat::main(args) != ExitCode::SUCCESS {
            complaints.push(format!("{shown}: `homeostat check` refuses it"));
        }
    }
    Ok(complaints)
}

/// Every file below a directory, in order; none when it is not there.
pub(crate) fn files_below(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        if !dir.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "[a](b.md) and [c](https://x.org) ![d](e.svg#f)\n```\n[x](y)\n```\n";
        assert_eq!(targets(text), ["b.md", "e.svg#f"]);
    }
}
