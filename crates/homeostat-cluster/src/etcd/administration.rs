//! What is asked of etcd that is not about keys: its members, and how it does.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{AlarmAction, AlarmMember, AlarmOptions, AlarmType, CompactionOptions, MemberAddOptions};
use homeostat_engine::store::StoreError;

use super::error::Failed;
use super::form::{Namespace, number};
use super::link::{Again, Connection, Link};
use super::options::OptionsError;

/// To rewrite a file of some gigabytes on a slow disk.
const REWRITE_PATIENCE: Duration = Duration::from_secs(600);

/// What is asked of etcd that is not about keys.
#[derive(Clone)]
pub struct Administration {
    link: Arc<Link>,
    pub(super) namespace: Namespace,
}

/// A member as etcd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMember {
    /// Its number, which no other member ever gets.
    pub id: u64,
    /// Its name; none until it has started for the first time.
    pub name: Option<String>,
    /// Where the others reach it.
    pub peer_urls: Vec<String>,
    /// Where it answers clients; nowhere until it has started for the first time.
    pub client_urls: Vec<String>,
    /// Whether it has no vote yet.
    pub is_learner: bool,
}

/// How one member does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Its number.
    pub id: u64,
    /// The version of its etcd.
    pub version: String,
    /// The member that leads, as far as this one knows.
    pub leader: Option<u64>,
    /// The size of its file, in bytes.
    pub file_bytes: u64,
    /// How much of the file is in use.
    pub used_bytes: u64,
    /// The last entry of its log that it has carried out.
    pub applied: u64,
    /// What it complains about, such as `NOSPACE`.
    pub complaints: Vec<String>,
}

/// Why etcd did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The learner does not have everything yet: ask again soon.
    #[error("the learner is still catching up")]
    Behind,
    /// etcd thinks that the change would cost the quorum, or that a member does not answer: ask again later.
    #[error("etcd holds its members for too unwell for a change")]
    Unwell,
    /// It is so already.
    #[error("it is so already")]
    Already,
    /// There is no such member, user or role.
    #[error("etcd knows nothing of it")]
    Unknown,
    /// A name that means something else.
    #[error("no host can be called `{0}`")]
    Reserved(String),
    /// Something else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failed> for Refusal {
    fn from(failed: Failed) -> Self {
        Self::Store(failed.into())
    }
}

/// Reads what etcd says about changes; none for what has a general meaning.
fn refusal(error: &etcd_client::Error) -> Option<Refusal> {
    let etcd_client::Error::GRpcStatus(status) = error else { return None };
    let said = status.message().strip_prefix("etcdserver: ")?;
    match said {
        "can only promote a learner member which is in sync with leader" => Some(Refusal::Behind),
        "unhealthy cluster"
        | "re-configuration failed due to not enough started members"
        | "too many learner members in cluster" => Some(Refusal::Unwell),
        "can only promote a learner member"
        | "mvcc: required revision has been compacted"
        | "member ID already exist"
        | "Peer URLs already exists"
        | "user name already exists"
        | "role name already exists" => Some(Refusal::Already),
        "member not found"
        | "user name not found"
        | "role name not found"
        | "role is not granted to the user"
        | "permission is not granted to the role" => Some(Refusal::Unknown),
        _ => None,
    }
}

impl Administration {
    pub(super) fn new(link: Arc<Link>, namespace: Namespace) -> Self {
        Self { link, namespace }
    }

    /// The same, asking the one at this URL and nobody else.
    pub fn of(&self, url: &str) -> Result<Self, OptionsError> {
        let mut options = self.link.options().clone();
        options.urls = vec![url.into()];
        options.check()?;
        Ok(Self { link: Arc::new(Link::to_one(options)), namespace: self.namespace.clone() })
    }

    /// All members. etcd before 3.5 tells those that the one that is asked knows: so that one is first asked for something that it can only
    /// tell when it has carried out all that was decided before.
    pub async fn members(&self) -> Result<Vec<ServerMember>, Refusal> {
        let key = self.namespace.key("");
        let listed = self.ask(Again::Harmless, |mut at| {
            let key = key.clone();
            async move {
                at.kv.get(key, None).await?;
                at.cluster.member_list().await
            }
        });
        let listed = listed.await?;
        let members = listed.members().iter().map(|member| ServerMember {
            id: member.id(),
            name: Some(member.name().to_owned()).filter(|name| !name.is_empty()),
            peer_urls: member.peer_urls().to_vec(),
            client_urls: member.client_urls().to_vec(),
            is_learner: member.is_learner(),
        });
        Ok(members.collect())
    }

