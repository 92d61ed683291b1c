//! Keeps an identity: the one task that writes its files.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeostat_cluster::identity::{Authority, ClusterDir, Identity, Key, MemberAddress, Settings};
use homeostat_cluster::join::{
    Granted, MESSAGE_VERSION, News, Refusal, Registrar, Renewal, TrustedRecord, follow,
};
use homeostat_cluster::tls::{Peer, Whom};
use homeostat_engine::Store;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::unknown::notice;
use super::{Cluster, REMOVED, address};
use crate::api::{self, client, path};

/// The longest wait until the clock is looked at again: it may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// Between attempts to renew: from the first, doubling, to the second.
pub(super) const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));
/// From the first attempt to make the store of a new cluster know its first host to the second.
const ENROL_AGAIN: Duration = Duration::from_millis(300);
/// Hosts that renew because the authority changed do not all ask within one moment.
const SPREAD: Duration = Duration::from_secs(1);

/// Asks for another authority.
pub(super) struct NewAuthority {
    /// Make no new one: trust only the newest.
    pub(super) drop_older: bool,
    pub(super) answer: oneshot::Sender<Result<String, Refusal>>,
}

/// Keeps the identity of a running agent.
pub(crate) struct Keeper {
    pub(super) cluster: Arc<Cluster>,
    pub(super) dir: ClusterDir,
    store: Arc<dyn Store>,
    asked: mpsc::Receiver<NewAuthority>,
}

