//! What parameters a kind has, of which types: one declaration for YAML, MCL, completion and the reference.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::value::Value;

/// The type of a parameter or of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// Text.
    Str,
    /// One of these texts.
    Choice(Vec<Arc<str>>),
    /// A whole number between two bounds, both included.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number.
    Float,
    /// Items of one type.
    List(Box<Type>),
    /// Keys of one type to values of one type.
    Map(Box<Type>, Box<Type>),
    /// Named fields.
    Struct(Vec<(Arc<str>, Type)>),
    /// A function of the language from these types to that one. It stays in the language: the kind never gets one.
    Func(Vec<Type>, Box<Type>),
    /// Whatever is given.
    Any,
}

impl Type {
    /// Every whole number.
    pub const INT: Type = Type::Int { min: i64::MIN, max: i64::MAX };

    /// How messages and the reference write it.
    pub fn describe(&self) -> String {
        match self {
            Self::Bool => "bool".into(),
            Self::Str => "str".into(),
            Self::Choice(texts) => {
                // Empty is the same as not given, which need not be said.
                let said = texts.iter().filter(|text| !text.is_empty()).map(|text| format!("`{text}`"));
                said.collect::<Vec<_>>().join(" or ")
            }
            Self::Int { min, max } => match (*min, *max) {
                (i64::MIN, i64::MAX) => "int".into(),
                (0, i64::MAX) => "int, 0 or more".into(),
                (min, max) => format!("int, {min} to {max}"),
            },
            Self::Float => "float".into(),
            Self::List(item) => format!("list of {}", item.describe()),
            Self::Map(key, value) => format!("map of {} to {}", key.describe(), value.describe()),
            Self::Struct(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, ty)| format!("{name}: {}", ty.describe())).collect();
                format!("struct of {}", fields.join(", "))
            }
            Self::Func(params, result) => {
                let params: Vec<String> = params.iter().map(Self::describe).collect();
                format!("function of {} to {}", params.join(", "), result.describe())
            }
            Self::Any => "any".into(),
        }
    }
}

/// One parameter of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSchema {
    /// As written in every front end.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
    /// Whether it must be given.
    pub required: bool,
    /// What it is when not given, where that can be said as a value.
    pub default: Option<Value>,
    /// One paragraph of Markdown.
    pub doc: String,
}

/// A value that resources of a kind can send.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSchema {
    /// The key that receivers name.
    pub key: &'static str,
    /// Its type.
    pub ty: Type,
    /// One sentence.
    pub doc: &'static str,
}

/// A kind as front ends see it.
#[derive(Debug, Clone, PartialEq)]
pub struct KindSchema {
    /// Its name.
    pub kind: &'static str,
    /// The whole of its documentation, Markdown.
    pub doc: &'static str,
    /// Its parameters, in the order of their declaration.
    pub params: Vec<ParamSchema>,
    /// What it can send.
    pub outputs: Vec<OutputSchema>,
    /// Whether its parameters may be received from another resource.
    pub receives: bool,
    /// The parameters as JSON Schema.
    pub json: Json,
}

impl KindSchema {
    /// The parameter of that name.
    pub fn param(&self, name: &str) -> Option<&ParamSchema> {
        self.params.iter().find(|param| &*param.name == name)
    }
}

