//! Output with a bound: the beginning, and the end of what is too much.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::OUTPUT_BYTES_MAX;

/// What is kept from the end.
const TAIL_BYTES_MAX: usize = 4096;

/// What a process wrote. Of more than [`OUTPUT_BYTES_MAX`] bytes, the beginning and the last bytes are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Captured {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        let room = OUTPUT_BYTES_MAX - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        if rest.len() > TAIL_BYTES_MAX {
            self.left_out += (rest.len() - TAIL_BYTES_MAX) as u64;
            bytes = &rest[rest.len() - TAIL_BYTES_MAX..];
        } else {
            bytes = rest;
        }
        self.tail.extend(bytes);
        let over = self.tail.len().saturating_sub(TAIL_BYTES_MAX);
        self.left_out += over as u64;
        self.tail.drain(..over);
    }

    /// The bytes that were not kept.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// As text; what is no UTF-8 is replaced, and what was left out is marked.
    pub fn text(&self) -> Cow<'_, str> {
        if self.tail.is_empty() {
            return String::from_utf8_lossy(&self.head);
        }
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.left_out > 0 {
            text.push_str(&format!("\n[{} bytes left out]\n", self.left_out));
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        text.push_str(&String::from_utf8_lossy(&tail));
        Cow::Owned(text)
    }

    /// The last lines, for a message: at most so many lines, and so many bytes.
    pub fn last_lines(&self, lines_max: usize, bytes_max: usize) -> String {
        let from = self.head.len().saturating_sub(bytes_max);
        let end: Vec<u8> = self.head[from..].iter().chain(&self.tail).copied().collect();
        let end = &end[end.len().saturating_sub(bytes_max)..];
        let text = String::from_utf8_lossy(end);
        let lines: Vec<&str> = text.trim_matches('\n').lines().collect();
        lines[lines.len().saturating_sub(lines_max)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_much_the_beginning_and_the_end_are_kept() {
        let mut captured = Captured::default();
        captured.push(b"first line\n");
        for _ in 0..300 {
            captured.push(&[b'x'; 7000]);
        }
        captured.push(b"\nlast line\n");
        let text = captured.text();
        assert!(text.starts_with("first line\n") && text.ends_with("\nlast line\n"));
        assert!(text.contains(&format!("[{} bytes left out]", captured.left_out())));
        let total = 11 + 300 * 7000 + 11;
        assert_eq!(captured.left_out() as usize, total - OUTPUT_BYTES_MAX - TAIL_BYTES_MAX);
        assert_eq!(captured.last_lines(1, 100), "last line");
    }

    #[test]
    fn a_message_gets_only_the_last_lines() {
        let mut captured = Captured::default();
        captured.push(b"one\ntwo\nthree\n\n");
        assert_eq!(captured.last_lines(2, 1000), "two\nthree");
        assert_eq!(captured.last_lines(2, 5), "ree");
        assert_eq!(Captured::default().last_lines(2, 8), "");
    }
}
