//! `golang/strconv`: numbers and quoted text.

use super::quote::{self, Shown};
use crate::functions::args::Args;
use crate::functions::convert::parse_bool;
use crate::functions::declaration::{Function, gives};
use crate::functions::error::{Error, Result};
use crate::value::Value;

const QUOTE: &[&str] = &["func(s str) str"];
const APPEND: &[&str] = &["func(dst str, s str) str"];

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "golang/strconv.append_bool",
        &["func(dst str, b bool) str"],
        "The text with `true` or `false` behind it.",
        &[gives("strconv.append_bool(\"x=\", true)", "\"x=true\"")],
        |args| appended(args, args.bool(1)?.to_string()),
    ),
    Function::pure(
        "golang/strconv.append_int",
        &["func(dst str, i int, base int) str"],
        "The text with a number in that base behind it.",
        &[gives("strconv.append_int(\"x=\", 255, 16)", "\"x=ff\"")],
        |args| appended(args, in_base(args.int(1)?, args.int(2)?)?),
    ),
    Function::pure(
        "golang/strconv.append_quote",
        APPEND,
        "The text with another in quotes behind it.",
        &[gives("strconv.append_quote(\"x=\", \"a\")", "\"x=\\\"a\\\"\"")],
        |args| appended(args, quote::quote(args.str(1)?)),
    ),
    Function::pure(
        "golang/strconv.append_quote_to_ascii",
        APPEND,
        "As `append_quote`, with escapes for what is not ASCII.",
        &[gives("strconv.append_quote_to_ascii(\"\", \"é\")", "\"\\\"\\\\u00e9\\\"\"")],
        |args| appended(args, quote::quote_as(args.str(1)?, '"', Shown::Ascii)),
    ),
    Function::pure(
        "golang/strconv.append_quote_to_graphic",
        APPEND,
        "As `append_quote`, with every kind of space as it is.",
        &[gives("strconv.append_quote_to_graphic(\"\", \"é\")", "\"\\\"é\\\"\"")],
        |args| appended(args, quote::quote_as(args.str(1)?, '"', Shown::Graphic)),
    ),
    Function::pure(
        "golang/strconv.atoi",
        &["func(s str) int"],
        "Reads a whole number in decimal.",
        &[
            gives("strconv.atoi(\"+42\")", "42"),
            gives("strconv.atoi(\"x\")", "error: strconv.Atoi: parsing \"x\": invalid syntax"),
        ],
        |args| parse_int("Atoi", args.str(0)?, 10, 64),
    ),
    Function::pure(
        "golang/strconv.can_backquote",
        &["func(s str) bool"],
        "Whether the text can stand between backquotes as it is.",
        &[gives("strconv.can_backquote(\"a`b\")", "false")],
        |args| Ok(Value::Bool(quote::can_backquote(args.str(0)?))),
    ),
    Function::pure(
        "golang/strconv.format_bool",
        &["func(b bool) str"],
        "`true` or `false` as text.",
        &[gives("strconv.format_bool(false)", "\"false\"")],
        |args| Ok(Value::from(args.bool(0)?.to_string())),
    ),
    Function::pure(
        "golang/strconv.format_int",
        &["func(i int, base int) str"],
        "The number in a base from 2 to 36.",
        &[
            gives("strconv.format_int(-255, 2)", "\"-11111111\""),
            gives("strconv.format_int(1, 1)", "error: the base must be 2 to 36, got: 1"),
        ],
        |args| in_base(args.int(0)?, args.int(1)?).map(Value::from),
    ),
    Function::pure(
        "golang/strconv.itoa",
        &["func(i int) str"],
        "The number in decimal.",
        &[gives("strconv.itoa(42)", "\"42\"")],
        |args| Ok(Value::from(args.int(0)?.to_string())),
    ),
    Function::pure(
        "golang/strconv.parse_bool",
        &["func(str str) bool"],
        "Reads `1 t T TRUE true True` and `0 f F FALSE false False`.",
        &[
            gives("strconv.parse_bool(\"T\")", "true"),
            gives("strconv.parse_bool(\"x\")", "error: strconv.ParseBool: parsing \"x\": invalid syntax"),
        ],
        |args| {
            let text = args.str(0)?;
            parse_bool(text).map(Value::Bool).ok_or_else(|| number_error("ParseBool", text, "invalid syntax"))
        },
    ),
    Function::pure(
        "golang/strconv.parse_float",
        &["func(s str, bit_size int) float"],
        "Reads a number in decimal, as one of 32 or 64 bits.",
        &[
            gives("strconv.parse_float(\"1e3\", 64)", "1000"),
            gives(
                "strconv.parse_float(\"1e999\", 64)",
                "error: strconv.ParseFloat: parsing \"1e999\": value out of range",
            ),
        ],
        |args| parse_float(args.str(0)?, args.int(1)?),
    ),
    Function::pure(
        "golang/strconv.parse_int",
        &["func(s str, base int, bit_size int) int"],
        "Reads a whole number in a base from 2 to 36, or, with base 0, as its prefix says; it has to fit the bits.",
        &[
            gives("strconv.parse_int(\"-0x_ff\", 0, 64)", "-255"),
            gives("strconv.parse_int(\"z\", 36, 0)", "35"),
            gives(
                "strconv.parse_int(\"128\", 10, 8)",
                "error: strconv.ParseInt: parsing \"128\": value out of range",
            ),
        ],
        |args| parse_int("ParseInt", args.str(0)?, args.int(1)?, args.int(2)?),
    ),
    Function::pure(
        "golang/strconv.quote",
        QUOTE,
        "In double quotes, with escapes for what cannot be seen.",
        &[gives("strconv.quote(\"a\\tb\")", "\"\\\"a\\\\tb\\\"\"")],
        |args| Ok(Value::from(quote::quote(args.str(0)?))),
    ),
    Function::pure(
        "golang/strconv.quote_to_ascii",
        QUOTE,
        "As `quote`, with escapes for what is not ASCII.",
        &[gives("strconv.quote_to_ascii(\"é\")", "\"\\\"\\\\u00e9\\\"\"")],
        |args| Ok(Value::from(quote::quote_as(args.str(0)?, '"', Shown::Ascii))),
    ),
    Function::pure(
        "golang/strconv.quote_to_graphic",
        QUOTE,
        "As `quote`, with every kind of space as it is.",
        &[gives("strconv.quote_to_graphic(\"é\")", "\"\\\"é\\\"\"")],
        |args| Ok(Value::from(quote::quote_as(args.str(0)?, '"', Shown::Graphic))),
    ),
    Function::pure(
        "golang/strconv.quoted_prefix",
        QUOTE,
        "The quoted text at the beginning, with its quotes.",
        &[
            gives("strconv.quoted_prefix(\"'a' b\")", "\"'a'\""),
            gives("strconv.quoted_prefix(\"a\")", "error: invalid syntax"),
        ],
        |args| {
            let prefix = quote::quoted_prefix(args.str(0)?).filter(|prefix| quote::unquote(prefix).is_some());
            prefix.map(Value::from).ok_or_else(|| Error::permanent("invalid syntax"))
        },
    ),
    Function::pure(
        "golang/strconv.unquote",
        QUOTE,
        "What a text in quotes of Go means.",
        &[
            gives("strconv.unquote(\"\\\"a\\\\tb\\\"\")", "\"a\\tb\""),
            gives("strconv.unquote(\"a\")", "error: invalid syntax"),
        ],
        |args| {
            quote::unquote(args.str(0)?).map(Value::from).ok_or_else(|| Error::permanent("invalid syntax"))
        },
    ),
];

