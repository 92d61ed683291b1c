//! What must hold of every text as a whole program. Also used by a fuzz target.

use std::sync::Arc;

use homeostat_lang::eval::collector::Unknowns;
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::modules::{self, Files, Unreadable};
use homeostat_lang::program;
use homeostat_model::{Diagnostic, SourceMap};

use crate::kinds::TextKinds;

const MAIN: &str = "/main.mcl";

/// The one file of a program.
struct Alone(Arc<str>);

impl Files for Alone {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        if path == MAIN { Ok(self.0.clone()) } else { Err(Unreadable::Missing) }
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }
}

/// The kinds that programs of tests have.
pub(crate) fn kinds() -> TextKinds {
    TextKinds::parse(include_str!("../evaluation/kinds.txt"))
}

/// Every step ends: in diagnostics whose places lie in their texts, or in a program that is evaluated where nobody answers
/// anything. Gives what is wrong.
pub(crate) fn is_checked(text: &str, kinds: &Arc<TextKinds>) -> Vec<Diagnostic> {
    let mut sources = SourceMap::new();
    let found = found(text, kinds, &mut sources);
    for diagnostic in &found {
        let labels = diagnostic.labels.iter().map(|label| label.span);
        for span in diagnostic.span.into_iter().chain(labels) {
            let source = sources.get(span.source).expect("a span names a source");
            let part = source.text.get(span.start as usize..span.end as usize);
            assert!(part.is_some(), "a span lies in its text: {diagnostic:?}");
        }
    }
    found
}

fn found(text: &str, kinds: &Arc<TextKinds>, sources: &mut SourceMap) -> Vec<Diagnostic> {
    let modules = match modules::load(MAIN, &Alone(text.into()), sources) {
        Ok(modules) => modules,
        Err(wrong) => return vec![*wrong],
    };
    let (checked, mut found) = match program::check(modules, &**kinds) {
        Ok(checked) => (checked, Vec::new()),
        Err(refused) => {
            assert!(
                refused.found.iter().any(Diagnostic::is_error),
                "what is refused is refused for a reason"
            );
            match refused.rest {
                Some(rest) => (*rest, refused.found),
                None => return refused.found,
            }
        }
    };
    let program = Program::new(checked, kinds.clone(), "here".into());
    let mut evaluator = Evaluator::new(program, Unknowns::LeaveOut);
    evaluator.settle();
    found.extend(evaluator.diagnostics());
    found
}
