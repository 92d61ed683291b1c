//! Elements to values, by the type that a schema asks for and from the text as it stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_model::{Diagnostic, Stage, Type, Value, codes};

use crate::findings::{Findings, listed, quoted, suggesting};
use crate::scalar::{self, Int};
use crate::tree::{At, Shape, Tag, Tree};

/// The key that stands where a secret was when a catalog was printed.
const REDACTED_KEY: &str = "$sensitive";

pub(crate) struct Converter<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) findings: &'a mut Findings,
    /// Whose value it is, for messages.
    pub(crate) param: &'a str,
}

impl Converter<'_> {
    /// The value, unless something is wrong with it; that is reported then.
    pub(crate) fn value(&mut self, at: At, ty: &Type) -> Option<Value> {
        if self.is_redacted(at) {
            let message = format!("the value of {} was redacted", quoted(self.param));
            self.report(
                Diagnostic::error(codes::REDACTED_VALUE, Stage::Type, message)
                    .help("put the secret back in its place"),
                at,
            );
            return None;
        }
        let value = self.bare(at, ty)?;
        Some(match self.tree.tag(at) {
            Tag::Sensitive => Value::Sensitive(Box::new(value)),
            Tag::None | Tag::Int | Tag::Float | Tag::Bool => value,
        })
    }

    fn bare(&mut self, at: At, ty: &Type) -> Option<Value> {
        match ty {
            Type::Str => match self.tree.scalar(at) {
                Some(text) => Some(Value::from(text)),
                None => self.wrong(at, ty),
            },
            Type::Choice(texts) => self.choice(at, ty, texts),
            Type::Bool => match self.plain(at).and_then(scalar::parse_bool) {
                Some(value) => Some(Value::Bool(value)),
                None => self.wrong(at, ty),
            },
            Type::Int { min, max } => self.int(at, ty, *min, *max),
            Type::Float => self.float(at, ty),
            Type::List(item) => self.list(at, ty, item),
            Type::Map(key, value) => self.map(at, ty, key, value),
            Type::Struct(fields) => self.fields(at, ty, fields),
            Type::Func(..) => self.wrong(at, ty),
            Type::Any => self.any(at),
        }
    }

    fn plain(&self, at: At) -> Option<&str> {
        (self.tree.shape(at) == Shape::Plain).then(|| self.tree.text(at))
    }

    fn choice(&mut self, at: At, ty: &Type, texts: &[Arc<str>]) -> Option<Value> {
        let Some(text) = self.tree.scalar(at) else {
            return self.wrong(at, ty);
        };
        if let Some(chosen) = texts.iter().find(|choice| &***choice == text) {
            return Some(Value::Str(chosen.clone()));
        }
        let found = match self.tree.tag(at) {
            Tag::Sensitive => "another text".to_owned(),
            Tag::None | Tag::Int | Tag::Float | Tag::Bool => quoted(text),
        };
        let message = format!("{} expects {}, found {found}", quoted(self.param), ty.describe());
        let diagnostic = Diagnostic::error(codes::WRONG_TYPE, Stage::Type, message);
        let diagnostic = suggesting(diagnostic, text, texts.iter().map(|choice| &**choice));
        self.report(diagnostic, at)
    }

    fn int(&mut self, at: At, ty: &Type, min: i64, max: i64) -> Option<Value> {
        let Some(text) = self.plain(at) else {
            return self.wrong(at, ty);
        };
        match scalar::parse_int(text) {
            Int::Fits(number) if (min..=max).contains(&number) => Some(Value::Int(number)),
            Int::Fits(_) | Int::TooLarge => {
                let number = match self.tree.tag(at) {
                    Tag::Sensitive => "the number".to_owned(),
                    Tag::None | Tag::Int | Tag::Float | Tag::Bool => quoted(text),
                };
                let message = format!("{number} is out of range for {}", quoted(self.param));
                let diagnostic = Diagnostic::error(codes::OUT_OF_RANGE, Stage::Type, message)
                    .saying(format!("expected a number from {min} to {max}"));
                self.report(diagnostic, at)
            }
            Int::NotOne => self.wrong(at, ty),
        }
    }

    fn float(&mut self, at: At, ty: &Type) -> Option<Value> {
        let Some(text) = self.plain(at) else {
            // JSON has no infinity; our own catalogs write it as text.
            return match self.tree.scalar(at).filter(|text| text.contains(".inf") || text.contains(".nan")) {
                Some(text) => match scalar::parse_float(text) {
                    Some(number) => Some(Value::Float(number)),
                    None => self.wrong(at, ty),
                },
                None => self.wrong(at, ty),
            };
        };
        let whole = match scalar::parse_int(text) {
            // A leading zero makes a whole number octal, but `00.5` and `0644` as a float are decimal to every reader.
            Int::Fits(number) if !text.trim_start_matches(['-', '+']).starts_with('0') => i64_to_f64(number),
            _ => None,
        };
        match whole.or_else(|| scalar::parse_float(text)) {
            Some(number) => Some(Value::Float(number)),
            None => self.wrong(at, ty),
        }
    }

    fn list(&mut self, at: At, ty: &Type, item: &Type) -> Option<Value> {
        if self.tree.shape(at) != Shape::Sequence {
            return self.wrong(at, ty);
        }
        // Every item is looked at, so that all that is wrong is said at once.
        let items: Vec<Option<Value>> = self.tree.items(at).map(|at| self.value(at, item)).collect();
        items.into_iter().collect::<Option<Vec<_>>>().map(Value::List)
    }

    fn map(&mut self, at: At, ty: &Type, key_type: &Type, value_type: &Type) -> Option<Value> {
        if self.tree.shape(at) != Shape::Mapping {
            return self.wrong(at, ty);
        }
        let mut map = BTreeMap::new();
        let mut whole = true;
        for (key, value) in self.tree.entries(at) {
            let key_value = self.key(key, key_type);
            match (key_value, self.value(value, value_type)) {
                (Some(key), Some(value)) => {
                    map.insert(key, value);
                }
                _ => whole = false,
            }
        }
        whole.then_some(Value::Map(map))
    }

    /// In JSON every key is in quotes, so a number as a key may be.
    fn key(&mut self, at: At, ty: &Type) -> Option<Value> {
        let number = match (ty, self.tree.shape(at)) {
            (Type::Int { min, max }, Shape::Quoted) => match scalar::parse_int(self.tree.text(at)) {
                Int::Fits(number) if (*min..=*max).contains(&number) => Some(Value::Int(number)),
                _ => None,
            },
            (Type::Float, Shape::Quoted) => scalar::parse_float(self.tree.text(at)).map(Value::Float),
            (Type::Bool, Shape::Quoted) => scalar::parse_bool(self.tree.text(at)).map(Value::Bool),
            // The empty plain key and `~` are text where text is asked for.
            (Type::Str, Shape::Plain) => Some(Value::from(self.tree.text(at))),
            _ => None,
        };
        number.or_else(|| self.value(at, ty))
    }

    fn fields(&mut self, at: At, ty: &Type, types: &[(Arc<str>, Type)]) -> Option<Value> {
        if self.tree.shape(at) != Shape::Mapping {
            return self.wrong(at, ty);
        }
        let mut fields = BTreeMap::new();
        let mut whole = true;
        for (key, value) in self.tree.entries(at) {
            let text = self.tree.text(key);
            let Some((name, ty)) = types.iter().find(|(name, _)| &**name == text) else {
                let message = format!("{} has no field {}", quoted(self.param), quoted(text));
                let names = types.iter().map(|(name, _)| &**name);
                let diagnostic = Diagnostic::error(codes::UNKNOWN_KEY, Stage::Type, message)
                    .help(format!("its fields are {}", listed(names.clone())));
                self.report(suggesting(diagnostic, text, names), key);
                whole = false;
                continue;
            };
            if self.tree.is_null(value) {
                continue;
            }
            match self.value(value, ty) {
                Some(value) => {
                    fields.insert(name.clone(), value);
                }
                None => whole = false,
            }
        }
        whole.then_some(Value::Struct(fields))
    }

    fn any(&mut self, at: At) -> Option<Value> {
        match self.tree.shape(at) {
            Shape::Quoted => Some(Value::from(self.tree.text(at))),
            Shape::Plain => self.untyped_scalar(at),
            Shape::Sequence => self.list(at, &Type::Any, &Type::Any),
            Shape::Mapping => self.untyped_mapping(at),
        }
    }

    fn untyped_scalar(&mut self, at: At) -> Option<Value> {
        match self.tree.tag(at) {
            Tag::Int => return self.int(at, &Type::INT, i64::MIN, i64::MAX),
            Tag::Float => return self.float(at, &Type::Float),
            Tag::Bool => return self.bare(at, &Type::Bool),
            Tag::None | Tag::Sensitive => {}
        }
        match scalar::core(self.tree.text(at)) {
            Some(value) => Some(value),
            None => self.int(at, &Type::INT, i64::MIN, i64::MAX),
        }
    }

    /// A struct when every key is text, else a map.
    fn untyped_mapping(&mut self, at: At) -> Option<Value> {
        let mut entries = Vec::new();
        let mut whole = true;
        for (key, value) in self.tree.entries(at) {
            match (self.value(key, &Type::Any), self.value(value, &Type::Any)) {
                (Some(key), Some(value)) => entries.push((key, value)),
                _ => whole = false,
            }
        }
        if !whole {
            return None;
        }
        if entries.iter().all(|(key, _)| matches!(key, Value::Str(_))) {
            let fields = entries.into_iter().filter_map(|(key, value)| match key {
                Value::Str(text) => Some((text, value)),
                _ => None,
            });
            return Some(Value::Struct(fields.collect()));
        }
        Some(Value::Map(entries.into_iter().collect()))
    }

    fn is_redacted(&self, at: At) -> bool {
        self.tree.shape(at) == Shape::Mapping
            && self.tree.entries(at).any(|(key, _)| self.tree.text(key) == REDACTED_KEY)
    }

    fn wrong(&mut self, at: At, ty: &Type) -> Option<Value> {
        let found = match self.tree.shape(at) {
            Shape::Plain => scalar::looks_like(self.tree.text(at)),
            Shape::Quoted => "a string",
            Shape::Sequence => "a list",
            Shape::Mapping => "a mapping",
        };
        let expected = ty.describe();
        let message = format!("{} expects {expected}, found {found}", quoted(self.param));
        let mut diagnostic = Diagnostic::error(codes::WRONG_TYPE, Stage::Type, message);
        if self.tree.shape(at) == Shape::Quoted && would_fit(self.tree.text(at), ty) {
            diagnostic = diagnostic.saying("what stands in quotes is a string");
        }
        self.report(diagnostic, at)
    }

    fn report(&mut self, diagnostic: Diagnostic, at: At) -> Option<Value> {
        self.findings.push(diagnostic.at(self.tree.span(at)));
        None
    }
}

fn would_fit(text: &str, ty: &Type) -> bool {
    match ty {
        Type::Bool => scalar::parse_bool(text).is_some(),
        Type::Int { .. } => scalar::parse_int(text) != Int::NotOne,
        Type::Float => scalar::parse_float(text).is_some(),
        Type::Str
        | Type::Choice(_)
        | Type::List(_)
        | Type::Map(..)
        | Type::Struct(_)
        | Type::Func(..)
        | Type::Any => false,
    }
}

#[allow(clippy::cast_precision_loss)]
fn i64_to_f64(number: i64) -> Option<f64> {
    Some(number as f64)
}
