//! The library's functions, as templates call them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::data::{self, Datum};
use super::exec::Outside;
use crate::functions::declaration::{Function, Site};
use crate::functions::error::Error;
use crate::functions::registry;
use crate::types::{FuncType, Type};
use crate::value::Value;

static OFFERED: LazyLock<BTreeMap<String, (&'static Function, FuncType)>> = LazyLock::new(|| {
    let simple = registry().iter().filter(|function| function.is_simple() && !function.name.starts_with('_'));
    simple.filter_map(|function| Some((name_of(function), (*function, function.types().pop()?)))).collect()
});

fn name_of(function: &Function) -> String {
    let name = function.name.replace(['.', '/'], "_");
    if function.module().is_empty() { format!("_{name}") } else { name }
}

pub(super) fn find(name: &str) -> Option<&'static (&'static Function, FuncType)> {
    OFFERED.get(name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OFFERED.keys().map(String::as_str)
}

/// Why a call was none, in Go's words, or why it failed.
pub(super) enum Failure {
    Misuse(String),
    Function(Error),
}

pub(super) fn call(
    (function, ty): &(&'static Function, FuncType),
    name: &str,
    outside: Outside<'_>,
    args: Vec<Datum>,
) -> Result<Datum, Failure> {
    let (want, got) = (ty.params.len(), args.len());
    if want != got {
        return Err(Failure::Misuse(format!("wrong number of args for {name}: want {want} got {got}")));
    }
    let mut values = Vec::with_capacity(want);
    for (param, arg) in ty.params.iter().zip(args) {
        let value = match (arg, &param.ty) {
            // A constant without a point is as good a `float`.
            (Some(Value::Int(number)), Type::Float) => Some(Value::Float(number as f64)),
            (arg, _) => arg,
        };
        let found = super::super::format::type_name(value.as_ref());
        match value.filter(|value| value.is_of(&param.ty)) {
            Some(value) => values.push(value),
            None => {
                return Err(Failure::Misuse(format!(
                    "wrong type for value; expected {}; got {found}",
                    param.ty
                )));
            }
        }
    }
    let site = Site { ty, module: outside.module };
    let result = function.call(&site, outside.caller, &values).map_err(Failure::Function)?;
    Ok(Some(data::from_value(&result)))
}
