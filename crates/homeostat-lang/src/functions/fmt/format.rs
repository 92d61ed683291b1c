//! The parts of a format.

use crate::types::Type;

/// A part of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Text(String),
    /// A place for a value.
    Verb(Verb),
}

/// How a value is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Bool,
    Str,
    Quoted,
    Int,
    Float,
    Any,
    Type,
}

impl Piece {
    pub(super) fn verb(&self) -> Option<Verb> {
        match self {
            Self::Text(_) => None,
            Self::Verb(verb) => Some(*verb),
        }
    }
}

impl Verb {
    /// The only type it prints, if it is for one.
    pub(super) fn wants(self) -> Option<Type> {
        match self {
            Self::Bool => Some(Type::Bool),
            Self::Str | Self::Quoted => Some(Type::Str),
            Self::Int => Some(Type::Int),
            Self::Float => Some(Type::Float),
            Self::Any | Self::Type => None,
        }
    }
}

/// Texts and verbs in turn.
///
/// # Errors
/// The byte of what follows a percent sign and is no verb, or of the end.
pub(super) fn parse(format: &str) -> Result<Vec<Piece>, usize> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = format.char_indices();
    while let Some((_, c)) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let (at, letter) = chars.next().ok_or(format.len())?;
        let verb = match letter {
            '%' => {
                text.push('%');
                continue;
            }
            't' => Verb::Bool,
            's' => Verb::Str,
            'q' => Verb::Quoted,
            'd' => Verb::Int,
            'f' => Verb::Float,
            'v' => Verb::Any,
            'T' => Verb::Type,
            _ => return Err(at),
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Verb(verb));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_fall_into_texts_and_verbs() {
        let pieces = parse("é%d%%%s").unwrap();
        let text = |text: &str| Piece::Text(text.into());
        assert_eq!(pieces, [text("é"), Piece::Verb(Verb::Int), text("%"), Piece::Verb(Verb::Str)]);
        for (format, at) in [("%", 1), ("a %x", 3), ("%%%", 3), ("é% d", 3)] {
            assert_eq!(parse(format), Err(at), "{format}");
        }
    }
}
