//! A round: all members of an etcd that has been away for long are asked at once, and the first that answers is the one to use.
//!
//! A member that lost the others answers, and says so: the connection to it is kept for the next round, so that many hosts
//! that wait for a quorum cost it a question each, and no handshakes.

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::Failed;
use super::link::{Connection, Link};

/// Nobody writes it. It is read by whoever wants to know whether a member answers for all.
const PROBE: &str = "probe";

impl Link {
    /// Asks all members at once.
    pub(super) async fn round(&self) -> Result<Connection, Failed> {
        let (number, urls) = {
            let state = self.lock();
            (state.number, state.urls.clone())
        };
        let key = format!("{}{PROBE}", self.options().namespace);
        let patience = self.options().times.connect;
        let mut asked = JoinSet::new();
        for url in urls {
            let kept = self.lock().mute.get(&url).cloned();
            let mut connection = match kept {
                Some(kept) => kept,
                None => self.open_at(&url, number).await?,
            };
            let key = key.clone();
            asked.spawn(async move {
                let failed = match timeout(patience, connection.kv.get(key, None)).await {
                    Ok(Ok(_)) => None,
                    Ok(Err(error)) => Some(Failed::of(&error)),
                    Err(_) => {
                        Some(Failed::Gone { why: format!("no answer in {patience:.1?}"), doubtful: false })
                    }
                };
                (url, connection, failed)
            });
        }
        let mut last = String::new();
        while let Some(answer) = asked.join_next().await {
            let Ok((url, connection, failed)) = answer else { continue };
            match failed {
                Some(Failed::Gone { why, .. }) => {
                    last = format!("{url}: {why}");
                    // What etcd itself said came over a connection that is good.
                    let is_mute = why.contains("no leader");
                    let mut state = self.lock();
                    match is_mute {
                        true => drop(state.mute.insert(url, connection)),
                        false => drop(state.mute.remove(&url)),
                    }
                }
                // A refusal is an answer too.
                None
                | Some(Failed::Answered(_) | Failed::Overtaken | Failed::TooMuch | Failed::OtherTime) => {
                    return Ok(self.adopt(connection));
                }
            }
        }
        self.is_away(&mut self.lock(), &last);
        Err(Failed::Gone { why: last, doubtful: false })
    }

    /// Everybody uses this one from now on, unless somebody else has found one meanwhile.
    fn adopt(&self, found: Connection) -> Connection {
        let connection = {
            let mut state = self.lock();
            if state.away.is_none()
                && let Some(connection) = &state.connection
            {
                return connection.clone();
            }
            state.number += 1;
            let connection = Connection { number: state.number, ..found };
            state.connection = Some(connection.clone());
            self.current.send_replace(state.number);
            connection
        };
        self.works(&connection);
        connection
    }
}
