//! Patterns of RE2, as Go reads them, in the syntax of the `regex` crate.
//!
//! Invariant: what is written means the same there, whatever else that crate would take. So nothing of a pattern is passed on as
//! it is: characters are escaped, classes are written as ranges, groups have no names. What Go refuses is refused in its
//! words, about the pattern that the user wrote.

mod class;
mod escape;
mod group;
mod repeat;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

/// What is wrong with a pattern, and the part that is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {what}: `{part}`")]
pub(super) struct Error {
    what: &'static str,
    part: String,
}

type Result<T> = std::result::Result<T, Error>;

fn error<T>(what: &'static str, part: impl Into<String>) -> Result<T> {
    Err(Error { what, part: part.into() })
}

/// The same pattern in the other syntax.
pub(super) fn translate(pattern: &str) -> Result<String> {
    let mut translation = Translation {
        pattern,
        rest: pattern,
        out: String::with_capacity(2 * pattern.len()),
        names: BTreeSet::new(),
        outer: Vec::new(),
        sequence: Sequence::default(),
        repetition: None,
    };
    translation.run()?;
    Ok(translation.out)
}

struct Translation<'a> {
    pattern: &'a str,
    rest: &'a str,
    out: String,
    /// Of groups, which must differ.
    names: BTreeSet<&'a str>,
    /// What the groups that are open stand in, from the outermost.
    outer: Vec<Sequence>,
    sequence: Sequence,
    /// If a repetition was read just now, the pattern from there on.
    repetition: Option<&'a str>,
}

/// What a group, or the whole pattern, has so far.
#[derive(Default)]
struct Sequence {
    /// What a repetition would repeat.
    last: Option<Atom>,
    /// How often anything in what came before `last` is repeated at most.
    times: u32,
}

struct Atom {
    /// Where it ends in what is written.
    end: usize,
    /// How often anything in it is repeated at most, counting repetitions of repetitions.
    times: u32,
}

impl<'a> Translation<'a> {
    fn run(&mut self) -> Result<()> {
        while let Some(c) = self.rest.chars().next() {
            let repetition = self.repetition.take();
            match c {
                '*' | '+' | '?' | '{' => self.repeat(c, repetition)?,
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.skip(1);
                    self.next_atom();
                    self.out.push('|');
                }
                '[' => {
                    let rest = class::brackets(self.rest, &mut self.out)?;
                    self.atom(rest);
                }
                '\\' => self.escape()?,
                '.' | '^' | '$' => {
                    self.out.push(c);
                    self.atom(&self.rest[1..]);
                }
                c => self.literal(c),
            }
        }
        match self.outer.is_empty() {
            true => Ok(()),
            false => error("missing closing )", self.pattern),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// What comes next is repeated by itself, not with what was before.
    fn next_atom(&mut self) {
        if let Some(atom) = self.sequence.last.take() {
            self.sequence.times = self.sequence.times.max(atom.times);
        }
    }

    /// What was written is one atom, and the pattern goes on here.
    fn atom(&mut self, rest: &'a str) {
        self.next_atom();
        self.rest = rest;
        self.sequence.last = Some(Atom { end: self.out.len(), times: 1 });
    }

    fn literal(&mut self, c: char) {
        escape::write(u32::from(c), &mut self.out);
        self.atom(&self.rest[c.len_utf8()..]);
    }

    fn escape(&mut self) -> Result<()> {
        let after = &self.rest[1..];
        if let Some(text) = after.strip_prefix('Q') {
            let (literal, rest) = text.split_once("\\E").unwrap_or((text, ""));
            self.rest = literal;
            while let Some(c) = self.rest.chars().next() {
                self.literal(c);
            }
            self.rest = rest;
            return Ok(());
        }
        let same = match after.chars().next() {
            Some('A') => Some("\\A"),
            Some('z') => Some("\\z"),
            Some('b') => Some("(?-u:\\b)"),
            Some('B') => Some("(?-u:\\B)"),
            _ => None,
        };
        let rest = match same {
            Some(same) => {
                self.out.push_str(same);
                &after[1..]
            }
            None => match class::named(self.rest)? {
                Some((class, rest)) => {
                    self.out.push_str(&class);
                    rest
                }
                None => {
                    let (code, rest) = escape::read(self.rest)?;
                    escape::write(code, &mut self.out);
                    rest
                }
            },
        };
        self.atom(rest);
        Ok(())
    }
}