/// Reads the parameters out of a JSON Schema that `schemars` made of a params struct.
///
/// # Panics
/// When the struct uses a shape that no front end could offer; a test makes every kind's schema.
pub fn params_of(json: &Json) -> Vec<ParamSchema> {
    let required: Vec<&str> =
        json["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let properties = json["properties"].as_object();
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| ParamSchema {
            name: name.as_str().into(),
            ty: type_of(property, json),
            required: required.contains(&name.as_str()),
            default: property
                .get("default")
                .and_then(|json| Value::from_json(json).ok())
                .filter(|d| *d != Value::Null),
            doc: property["description"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}

fn type_of(property: &Json, root: &Json) -> Type {
    if let Some(reference) = property["$ref"].as_str() {
        let name = reference.strip_prefix("#/$defs/").unwrap_or(reference);
        return type_of(&root["$defs"][name], root);
    }
    if let Json::Object(func) = &property["x-function"] {
        let params = func["params"].as_array().into_iter().flatten();
        return Type::Func(
            params.map(|param| type_of(param, root)).collect(),
            Box::new(type_of(&func["result"], root)),
        );
    }
    if let Some(texts) = property["enum"].as_array() {
        return Type::Choice(texts.iter().filter_map(Json::as_str).map(Arc::from).collect());
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(variants) = property[key].as_array() {
            return one_of(variants, root);
        }
    }
    let type_word = match &property["type"] {
        Json::String(word) => Some(word.as_str()),
        Json::Array(words) => words.iter().filter_map(Json::as_str).find(|word| *word != "null"),
        _ => None,
    };
    match type_word {
        Some("boolean") => Type::Bool,
        Some("string") => Type::Str,
        Some("integer") => integer(property),
        Some("number") => Type::Float,
        Some("array") => Type::List(Box::new(type_of(&property["items"], root))),
        Some("object") => object(property, root),
        None => Type::Any,
        Some(other) => panic!("a parameter cannot have the JSON type `{other}`"),
    }
}

/// `Option<T>` and enums of documented texts both come as a choice between schemas.
fn one_of(variants: &[Json], root: &Json) -> Type {
    let rest: Vec<&Json> = variants.iter().filter(|variant| variant["type"] != "null").collect();
    let texts: Option<Vec<Vec<Arc<str>>>> = rest.iter().map(|variant| texts_of(variant)).collect();
    match (texts, rest.as_slice()) {
        (Some(texts), _) => Type::Choice(texts.concat()),
        (None, [single]) => type_of(single, root),
        (None, _) => Type::Any,
    }
}

/// Variants with a doc come one by one, those without come together.
fn texts_of(variant: &Json) -> Option<Vec<Arc<str>>> {
    match (variant["const"].as_str(), variant["enum"].as_array()) {
        (Some(text), _) => Some(vec![text.into()]),
        (None, Some(texts)) => Some(texts.iter().filter_map(Json::as_str).map(Arc::from).collect()),
        (None, None) => None,
    }
}

fn integer(property: &Json) -> Type {
    let (min, max) = match property["format"].as_str() {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint64" | "uint") => (0, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    };
    let bound = |key: &str, default: i64| property[key].as_i64().map_or(default, |bound| bound);
    Type::Int { min: bound("minimum", min).max(min), max: bound("maximum", max).min(max) }
}

fn object(property: &Json, root: &Json) -> Type {
    match (&property["properties"], &property["additionalProperties"]) {
        (Json::Object(fields), _) => Type::Struct(
            fields.iter().map(|(name, field)| (name.as_str().into(), type_of(field, root))).collect(),
        ),
        (_, values @ Json::Object(_)) => Type::Map(Box::new(Type::Str), Box::new(type_of(values, root))),
        _ => integer_keys(property, root).unwrap_or(Type::Any),
    }
}

/// Maps with numbers for keys come with patterns for their keys.
fn integer_keys(property: &Json, root: &Json) -> Option<Type> {
    let patterns = property["patternProperties"].as_object()?;
    let values = patterns.values().next()?;
    Some(Type::Map(Box::new(Type::INT), Box::new(type_of(values, root))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;

    use super::*;

    #[derive(serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[allow(dead_code)]
    enum State {
        Exists,
        /// Gone.
        Absent,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Params {
        /// Says a word.
        word: String,
        small: Option<u8>,
        #[serde(default)]
        list: Vec<i64>,
        state: Option<State>,
        map: Option<BTreeMap<i64, f64>>,
        env: Option<BTreeMap<String, String>>,
        #[schemars(extend("x-function" = {"params": [{"type": "boolean"}], "result": {"type": "string"}}))]
        func: Option<Value>,
    }

    #[test]
    fn a_params_struct_becomes_types_and_docs() {
        let json = serde_json::to_value(schemars::schema_for!(Params)).unwrap();
        let params: BTreeMap<_, _> = params_of(&json).into_iter().map(|p| (p.name.to_string(), p)).collect();
        assert_eq!(params["word"].ty, Type::Str);
        assert!(params["word"].required);
        assert_eq!(params["word"].doc, "Says a word.");
        assert_eq!(params["small"].ty, Type::Int { min: 0, max: 255 });
        assert!(!params["small"].required);
        assert_eq!(params["list"].ty, Type::List(Box::new(Type::INT)));
        assert_eq!(params["state"].ty, Type::Choice(vec!["exists".into(), "absent".into()]));
        assert_eq!(params["map"].ty, Type::Map(Box::new(Type::INT), Box::new(Type::Float)));
        assert_eq!(params["env"].ty, Type::Map(Box::new(Type::Str), Box::new(Type::Str)));
        assert_eq!(params["func"].ty, Type::Func(vec![Type::Bool], Box::new(Type::Str)));
        assert_eq!(params["func"].ty.describe(), "function of bool to str");
    }
}
