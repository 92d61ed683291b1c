//! A line about every module, for the reference.

/// By module, sorted; what needs no import has the empty name.
const MODULES: &[(&str, &str)] = &[
    ("", "What needs no import."),
    ("convert", "From one type to another."),
    ("datetime", "The time, in the local time zone."),
    ("deploy", "The files that come with a module."),
    ("encoding", "Base64 and JSON."),
    ("example", "Functions to try things with."),
    ("example/nested", "A module within a module."),
    ("fmt", "Text by a format."),
    ("golang", "Templates as Go has them."),
    ("golang/html", "Entities of HTML."),
    ("golang/math", "Functions of numbers."),
    ("golang/math/rand", "Random numbers. Every call has its own, and keeps it."),
    ("golang/os", "This process, its directories and files."),
    ("golang/os/exec", "Where programs are."),
    ("golang/path", "Paths with slashes."),
    ("golang/path/filepath", "Paths of files."),
    ("golang/runtime", "This machine, as a Go program sees it."),
    ("golang/strconv", "Numbers and quoted text."),
    ("golang/strings", "Functions of text. Positions are bytes; letters change their case one by one."),
    ("iter", "Functions that call a function for each item."),
    ("list", "Functions of lists."),
    ("local", "What this host keeps for itself."),
    ("map", "Functions of maps."),
    ("math", "A few functions of numbers; `golang/math` has the others."),
    ("net", "Addresses, and the interfaces of this machine."),
    ("net/http", "What was heard by HTTP."),
    ("os", "This machine's operating system, its files and its users."),
    ("regexp", "Regular expressions."),
    ("strings", "Functions of text. Lengths and positions are bytes."),
    ("sys", "This machine and the environment."),
    ("sys/fwupd", "The firmware of this machine."),
    ("test", "Functions for tests of the language."),
    ("util", "What fits nowhere else."),
    ("value", "What resources of the kind `value` hold."),
    ("world", "What all hosts share."),
    ("world/collect", "What hosts export."),
];

/// A sentence about a module. `None` if there is no such module.
pub fn about(module: &str) -> Option<&'static str> {
    let at = MODULES.binary_search_by(|(name, _)| name.cmp(&module)).ok()?;
    Some(MODULES[at].1)
}

#[cfg(test)]
mod tests {
    use super::super::modules;
    use super::*;

    #[test]
    fn every_module_has_a_line() {
        let described: Vec<&str> = MODULES.iter().map(|(name, _)| *name).collect();
        let there: Vec<&str> = [""].into_iter().chain(modules().iter().copied()).collect();
        assert_eq!(described, there);
        assert!(described.iter().all(|name| about(name).is_some()));
    }
}