    /// Adds a member without a vote; says its number.
    pub async fn add_learner(&self, peer_url: &str) -> Result<u64, Refusal> {
        let added = self.ask(Again::Never, |mut at| async move {
            at.cluster
                .member_add(vec![peer_url.to_owned()], Some(MemberAddOptions::new().with_is_learner()))
                .await
        });
        Ok(added.await?.member().map_or(0, etcd_client::Member::id))
    }

    /// Gives a learner a vote.
    pub async fn promote(&self, id: u64) -> Result<(), Refusal> {
        self.ask(Again::Never, |mut at| async move { at.cluster.member_promote(id).await.map(drop) }).await
    }

    /// Removes a member for good: its server ends, and its number never returns.
    pub async fn remove(&self, id: u64) -> Result<(), Refusal> {
        self.ask(Again::Never, |mut at| async move { at.cluster.member_remove(id).await.map(drop) }).await
    }

    /// How the member that is asked does.
    pub async fn health(&self) -> Result<Health, Refusal> {
        let says = self.ask(Again::Harmless, |mut at| async move { at.maintenance.status().await }).await?;
        Ok(Health {
            id: says.header().map_or(0, etcd_client::ResponseHeader::member_id),
            version: says.version().to_owned(),
            leader: Some(says.leader()).filter(|leader| *leader != 0),
            file_bytes: number(says.db_size()),
            used_bytes: number(says.raft_used_db_size()),
            applied: says.raft_applied_index(),
            complaints: says.errors().to_vec(),
        })
    }

    /// Forgets what was before now: keys have their last value only. Takes up to minutes.
    pub async fn compact(&self) -> Result<(), Refusal> {
        let key = self.namespace.key("");
        let now = self.ask(Again::Harmless, |mut at| {
            let key = key.clone();
            async move { at.kv.get(key, None).await }
        });
        let revision = now.await?.header().map_or(0, etcd_client::ResponseHeader::revision);
        let options = CompactionOptions::new().with_physical();
        let compacted = self.ask_within(REWRITE_PATIENCE, Again::Never, |mut at| {
            let options = options.clone();
            async move { at.kv.compact(revision, Some(options)).await.map(drop) }
        });
        match compacted.await {
            // Another member did, and nothing was written since.
            Err(Refusal::Already) => Ok(()),
            done => done,
        }
    }

    /// Makes the file of the member that is asked as small as it can be. It answers nobody meanwhile, up to minutes.
    pub async fn defragment(&self) -> Result<(), Refusal> {
        let defragmented = self.ask_within(REWRITE_PATIENCE, Again::Never, |mut at| async move {
            at.maintenance.defragment().await.map(drop)
        });
        defragmented.await
    }

    /// The members that said that they have no space, whether they are members still or not.
    pub async fn alarmed(&self) -> Result<Vec<u64>, Refusal> {
        let listed = self.ask(Again::Harmless, |mut at| async move {
            at.maintenance.alarm(AlarmAction::Get, AlarmType::Nospace, None).await
        });
        Ok(listed.await?.alarms().iter().map(AlarmMember::member_id).collect())
    }

    /// Ends the alarm of a member that it has no space, after there is some again.
    pub async fn disarm(&self, id: u64) -> Result<(), Refusal> {
        let mut options = AlarmOptions::new();
        options.with_member(id);
        self.ask(Again::Harmless, |mut at| {
            let options = options.clone();
            async move {
                let (action, alarm) = (AlarmAction::Deactivate, AlarmType::Nospace);
                at.maintenance.alarm(action, alarm, Some(options)).await.map(drop)
            }
        })
        .await
    }

    pub(super) async fn ask<T, F>(
        &self,
        again: Again,
        request: impl Fn(Connection) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        self.ask_within(self.link.options().times.request, again, request).await
    }

    async fn ask_within<T, F>(
        &self,
        patience: Duration,
        again: Again,
        request: impl Fn(Connection) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        // Refused with a meaning of its own is an answer, not a failure of the connection.
        let asked = self.link.ask_within(patience, again, |at| {
            let request = request(at);
            async move {
                match request.await {
                    Ok(answer) => Ok(Ok(answer)),
                    Err(error) => refusal(&error).map_or(Err(error), |refusal| Ok(Err(refusal))),
                }
            }
        });
        asked.await?
    }
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Administration").field(&self.link.urls()).finish()
    }
}
