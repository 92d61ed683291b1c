//! What hosts say to each other about who they are: plain data, as JSON.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ticket::TokenId;
use crate::identity::{
    AuthorityFiles, Certificates, ClusterId, HostName, MemberAddress, Operator, Ports, Secret, Serial,
    SigningRequest,
};

/// The form of these messages.
pub const MESSAGE_VERSION: u32 = 1;
/// How long after its certificates have ended a host may come back by itself, in days.
pub const RETURN_DAYS: u64 = 90;
/// No request has more.
pub const REQUEST_BYTES_MAX: usize = 16 << 10;
/// No answer has more: it may name many members, operators and refused certificates.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

/// What somebody without an identity may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum JoinRequest {
    /// Where are those who may admit me? Asked of whoever is no member; it tells no secret.
    Where,
    /// Admit me.
    Admit(Box<Admission>),
}

/// Who wants to be admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The form of this message.
    pub version: u32,
    /// The token that it was given.
    pub token: TokenId,
    /// What shows that.
    pub secret: Secret,
    /// The name that it wants.
    pub host: HostName,
    /// Where it listens.
    pub listen: IpAddr,
    /// The ports there.
    pub ports: Ports,
    /// Its key.
    pub request: SigningRequest,
}

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinAnswer {
    /// There.
    Members(Vec<MemberAddress>),
    /// You are.
    Admitted(Box<Admitted>),
}

/// All that a new host needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Admitted {
    /// The cluster.
    pub cluster: ClusterId,
    /// The certificates of its key.
    pub granted: Granted,
    /// Whose signatures make a deploy.
    pub operators: Vec<Operator>,
    /// The number of the last change of that.
    #[serde(default)]
    pub roster: u64,
}

/// What a certificate comes with, whether it is the first or a renewed one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Granted {
    /// The certificates.
    pub certificates: Certificates,
    /// The authorities to trust, the newest first, as PEM.
    pub trusted: String,
    /// The authority itself, for those who may be members.
    pub authority: Option<AuthorityFiles>,
    /// Where members are.
    pub members: Vec<MemberAddress>,
    /// Certificates to refuse.
    pub refused: Vec<Serial>,
}

/// Asks to renew the certificates of the host that asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Renewal {
    /// The form of this message.
    pub version: u32,
    /// Its key.
    pub request: SigningRequest,
}

/// Asks for certificates in the place of those that ended while a host was away. What is granted is of use only to who has the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Return {
    /// The form of this message.
    pub version: u32,
    /// Who comes back.
    pub host: HostName,
    /// Its key, which must be the one that it had.
    pub request: SigningRequest,
}

/// Why something was not done, for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refused", content = "with", rename_all = "snake_case")]
pub enum Refusal {
    /// It cannot be understood.
    #[error("the request cannot be understood: {0}")]
    Malformed(String),
    /// It was made by another version.
    #[error(
        "the request has form {0}, and only {MESSAGE_VERSION} is known here: use the same version of homeostat"
    )]
    Version(u32),
    /// There is no such token.
    #[error("the cluster knows no such token: it was made elsewhere, or is long over")]
    UnknownToken,
    /// It has another secret.
    #[error("the secret is wrong")]
    WrongSecret,
    /// It is over.
    #[error("the token has expired: make another with `homeostat cluster token`")]
    TokenExpired,
    /// It was used as often as it may be.
    #[error("the token has been used up: make another with `homeostat cluster token`")]
    TokenUsed,
    /// Somebody else has the name.
    #[error(
        "there is a host `{0}` already: choose another --hostname, or `homeostat cluster remove` that one"
    )]
    HostTaken(HostName),
    /// Somebody else listens there.
    #[error("the host `{host}` listens at {address} already: choose another with --listen")]
    AddressTaken {
        /// Who.
        host: String,
        /// Where.
        address: String,
    },
    /// Only members do that.
    #[error("this host is no member, and only members do that")]
    NotAMember,
    /// There is no such host.
    #[error("there is no host `{0}` in the cluster")]
    UnknownHost(HostName),
    /// Who asks is not, or no longer, who it says.
    #[error("the certificate is not valid here any more")]
    NotAuthorized,
    /// It was away for too long.
    #[error(
        "the certificates of `{0}` ended more than {RETURN_DAYS} days ago: `homeostat cluster remove` it, and let it join \
         with a new token"
    )]
    AwayTooLong(HostName),
    /// It is the last.
    #[error("`{0}` is the only one that may be a member: the cluster would be lost")]
    LastMember(HostName),
    /// It is the one that is asked.
    #[error("`{0}` cannot remove itself: stop its agent, then `homeostat cluster leave` there")]
    Itself(HostName),
    /// It asks too often.
    #[error("too many attempts: try again later")]
    TooOften,
    /// The store cannot be asked now.
    #[error("the store cannot be asked now: {0}")]
    Unavailable(String),
    /// Something here is broken; whoever runs that host finds it in its log.
    #[error("it failed on that host; its log says why")]
    Failed,
}

impl Admission {
    /// Whether it can be decided at all.
    pub(super) fn is_good(&self) -> Result<(), Refusal> {
        if self.version != MESSAGE_VERSION {
            return Err(Refusal::Version(self.version));
        }
        if self.listen.is_unspecified() || self.listen.is_multicast() {
            return Err(Refusal::Malformed(format!("nobody can be reached at {}", self.listen)));
        }
        let Ports { agents, store_clients, store_peers } = self.ports;
        if [agents, store_clients, store_peers].contains(&0)
            || agents == store_clients
            || agents == store_peers
            || store_clients == store_peers
        {
            return Err(Refusal::Malformed("three different ports are needed".into()));
        }
        Ok(())
    }
}

impl JoinRequest {
    /// Reads one from the network.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        parse(bytes)
    }
}

impl Return {
    /// Reads one from the network.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let asked: Self = parse(bytes)?;
        if asked.version == MESSAGE_VERSION { Ok(asked) } else { Err(Refusal::Version(asked.version)) }
    }
}

impl Renewal {
    /// Reads one from the network.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let renewal: Self = parse(bytes)?;
        if renewal.version == MESSAGE_VERSION { Ok(renewal) } else { Err(Refusal::Version(renewal.version)) }
    }
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(Refusal::Malformed("it is too long".into()));
    }
    serde_json::from_slice(bytes).map_err(|error| Refusal::Malformed(shape(&error)))
}

/// Where it is wrong; never what stands there, which may be a secret.
fn shape(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}
