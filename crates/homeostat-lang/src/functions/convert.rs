//! `convert`: from one type to another.

use super::declaration::{Function, gives};
use super::error::Error;
use super::golang;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "convert.format_bool",
        &["func(a bool) str"],
        "`true` or `false` as text.",
        &[gives("convert.format_bool(true)", "\"true\"")],
        |args| Ok(Value::from(args.bool(0)?.to_string())),
    ),
    Function::pure(
        "convert.parse_bool",
        &["func(a str) bool"],
        "Reads `1 t T TRUE true True` and `0 f F FALSE false False`. Anything else can be caught.",
        &[
            gives("convert.parse_bool(\"T\")", "true"),
            gives("convert.parse_bool(\"yes\")", "error: invalid bool: `yes`"),
        ],
        |args| {
            let text = args.str(0)?;
            let value =
                parse_bool(text).ok_or_else(|| Error::catchable(format!("invalid bool: `{text}`")))?;
            Ok(Value::Bool(value))
        },
    ),
    Function::pure(
        "convert.str_to_int",
        &["func(a str) int"],
        "Reads a whole number in decimal. Anything else can be caught.",
        &[
            gives("convert.str_to_int(\"-42\")", "-42"),
            gives("convert.str_to_int(\"4.2\")", "error: invalid int: `4.2`"),
        ],
        |args| {
            let text = args.str(0)?;
            text.parse().map(Value::Int).map_err(|_| Error::catchable(format!("invalid int: `{text}`")))
        },
    ),
    Function::pure(
        "convert.str_to_float",
        &["func(a str) float"],
        "Reads a number. Anything else can be caught.",
        &[
            gives("convert.str_to_float(\"-4.20\")", "-4.2"),
            gives("convert.str_to_float(\"x\")", "error: invalid float: `x`"),
            gives("convert.str_to_float(\"1e400\")", "error: invalid float: `1e400`"),
        ],
        |args| {
            let text = args.str(0)?;
            let is_meant = |number: &f64| number.is_finite() || !text.contains(|c: char| c.is_ascii_digit());
            let number = golang::strconv::read_float(text).filter(is_meant);
            number.map(Value::Float).ok_or_else(|| Error::catchable(format!("invalid float: `{text}`")))
        },
    ),
    Function::pure(
        "convert.to_float",
        &["func(a int) float"],
        "The same number as `float`.",
        &[gives("convert.to_float(3)", "3")],
        |args| Ok(Value::Float(args.int(0)? as f64)),
    ),
    Function::pure(
        "convert.to_int",
        &["func(a float) int"],
        "The number without its fraction.",
        &[gives("convert.to_int(-3.7)", "-3")],
        |args| Ok(Value::Int(args.float(0)? as i64)),
    ),
    Function::pure(
        "convert.int_to_str",
        &["func(a int) str"],
        "The number in decimal.",
        &[gives("convert.int_to_str(42)", "\"42\"")],
        |args| Ok(Value::from(args.int(0)?.to_string())),
    ),
];

/// The spellings of Go.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}
