//! Names: what every reference of a program stands for.
//!
//! Resolution is lexical and static. A *scope* is a file's top, the body of a class, a block of `if` or of a loop, or a function
//! or comprehension; it has numbered *slots* for its variables, and lists of the functions, classes and includes in it. A
//! reference leads to a definition in a scope by a [`Place`]: first through includes with names (`$a.b.x`: the include `a` of
//! a scope around the reference, then the include `b` of a scope around the body that `a` made), then outwards to the scope
//! that has the definition.
//!
//! Whoever evaluates keeps a *frame* for every instance of a scope: one for each file; one for each include, in the frame of
//! the class's definition; one for each taken branch, each turn of a loop, each call. A frame's parent is the frame of the scope
//! around it in the text. To follow a place from a frame: for each hop, go outwards to the hop's scope and enter the frame of
//! its include; then go outwards to the scope of the place. A scope of a file has one frame, which is reached from everywhere.
//!
//! Bodies of classes that nothing includes are not resolved; that they define nothing twice is checked all the same.

mod arguments;
mod cycles;
mod declare;
mod lookup;
mod report;
mod resolve;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use homeostat_model::{Diagnostic, Span};

use crate::ast::{ExprId, StatementId};
use crate::functions::Function;
use crate::modules::{FileId, Imported, Modules};
use crate::value::Value;

pub(crate) use arguments::Called;
pub use arguments::{Given, arguments};

/// Resolves every name of a program that is used. What is wrong is said in the order of the files, and of the places in them,
/// together with what is wrong in the texts of the files that are used.
pub(crate) fn resolve(modules: &Modules) -> Resolved {
    resolve::program(modules)
}

/// What names stand for, and what is wrong with them.
pub(crate) struct Resolved {
    pub(crate) names: Resolution,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Every reference that is needed to come back to where it is: more of them than diagnostics point at.
    pub(crate) circular: Vec<Span>,
}

/// The number of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(u32);

impl ScopeId {
    pub(crate) fn at(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its place among all scopes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A part of a program with names of its own.
#[derive(Debug)]
pub struct Scope {
    /// The scope around it in the text; none for the top of a file.
    pub parent: Option<ScopeId>,
    /// The file that it is in.
    pub file: FileId,
    /// What it is.
    pub owner: Owner,
    /// Its variables: parameters first, in their order; for a loop, key (if it has a name) and value first.
    pub slots: Vec<Slot>,
    /// Statements [`Func`](crate::ast::StatementKind::Func) directly in it.
    pub functions: Vec<StatementId>,
    /// Statements [`Class`](crate::ast::StatementKind::Class) directly in it.
    pub classes: Vec<StatementId>,
    names: Names,
}

/// What has a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A file.
    File,
    /// A statement: a class, a named function, a loop (arm 0), or a branch of an `if` (its arms in their order, then `else`).
    Statement(StatementId, u32),
    /// An expression: a function, a comprehension.
    Expr(ExprId),
}

/// A variable of a scope.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Without `$`.
    pub name: Arc<str>,
    /// Where it is defined.
    pub kind: SlotKind,
    /// The place of that.
    pub span: Span,
}

/// What gives a variable its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// The parameter of that number, of the class or function that owns the scope.
    Param(u32),
    /// The index or key of the loop or comprehension that owns the scope.
    Key,
    /// Its element or value.
    Element,
    /// A statement [`Bind`](crate::ast::StatementKind::Bind).
    Bind(StatementId),
    /// The definition of that number in the function that owns the scope.
    Local(u32),
}

/// The names of a scope, for looking them up.
#[derive(Debug, Default)]
struct Names {
    variables: HashMap<Arc<str>, u32>,
    functions: HashMap<Arc<str>, StatementId>,
    classes: HashMap<Arc<str>, StatementId>,
    aliases: HashMap<Arc<str>, Alias>,
    /// What was imported as `*`, the last first.
    stars: Vec<Imported>,
    /// What stands for nothing, or for one of two, about which enough was said.
    doubtful: HashSet<Arc<str>>,
    /// Whether something was to be imported as `*` that is not there.
    lacks_star: bool,
}

/// What a name in front of a dot stands for.
#[derive(Debug, Clone)]
enum Alias {
    Import(Imported),
    Include(StatementId),
}

/// A step through an include with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    /// The scope that has the include.
    pub scope: ScopeId,
    /// The statement [`Include`](crate::ast::StatementKind::Include).
    pub include: StatementId,
}

/// Where a definition is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Through these includes,
    pub hops: Box<[Hop]>,
    /// and then outwards to this scope.
    pub scope: ScopeId,
}

/// What a variable stands for.
#[derive(Debug, Clone)]
pub enum VariableTarget {
    /// A slot of a scope.
    Slot(Place, u32),
    /// The name of this host.
    Hostname,
    /// A constant of the library.
    Constant(Value),
}

/// What a function's name stands for.
#[derive(Debug, Clone)]
pub enum FunctionTarget {
    /// A statement [`Func`](crate::ast::StatementKind::Func) of a scope.
    Defined(Place, StatementId),
    /// A function of the library.
    Library(&'static Function),
}

/// What the name of a class stands for: a statement [`Class`](crate::ast::StatementKind::Class) of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClassTarget {
    /// Where it is defined.
    pub place: Place,
    /// Its statement, in the file of that scope.
    pub class: StatementId,
}

/// What every reference of a program stands for.
#[derive(Debug)]
pub struct Resolution {
    scopes: Vec<Scope>,
    files: Vec<FileNames>,
}

/// What is known of a file, by the numbers of its expressions and statements.
#[derive(Debug, Default)]
struct FileNames {
    top: Option<ScopeId>,
    variables: HashMap<ExprId, VariableTarget>,
    functions: HashMap<ExprId, FunctionTarget>,
    classes: HashMap<StatementId, ClassTarget>,
    scopes: HashMap<Owner, ScopeId>,
}

impl Resolution {
    /// A scope.
    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.index()]
    }

    /// How many there are.
    pub fn scopes(&self) -> usize {
        self.scopes.len()
    }

    /// The scope of a file's top.
    ///
    /// # Panics
    /// For a file of another program.
    pub fn file(&self, file: FileId) -> ScopeId {
        self.files[file.index()].top.expect("every file has a scope")
    }

    /// The scope that belongs to a statement or an expression. `None` where it has none, or is in what nothing uses.
    pub fn scope_of(&self, file: FileId, owner: Owner) -> Option<ScopeId> {
        self.files[file.index()].scopes.get(&owner).copied()
    }

    /// What an expression [`Variable`](crate::ast::ExprKind::Variable) stands for. `None` where that is wrong or unused.
    pub fn variable(&self, file: FileId, expr: ExprId) -> Option<&VariableTarget> {
        self.files[file.index()].variables.get(&expr)
    }

    /// What is called by an expression [`Call`](crate::ast::ExprKind::Call) of a name.
    pub fn function(&self, file: FileId, expr: ExprId) -> Option<&FunctionTarget> {
        self.files[file.index()].functions.get(&expr)
    }

    /// What a statement [`Include`](crate::ast::StatementKind::Include) includes.
    pub fn class(&self, file: FileId, include: StatementId) -> Option<&ClassTarget> {
        self.files[file.index()].classes.get(&include)
    }
}
