//! Repetitions: `*`, `+`, `?` and counts in braces.

use super::{Result, Translation, error};

/// Nothing may be repeated more often, nor repetitions of repetitions together.
const TIMES_MAX: u32 = 1000;

impl<'a> Translation<'a> {
    /// A repetition of what came last. A brace that begins no count is a character.
    pub(super) fn repeat(&mut self, c: char, before: Option<&'a str>) -> Result<()> {
        let from = self.rest;
        let (counts, mut rest) = match c {
            '{' => match counts(from) {
                Some(counted) => counted,
                None => {
                    self.literal(c);
                    return Ok(());
                }
            },
            _ => ((0, None), &from[1..]),
        };
        let written = &from[..from.len() - rest.len()];
        let (least, most) = counts;
        if least > TIMES_MAX || most.is_some_and(|most| most > TIMES_MAX || most < least) {
            return error("invalid repeat count", written);
        }
        // It is lazy, which changes nothing about whether a text matches.
        rest = rest.strip_prefix('?').unwrap_or(rest);
        let operator = &from[..from.len() - rest.len()];
        if let Some(before) = before {
            return error("invalid nested repetition operator", &before[..before.len() - rest.len()]);
        }
        let Some(atom) = &mut self.sequence.last else {
            return error("missing argument to repetition operator", operator);
        };
        if c == '{' {
            atom.times = match most.unwrap_or(least) {
                0 if most.is_some() => 1,
                times => atom.times.saturating_mul(times.max(1)),
            };
            if atom.times > TIMES_MAX && least.max(most.unwrap_or(0)) > 1 {
                return error("invalid repeat count", operator);
            }
        }
        // Flags may have been written since.
        self.out.insert_str(atom.end, operator);
        atom.end += operator.len();
        self.rest = rest;
        self.repetition = Some(from);
        Ok(())
    }
}

type Counts = (u32, Option<u32>);

/// `{2}`, `{2,}` or `{2,3}`, and what follows.
fn counts(text: &str) -> Option<(Counts, &str)> {
    let (least, rest) = number(text.strip_prefix('{')?)?;
    let (most, rest) = match rest.strip_prefix(',') {
        None => (Some(least), rest),
        Some(open) if open.starts_with('}') => (None, open),
        Some(more) => {
            let (most, rest) = number(more)?;
            (Some(most), rest)
        }
    };
    Some(((least, most), rest.strip_prefix('}')?))
}

/// Digits that do not begin with a 0 that could be left out.
fn number(text: &str) -> Option<(u32, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(count);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    // What is too large for a number is too large in any case.
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
