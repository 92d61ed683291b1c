//! Types as they were written.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_model::{Span, Stage, codes};

use super::{Lower, child, token};
use crate::ast::{Name, TypeExpr, TypeKind};
use crate::syntax::{SyntaxKind as K, SyntaxNode};

impl Lower {
    /// The type that stands directly in a part.
    pub(super) fn type_in(&mut self, node: &SyntaxNode) -> Option<TypeExpr> {
        let written = node.children().find(|child| child.kind().is_type())?;
        Some(self.type_(&written))
    }

    fn type_or_error(&mut self, node: Option<SyntaxNode>, within: Span) -> TypeExpr {
        node.map_or(TypeExpr { kind: TypeKind::Error, span: within }, |node| self.type_(&node))
    }

    fn type_(&mut self, node: &SyntaxNode) -> TypeExpr {
        let span = self.span(node);
        let mut inner = node.children().filter(|child| child.kind().is_type());
        let kind = match node.kind() {
            K::NamedType => match node.first_token().map(|token| token.kind()) {
                Some(K::BoolWord) => TypeKind::Bool,
                Some(K::StrWord) => TypeKind::Str,
                Some(K::IntWord) => TypeKind::Int,
                Some(K::FloatWord) => TypeKind::Float,
                Some(K::VariantWord) => TypeKind::Variant,
                _ => TypeKind::Error,
            },
            K::ListType => TypeKind::List(Box::new(self.type_or_error(inner.next(), span))),
            K::MapType => {
                let key = self.type_or_error(inner.next(), span);
                let value = self.type_or_error(inner.next(), span);
                TypeKind::Map(Box::new((key, value)))
            }
            K::StructType => TypeKind::Struct(self.struct_type(node)),
            K::FuncType => {
                let args = child(node, K::Args).map(|args| self.func_type_args(&args)).unwrap_or_default();
                TypeKind::Func(args, Box::new(self.type_or_error(inner.next(), span)))
            }
            _ => TypeKind::Error,
        };
        TypeExpr { kind, span }
    }

    fn struct_type(&mut self, node: &SyntaxNode) -> Vec<(Name, TypeExpr)> {
        let mut fields = Vec::new();
        let mut seen = BTreeMap::new();
        for field in node.children().filter(|child| child.kind() == K::StructTypeField) {
            let Some(name) = token(&field, K::Identifier).map(|token| self.token_name(&token)) else {
                continue;
            };
            self.once_in_type(&mut seen, &name, "the struct has the field");
            let ty = field.children().find(|child| child.kind().is_type());
            let ty = self.type_or_error(ty, name.span);
            fields.push((name, ty));
        }
        fields
    }

    fn func_type_args(&mut self, node: &SyntaxNode) -> Vec<(Option<Name>, TypeExpr)> {
        let mut args = Vec::new();
        let mut seen = BTreeMap::new();
        for arg in node.children().filter(|child| child.kind() == K::FuncTypeArg) {
            let name = child(&arg, K::Variable).map(|variable| self.name(&variable));
            if let Some(name) = &name {
                self.once_in_type(&mut seen, name, "the function has the argument");
            }
            let ty = arg.children().find(|child| child.kind().is_type());
            let span = self.span(&arg);
            args.push((name, self.type_or_error(ty, span)));
        }
        args
    }

    fn once_in_type(&mut self, seen: &mut BTreeMap<Arc<str>, Span>, name: &Name, what: &str) {
        let Some(first) = seen.insert(name.text.clone(), name.span) else { return };
        let message = format!("{what} `{}` twice", name.text);
        let twice = self.error(codes::DUPLICATE_NAME, Stage::Parse, message, name.span);
        self.say(twice.label(first, "it is here already"));
    }
}
