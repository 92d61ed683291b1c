//! A round: the members of an etcd that has been away for long are asked, and the first that answers is the one to use.
//!
//! Many hosts look for a store that comes back, and a handshake costs it a thousand times what it costs to refuse a connection. So one
//! member is asked at first, another one when that takes its time or fails, none while an earlier round still waits for it; and who
//! was taken and not answered comes again later each time. A member that lost the others answers, and says so: the connection to it
//! is kept for the next round, so that many hosts that wait for a quorum cost it a question each, and no handshakes.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::Failed;
use super::link::{Connection, Link};
use crate::pace::grown;

/// Nobody writes it. It is read by whoever wants to know whether a member answers for all.
const PROBE: &str = "probe";
/// How long one member is waited for before another one is asked as well.
const STAGGER: Duration = Duration::from_millis(250);

/// How a member answered.
enum Answer {
    Good,
    /// It cannot be reached, or cannot say anything.
    Gone(String),
    /// It took the connection, and has too much to do.
    Late,
}

/// Members that are being asked, for as long as this lives.
struct Asking<'a> {
    link: &'a Link,
    urls: Vec<String>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.link.lock();
        for url in &self.urls {
            state.asked.remove(url);
        }
    }
}

impl Link {
    /// Asks the members that are not being asked already.
    pub(super) async fn round(&self) -> Result<Connection, Failed> {
        let (number, mut urls) = {
            let state = self.lock();
            (state.number, state.urls.clone().into_iter())
        };
        let mut asking = Asking { link: self, urls: Vec::new() };
        let mut asked: JoinSet<(String, Connection, Answer)> = JoinSet::new();
        let mut next_at = Instant::now();
        let (mut last, mut is_late) = (None, false);
        while urls.len() > 0 || !asked.is_empty() {
            tokio::select! {
                Some(answer) = asked.join_next(), if !asked.is_empty() => {
                    let Ok((url, connection, answer)) = answer else { continue };
                    match answer {
                        Answer::Good => return Ok(self.adopt(connection)),
                        Answer::Gone(why) => {
                            self.keep_if_mute(&url, connection, &why);
                            last = Some(format!("{url}: {why}"));
                        }
                        Answer::Late => {
                            is_late = true;
                            last = Some(format!("{url}: no answer in {:.1?}", self.patience()));
                        }
                    }
                    next_at = Instant::now();
                }
                () = sleep_until(next_at), if urls.len() > 0 => {
                    let Some(url) = urls.next() else { continue };
                    if !self.lock().asked.insert(url.clone()) {
                        continue;
                    }
                    next_at = Instant::now() + STAGGER;
                    asking.urls.push(url.clone());
                    asked.spawn(self.question(url, number).await?);
                }
            }
        }
        Err(self.none_answered(last, is_late))
    }

    /// A member that takes a connection and does not answer for so long has too much to do, or hangs. Connections that cannot be made
    /// fail earlier, and what is left of the time of a request is enough for it.
    fn patience(&self) -> Duration {
        self.options().times.request * 3 / 5
    }

