//! What needs no import.

use super::declaration::{Function, answer, gives, told};
use super::error::{Error, Result};
use super::operators::{self, equal};
use super::sources::SourceRequest;
use super::{list, map};
use crate::value::Value;

const RANDOM_LENGTH_MAX: i64 = 65535;
const RANDOM_CHARS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// So many that the remainder by 62 is even enough.
const RANDOM_BYTES_PER_CHAR: usize = 4;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "len",
        &["func(value ?1) int"],
        "The number of bytes of a text, of items of a list, or of entries of a map.",
        &[gives("len(\"abc\")", "3"), gives("len([1, 2])", "2"), gives("len({\"a\" => 1})", "1")],
        |args| {
            let length = match args.get(0)? {
                Value::Str(text) => text.len(),
                Value::List(items) => items.len(),
                Value::Map(map) => map.len(),
                other => return Err(Error::permanent(format!("`{}` has no length", other.type_of()))),
            };
            Ok(Value::Int(length as i64))
        },
    )
    .forms(&["func(str) int", "func([]?1) int", "func(map{?1: ?2}) int"]),
    Function::pure(
        "concat",
        &["func(a str, b str) str"],
        "One text after the other.",
        &[gives("concat(\"ab\", \"cd\")", "\"abcd\"")],
        operators::add,
    ),
    Function::pure(
        "contains",
        &["func(needle ?1, haystack []?1) bool"],
        "Whether a list has an item: what `needle in haystack` means.",
        &[gives("contains(2, [1, 2])", "true"), gives("contains(\"c\", [\"a\"])", "false")],
        |args| {
            let needle = args.get(0)?;
            Ok(Value::Bool(args.list(1)?.iter().any(|item| equal(item, needle))))
        },
    ),
    Function::pure(
        "list_lookup",
        &["func(list []?1, index int) ?1"],
        "As `list.lookup`. Can be caught.",
        &[gives("list_lookup([\"a\", \"b\"], 0)", "\"a\"")],
        list::lookup,
    )
    .transparent(),
    Function::pure(
        "map_lookup",
        &["func(map map{?1: ?2}, key ?1) ?2"],
        "As `map.lookup`. Can be caught.",
        &[gives("map_lookup({42 => \"hello\"}, 42)", "\"hello\"")],
        map::lookup,
    )
    .transparent(),
    Function::source(
        "history",
        &["func(value ?1, index int) ?1"],
        "What the value was, that many milliseconds ago. Nothing before it is that old.",
        &[
            told("history(\"new\", 1000)", "\"old\"", "\"old\""),
            gives("history(1, -1)", "error: the age must not be negative, got: -1"),
        ],
        |_, args| {
            let age = args.int(1)?;
            let age_ms = u64::try_from(age)
                .map_err(|_| Error::permanent(format!("the age must not be negative, got: {age}")))?;
            Ok(SourceRequest::Delayed { value: args.get(0)?.clone(), age_ms })
        },
        answer,
    ),
    Function::source(
        "random1",
        &["func(length int) str"],
        "That many letters and digits, from secure random numbers; at most 65535. Every call has its own, and keeps it.",
        &[told("random1(2)", "\"0000000000000001\"", "\"AB\"")],
        |_, args| {
            let length = args.int(0)?;
            if !(0..=RANDOM_LENGTH_MAX).contains(&length) {
                return Err(Error::permanent(format!("the length must be 0 to {RANDOM_LENGTH_MAX}, got: {length}")));
            }
            Ok(SourceRequest::Random { bytes: length as usize * RANDOM_BYTES_PER_CHAR })
        },
        |_, _, answer| Ok(Value::from(random_text(answer.as_str().unwrap_or_default()))),
    ),
    Function::pure(
        "panic_debug",
        &["func(x bool, err str) bool"],
        "Ends the program with that message if the condition holds. Nothing catches it.",
        &[
            gives("panic_debug(false, \"no disk\")", "false"),
            gives("panic_debug(true, \"no disk\")", "error: panic: no disk"),
        ],
        |args| match args.bool(0)? {
            true => Err(Error::permanent(format!("panic: {}", args.str(1)?))),
            false => Ok(Value::Bool(false)),
        },
    ),
    Function::pure(
        "panic",
        &["func(x ?1) bool"],
        "Ends the program if it is `true`, or a text that is not empty. A statement: expressions cannot call it.",
        &[
            gives("panic(false)", "false"),
            gives("panic(true)", "error: panic"),
            gives("panic(\"no disk\")", "error: panic: no disk"),
        ],
        panic,
    )
    .forms(&["func(bool) bool", "func(str) bool"]),
    Function::pure(
        "sensitive",
        &["func(value ?1) ?1"],
        "The same value, which is never shown: not in reports, logs, the graph or messages. Whatever is made of it is \
         sensitive, too.",
        &[gives("sensitive(\"hunter2\")", "[redacted]")],
        |args| Ok(args.get(0)?.clone().into_sensitive()),
    )
    .transparent(),
];

fn panic(args: super::args::Args<'_>) -> Result<Value> {
    match args.get(0)? {
        Value::Bool(true) => Err(Error::permanent("panic")),
        Value::Str(text) if !text.is_empty() => Err(Error::permanent(format!("panic: {text}"))),
        _ => Ok(Value::Bool(false)),
    }
}

/// Hexadecimal digits as letters and digits.
fn random_text(hex: &str) -> String {
    let chunks = hex.as_bytes().chunks_exact(2 * RANDOM_BYTES_PER_CHAR);
    let numbers = chunks.map(|chunk| chunk.iter().fold(0, |sum: usize, digit| sum * 16 + hex_digit(*digit)));
    numbers.map(|number| char::from(RANDOM_CHARS[number % RANDOM_CHARS.len()])).collect()
}

pub(super) fn hex_digit(digit: u8) -> usize {
    char::from(digit).to_digit(16).unwrap_or(0) as usize
}
