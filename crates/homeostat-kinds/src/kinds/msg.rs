//! Sends a message to the journal, to syslog, or to the agent's own output.
//!
//! It sends once per start of the agent and whenever its parameters change, again whenever something that comes before it
//! changes, and when it is refreshed: a `timer` before a `msg` makes it send at each tick.
//!
//! ## Example
//!
//! ```yaml
//! graph: example
//! resources:
//!   timer:
//!   - name: hourly
//!     interval: 3600
//!     before: msg[alive]
//!   msg:
//!   - name: alive
//!     body: this host is well
//!     priority: notice
//!     journal: true
//!     fields:
//!       ROLE: web
//! ```
//!
//! ## Watches
//!
//! Nothing.
//!
//! ## Automatic edges
//!
//! None.
//!
//! ## Sends and receives
//!
//! Receives any parameter; sends nothing.
//!
//! ## Limits
//!
//! Where nobody listens at the socket of the journal or of syslog, and below another root, the agent's own output gets the
//! message instead; so does a message with neither `journal` nor `syslog`. What is too large for one datagram fails. What is
//! sensitive is sent redacted.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use homeostat_engine::{
    AbsPath, Applied, Causes, Change, Check, Context, Drift, Failure, Host, Outputs, ParamError, Resource,
};
use homeostat_model::value::Text;
use schemars::JsonSchema;
use serde::Deserialize;

const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";
const SYSLOG_SOCKET: &str = "/dev/log";
/// Who speaks, to both of them.
const IDENTIFIER: &str = "homeostat";
/// The facility of daemons.
const FACILITY: u8 = 3;
const FIELD_NAME_MAX: usize = 64;

/// What is declared of a `msg`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    /// The text; the name of the resource if it is not given.
    body: Text,
    /// How urgent it is: `emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info` or `debug`, in any case of letters;
    /// `info` if it is not given.
    priority: String,
    /// More fields for the journal: names of capital letters, digits and underscores, that begin with a letter.
    fields: BTreeMap<String, Text>,
    /// Send it to the journal of systemd.
    journal: bool,
    /// Send it to syslog.
    syslog: bool,
}

pub(super) struct Msg {
    body: Text,
    priority: u8,
    fields: BTreeMap<String, Text>,
    journal: Option<AbsPath>,
    syslog: Option<AbsPath>,
    /// Whether there is something to send: the declaration itself, or a change since.
    owed: AtomicBool,
}

/// Not sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsent;

impl Drift for Unsent {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("body", "not sent yet", "sent")]
    }
}

/// In the order of their numbers, with the other names that are common.
const PRIORITIES: [&[&str]; 8] = [
    &["emerg", "emergency", "panic"],
    &["alert"],
    &["crit", "critical"],
    &["err", "error"],
    &["warning", "warn"],
    &["notice"],
    &["info", ""],
    &["debug"],
];

fn priority(text: &str) -> Option<u8> {
    let lower = text.to_ascii_lowercase();
    let found = PRIORITIES.iter().position(|names| names.contains(&lower.as_str()));
    found.and_then(|at| u8::try_from(at).ok())
}

