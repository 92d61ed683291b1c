//! `encoding`: base64 and JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::args::Args;
use super::check::{KnownArg, Misuse, call_type, constant_text};
use super::declaration::{Body, Function, Site, gives};
use super::error::{Error, Result};
use crate::types::{FuncType, Type};
use crate::value::Value;

const DECODE: &[&str] = &["func(data str) ?1", "func(data str, type str) ?1"];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::pure(
        "encoding.base64_encode",
        &["func(data str) str"],
        "In base64, with the standard alphabet and padding.",
        &[gives("encoding.base64_encode(\"hello\")", "\"aGVsbG8=\"")],
        |args| Ok(Value::from(STANDARD.encode(args.str(0)?))),
    ),
    Function::pure(
        "encoding.base64_decode",
        &["func(data str) str"],
        "What was encoded in base64, which has to be text. Line ends in it mean nothing.",
        &[
            gives("encoding.base64_decode(\"aGVsbG8=\")", "\"hello\""),
            gives("encoding.base64_decode(\"aGVs\\nbG8=\\n\")", "\"hello\""),
            gives("encoding.base64_decode(\"_w==\")", "error: could not decode base64: Invalid symbol 95, offset 0."),
            gives("encoding.base64_decode(\"/w==\")", "error: could not decode base64: the bytes are no UTF-8"),
        ],
        |args| {
            let wrong = |why: String| Error::permanent(format!("could not decode base64: {why}"));
            let data = args.str(0)?.replace(['\r', '\n'], "");
            let bytes = STANDARD.decode(data).map_err(|error| wrong(error.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|_| wrong("the bytes are no UTF-8".into()))?;
            Ok(Value::from(text))
        },
    ),
    Function::with_body(
        "encoding.decode_json",
        DECODE,
        "What a JSON text says, in the type that is needed, or that the second argument writes. Structs need exactly their \
         fields, numbers for `int` must be whole, and `null` never fits.",
        &[
            gives("encoding.decode_json(\"[1, 2]\", \"[]int\")", "[1, 2]"),
            gives(
                "encoding.decode_json(\"{\\\"a\\\": 1}\", \"struct{a int; b str}\")",
                "error: incompatible number of fields",
            ),
            gives("encoding.decode_json(\"1.5\", \"int\")", "error: this number is no `int`"),
        ],
        Body::At(|site, args| decode(site, args, Strictness::Exact)),
    )
    .check(check_decode),
    Function::with_body(
        "encoding.decode_json_flexible",
        DECODE,
        "As `decode_json`, but fields that are missing are zero or empty, and others are ignored.",
        &[gives(
            "encoding.decode_json_flexible(\"{\\\"a\\\": 1, \\\"c\\\": 2}\", \"struct{a int; b str}\")",
            "struct{a: 1; b: \"\"}",
        )],
        Body::At(|site, args| decode(site, args, Strictness::Flexible)),
    )
    .check(check_decode),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Exact,
    Flexible,
}

fn check_decode(args: &[KnownArg<'_>], _: &Type) -> Result<Option<FuncType>, Misuse> {
    let Some(text) = constant_text(args, 1) else { return Ok(None) };
    let ty: Type = text.parse().map_err(|error| Misuse::of_arg(1, format!("this is no type: {error}")))?;
    if !is_data(&ty) {
        return Err(Misuse::of_arg(1, format!("JSON holds nothing of type `{ty}`")));
    }
    Ok(Some(call_type(args, ty)))
}

fn is_data(ty: &Type) -> bool {
    match ty {
        Type::Bool | Type::Str | Type::Int | Type::Float => true,
        Type::List(item) => is_data(item),
        Type::Map(key, value) => **key == Type::Str && is_data(value),
        Type::Struct(fields) => fields.iter().all(|field| is_data(&field.ty)),
        Type::Func(_) | Type::Variant | Type::Var(_) => false,
    }
}

/// The first value of the text counts; what follows is not looked at.
fn decode(site: &Site<'_>, args: Args<'_>, strictness: Strictness) -> Result<Value> {
    let mut values = serde_json::Deserializer::from_str(args.str(0)?).into_iter::<Json>();
    let invalid = |why: String| Error::permanent(format!("invalid JSON: {why}"));
    let json = match values.next() {
        Some(json) => json.map_err(|error| invalid(error.to_string()))?,
        None => return Err(invalid("there is nothing".into())),
    };
    convert(&json, &site.ty.result, strictness)
}

fn convert(json: &Json, ty: &Type, strictness: Strictness) -> Result<Value> {
    Ok(match (ty, json) {
        (Type::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Type::Str, Json::String(text)) => Value::from(text.as_str()),
        (Type::Int, Json::Number(number)) => {
            let whole = number.as_i64().or_else(|| number.as_f64().and_then(whole));
            Value::Int(whole.ok_or_else(|| Error::permanent("this number is no `int`"))?)
        }
        (Type::Float, Json::Number(number)) => {
            Value::Float(number.as_f64().ok_or_else(|| Error::permanent("this number is no `float`"))?)
        }
        (Type::List(item), Json::Array(items)) => {
            let items: Result<Vec<_>> = items.iter().map(|json| convert(json, item, strictness)).collect();
            Value::list(items?)
        }
        (Type::Map(key, value), Json::Object(members)) if **key == Type::Str => {
            let entries = members
                .iter()
                .map(|(name, json)| Ok((Value::from(name.as_str()), convert(json, value, strictness)?)));
            Value::map(entries.collect::<Result<Vec<_>>>()?)
        }
        (Type::Struct(fields), Json::Object(members)) => {
            if strictness == Strictness::Exact && fields.len() != members.len() {
                return Err(Error::permanent("incompatible number of fields"));
            }
            let values = fields.iter().map(|field| {
                let value = match members.get(&*field.name) {
                    Some(json) => convert(json, &field.ty, strictness)?,
                    None => zero(&field.ty, strictness).ok_or_else(|| {
                        Error::permanent(format!("field {} was not found in struct", field.name))
                    })?,
                };
                Ok((field.name.clone(), value))
            });
            Value::structure(values.collect::<Result<Vec<_>>>()?)
        }
        _ => return Err(Error::permanent(format!("the data has {} where `{ty}` is expected", what(json)))),
    })
}

fn what(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn zero(ty: &Type, strictness: Strictness) -> Option<Value> {
    if strictness == Strictness::Flexible { Value::zero(ty) } else { None }
}

fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number.abs() < i64::MAX as f64;
    fits.then_some(number as i64)
}
