//! The flags that name an etcd which somebody else runs; the same for every command that reads or writes the store.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use homeostat_cluster::{EtcdOptions, EtcdStore, Identity};
use homeostat_engine::Store;

use crate::exit::refused;

/// An etcd that somebody else runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct EtcdArgs {
    /// Share `kv` values through this etcd, which somebody else runs; its other members too, with commas or more flags
    #[arg(long, value_name = "URL", value_delimiter = ',', global = true)]
    etcd: Vec<String>,
    /// The authority that its certificates are checked against, as PEM
    #[arg(long, value_name = "FILE", global = true)]
    etcd_ca: Option<PathBuf>,
    /// Our certificate for it, as PEM
    #[arg(long, value_name = "FILE", global = true)]
    etcd_cert: Option<PathBuf>,
    /// The key of that certificate, as PEM
    #[arg(long, value_name = "FILE", global = true)]
    etcd_key: Option<PathBuf>,
}

impl EtcdArgs {
    /// Whether an etcd is named.
    pub(crate) fn is_given(&self) -> bool {
        !self.etcd.is_empty()
    }

    /// The store in it; none if no etcd is named. Nothing is connected yet: that it is away is no reason not to start.
    pub(crate) fn store(&self) -> anyhow::Result<Option<Arc<dyn Store>>> {
        if !self.is_given() {
            let lonely = [
                (&self.etcd_ca, "--etcd-ca"),
                (&self.etcd_cert, "--etcd-cert"),
                (&self.etcd_key, "--etcd-key"),
            ];
            return match lonely.into_iter().find(|(file, _)| file.is_some()) {
                Some((_, flag)) => Err(refused(format!("{flag} needs --etcd"))),
                None => Ok(None),
            };
        }
        let identity = match (&self.etcd_cert, &self.etcd_key) {
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            _ => return Err(refused("--etcd-cert and --etcd-key belong together")),
        };
        let options =
            EtcdOptions { authority: self.etcd_ca.clone(), identity, ..EtcdOptions::new(&self.etcd) };
        let store = EtcdStore::new(options).map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            refused(format!("--etcd: {error}{cause}"))
        })?;
        Ok(Some(Arc::new(store)))
    }
}
