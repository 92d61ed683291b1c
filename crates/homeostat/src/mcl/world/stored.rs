//! What stores hold: values of this host, values and exports of all.

use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use homeostat_cluster::exchange;
use homeostat_engine::store::{StoreError, keys};
use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, Error, Sink};
use homeostat_model::catalog::ExportDecl;
use homeostat_model::{Value as Model, hosts};
use tokio::sync::watch;

use super::followed::{Entries, Followed};
use crate::mcl::stores::Stores;

/// What the programs of this host export now.
pub(crate) type OwnExports = watch::Receiver<Arc<[ExportDecl]>>;

/// Says what stands under one key, or below a prefix.
pub(super) async fn follow(mut followed: Followed, sink: Sink, answer: impl Fn(&Entries) -> Answer) {
    loop {
        sink(answer(followed.next().await));
    }
}

/// A range of the store that hosts share.
pub(super) fn shared(stores: &Stores, prefix: String) -> Followed {
    let memory = stores.is_shared().then(|| stores.own.clone());
    Followed::new(stores.shared.clone(), memory, prefix)
}

/// The value under a key that all hosts have in common.
pub(super) fn common(entries: &Entries, key: &str) -> Answer {
    let text = entries.get(key).and_then(|stored| keys::kv_text(stored));
    Ok(Value::structure([
        ("value", Value::from(text.unwrap_or_default())),
        ("exists", Value::Bool(text.is_some())),
    ]))
}

/// The values that hosts have of their own, by the hosts.
pub(super) fn by_host(entries: &Entries, namespace: &str) -> Answer {
    let pairs = entries.iter().filter_map(|(key, stored)| {
        let (host, key) = keys::parse_kv_each(key)?;
        (key == namespace).then_some(())?;
        Some((Value::from(host), Value::from(keys::kv_text(stored)?)))
    });
    Ok(Value::map(pairs))
}

/// What a resource of the kind `value` stored.
pub(super) fn value(entries: &Entries, key: &str) -> Answer {
    let stored = entries.get(key).and_then(|stored| keys::value_of(stored));
    let stored = stored.and_then(|stored| Value::try_from(&stored).ok());
    let ready = Value::Bool(stored.is_some());
    Ok(match stored {
        Some(value) => Value::structure([("value", value), ("ready", ready)]),
        None => Value::structure([("ready", ready)]),
    })
}

/// Which resources of a kind are exported to this host: by the others, as the store says, and by itself.
pub(super) async fn exports(
    stores: Option<Stores>,
    mut own: OwnExports,
    (kind, host): (Arc<str>, Arc<str>),
    sink: Sink,
) {
    let others = stores.filter(Stores::is_shared);
    let key = others.as_ref().and_then(|stores| stores.key.clone());
    let mut followed = others.map(|stores| shared(&stores, keys::EXPORTS.to_owned()));
    let mut of_others = followed.is_none().then(BTreeSet::new);
    loop {
        if let Some(of_others) = &of_others {
            let exports = own.borrow_and_update().clone();
            let ours = exports
                .iter()
                .filter(|export| export.resource.id.kind.as_str() == &*kind && is_for(&export.hosts, &host));
            let ours = ours.map(|export| (export.resource.id.name.clone(), host.clone()));
            let all: BTreeSet<_> = ours.chain(of_others.iter().cloned()).collect();
            let pairs = all.into_iter().map(|(name, host)| {
                Value::structure([("name", Value::Str(name)), ("host", Value::Str(host))])
            });
            sink(Ok(Value::list(pairs)));
        }
        tokio::select! {
            changed = own.changed() => if changed.is_err() { return },
            entries = next(followed.as_mut()) => {
                let Some(key) = &key else { continue };
                let found = entries.iter().filter_map(|(at, stored)| {
                    let (from, id) = keys::parse_export(at)?;
                    let is_meant = id.kind.as_str() == &*kind && *from != *host;
                    let offer = is_meant.then(|| exchange::read(at, stored, &host, key))?.ok()?;
                    is_for(&offer.hosts, &host).then_some((id.name, offer.from))
                });
                of_others = Some(found.collect());
            }
        }
    }
}

fn is_for(patterns: &[Arc<str>], host: &str) -> bool {
    patterns.is_empty() || hosts::any_matches(patterns.iter().map(|pattern| &**pattern), host)
}

async fn next(followed: Option<&mut Followed>) -> &Entries {
    match followed {
        Some(followed) => followed.next().await,
        None => std::future::pending().await,
    }
}

/// The number of a name in a pool: the one that it has, or the first that nobody has.
pub(super) async fn number(stores: Stores, pool: Arc<str>, uid: Arc<str>) -> Answer {
    let _one_after_the_other = stores.pools.lock().await;
    let prefix = keys::pool(&pool);
    let key = format!("{prefix}{uid}");
    let (entries, _) = stores.own.range(&prefix).await.map_err(failure)?;
    let number = |stored: &[u8]| match keys::value_of(stored) {
        Some(Model::Int(number)) => Some(number),
        _ => None,
    };
    if let Some(known) =
        entries.iter().find(|entry| *entry.key == *key).and_then(|entry| number(&entry.value))
    {
        return Ok(Value::Int(known));
    }
    let taken: BTreeSet<i64> = entries.iter().filter_map(|entry| number(&entry.value)).collect();
    let free = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
    if stores.may_write {
        stores.own.put(&key, &keys::value_form(&Model::Int(free)), None).await.map_err(failure)?;
    }
    Ok(Value::Int(free))
}

/// A directory for data that stays, closed to others.
pub(super) fn directory(stores: &Stores, path: &str) -> Answer {
    let directory = stores.var.join(path);
    if stores.may_write {
        make(&directory)
            .map_err(|error| Error::permanent(format!("cannot make {}: {error}", directory.display())))?;
    }
    let text = directory.to_string_lossy();
    Ok(Value::from(format!("{}/", text.trim_end_matches('/'))))
}

#[allow(clippy::disallowed_methods)]
fn make(directory: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn failure(error: StoreError) -> Error {
    Error::permanent(error.to_string())
}
