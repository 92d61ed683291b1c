//! Why a command is to run.

use std::borrow::Cow;

use homeostat_engine::{AbsPath, Change, Drift};

/// The reason to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kinds) enum ExecDrift {
    /// No guard, and it did not run yet, or something asked for another run.
    Due(&'static str),
    /// There is nothing where the command should make something.
    Missing(AbsPath),
    /// Something changed later than what is made of it.
    Older { made: AbsPath, newer: AbsPath },
    /// Guard commands let it run.
    Allowed(Cow<'static, str>),
}

impl Drift for ExecDrift {
    fn changes(&self) -> Vec<Change> {
        let change = match self {
            Self::Due(why) => Change::new("cmd", *why, "run"),
            Self::Missing(path) => Change::new("creates", "absent", path.to_string()),
            Self::Older { made, newer } => {
                Change::new("creates", format!("older than {newer}"), made.to_string())
            }
            Self::Allowed(why) => Change::new("cmd", why.clone(), "run"),
        };
        vec![change]
    }
}
