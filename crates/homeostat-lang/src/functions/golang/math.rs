//! `golang/math`: functions of numbers.

use crate::functions::args::Args;
use crate::functions::declaration::{Function, gives};
use crate::functions::error::Result;
use crate::value::Value;

macro_rules! of_one {
    ($($name:literal, $doc:literal, $call:literal => $result:literal, $body:expr;)*) => {
        &[$(Function::pure(
            concat!("golang/math.", $name),
            &["func(x float) float"],
            $doc,
            &[gives(concat!("math.", $name, "(", $call, ")"), $result)],
            |args| Ok(Value::Float($body(args.float(0)?))),
        )),*]
    };
}

macro_rules! of_two {
    ($name:literal, $signature:literal, $doc:literal, $call:literal => $result:literal, $body:expr) => {
        Function::pure(
            concat!("golang/math.", $name),
            &[$signature],
            $doc,
            &[gives(concat!("math.", $name, "(", $call, ")"), $result)],
            |args| Ok(Value::Float($body(args.float(0)?, args.float(1)?))),
        )
    };
}

pub(in crate::functions) const FUNCTIONS_OF_ONE: &[Function] = of_one! {
    "abs", "The number without its sign.", "-1.5" => "1.5", f64::abs;
    "acos", "The arc cosine, in radians.", "1.0" => "0", libm::acos;
    "acosh", "The inverse hyperbolic cosine.", "1.0" => "0", libm::acosh;
    "asin", "The arc sine, in radians.", "0.0" => "0", libm::asin;
    "asinh", "The inverse hyperbolic sine.", "0.0" => "0", libm::asinh;
    "atan", "The arc tangent, in radians.", "0.0" => "0", libm::atan;
    "atanh", "The inverse hyperbolic tangent.", "0.0" => "0", libm::atanh;
    "cbrt", "The cube root.", "27.0" => "3", libm::cbrt;
    "ceil", "The least whole number that is not less.", "1.2" => "2", libm::ceil;
    "cos", "The cosine of an angle in radians.", "0.0" => "1", libm::cos;
    "cosh", "The hyperbolic cosine.", "0.0" => "1", libm::cosh;
    "erf", "The error function.", "0.0" => "0", libm::erf;
    "erfc", "The complementary error function.", "0.0" => "1", libm::erfc;
    "erfcinv", "The inverse of `erfc`.", "1.0" => "0", |x: f64| erfinv(1.0 - x);
    "erfinv", "The inverse of `erf`.", "0.0" => "0", erfinv;
    "exp", "e to the power of the number.", "0.0" => "1", libm::exp;
    "exp_2", "2 to the power of the number.", "3.0" => "8", libm::exp2;
    "expm_1", "e to the power of the number, less 1; exact near 0.", "0.0" => "0", libm::expm1;
    "floor", "The greatest whole number that is not more.", "-1.2" => "-2", libm::floor;
    "gamma", "The gamma function.", "5.0" => "24", libm::tgamma;
    "j_0", "The Bessel function of the first kind, order 0.", "0.0" => "1", libm::j0;
    "j_1", "The Bessel function of the first kind, order 1.", "0.0" => "0", libm::j1;
    "log", "The natural logarithm.", "1.0" => "0", libm::log;
    "log_10", "The decimal logarithm.", "1000.0" => "3", libm::log10;
    "log_1_p", "The natural logarithm of the number plus 1; exact near 0.", "0.0" => "0", libm::log1p;
    "log_2", "The binary logarithm.", "8.0" => "3", libm::log2;
    "logb", "The binary exponent.", "10.0" => "3", logb;
    "round", "The nearest whole number; halves away from 0.", "2.5" => "3", f64::round;
    "round_to_even", "The nearest whole number; halves to the even one.", "2.5" => "2", f64::round_ties_even;
    "sin", "The sine of an angle in radians.", "0.0" => "0", libm::sin;
    "sinh", "The hyperbolic sine.", "0.0" => "0", libm::sinh;
    "sqrt", "The square root; not a number for what is below 0.", "2.25" => "1.5", f64::sqrt;
    "tan", "The tangent of an angle in radians.", "0.0" => "0", libm::tan;
    "tanh", "The hyperbolic tangent.", "0.0" => "0", libm::tanh;
    "trunc", "The number without its fraction.", "-1.7" => "-1", f64::trunc;
    "y_0", "The Bessel function of the second kind, order 0.", "0.0" => "-Inf", libm::y0;
    "y_1", "The Bessel function of the second kind, order 1.", "0.0" => "-Inf", libm::y1;
};

pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    of_two!("atan_2", "func(y float, x float) float", "The angle of a point, in radians.", "0.0, 1.0" => "0", libm::atan2),
    of_two!("copysign", "func(f float, sign float) float", "The first with the sign of the second.", "3.0, -1.0" => "-3", f64::copysign),
    of_two!("dim", "func(x float, y float) float", "The difference, or 0 where it is negative.", "2.0, 5.0" => "0", dim),
    of_two!("hypot", "func(p float, q float) float", "The length of the diagonal.", "3.0, 4.0" => "5", libm::hypot),
    of_two!("max", "func(x float, y float) float", "The larger.", "1.0, 2.0" => "2", max),
    of_two!("min", "func(x float, y float) float", "The smaller.", "1.0, 2.0" => "1", |x: f64, y: f64| -max(-x, -y)),
    of_two!("mod", "func(x float, y float) float", "The remainder, with the sign of the first.", "-7.0, 3.0" => "-1", std::ops::Rem::rem),
    of_two!("nextafter", "func(x float, y float) float", "The next number towards the second.", "1.0, 2.0" => "1.0000000000000002", libm::nextafter),
    of_two!("pow", "func(x float, y float) float", "The first to the power of the second.", "2.0, 10.0" => "1024", libm::pow),
    of_two!("remainder", "func(x float, y float) float", "What is left of the nearest multiple.", "5.0, 3.0" => "-1", libm::remainder),
    Function::pure(
        "golang/math.fma",
        &["func(x float, y float, z float) float"],
        "`x * y + z`, rounded once.",
        &[gives("math.fma(2.0, 3.0, 4.0)", "10")],
        |args| Ok(Value::Float(args.float(0)?.mul_add(args.float(1)?, args.float(2)?))),
    ),
    Function::pure(
        "golang/math.ilogb",
        &["func(x float) int"],
        "The binary exponent as `int`.",
        &[gives("math.ilogb(10.0)", "3"), gives("math.ilogb(0.0)", "-2147483648")],
        |args| {
            let exponent = logb(args.float(0)?);
            let limit = if exponent < 0.0 { i32::MIN } else { i32::MAX };
            Ok(Value::Int(if exponent.is_finite() { exponent as i64 } else { limit.into() }))
        },
    ),
    Function::pure(
        "golang/math.inf",
        &["func(sign int) float"],
        "Infinity, the negative one for a negative sign.",
        &[gives("math.inf(-1)", "-Inf"), gives("math.inf(0)", "+Inf")],
        |args| Ok(Value::Float(if args.int(0)? < 0 { f64::NEG_INFINITY } else { f64::INFINITY })),
    ),
    Function::pure(
        "golang/math.is_inf",
        &["func(f float, sign int) bool"],
        "Whether it is infinite: with a sign, that infinity; with 0, any.",
        &[gives("math.is_inf(1.0, 0)", "false")],
        |args| {
            let (number, sign) = (args.float(0)?, args.int(1)?);
            let above = sign >= 0 && number == f64::INFINITY;
            Ok(Value::Bool(above || (sign <= 0 && number == f64::NEG_INFINITY)))
        },
    ),
    Function::pure(
        "golang/math.is_na_n",
        &["func(f float) bool"],
        "Whether it is not a number.",
        &[gives("math.is_na_n(1.0)", "false")],
        |args| Ok(Value::Bool(args.float(0)?.is_nan())),
    ),
    Function::pure(
        "golang/math.na_n",
        &["func() float"],
        "What is not a number.",
        &[gives("math.na_n()", "NaN")],
        |_| Ok(Value::Float(f64::NAN)),
    ),
    Function::pure(
        "golang/math.jn",
        &["func(n int, x float) float"],
        "The Bessel function of the first kind, order n.",
        &[gives("math.jn(0, 0.0)", "1")],
        |args| Ok(Value::Float(libm::jn(order(args)?, args.float(1)?))),
    ),
    Function::pure(
        "golang/math.yn",
        &["func(n int, x float) float"],
        "The Bessel function of the second kind, order n.",
        &[gives("math.yn(0, 0.0)", "-Inf")],
        |args| Ok(Value::Float(libm::yn(order(args)?, args.float(1)?))),
    ),
    Function::pure(
        "golang/math.ldexp",
        &["func(frac float, exp int) float"],
        "`frac` times 2 to the power of `exp`.",
        &[gives("math.ldexp(0.5, 4)", "8")],
        |args| {
            let exponent = args.int(1)?.clamp(-5000, 5000) as i32;
            Ok(Value::Float(libm::ldexp(args.float(0)?, exponent)))
        },
    ),
    Function::pure(
        "golang/math.pow_10",
        &["func(n int) float"],
        "10 to the power of `n`.",
        &[gives("math.pow_10(3)", "1000"), gives("math.pow_10(400)", "+Inf")],
        |args| {
            let exponent = args.int(0)?.clamp(-400, 400);
            Ok(Value::Float(format!("1e{exponent}").parse().unwrap_or(f64::NAN)))
        },
    ),
    Function::pure(
        "golang/math.signbit",
        &["func(x float) bool"],
        "Whether it is negative, or negative zero.",
        &[gives("math.signbit(-1.0)", "true")],
        |args| Ok(Value::Bool(args.float(0)?.is_sign_negative())),
    ),
];