fn appended(args: Args<'_>, text: String) -> Result<Value> {
    Ok(Value::from(format!("{}{text}", args.str(0)?)))
}

fn number_error(function: &str, text: &str, why: &str) -> Error {
    Error::permanent(format!("strconv.{function}: parsing {}: {why}", quote::quote(text)))
}

fn in_base(number: i64, base: i64) -> Result<String> {
    match u64::try_from(base) {
        Ok(known @ 2..=36) => Ok(super::format::in_base(number, known)),
        _ => Err(Error::permanent(format!("the base must be 2 to 36, got: {base}"))),
    }
}

fn parse_float(text: &str, bits: i64) -> Result<Value> {
    let number = read_float(text).ok_or_else(|| number_error("ParseFloat", text, "invalid syntax"))?;
    let number = if bits == 32 { f64::from(number as f32) } else { number };
    let says_infinity = text.contains(['i', 'I']);
    if number.is_infinite() && !says_infinity {
        return Err(number_error("ParseFloat", text, "value out of range"));
    }
    Ok(Value::Float(number))
}

/// Reads a number as Go does: decimal, hexadecimal with a binary exponent, `Inf` or `NaN`. What is too large is infinite.
pub(in crate::functions) fn read_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.starts_with(['n', 'N']) && unsigned != text {
        return None;
    }
    let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) else {
        return text.parse().ok();
    };
    let number = hexadecimal(digits)?;
    Some(if text.starts_with('-') { -number } else { number })
}

