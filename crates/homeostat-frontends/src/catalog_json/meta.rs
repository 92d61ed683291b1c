//! Meta parameters as they are written, where they are not the default.

use homeostat_model::Meta;
use homeostat_model::meta::{Limit, Retry};
use serde_json::{Map, Value as Json};

pub(super) fn to_json(meta: &Meta) -> Map<String, Json> {
    // Spelled out, so that a new one cannot be forgotten.
    let Meta {
        noop,
        retry,
        retry_given,
        retry_reset,
        delay_ms,
        timeout_seconds,
        poll_seconds,
        limit,
        limit_reset,
        semaphores,
        rewatch,
        realize,
        dollar,
        hidden,
        export,
        reverse,
        autoedge,
        autogroup,
    } = meta;
    let mut out = Map::new();
    let mut put = |name: &str, differs: bool, value: Json| {
        if differs {
            out.insert(name.to_owned(), value);
        }
    };
    let times = match retry {
        Retry::Forever => Json::from(-1),
        Retry::Times(times) => Json::from(*times),
    };
    put("noop", *noop, true.into());
    put("retry", *retry_given || *retry != Retry::Forever, times);
    put("retryreset", *retry_reset, true.into());
    put("delay", delay_ms.is_some(), (*delay_ms).into());
    put("timeout", *timeout_seconds != 0, (*timeout_seconds).into());
    put("poll", *poll_seconds != 0, (*poll_seconds).into());
    if let Some(Limit { per_second, burst }) = limit {
        put("limit", true, (*per_second).into());
        put("burst", true, (*burst).into());
    }
    put("reset", *limit_reset, true.into());
    let texts: Vec<String> =
        semaphores.iter().map(|semaphore| format!("{}:{}", semaphore.name, semaphore.count)).collect();
    put("sema", !texts.is_empty(), texts.into());
    put("rewatch", *rewatch, true.into());
    put("realize", *realize, true.into());
    put("dollar", *dollar, true.into());
    put("hidden", *hidden, true.into());
    let hosts: Vec<&str> = export.iter().map(|host| &**host).collect();
    put("export", !hosts.is_empty(), hosts.into());
    put("reverse", *reverse, true.into());
    put("autoedge", !*autoedge, false.into());
    put("autogroup", !*autogroup, false.into());
    out
}
