//! Whose signatures count, and how that changes: only by the signature of one whose counts now.
//!
//! Each change is a record of its own, `operators/<n>`, that says all operators from then on. A host takes the records in the order
//! of their numbers, each only if one of those who count then has signed it; so a host that was away for long gets to the same end.

use homeostat_engine::Store;
use homeostat_engine::store::{Commit, Compare, Operation, StoreError, keys};
use serde::{Deserialize, Serialize};

use super::signed::{OperatorKey, Purpose, Untrusted, body, open};
use super::store::Stored;
use crate::identity::Operator;

const OPERATORS_MAX: usize = 64;
/// How often somebody else may be quicker with a number.
const TRIES_MAX: u32 = 32;

/// All operators from one change on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// The cluster that it is for.
    pub cluster: String,
    /// Its number, from 1.
    pub number: u64,
    /// Who counts.
    pub operators: Vec<Operator>,
}

/// Why a change of operators is not taken, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// It is not an operator's word.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// What it says cannot be.
    #[error("{0}")]
    Content(&'static str),
    /// Another one was taken under its number.
    #[error(
        "other operators were taken here under this number before, and they count: change the operators again, under a new number"
    )]
    Another,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Roster {
    /// Reads a change, if one of these operators has signed it.
    pub fn open(pinned: &[Operator], cluster: &str, stored: &Stored) -> Result<Self, RosterError> {
        let (_, body) = open(Purpose::Operators, pinned, &stored.signed)?;
        let roster: Self =
            serde_json::from_slice(body).map_err(|_| RosterError::Content("it has another form"))?;
        if roster.cluster != cluster {
            return Err(RosterError::Content("it is for another cluster"));
        }
        if roster.number != stored.number {
            return Err(RosterError::Content("it lies under another number"));
        }
        roster.check().map_err(RosterError::Content)?;
        Ok(roster)
    }

    fn check(&self) -> Result<(), &'static str> {
        match self.operators.len() {
            0 => Err("without an operator nobody could ever sign again"),
            1..=OPERATORS_MAX => {
                let all = &self.operators;
                let is_twice =
                    |at: usize, one: &Operator| all[..at].iter().any(|other| other.name() == one.name());
                match all.iter().enumerate().any(|(at, one)| is_twice(at, one)) {
                    true => Err("two operators have one name"),
                    false => Ok(()),
                }
            }
            _ => Err("it names too many operators"),
        }
    }

    /// Who counts after all changes that follow one another from here; what is not taken is told.
    pub(super) fn follow(
        mut number: u64,
        mut operators: Vec<Operator>,
        cluster: &str,
        changes: &[Stored],
        mut refused: impl FnMut(&Stored, RosterError),
    ) -> (u64, Vec<Operator>) {
        for change in changes {
            if change.number < number {
                continue;
            }
            if change.number == number {
                if !says(change, &operators) {
                    refused(change, RosterError::Another);
                }
                continue;
            }
            match Self::open(&operators, cluster, change) {
                Ok(roster) => (number, operators) = (roster.number, roster.operators),
                Err(error) => refused(change, error),
            }
        }
        (number, operators)
    }
}

/// Whether a change says these operators, whoever signed it: those who did may not count any more.
fn says(change: &Stored, operators: &[Operator]) -> bool {
    let roster = body(&change.signed).and_then(|body| serde_json::from_slice::<Roster>(body).ok());
    roster.is_some_and(|roster| {
        roster.operators.len() == operators.len()
            && operators.iter().all(|operator| roster.operators.contains(operator))
    })
}

/// Who counts now for whoever counted these operators after the change with that number, and the number of the last change.
pub async fn current_roster(
    store: &dyn Store,
    cluster: &str,
    (number, pinned): (u64, Vec<Operator>),
) -> Result<(u64, Vec<Operator>), StoreError> {
    let changes = Stored::below(store, keys::OPERATORS).await?.0;
    Ok(Roster::follow(number, pinned, cluster, &changes, |_, _| {}))
}

/// Makes these the operators from now on. Says the number of the change, which is greater than the one that is known.
pub async fn publish_roster(
    store: &dyn Store,
    key: &OperatorKey,
    cluster: &str,
    known: u64,
    operators: Vec<Operator>,
) -> Result<u64, RosterError> {
    for _ in 0..TRIES_MAX {
        let (changes, _) = Stored::below(store, keys::OPERATORS).await?;
        let number = changes.last().map_or(known, |last| last.number.max(known)).saturating_add(1);
        let roster = Roster { cluster: cluster.into(), number, operators: operators.clone() };
        roster.check().map_err(RosterError::Content)?;
        let body = serde_json::to_vec(&roster).expect("a roster is plain data");
        let key_in_store: std::sync::Arc<str> = keys::operators(number).into();
        let put = Operation::Put {
            key: key_in_store.clone(),
            value: key.sign(Purpose::Operators, &body).into(),
            lease: None,
        };
        match store.transaction(vec![Compare::Missing(key_in_store)], vec![put]).await? {
            Commit::Done(_) => return Ok(number),
            Commit::Refused => {}
        }
    }
    Err(RosterError::Content("others change the operators all the time: no number could be had"))
}