fn is_field_name(name: &str) -> bool {
    name.len() <= FIELD_NAME_MAX
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

impl Msg {
    async fn send(&self, host: &Host) -> Result<(), Failure> {
        let journal = self.journal.as_ref().map(|socket| (socket, self.for_journal()));
        let syslog = self.syslog.as_ref().map(|socket| (socket, self.for_syslog()));
        let mut heard = false;
        for (socket, bytes) in journal.into_iter().chain(syslog) {
            match host.send_datagram(socket, &bytes) {
                Ok(()) => heard = true,
                Err(error) if nobody_listens(&error) => {}
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                    return Err(Failure::permanent(format!("the message is too large for `{socket}`")));
                }
                Err(error) => return Err(Failure::transient(format!("cannot send to `{socket}`: {error}"))),
            }
        }
        if !heard {
            host.say(self.body.shown());
        }
        Ok(())
    }

    /// The journal's own protocol: a field a line, and a length before what has lines itself.
    fn for_journal(&self) -> Vec<u8> {
        let priority = self.priority.to_string();
        let own =
            [("MESSAGE", self.body.shown()), ("PRIORITY", &priority), ("SYSLOG_IDENTIFIER", IDENTIFIER)];
        let given = self.fields.iter().map(|(name, value)| (name.as_str(), value.shown()));
        let mut bytes = Vec::new();
        for (name, value) in own.into_iter().chain(given) {
            bytes.extend_from_slice(name.as_bytes());
            if value.contains('\n') {
                bytes.push(b'\n');
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            } else {
                bytes.push(b'=');
            }
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    fn for_syslog(&self) -> Vec<u8> {
        let priority = FACILITY * 8 + self.priority;
        let body = homeostat_model::suggest::printable(self.body.shown());
        format!("<{priority}>{IDENTIFIER}[{}]: {body}", std::process::id()).into_bytes()
    }
}

/// A host without a journal or syslog is in order all the same.
fn nobody_listens(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::Unsupported
            | ErrorKind::NotADirectory
    )
}

impl Resource for Msg {
    const KIND: &'static str = "msg";
    const DOC: &'static str = super::doc_of!("msg");
    const REPAIRS: bool = false;

    type Params = Params;
    type Drift = Unsent;
    type Prefetched = ();

    fn new(name: &Arc<str>, params: Params) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        let priority = priority(&params.priority);
        if priority.is_none() {
            let error = ParamError::of("priority", format!("`{}` is no priority", params.priority));
            errors
                .push(error.help("`emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info` or `debug`"));
        }
        let own = ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"];
        for field in params.fields.keys() {
            if !is_field_name(field) || own.contains(&field.as_str()) {
                let error = ParamError::of("fields", format!("`{field}` cannot be the name of a field"));
                errors.push(error.help("capital letters, digits and underscores, a letter first"));
            }
        }
        let (Some(priority), true) = (priority, errors.is_empty()) else {
            return Err(errors);
        };
        let socket = |wanted: bool, path: &str| AbsPath::parse(path).ok().filter(|_| wanted);
        Ok(Self {
            body: if params.body.is_empty() { (**name).into() } else { params.body },
            priority,
            fields: params.fields,
            journal: socket(params.journal, JOURNAL_SOCKET),
            syslog: socket(params.syslog, SYSLOG_SOCKET),
            owed: AtomicBool::new(true),
        })
    }

    async fn check(&self, cx: &Context<'_>) -> Result<Check<Unsent>, Failure> {
        if cx.causes.any(Causes::PREDECESSOR.and(Causes::POLL)) {
            self.owed.store(true, Ordering::SeqCst);
        }
        if self.owed.load(Ordering::SeqCst) {
            return Ok(Check::Drifted(Unsent));
        }
        Ok(Check::converged())
    }

    async fn apply(&self, cx: &Context<'_>, _drift: Unsent) -> Result<Applied, Failure> {
        self.send(cx.host).await?;
        self.owed.store(false, Ordering::SeqCst);
        Ok(Applied { outputs: Outputs::none(), covers_refresh: true })
    }

    async fn refresh(&self, cx: &Context<'_>) -> Result<Outputs, Failure> {
        self.send(cx.host).await?;
        Ok(Outputs::none())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::testing::TestHost;

    fn msg(params: Params) -> Msg {
        Msg::new(&"the name".into(), params).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    async fn look_and_send(host: &TestHost, msg: &Msg, causes: Causes) -> bool {
        let cx = host.cx(causes);
        match msg.check(&cx).await.unwrap() {
            Check::Converged(_) => false,
            Check::Drifted(drift) => msg.apply(&cx, drift).await.unwrap().covers_refresh,
        }
    }

    fn listen(host: &TestHost, name: &str) -> (UnixDatagram, AbsPath) {
        let path = host.path(name);
        (UnixDatagram::bind(&path).unwrap(), AbsPath::parse(&path).unwrap())
    }

    fn received(socket: &UnixDatagram) -> Vec<u8> {
        let mut buffer = vec![0; 1 << 16];
        let read = socket.recv(&mut buffer).unwrap();
        buffer.truncate(read);
        buffer
    }

    #[tokio::test]
    async fn it_sends_once_and_again_when_what_comes_before_it_changes() {
        let host = TestHost::new();
        let msg = msg(Params::default());
        assert!(look_and_send(&host, &msg, Causes::DECLARED).await);
        assert!(!look_and_send(&host, &msg, Causes::ASKED).await);
        assert!(look_and_send(&host, &msg, Causes::PREDECESSOR).await);
        msg.refresh(&host.cx(Causes::none())).await.unwrap();
        assert_eq!(host.said(), ["the name"; 3]);
    }

    #[tokio::test]
    async fn the_journal_gets_every_field_whole() {
        let host = TestHost::new();
        let (socket, path) = listen(&host, "journal");
        let fields = [("ROLE".to_owned(), "web".into())].into();
        let params =
            Params { body: "two\nlines".into(), priority: "Warning".into(), fields, ..Params::default() };
        let msg = Msg { journal: Some(path), ..msg(params) };
        assert!(look_and_send(&host, &msg, Causes::DECLARED).await);
        let want =
            b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=4\nSYSLOG_IDENTIFIER=homeostat\nROLE=web\n";
        assert_eq!(received(&socket), want);
        assert_eq!(host.said(), [""; 0]);
    }

    #[tokio::test]
    async fn syslog_gets_one_line() {
        let host = TestHost::new();
        let (socket, path) = listen(&host, "log");
        let msg =
            Msg { syslog: Some(path), ..msg(Params { body: "two\nlines".into(), ..Params::default() }) };
        assert!(look_and_send(&host, &msg, Causes::DECLARED).await);
        let text = String::from_utf8(received(&socket)).unwrap();
        assert!(text.starts_with("<30>homeostat[") && text.ends_with("]: two\\nlines"), "{text}");
    }

    #[tokio::test]
    async fn where_nobody_listens_the_agent_says_it() {
        let host = TestHost::new();
        let (socket, path) = listen(&host, "gone");
        drop(socket);
        let missing = AbsPath::parse(&host.path("missing")).unwrap();
        let msg = Msg { journal: Some(path), syslog: Some(missing), ..msg(Params::default()) };
        assert!(look_and_send(&host, &msg, Causes::DECLARED).await);
        assert_eq!(host.said(), ["the name"]);
    }

    #[test]
    fn nonsense_is_refused() {
        let fields = |name: &str| [(name.to_owned(), Text::default())].into();
        for name in ["lower", "_TRUSTED", "1ST", "", "A=B", "MESSAGE"] {
            assert!(
                Msg::new(&"m".into(), Params { fields: fields(name), ..Params::default() }).is_err(),
                "{name}"
            );
        }
        assert!(Msg::new(&"m".into(), Params { priority: "loud".into(), ..Params::default() }).is_err());
    }
}
