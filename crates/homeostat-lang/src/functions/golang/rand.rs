//! `golang/math/rand`: random numbers. Every call has its own, and keeps it.

use crate::functions::args::Args;
use crate::functions::declaration::{Function, Site, gives, told};
use crate::functions::error::{Error, Result};
use crate::functions::global::hex_digit;
use crate::functions::sources::SourceRequest;
use crate::value::Value;

const BYTES: usize = 16;
const ZERO: &str = "\"00000000000000000000000000000000\"";

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    Function::source(
        "golang/math/rand.exp_float_64",
        &["func() float"],
        "A number from the exponential distribution of rate 1.",
        &[told("rand.exp_float_64()", ZERO, "0")],
        random,
        |_, _, answer| Ok(Value::Float(libm::log1p(-unit(numbers(answer).0)).abs())),
    ),
    Function::source(
        "golang/math/rand.float_64",
        &["func() float"],
        "A number from 0 up to, but without, 1.",
        &[told("rand.float_64()", "\"80000000000000000000000000000000\"", "0.5")],
        random,
        |_, _, answer| Ok(Value::Float(unit(numbers(answer).0))),
    ),
    Function::source(
        "golang/math/rand.norm_float_64",
        &["func() float"],
        "A number from the normal distribution of mean 0 and deviation 1.",
        &[told("rand.norm_float_64()", ZERO, "0")],
        random,
        |_, _, answer| {
            let (first, second) = numbers(answer);
            let radius = (-2.0 * libm::log1p(-unit(first))).abs().sqrt();
            Ok(Value::Float(radius * libm::cos(std::f64::consts::TAU * unit(second))))
        },
    ),
    Function::source(
        "golang/math/rand.int",
        &["func() int"],
        "A whole number, not negative.",
        &[told("rand.int()", ZERO, "0")],
        random,
        |_, _, answer| Ok(Value::Int((numbers(answer).0 >> 1) as i64)),
    ),
    Function::source(
        "golang/math/rand.int_63",
        &["func() int"],
        "A whole number of 63 bits.",
        &[told("rand.int_63()", "\"00000000000000060000000000000000\"", "3")],
        random,
        |_, _, answer| Ok(Value::Int((numbers(answer).0 >> 1) as i64)),
    ),
    Function::source(
        "golang/math/rand.int_63_n",
        &["func(n int) int"],
        "A whole number from 0 up to, but without, `n`.",
        &[told("rand.int_63_n(10)", ZERO, "0")],
        below,
        |_, args, answer| scaled(args, answer),
    ),
    Function::source(
        "golang/math/rand.intn",
        &["func(n int) int"],
        "A whole number from 0 up to, but without, `n`.",
        &[
            told("rand.intn(10)", "\"80000000000000000000000000000000\"", "5"),
            gives("rand.intn(0)", "error: the bound must be above 0, got: 0"),
        ],
        below,
        |_, args, answer| scaled(args, answer),
    ),
    Function::pure(
        "golang/math/rand.read",
        &["func(p str) int"],
        "The number of bytes that would be filled: those of the argument. What they would be is not given.",
        &[gives("rand.read(\"abc\")", "3")],
        |args| Ok(Value::Int(args.str(0)?.len() as i64)),
    ),
];

fn random(_: &Site<'_>, _: Args<'_>) -> Result<SourceRequest> {
    Ok(SourceRequest::Random { bytes: BYTES })
}

fn below(site: &Site<'_>, args: Args<'_>) -> Result<SourceRequest> {
    match args.int(0)? {
        bound if bound > 0 => random(site, args),
        bound => Err(Error::permanent(format!("the bound must be above 0, got: {bound}"))),
    }
}

/// The high half of a product of 128 bits is as even as the random number.
fn scaled(args: Args<'_>, answer: &Value) -> Result<Value> {
    let bound = u128::from(args.int(0)?.unsigned_abs());
    Ok(Value::Int(((u128::from(numbers(answer).0) * bound) >> 64) as i64))
}

fn numbers(answer: &Value) -> (u64, u64) {
    let hex = answer.as_str().unwrap_or_default().as_bytes();
    let read = |digits: &[u8]| digits.iter().fold(0u64, |sum, digit| (sum << 4) | hex_digit(*digit) as u64);
    let (first, second) = hex.split_at(hex.len().min(BYTES));
    (read(first), read(second))
}

/// From 0 up to, but without, 1.
fn unit(number: u64) -> f64 {
    const DIGITS: u32 = f64::MANTISSA_DIGITS;
    (number >> (64 - DIGITS)) as f64 / (1u64 << DIGITS) as f64
}
