//! Statements.

use std::sync::Arc;

use homeostat_model::Span;

use super::{Arg, Bind, ExprId, Function, LoopVariables, Name, Param};

/// The number of a statement in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementId(u32);

impl StatementId {
    pub(super) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its place among all statements of its file.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Statements between braces, or all of a file. Their order has no meaning.
#[derive(Debug, Clone)]
pub struct Block {
    /// As they were written; classes that were moved here come last.
    pub statements: Vec<StatementId>,
    /// With its braces.
    pub span: Span,
}

/// A statement and where it was written.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// All of it.
    pub span: Span,
}

/// The forms of statements.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// `$name = value`
    Bind(Bind),
    /// `panic(condition, "message")`
    Panic(Box<[Arg]>),
    /// `collect kind name { … }`
    Collect(Resource),
    /// `kind name { … }`
    Resource(Resource),
    /// `A["a"] -> B["b"]`
    Edge(Vec<EdgeEnd>),
    /// `if c { … } else if d { … } else { … }`
    If(If),
    /// `for $i, $v in list { … }`, `forkv $k, $v in map { … }`
    Loop(Loop),
    /// `func name($a) { … }`
    Func(Name, Function),
    /// `class name($a) { … }`
    Class(Class),
    /// `include class(a) as name`
    Include(Include),
    /// `import "module" as name`
    Import(Import),
}

/// A resource, or several with a list as their name.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Lower case, `http:server`.
    pub kind: Name,
    /// A `str` or a `[]str`.
    pub name: ExprId,
    /// In their order.
    pub lines: Vec<Line>,
}

impl Resource {
    /// Its fields.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.lines.iter().filter_map(|line| match &line.kind {
            LineKind::Field(field) => Some(field),
            LineKind::Meta(_) | LineKind::MetaStruct(_) | LineKind::Edge(..) => None,
        })
    }
}

/// A line of a resource.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it says.
    pub kind: LineKind,
    /// It says so only while this is true.
    pub condition: Option<ExprId>,
    /// All of it, with its comma.
    pub span: Span,
}

/// What a line of a resource says.
#[derive(Debug, Clone)]
pub enum LineKind {
    /// `name => value`
    Field(Field),
    /// `Meta:name => value`
    Meta(Field),
    /// `Meta => struct{…}`
    MetaStruct(ExprId),
    /// `Before => File["/x"]`
    Edge(EdgeProperty, ResourceRef),
}

/// A name and its value.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name.
    pub name: Name,
    /// The value.
    pub value: ExprId,
}

/// The edges that a resource can have to or from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum EdgeProperty {
    Before,
    Depend,
    Notify,
    Listen,
}

/// `Http:Server["a"]`
#[derive(Debug, Clone)]
pub struct ResourceRef {
    /// Lower case, `http:server`.
    pub kind: Name,
    /// A `str` or a `[]str`.
    pub name: ExprId,
    /// All of it.
    pub span: Span,
}

/// An end of an edge.
#[derive(Debug, Clone)]
pub struct EdgeEnd {
    /// The resource.
    pub resource: ResourceRef,
    /// What it sends or receives: both ends of an edge of two, or none.
    pub key: Option<Name>,
}

/// Conditions with their blocks.
#[derive(Debug, Clone)]
pub struct If {
    /// Each is looked at where none before it holds.
    pub arms: Vec<(ExprId, Block)>,
    /// Where none holds.
    pub otherwise: Option<Block>,
}

/// A block for each element.
#[derive(Debug, Clone)]
pub struct Loop {
    /// Its variables; the key is always there.
    pub variables: LoopVariables,
    /// What is gone through.
    pub over: ExprId,
    /// What is made for each element.
    pub body: Block,
}

/// A class.
#[derive(Debug, Clone)]
pub struct Class {
    /// With a colon only where the class that it names in front of the colon is not there.
    pub name: Name,
    /// In their order; none where it has no parentheses.
    pub params: Vec<Param>,
    /// Its statements.
    pub body: Block,
}

/// A use of a class.
#[derive(Debug, Clone)]
pub struct Include {
    /// Dotted where it comes from an import or an include.
    pub class: Name,
    /// In their order.
    pub args: Box<[Arg]>,
    /// What its names are reached by.
    pub alias: Option<Name>,
}

/// A use of a module.
#[derive(Debug, Clone)]
pub struct Import {
    /// As it was written, without quotes.
    pub path: Arc<str>,
    /// Where the path stands.
    pub path_span: Span,
    /// What its names are reached by.
    pub alias: Alias,
}

/// What the names of a module are reached by.
#[derive(Debug, Clone)]
pub enum Alias {
    /// The last part of its path.
    Default,
    /// A name.
    Named(Name),
    /// Nothing: they are as if they were defined here.
    Everything,
}
