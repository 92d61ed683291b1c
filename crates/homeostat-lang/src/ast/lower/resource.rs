//! Resources and edges.

use std::collections::BTreeMap;

use homeostat_model::{Diagnostic, Meta, Stage, codes, suggest};

use super::{Lower, child, exprs, token, word};
use crate::ast::{EdgeEnd, EdgeProperty, ExprId, Field, Line, LineKind, Name, Resource, ResourceRef};
use crate::syntax::{SyntaxElement, SyntaxKind as K, SyntaxNode};

const EDGES: &[(&str, EdgeProperty)] = &[
    ("before", EdgeProperty::Before),
    ("depend", EdgeProperty::Depend),
    ("notify", EdgeProperty::Notify),
    ("listen", EdgeProperty::Listen),
];

impl Lower {
    pub(super) fn resource(&mut self, node: &SyntaxNode) -> Option<Resource> {
        let kind = child(node, K::KindName).map(|kind| self.name(&kind))?;
        let name = exprs(node).next();
        let head = self.head(node, name.as_ref().map(SyntaxNode::text_range));
        let name = self.expr_or_error(name, node);
        let mut lines = Vec::new();
        let mut fields = BTreeMap::new();
        let mut metas = BTreeMap::new();
        for part in child(node, K::ResourceBody).iter().flat_map(SyntaxNode::children) {
            let Some(line) = self.line(&part) else { continue };
            let (seen, name) = match &line.kind {
                LineKind::Field(field) => (&mut fields, &field.name),
                LineKind::Meta(field) => (&mut metas, &field.name),
                LineKind::MetaStruct(_) | LineKind::Edge(..) => {
                    lines.push(line);
                    continue;
                }
            };
            if let Some(first) = seen.insert(name.text.clone(), name.span) {
                let what = match &line.kind {
                    LineKind::Meta(_) => "the resource has the meta parameter",
                    _ => "the resource has the field",
                };
                self.twice(Stage::Structure, head, (what, name), first);
            }
            lines.push(line);
        }
        Some(Resource { kind, name, lines })
    }

    fn line(&mut self, node: &SyntaxNode) -> Option<Line> {
        let has_condition = token(node, K::Elvis).is_some();
        let mut parts = exprs(node);
        let condition = has_condition.then(|| parts.next()).flatten().map(|condition| self.expr(&condition));
        let mut value = |lower: &mut Self| lower.expr_or_error(parts.next(), node);
        let kind = match node.kind() {
            K::Field => {
                let name = node.first_token().map(|token| self.token_name(&token))?;
                LineKind::Field(Field { name, value: value(self) })
            }
            K::MetaField => {
                let name = token(node, K::Identifier).map(|token| self.token_name(&token))?;
                self.check_meta(&name);
                LineKind::Meta(Field { name, value: value(self) })
            }
            K::MetaStruct => LineKind::MetaStruct(value(self)),
            K::EdgeField => {
                let property = self.edge_property(node);
                let other = child(node, K::EdgeHalf).and_then(|half| self.resource_ref(&half));
                LineKind::Edge(property?, other?)
            }
            _ => return None,
        };
        let comma = node.next_sibling_or_token().filter(|next| next.kind() == K::Comma);
        let span = match comma {
            Some(comma) => self.head(node, Some(comma.text_range())),
            None => self.span(node),
        };
        Some(Line { kind, condition, span })
    }

    fn check_meta(&mut self, name: &Name) {
        let names = || Meta::schema().iter().map(|param| param.name.as_ref());
        if names().any(|known: &str| known == &*name.text) {
            return;
        }
        let message = format!("there is no meta parameter `{}`", name.text);
        let unknown = self.error(codes::UNKNOWN_META, Stage::Structure, message, name.span);
        self.say(with_guess(unknown, suggest::did_you_mean(&name.text, names())));
    }

    fn edge_property(&mut self, node: &SyntaxNode) -> Option<EdgeProperty> {
        let written = token(node, K::Capitalized)?;
        let lower = written.text().to_lowercase();
        if let Some((_, property)) = EDGES.iter().find(|(name, _)| *name == lower) {
            return Some(*property);
        }
        let message = format!("a resource has no edge `{}`", written.text());
        let span = self.range(written.text_range());
        let near = suggest::did_you_mean(&lower, ["Before", "Depend", "Notify", "Listen", "Meta"]);
        let unknown = self.error(codes::UNKNOWN_EDGE, Stage::Structure, message, span);
        self.say(with_guess(unknown.help("there are `Before`, `Depend`, `Notify` and `Listen`"), near));
        None
    }

    pub(super) fn edge(&mut self, node: &SyntaxNode) -> Vec<EdgeEnd> {
        let mut ends: Vec<EdgeEnd> = Vec::new();
        let mut after_dot = false;
        for element in node.children_with_tokens() {
            match element {
                SyntaxElement::Node(half) if half.kind() == K::EdgeHalf => {
                    ends.extend(self.resource_ref(&half).map(|resource| EdgeEnd { resource, key: None }));
                }
                SyntaxElement::Token(token) if token.kind() == K::Dot => after_dot = true,
                SyntaxElement::Token(token) if !token.kind().is_trivia() && after_dot => {
                    after_dot = false;
                    let name = self.token_name(&token);
                    if let Some(end) = ends.last_mut() {
                        end.key = Some(name);
                    }
                }
                SyntaxElement::Node(_) | SyntaxElement::Token(_) => {}
            }
        }
        ends
    }

    fn resource_ref(&mut self, node: &SyntaxNode) -> Option<ResourceRef> {
        let written = child(node, K::EdgeKind)?;
        let text = word(&written).to_lowercase();
        let kind = Name { text: self.intern(&text), span: self.span(&written) };
        let name: ExprId = self.expr_in(node);
        Some(ResourceRef { kind, name, span: self.span(node) })
    }
}

fn with_guess(diagnostic: Diagnostic, near: Option<&str>) -> Diagnostic {
    match near {
        Some(near) => diagnostic.saying(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}
