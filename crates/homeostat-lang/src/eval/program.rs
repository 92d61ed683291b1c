//! What is the same for all instances of everything in a program.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::frame::Frame;
use crate::ast::{self, Expr, ExprId, Statement, StatementId};
use crate::infer::{InstanceId, Kinds};
use crate::modules::FileId;
use crate::program::Checked;

/// A program that was found to be right, and what it runs among.
pub struct Program {
    /// Its files, names and types.
    pub checked: Checked,
    /// The kinds there are.
    pub kinds: Arc<dyn Kinds + Send + Sync>,
    /// The name of this host.
    pub hostname: Arc<str>,
    files: Mutex<Vec<Option<Arc<Frame>>>>,
    frames: AtomicU64,
}

impl Program {
    /// Puts a program together.
    pub fn new(checked: Checked, kinds: Arc<dyn Kinds + Send + Sync>, hostname: Arc<str>) -> Self {
        let files = Mutex::new(vec![None; checked.modules.files().len()]);
        Self { checked, kinds, hostname, files, frames: AtomicU64::new(0) }
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
