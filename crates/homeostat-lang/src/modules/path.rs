//! Paths in the program's file system.

/// The directory of a path, ending in a slash.
pub(super) fn directory(path: &str) -> &str {
    path.rfind('/').map_or("/", |at| &path[..=at])
}

/// A path seen from a directory, without `..`. `None` where it leads out of the root.
pub(super) fn join(directory: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    Some(format!("/{}{slash}", parts.join("/")))
}

/// The path without what means nothing: `a//b`, `./a`.
pub(super) fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            (part, _) => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("{}{slash}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        assert_eq!(join("/lib/", "x.mcl").as_deref(), Some("/lib/x.mcl"));
        assert_eq!(join("/lib/", "../a/").as_deref(), Some("/a/"));
        assert_eq!(join("/", "../a"), None);
        assert_eq!(directory("/lib/x.mcl"), "/lib/");
        assert_eq!(cleaned("./a//b/../c.mcl"), "a/c.mcl");
        assert_eq!(cleaned("../a/"), "../a/");
    }
}
