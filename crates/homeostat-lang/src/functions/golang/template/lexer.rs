//! Texts and the tokens of actions.

use std::ops::Range;

use super::super::quote;

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Between actions; may have been trimmed to nothing.
    Text,
    /// Begins and ends an action.
    Open,
    Close,
    /// Between operands.
    Space,
    /// `.name`
    Field,
    /// `.`
    Dot,
    /// `$name`
    Variable,
    /// A name or a keyword.
    Word,
    /// A number or a character.
    Number,
    /// In any quotes but single ones; what it means.
    Str(String),
    /// `( ) | , = :=`
    Mark(&'static str),
}

/// A message, and the byte it is about.
pub(super) type LexError = (String, usize);

const MARKS: [&str; 6] = ["(", ")", "|", ",", ":=", "="];

/// All tokens; the end of the text has none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, LexError> {
    let mut lexer = Lexer { text, at: 0, found: Vec::new() };
    let mut trim_left = false;
    loop {
        let open = text[lexer.at..].find("{{").map(|found| lexer.at + found);
        let Some(open) = open else {
            lexer.push_text(lexer.at..text.len(), trim_left, false);
            return Ok(lexer.found);
        };
        let trims = is_left_trim(&text[open + 2..]);
        lexer.push_text(lexer.at..open, trim_left, trims);
        lexer.at = open + if trims { 3 } else { 2 };
        trim_left = match lexer.comment(open)? {
            Some(trims) => trims,
            None => lexer.action(open)?,
        };
    }
}

/// A minus sign with space after it.
fn is_left_trim(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    found: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push_text(&mut self, range: Range<usize>, trim_left: bool, trim_right: bool) {
        let text = &self.text[range.clone()];
        let start = if trim_left { range.end - text.trim_start_matches(is_space).len() } else { range.start };
        let text = &self.text[start..range.end];
        let end = if trim_right { start + text.trim_end_matches(is_space).len() } else { range.end };
        if start < end {
            self.found.push(Token { kind: Kind::Text, at: start..end });
        }
    }

    /// Skips a comment, if here is one; says whether what follows is trimmed.
    fn comment(&mut self, open: usize) -> Result<Option<bool>, LexError> {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches(is_space);
        let is_trimmed = self.at == open + 3;
        let body = if is_trimmed { trimmed } else { rest };
        let Some(body) = body.strip_prefix("/*") else { return Ok(None) };
        let Some((_, after)) = body.split_once("*/") else { return Err(("unclosed comment".into(), open)) };
        let closes =
            [("}}", false)].into_iter().find_map(|(close, trims)| Some((after.strip_prefix(close)?, trims)));
        let trimming = || {
            let inner = after.trim_start_matches(is_space);
            (inner.len() < after.len()).then(|| inner.strip_prefix("-}}")).flatten().map(|rest| (rest, true))
        };
        let Some((rest, trims)) = closes.or_else(trimming) else {
            return Err(("comment ends before closing delimiter".into(), open));
        };
        self.at = self.text.len() - rest.len();
        Ok(Some(trims))
    }

    /// Says whether what follows is trimmed.
    fn action(&mut self, open: usize) -> Result<bool, LexError> {
        self.found.push(Token { kind: Kind::Open, at: open..self.at });
        let mut depth = 0usize;
        loop {
            let rest = self.rest();
            let start = self.at;
            let after_space = rest.trim_start_matches(is_space);
            let spaces = rest.len() - after_space.len();
            let trims = spaces > 0 && after_space.starts_with("-}}");
            if trims || rest.starts_with("}}") {
                if depth > 0 {
                    return Err(("unclosed left paren".into(), start));
                }
                self.at = start + if trims { spaces + 3 } else { 2 };
                self.found.push(Token { kind: Kind::Close, at: start..self.at });
                return Ok(trims);
            }
            if spaces > 0 {
                self.at += spaces;
                self.found.push(Token { kind: Kind::Space, at: start..self.at });
                continue;
            }
            let kind = self.token(open)?;
            match kind {
                Kind::Mark("(") => depth += 1,
                Kind::Mark(")") => {
                    depth = depth.checked_sub(1).ok_or(("unexpected right paren".to_owned(), start))?;
                }
                _ => {}
            }
            self.found.push(Token { kind, at: start..self.at });
        }
    }

    /// The next token of an action, which is not space.
    fn token(&mut self, open: usize) -> Result<Kind, LexError> {
        let rest = self.rest();
        let start = self.at;
        let Some(first) = rest.chars().next() else { return Err(("unclosed action".into(), open)) };
        if let Some(mark) = MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
            self.at += mark.len();
            return Ok(Kind::Mark(mark));
        }
        let word_end = |from: usize| rest[from..].find(|c| !is_word(c)).map_or(rest.len(), |end| from + end);
        match first {
            '"' | '`' => {
                let unterminated = if first == '"' {
                    "unterminated quoted string"
                } else {
                    "unterminated raw quoted string"
                };
                let literal = quote::quoted_prefix(rest).ok_or_else(|| (unterminated.to_owned(), start))?;
                let meaning =
                    quote::unquote(literal).ok_or_else(|| (format!("invalid string {literal}"), start))?;
                self.at += literal.len();
                Ok(Kind::Str(meaning))
            }
            '\'' => {
                let literal = quote::quoted_prefix(rest)
                    .ok_or_else(|| ("unterminated character constant".to_owned(), start))?;
                self.at += literal.len();
                Ok(Kind::Number)
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.at += word_end(1);
                Ok(if self.at - start == 1 { Kind::Dot } else { Kind::Field })
            }
            '$' => {
                self.at += word_end(1);
                Ok(Kind::Variable)
            }
            '+' | '-' | '.' | '0'..='9' => {
                let digits = 1 + rest[1..].find(|c| !(is_word(c) || c == '.')).unwrap_or(rest.len() - 1);
                let is_hex = rest.trim_start_matches(['+', '-']).starts_with(['0'])
                    && rest[..digits].contains(['x', 'X']);
                let has_exponent =
                    !is_hex && rest[..digits].ends_with(['e', 'E']) && rest[digits..].starts_with(['+', '-']);
                self.at += if has_exponent { word_end(digits + 1) } else { digits };
                Ok(Kind::Number)
            }
            c if is_word(c) => {
                self.at += word_end(0);
                Ok(Kind::Word)
            }
            c => Err((format!("unexpected {} in operand", quote::quote(&c.to_string())), start)),
        }
    }
}
