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
    let mut begin = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    if begin > 0 {
        out.push(K::Whitespace, 0);
    }
    let mut forgotten = None;
    for _ in 0..FORGOTTEN_MAX {
        out.run(begin, forgotten);
        let Some(string) = out.forgotten_end(forgotten) else { break };
        begin = out.tokens[string].start as usize;
        out.tokens.truncate(string);
        out.diagnostics.retain(|said| said.span.is_some_and(|span| (span.start as usize) < begin));
        out.carriage_returns = out.tokens.iter().any(|token| token.kind == K::CarriageReturn);
        forgotten = Some(begin);
    }
    out.push(K::End, text.len());
    (out.tokens, out.diagnostics)
}

/// How many strings whose end was forgotten are told from those that are only thought to be strings since then.
const FORGOTTEN_MAX: usize = 16;

/// What people look for who write `File <| … |>`.
pub(super) const COLLECT: &str = "resources of other hosts are gathered by `collect file …`";

/// How many bytes behind a `|` belong to the parameters of a function: `|x, y|`.
fn closure(rest: &str) -> usize {
    let is_part = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "$_, ".contains(*c);
    let params: usize = rest.chars().take_while(is_part).map(char::len_utf8).sum();
    let is_tight = !rest[..params].starts_with(' ') && !rest[..params].ends_with(' ');
    if params > 0 && is_tight && rest[params..].starts_with('|') { params + 1 } else { 0 }
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
    /// Takes the text from a place on.
    fn run(&mut self, begin: usize, forgotten: Option<usize>) {
        let mut lexer = K::lexer(&self.text[begin..]);
        lexer.extras.forgotten = forgotten.map(|at| at - begin);
        while let Some(found) = lexer.next() {
            let range = begin + lexer.span().start..begin + lexer.span().end;
            match found {
                Ok(K::String) => {
                    let more = self.string_within(&range);
                    lexer.bump(more);
                    let kind = if more > 0 { K::WrongString } else { K::String };
                    self.push(kind, range.start);
                }
                Ok(kind) => {
                    self.check(kind, range.clone());
                    self.push(kind, range.start);
                }
                Err(()) if self.text[range.clone()].starts_with('_') => {
                    let name = lexer.remainder().bytes().take_while(|byte| is_name_byte(*byte)).count();
                    lexer.bump(name);
                    self.underscore(range.start..range.end + name);
                }
                Err(()) if self.text[range.start..].starts_with('|') => {
                    let more = closure(lexer.remainder());
                    lexer.bump(more);
                    self.bar(range.start..range.end + more);
                }
                Err(()) => self.unknown(range),
            }
        }
    }

    /// The string that was probably not ended: one over several lines, behind whose end something is glued that stood within
    /// the next string.
    fn forgotten_end(&self, known: Option<usize>) -> Option<usize> {
        // A string that is known to break off is no sign of another.
        let is_new = |at: u32| known.is_none_or(|known| at as usize > known);
        let is_odd = self.diagnostics.iter().any(|said| {
            said.code == codes::UNTERMINATED_STRING && said.span.is_some_and(|span| is_new(span.start))
        });
        self.tokens.windows(2).position(|pair| {
            let [string, next] = pair else { return false };
            string.kind == K::String
                && is_new(string.start)
                && stood_within(next.kind, is_odd)
                && self.text[string.start as usize..next.start as usize].contains('\n')
        })
    }

    /// How many bytes more than a string belong to it where it holds a call with a string of its own: `"${f("x")}"`.
    fn string_within(&mut self, range: &Range<usize>) -> usize {
        let string = &self.text[range.clone()];
        let rest = &self.text[range.end..];
        let is_glued = rest.starts_with(|c: char| c.is_alphanumeric() || "%/.$-_".contains(c));
        let is_open = string.rfind("${").is_some_and(|at| {
            let escapes = string[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
            escapes % 2 == 0 && !string[at..].contains('}')
        });
        if !is_glued || !is_open {
            return 0;
        }
        let line = rest.split('\n').next().unwrap_or_default();
        let end = line.find('}').and_then(|brace| Some(brace + line[brace..].find('"')? + 1));
        let Some(more) = end else { return 0 };
        let message = "a string cannot stand within the `${…}` of another";
        let help = "give the inner value a name first: `$name = …`, then `${name}`";
        self.say(codes::INVALID_INTERPOLATION, message, range.start..range.end + more, help);
        more
    }

    /// A name or a number with a `_` where it cannot have one.
    fn underscore(&mut self, range: Range<usize>) {
        let help = match self.tokens.last() {
            Some(Token { kind: K::Integer | K::Float, .. }) => "numbers are written without `_`",
            _ => "names begin with a letter and do not end with `_`",
        };
        self.push(K::Unknown, range.start);
        self.say(codes::UNKNOWN_CHARACTER, "`_` means nothing here", range.start..range.start + 1, help);
    }

    /// Whether `File <| … |>` is on this line.
    fn is_in_collector(&self, at: usize) -> bool {
        let line = self.text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        let is_kind = |name: &str| name.bytes().all(|byte| is_name_byte(byte) || byte == b':');
        let is_named = line.split_once(" <").is_some_and(|(name, _)| is_kind(name));
        is_named && line.starts_with(|c: char| c.is_ascii_uppercase())
    }

    /// `|`, or all of `|x, y|`.
    fn bar(&mut self, range: Range<usize>) {
        if range.len() == 1 {
            return self.unknown(range);
        }
        self.push(K::Unknown, range.start);
        let message = format!("`{}` means nothing here", &self.text[range.clone()]);
        let help = "functions without a name are written `func($x) { … }`";
        self.say(codes::UNKNOWN_CHARACTER, message, range, help);
    }

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
            let is_glued = self.text[..range.start].ends_with(|c: char| c.is_alphanumeric());
            let help = match is_glued {
                _ if found.ends_with("\\\"") => {
                    "a backslash before the closing `\"` is written twice: `\\\\`"
                }
                true => "add the opening `\"` if a string ends here, or the closing one if it begins",
                false => "add the closing `\"`",
            };
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
        if found == "|" && self.is_in_collector(range.start) {
            // All of it is said where its name is expected.
            return;
        }
        let next = &self.text[range.start..];
        let help = match found.chars().next() {
            Some('&') => "the word for both is `and`",
            Some('|') => "the word for either is `or`, and a value for where there is none follows `<|>`",
            Some('!') => "the word for the opposite is `not`",
            Some('\'' | '`') => "strings stand between `\"`",
            Some('?') => {
                "a choice is written `if … { … } else { … }`, and a field with a condition `field => … ?: …,`"
            }
            Some('@') => "a program offers a resource to other hosts by `Meta:export => [\"*\"]`",
            Some('<') if next.len() > 1 => "the operators are `<|>` and `?:`",
            Some('~') => {
                "edges are written `->`; who is to be notified is named in the resource: `Notify => …`"
            }
            Some('\\') => "a statement stands on one line, except within brackets",
            Some('\u{a0}' | '\u{2000}'..='\u{200b}') => "this is no common space: write one",
            Some(c) if c.is_alphabetic() => "names have the letters `a` to `z`, digits and `_`",
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
                let quote = digits.chars().next().unwrap_or('\'');
                let message = match quote {
                    '`' => "strings do not stand between backticks".to_owned(),
                    _ => format!("strings do not stand between `{quote}`"),
                };
                return self.say(codes::UNKNOWN_CHARACTER, message, range, "write `\"…\"`");
            }
            K::WrongComment => {
                let start = range.start..range.start + 2;
                let message = format!("`{}` begins no comment", &digits[..2]);
                return self.say(codes::UNKNOWN_CHARACTER, message, start, "comments begin with `#`");
            }
            _ => return,
        };
        if !fits {
            self.say(codes::NUMBER_TOO_LARGE, "this number is too large", range, help);
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether what follows a string at once stood within one: nothing that is right looks like that, or little does where the
/// text has one quote too many.
fn stood_within(kind: K, is_odd: bool) -> bool {
    match kind {
        K::Identifier | K::Capitalized | K::Integer | K::Float => true,
        K::Newline
        | K::Whitespace
        | K::Comma
        | K::Semicolon
        | K::CloseParen
        | K::CloseBracket
        | K::CloseBrace
        | K::OpenBracket => false,
        _ => is_odd,
    }
}
