//! Tokens, and who is admitted with one.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use homeostat_engine::store::{Compare, OPERATIONS_MAX, Operation, keys};

use super::message::{Admission, Admitted, Refusal};
use super::record::{Host, Record, Token, UnixSeconds};
use super::registrar::{ATTEMPTS, CERTIFICATES_MAX, Registrar, missing, put, unavailable};
use super::ticket::{ADDRESSES_MAX, JoinString, TokenId, new_secret};
use crate::identity::{Fingerprint, HostName, RequestedKey, Role, Subject};

/// A token that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewToken {
    /// How long it lasts.
    pub ttl: Duration,
    /// How many hosts may join with it.
    pub uses: u32,
    /// What they may be.
    pub role: Role,
}

impl Registrar {
    /// Makes a token, and forgets those that are over.
    pub async fn token(&self, new: NewToken, now: SystemTime) -> Result<JoinString, Refusal> {
        let addresses: Vec<_> =
            self.members().await?.iter().filter_map(|member| agent_address(&member.agent)).collect();
        if addresses.is_empty() {
            return Err(Refusal::Unavailable(
                "the store does not know yet where members are; try again".into(),
            ));
        }
        let (id, secret) = (TokenId::random(), new_secret());
        let token = Token {
            secret: Fingerprint::of(secret.reveal().as_bytes()),
            ends: UnixSeconds::from(now).plus(new.ttl),
            uses_left: new.uses,
            role: new.role,
        };
        let (entries, _) =
            self.store.range(keys::CLUSTER_TOKENS).await.map_err(|error| unavailable(&error))?;
        // What cannot be read was made by a newer version and is left to it.
        let over = entries
            .iter()
            .filter(|entry| Token::read(&entry.key, &entry.value).is_ok_and(|token| token.ends.is_over(now)));
        let forget = over.take(OPERATIONS_MAX - 1).map(|entry| Operation::Delete(entry.key.clone()));
        let then = forget.chain([put(keys::cluster_token(id.as_str()), &token)]).collect();
        self.commit(Vec::new(), then).await?;
        Ok(JoinString {
            addresses: addresses.into_iter().take(ADDRESSES_MAX).collect(),
            authority: self.authority().fingerprint(),
            token: id,
            secret,
        })
    }

    /// Whether somebody may join, and if so all that it needs. Whoever asks again with the same token and key, since it never
    /// got the answer, gets another.
    pub async fn admit(&self, asked: &Admission, now: SystemTime) -> Result<Admitted, Refusal> {
        asked.is_good()?;
        let token_key = keys::cluster_token(asked.token.as_str());
        let _turn = self.turn.acquire().await.map_err(|_| Refusal::Failed)?;
        for _ in 0..ATTEMPTS {
            let (entry, token) = self.get::<Token>(&token_key).await?.ok_or(Refusal::UnknownToken)?;
            // Hashes are compared, so how long it takes tells nothing of the secret.
            if token.secret != Fingerprint::of(asked.secret.reveal().as_bytes()) {
                return Err(Refusal::WrongSecret);
            }
            if token.ends.is_over(now) {
                return Err(Refusal::TokenExpired);
            }
            let key = asked.request.key().map_err(|error| Refusal::Malformed(error.to_string()))?;
            let mut when = vec![Compare::Revision(token_key.as_str().into(), entry.mod_revision)];
            let mut then = Vec::new();
            let mut certificates = Vec::new();
            match self.get::<Host>(&keys::cluster_host(asked.host.as_str())).await? {
                Some((known, host)) if host.is_asking_again(asked, &key, token.role) => {
                    when.push(Compare::Revision(known.key, known.mod_revision));
                    certificates = host.certificates;
                }
                Some((_, host)) => return Err(Refusal::HostTaken(host.host)),
                None => {
                    let uses_left = token.uses_left.checked_sub(1).ok_or(Refusal::TokenUsed)?;
                    then.push(put(token_key.clone(), &Token { uses_left, ..token.clone() }));
                    when.extend(self.is_free(asked).await?);
                }
            }
            if certificates.len() >= CERTIFICATES_MAX {
                return Err(Refusal::TooOften);
            }
            let subject = Subject { host: asked.host.clone(), address: asked.listen, role: token.role };
            let issued = self.issue(&key, &subject, now)?;
            certificates.extend(issued.known());
            let host = Host {
                host: asked.host.clone(),
                listen: asked.listen,
                ports: asked.ports,
                role: token.role,
                key: key.fingerprint(),
                token: Some(asked.token.clone()),
                certificates,
            };
            then.extend(host.puts());
            if self.commit(when, then).await? {
                let granted = self.granted(issued, token.role).await?;
                let (roster, operators) = self.operators().await?;
                return Ok(Admitted { cluster: self.cluster.clone(), granted, operators, roster });
            }
        }
        Err(Refusal::Unavailable("too many hosts join at once".into()))
    }

    /// What must hold for nobody else to have the name and the address.
    async fn is_free(&self, asked: &Admission) -> Result<[Compare; 2], Refusal> {
        let at = SocketAddr::from((asked.listen, asked.ports.agents));
        let address = keys::cluster_address(at);
        match self.get::<HostName>(&address).await? {
            Some((_, owner)) => {
                Err(Refusal::AddressTaken { host: owner.to_string(), address: at.to_string() })
            }
            None => Ok([missing(keys::cluster_host(asked.host.as_str())), missing(address)]),
        }
    }
}

impl Host {
    /// The same host, key and token, and so the same attempt: its answer was lost.
    fn is_asking_again(&self, asked: &Admission, key: &RequestedKey, role: Role) -> bool {
        self.host == asked.host
            && self.token.as_ref() == Some(&asked.token)
            && self.key == key.fingerprint()
            && (self.listen, self.ports, self.role) == (asked.listen, asked.ports, role)
    }
}

fn agent_address(url: &str) -> Option<std::net::SocketAddr> {
    url.strip_prefix("https://")?.parse().ok()
}