/// Computing it takes as many steps, so orders that mean nothing are brought back to where the result is the same.
fn order(args: Args<'_>) -> Result<i32> {
    Ok(args.int(0)?.clamp(-1_000_000, 1_000_000) as i32)
}

fn dim(x: f64, y: f64) -> f64 {
    let difference = x - y;
    if difference <= 0.0 { 0.0 } else { difference }
}

/// Unlike Rust's, Go's is no number as soon as one of them is none.
fn max(x: f64, y: f64) -> f64 {
    if x.is_infinite() && x > 0.0 || y.is_infinite() && y > 0.0 {
        return f64::INFINITY;
    }
    if x.is_nan() || y.is_nan() { f64::NAN } else { f64::max(x, y) }
}

fn logb(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if !x.is_finite() {
        return x.abs();
    }
    f64::from(libm::frexp(x).1 - 1)
}

/// A first guess by an approximation of Winitzki, made exact by Newton's method on `erf`.
fn erfinv(x: f64) -> f64 {
    if x.abs() >= 1.0 || x.is_nan() {
        return if x.abs() == 1.0 { x * f64::INFINITY } else { f64::NAN };
    }
    const A: f64 = 0.147;
    const STEPS: usize = 4;
    let log = libm::log1p(-x * x);
    let middle = 2.0 / (std::f64::consts::PI * A) + log / 2.0;
    let guess = ((middle * middle - log / A).sqrt() - middle).max(0.0).sqrt().copysign(x);
    (0..STEPS).fold(guess, |y, _| {
        let slope = std::f64::consts::FRAC_2_SQRT_PI * libm::exp(-y * y);
        let error = libm::erf(y) - x;
        if slope > 0.0 { y - error / slope } else { y }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_the_error_function_inverts_it() {
        for x in [-0.999, -0.5, -1e-9, 0.0, 0.1, 0.7, 0.999_999] {
            let back = libm::erf(erfinv(x));
            assert!((back - x).abs() <= 1e-15 + x.abs() * 1e-14, "{x}: {back}");
        }
        assert_eq!(erfinv(1.0), f64::INFINITY);
        assert_eq!(erfinv(-1.0), f64::NEG_INFINITY);
        assert!(erfinv(1.1).is_nan());
    }
}
