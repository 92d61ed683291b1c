//! Permission bits, in octal or relative to what is there.

/// A declared mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileMode {
    /// Exactly these bits.
    Octal(u32),
    /// Changes, one after the other.
    Symbolic(Box<[Clause]>),
}

/// One change, such as `u+rwx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clause {
    who: u32,
    operator: Operator,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Set,
    Add,
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Bits for everybody, to be cut to `who`; and whether `X` stands among them.
    Bits { bits: u32, search: bool },
    /// The bits that another class has: the shift to its lowest bit.
    Copy(u32),
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHERS: u32 = 0o1007;
const EXECUTE: u32 = 0o111;

impl FileMode {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no mode; write it in octal as in `0644`, or as changes as in `u=rw,go=r` or `u+x`"
            )
        };
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits = u32::from_str_radix(text, 8).map_err(|_| wrong())?;
            return if (3..=5).contains(&text.len()) && bits <= 0o7777 {
                Ok(Self::Octal(bits))
            } else {
                Err(wrong())
            };
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            clauses_of(part, &mut clauses).ok_or_else(wrong)?;
        }
        Ok(Self::Symbolic(clauses.into()))
    }

    /// The bits that a file with the bits `now` should have.
    pub(super) fn of(&self, now: u32, is_dir: bool) -> u32 {
        match self {
            Self::Octal(bits) => *bits,
            Self::Symbolic(clauses) => clauses.iter().fold(now, |mode, clause| clause.of(mode, is_dir)),
        }
    }
}

/// The clauses of one part: who, then one or more operators with what they add, remove or set.
fn clauses_of(part: &str, clauses: &mut Vec<Clause>) -> Option<()> {
    let operators = ['+', '-', '='];
    let (whose, mut rest) = part.split_at(part.find(operators)?);
    let who = whose.chars().try_fold(0, |who, c| {
        Some(
            who | match c {
                'u' => USER,
                'g' => GROUP,
                'o' => OTHERS,
                'a' => USER | GROUP | OTHERS,
                _ => return None,
            },
        )
    })?;
    let who = if whose.is_empty() { USER | GROUP | OTHERS } else { who };
    while let Some(sign) = rest.chars().next() {
        let operator = match sign {
            '+' => Operator::Add,
            '-' => Operator::Remove,
            '=' => Operator::Set,
            _ => return None,
        };
        rest = &rest[1..];
        let (letters, after) = rest.split_at(rest.find(operators).unwrap_or(rest.len()));
        rest = after;
        clauses.push(Clause { who, operator, what: what_of(letters)? });
    }
    Some(())
}

fn what_of(letters: &str) -> Option<What> {
    match letters {
        "u" => return Some(What::Copy(6)),
        "g" => return Some(What::Copy(3)),
        "o" => return Some(What::Copy(0)),
        _ => {}
    }
    let (mut bits, mut search) = (0, false);
    for c in letters.chars() {
        match c {
            'r' => bits |= 0o444,
            'w' => bits |= 0o222,
            'x' => bits |= EXECUTE,
            's' => bits |= 0o6000,
            't' => bits |= 0o1000,
            'X' => search = true,
            _ => return None,
        }
    }
    Some(What::Bits { bits, search })
}

impl Clause {
    fn of(&self, mode: u32, is_dir: bool) -> u32 {
        let bits = match self.what {
            What::Bits { bits, search } if search && (is_dir || mode & EXECUTE != 0) => bits | EXECUTE,
            What::Bits { bits, .. } => bits,
            What::Copy(shift) => (mode >> shift & 7) * EXECUTE,
        } & self.who;
        match self.operator {
            Operator::Add => mode | bits,
            Operator::Remove => mode & !bits,
            Operator::Set => mode & !self.who | bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_modes_are_taken_as_they_are() {
        for (text, bits) in [("0644", 0o644), ("644", 0o644), ("4755", 0o4755), ("01777", 0o1777), ("000", 0)]
        {
            assert_eq!(FileMode::parse(text), Ok(FileMode::Octal(bits)), "{text}");
        }
    }

    #[test]
    fn changes_are_relative_to_what_is_there() {
        for (text, now, is_dir, then) in [
            ("u=rw,go=r", 0o7777, false, 0o644),
            ("u+x", 0o644, false, 0o744),
            ("a-w,+X", 0o666, false, 0o444),
            ("a-w,+X", 0o766, false, 0o555),
            ("+X", 0o600, true, 0o711),
            ("g=u", 0o640, false, 0o660),
            ("u+s,o+t", 0o755, false, 0o5755),
            ("o=", 0o777, false, 0o770),
            ("u+r-w", 0o200, false, 0o400),
        ] {
            let mode = FileMode::parse(text).unwrap();
            assert_eq!(mode.of(now, is_dir), then, "{text} of {now:o}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "7", "88", "0888", "77777", "rw", "z+x", "u+q", "u", "u+x,", "100000"] {
            assert!(FileMode::parse(text).is_err(), "{text}");
        }
    }
}
