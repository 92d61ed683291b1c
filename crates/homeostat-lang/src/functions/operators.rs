//! Operators and other forms of the grammar, as functions. Programs cannot write names that begin with `_`.

use super::args::Args;
use super::bounds;
use super::check::{KnownArg, Misuse, call_type, constant_text};
use super::declaration::{Function, gives};
use super::error::{Error, Result};
use super::{list, map, math};
use crate::types::{FuncType, Type};
use crate::value::Value;

const NUMBERS: &[&str] = &["func(int, int) int", "func(float, float) float"];
const ORDERED: &[&str] = &["func(int, int) bool", "func(float, float) bool"];
const SAME: &[&str] = &["func(?1, ?1) ?1"];
const COMPARED: &[&str] = &["func(?1, ?1) bool"];
const LOGIC: &[&str] = &["func(bool, bool) bool"];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "_+",
        SAME,
        "The sum of two numbers, or one text after the other. Sums of `int` wrap around.",
        &[gives("_+(1, 2)", "3"), gives("_+(0.5, 0.25)", "0.75"), gives("_+(\"a\", \"b\")", "\"ab\"")],
        add,
    )
    .forms(&["func(int, int) int", "func(float, float) float", "func(str, str) str"]),
    Function::pure("_-", SAME, "The difference of two numbers.", &[gives("_-(5, 8)", "-3")], |args| {
        numbers(args, i64::wrapping_sub, |a, b| a - b)
    })
    .forms(NUMBERS),
    Function::pure("_*", SAME, "The product of two numbers.", &[gives("_*(6, 7)", "42")], |args| {
        numbers(args, i64::wrapping_mul, |a, b| a * b)
    })
    .forms(NUMBERS),
    Function::pure(
        "_/",
        &["func(?1, ?1) float"],
        "The quotient of two numbers, always a `float`. A zero below can be caught.",
        &[gives("_/(7, 2)", "3.5"), gives("_/(1, 0)", "error: can't divide by zero")],
        divide,
    )
    .forms(&["func(int, int) float", "func(float, float) float"]),
    Function::pure(
        "_%",
        SAME,
        "The remainder of a division, with the sign of the dividend.",
        &[gives("_%(-7, 3)", "-1"), gives("_%(7, 0)", "error: result is not a number")],
        math::modulo,
    )
    .forms(NUMBERS),
    Function::pure("_==", COMPARED, "Whether both are equal.", &[gives("_==([1], [1])", "true")], |args| {
        Ok(Value::Bool(equal(args.get(0)?, args.get(1)?)))
    })
    .check(comparable),
    Function::pure("_!=", COMPARED, "Whether both differ.", &[gives("_!=(\"a\", \"b\")", "true")], |args| {
        Ok(Value::Bool(!equal(args.get(0)?, args.get(1)?)))
    })
    .check(comparable),
    Function::pure("_<", COMPARED, "Whether the first is less.", &[gives("_<(1, 2)", "true")], |args| {
        ordered(args, |a, b| a < b, |a, b| a < b)
    })
    .forms(ORDERED),
    Function::pure(
        "_<=",
        COMPARED,
        "Whether the first is not more.",
        &[gives("_<=(2, 2)", "true")],
        |args| ordered(args, |a, b| a <= b, |a, b| a <= b),
    )
    .forms(ORDERED),
    Function::pure("_>", COMPARED, "Whether the first is more.", &[gives("_>(1.5, 2.5)", "false")], |args| {
        ordered(args, |a, b| a > b, |a, b| a > b)
    })
    .forms(ORDERED),
    Function::pure(
        "_>=",
        COMPARED,
        "Whether the first is not less.",
        &[gives("_>=(3, 2)", "true")],
        |args| ordered(args, |a, b| a >= b, |a, b| a >= b),
    )
    .forms(ORDERED),
    Function::pure("_and", LOGIC, "Whether both hold.", &[gives("_and(true, false)", "false")], |args| {
        Ok(Value::Bool(args.bool(0)? & args.bool(1)?))
    }),
    Function::pure("_or", LOGIC, "Whether one holds.", &[gives("_or(true, false)", "true")], |args| {
        Ok(Value::Bool(args.bool(0)? | args.bool(1)?))
    }),
    Function::pure("_not", &["func(bool) bool"], "The opposite.", &[gives("_not(true)", "false")], |args| {
        Ok(Value::Bool(!args.bool(0)?))
    }),
    Function::pure(
        "_lookup",
        &["func(from ?1, at ?2) ?3"],
        "An item of a list by its index, or a value of a map by its key: `from[at]`.",
        &[
            gives("_lookup([1, 2], 1)", "2"),
            gives("_lookup({\"a\" => 1}, \"a\")", "1"),
            gives("_lookup([1], 4)", "error: list index not present, got: 4, len is: 1, in: [1]"),
        ],
        |args| match args.get(0)? {
            Value::List(_) => list::lookup(args),
            Value::Map(_) => map::lookup(args),
            other => Err(Error::permanent(format!(
                "we must lookup from either a list or a map, not `{}`",
                other.type_of()
            ))),
        },
    )
    .check(check_lookup)
    .transparent(),
    Function::pure(
        "_struct_lookup",
        &["func(from ?1, field str) ?2"],
        "A field of a struct: `from->field`.",
        &[gives("_struct_lookup(struct{a => 1}, \"a\")", "1")],
        |args| {
            let field = args.str(1)?;
            let value = args.get(0)?.field(field).cloned();
            value.ok_or_else(|| Error::permanent(format!("field `{field}` is not in the struct")))
        },
    )
    .check(check_struct_lookup)
    .transparent(),
    Function::pure(
        "_struct_lookup_optional",
        &["func(from ?1, field str, otherwise ?2) ?2"],
        "A field of a struct, or something else where it has none: `from->field <|> otherwise`.",
        &[
            gives("_struct_lookup_optional(struct{a => 1}, \"a\", 2)", "1"),
            gives("_struct_lookup_optional(struct{a => 1}, \"b\", 2)", "2"),
        ],
        |args| Ok(args.get(0)?.field(args.str(1)?).map_or_else(|| args.0[2].clone(), Value::clone)),
    )
    .check(check_struct_lookup_optional)
    .transparent(),
];

