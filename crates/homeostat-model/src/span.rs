//! Places in the user's texts.

use std::sync::Arc;

/// Which text of a [`SourceMap`] a span lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A half-open range of bytes in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `source`.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: clamp(start), end: clamp(end.max(start)) }
    }

    /// An empty span at the start of a text, for errors about the whole of it.
    pub fn start_of(source: SourceId) -> Self {
        Self { source, start: 0, end: 0 }
    }
}

/// One text that was read.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// What to call it: the path as the user gave it, or `<stdin>`.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

/// The line and column of a place, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineColumn {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl SourceText {
    /// The line and column of a byte offset; one past the end is the end.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let offset = offset.min(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        let line = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.line_starts[line] as usize;
        let before = self.text.get(start..offset as usize).unwrap_or_default();
        // What a text begins with to tell its encoding is nothing that people see.
        let before = if line == 0 { before.trim_start_matches('\u{feff}') } else { before };
        let column = before.chars().count() + 1;
        LineColumn {
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

/// The texts of one load, in the order in which they were read.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    texts: Vec<SourceText>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text and says by which id spans refer to it.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceId {
        let text: Arc<str> = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)))
            .collect();
        self.texts.push(SourceText { name: name.into(), text, line_starts });
        SourceId(u32::try_from(self.texts.len() - 1).unwrap_or(u32::MAX))
    }

    /// The text of an id.
    pub fn get(&self, id: SourceId) -> Option<&SourceText> {
        self.texts.get(id.0 as usize)
    }

    /// All texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &SourceText> {
        self.texts.iter()
    }

    /// `site.yaml:4:5`: where a span starts, as people write it.
    pub fn place(&self, span: Span) -> Option<String> {
        let text = self.get(span.source)?;
        let LineColumn { line, column } = text.line_column(span.start);
        Some(format!("{}:{line}:{column}", text.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let mut map = SourceMap::new();
        let id = map.add("a.yaml", "x: é!\ny: 1\n");
        let at = |offset| map.get(id).map(|text| text.line_column(offset));
        assert_eq!(at(0), Some(LineColumn { line: 1, column: 1 }));
        assert_eq!(at(5), Some(LineColumn { line: 1, column: 5 }));
        assert_eq!(at(7), Some(LineColumn { line: 2, column: 1 }));
        assert_eq!(at(999), Some(LineColumn { line: 3, column: 1 }));
        assert_eq!(map.place(Span::new(id, 7, 8)).as_deref(), Some("a.yaml:2:1"));
    }
}
