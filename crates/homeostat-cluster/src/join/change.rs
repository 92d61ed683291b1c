//! What happens to hosts that have joined: new certificates, removal, a new authority.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeostat_engine::store::{Compare, Entry, OPERATIONS_MAX, Operation, keys};

use super::message::{Granted, RETURN_DAYS, Refusal, Renewal, Return};
use super::record::{Host, Record, Refused, TrustedRecord};
use super::registrar::{ATTEMPTS, CERTIFICATES_MAX, Registrar, put};
use crate::identity::{Authority, HostName, Role, Subject};
use crate::tls::Peer;

impl Registrar {
    /// New certificates for a host that shows one that is good.
    pub async fn renew(&self, who: &Peer, asked: &Renewal, now: SystemTime) -> Result<Granted, Refusal> {
        let key = asked.request.key().map_err(|error| Refusal::Malformed(error.to_string()))?;
        for _ in 0..ATTEMPTS {
            let (entry, mut host) = self.known(who).await?;
            host.certificates.retain(|known| !known.ends.is_over(now));
            if host.certificates.len() >= CERTIFICATES_MAX {
                return Err(Refusal::TooOften);
            }
            let subject = Subject { host: host.host.clone(), address: host.listen, role: host.role };
            let issued = self.issue(&key, &subject, now)?;
            host.key = key.fingerprint();
            host.certificates.extend(issued.known());
            let when = vec![Compare::Revision(entry.key.clone(), entry.mod_revision)];
            if self.commit(when, vec![put(entry.key.as_ref().into(), &host)]).await? {
                return self.granted(issued, host.role).await;
            }
        }
        Err(Refusal::Unavailable("its record changes all the time".into()))
    }

    /// New certificates for a host whose own have ended, for the key that it had. The authority's key is not among what it gets: who
    /// asks shows no certificate.
    pub async fn welcome_back(&self, asked: &Return, now: SystemTime) -> Result<Granted, Refusal> {
        let key = asked.request.key().map_err(|error| Refusal::Malformed(error.to_string()))?;
        for _ in 0..ATTEMPTS {
            let (entry, mut host) = self.named(&asked.host).await?;
            if host.key != key.fingerprint() {
                return Err(Refusal::NotAuthorized);
            }
            let grace = Duration::from_secs(RETURN_DAYS * 24 * 3600);
            if host.certificates.iter().all(|known| known.ends.plus(grace).is_over(now)) {
                return Err(Refusal::AwayTooLong(asked.host.clone()));
            }
            host.certificates.retain(|known| !known.ends.is_over(now));
            if host.certificates.len() >= CERTIFICATES_MAX {
                return Err(Refusal::TooOften);
            }
            let subject = Subject { host: host.host.clone(), address: host.listen, role: host.role };
            let issued = self.issue(&key, &subject, now)?;
            host.certificates.extend(issued.known());
            let when = vec![Compare::Revision(entry.key.clone(), entry.mod_revision)];
            if self.commit(when, vec![put(entry.key.as_ref().into(), &host)]).await? {
                return self.granted(issued, Role::Agent).await;
            }
        }
        Err(Refusal::Unavailable("its record changes all the time".into()))
    }

    /// Whether it is a host that we know who asks, and shows a certificate that is good.
    pub async fn is_known(&self, who: &Peer) -> Result<(), Refusal> {
        self.known(who).await.map(drop)
    }

    /// Whether a host may be taken out, and what it is.
    pub async fn may_remove(&self, name: &HostName) -> Result<Role, Refusal> {
        let (_, host) = self.named(name).await?;
        if host.role == Role::Member {
            self.another_candidate(name).await?;
        }
        Ok(host.role)
    }

