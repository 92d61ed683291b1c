//! `math`: a few functions of numbers; `golang/math` has the others.

use super::args::Args;
use super::declaration::{Body, Function, Site, gives};
use super::error::{Error, Result};
use crate::types::Type;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_body(
        "math.fortytwo",
        &["func() ?1"],
        "42, as `int` or `float`, whichever is needed.",
        &[gives("math.fortytwo()", "42")],
        Body::At(|site: &Site<'_>, _| match site.ty.result {
            Type::Float => Ok(Value::Float(42.0)),
            _ => Ok(Value::Int(42)),
        }),
    )
    .forms(&["func() int", "func() float"]),
    Function::pure(
        "math.minus1",
        &["func(x int) int"],
        "One less.",
        &[gives("math.minus1(42)", "41")],
        |args| Ok(Value::Int(args.int(0)?.wrapping_sub(1))),
    ),
    Function::pure(
        "math.mod",
        &["func(a ?1, b ?1) ?1"],
        "The remainder of a division, with the sign of the dividend. A zero divisor can be caught.",
        &[
            gives("math.mod(-7, 3)", "-1"),
            gives("math.mod(7.5, 2.0)", "1.5"),
            gives("math.mod(1, 0)", "error: result is not a number"),
        ],
        modulo,
    )
    .forms(&["func(int, int) int", "func(float, float) float"]),
    Function::pure(
        "math.pow",
        &["func(x float, y float) float"],
        "`x` to the power of `y`. What is no finite number can be caught.",
        &[
            gives("math.pow(2.0, 10.0)", "1024"),
            gives("math.pow(-1.0, 0.5)", "error: result is not a number"),
        ],
        |args| finite(args.float(0)?.powf(args.float(1)?)),
    ),
    Function::pure(
        "math.sqrt",
        &["func(x float) float"],
        "The square root. That of a negative number can be caught.",
        &[gives("math.sqrt(2.25)", "1.5"), gives("math.sqrt(-1.0)", "error: result is not a number")],
        |args| finite(args.float(0)?.sqrt()),
    ),
];

pub(super) fn modulo(args: Args<'_>) -> Result<Value> {
    match (args.get(0)?, args.get(1)?) {
        (Value::Int(_), Value::Int(0)) => Err(Error::catchable("result is not a number")),
        (Value::Int(a), Value::Int(b)) => Ok(Value::Int(a.wrapping_rem(*b))),
        _ => finite(args.float(0)? % args.float(1)?),
    }
}

fn finite(number: f64) -> Result<Value> {
    if number.is_nan() {
        return Err(Error::catchable("result is not a number"));
    }
    if number.is_infinite() {
        return Err(Error::catchable("result is infinite"));
    }
    Ok(Value::Float(number))
}
