//! Patterns of names.

/// A part of a pattern.
enum Part {
    /// Anything but slashes.
    Star,
    /// Any character but a slash.
    Any,
    /// This character.
    One(char),
    /// A character within one of the ranges, or within none.
    Class { ranges: Vec<(char, char)>, negated: bool },
}

/// `None` for a pattern that is none.
pub(super) fn matches(pattern: &str, name: &str) -> Option<bool> {
    let parts = parse(pattern)?;
    let name: Vec<char> = name.chars().collect();
    let (mut part, mut at) = (0, 0);
    // The last star, and where it stopped: the only place to go back to.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let fits = match (parts.get(part), name.get(at)) {
            (None, None) => return Some(true),
            (Some(Part::Star), _) => {
                star = Some((part, at));
                part += 1;
                continue;
            }
            (Some(part), Some(c)) => part.fits(*c),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if fits {
            (part, at) = (part + 1, at + 1);
            continue;
        }
        match star {
            Some((of, end)) if name.get(end).is_some_and(|c| *c != '/') => {
                star = Some((of, end + 1));
                (part, at) = (of + 1, end + 1);
            }
            _ => return Some(false),
        }
    }
}

impl Part {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => c != '/',
            Self::One(wanted) => c == *wanted,
            Self::Class { ranges, negated } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

fn parse(pattern: &str) -> Option<Vec<Part>> {
    let mut chars = pattern.chars().peekable();
    let mut parts = Vec::new();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '*' => Part::Star,
            '?' => Part::Any,
            '\\' => Part::One(chars.next()?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
                    let low = class_char(&mut chars)?;
                    let high = if chars.next_if_eq(&'-').is_some() { class_char(&mut chars)? } else { low };
                    ranges.push((low, high));
                }
                Part::Class { ranges, negated }
            }
            c => Part::One(c),
        });
    }
    Some(parts)
}

fn class_char(chars: &mut impl Iterator<Item = char>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", Some(true)),
            ("*", "", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*b*c", "axbxbyc", Some(true)),
            ("a*/b", "ax/b", Some(true)),
            ("a*", "a/b", Some(false)),
            ("a?b", "a☺b", Some(true)),
            ("a?b", "a/b", Some(false)),
            ("[^a-c]x", "dx", Some(true)),
            ("[^a-c]x", "bx", Some(false)),
            ("[\\]a]", "]", Some(true)),
            ("\\*", "*", Some(true)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[a-", "a", None),
            ("a\\", "a", None),
            ("[]", "a", None),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
