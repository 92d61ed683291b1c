//! `value`: what resources of the kind `value` stored.

use super::args::Args;
use super::datetime::field;
use super::declaration::{Function, Site, told};
use super::error::{Error, Result};
use super::sources::SourceRequest;
use crate::types::Type;
use crate::value::Value;

const DOC: &str = "What the resource `value` of that name stored last. Before it did, `ready` is false and the value is zero \
                   or empty.";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::source(
        "value.get",
        &["func(key str) struct{value ?1; ready bool}"],
        DOC,
        &[told("value.get(\"a\")", "struct{value: 1; ready: true}", "struct{value: 1; ready: true}")],
        stored,
        value,
    ),
    Function::source(
        "value.get_bool",
        &["func(key str) struct{value bool; ready bool}"],
        DOC,
        &[told("value.get_bool(\"a\")", "struct{ready: false}", "struct{value: false; ready: false}")],
        stored,
        value,
    ),
    Function::source(
        "value.get_str",
        &["func(key str) struct{value str; ready bool}"],
        DOC,
        &[told(
            "value.get_str(\"a\")",
            "struct{value: \"x\"; ready: true}",
            "struct{value: \"x\"; ready: true}",
        )],
        stored,
        value,
    ),
    Function::source(
        "value.get_int",
        &["func(key str) struct{value int; ready bool}"],
        DOC,
        &[told("value.get_int(\"a\")", "struct{ready: false}", "struct{value: 0; ready: false}")],
        stored,
        value,
    ),
    Function::source(
        "value.get_float",
        &["func(key str) struct{value float; ready bool}"],
        DOC,
        &[told(
            "value.get_float(\"a\")",
            "struct{value: 0.5; ready: true}",
            "struct{value: 0.5; ready: true}",
        )],
        stored,
        value,
    ),
];

fn stored(_: &Site<'_>, args: Args<'_>) -> Result<SourceRequest> {
    match args.text(0)? {
        name if name.is_empty() => Err(Error::permanent("the name of the value is empty")),
        name => Ok(SourceRequest::StoredValue { name: name.clone() }),
    }
}

fn value(site: &Site<'_>, _: Args<'_>, answer: &Value) -> Result<Value> {
    let Type::Struct(fields) = &site.ty.result else {
        return Err(Error::permanent("the type of the value is not known"));
    };
    let ready = field(answer, "ready")?.clone();
    let wanted = fields.first().map(|field| &field.ty);
    let value = match wanted {
        Some(wanted) if ready == Value::Bool(true) => {
            let value = field(answer, "value")?;
            value.shaped(wanted).ok_or_else(|| {
                let stored = value.type_of();
                Error::permanent(format!("the stored value is `{stored}` where `{wanted}` is expected"))
            })?
        }
        _ => wanted.and_then(Value::zero).ok_or_else(|| Error::permanent("such a type has no values"))?,
    };
    Ok(Value::structure([("value", value), ("ready", ready)]))
}
