//! Variables that are always there, and those that come with a module.

use std::sync::LazyLock;

use crate::value::Value;

/// A variable of the library.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The module that has to be imported; empty for what needs no import.
    pub module: &'static str,
    /// Its name in the module, with dots: `const.res.file.state.exists`.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
}

const TEXTS: &[(&str, &str, &str)] = &[
    ("", "const.res.file.state.absent", "absent"),
    ("", "const.res.file.state.exists", "exists"),
    ("", "const.res.file.state.undefined", ""),
    ("", "const.res.firewalld.state.absent", "absent"),
    ("", "const.res.firewalld.state.exists", "exists"),
    ("", "const.res.firewalld.state.undefined", ""),
    ("", "const.res.net.state.down", "down"),
    ("", "const.res.net.state.undefined", ""),
    ("", "const.res.net.state.up", "up"),
    ("", "purpleidea", "hello world!"),
    ("os", "family_archlinux", "archlinux"),
    ("os", "family_debian", "debian"),
    ("os", "family_redhat", "redhat"),
];

const NUMBERS: &[(&str, i64)] = &[
    ("const.res.gzip.level.best_compression", 9),
    ("const.res.gzip.level.best_speed", 1),
    ("const.res.gzip.level.default_compression", -1),
    ("const.res.gzip.level.huffman_only", -2),
    ("const.res.gzip.level.no_compression", 0),
    ("const.res.tar.format.gnu", 8),
    ("const.res.tar.format.pax", 4),
    ("const.res.tar.format.unknown", 0),
    ("const.res.tar.format.ustar", 2),
];

/// All of them but `$hostname`, which is not the same everywhere, sorted by module and name.
pub fn variables() -> Vec<Variable> {
    let texts = TEXTS.iter().map(|(module, name, text)| Variable { module, name, value: Value::from(*text) });
    let numbers =
        NUMBERS.iter().map(|(name, number)| Variable { module: "", name, value: Value::Int(*number) });
    let mut all: Vec<Variable> = texts.chain(numbers).collect();
    all.sort_by_key(|variable| (variable.module, variable.name));
    all
}

/// The value of the variable of that name in a module; in what needs no import for the empty name.
pub fn constant(module: &str, name: &str) -> Option<Value> {
    static ALL: LazyLock<Vec<Variable>> = LazyLock::new(variables);
    let at = ALL.binary_search_by(|variable| (variable.module, variable.name).cmp(&(module, name))).ok()?;
    Some(ALL[at].value.clone())
}
