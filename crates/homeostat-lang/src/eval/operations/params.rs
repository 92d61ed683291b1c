//! From values of the language to those of parameters.

use homeostat_model::schema::Type as Schema;
use homeostat_model::value::Value as Model;
use homeostat_model::{ParamSchema, Span, codes};

use crate::Value;
use crate::eval::outcome::Failure;

/// The value of a parameter. Types fit already; what only the value shows is checked here.
pub(super) fn param(declared: &ParamSchema, value: &Value, place: Span) -> Result<Model, Failure> {
    let model = Model::try_from(value).map_err(|error| {
        Failure::new(codes::WRONG_TYPE, format!("`{}` takes data: {error}", declared.name)).at(place)
    })?;
    match misfit(&declared.ty, &model) {
        None => Ok(model),
        Some((code, what)) => {
            let possible = possible(&declared.ty);
            let message = format!("{what} cannot be the value of `{}`{possible}", declared.name);
            Err(Failure::new(code, message).at(place))
        }
    }
}

/// Which values there are, where that can be said in a few words.
fn possible(ty: &Schema) -> String {
    match ty {
        Schema::Int { min, max } => format!(": it is a number from {min} to {max}"),
        Schema::Choice(texts) => {
            // An empty one is as good as none.
            let texts = texts.iter().filter(|text| !text.is_empty());
            let texts: Vec<String> = texts.map(|text| format!("`{text}`")).collect();
            format!(": it is {}", texts.join(" or "))
        }
        _ => String::new(),
    }
}

/// What does not fit, and the code for that.
fn misfit(ty: &Schema, value: &Model) -> Option<(&'static str, String)> {
    let shown = |value: &Model, text: &dyn std::fmt::Display| match value {
        Model::Sensitive(_) => "a value that is not shown".to_owned(),
        _ => format!("`{text}`"),
    };
    match (ty, value.reveal()) {
        (Schema::Int { min, max }, Model::Int(number)) if !(*min..=*max).contains(number) => {
            Some((codes::OUT_OF_RANGE, shown(value, number)))
        }
        (Schema::Choice(texts), Model::Str(text)) if !texts.is_empty() && !texts.contains(text) => {
            Some((codes::INVALID_PARAM, shown(value, text)))
        }
        (Schema::List(item), Model::List(items)) => items.iter().find_map(|value| misfit(item, value)),
        (Schema::Map(key_type, value_type), Model::Map(map)) => {
            map.iter().find_map(|(key, value)| misfit(key_type, key).or_else(|| misfit(value_type, value)))
        }
        (Schema::Struct(types), Model::Struct(fields)) => {
            types.iter().find_map(|(name, ty)| fields.get(name).and_then(|value| misfit(ty, value)))
        }
        _ => None,
    }
}
