//! Programs that run: what they desire together with what stands in other inputs, now and whenever the world says something else.

use std::sync::Arc;
use std::time::Duration;

use homeostat_lang::eval::{Change, Runner, Wake};
use homeostat_model::catalog::ExportDecl;
use homeostat_model::{Catalog, CatalogDelta, Diagnostic};
use tokio::sync::{Notify, watch};

use super::Loaded;
use super::current::{Current, merge};
use super::stores::Stores;
use super::world::World;

/// How long everything that a program asks for may take to answer where somebody waits for it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What is desired, as far as it differs from before.
#[derive(Debug)]
pub(crate) enum Update {
    Full(Catalog),
    Delta(CatalogDelta),
}

/// All programs among the inputs.
pub(crate) struct Programs {
    /// What stands in the other inputs.
    fixed: Catalog,
    running: Vec<Running>,
    woken: Arc<Notify>,
    /// What is exported now: programs may ask for that too.
    exports: watch::Sender<Arc<[ExportDecl]>>,
    has_given: bool,
    /// What is different may be given alone: whatever was given before was taken.
    goes_on: bool,
}

struct Running {
    runner: Runner,
    current: Option<Current>,
}

impl Programs {
    /// Starts programs, within a runtime.
    pub(crate) fn start(fixed: Catalog, programs: Vec<Loaded>, stores: Option<&Stores>) -> Self {
        let woken = Arc::new(Notify::new());
        let exports = watch::Sender::new(Arc::from([]));
        let running = programs
            .into_iter()
            .map(|Loaded { program, places, .. }| {
                let notify = woken.clone();
                let wake: Wake = Arc::new(move || notify.notify_one());
                let world = Arc::new(World::new(
                    places,
                    program.hostname.clone(),
                    stores.cloned(),
                    exports.subscribe(),
                ));
                Running { runner: Runner::new(program, world, wake), current: None }
            })
            .collect();
        Self { fixed, running, woken, exports, has_given: false, goes_on: false }
    }

    /// Waits until there is something for [`step`](Self::step) to do. Cancel-safe.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Evaluates what has changed. `None` while nothing is different, or not everything is known.
    pub(crate) fn step(&mut self) -> Option<Result<Update, Vec<Diagnostic>>> {
        let mut changes = Vec::new();
        let mut moves_exports = false;
        for running in &mut self.running {
            let Some(change) = running.runner.step() else { continue };
            changes.push(match change {
                Change::Full(catalog) => {
                    moves_exports |= !catalog.exports.is_empty();
                    running.current = Some(catalog.into());
                    None
                }
                Change::Delta(delta) => {
                    moves_exports |= !(delta.set_exports.is_empty() && delta.remove_exports.is_empty());
                    running.current.get_or_insert_default().apply(delta.clone());
                    Some(delta)
                }
            });
        }
        if moves_exports {
            self.tell_exports();
        }
        let is_complete = self.running.iter().all(|running| running.current.is_some());
        if !is_complete || (changes.is_empty() && self.has_given) {
            return None;
        }
        let collects = |running: &Running| running.current.as_ref().is_some_and(Current::collects);
        // What others export is decided over all that is declared.
        let is_alone =
            self.running.len() == 1 && self.fixed.resources.is_empty() && !self.running.iter().any(collects);
        if self.running.is_empty() {
            self.has_given = true;
            // Nobody asks for it again.
            return Some(Ok(Update::Full(std::mem::take(&mut self.fixed))));
        }
        if let (true, true, Some(Some(delta))) = (self.goes_on, is_alone, changes.pop()) {
            return Some(Ok(Update::Delta(delta)));
        }
        let (catalog, wrong) = self.catalog();
        if wrong.is_empty() {
            (self.has_given, self.goes_on) = (true, true);
            Some(Ok(Update::Full(catalog)))
        } else {
            Some(Err(wrong))
        }
    }

    /// What was given last was refused: whatever comes next, all of it is given again.
    pub(crate) fn was_refused(&mut self) {
        self.goes_on = false;
    }

    fn tell_exports(&self) {
        let programs = self.running.iter().filter_map(|running| running.current.as_ref());
        let all = self.fixed.exports.iter().chain(programs.flat_map(Current::exports));
        self.exports.send_replace(all.cloned().collect());
    }

    /// All that is desired at present, and what of it contradicts itself.
    pub(crate) fn catalog(&self) -> (Catalog, Vec<Diagnostic>) {
        let programs = self.running.iter().filter_map(|running| running.current.as_ref());
        merge([self.fixed.clone()].into_iter().chain(programs.map(Current::catalog)).collect())
    }

    /// What is wrong at present: where anything is, with what kinds refuse.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> =
            self.running.iter().flat_map(|running| running.runner.diagnostics()).collect();
        if !found.is_empty() {
            found.extend(super::refusals(self.running.iter().flat_map(|running| running.runner.declared())));
        }
        found
    }

    /// What is waited for.
    fn unknown(&self) -> Vec<Diagnostic> {
        self.running.iter().flat_map(|running| running.runner.unknown()).map(super::note).collect()
    }
}

/// The first complete catalog, for those who look once.
pub(crate) async fn first(programs: &mut Programs) -> Result<Catalog, Vec<Diagnostic>> {
    let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
    loop {
        match programs.step() {
            Some(Ok(Update::Full(catalog))) => return Ok(catalog),
            Some(Ok(Update::Delta(_))) => {}
            Some(Err(wrong)) => return Err(wrong),
            None => {
                let wrong = programs.diagnostics();
                if !wrong.is_empty() {
                    return Err(wrong);
                }
            }
        }
        if tokio::time::timeout_at(deadline, programs.woken()).await.is_err() {
            let late = programs.unknown().into_iter();
            return Err(late
                .map(|note| Diagnostic { severity: homeostat_model::Severity::Error, ..note })
                .collect());
        }
    }
}
