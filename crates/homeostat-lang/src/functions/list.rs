//! `list`: functions of lists.

use super::args::Args;
use super::bounds;
use super::declaration::{Function, gives};
use super::error::{Error, Result};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "list.lookup",
        &["func(list []?1, index int) ?1"],
        "The item at an index, from 0. An index that is not there can be caught.",
        &[
            gives("list.lookup([\"a\", \"b\"], 1)", "\"b\""),
            gives("list.lookup([1], -1)", "error: list index negative, got: -1"),
            gives("list.lookup([1], 4)", "error: list index not present, got: 4, len is: 1, in: [1]"),
        ],
        lookup,
    )
    .transparent(),
    Function::pure(
        "list.concat",
        &["func(list []?1, lists ...[]?1) []?1"],
        "The items of all lists, in order.",
        &[gives("list.concat([1], [2, 3], [])", "[1, 2, 3]")],
        |args| {
            let lists = (0..args.len()).map(|at| args.list(at)).collect::<Result<Vec<_>>>()?;
            bounds::list(bounds::sum(lists.iter().map(|list| list.len())))?;
            Ok(Value::list(lists.into_iter().flat_map(|list| list.iter().cloned())))
        },
    )
    .transparent(),
];

pub(super) fn lookup(args: Args<'_>) -> Result<Value> {
    let (list, index) = (args.list(0)?, args.int(1)?);
    let at =
        usize::try_from(index).map_err(|_| Error::catchable(format!("list index negative, got: {index}")))?;
    list.get(at).cloned().ok_or_else(|| {
        let (length, list) = (list.len(), Value::List(list.clone()));
        Error::catchable(format!("list index not present, got: {index}, len is: {length}, in: {list}"))
    })
}
