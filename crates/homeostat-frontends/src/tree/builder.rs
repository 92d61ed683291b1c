//! Builds a tree element by element and keeps it within bounds: depth, what aliases stand for, keys given twice.
//!
//! Invariant: an alias points at a finished element, so following aliases ends; the depth that [`MAX_DEPTH`] bounds is
//! that of the tree with its aliases followed.

use std::collections::HashMap;
use std::sync::Arc;

use homeostat_model::{Diagnostic, SourceId, Span, Stage, codes};

use super::{At, Element, MAX_ALIAS_BYTES, MAX_ALIAS_BYTES_PER_BYTE, MAX_DEPTH, Shape, Tag, Tree, What};
use crate::findings::{Findings, quoted};

/// What an element costs besides its text when an alias repeats it.
const ELEMENT_BYTES: u64 = 48;

/// The parser need not go on.
#[derive(Debug)]
pub(super) struct Stop;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collection {
    Sequence,
    Mapping,
}

/// What stands beside an element: its tag, and the number of its anchor or 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dress {
    pub(super) tag: Tag,
    pub(super) anchor: usize,
}

pub(super) const PLAIN_DRESS: Dress = Dress { tag: Tag::None, anchor: 0 };

struct Open {
    index: u32,
    anchor: usize,
    size: Size,
}

/// Of a subtree with its aliases followed.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    bytes: u64,
    height: u32,
}

#[derive(Clone, Copy)]
struct Anchored {
    index: u32,
    size: Size,
}

pub(super) struct Builder<'f> {
    pub(super) tree: Tree,
    pub(super) findings: &'f mut Findings,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    alias_bytes: u64,
    /// Where the last element ended; a block has no end of its own.
    last_end: u32,
    /// Room for the keys of the mapping that is being checked.
    keys: Vec<At>,
}