pub(super) fn add(args: Args<'_>) -> Result<Value> {
    match (args.get(0)?, args.get(1)?) {
        (Value::Str(a), Value::Str(b)) => {
            bounds::text(a.len().checked_add(b.len()))?;
            Ok(Value::from(format!("{a}{b}")))
        }
        _ => numbers(args, i64::wrapping_add, |a, b| a + b),
    }
}

fn divide(args: Args<'_>) -> Result<Value> {
    let (above, below) = match (args.get(0)?, args.get(1)?) {
        // Beyond 2^53 the quotient is rounded, as division by `float` is.
        (Value::Int(a), Value::Int(b)) => (*a as f64, *b as f64),
        _ => (args.float(0)?, args.float(1)?),
    };
    if below == 0.0 {
        return Err(Error::catchable("can't divide by zero"));
    }
    Ok(Value::Float(above / below))
}

fn numbers(args: Args<'_>, ints: fn(i64, i64) -> i64, floats: fn(f64, f64) -> f64) -> Result<Value> {
    match (args.get(0)?, args.get(1)?) {
        (Value::Int(a), Value::Int(b)) => Ok(Value::Int(ints(*a, *b))),
        (Value::Float(a), Value::Float(b)) => Ok(Value::Float(floats(*a, *b))),
        (other, _) => Err(Error::permanent(format!("unsupported kind: {}", other.type_of().kind()))),
    }
}

fn ordered(args: Args<'_>, ints: fn(i64, i64) -> bool, floats: fn(f64, f64) -> bool) -> Result<Value> {
    match (args.get(0)?, args.get(1)?) {
        (Value::Int(a), Value::Int(b)) => Ok(Value::Bool(ints(*a, *b))),
        (Value::Float(a), Value::Float(b)) => Ok(Value::Bool(floats(*a, *b))),
        (other, _) => Err(Error::permanent(format!("unsupported kind: {}", other.type_of().kind()))),
    }
}

