//! The identity of a running agent: it answers others, follows whom to trust, and renews itself.
//!
//! Invariant: while the store or other hosts are away, what was known last goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use homeostat_cluster::identity::{Authority, ClusterDir, HostName, Identity, Key, MemberAddress, Settings};
use homeostat_cluster::join::{
    self, Granted, JoinAnswer, JoinRequest, MESSAGE_VERSION, NewToken, News, Refusal, Registrar, Renewal,
    TrustedRecord,
};
use homeostat_cluster::tls::{Peer, Tls, Whom};
use homeostat_engine::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::api::{self, client, path};

/// The longest wait until the clock is looked at again: it may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// Between attempts to renew: from the first, doubling, to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// The identity of a running agent.
pub(crate) struct Cluster {
    dir: ClusterDir,
    tls: Tls,
    identity: Mutex<Arc<Identity>>,
    /// On members.
    registrar: Option<Registrar>,
    store: Arc<dyn Store>,
}

impl Cluster {
    /// The identity that a prefix holds.
    pub(crate) fn open(dir: ClusterDir, identity: Identity, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let tls = Tls::new(&identity).context("the identity of this host cannot be used")?;
        let registrar = match (identity.settings.member, dir.authority()?) {
            (true, Some(authority)) => {
                let cluster = identity.settings.cluster.clone();
                Some(Registrar::new(store.clone(), cluster, dir.operators()?, authority))
            }
            _ => None,
        };
        Ok(Self { dir, tls, identity: Mutex::new(Arc::new(identity)), registrar, store })
    }

    /// Answers, follows and renews for as long as it is let.
    pub(crate) async fn run(self: Arc<Self>) {
        let (tell, told) = watch::channel(None);
        let mut tasks = JoinSet::new();
        tasks.spawn(api::serve(self.clone()));
        self.enrol().await;
        tasks.spawn(join::follow(self.store.clone(), tell));
        tasks.spawn(self.keep_up(told));
        // None of them ends by itself.
        tasks.join_next().await;
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.identity().settings.agent_address()
    }

    fn identity(&self) -> Arc<Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn registrar(&self) -> Result<&Registrar, Refusal> {
        self.registrar.as_ref().ok_or(Refusal::NotAMember)
    }

    /// What somebody without an identity is told.
    pub(crate) async fn answer_join(&self, asked: JoinRequest) -> Result<JoinAnswer, Refusal> {
        match asked {
            JoinRequest::Where => Ok(JoinAnswer::Members(self.identity().settings.members.clone())),
            JoinRequest::Admit(admission) => {
                let admitted = self.registrar()?.admit(&admission, SystemTime::now()).await?;
                Ok(JoinAnswer::Admitted(Box::new(admitted)))
            }
        }
    }

    /// What a host is told that renews.
    pub(crate) async fn answer_renewal(&self, who: &Peer, asked: &Renewal) -> Result<Granted, Refusal> {
        self.registrar()?.renew(who, asked, SystemTime::now()).await
    }

    /// A host takes itself out.
    pub(crate) async fn answer_leave(&self, who: &Peer) -> Result<(), Refusal> {
        self.registrar()?.leave(who, SystemTime::now()).await
    }

    /// Makes a token; the word to hand over.
    pub(crate) async fn token(&self, new: NewToken) -> Result<String, Refusal> {
        Ok(self.registrar()?.token(new, SystemTime::now()).await?.reveal())
    }

    /// Takes a host out.
    pub(crate) async fn remove(&self, host: &HostName) -> Result<(), Refusal> {
        self.registrar()?.remove(host, SystemTime::now()).await?;
        tracing::warn!("`{host}` was removed from the cluster");
        Ok(())
    }

    /// Replaces the authority by a new one, or drops those before it; says which one it is now.
    pub(crate) async fn renew_authority(&self, drop_older: bool) -> Result<String, Refusal> {
        let registrar = self.registrar()?;
        let old = registrar.authority();
        let new = if drop_older { old.without_older() } else { old.renew(SystemTime::now()) };
        let new = new.map_err(failed)?;
        let fingerprint = new.fingerprint().to_string();
        // Whatever happens once the store knows it: its key is kept.
        self.dir.save_next_authority(Some(&new.files())).map_err(failed)?;
        if !registrar.publish(new).await? {
            self.dir.save_next_authority(None).map_err(failed)?;
            return Err(Refusal::Unavailable("another member has replaced the authority just now".into()));
        }
        self.adopt(&registrar.authority()).map_err(failed)?;
        tracing::warn!("the authority of the cluster is now {fingerprint}");
        Ok(fingerprint)
    }

    fn adopt(&self, authority: &Authority) -> anyhow::Result<()> {
        self.dir.save_authority(&authority.files())?;
        self.dir.save_next_authority(None)?;
        Ok(())
    }

    /// Makes a new cluster's store know us, once it is there.
    async fn enrol(&self) {
        let Some(registrar) = &self.registrar else { return };
        let mut wait = BACKOFF.0;
        while let Err(refusal) = registrar.enrol_first(&self.identity()).await {
            tracing::debug!("the store does not know us yet: {refusal}");
            pause(&mut wait).await;
        }
    }

