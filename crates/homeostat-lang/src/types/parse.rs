//! Reading types as they are written: in `decode_json`, in the library's signatures, in tests.
//!
//! Beyond what programs may write, `?1` is a type variable and `...T` a parameter that repeats.

use std::str::FromStr;
use std::sync::Arc;

use super::{Field, FuncType, ParamType, Type, TypeVar};

/// A text that is no type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at byte {at}")]
pub struct TypeError {
    /// What is wrong.
    pub message: String,
    /// Where, as a byte of the text.
    pub at: usize,
}

/// Deeper types are refused, so that no text can exhaust the stack.
const DEPTH_MAX: usize = 64;

impl FromStr for Type {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let ty = parser.ty()?;
        match parser.rest() {
            "" => Ok(ty),
            _ => Err(parser.error("a type ends before this")),
        }
    }
}

impl FromStr for FuncType {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        match text.parse()? {
            Type::Func(func) => Ok(Arc::unwrap_or_clone(func)),
            other => Err(TypeError { message: format!("`{other}` is no function"), at: 0 }),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// What follows, without leading space.
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn error(&self, message: impl Into<String>) -> TypeError {
        TypeError { message: message.into(), at: self.at }
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), TypeError> {
        if self.take(token) { Ok(()) } else { Err(self.error(format!("expected `{token}`"))) }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn name(&mut self) -> Result<Arc<str>, TypeError> {
        match self.word() {
            "" => Err(self.error("expected a name")),
            name => Ok(name.into()),
        }
    }

    fn ty(&mut self) -> Result<Type, TypeError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("a type nested too deeply"));
        }
        let ty = self.form();
        self.depth -= 1;
        ty
    }

    fn form(&mut self) -> Result<Type, TypeError> {
        if self.take("[") {
            self.expect("]")?;
            return Ok(Type::list(self.ty()?));
        }
        if self.take("?") {
            let number = self.word().parse().map_err(|_| self.error("expected the number of a variable"))?;
            return Ok(Type::Var(TypeVar(number)));
        }
        let start = self.at;
        match self.word() {
            "bool" => Ok(Type::Bool),
            "str" => Ok(Type::Str),
            "int" => Ok(Type::Int),
            "float" => Ok(Type::Float),
            "variant" => Ok(Type::Variant),
            "map" => self.map(),
            "struct" => self.structure(),
            "func" => self.func(),
            word => {
                self.at = start;
                let found =
                    if word.is_empty() { "expected a type".into() } else { format!("`{word}` is no type") };
                Err(self.error(found))
            }
        }
    }

    fn map(&mut self) -> Result<Type, TypeError> {
        self.expect("{")?;
        let key = self.ty()?;
        self.expect(":")?;
        let value = self.ty()?;
        self.expect("}")?;
        Ok(Type::map(key, value))
    }

    fn structure(&mut self) -> Result<Type, TypeError> {
        self.expect("{")?;
        let mut fields: Vec<Field> = Vec::new();
        while !self.take("}") {
            if !fields.is_empty() {
                self.expect(";")?;
                // A last one is allowed.
                if self.take("}") {
                    break;
                }
            }
            let name = self.name()?;
            if fields.iter().any(|field| field.name == name) {
                return Err(self.error(format!("the field `{name}` is there twice")));
            }
            fields.push(Field { name, ty: self.ty()? });
        }
        Ok(Type::Struct(fields.into()))
    }

    fn func(&mut self) -> Result<Type, TypeError> {
        self.expect("(")?;
        let mut params = Vec::new();
        while !self.take(")") {
            if !params.is_empty() {
                self.expect(",")?;
            }
            params.push(self.param()?);
        }
        let result = self.ty()?;
        Ok(Type::Func(Arc::new(FuncType { params, result })))
    }

    /// `name type`, or only `type`: a word that is followed by another type is a name.
    fn param(&mut self) -> Result<ParamType, TypeError> {
        let start = self.at;
        let word = self.word();
        let is_name = !word.is_empty() && !self.rest().starts_with([',', ')', '{', '(']);
        let named_like_a_type =
            ["map", "struct", "func"].contains(&word) && self.rest().starts_with(['{', '(']);
        let name = (is_name && !named_like_a_type).then(|| word.into());
        if name.is_none() {
            self.at = start;
        }
        let repeats = self.take("...");
        Ok(ParamType { name, ty: self.ty()?, repeats })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn types() -> impl Strategy<Value = Type> {
        let leaf = prop_oneof![
            Just(Type::Bool),
            Just(Type::Str),
            Just(Type::Int),
            Just(Type::Float),
            Just(Type::Variant),
            (0..9u32).prop_map(|number| Type::Var(TypeVar(number))),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let fields = prop::collection::btree_map("[a-z]{1,4}", inner.clone(), 0..4);
            let params = prop::collection::vec(inner.clone(), 0..4);
            prop_oneof![
                inner.clone().prop_map(Type::list),
                (inner.clone(), inner.clone()).prop_map(|(key, value)| Type::map(key, value)),
                fields.prop_map(Type::structure),
                (params, inner).prop_map(|(params, result)| Type::func(params, result)),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ty in types()) {
            prop_assert_eq!(ty.to_string().parse::<Type>(), Ok(ty));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-z\\[\\]{}():;, ?.0-9é]{0,40}") {
            if let Ok(ty) = text.parse::<Type>() {
                prop_assert_eq!(ty.to_string().parse::<Type>(), Ok(ty));
            }
        }
    }

    #[test]
    fn names_are_kept_for_people() {
        for text in
            ["func(a str, b int) str", "func(map map{str: int}, func func() int) int", "func(x ...?1) str"]
        {
            assert_eq!(text.parse::<Type>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_text_says_where() {
        for (text, message, at) in [
            ("", "expected a type", 0),
            ("[]strr", "`strr` is no type", 2),
            ("map{str int}", "expected `:`", 8),
            ("struct{a int; a str}", "the field `a` is there twice", 15),
            ("int int", "a type ends before this", 4),
        ] {
            assert_eq!(text.parse::<Type>(), Err(TypeError { message: message.into(), at }), "{text}");
        }
        assert!("[]".repeat(1000).parse::<Type>().is_err());
    }
}
