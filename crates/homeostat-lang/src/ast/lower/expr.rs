//! Expressions.

use std::collections::BTreeMap;

use homeostat_model::{Span, Stage, codes};

use super::{Lower, child, exprs, token};
use crate::ast::{
    Arg, BinaryOp, Bind, Callee, Comprehension, ExprId, ExprKind, Function, LoopKind, LoopVariables, Name,
    Param, StructField,
};
use crate::syntax::{SyntaxElement, SyntaxKind as K, SyntaxNode, SyntaxToken};

impl Lower {
    /// The expression, or an error within `parent` where there is none.
    pub(super) fn expr_or_error(&mut self, node: Option<SyntaxNode>, parent: &SyntaxNode) -> ExprId {
        match node {
            Some(node) => self.expr(&node),
            None => {
                let span = self.span(parent);
                self.add(ExprKind::Error, span)
            }
        }
    }

    pub(super) fn expr_in(&mut self, node: &SyntaxNode) -> ExprId {
        let inner = exprs(node).next();
        self.expr_or_error(inner, node)
    }

    /// Chains of operators lean to the left: their left sides are gone down without recursion.
    pub(super) fn expr(&mut self, node: &SyntaxNode) -> ExprId {
        let mut chain = Vec::new();
        let mut at = node.clone();
        while matches!(
            at.kind(),
            K::Binary | K::ExceptExpr | K::Index | K::FieldAccess | K::FieldOr | K::Paren
        ) {
            let Some(left) = exprs(&at).next() else { break };
            chain.push(std::mem::replace(&mut at, left));
        }
        let mut left = self.operand(&at);
        while let Some(node) = chain.pop() {
            left = self.link(left, &node);
        }
        left
    }

    /// A link of a chain, whose left side is done.
    fn link(&mut self, left: ExprId, node: &SyntaxNode) -> ExprId {
        if node.kind() == K::Paren {
            return left;
        }
        let right = |lower: &mut Self| {
            let right = exprs(node).nth(1);
            lower.expr_or_error(right, node)
        };
        let field = token(node, K::Identifier).map(|token| self.token_name(&token));
        let kind = match (node.kind(), field) {
            (K::Binary, _) => match operator(node) {
                Some((op, token)) => {
                    let span = self.range(token.text_range());
                    ExprKind::Binary(op, span, left, right(self))
                }
                None => ExprKind::Error,
            },
            (K::ExceptExpr, _) => ExprKind::Except(left, right(self)),
            (K::Index, _) => ExprKind::Index(left, right(self)),
            (K::FieldAccess, Some(field)) => ExprKind::Field(left, field),
            (K::FieldOr, Some(field)) => ExprKind::FieldOr(left, field, right(self)),
            _ => ExprKind::Error,
        };
        let span = self.span(node);
        self.add(kind, span)
    }

    fn operand(&mut self, node: &SyntaxNode) -> ExprId {
        let span = self.span(node);
        let kind = match node.kind() {
            K::Literal => return self.literal(node),
            K::List => {
                let items: Vec<ExprId> = exprs(node).map(|item| self.expr(&item)).collect();
                ExprKind::List(items.into())
            }
            K::Map => {
                self.check_keys(node);
                let entries = node.children().filter(|child| child.kind() == K::MapEntry);
                let entries: Vec<_> = entries.map(|entry| self.entry(&entry)).collect();
                ExprKind::Map(entries.into())
            }
            K::Struct => ExprKind::Struct(self.struct_fields(node).into()),
            K::ListComprehension => {
                let item = self.expr_in(node);
                self.comprehension(node, item)
                    .map_or(ExprKind::Error, |made| ExprKind::ListComprehension(made.into()))
            }
            K::MapComprehension => match child(node, K::MapEntry).map(|entry| self.entry(&entry)) {
                Some(item) => self
                    .comprehension(node, item)
                    .map_or(ExprKind::Error, |made| ExprKind::MapComprehension(made.into())),
                None => ExprKind::Error,
            },
            K::Lambda => ExprKind::Lambda(Box::new(self.function(node))),
            K::Variable => {
                let name = self.name(node);
                self.check_variable(&name.text, name.span);
                ExprKind::Variable(name.text)
            }
            K::Call | K::CallValue => self.call(node),
            K::IfExpr => self.if_expr(node),
            K::Not => ExprKind::Not(self.expr_in(node)),
            _ => ExprKind::Error,
        };
        self.add(kind, span)
    }

    fn literal(&mut self, node: &SyntaxNode) -> ExprId {
        let span = self.span(node);
        let Some(token) = node.first_token() else { return self.add(ExprKind::Error, span) };
        let text = token.text();
        let kind = match token.kind() {
            K::String => return self.string(&token),
            K::Bool => Some(ExprKind::Bool(text == "true")),
            K::Integer => text.parse().ok().map(ExprKind::Int),
            K::Float => text.parse().ok().map(ExprKind::Float),
            _ => None,
        };
        self.add(kind.unwrap_or(ExprKind::Error), span)
    }