    /// Takes a host out: its certificates are refused from now on, and what it wrote about itself goes. Says what it was: who
    /// may be a member has had the authority's key.
    pub async fn remove(&self, name: &HostName, now: SystemTime) -> Result<Role, Refusal> {
        let key = keys::cluster_host(name.as_str());
        for _ in 0..ATTEMPTS {
            let (entry, host) = self.named(name).await?;
            let is_as_read = Compare::Revision(entry.key, entry.mod_revision);
            let mut when = vec![is_as_read.clone()];
            let mut then = vec![Operation::Delete(keys::cluster_candidate(name.as_str()).into())];
            if host.role == Role::Member {
                // Two that remove each other at the same time must not both succeed: each goes out of the candidates while the
                // other is one.
                let other = self.another_candidate(name).await?;
                when.push(Compare::Revision(other.key, other.mod_revision));
            }
            let certificates: Vec<_> =
                host.certificates.iter().filter(|known| !known.ends.is_over(now)).cloned().collect();
            if let Some(one) = certificates.first() {
                let at = keys::cluster_refused(name.as_str(), one.serial.as_str());
                let refused = Refused { host: host.host.clone(), certificates: certificates.clone() };
                then.push(put(at, &refused));
            }
            if !self.commit(when, then).await? {
                continue;
            }
            self.withdraw(name).await?;
            // Last: while its record is there, all of this can be done again.
            let mut then = vec![
                Operation::Delete(key.as_str().into()),
                Operation::Delete(keys::cluster_address(host.agent_address()).into()),
            ];
            then.extend(self.refusals_that_are_over(now).await?);
            if self.commit(vec![is_as_read], then).await? {
                return Ok(host.role);
            }
        }
        Err(Refusal::Unavailable("its record changes all the time".into()))
    }

    async fn named(&self, name: &HostName) -> Result<(Entry, Host), Refusal> {
        let found = self.get::<Host>(&keys::cluster_host(name.as_str())).await?;
        found.filter(|(_, host)| host.host == *name).ok_or_else(|| Refusal::UnknownHost(name.clone()))
    }

    /// Somebody else who may be a member.
    async fn another_candidate(&self, name: &HostName) -> Result<Entry, Refusal> {
        let (others, _) = self.range(keys::CLUSTER_CANDIDATES).await?;
        let other = others.into_iter().find(|entry| *entry.key != *keys::cluster_candidate(name.as_str()));
        other.ok_or_else(|| Refusal::LastMember(name.clone()))
    }

    /// Makes the store tell everybody of a new authority; it is used by us only once that is done. `false` if somebody else
    /// made another at the same time.
    pub async fn publish(&self, new: Authority) -> Result<bool, Refusal> {
        let Some((entry, known)) = self.get::<TrustedRecord>(keys::CLUSTER_AUTHORITY).await? else {
            return Err(Refusal::Unavailable("the store knows no authority yet".into()));
        };
        if known.newest != self.authority().fingerprint() {
            return Ok(false);
        }
        let record = TrustedRecord { newest: new.fingerprint(), trusted: new.trusted() };
        let when = vec![Compare::Revision(entry.key, entry.mod_revision)];
        let is_done = self.commit(when, vec![put(keys::CLUSTER_AUTHORITY.into(), &record)]).await?;
        if is_done {
            self.replace_authority(new);
        }
        Ok(is_done)
    }

    /// The record of a host that shows a certificate which that record knows.
    async fn known(&self, who: &Peer) -> Result<(Entry, Host), Refusal> {
        let found = self.get::<Host>(&keys::cluster_host(who.host.as_str())).await?;
        let is_it = |(_, host): &(Entry, Host)| {
            host.host == who.host && host.certificates.iter().any(|known| known.serial == who.serial)
        };
        found.filter(is_it).ok_or(Refusal::NotAuthorized)
    }

    /// Forgets removals of which every certificate has ended anyway.
    async fn refusals_that_are_over(&self, now: SystemTime) -> Result<Vec<Operation>, Refusal> {
        let (entries, _) = self.range(keys::CLUSTER_REFUSED).await?;
        let is_over = |entry: &&Entry| {
            Refused::read(&entry.key, &entry.value)
                .is_ok_and(|refused| refused.certificates.iter().all(|known| known.ends.is_over(now)))
        };
        let over = entries.iter().filter(is_over).take(OPERATIONS_MAX / 2);
        Ok(over.map(|entry| Operation::Delete(entry.key.clone())).collect())
    }

    /// Removes what a host wrote about itself, in pieces that a transaction holds.
    async fn withdraw(&self, name: &HostName) -> Result<(), Refusal> {
        let (single, prefixes) = keys::of_host(name.as_str());
        let mut gone: Vec<Arc<str>> = single.into_iter().map(Into::into).collect();
        for prefix in prefixes {
            let (entries, _) = self.range(&prefix).await?;
            gone.extend(entries.into_iter().map(|entry| entry.key));
        }
        for piece in gone.chunks(OPERATIONS_MAX) {
            self.commit(Vec::new(), piece.iter().cloned().map(Operation::Delete).collect()).await?;
        }
        Ok(())
    }
}
