//! From what was read to what the engine has: programs are evaluated, and what they say is loaded; what is wrong changes nothing.

use std::sync::Arc;
use std::time::Instant;

use homeostat_model::{Diagnostic, SourceMap};

use super::{Agent, Task, alone, follower, paths};
use crate::catalog::{self, Read};
use crate::exit::refused;
use crate::inputs::Follower;
use crate::mcl::{Programs, Stores, Update};
use crate::terminal::Terminal;

/// The programs of one reading of the inputs, with the texts that their places are in.
pub(super) struct Running {
    pub(super) programs: Programs,
    pub(super) sources: Arc<SourceMap>,
    /// What was said of them last.
    said: Vec<Diagnostic>,
}

impl Running {
    /// Says why nothing new is declared, once.
    fn complain(&mut self, step: Option<Result<Update, Vec<Diagnostic>>>, terminal: &Terminal) {
        let wrong = match step {
            Some(Err(wrong)) => wrong,
            Some(Ok(_)) | None => self.programs.diagnostics(),
        };
        if wrong != self.said {
            catalog::show(&wrong, &self.sources, terminal);
            if !wrong.is_empty() {
                terminal.say("what was declared before goes on\n");
            }
            self.said = wrong;
        }
    }
}

/// Starts the programs that were read; what was found besides is to be shown.
pub(super) fn running(read: Read, stores: &Stores) -> (Running, Vec<Diagnostic>) {
    let Read { catalog, programs, diagnostics, sources } = read;
    let programs = Programs::start(catalog, programs, Some(stores));
    (Running { programs, sources: Arc::new(sources), said: Vec::new() }, diagnostics)
}

/// Waits until a program has something to do.
pub(super) async fn woken(programs: &Running, coming: Option<&Running>) {
    match coming {
        Some(coming) => tokio::select! {
            () = programs.programs.woken() => {}
            () = coming.programs.woken() => {}
        },
        None => programs.programs.woken().await,
    }
}

impl Agent<'_> {
    /// Loads what was read first, if that can be said already.
    pub(super) async fn begin(&mut self, notes: Vec<Diagnostic>) -> anyhow::Result<()> {
        match self.programs.programs.step() {
            Some(Ok(update)) => self.load(update, notes).await,
            Some(Err(wrong)) => Err(self.refuse(wrong)),
            None => {
                self.show(&notes, &self.programs.sources);
                let wrong = self.programs.programs.diagnostics();
                if wrong.is_empty() { Ok(()) } else { Err(self.refuse(wrong)) }
            }
        }
    }

    fn refuse(&self, wrong: Vec<Diagnostic>) -> anyhow::Error {
        self.show(&wrong, &self.programs.sources);
        nothing_touched(&wrong)
    }

    /// Hands the engine what is desired. The error says that it is refused and what ran before goes on.
    pub(super) async fn load(
        &mut self,
        update: Update,
        mut diagnostics: Vec<Diagnostic>,
    ) -> anyhow::Result<()> {
        let sources = self.programs.sources.clone();
        let origins = self.shown.origins.as_ref();
        let before = origins.map(|origins| origins.replace(sources.clone()));
        let begun = Instant::now();
        let loaded = match (&mut self.shared, update) {
            (None, Update::Full(catalog)) => {
                let with_own = alone(&catalog, &self.task.hostname, &self.task.registry);
                self.engine.load(with_own.unwrap_or(catalog)).await
            }
            (None, Update::Delta(delta)) => self.engine.load_delta(delta).await,
            (Some(shared), Update::Full(catalog)) => shared.load(&self.engine, catalog).await,
            // What is exported and collected is decided over all that is declared.
            (Some(shared), Update::Delta(_)) => {
                let (catalog, _) = self.programs.programs.catalog();
                shared.load(&self.engine, catalog).await
            }
        };
        match loaded {
            Ok(summary) => {
                self.loaded = begun;
                self.has_loaded = true;
                diagnostics.extend(summary.notes);
                self.show(&diagnostics, &sources);
            }
            Err(found) => {
                origins.zip(before).map(|(origins, before)| origins.replace(before));
                diagnostics.extend(found);
                self.show(&diagnostics, &sources);
                return Err(nothing_touched(&diagnostics));
            }
        }
        self.write_graph().await;
        Ok(())
    }

    /// The world has said something else: whatever that changes is handed to the engine.
    pub(super) async fn evaluate(&mut self) {
        if let Some(mut coming) = self.coming.take() {
            match (coming.programs.step(), self.arriving.take()) {
                (Some(Ok(update)), Some(arriving)) => return self.arrive(arriving, coming, update).await,
                (Some(Ok(update)), None) => {
                    self.programs = coming;
                    return self.updated(Some(Ok(update))).await;
                }
                (step, Some(arriving)) => {
                    let wrong = step.and_then(Result::err).unwrap_or_else(|| coming.programs.diagnostics());
                    if wrong.is_empty() {
                        (self.coming, self.arriving) = (Some(coming), Some(arriving));
                    } else {
                        self.refuse_arriving(arriving, &wrong, &coming);
                    }
                }
                (step, None) => {
                    coming.complain(step, self.terminal);
                    self.coming = Some(coming);
                }
            }
        }
        let step = self.programs.programs.step();
        self.updated(step).await;
    }

    pub(super) async fn updated(&mut self, step: Option<Result<Update, Vec<Diagnostic>>>) {
        match step {
            Some(Ok(update)) => {
                self.programs.said.clear();
                if let Err(error) = self.load(update, Vec::new()).await {
                    tracing::debug!("not loaded: {error:#}");
                    self.programs.programs.was_refused();
                }
            }
            other => self.programs.complain(other, self.terminal),
        }
    }

    /// Reads the inputs again; while they are wrong, what ran before goes on.
    pub(super) async fn load_again(&mut self, follower: &mut Option<Follower>) {
        if self.task.releases.is_some() {
            self.terminal.say("what is released is followed: there is nothing to load again\n");
            return;
        }
        let before = paths(&self.task.inputs);
        let Task { inputs, registry, hostname, pool, .. } = &mut self.task;
        let read = Read::inputs(inputs, registry, hostname, *pool);
        if follower.is_some() && paths(&self.task.inputs) != before {
            *follower = self::follower(&self.task.inputs);
        }
        if read.is_refused() {
            read.show(self.terminal);
            self.terminal.say("the inputs were not loaded again: what was declared before goes on\n");
            return;
        }
        let (coming, notes) = running(read, &self.stores);
        self.show(&notes, &coming.sources);
        self.coming = Some(coming);
        self.evaluate().await;
    }
}

/// What was wrong, in one line; what ran before goes on.
pub(super) fn nothing_touched(wrong: &[Diagnostic]) -> anyhow::Error {
    refused(format!("{}; nothing was touched", crate::diagnostics::counts(wrong)))
}