    fn entry(&mut self, node: &SyntaxNode) -> (ExprId, ExprId) {
        let key = self.expr_in(node);
        let value = exprs(node).nth(1);
        (key, self.expr_or_error(value, node))
    }

    fn struct_fields(&mut self, node: &SyntaxNode) -> Vec<StructField> {
        let mut fields = Vec::new();
        let mut seen = BTreeMap::new();
        for field in node.children().filter(|child| child.kind() == K::StructField) {
            let Some(name) = token(&field, K::Identifier).map(|token| self.token_name(&token)) else {
                continue;
            };
            if let Some(first) = seen.insert(name.text.clone(), name.span) {
                let whole = self.head(node, token(node, K::StructWord).map(|word| word.text_range()));
                self.twice(Stage::Structure, whole, ("the struct has the field", &name), first);
            }
            fields.push(StructField { name, value: self.expr_in(&field) });
        }
        fields
    }

    /// Says that a name is given twice, at the start of what it is given to.
    pub(super) fn twice(&mut self, stage: Stage, whole: Span, what: (&str, &Name), first: Span) {
        let message = format!("{} `{}` twice", what.0, what.1.text);
        let twice = self.error(codes::DUPLICATE_NAME, stage, message, whole);
        self.say(twice.label(first, "once here").label(what.1.span, "and again here"));
    }

    fn comprehension<T>(&mut self, node: &SyntaxNode, item: T) -> Option<Comprehension<T>> {
        let header = child(node, K::ComprehensionFor)?;
        let (variables, over) = self.loop_header(&header)?;
        let condition = child(node, K::ComprehensionIf).map(|filter| self.expr_in(&filter));
        Some(Comprehension { item, over, variables, condition })
    }

    /// The variables of a loop and what it goes through.
    pub(super) fn loop_header(&mut self, node: &SyntaxNode) -> Option<(LoopVariables, ExprId)> {
        let kind = if token(node, K::ForkvWord).is_some() { LoopKind::Forkv } else { LoopKind::For };
        let is_before_in = |child: &SyntaxNode| {
            let before = child.prev_sibling_or_token();
            let elements = std::iter::successors(before, SyntaxElement::prev_sibling_or_token);
            !elements.map(|element| element.kind()).any(|kind| kind == K::InWord)
        };
        let mut names: Vec<Name> = Vec::new();
        let mut over = None;
        for expr in exprs(node) {
            if expr.kind() == K::Variable && is_before_in(&expr) {
                names.extend(self.variable_name(&expr));
            } else {
                over = Some(expr);
            }
        }
        let over = self.expr_or_error(over, node);
        let value = names.pop()?;
        Some((LoopVariables { kind, key: names.pop(), value }, over))
    }

    fn call(&mut self, node: &SyntaxNode) -> ExprKind {
        let callee = match child(node, K::Name) {
            Some(name) => Callee::Named(self.name(&name)),
            None => Callee::Value(self.expr_in(node)),
        };
        ExprKind::Call(callee, self.args(node))
    }

    pub(super) fn args(&mut self, node: &SyntaxNode) -> Box<[Arg]> {
        let Some(list) = child(node, K::Args) else { return Box::default() };
        let mut args: Vec<Arg> = Vec::new();
        let mut seen = BTreeMap::new();
        for arg in list.children() {
            if arg.kind() == K::NamedArg {
                let name = token(&arg, K::Identifier).map(|token| self.token_name(&token));
                if let Some(name) = &name
                    && let Some(first) = seen.insert(name.text.clone(), name.span)
                {
                    self.twice(Stage::Parse, name.span, ("the call has the argument", name), first);
                }
                args.push(Arg { name, value: self.expr_in(&arg) });
            } else if arg.kind().is_expr() {
                if let Some((name, span)) = seen.iter().next() {
                    let message = "an argument without a name follows one with a name";
                    let place = self.span(&arg);
                    let order = self.error(codes::UNEXPECTED, Stage::Parse, message, place);
                    let label = format!("`{name}` is named here");
                    self.say(order.label(*span, label).help("arguments with names come last"));
                }
                args.push(Arg { name: None, value: self.expr(&arg) });
            }
        }
        args.into()
    }

    fn if_expr(&mut self, node: &SyntaxNode) -> ExprKind {
        let mut arms = Vec::new();
        let mut condition = None;
        let mut otherwise = None;
        for part in node.children() {
            if part.kind() == K::ExprBlock {
                let value = self.expr_in(&part);
                match condition.take() {
                    Some(condition) => arms.push((condition, value)),
                    None => otherwise = Some(value),
                }
            } else if part.kind().is_expr() {
                condition = Some(self.expr(&part));
            }
        }
        let otherwise = match otherwise {
            Some(otherwise) => otherwise,
            None => self.expr_or_error(None, node),
        };
        ExprKind::If(arms.into(), otherwise)
    }

