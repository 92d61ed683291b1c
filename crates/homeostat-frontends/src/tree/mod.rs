//! A parsed document as one flat list of elements in the order of the text, each with its place.
//!
//! An element is 20 bytes and owns nothing: its text is a range of the source or, where escapes or folding changed it, of
//! one side buffer. A collection knows where its subtree ends, so that walking its children is hopping. Aliases point
//! back at what they stand for; [`builder::Builder`] makes sure that following them ends and stays small.

mod builder;
mod json;
mod yaml;

use std::sync::Arc;

use homeostat_model::{SourceId, Span};

pub(crate) use json::parse as parse_json;
pub(crate) use yaml::parse as parse_yaml;

/// Collections in collections, aliases followed. Everything that walks a tree may recurse because of it.
pub const MAX_DEPTH: u32 = 100;

/// What all aliases of one file may stand for together, in bytes of text and of overhead, besides
/// [`MAX_ALIAS_BYTES_PER_BYTE`] for each byte of the file: every resource of a large file may merge the same defaults.
pub const MAX_ALIAS_BYTES: u64 = 64 << 20;

/// See [`MAX_ALIAS_BYTES`].
pub const MAX_ALIAS_BYTES_PER_BYTE: u64 = 16;

/// One element of a tree; never an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A scalar without quotes, which may mean a number, a boolean or nothing.
    Plain,
    /// A scalar in quotes or a block, which is text.
    Quoted,
    Sequence,
    Mapping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    None,
    Sensitive,
    Int,
    Float,
    Bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Plain { in_buffer: bool },
    Quoted { in_buffer: bool },
    Sequence,
    Mapping { merges: bool },
    Alias,
}

#[derive(Debug, Clone, Copy)]
struct Element {
    /// Its place in the source.
    start: u32,
    end: u32,
    /// A scalar: where its text starts. A collection: the index after its subtree. An alias: what it stands for.
    a: u32,
    /// A scalar: where its text ends. Otherwise unused.
    b: u32,
    what: What,
    tag: Tag,
}

#[derive(Debug)]
pub(crate) struct Tree {
    source: SourceId,
    text: Arc<str>,
    buffer: String,
    elements: Vec<Element>,
    roots: Vec<u32>,
}

