//! What can be said of a program without knowing its names and types.

use std::collections::BTreeMap;

use homeostat_model::{Span, Stage, codes};

use super::{Lower, exprs, token};
use crate::ast::{TypeExpr, TypeKind};
use crate::syntax::{SyntaxKind as K, SyntaxNode};

/// What a literal is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Literal {
    Bool,
    Str,
    Int,
    Float,
    List,
    Map,
    Struct,
    Func,
}

impl Literal {
    fn of(node: &SyntaxNode) -> Option<Self> {
        Some(match node.kind() {
            K::Literal => match node.first_token()?.kind() {
                K::Bool => Self::Bool,
                K::String => Self::Str,
                K::Integer => Self::Int,
                K::Float => Self::Float,
                _ => return None,
            },
            K::List | K::ListComprehension => Self::List,
            K::Map | K::MapComprehension => Self::Map,
            K::Struct => Self::Struct,
            K::Lambda => Self::Func,
            K::Paren => return Self::of(&exprs(node).next()?),
            _ => return None,
        })
    }

    fn describe(&self) -> &'static str {
        match self {
            Self::Bool => "a bool",
            Self::Str => "a str",
            Self::Int => "an int",
            Self::Float => "a float",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Struct => "a struct",
            Self::Func => "a function",
        }
    }
}

impl Lower {
    pub(super) fn check_variable(&mut self, name: &str, span: Span) {
        let Some(wrong) = ["__", ".."].into_iter().find(|wrong| name.contains(wrong)) else { return };
        let message = format!("the name `{name}` has `{wrong}` in it");
        let invalid = self.error(codes::INVALID_VARIABLE, Stage::Structure, message, span);
        self.say(invalid.help("parts of a name are separated by one `_`"));
    }

    /// Keys that are literals are of one type that can be compared, and are there once.
    pub(super) fn check_keys(&mut self, map: &SyntaxNode) {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut first: Option<(Literal, Span)> = None;
        let open = self.head(map, token(map, K::OpenBrace).map(|brace| brace.text_range()));
        for key in map
            .children()
            .filter(|child| child.kind() == K::MapEntry)
            .filter_map(|entry| exprs(&entry).next())
        {
            let Some(literal) = Literal::of(&key) else { continue };
            let span = self.span(&key);
            if !is_hashable(&key) {
                let message = format!("{} cannot be the key of a map", literal.describe());
                let invalid =
                    self.error(codes::INVALID_KEY, Stage::Structure, message, open).label(span, "this key");
                self.say(invalid.help("keys are booleans, strings, numbers, or structs of those"));
                continue;
            }
            match &first {
                Some((kind, place)) if *kind != literal => {
                    let message =
                        format!("the keys of this map are {} and {}", kind.describe(), literal.describe());
                    let mixed = self.error(codes::INVALID_KEY, Stage::Structure, message, open);
                    let mixed = mixed.label(*place, kind.describe()).label(span, literal.describe());
                    self.say(mixed.help("all keys of a map have one type"));
                    continue;
                }
                Some(_) => {}
                None => first = Some((literal, span)),
            }
            if key.kind() != K::Literal {
                continue;
            }
            let text = key.text().to_string();
            if let Some(before) = seen.insert(text.clone(), span) {
                let message = format!("the map has the key `{text}` twice");
                let twice = self.error(codes::DUPLICATE_KEY, Stage::Structure, message, open);
                self.say(twice.label(before, "once here").label(span, "and again here"));
            }
        }
    }

    /// A plain literal has the type that is declared for it.
    pub(super) fn check_literal_type(&mut self, ty: &TypeExpr, value: &SyntaxNode) {
        if value.kind() != K::Literal {
            return;
        }
        let Some(literal) = Literal::of(value) else { return };
        let fits = match ty.kind {
            TypeKind::Bool => literal == Literal::Bool,
            TypeKind::Str => literal == Literal::Str,
            TypeKind::Int => literal == Literal::Int,
            TypeKind::Float => literal == Literal::Float,
            TypeKind::Variant | TypeKind::Error => true,
            TypeKind::List(_) | TypeKind::Map(_) | TypeKind::Struct(_) | TypeKind::Func(..) => false,
        };
        if fits {
            return;
        }
        let span = self.span(value);
        let message = format!("this is {}, which the declared type is not", literal.describe());
        let wrong = self.error(codes::LITERAL_TYPE, Stage::Parse, message, span);
        let wrong = wrong.label(ty.span, "the type is declared here");
        let help = match (literal, &ty.kind) {
            (Literal::Int, TypeKind::Float) => "a float has a point: `1.0`",
            _ => "change the value or the type",
        };
        self.say(wrong.help(help));
    }
}

fn is_hashable(key: &SyntaxNode) -> bool {
    match key.kind() {
        K::Paren => exprs(key).next().is_none_or(|inner| is_hashable(&inner)),
        K::Struct => key
            .children()
            .filter(|child| child.kind() == K::StructField)
            .all(|field| exprs(&field).next().is_none_or(|value| is_hashable(&value))),
        K::List | K::ListComprehension | K::Map | K::MapComprehension | K::Lambda => false,
        _ => true,
    }
}