    /// The parameters, result and body of a function.
    pub(super) fn function(&mut self, node: &SyntaxNode) -> Function {
        let params = self.params(node);
        let result = self.type_in(node);
        let body = child(node, K::FuncBody);
        let mut locals: Vec<Bind> = Vec::new();
        let mut seen = BTreeMap::new();
        let binds = body.iter().flat_map(|body| body.children().filter(|child| child.kind() == K::Bind));
        for bind in binds {
            let Some(bind) = self.bind(&bind) else { continue };
            if let Some(first) = seen.insert(bind.name.text.clone(), bind.name.span) {
                self.twice(Stage::Structure, bind.name.span, ("the function defines", &bind.name), first);
            }
            locals.push(bind);
        }
        let body = match body {
            Some(body) => self.expr_in(&body),
            None => self.expr_or_error(None, node),
        };
        Function { params, result, locals, body }
    }

    pub(super) fn params(&mut self, node: &SyntaxNode) -> Vec<Param> {
        let Some(list) = child(node, K::Params) else { return Vec::new() };
        let mut params: Vec<Param> = Vec::new();
        let mut seen = BTreeMap::new();
        for param in list.children().filter(|child| child.kind() == K::Param) {
            let Some(name) = child(&param, K::Variable).and_then(|variable| self.variable_name(&variable))
            else {
                continue;
            };
            if let Some(first) = seen.insert(name.text.clone(), name.span) {
                self.twice(Stage::Structure, name.span, ("there is the parameter", &name), first);
            }
            let ty = self.type_in(&param);
            let (default, check) = self.default_and_check(&param);
            let span = self.span(&param);
            params.push(Param { name, ty, default, check, span });
        }
        self.check_default_order(&params);
        params
    }

    fn default_and_check(&mut self, param: &SyntaxNode) -> (Option<ExprId>, Option<ExprId>) {
        let (mut default, mut check) = (None, None);
        let mut before = None;
        for element in param.children_with_tokens() {
            match element {
                SyntaxElement::Token(token) if token.kind() == K::Equals => before = Some(K::Equals),
                SyntaxElement::Token(token) if token.kind() == K::Identifier => before = Some(K::Identifier),
                SyntaxElement::Node(node) if node.kind().is_expr() => match before.take() {
                    Some(K::Equals) => default = Some(self.expr(&node)),
                    Some(_) => check = Some(self.expr(&node)),
                    None => {}
                },
                SyntaxElement::Node(_) | SyntaxElement::Token(_) => {}
            }
        }
        (default, check)
    }

    fn check_default_order(&mut self, params: &[Param]) {
        let mut with_default: Option<&Param> = None;
        for param in params {
            match (with_default, param.default) {
                (Some(first), None) => {
                    let message =
                        format!("`${}` has no default, but a parameter before it has", param.name.text);
                    let order = self.error(codes::UNEXPECTED, Stage::Parse, message, param.span);
                    let order = order.label(first.span, "this one has a default");
                    self.say(order.help("parameters with defaults come last"));
                }
                (None, Some(_)) => with_default = Some(param),
                _ => {}
            }
        }
    }

    pub(super) fn bind(&mut self, node: &SyntaxNode) -> Option<Bind> {
        let mut parts = exprs(node);
        let variable = parts.next()?;
        let ty = self.type_in(node);
        let value = parts.next();
        if let (Some(ty), Some(value)) = (&ty, &value) {
            self.check_literal_type(ty, value);
        }
        let value = self.expr_or_error(value, node);
        Some(Bind { name: self.variable_name(&variable)?, ty, value })
    }
}

fn operator(node: &SyntaxNode) -> Option<(BinaryOp, SyntaxToken)> {
    let tokens = node.children_with_tokens().filter_map(SyntaxElement::into_token);
    tokens.filter_map(|token| Some((binary_op(token.kind())?, token))).next()
}

fn binary_op(kind: K) -> Option<BinaryOp> {
    Some(match kind {
        K::OrWord => BinaryOp::Or,
        K::AndWord => BinaryOp::And,
        K::Less => BinaryOp::Less,
        K::Greater => BinaryOp::Greater,
        K::LessEquals => BinaryOp::LessEquals,
        K::GreaterEquals => BinaryOp::GreaterEquals,
        K::EqualsEquals => BinaryOp::Equals,
        K::NotEquals => BinaryOp::NotEquals,
        K::InWord => BinaryOp::In,
        K::Plus => BinaryOp::Add,
        K::Minus => BinaryOp::Subtract,
        K::Star => BinaryOp::Multiply,
        K::Slash => BinaryOp::Divide,
        K::Percent => BinaryOp::Remainder,
        _ => return None,
    })
}
