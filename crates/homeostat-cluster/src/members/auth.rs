//! Who may do what in etcd: users by the common names of their certificates, roles by ranges of keys.
//!
//! A host writes below its own keys only, and reads what is shared. A member has etcd's `root` role, since only that may change
//! members: it is trusted with the whole store. What ranges cannot tell is said in `docs/cluster.md`.

use homeostat_engine::store::keys;

use crate::etcd::{Access, Administration, Keys, Refusal};
use crate::identity::Role;

/// etcd's own role for those who may do everything.
const ROOT: &str = "root";
/// What every host may do.
const EVERYBODY: &str = "homeostat";
/// What every host may read. The rest of `cluster/` is for members.
const SHARED: &[Keys<'static>] = &[
    Keys::Below(keys::HOSTS),
    Keys::Below(keys::KV),
    Keys::Below(keys::KEYS),
    Keys::Below("vertices/"),
    Keys::Below("exports/"),
    Keys::Below("facts/"),
    Keys::Below("services/"),
    Keys::Below(keys::DEPLOYS),
    Keys::Below(keys::BLOBS),
    Keys::Below(keys::HOLDS),
    Keys::Below(keys::ROLLOUTS),
    Keys::Below(keys::OPERATORS),
    Keys::Below(keys::MEMBERS),
    Keys::Below(keys::CLUSTER_CANDIDATES),
    Keys::Below(keys::CLUSTER_REFUSED),
    // Single keys, which are followed as ranges.
    Keys::Below(keys::CLUSTER_MEMBERS),
    Keys::Below(keys::CLUSTER_SIZE),
    Keys::Below(keys::CLUSTER_ELECTED),
    Keys::Below(keys::CLUSTER_STEP),
    Keys::Below(keys::CLUSTER_RECOVERED),
    Keys::Below(keys::CLUSTER_AUTHORITY),
];

/// Sets up a new etcd for its first member, and closes it: from then on, roles count. Doing it again is as good as once.
pub(super) async fn begin(etcd: &Administration, host: &str) -> Result<(), Refusal> {
    etcd.add_role(EVERYBODY).await?;
    share(etcd).await?;
    etcd.allow(EVERYBODY, Access::ReadWrite, &[Keys::Below(keys::KV_ONE)]).await?;
    etcd.add_role(ROOT).await?;
    // etcd wants a user of that name; nobody has its certificate.
    etcd.add_user(ROOT).await?;
    etcd.grant_role(ROOT, ROOT).await?;
    add_host(etcd, host).await?;
    add_member(etcd, host).await?;
    etcd.enable_roles().await
}

/// Lets everybody read what is shared now, also where it was set up before some of that was. Doing it again is as good as once.
pub(super) async fn share(etcd: &Administration) -> Result<(), Refusal> {
    etcd.allow(EVERYBODY, Access::Read, SHARED).await
}

/// Lets a host in: who has a certificate with its name is that host from then on. Doing it again is as good as once.
pub async fn add_host(etcd: &Administration, host: &str) -> Result<(), Refusal> {
    if host == ROOT {
        return Err(Refusal::Reserved(host.into()));
    }
    let role = role_of(host);
    etcd.add_role(&role).await?;
    let single = [keys::host(host), keys::facts(host), keys::key_of(host), keys::holds(host)];
    let prefixes = [keys::vertices_of(host), keys::exports_of(host), keys::kv_each_of(host)];
    let own =
        single.iter().map(|key| Keys::One(key)).chain(prefixes.iter().map(|prefix| Keys::Below(prefix)));
    etcd.allow(&role, Access::ReadWrite, &own.collect::<Vec<_>>()).await?;
    etcd.add_user(host).await?;
    etcd.grant_role(host, EVERYBODY).await?;
    etcd.grant_role(host, &role).await
}

/// Lets in a host that has joined as this. Doing it again is as good as once.
pub async fn let_in(etcd: &Administration, host: &str, role: Role) -> Result<(), Refusal> {
    add_host(etcd, host).await?;
    match role {
        Role::Agent => Ok(()),
        Role::Member => add_member(etcd, host).await,
    }
}

/// Trusts a host with the whole store, so that it may be a member.
pub async fn add_member(etcd: &Administration, host: &str) -> Result<(), Refusal> {
    etcd.grant_role(host, ROOT).await
}

/// Takes that back.
pub async fn demote(etcd: &Administration, host: &str) -> Result<(), Refusal> {
    etcd.revoke_role(host, ROOT).await
}

/// Lets a host say where its service is.
pub async fn allow_service(etcd: &Administration, host: &str, service: &str) -> Result<(), Refusal> {
    let key = keys::service(service, host);
    etcd.allow(&role_of(host), Access::ReadWrite, &[Keys::One(&key)]).await
}

/// Shuts a host out: its certificate opens nothing any more.
pub async fn remove_host(etcd: &Administration, host: &str) -> Result<(), Refusal> {
    etcd.remove_user(host).await?;
    etcd.remove_role(&role_of(host)).await
}

/// No host can be named like a role of etcd's or ours: none has a slash.
fn role_of(host: &str) -> String {
    format!("host/{host}")
}
