//! Groups and flags.

use super::{Result, Translation, error};

const UNSUPPORTED: &str = "invalid or unsupported Perl syntax";
const FLAGS: [char; 4] = ['i', 'm', 's', 'U'];

impl<'a> Translation<'a> {
    /// A group, with a name or not, or flags.
    pub(super) fn open(&mut self) -> Result<()> {
        match self.rest {
            rest if rest.starts_with("(?P<") || rest.starts_with("(?<") => self.open_named(),
            rest if rest.starts_with("(?") => self.flags(),
            _ => {
                self.enter("(?:");
                self.skip(1);
                Ok(())
            }
        }
    }

    pub(super) fn close(&mut self) -> Result<()> {
        self.next_atom();
        let times = self.sequence.times.max(1);
        let Some(outer) = self.outer.pop() else { return error("unexpected )", self.pattern) };
        self.sequence = outer;
        self.out.push(')');
        self.atom(&self.rest[1..]);
        if let Some(group) = &mut self.sequence.last {
            group.times = times;
        }
        Ok(())
    }

    fn enter(&mut self, written: &str) {
        self.next_atom();
        self.outer.push(std::mem::take(&mut self.sequence));
        self.out.push_str(written);
    }

    /// Nobody asks which group matched, so names have only to be right.
    fn open_named(&mut self) -> Result<()> {
        let Some(end) = self.rest.find('>') else { return error("invalid named capture", self.rest) };
        let (opening, rest) = self.rest.split_at(end + 1);
        let name = &opening[opening.find('<').map_or(0, |at| at + 1)..end];
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return error("invalid named capture", opening);
        }
        if !self.names.insert(name) {
            return error("duplicate capture group name", name);
        }
        self.enter("(?:");
        self.rest = rest;
        Ok(())
    }

    /// `(?i)` for what follows in the same group, `(?i:…)` for a group. The last word on a flag counts.
    fn flags(&mut self) -> Result<()> {
        let from = self.rest;
        let mut states = [None; FLAGS.len()];
        let (mut is_set, mut is_named) = (true, false);
        for (at, c) in from.char_indices().skip(2) {
            let rest = &from[at + c.len_utf8()..];
            let read = &from[..at + c.len_utf8()];
            match (c, FLAGS.iter().position(|flag| *flag == c)) {
                (_, Some(flag)) => {
                    states[flag] = Some(is_set);
                    is_named = true;
                }
                ('-', _) if is_set => (is_set, is_named) = (false, false),
                (':' | ')', _) if is_set || is_named => {
                    let written = flags_written(&states);
                    if c == ':' {
                        self.enter(&format!("(?{written}:"));
                    } else if !written.is_empty() {
                        self.out.push_str(&format!("(?{written})"));
                    }
                    self.rest = rest;
                    return Ok(());
                }
                _ => return error(UNSUPPORTED, read),
            }
        }
        error(UNSUPPORTED, from)
    }
}

fn flags_written(states: &[Option<bool>; FLAGS.len()]) -> String {
    let of = |wanted: bool| {
        let named = FLAGS.iter().zip(states).filter(move |(_, state)| **state == Some(wanted));
        named.map(|(flag, _)| *flag).collect::<String>()
    };
    let (set, cleared) = (of(true), of(false));
    if cleared.is_empty() { set } else { format!("{set}-{cleared}") }
}