    /// Takes what the store says of whom to trust, and renews what is due.
    async fn keep_up(self: Arc<Self>, mut told: watch::Receiver<Option<News>>) {
        let mut wait = BACKOFF.0;
        loop {
            let news = told.borrow_and_update().clone();
            if let Some(news) = &news
                && let Err(error) = self.take(news)
            {
                tracing::error!("cannot keep what the store says of whom to trust: {error:#}");
            }
            if self.is_removed() {
                tracing::error!("this host was removed from the cluster: join again with a new token");
                return;
            }
            let trusted = news.and_then(|news| news.trusted);
            let due = self.renewal_due(trusted.as_ref());
            if due.is_zero() {
                match self.renew(trusted.as_ref()).await {
                    Ok(()) => wait = BACKOFF.0,
                    Err(error) => {
                        tracing::warn!("our certificates are not renewed yet: {error:#}");
                        pause(&mut wait).await;
                    }
                }
                continue;
            }
            tokio::select! {
                changed = told.changed() => if changed.is_err() { return },
                () = sleep(due.min(LOOK_AGAIN)) => {}
            }
        }
    }

    fn take(&self, news: &News) -> anyhow::Result<()> {
        self.tls.refuse(news.refused.clone());
        let refused: Vec<_> = news.refused.iter().cloned().collect();
        if let Some(registrar) = &self.registrar {
            let next = self.dir.next_authority()?;
            if let (Some(next), Some(trusted)) = (next, &news.trusted)
                && next.fingerprint() == trusted.newest
                && next.trusted() == trusted.trusted
            {
                self.adopt(&next)?;
                registrar.replace_authority(next);
            }
            let list = registrar.authority().revocations(&refused, SystemTime::now())?;
            self.dir.save_revocations(&list)?;
        }
        self.change_settings(|settings| {
            settings.refused = refused;
            settings.members = news.members.clone();
        })
    }

    /// Whether this host was removed.
    fn is_removed(&self) -> bool {
        self.identity().certificate().is_ok_and(|own| self.tls.is_refused(own.serial()))
    }

    /// How long until our certificates are to be renewed; at once when others are trusted than we know.
    fn renewal_due(&self, trusted: Option<&TrustedRecord>) -> Duration {
        let identity = self.identity();
        if trusted.is_some_and(|trusted| trusted.trusted != identity.trusted) {
            return Duration::ZERO;
        }
        let due = identity.certificate().map(|certificate| certificate.renewal_due());
        due.map_or(Duration::ZERO, |due| due.duration_since(SystemTime::now()).unwrap_or_default())
    }

    async fn renew(&self, trusted: Option<&TrustedRecord>) -> anyhow::Result<()> {
        let identity = self.identity();
        let key = Key::from_pem(&identity.key)?;
        let asked = Renewal { version: MESSAGE_VERSION, request: key.signing_request()? };
        let is_right = |granted: &Granted| trusted.is_none_or(|trusted| granted.trusted == trusted.trusted);
        let own = identity.certificate()?;
        let us = Peer { host: identity.settings.host.clone(), serial: own.serial().clone() };
        if let Some(registrar) = &self.registrar
            && trusted.is_none_or(|trusted| registrar.authority().trusted() == trusted.trusted)
        {
            return self.take_granted(registrar.renew(&us, &asked, SystemTime::now()).await?);
        }
        let mut last = anyhow::anyhow!("no other member is known");
        for member in identity.settings.members.iter().filter(|member| member.host != us.host) {
            match self.renew_at(member, &asked).await {
                Ok(granted) if is_right(&granted) => return self.take_granted(granted),
                Ok(_) => last = anyhow::anyhow!("`{}` does not have the new authority yet", member.host),
                Err(error) => last = error.context(format!("asking `{}`", member.host)),
            }
        }
        Err(last)
    }

    async fn renew_at(&self, member: &MemberAddress, asked: &Renewal) -> anyhow::Result<Granted> {
        let stream = self.tls.connect(address(member)?, &Whom::Member).await?;
        Ok(client::ask(stream, path::RENEW, asked).await?)
    }

    fn take_granted(&self, granted: Granted) -> anyhow::Result<()> {
        let Granted { certificates, trusted, authority, members, .. } = granted;
        self.dir.save_certificates(&certificates, &trusted, authority.as_ref())?;
        if let (Some(registrar), Some(files)) = (&self.registrar, &authority) {
            registrar.replace_authority(Authority::load(files)?);
        }
        let old = self.identity();
        let new = Identity { certificates, trusted, settings: old.settings.clone(), key: old.key.clone() };
        self.tls.replace(&new)?;
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        tracing::info!("our certificates were renewed");
        self.change_settings(|settings| settings.members = members)
    }

    /// Writes what we know of the cluster, if it is something new.
    fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> anyhow::Result<()> {
        let mut identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settings = identity.settings.clone();
        change(&mut settings);
        if settings != identity.settings {
            self.dir.save_settings(&settings)?;
            *identity = Arc::new(Identity { settings, ..Identity::clone(&identity) });
        }
        Ok(())
    }
}

/// Where the agent of a member answers.
pub(crate) fn address(member: &MemberAddress) -> anyhow::Result<std::net::SocketAddr> {
    let address = member.agent.strip_prefix("https://").and_then(|address| address.parse().ok());
    address.with_context(|| format!("`{}` is no address of an agent", member.agent))
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    tracing::error!("the authority cannot be replaced: {error}");
    Refusal::Failed
}

/// Waits, and longer the next time; not at the same moment as everybody else.
async fn pause(wait: &mut Duration) {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    sleep(*wait / 2 + wait.mul_f64(f64::from(nanos % 1000) / 1000.0)).await;
    *wait = (*wait * 2).min(BACKOFF.1);
}
