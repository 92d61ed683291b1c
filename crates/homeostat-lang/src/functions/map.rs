//! `map`: functions of maps.

use super::args::Args;
use super::declaration::{Function, gives};
use super::error::{Error, Result};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "map.lookup",
        &["func(map map{?1: ?2}, key ?1) ?2"],
        "The value of a key. A key that is not there can be caught.",
        &[
            gives("map.lookup({42 => \"hello\"}, 42)", "\"hello\""),
            gives(
                "map.lookup({42 => \"hello\"}, 13)",
                "error: map key not present, want: 13 in {42: \"hello\"}",
            ),
        ],
        lookup,
    )
    .transparent(),
    Function::pure(
        "map.keys",
        &["func(map map{?1: ?2}) []?1"],
        "The keys, in their order.",
        &[gives("map.keys({\"b\" => 1, \"a\" => 2})", "[\"a\", \"b\"]")],
        |args| Ok(Value::list(args.map(0)?.keys().cloned())),
    )
    .transparent(),
    Function::pure(
        "map.values",
        &["func(map map{?1: ?2}) []?2"],
        "The values, in the order of their keys.",
        &[gives("map.values({\"b\" => 1, \"a\" => 2})", "[2, 1]")],
        |args| Ok(Value::list(args.map(0)?.values().cloned())),
    )
    .transparent(),
];

pub(super) fn lookup(args: Args<'_>) -> Result<Value> {
    let (map, key) = (args.map(0)?, args.get(1)?);
    map.get(key).cloned().ok_or_else(|| {
        let map = Value::Map(map.clone());
        Error::catchable(format!("map key not present, want: {key} in {map}"))
    })
}
