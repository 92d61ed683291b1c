//! `test`: functions for tests of the language.

use super::args::Args;
use super::declaration::{Function, Site, answer, gives, told};
use super::error::{Error, Result};
use super::sources::SourceRequest;
use crate::value::Value;

const ONE_INSTANCE: &str =
    "Always `hello`. Functions have no memory here, so there is nothing that could be made twice.";
const TEXT: &[&str] = &["func() str"];
const TICK_MS: u64 = 10;
const SLOW: SourceRequest = SourceRequest::Counter { interval_ms: 5000 };

const fn one_instance(name: &'static str, examples: &'static [super::declaration::Example]) -> Function {
    Function::pure(name, TEXT, ONE_INSTANCE, examples, |_| Ok(Value::from("hello")))
}

pub(super) const FUNCTIONS: &[Function] = &[
    one_instance("test.one_instance_a", &[gives("test.one_instance_a()", "\"hello\"")]),
    one_instance("test.one_instance_b", &[gives("test.one_instance_b()", "\"hello\"")]),
    one_instance("test.one_instance_c", &[gives("test.one_instance_c()", "\"hello\"")]),
    one_instance("test.one_instance_d", &[gives("test.one_instance_d()", "\"hello\"")]),
    one_instance("test.one_instance_e", &[gives("test.one_instance_e()", "\"hello\"")]),
    one_instance("test.one_instance_f", &[gives("test.one_instance_f()", "\"hello\"")]),
    one_instance("test.one_instance_g", &[gives("test.one_instance_g()", "\"hello\"")]),
    one_instance("test.one_instance_h", &[gives("test.one_instance_h()", "\"hello\"")]),
    Function::pure(
        "test.one_stream",
        &["func(count int) str"],
        "That many times the letter `x`.",
        &[gives("test.one_stream(3)", "\"xxx\"")],
        |args| {
            let count =
                usize::try_from(args.int(0)?).ok().filter(|count| *count <= super::bounds::TEXT_BYTES_MAX);
            count.map(|count| Value::from("x".repeat(count))).ok_or_else(|| Error::permanent("invalid count"))
        },
    ),
    Function::source(
        "test.slow_string",
        TEXT,
        "`hello`, but not before 5 seconds have passed.",
        &[
            told("test.slow_string()", "1", "\"hello\""),
            told("test.slow_string()", "0", "error: not known yet"),
        ],
        |_, _| Ok(SLOW),
        |_, _, count| match count {
            Value::Int(0) => Err(Error::Unanswered(Box::new(SLOW))),
            _ => Ok(Value::from("hello")),
        },
    ),
    Function::source(
        "test.fastcount",
        &["func() int"],
        "Counts, as fast as is sensible.",
        &[told("test.fastcount()", "7", "7")],
        tick,
        answer,
    ),
    Function::source(
        "test.forloop",
        &["func() []str"],
        "First `[\"foo\"]`, then `[\"bar\"]`.",
        &[told("test.forloop()", "0", "[\"foo\"]"), told("test.forloop()", "2", "[\"bar\"]")],
        tick,
        |_, _, count| Ok(Value::list([Value::from(first_or_later(count))])),
    ),
    Function::source(
        "test.forkvloop",
        &["func() map{str: str}"],
        "First `{\"foo\": \"bar\"}`, then `{\"foo\": \"baz\"}`.",
        &[told("test.forkvloop()", "1", "{\"foo\": \"baz\"}")],
        tick,
        |_, _, count| {
            let value = if *count == Value::Int(0) { "bar" } else { "baz" };
            Ok(Value::map([(Value::from("foo"), Value::from(value))]))
        },
    ),
];

fn tick(_: &Site<'_>, _: Args<'_>) -> Result<SourceRequest> {
    Ok(SourceRequest::Counter { interval_ms: TICK_MS })
}

fn first_or_later(count: &Value) -> &'static str {
    if *count == Value::Int(0) { "foo" } else { "bar" }
}
