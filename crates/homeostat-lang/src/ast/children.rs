//! The parts of expressions.

use super::{Callee, Comprehension, ExprId, ExprKind, Function, Piece};

impl ExprKind {
    /// Shows the expressions that it is directly made of, in the order of the text.
    pub fn children(&self, seen: &mut impl FnMut(ExprId)) {
        match self {
            Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Str(_)
            | Self::Variable(_)
            | Self::Error => {}
            Self::Interpolated(pieces) => pieces.iter().for_each(|piece| match piece {
                Piece::Text(_) => {}
                Piece::Variable(inner) | Piece::Printed(inner) => seen(*inner),
            }),
            Self::List(items) => items.iter().copied().for_each(seen),
            Self::Map(entries) => entries.iter().for_each(|(key, value)| {
                seen(*key);
                seen(*value);
            }),
            Self::Struct(fields) => fields.iter().for_each(|field| seen(field.value)),
            Self::ListComprehension(made) => {
                around(made, seen);
                seen(made.item);
            }
            Self::MapComprehension(made) => {
                around(made, seen);
                seen(made.item.0);
                seen(made.item.1);
            }
            Self::Lambda(function) => function.children(seen),
            Self::Call(callee, args) => {
                if let Callee::Value(function) = callee {
                    seen(*function);
                }
                args.iter().for_each(|arg| seen(arg.value));
            }
            Self::If(arms, otherwise) => {
                for (condition, value) in arms {
                    seen(*condition);
                    seen(*value);
                }
                seen(*otherwise);
            }
            Self::Not(inner) | Self::Field(inner, _) => seen(*inner),
            Self::Binary(_, _, left, right)
            | Self::Index(left, right)
            | Self::FieldOr(left, _, right)
            | Self::Except(left, right) => {
                seen(*left);
                seen(*right);
            }
        }
    }
}

impl Function {
    /// Shows the expressions in it: defaults, definitions, and its value.
    pub fn children(&self, seen: &mut impl FnMut(ExprId)) {
        self.params.iter().filter_map(|param| param.default).for_each(&mut *seen);
        self.locals.iter().for_each(|local| seen(local.value));
        seen(self.body);
    }
}

fn around<T>(made: &Comprehension<T>, seen: &mut impl FnMut(ExprId)) {
    seen(made.over);
    made.condition.into_iter().for_each(seen);
}