/// `1.8p3`, what stands behind `0x`.
fn hexadecimal(text: &str) -> Option<f64> {
    const BITS: u32 = 60;
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut number, mut scale) = (0_u64, 0_i64);
    for (at, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        let shift = if at < whole.chars().count() { 4 } else { 0 };
        if number >> (BITS - 4) == 0 {
            number = number << 4 | digit;
            scale += shift - 4;
        } else {
            // It only decides how to round.
            number |= u64::from(digit != 0);
            scale += shift;
        }
    }
    let is_negative = exponent.starts_with('-');
    let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // No more can matter.
    let exponent = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    let exponent = if is_negative { -exponent } else { exponent };
    let exponent = (exponent + scale).clamp(-4000, 4000);
    Some(libm::ldexp(number as f64, exponent as i32))
}

fn parse_int(function: &str, text: &str, base: i64, bits: i64) -> Result<Value> {
    let invalid = || number_error(function, text, "invalid syntax");
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (base, digits) = match u32::try_from(base) {
        Ok(0) => prefixed(digits).ok_or_else(invalid)?,
        Ok(base @ 2..=36) => (base, digits.to_owned()),
        _ => return Err(number_error(function, text, &format!("invalid base {base}"))),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(invalid());
    }
    let bits = match bits {
        0 => 64,
        1..=64 => bits as u32,
        _ => return Err(number_error(function, text, &format!("invalid bit size {bits}"))),
    };
    let out_of_range = || number_error(function, text, "value out of range");
    let size = i128::from_str_radix(&digits, base).map_err(|_| out_of_range())?;
    let number = if is_negative { -size } else { size };
    let limit = 1i128 << (bits - 1);
    if number < -limit || number >= limit {
        return Err(out_of_range());
    }
    i64::try_from(number).map(Value::Int).map_err(|_| out_of_range())
}

/// The base that a prefix says, and the digits without underscores, which may only stand between digits.
fn prefixed(digits: &str) -> Option<(u32, String)> {
    let lower = digits.to_lowercase();
    let (base, rest) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &*lower),
    };
    let is_spaced_well =
        !rest.ends_with('_') && !rest.contains("__") && (base != 10 || !rest.starts_with('_'));
    is_spaced_well.then(|| (base, rest.replace('_', "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_as_in_go() {
        for (text, base, bits, number) in [
            ("9223372036854775807", 10, 64, Some(i64::MAX)),
            ("-9223372036854775808", 10, 64, Some(i64::MIN)),
            ("9223372036854775808", 10, 64, None),
            ("-128", 10, 8, Some(-128)),
            ("0b101", 0, 64, Some(5)),
            ("0o17", 0, 64, Some(15)),
            ("017", 0, 64, Some(15)),
            ("1_000", 0, 64, Some(1000)),
            ("1_000", 10, 64, None),
            ("_1", 0, 64, None),
            ("0", 0, 64, Some(0)),
            ("", 10, 64, None),
            ("-", 10, 64, None),
            ("+-1", 10, 64, None),
            ("1", 37, 64, None),
            ("99999999999999999999999999999999999999999999", 10, 64, None),
        ] {
            assert_eq!(parse_int("ParseInt", text, base, bits).ok(), number.map(Value::Int), "{text}");
        }
    }

    #[test]
    fn floats_are_read_as_in_go() {
        for (text, number) in [
            ("0x1p-2", Some(0.25)),
            ("-0X1.8p+1", Some(-3.0)),
            ("0x.8p0", Some(0.5)),
            ("0x1fffffffffffffffp0", Some(2305843009213693952.0)),
            ("0x1.00000000000008p0", Some(1.0)),
            ("0x1.000000000000080000000000001p0", Some(1.0000000000000002)),
            ("0x1", None),
            ("0xp1", None),
            ("0x1p", None),
            ("0x1p+-1", None),
            ("1_0", None),
            ("+5.e1", Some(50.0)),
            (".5", Some(0.5)),
            (".", None),
            ("", None),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("+nan", None),
            ("1e400", None),
            ("0x1p5000", None),
            ("0x1p-5000", Some(0.0)),
        ] {
            assert_eq!(parse_float(text, 64).ok(), number.map(Value::Float), "{text}");
        }
    }
}