/// As the language compares: numbers by their value, so not-a-number equals nothing, unlike in the order of values.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a.reveal(), b.reveal()) {
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|((key_a, a), (key_b, b))| equal(key_a, key_b) && equal(a, b))
        }
        (Value::Struct(a), Value::Struct(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|((name_a, a), (name_b, b))| name_a == name_b && equal(a, b))
        }
        (a, b) => a == b,
    }
}

fn comparable(args: &[KnownArg<'_>], _: &Type) -> Result<Option<FuncType>, Misuse> {
    match args.iter().position(|arg| !arg.ty.is_comparable()) {
        Some(at) => Err(Misuse::of_arg(at, "functions cannot be compared")),
        None => Ok(None),
    }
}

/// The container decides; while it is not known, an index that is known and no `int` can only be a key.
fn check_lookup(args: &[KnownArg<'_>], result: &Type) -> Result<Option<FuncType>, Misuse> {
    let [from, at] = args else { return Ok(None) };
    let key_only = at.ty.is_known() && *at.ty != Type::Int;
    match from.ty {
        Type::List(item) => Ok(Some(FuncType::new([from.ty.clone(), Type::Int], (**item).clone()))),
        Type::Map(key, value) => {
            Ok(Some(FuncType::new([from.ty.clone(), (**key).clone()], (**value).clone())))
        }
        Type::Var(_) if key_only => {
            Ok(Some(FuncType::new([Type::map(at.ty.clone(), result.clone()), at.ty.clone()], result.clone())))
        }
        Type::Var(_) => Ok(None),
        other => {
            let misuse =
                Misuse::of_arg(0, format!("only lists and maps can be indexed, and this is `{other}`"));
            Err(if matches!(other, Type::Struct(_)) {
                misuse.help("a field of a struct is `$s->field`")
            } else {
                misuse
            })
        }
    }
}

fn check_struct_lookup(args: &[KnownArg<'_>], _: &Type) -> Result<Option<FuncType>, Misuse> {
    let (Some(from), Some(name)) = (args.first(), constant_text(args, 1)) else { return Ok(None) };
    match field_type(from.ty, name)? {
        FieldType::Known(ty) => Ok(Some(call_type(args, ty))),
        FieldType::Unknown => Ok(None),
        FieldType::Missing => {
            let Type::Struct(fields) = from.ty else { return Ok(None) };
            let names = fields.iter().map(|field| &*field.name);
            let close = homeostat_model::suggest::did_you_mean(name, names.clone());
            let help = match close {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!(
                    "it has: {}",
                    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                ),
            };
            Err(Misuse::of_arg(1, format!("the struct has no field `{name}`")).help(help))
        }
    }
}

fn check_struct_lookup_optional(args: &[KnownArg<'_>], result: &Type) -> Result<Option<FuncType>, Misuse> {
    let ([from, _, _], Some(name)) = (args, constant_text(args, 1)) else { return Ok(None) };
    match field_type(from.ty, name)? {
        FieldType::Known(ty) => Ok(Some(FuncType::new([from.ty.clone(), Type::Str, ty.clone()], ty))),
        FieldType::Missing => Ok(Some(call_type(args, result.clone()))),
        FieldType::Unknown => Ok(None),
    }
}

enum FieldType {
    Known(Type),
    Missing,
    Unknown,
}

fn field_type(from: &Type, name: &str) -> Result<FieldType, Misuse> {
    match from {
        Type::Struct(fields) => Ok(match fields.iter().find(|field| &*field.name == name) {
            Some(field) => FieldType::Known(field.ty.clone()),
            None => FieldType::Missing,
        }),
        Type::Var(_) => Ok(FieldType::Unknown),
        other => Err(Misuse::of_arg(0, format!("only structs have fields, and this is `{other}`"))),
    }
}
