//! Strings: their text, and the expressions in them.

use homeostat_model::{Diagnostic, Span, Stage, codes};

use super::{Lower, exprs};
use crate::ast::{ExprId, ExprKind, Piece};
use crate::interpolate::{self, Part, Problem};
use crate::syntax::{self, DEPTH_MAX, Fragment, SyntaxToken};

impl Lower {
    pub(super) fn string(&mut self, token: &SyntaxToken) -> ExprId {
        let span = self.range(token.text_range());
        let content = content(token.text());
        if !content.contains(['\\', '$']) {
            let kind = ExprKind::Str(content.into());
            return self.add(kind, span);
        }
        let (parts, problems) = interpolate::split(content);
        for problem in &problems {
            let wrong = self.problem(problem, content, span);
            self.say(wrong);
        }
        let mut pieces: Vec<Piece> = parts.into_iter().map(|part| self.piece(part, content, span)).collect();
        if pieces.is_empty() && problems.is_empty() {
            pieces.push(Piece::Text("".into()));
        }
        let kind = match pieces.as_slice() {
            _ if !problems.is_empty() => ExprKind::Error,
            [Piece::Text(text)] => ExprKind::Str(text.clone()),
            _ => ExprKind::Interpolated(pieces.into()),
        };
        self.add(kind, span)
    }

    fn piece(&mut self, part: Part, content: &str, string: Span) -> Piece {
        // The content begins after the quote.
        let base = string.start as usize + 1;
        match part {
            Part::Text(text) => Piece::Text(text.into()),
            Part::Variable(range) => {
                let name = self.intern(&content[range.clone()]);
                let span = Span::new(self.source, base + range.start, base + range.end);
                self.check_variable(&name, span);
                Piece::Variable(self.add(ExprKind::Variable(name), span))
            }
            Part::Expr(range) => {
                let text = interpolate::unquoted(&content[range.clone()]);
                Piece::Printed(self.fragment(&text, base + range.start, string))
            }
        }
    }

    /// An expression in a string. What is wrong is said of the string, with the place in it.
    fn fragment(&mut self, text: &str, start: usize, string: Span) -> ExprId {
        let depth = self.depth + (DEPTH_MAX - self.depth) / 2;
        let parsed = syntax::parse_fragment(text, self.source, Fragment { depth });
        let outer = (std::mem::replace(&mut self.offset, start), std::mem::replace(&mut self.depth, depth));
        let root = parsed.tree();
        for wrong in parsed.diagnostics {
            let shift =
                |span: Span| Span::new(self.source, span.start as usize + start, span.end as usize + start);
            let message = format!("`${{{}}}` cannot be read: {}", shortened(text), wrong.message);
            let place = wrong.span.map_or(string, shift);
            let said = Diagnostic::error(codes::INVALID_INTERPOLATION, Stage::Interpolation, message)
                .at(string)
                .label(place, wrong.at.unwrap_or_else(|| "here".to_owned()))
                .help(wrong.help.unwrap_or_else(|| "a literal `${` is written `\\${`".to_owned()));
            self.say(said);
        }
        let id = match exprs(&root).next() {
            Some(expr) => self.expr(&expr),
            None => self.add(ExprKind::Error, string),
        };
        (self.offset, self.depth) = outer;
        id
    }

    fn problem(&self, problem: &Problem, content: &str, string: Span) -> Diagnostic {
        let base = string.start as usize + 1;
        let (range, code, message, help) = match problem {
            Problem::UnknownEscape(range) => (
                range,
                codes::UNKNOWN_ESCAPE,
                format!("`{}` is no escape sequence", &content[range.clone()]),
                "there are `\\a \\b \\f \\n \\r \\t \\v \\\\ \\\" \\$`; a literal backslash is written `\\\\`",
            ),
            Problem::Unfinished(range) => (
                range,
                codes::INVALID_INTERPOLATION,
                "this `${` has no `}`".to_owned(),
                "a literal `${` is written `\\${`",
            ),
            Problem::Empty(range) => (
                range,
                codes::INVALID_INTERPOLATION,
                "there is nothing between `${` and `}`".to_owned(),
                "name a variable: `${name}`; a literal `${` is written `\\${`",
            ),
        };
        let place = Span::new(self.source, base + range.start, base + range.end);
        self.error(code, Stage::Interpolation, message, string).label(place, "here").help(help)
    }
}

fn content(quoted: &str) -> &str {
    let inner = quoted.strip_prefix('"').unwrap_or(quoted);
    inner.strip_suffix('"').unwrap_or(inner)
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
