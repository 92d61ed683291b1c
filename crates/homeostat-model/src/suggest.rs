//! Did-you-mean, and making outside text safe to print.

use std::borrow::Cow;

/// The candidate that was probably meant, if one is near enough. Ties go to the first in order.
pub fn did_you_mean<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = given.to_lowercase();
    let limit = (given.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        // Of a single letter nothing is left when it is exchanged.
        .filter(|(distance, candidate)| *distance <= limit && *distance < lower.len().max(candidate.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Text with its control characters escaped, for every place where a person reads it.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        let mut out = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            if is_unsafe(c) {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        Cow::Owned(out)
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters, and the invisible ones that turn the reading direction around.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood_and_nonsense_is_not() {
        let names = ["content", "state", "source"];
        assert_eq!(did_you_mean("contnet", names), Some("content"));
        assert_eq!(did_you_mean("Sate", names), Some("state"));
        assert_eq!(did_you_mean("colour", names), None);
        assert_eq!(did_you_mean("a", ["x", "A"]), Some("A"), "another letter is another name");
        assert_eq!(did_you_mean("a", ["x"]), None);
    }

    #[test]
    fn escape_sequences_cannot_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(printable("plain"), "plain");
    }
}
