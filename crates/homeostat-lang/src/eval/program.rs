//! What is the same for all instances of everything in a program.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::frame::Frame;
use crate::Value;
use crate::ast::{self, Expr, ExprId, Statement, StatementId};
use crate::infer::{InstanceId, Kinds};
use crate::modules::FileId;
use crate::program::Checked;

/// What calls of the library give: by function, arguments and values.
#[derive(Debug, Clone, Default)]
pub struct Given(BTreeMap<&'static str, Vec<(Vec<Value>, Value)>>);

impl Given {
    /// Says what a call gives; `false` if that was said before.
    pub fn say(&mut self, function: &'static str, args: Vec<Value>, value: Value) -> bool {
        let calls = self.0.entry(function).or_default();
        let is_new = calls.iter().all(|(known, _)| *known != args);
        if is_new {
            calls.push((args, value));
        }
        is_new
    }
}

/// A program that was found to be right, and what it runs among.
pub struct Program {
    /// Its files, names and types.
    pub checked: Checked,
    /// The kinds there are.
    pub kinds: Arc<dyn Kinds + Send + Sync>,
    /// The name of this host.
    pub hostname: Arc<str>,
    /// What calls of the library give, whatever the world would say.
    given: Given,
    files: Mutex<Vec<Option<Arc<Frame>>>>,
    frames: AtomicU64,
    /// Calls and includes of this batch.
    calls: AtomicU64,
}

/// A batch that makes more calls and includes is refused: functions that call another twice, and classes that include
/// another twice, would make any number.
pub(super) const CALLS_MAX: u64 = 1_000_000;

impl Program {
    /// Puts a program together.
    pub fn new(checked: Checked, kinds: Arc<dyn Kinds + Send + Sync>, hostname: Arc<str>) -> Self {
        let files = Mutex::new(vec![None; checked.modules.files().len()]);
        Self {
            checked,
            kinds,
            hostname,
            given: Given::default(),
            files,
            frames: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    /// The same, where these calls give these values, and the world is not asked.
    #[must_use]
    pub fn with_given(self, given: Given) -> Self {
        Self { given, ..self }
    }

    /// What a call gives, if that was said.
    pub(super) fn given(&self, function: &str, args: &[Value]) -> Option<&Value> {
        let calls = self.given.0.get(function)?;
        calls.iter().find(|(given, _)| given == args).map(|(_, value)| value)
    }

    pub(super) fn ast(&self, file: FileId) -> &ast::Program {
        &self.checked.modules.file(file).program
    }

    pub(super) fn expr(&self, file: FileId, id: ExprId) -> &Expr {
        self.ast(file).expr(id)
    }

    pub(super) fn statement(&self, file: FileId, id: StatementId) -> &Statement {
        self.ast(file).statement(id)
    }

    pub(super) fn next_frame(&self) -> u64 {
        self.frames.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a call or an include; says whether there may be one.
    pub(super) fn may_enter(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) < CALLS_MAX
    }

    /// What is called from now on belongs to another batch.
    pub(super) fn end_batch(&self) {
        self.calls.store(0, Ordering::Relaxed);
    }

    /// The one frame of a file.
    pub(super) fn file(self: &Arc<Self>, file: FileId) -> Arc<Frame> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut files[file.index()];
        slot.get_or_insert_with(|| {
            Frame::new(self, self.checked.names.file(file), InstanceId::MAIN, None, Vec::new())
        })
        .clone()
    }

    /// Lets go of all frames, which refer to the program and to each other.
    pub(super) fn close(&self) {
        let files = std::mem::take(&mut *self.files.lock().unwrap_or_else(PoisonError::into_inner));
        files.into_iter().flatten().for_each(|file| file.close());
    }
}