    async fn question(
        &self,
        url: String,
        number: u64,
    ) -> Result<impl Future<Output = (String, Connection, Answer)> + Send + use<>, Failed> {
        let kept = self.lock().mute.get(&url).cloned();
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.open_at(&url, number).await?,
        };
        let key = format!("{}{PROBE}", self.options().namespace);
        let patience = self.patience();
        Ok(async move {
            let answer = match timeout(patience, connection.kv.get(key, None)).await {
                Ok(Ok(_)) => Answer::Good,
                Ok(Err(error)) => match Failed::of(&error) {
                    Failed::Gone { why, .. } => Answer::Gone(why),
                    // A refusal is an answer too.
                    Failed::Answered(_) | Failed::Overtaken | Failed::TooMuch | Failed::OtherTime => {
                        Answer::Good
                    }
                },
                Err(_) => Answer::Late,
            };
            (url, connection, answer)
        })
    }

    /// What etcd itself said came over a connection that is good.
    fn keep_if_mute(&self, url: &str, connection: Connection, why: &str) {
        let mut state = self.lock();
        match why.contains("no leader") {
            true => drop(state.mute.insert(url.to_owned(), connection)),
            false => drop(state.mute.remove(url)),
        }
    }

    fn none_answered(&self, last: Option<String>, is_late: bool) -> Failed {
        let times = &self.options().times;
        let mut state = self.lock();
        if let Some(last) = &last {
            self.is_away(&mut state, last);
        }
        let Some(away) = &mut state.away else {
            return Failed::Gone { why: last.unwrap_or_default(), doubtful: false };
        };
        if is_late {
            away.late_rounds += 1;
            away.retry_at = Instant::now() + grown((times.round, times.backoff.1), away.late_rounds);
        }
        Failed::Gone { why: away.why.clone(), doubtful: false }
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::etcd::EtcdOptions;
    use crate::testing::EtcdServer;

    /// Takes connections, and never says anything.
    struct Mute(TcpListener);

    impl Mute {
        fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            Self(listener)
        }

        fn url(&self) -> String {
            format!("http://{}", self.0.local_addr().unwrap())
        }

        /// Connections since it was asked last.
        fn taken(&self) -> usize {
            std::iter::from_fn(|| self.0.accept().ok()).count()
        }
    }

    /// To an etcd that is away, whose members are asked in this order.
    async fn link(urls: &[String]) -> Link {
        let mut options = EtcdOptions::new(urls);
        options.times.request = Duration::from_millis(500);
        let link = Link::new(options);
        link.lock().urls = urls.to_vec();
        for _ in urls {
            let number = link.lock().number;
            let connection = link.open_at(&urls[0], number).await.unwrap();
            link.failed(&connection, "why");
        }
        link
    }

    #[tokio::test]
    async fn no_other_member_is_bothered_while_one_answers() {
        let Some(server) = EtcdServer::start() else { return };
        let mute = Mute::new();
        let link = link(&[server.url(), mute.url()]).await;
        assert_eq!(*link.round().await.unwrap().url, *server.url());
        assert_eq!(mute.taken(), 0);
    }

    #[tokio::test]
    async fn a_member_that_says_nothing_or_is_gone_holds_up_nobody() {
        let Some(server) = EtcdServer::start() else { return };
        let mute = Mute::new();
        let link = link(&[mute.url(), "http://127.0.0.1:1".into(), server.url()]).await;
        assert_eq!(*link.round().await.unwrap().url, *server.url());
        assert_eq!(mute.taken(), 1);
    }

    #[tokio::test]
    async fn a_member_that_is_being_asked_is_not_asked_again() {
        let mute = Mute::new();
        let link = link(&[mute.url()]).await;
        let (one, other) = tokio::join!(link.round(), link.round());
        assert!(one.is_err() && other.is_err());
        assert_eq!(mute.taken(), 1);
        assert!(link.round().await.is_err());
        assert_eq!(mute.taken(), 1, "it is asked anew when that is over");
    }

    #[tokio::test]
    async fn who_is_not_answered_comes_later_each_time_and_who_finds_nobody_does_not() {
        let mute = Mute::new();
        let late = link(&[mute.url()]).await;
        let gone = link(&["http://127.0.0.1:1".into()]).await;
        for _ in 0..3 {
            assert!(late.round().await.is_err() && gone.round().await.is_err());
        }
        let wait = |link: &Link| {
            let retry_at = link.lock().away.as_ref().unwrap().retry_at;
            retry_at.saturating_duration_since(Instant::now())
        };
        let (least, most) = (late.options().times.round, late.options().times.backoff.1);
        assert!(wait(&late) > least && wait(&late) <= most);
        assert!(wait(&gone) <= least);
    }
}