impl Keeper {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        dir: ClusterDir,
        store: Arc<dyn Store>,
        asked: mpsc::Receiver<NewAuthority>,
    ) -> Self {
        Self { cluster, dir, store, asked }
    }

    /// Answers others, follows whom to trust and renews, for as long as it is let.
    pub(crate) async fn run(mut self) {
        let mut tasks = JoinSet::new();
        tasks.spawn(api::serve(self.cluster.clone()));
        let (tell, mut told) = watch::channel(None);
        let (lose, lost) = watch::channel(false);
        tasks.spawn(follow(self.store.clone(), tell, lose));
        tasks.spawn(notice(self.cluster.clone(), lost));
        self.come_back().await;
        tasks.spawn(enrol(self.cluster.clone()));
        let mut wait = BACKOFF.0;
        loop {
            // A host that was cut off, or asleep, for a month has certificates that nobody takes any more.
            self.come_back().await;
            let news = told.borrow_and_update().clone();
            if let Some(news) = &news
                && let Err(error) = self.take(news)
            {
                tracing::error!("cannot keep what the store says of whom to trust: {error:#}");
            }
            let next = self.renew_if_due(news.and_then(|news| news.trusted).as_ref(), &mut wait).await;
            tokio::select! {
                // It ends with us.
                _ = told.changed() => {}
                Some(asked) = self.asked.recv() => {
                    let answer = self.replace_authority(asked.drop_older).await;
                    // Whoever asked may be gone.
                    asked.answer.send(answer).ok();
                }
                () = sleep(next) => {}
            }
        }
    }

    /// Takes what the store says of whom to trust.
    fn take(&self, news: &News) -> anyhow::Result<()> {
        self.cluster.tls.refuse(news.refused.clone());
        let refused: Vec<_> = news.refused.iter().cloned().collect();
        if let Ok(registrar) = self.cluster.registrar() {
            if let Some(trusted) = &news.trusted {
                self.take_next(registrar, trusted)?;
            }
            let list = registrar.authority().revocations(&refused, SystemTime::now())?;
            self.dir.save_revocations(&list)?;
        }
        self.change_settings(|settings| {
            settings.refused = refused;
            // A store that knows nobody is one that we have not told of us yet.
            if !news.members.is_empty() {
                settings.members = news.members.clone();
            }
        })
    }

    /// An authority of ours that the store knows by now, although nobody told us when it did.
    fn take_next(&self, registrar: &Registrar, trusted: &TrustedRecord) -> anyhow::Result<()> {
        match self.dir.next_authority()? {
            Some(next) if next.trusted() == trusted.trusted => {
                self.adopt(&next)?;
                registrar.replace_authority(next);
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Renews what is due; says how long to wait then.
    async fn renew_if_due(&self, trusted: Option<&TrustedRecord>, wait: &mut Duration) -> Duration {
        let identity = self.cluster.identity();
        let Ok(own) = identity.certificate() else { return LOOK_AGAIN };
        if self.cluster.is_removed() {
            tracing::error!("{REMOVED}");
            return LOOK_AGAIN;
        }
        let is_other = trusted.is_some_and(|trusted| trusted.trusted != identity.trusted);
        let left = own.renewal_due().duration_since(SystemTime::now()).unwrap_or_default();
        if !is_other && !left.is_zero() {
            return left.min(LOOK_AGAIN);
        }
        match self.renew(&identity, trusted).await {
            Ok(()) => {
                *wait = BACKOFF.0;
                // Looked at once more: the store may say something else by now.
                Duration::ZERO
            }
            Err(error) => {
                tracing::warn!("our certificates are not renewed yet: {error:#}");
                longer(wait)
            }
        }
    }

    async fn renew(&self, identity: &Identity, trusted: Option<&TrustedRecord>) -> anyhow::Result<()> {
        let request = Key::from_pem(&identity.key)?.signing_request()?;
        let asked = Renewal { version: MESSAGE_VERSION, request };
        let own = identity.certificate()?;
        let us = Peer { host: identity.settings.host.clone(), serial: own.serial().clone() };
        let is_right = |known: &str| trusted.is_none_or(|trusted| known == trusted.trusted);
        if let Ok(registrar) = self.cluster.registrar()
            && is_right(&registrar.authority().trusted())
        {
            return self.take_granted(registrar.renew(&us, &asked, SystemTime::now()).await?);
        }
        sleep(SPREAD.mul_f64(chance())).await;
        let mut last = anyhow::anyhow!("no other member is known");
        for member in identity.settings.members.iter().filter(|member| member.host != us.host) {
            match self.renew_at(member, &asked).await {
                Ok(granted) if is_right(&granted.trusted) => return self.take_granted(granted),
                Ok(_) => last = anyhow::anyhow!("`{}` does not have the new authority yet", member.host),
                Err(error) => last = error.context(format!("asking `{}`", member.host)),
            }
        }
        Err(last)
    }

    async fn renew_at(&self, member: &MemberAddress, asked: &Renewal) -> anyhow::Result<Granted> {
        let stream = self.cluster.tls.connect(address(member)?, &Whom::Member).await?;
        Ok(client::ask(stream, path::RENEW, asked).await?)
    }

    pub(super) fn take_granted(&self, granted: Granted) -> anyhow::Result<()> {
        let Granted { certificates, trusted, authority, members, .. } = granted;
        self.dir.save_certificates(&certificates, &trusted, authority.as_ref())?;
        if let (Ok(registrar), Some(files)) = (self.cluster.registrar(), &authority) {
            registrar.replace_authority(Authority::load(files)?);
        }
        let old = self.cluster.identity();
        let new = Identity { certificates, trusted, settings: old.settings.clone(), key: old.key.clone() };
        self.cluster.tls.replace(&new)?;
        self.cluster.replace_identity(new);
        tracing::info!("our certificates were renewed");
        self.change_settings(|settings| settings.members = members)
    }

    /// Replaces the authority by a new one, or drops those before it; says which one it is now.
    async fn replace_authority(&self, drop_older: bool) -> Result<String, Refusal> {
        let registrar = self.cluster.registrar()?;
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

    /// Writes what we know of the cluster, if it is something new.
    fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> anyhow::Result<()> {
        let identity = self.cluster.identity();
        let mut settings = identity.settings.clone();
        change(&mut settings);
        if settings != identity.settings {
            self.dir.save_settings(&settings)?;
            self.cluster.replace_identity(Identity { settings, ..Identity::clone(&identity) });
        }
        Ok(())
    }
}

/// Makes a new cluster's store know us, once it is there.
async fn enrol(cluster: Arc<Cluster>) {
    let Ok(registrar) = cluster.registrar() else { return };
    let identity = cluster.identity();
    let enrol = async || {
        registrar.enrol_first(&identity).await?;
        registrar.enrol_renewed(&identity).await
    };
    let mut wait = ENROL_AGAIN;
    while let Err(refusal) = enrol().await {
        tracing::debug!("the store does not know us yet: {refusal}");
        sleep(wait).await;
        wait = (wait * 2).min(BACKOFF.0);
    }
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    tracing::error!("the authority cannot be replaced: {error}");
    Refusal::Failed
}

/// How long to wait: longer each time, and not as long as everybody else.
pub(super) fn longer(wait: &mut Duration) -> Duration {
    let now = *wait / 2 + wait.mul_f64(chance());
    *wait = (*wait * 2).min(BACKOFF.1);
    now
}

/// From 0 to 1, different on each host.
fn chance() -> f64 {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    f64::from(nanos % 1009) / 1009.0
}
