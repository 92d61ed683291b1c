//! `example`: functions to try things with.

use super::declaration::{Function, gives, told};
use super::error::Error;
use super::operators;
use super::sources::SourceRequest;
use crate::value::Value;

const FLIP_MS: u64 = 5000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "example.answer",
        &["func() int"],
        "The answer to everything.",
        &[gives("example.answer()", "42")],
        |_| Ok(Value::Int(42)),
    ),
    Function::pure(
        "example.int2str",
        &["func(a int) str"],
        "The number in decimal.",
        &[gives("example.int2str(42)", "\"42\"")],
        |args| Ok(Value::from(args.int(0)?.to_string())),
    ),
    Function::pure(
        "example.str2int",
        &["func(a str) int"],
        "The number that is written; 0 if none is.",
        &[gives("example.str2int(\"42\")", "42"), gives("example.str2int(\"x\")", "0")],
        |args| Ok(Value::Int(args.str(0)?.parse().unwrap_or(0))),
    ),
    Function::pure(
        "example.plus",
        &["func(y str, z str) str"],
        "One text after the other.",
        &[gives("example.plus(\"a\", \"b\")", "\"ab\"")],
        operators::add,
    ),
    Function::pure(
        "example.errorbool",
        &["func(a bool) str"],
        "Fails if it is told to.",
        &[
            gives("example.errorbool(false)", "\"set input to true to generate an error\""),
            gives("example.errorbool(true)", "error: we errored on request"),
        ],
        |args| match args.bool(0)? {
            true => Err(Error::permanent("we errored on request")),
            false => Ok(Value::from("set input to true to generate an error")),
        },
    ),
    Function::source(
        "example.flipflop",
        &["func() bool"],
        "False and true in turns of 5 seconds.",
        &[told("example.flipflop()", "3", "true")],
        |_, _| Ok(SourceRequest::Counter { interval_ms: FLIP_MS }),
        |_, _, count| Ok(Value::Bool(matches!(count, Value::Int(count) if count % 2 == 1))),
    ),
    Function::absent(
        "example.vumeter",
        &["func(symbol str, multiplier int, peak float) str"],
        "A bar that shows how loud it is.",
        "it would have to record sound, and nothing here listens to a microphone",
    ),
    Function::pure(
        "example/nested.hello",
        &["func() str"],
        "A greeting from a nested module.",
        &[gives("nested.hello()", "\"Hello!\"")],
        |_| Ok(Value::from("Hello!")),
    ),
];
