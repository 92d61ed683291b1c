//! Reading many keys: in pieces, all of one revision.

use etcd_client::{GetOptions, GetResponse};
use homeostat_engine::store::Entry;

use super::error::Failed;
use super::form::{Namespace, end_of, entry, number, signed};
use super::link::{Again, Link};

/// Keys in one answer at first; fewer when their values are so large that the answer is not taken.
const KEYS_MAX: i64 = 1000;
/// How often a range is begun again because its revision was compacted meanwhile.
const BEGINNINGS_MAX: u32 = 5;

/// The entries below a prefix, and the revision at which they were read.
pub(super) async fn read(
    link: &Link,
    namespace: &Namespace,
    prefix: &str,
) -> Result<(Vec<Entry>, u64), Failed> {
    let mut beginnings = 0;
    loop {
        match read_once(link, namespace, prefix).await {
            Err(Failed::OtherTime) if beginnings < BEGINNINGS_MAX => beginnings += 1,
            other => return other,
        }
    }
}

async fn read_once(link: &Link, namespace: &Namespace, prefix: &str) -> Result<(Vec<Entry>, u64), Failed> {
    let below = namespace.key(prefix);
    let end = end_of(&below);
    let (mut from, mut limit, mut revision) = (below, KEYS_MAX, 0);
    let mut entries = Vec::new();
    loop {
        let options =
            GetOptions::new().with_range(end.clone()).with_limit(limit).with_revision(signed(revision));
        let page = page(link, from.clone(), options).await;
        let mut page = match page {
            Err(Failed::TooMuch) if limit > 1 => {
                limit /= 2;
                continue;
            }
            other => other?,
        };
        if revision == 0 {
            revision = page.header().map_or(0, |header| number(header.revision()));
        }
        let more = page.more();
        let found = page.take_kvs();
        if let (true, Some(last)) = (more, found.last()) {
            // The least key after the last one.
            from = [last.key(), &[0]].concat();
        }
        entries.extend(found.into_iter().filter_map(|found| entry(namespace, found)));
        if !more {
            return Ok((entries, revision));
        }
    }
}

async fn page(link: &Link, from: Vec<u8>, options: GetOptions) -> Result<GetResponse, Failed> {
    link.ask(Again::Harmless, |mut at| {
        let (from, options) = (from.clone(), options.clone());
        async move { at.kv.get(from, Some(options)).await }
    })
    .await
}
