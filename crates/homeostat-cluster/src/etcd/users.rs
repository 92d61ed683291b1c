//! Users and roles of etcd: who may do what with which keys.

use etcd_client::{Permission, PermissionType, UserAddOptions};

use super::administration::{Administration, Refusal};
use super::form::end_of;
use super::link::Again;

/// What a role may do with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and watch.
    Read,
    /// That, and set and remove.
    ReadWrite,
}

impl Access {
    fn is_in(self, allowed: i32) -> bool {
        allowed == PermissionType::Readwrite as i32
            || self == Self::Read && allowed == PermissionType::Read as i32
    }
}

/// Which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys<'k> {
    /// This one.
    One(&'k str),
    /// All that begin so.
    Below(&'k str),
}

impl Administration {
    /// From now on, everybody may do only what roles allow. There must be a user `root` with the role `root`.
    pub async fn enable_roles(&self) -> Result<(), Refusal> {
        self.ask(Again::Harmless, |mut at| async move { at.auth.auth_enable().await.map(drop) }).await
    }

    /// Adds a user who is known by the common name of a certificate.
    pub async fn add_user(&self, name: &str) -> Result<(), Refusal> {
        let added = self.ask(Again::Never, |mut at| async move {
            at.auth.user_add(name, "", Some(UserAddOptions::new().with_no_pwd())).await.map(drop)
        });
        is_so(added.await)
    }

    /// Removes a user.
    pub async fn remove_user(&self, name: &str) -> Result<(), Refusal> {
        is_gone(
            self.ask(Again::Harmless, |mut at| async move { at.auth.user_delete(name).await.map(drop) })
                .await,
        )
    }

    /// Gives a user a role.
    pub async fn grant_role(&self, user: &str, role: &str) -> Result<(), Refusal> {
        self.ask(Again::Harmless, |mut at| async move { at.auth.user_grant_role(user, role).await.map(drop) })
            .await
    }

    /// Takes a role from a user.
    pub async fn revoke_role(&self, user: &str, role: &str) -> Result<(), Refusal> {
        let revoked = self.ask(Again::Harmless, |mut at| async move {
            at.auth.user_revoke_role(user, role).await.map(drop)
        });
        is_gone(revoked.await)
    }

    /// Adds a role.
    pub async fn add_role(&self, name: &str) -> Result<(), Refusal> {
        is_so(self.ask(Again::Never, |mut at| async move { at.auth.role_add(name).await.map(drop) }).await)
    }

    /// Removes a role, from its users too.
    pub async fn remove_role(&self, name: &str) -> Result<(), Refusal> {
        is_gone(
            self.ask(Again::Harmless, |mut at| async move { at.auth.role_delete(name).await.map(drop) })
                .await,
        )
    }

    /// Allows a role this with these, where it may not yet: each change of a role makes all clients prove themselves again.
    pub async fn allow(&self, role: &str, access: Access, all: &[Keys<'_>]) -> Result<(), Refusal> {
        let known = self.ask(Again::Harmless, |mut at| async move { at.auth.role_get(role).await }).await?;
        let known = known.permissions();
        for keys in all {
            let (from, end) = self.range(*keys);
            let is_it =
                |one: &Permission| one.key() == from && one.range_end() == end.as_deref().unwrap_or_default();
            if !known.iter().any(|one| is_it(one) && access.is_in(one.get_type())) {
                self.grant(role, access, from, end).await?;
            }
        }
        Ok(())
    }

    async fn grant(
        &self,
        role: &str,
        access: Access,
        from: Vec<u8>,
        end: Option<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let kind = match access {
            Access::Read => PermissionType::Read,
            Access::ReadWrite => PermissionType::Readwrite,
        };
        self.ask(Again::Harmless, |mut at| {
            let mut permission = Permission::new(kind, from.clone());
            if let Some(end) = &end {
                permission = permission.with_range_end(end.clone());
            }
            async move { at.auth.role_grant_permission(role, permission).await.map(drop) }
        })
        .await
    }

    fn range(&self, keys: Keys<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
        match keys {
            Keys::One(key) => (self.namespace.key(key), None),
            Keys::Below(prefix) => {
                let from = self.namespace.key(prefix);
                let end = end_of(&from);
                (from, Some(end))
            }
        }
    }
}

fn is_so(done: Result<(), Refusal>) -> Result<(), Refusal> {
    match done {
        Err(Refusal::Already) => Ok(()),
        other => other,
    }
}

fn is_gone(done: Result<(), Refusal>) -> Result<(), Refusal> {
    match done {
        Err(Refusal::Unknown) => Ok(()),
        other => other,
    }
}
