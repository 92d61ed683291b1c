//! Which hosts a list of patterns means.

/// Whether any of the patterns means this host.
pub fn any_matches<'a>(patterns: impl IntoIterator<Item = &'a str>, host: &str) -> bool {
    patterns.into_iter().any(|pattern| matches(pattern, host))
}

/// `*` stands for any text and `?` for one character; everything else for itself.
pub fn matches(pattern: &str, host: &str) -> bool {
    let (pattern, host): (Vec<char>, Vec<char>) = (pattern.chars().collect(), host.chars().collect());
    let (mut p, mut h) = (0, 0);
    // Where the last star stood, and what it has swallowed up to: the only place to go back to.
    let mut star: Option<(usize, usize)> = None;
    while h < host.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, h));
                p += 1;
            }
            Some(c) if *c == '?' || *c == host[h] => {
                p += 1;
                h += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    h = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_others() {
        for (pattern, host, want) in [
            ("web*", "web1", true),
            ("web*", "db1", false),
            ("*", "", true),
            ("*.example.org", "a.example.org", true),
            ("db?", "db1", true),
            ("db?", "db", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("db1", "db1", true),
            ("db1", "db12", false),
        ] {
            assert_eq!(matches(pattern, host), want, "{pattern} {host}");
        }
    }
}