impl Tree {
    pub(crate) fn roots(&self) -> impl Iterator<Item = At> + '_ {
        self.roots.iter().map(|root| self.resolve(*root))
    }

    pub(crate) fn span(&self, at: At) -> Span {
        let element = self.element(at);
        Span::new(self.source, element.start as usize, element.end as usize)
    }

    /// The part of its place that stands on its first line: enough to point at.
    pub(crate) fn head(&self, at: At) -> Span {
        let span = self.span(at);
        let text = &self.text[span.start as usize..span.end as usize];
        match text.find('\n') {
            Some(length) => {
                let line = text[..length].trim_end();
                Span::new(self.source, span.start as usize, span.start as usize + line.len())
            }
            None => span,
        }
    }

    pub(crate) fn tag(&self, at: At) -> Tag {
        self.element(at).tag
    }

    pub(crate) fn shape(&self, at: At) -> Shape {
        match self.element(at).what {
            What::Plain { .. } => Shape::Plain,
            What::Quoted { .. } => Shape::Quoted,
            What::Sequence => Shape::Sequence,
            What::Mapping { .. } => Shape::Mapping,
            What::Alias => unreachable!("an `At` is never an alias"),
        }
    }

    /// The text of a scalar; nothing for a collection.
    pub(crate) fn text(&self, at: At) -> &str {
        let element = self.element(at);
        let range = element.a as usize..element.b as usize;
        match element.what {
            What::Plain { in_buffer: false } | What::Quoted { in_buffer: false } => &self.text[range],
            What::Plain { in_buffer: true } | What::Quoted { in_buffer: true } => &self.buffer[range],
            What::Sequence | What::Mapping { .. } | What::Alias => "",
        }
    }

    /// The text of a scalar that is not null.
    pub(crate) fn scalar(&self, at: At) -> Option<&str> {
        match self.shape(at) {
            Shape::Plain if self.is_null(at) => None,
            Shape::Plain | Shape::Quoted => Some(self.text(at)),
            Shape::Sequence | Shape::Mapping => None,
        }
    }

    pub(crate) fn is_null(&self, at: At) -> bool {
        self.shape(at) == Shape::Plain && crate::scalar::is_null(self.text(at))
    }

    /// The items of a sequence; none for anything else.
    pub(crate) fn items(&self, at: At) -> Items<'_> {
        let element = self.element(at);
        let end = match element.what {
            What::Sequence => element.a,
            _ => at.0 + 1,
        };
        Items { tree: self, next: at.0 + 1, end }
    }

    /// The keys and values of a mapping, merge keys followed; none for anything else.
    pub(crate) fn entries(&self, at: At) -> Entries<'_> {
        let element = self.element(at);
        let own = |end| Entries::Own(Items { tree: self, next: at.0 + 1, end });
        match element.what {
            What::Mapping { merges: false } => own(element.a),
            What::Mapping { merges: true } => Entries::Merged(self.merged(at).into_iter()),
            _ => own(at.0 + 1),
        }
    }

    /// The value of a key of a mapping.
    pub(crate) fn get(&self, at: At, key: &str) -> Option<At> {
        self.entries(at).find(|(have, _)| self.text(*have) == key).map(|(_, value)| value)
    }

    fn element(&self, at: At) -> &Element {
        &self.elements[at.0 as usize]
    }

    fn resolve(&self, index: u32) -> At {
        let element = &self.elements[index as usize];
        match element.what {
            What::Alias => At(element.a),
            _ => At(index),
        }
    }

    fn after(&self, index: u32) -> u32 {
        let element = &self.elements[index as usize];
        match element.what {
            What::Sequence | What::Mapping { .. } => element.a,
            What::Plain { .. } | What::Quoted { .. } | What::Alias => index + 1,
        }
    }

    fn is_merge_key(&self, key: At) -> bool {
        self.shape(key) == Shape::Plain && self.text(key) == "<<"
    }

    /// Own keys win over merged ones, and of those the first.
    fn merged(&self, at: At) -> Vec<(At, At)> {
        let own: Vec<_> =
            Entries::Own(Items { tree: self, next: at.0 + 1, end: self.element(at).a }).collect();
        let mut entries: Vec<(At, At)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (key, value) in &own {
            if !self.is_merge_key(*key) {
                seen.insert(self.text(*key));
                entries.push((*key, *value));
            }
        }
        for (_, value) in own.iter().filter(|(key, _)| self.is_merge_key(*key)) {
            let sources: Vec<At> = match self.shape(*value) {
                Shape::Sequence => self.items(*value).collect(),
                _ => vec![*value],
            };
            for (key, value) in sources.into_iter().flat_map(|source| self.entries(source)) {
                if seen.insert(self.text(key)) {
                    entries.push((key, value));
                }
            }
        }
        entries
    }
}

pub(crate) struct Items<'t> {
    tree: &'t Tree,
    next: u32,
    end: u32,
}

impl Iterator for Items<'_> {
    type Item = At;

    fn next(&mut self) -> Option<At> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        self.next = self.tree.after(index);
        Some(self.tree.resolve(index))
    }
}

pub(crate) enum Entries<'t> {
    Own(Items<'t>),
    Merged(std::vec::IntoIter<(At, At)>),
}

impl Iterator for Entries<'_> {
    type Item = (At, At);

    fn next(&mut self) -> Option<(At, At)> {
        match self {
            Self::Own(items) => Some((items.next()?, items.next()?)),
            Self::Merged(entries) => entries.next(),
        }
    }
}
