//! From text to tokens. Nothing is lost: the tokens, one after the other, are the text.

use std::ops::Range;

use homeostat_model::suggest::printable;
use homeostat_model::{Diagnostic, SourceId, Span, Stage, codes};
use logos::Logos;

use super::kind::SyntaxKind as K;

/// What some editors of other systems begin a text with; it is space.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A token: what it is and where it starts. It ends where the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: K,
    /// First byte.
    pub(crate) start: u32,
}

/// All tokens of a text, and what in it is none. After the last token comes one of kind `End`, of no length.
pub(crate) fn lex(text: &str, source: SourceId) -> (Vec<Token>, Vec<Diagnostic>) {
    let mut out = Lexed {
        text,
        source,
        tokens: Vec::with_capacity(text.len() / 4),
        diagnostics: Vec::new(),
        carriage_returns: false,
    };
    let begin = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    if begin > 0 {
        out.push(K::Whitespace, 0);
    }
    for (found, range) in K::lexer(&text[begin..]).spanned() {
        let range = begin + range.start..begin + range.end;
        match found {
            Ok(kind) => {
                out.check(kind, range.clone());
                out.push(kind, range.start);
            }
            Err(()) => out.unknown(range),
        }
    }
    out.push(K::End, text.len());
    (out.tokens, out.diagnostics)
}

struct Lexed<'a> {
    text: &'a str,
    source: SourceId,
    tokens: Vec<Token>,
    diagnostics: Vec<Diagnostic>,
    /// Said once: a file that has one has one on every line.
    carriage_returns: bool,
}

impl Lexed<'_> {
    fn push(&mut self, kind: K, start: usize) {
        self.tokens.push(Token { kind, start: u32::try_from(start).unwrap_or(u32::MAX) });
    }

    fn say(&mut self, code: &'static str, message: impl Into<String>, range: Range<usize>, help: &str) {
        let span = Span::new(self.source, range.start, range.end);
        self.diagnostics.push(Diagnostic::error(code, Stage::Parse, message).at(span).help(help));
    }

    /// What stands together is said together.
    fn unknown(&mut self, range: Range<usize>) {
        let found = &self.text[range.clone()];
        if found.starts_with('"') {
            self.push(K::Unknown, range.start);
            let help = "add the closing `\"`";
            return self.say(codes::UNTERMINATED_STRING, "this string does not end", range, help);
        }
        if found.starts_with('\r') {
            self.push(K::CarriageReturn, range.start);
            if !self.carriage_returns {
                self.carriage_returns = true;
                let help = "save the file with line ends of Unix";
                self.say(codes::UNKNOWN_CHARACTER, "carriage returns mean nothing here", range, help);
            }
            return;
        }
        if let (Some(Token { kind: K::Unknown, .. }), Some(last)) =
            (self.tokens.last(), self.diagnostics.last_mut())
            && let Some(span) = &mut last.span
            && span.end as usize == range.start
            && last.code == codes::UNKNOWN_CHARACTER
        {
            let long = Span::new(self.source, span.start as usize, range.end);
            *span = long;
            return;
        }
        self.push(K::Unknown, range.start);
        let next = &self.text[range.start..];
        let help = match found.chars().next() {
            Some('&') => "the word for both is `and`",
            Some('|') => "the word for either is `or`, and a value for where there is none follows `<|>`",
            Some('!') => "the word for the opposite is `not`",
            Some('\'' | '`') => "strings stand between `\"`",
            Some('_') => "names begin with a letter and do not end with `_`",
            Some('<' | '?') if next.len() > 1 => "the operators are `<|>` and `?:`",
            _ => "remove it, or put it into a string",
        };
        let message = format!("`{}` means nothing here", printable(found));
        self.say(codes::UNKNOWN_CHARACTER, message, range, help);
    }

    fn check(&mut self, kind: K, range: Range<usize>) {
        let digits = &self.text[range.clone()];
        let (fits, help) = match kind {
            K::Integer => (
                digits.parse::<i64>().is_ok(),
                "an integer lies between -9223372036854775808 and 9223372036854775807",
            ),
            K::Float => {
                (digits.parse::<f64>().is_ok_and(f64::is_finite), "a float lies between -1.8e308 and 1.8e308")
            }
            K::WrongString => {
                let message = "strings do not stand between `'`";
                return self.say(codes::UNKNOWN_CHARACTER, message, range, "write `\"…\"`");
            }
            _ => return,
        };
        if !fits {
            self.say(codes::NUMBER_TOO_LARGE, "this number is too large", range, help);
        }
    }
}
