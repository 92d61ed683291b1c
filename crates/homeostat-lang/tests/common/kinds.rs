//! Kinds as data, for programs that need some without the crate that has them.

use homeostat_lang::infer::Kinds;
use homeostat_model::schema::{OutputSchema, Type};
use homeostat_model::{KindSchema, ParamSchema};

/// Kinds that were read from a text: a line for each with what it can do, then one for each parameter.
pub(crate) struct TextKinds(Vec<KindSchema>);

impl TextKinds {
    pub(crate) fn parse(text: &str) -> Self {
        let mut kinds: Vec<KindSchema> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match (line.strip_prefix('\t'), kinds.last_mut()) {
                (Some(param), Some(kind)) => {
                    let (name, ty) = param.split_once(' ').expect("a parameter has a type");
                    let (ty, default) = (ty_of(ty), None);
                    let doc = String::new();
                    kind.params.push(ParamSchema { name: name.into(), ty, required: false, default, doc });
                }
                _ => kinds.push(kind(line)),
            }
        }
        Self(kinds)
    }
}

fn kind(line: &str) -> KindSchema {
    let (name, can) = line.split_once(' ').unwrap_or((line, ""));
    let mut kind = KindSchema {
        kind: leaked(name),
        doc: "",
        params: Vec::new(),
        outputs: Vec::new(),
        receives: false,
        json: serde_json::Value::Null,
    };
    for ability in can.split(", ").filter(|ability| !ability.is_empty()) {
        match ability.split(' ').collect::<Vec<_>>().as_slice() {
            ["receives"] => kind.receives = true,
            ["sends", key, ty] => {
                kind.outputs.push(OutputSchema { key: leaked(key), ty: ty_of(ty), doc: "" });
            }
            other => panic!("what is {other:?}?"),
        }
    }
    kind
}

/// A schema's name lives as long as the program.
fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn ty_of(text: &str) -> Type {
    let int = |min: i64, max: i64| Type::Int { min, max };
    match text {
        "bool" => Type::Bool,
        "str" => Type::Str,
        "int" => Type::INT,
        "int8" => int(i8::MIN.into(), i8::MAX.into()),
        "int16" => int(i16::MIN.into(), i16::MAX.into()),
        "int32" => int(i32::MIN.into(), i32::MAX.into()),
        "uint" => int(0, i64::MAX),
        "uint8" => int(0, u8::MAX.into()),
        "uint16" => int(0, u16::MAX.into()),
        "uint32" => int(0, u32::MAX.into()),
        "float" => Type::Float,
        "any" => Type::Any,
        _ => nested(text),
    }
}

fn nested(text: &str) -> Type {
    if let Some(item) = text.strip_prefix("[]") {
        return Type::List(Box::new(ty_of(item)));
    }
    if let Some((param, result)) = text.strip_prefix("func(").and_then(|rest| rest.split_once(") ")) {
        return Type::Func(vec![ty_of(param)], Box::new(ty_of(result)));
    }
    let inside = |word: &str| text.strip_prefix(word).and_then(|rest| rest.strip_suffix('}'));
    if let Some((key, value)) = inside("map{").and_then(|inner| inner.split_once(": ")) {
        return Type::Map(Box::new(ty_of(key)), Box::new(ty_of(value)));
    }
    let fields = inside("struct{").expect("a type");
    let fields = fields.split("; ").map(|field| field.split_once(' ').expect("a field has a type"));
    Type::Struct(fields.map(|(name, ty)| (name.into(), ty_of(ty))).collect())
}

impl Kinds for TextKinds {
    fn schema(&self, kind: &str) -> Option<&KindSchema> {
        self.0.iter().find(|known| known.kind == kind)
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|known| known.kind).collect()
    }
}
