//! `A["a"] -> B["b"]`

use std::sync::Arc;

use homeostat_model::{EdgeDecl, ResourceId, SendDecl, Span};

use super::declared::{complaint, ends};
use crate::ast::{EdgeEnd, StatementId, StatementKind};
use crate::eval::collector::{Pieces, Report, UnknownPart};
use crate::eval::flow::{Operate, Step};
use crate::eval::frame::Frame;
use crate::eval::outcome::{Failure, Outcome};
use crate::eval::product;

/// Declares edges; its inputs are the names of the ends.
pub(in crate::eval) struct EdgeStatement {
    frame: Arc<Frame>,
    id: StatementId,
}

impl EdgeStatement {
    pub(in crate::eval) fn new(frame: Arc<Frame>, id: StatementId) -> Self {
        Self { frame, id }
    }
}

impl Operate for EdgeStatement {
    fn run(&mut self, step: &mut Step<'_>) -> Outcome {
        let statement = self.frame.program.statement(self.frame.file, self.id);
        let StatementKind::Edge(written) = &statement.kind else { return Outcome::NOTHING };
        let report = match step.all_values() {
            Ok(values) => {
                let all: Result<Vec<_>, Failure> =
                    written.iter().zip(&values).map(|(end, value)| ends(&end.resource, value)).collect();
                let all = all.and_then(|all| {
                    product::is_bounded(all.iter().map(Vec::len), statement.span)?;
                    Ok(all)
                });
                match all {
                    Ok(all) => Report::Pieces(pieces(written, &all, statement.span)),
                    Err(failure) => Report::Failed(failure, Pieces::default()),
                }
            }
            Err(other) => complaint(&other, statement.span, UnknownPart::Edge),
        };
        step.report(report);
        Outcome::NOTHING
    }
}

/// Every resource of an end with every one of the next.
fn pieces(written: &[EdgeEnd], ends: &[Vec<ResourceId>], place: Span) -> Pieces {
    let mut pieces = Pieces::default();
    for (written, ends) in written.windows(2).zip(ends.windows(2)) {
        for from in &ends[0] {
            for to in &ends[1] {
                let edge = EdgeDecl::before(from.clone(), to.clone());
                pieces.edges.push(EdgeDecl { origin: Some(place), ..edge });
                if let (Some(key), Some(param)) = (&written[0].key, &written[1].key) {
                    pieces.sends.push(SendDecl {
                        from: from.clone(),
                        key: key.text.clone(),
                        to: to.clone(),
                        param: param.text.clone(),
                        origin: Some(place),
                    });
                }
            }
        }
    }
    pieces
}
