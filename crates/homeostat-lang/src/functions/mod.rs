//! The function library: one file per module, one declaration per function.
//!
//! Invariant: functions are plain `fn`s without memory, but for what was compiled of a text and is the same each time. What a call remembers, waits for or asks is its evaluator's.

mod about;
mod args;
pub mod bounds;
mod check;
mod compiled;
mod constants;
mod convert;
mod datetime;
mod declaration;
mod deploy;
mod encoding;
mod error;
mod example;
mod fmt;
mod global;
pub(crate) mod golang;
mod iter;
mod list;
mod local;
mod map;
mod math;
mod net;
mod operators;
mod os;
mod regexp;
mod sources;
mod strings;
mod sys;
mod test;
mod util;
mod value;
mod world;

use std::sync::LazyLock;

pub use about::about;
pub use args::Args;
pub use check::{KnownArg, Misuse, StaticCheck};
pub use constants::{Variable, constant, variables};
pub use declaration::{Body, Call, EachBody, Example, FoldBody, Function, Opened, Site, SourceBody};
pub use error::{Error, Result};
pub use sources::{Answer, MachineFact, ProcessFact, Sink, SourceRequest, Sources, Subscription};

/// Everything there is, by module.
const MODULES: &[&[Function]] = &[
    operators::FUNCTIONS,
    global::FUNCTIONS,
    convert::FUNCTIONS,
    datetime::FUNCTIONS,
    deploy::FUNCTIONS,
    encoding::FUNCTIONS,
    example::FUNCTIONS,
    fmt::FUNCTIONS,
    golang::html::FUNCTIONS,
    golang::math::FUNCTIONS,
    golang::math::FUNCTIONS_OF_ONE,
    golang::os::FUNCTIONS,
    golang::path::FUNCTIONS,
    golang::path::FILEPATH,
    golang::rand::FUNCTIONS,
    golang::runtime::FUNCTIONS,
    golang::strconv::FUNCTIONS,
    golang::strings::FUNCTIONS,
    golang::template::FUNCTIONS,
    iter::FUNCTIONS,
    list::FUNCTIONS,
    local::FUNCTIONS,
    map::FUNCTIONS,
    math::FUNCTIONS,
    net::FUNCTIONS,
    os::FUNCTIONS,
    regexp::FUNCTIONS,
    strings::FUNCTIONS,
    sys::FUNCTIONS,
    test::FUNCTIONS,
    util::FUNCTIONS,
    value::FUNCTIONS,
    world::FUNCTIONS,
];

static REGISTRY: LazyLock<Vec<&'static Function>> = LazyLock::new(|| {
    let mut all: Vec<&Function> = MODULES.iter().copied().flatten().collect();
    all.sort_by_key(|function| function.name);
    all
});

/// Every function, sorted by name. Names that begin with `_` are operators and forms of the grammar.
pub fn registry() -> &'static [&'static Function] {
    &REGISTRY
}

/// The function of that name, with its module: `strings.split`.
pub fn find(name: &str) -> Option<&'static Function> {
    let at = REGISTRY.binary_search_by(|function| function.name.cmp(name)).ok()?;
    Some(REGISTRY[at])
}

static MODULE_NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let variables = variables();
    let mut names: Vec<&str> = REGISTRY.iter().map(|function| function.module()).collect();
    names.extend(variables.iter().map(|variable| variable.module));
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
});

/// The names of all modules that can be imported, sorted.
pub fn modules() -> &'static [&'static str] {
    &MODULE_NAMES
}

/// The functions of a module, sorted by name; those that need no import for the empty name.
pub fn module(name: &str) -> impl Iterator<Item = &'static Function> {
    REGISTRY.iter().copied().filter(move |function| function.module() == name)
}

#[cfg(test)]
mod tests;
