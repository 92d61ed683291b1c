//! Whether there is a space between two tokens of a line.

use super::Piece;
use crate::syntax::SyntaxKind as K;

pub(super) fn between(left: &Piece, right: &Piece) -> bool {
    match (left.kind, right.kind) {
        (_, K::Comment) => true,
        (K::Dollar | K::Dot | K::OpenParen | K::OpenBracket, _)
        | (_, K::Dot | K::Comma | K::Semicolon | K::CloseParen | K::CloseBracket | K::Colon) => false,
        (K::Colon, _) => left.parent == K::MapType,
        (K::Arrow, _) if is_field(left) => false,
        (_, K::Arrow) if is_field(right) => false,
        (K::OpenBrace, _) => is_block(left) && right.kind != K::CloseBrace,
        (_, K::CloseBrace) => is_block(right),
        (_, K::OpenBrace) => !matches!(right.parent, K::Struct | K::StructType | K::MapType),
        (_, K::OpenParen) => !matches!(right.parent, K::Args | K::Params),
        (_, K::OpenBracket) => !matches!(right.parent, K::Index | K::EdgeHalf) && left.parent != K::ListType,
        (K::CloseBracket, _) => left.parent != K::ListType,
        _ => true,
    }
}

fn is_field(piece: &Piece) -> bool {
    matches!(piece.parent, K::FieldAccess | K::FieldOr)
}

fn is_block(piece: &Piece) -> bool {
    matches!(piece.parent, K::ExprBlock | K::FuncBody)
}
