//! `iter`: functions that call a function for each item.

use super::args::Args;
use super::bounds;
use super::declaration::{Body, EachBody, FoldBody, Function, gives};
use super::error::{Error, Result};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_body(
        "iter.map",
        &["func(inputs []?1, function func(?1) ?2) []?2"],
        "What the function gives for each item.",
        &[gives("iter.map([1, 2], func($x) { convert.int_to_str($x) })", "[\"1\", \"2\"]")],
        Body::Each(EachBody { calls: each_item, collect: |_, results| Ok(Value::list(results)) }),
    )
    .transparent(),
    Function::with_body(
        "iter.filter",
        &["func(inputs []?1, function func(?1) bool) []?1"],
        "The items for which the function says `true`.",
        &[gives("iter.filter([1, 2, 3], func($x) { _>($x, 1) })", "[2, 3]")],
        Body::Each(EachBody { calls: each_item, collect: keep }),
    )
    .transparent(),
    Function::with_body(
        "iter.reduce",
        &[
            "func(inputs []?1, function func(x ?1, y ?1) ?1) ?1",
            "func(initval ?1, inputs []?1, function func(x ?1, y ?1) ?1) ?1",
        ],
        "Makes one value of all items: the function takes what is there so far and the next item. Without an initial value \
         the first item is the first value, and an empty list is an error.",
        &[
            gives("iter.reduce([1, 2, 3], func($x, $y) { _+($x, $y) })", "6"),
            gives("iter.reduce(\"z\", [\"a\", \"b\"], func($x, $y) { _+($x, $y) })", "\"zab\""),
            gives(
                "iter.reduce([], func($x, $y) { $x })",
                "error: cannot reduce an empty list without an initial value",
            ),
        ],
        Body::Fold(FoldBody { start: reduce_start }),
    )
    .transparent(),
    Function::with_body(
        "iter.zip",
        &["func(inputs1 []?1, inputs2 []?2, function func(x ?1, y ?2) ?3) []?3"],
        "What the function gives for each pair of items, as far as both lists go.",
        &[gives("iter.zip([1, 2, 3], [10, 20], func($x, $y) { _+($x, $y) })", "[11, 22]")],
        Body::Each(EachBody {
            calls: |args| {
                let pairs = args.list(0)?.iter().zip(args.list(1)?.iter());
                Ok(pairs.map(|(x, y)| vec![x.clone(), y.clone()]).collect())
            },
            collect: |_, results| Ok(Value::list(results)),
        }),
    )
    .transparent(),
    Function::pure(
        "iter.flatten",
        &["func(inputs [][]?1) []?1"],
        "The items of all lists in a list.",
        &[gives("iter.flatten([[1], [], [2, 3]])", "[1, 2, 3]")],
        |args| {
            let lists = args.list(0)?.iter().map(|list| Args(std::slice::from_ref(list)).list(0));
            let lists = lists.collect::<Result<Vec<_>>>()?;
            bounds::list(bounds::sum(lists.iter().map(|list| list.len())))?;
            Ok(Value::list(lists.into_iter().flat_map(|list| list.iter().cloned())))
        },
    )
    .transparent(),
    Function::pure(
        "iter.range",
        &["func(stop int) []int", "func(start int, stop int) []int", "func(start int, stop int, step int) []int"],
        "The numbers from `start` (0) up to, but without, `stop`, by `step` (1), which may be negative but not 0.",
        &[
            gives("iter.range(3)", "[0, 1, 2]"),
            gives("iter.range(2, 4)", "[2, 3]"),
            gives("iter.range(6, 0, -2)", "[6, 4, 2]"),
            gives("iter.range(0, 5, 0)", "error: the step must not be 0"),
        ],
        range,
    ),
];

fn each_item(args: Args<'_>) -> Result<Vec<Vec<Value>>> {
    Ok(args.list(0)?.iter().map(|item| vec![item.clone()]).collect())
}

fn keep(args: Args<'_>, kept: Vec<Value>) -> Result<Value> {
    let items = args.list(0)?.iter().zip(&kept);
    let chosen = Value::list(
        items.filter(|(_, keep)| matches!(keep.reveal(), Value::Bool(true))).map(|(item, _)| item.clone()),
    );
    // Which items are there tells what was said of each.
    Ok(if kept.iter().any(Value::is_sensitive) { chosen.into_sensitive() } else { chosen })
}

fn reduce_start(args: Args<'_>) -> Result<(Value, Vec<Value>)> {
    if args.len() == 3 {
        return Ok((args.0[0].clone(), args.list(1)?.to_vec()));
    }
    match args.list(0)?.split_first() {
        Some((first, rest)) => Ok((first.clone(), rest.to_vec())),
        None => Err(Error::permanent("cannot reduce an empty list without an initial value")),
    }
}

fn range(args: Args<'_>) -> Result<Value> {
    let (start, stop) = match args.len() {
        1 => (0, args.int(0)?),
        _ => (args.int(0)?, args.int(1)?),
    };
    let step = if args.len() == 3 { args.int(2)? } else { 1 };
    if step == 0 {
        return Err(Error::permanent("the step must not be 0"));
    }
    let is_empty = if step > 0 { start >= stop } else { start <= stop };
    let count = if is_empty { 0 } else { start.abs_diff(stop).div_ceil(step.unsigned_abs()) };
    bounds::list(usize::try_from(count).ok())?;
    Ok(Value::list((0..count as i64).map(|at| Value::Int(start + at * step))))
}