impl<'f> Builder<'f> {
    pub(super) fn new(source: SourceId, text: Arc<str>, findings: &'f mut Findings) -> Self {
        // About one element in ten bytes is what catalogs have.
        let elements = Vec::with_capacity(text.len() / 10);
        Self {
            tree: Tree { source, text, buffer: String::new(), elements, roots: Vec::new() },
            findings,
            open: Vec::new(),
            anchors: HashMap::new(),
            alias_bytes: 0,
            last_end: 0,
            keys: Vec::new(),
        }
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.tree.source, start, end)
    }

    /// What the innermost open collection is.
    pub(super) fn innermost(&self) -> Option<Collection> {
        let open = self.open.last()?;
        match self.tree.elements[open.index as usize].what {
            What::Sequence => Some(Collection::Sequence),
            _ => Some(Collection::Mapping),
        }
    }

    pub(super) fn scalar(&mut self, text: &str, style: Style, dress: Dress, start: usize, end: usize) {
        let raw = self.tree.text.get(start..end).unwrap_or_default();
        let (in_buffer, from, to) = if raw == text {
            (false, start, end)
        } else if raw.len() == text.len() + 2 && raw.get(1..raw.len() - 1) == Some(text) {
            (false, start + 1, end - 1)
        } else {
            let from = self.tree.buffer.len();
            self.tree.buffer.push_str(text);
            (true, from, self.tree.buffer.len())
        };
        let what = match style {
            Style::Plain => What::Plain { in_buffer },
            Style::Quoted => What::Quoted { in_buffer },
        };
        let index = self.push(Element {
            start: narrow(start),
            end: narrow(end),
            a: narrow(from),
            b: narrow(to),
            what,
            tag: dress.tag,
        });
        let size = Size { bytes: ELEMENT_BYTES + text.len() as u64, height: 0 };
        self.finished(index, dress.anchor, size);
    }

    pub(super) fn open(&mut self, collection: Collection, dress: Dress, start: usize) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH as usize {
            return self.too_deep(start);
        }
        let what = match collection {
            Collection::Sequence => What::Sequence,
            Collection::Mapping => What::Mapping { merges: false },
        };
        let index =
            self.push(Element { start: narrow(start), end: narrow(start), a: 0, b: 0, what, tag: dress.tag });
        self.open.push(Open { index, anchor: dress.anchor, size: Size { bytes: ELEMENT_BYTES, height: 0 } });
        Ok(())
    }

    /// Ends the innermost collection. Without an end of its own (a block), it ends where its last child does.
    pub(super) fn close(&mut self, end: Option<usize>) {
        let Some(open) = self.open.pop() else {
            return;
        };
        let after = narrow(self.tree.elements.len());
        let last_end = self.last_end;
        let element = &mut self.tree.elements[open.index as usize];
        element.a = after;
        element.end = end.map_or(last_end, narrow).max(element.start);
        if element.what == (What::Mapping { merges: false }) {
            self.check_keys(At(open.index));
        }
        let size = Size { bytes: open.size.bytes, height: open.size.height + 1 };
        self.finished(open.index, open.anchor, size);
    }

    pub(super) fn alias(&mut self, anchor: usize, start: usize, end: usize) -> Result<(), Stop> {
        let span = self.span(start, end);
        let Some(target) = self.anchors.get(&anchor).copied() else {
            let message = "the alias stands inside of what it stands for";
            self.fail(Diagnostic::error(codes::ALIAS_EXPANSION, Stage::Parse, message).at(span));
            return Err(Stop);
        };
        if self.open.len() + target.size.height as usize > MAX_DEPTH as usize {
            return self.too_deep(start);
        }
        self.alias_bytes = self.alias_bytes.saturating_add(target.size.bytes);
        let most = MAX_ALIAS_BYTES + MAX_ALIAS_BYTES_PER_BYTE * self.tree.text.len() as u64;
        if self.alias_bytes > most {
            let message = format!("the aliases of this file stand for more than {} MiB", most >> 20);
            self.fail(
                Diagnostic::error(codes::ALIAS_EXPANSION, Stage::Parse, message)
                    .at(span)
                    .saying("this one goes beyond it"),
            );
            return Err(Stop);
        }
        let index = self.push(Element {
            start: narrow(start),
            end: narrow(end),
            a: target.index,
            b: 0,
            what: What::Alias,
            tag: Tag::None,
        });
        self.finished(index, 0, target.size);
        Ok(())
    }

    pub(super) fn fail(&mut self, diagnostic: Diagnostic) {
        self.findings.push(diagnostic);
    }

    fn too_deep(&mut self, start: usize) -> Result<(), Stop> {
        let span = self.span(start, start + 1);
        let message = format!("nested deeper than {MAX_DEPTH} collections");
        self.fail(Diagnostic::error(codes::TOO_DEEP, Stage::Parse, message).at(span));
        Err(Stop)
    }

    fn push(&mut self, element: Element) -> u32 {
        let index = narrow(self.tree.elements.len());
        self.tree.elements.push(element);
        index
    }

    /// A whole element is there: remembered under its anchor, added to the collection around it.
    fn finished(&mut self, index: u32, anchor: usize, size: Size) {
        self.last_end = self.tree.elements[index as usize].end;
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { index, size });
        }
        match self.open.last_mut() {
            None => self.tree.roots.push(index),
            Some(around) => {
                around.size.bytes = around.size.bytes.saturating_add(size.bytes);
                around.size.height = around.size.height.max(size.height);
            }
        }
    }

    /// Keys are text, each once; a merge key merges mappings.
    fn check_keys(&mut self, mapping: At) {
        // Comparing each with each is fastest while they are few, which they nearly always are.
        const FEW: usize = 12;
        let Self { tree, findings, .. } = self;
        let mut few: Vec<At> = std::mem::take(&mut self.keys);
        few.clear();
        let mut many: HashMap<&str, At> = HashMap::new();
        let mut merges = false;
        for (key, value) in tree.entries(mapping) {
            let text = tree.text(key);
            if matches!(tree.shape(key), Shape::Sequence | Shape::Mapping) {
                findings.push(collection_as_key(tree, key));
                continue;
            }
            let first = if few.len() < FEW {
                few.iter().copied().find(|have| tree.text(*have) == text)
            } else {
                if many.is_empty() {
                    many.extend(few.iter().map(|have| (tree.text(*have), *have)));
                }
                many.get(text).copied()
            };
            if let Some(first) = first {
                findings.push(duplicate_key(tree, first, key));
                continue;
            }
            if few.len() < FEW {
                few.push(key);
            } else {
                many.insert(text, key);
            }
            if tree.is_merge_key(key) {
                merges = true;
                findings.extend(bad_merge(tree, value));
            }
        }
        tree.elements[mapping.0 as usize].what = What::Mapping { merges };
        self.keys = few;
    }
}

fn collection_as_key(tree: &Tree, key: At) -> Diagnostic {
    Diagnostic::error(codes::WRONG_SHAPE, Stage::Structure, "a key must be text").at(tree.span(key))
}

fn duplicate_key(tree: &Tree, first: At, key: At) -> Diagnostic {
    let message = format!("the key {} stands twice", quoted(tree.text(key)));
    Diagnostic::error(codes::DUPLICATE_KEY, Stage::Structure, message)
        .at(tree.span(key))
        .label(tree.span(first), "first here")
}

fn bad_merge(tree: &Tree, value: At) -> Option<Diagnostic> {
    let fits = match tree.shape(value) {
        Shape::Mapping => true,
        Shape::Sequence => tree.items(value).all(|item| tree.shape(item) == Shape::Mapping),
        Shape::Plain | Shape::Quoted => false,
    };
    let message = "`<<` merges a mapping or a list of mappings";
    (!fits).then(|| Diagnostic::error(codes::WRONG_SHAPE, Stage::Structure, message).at(tree.span(value)))
}

/// Inputs are bounded far below 4 GiB.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
