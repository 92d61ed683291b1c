//! Time.

use std::time::Duration;

use homeostat_lang::Value;
use homeostat_lang::functions::Sink;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::time::{MissedTickBehavior, interval};

/// The time at the beginning of every interval.
pub(super) async fn every(between: Duration, sink: Sink) {
    let between = between.max(Duration::from_millis(10));
    loop {
        let now = Timestamp::now();
        sink(Ok(time(now)));
        let into = u128::try_from(now.as_millisecond()).unwrap_or_default() % between.as_millis();
        let left = u64::try_from(between.as_millis() - into).unwrap_or(1);
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}

/// How often the interval has passed.
pub(super) async fn count(between: Duration, sink: Sink) {
    let mut ticks = interval(between.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut count = 0;
    loop {
        ticks.tick().await;
        sink(Ok(Value::Int(count)));
        count += 1;
    }
}

/// A value, when it is that old: whoever asks with another value asks anew.
pub(super) async fn later(value: Value, age: Duration, sink: Sink) {
    tokio::time::sleep(age).await;
    sink(Ok(value));
}

fn time(now: Timestamp) -> Value {
    let zoned = now.to_zoned(TimeZone::system());
    Value::structure([
        ("epoch", Value::Int(now.as_second())),
        ("offset", Value::Int(zoned.offset().seconds().into())),
        ("zone", Value::from(abbreviation(&zoned))),
    ])
}

/// The local time zone at a time.
pub(super) fn zone(epoch: i64) -> Value {
    let at = Timestamp::from_second(epoch).unwrap_or(Timestamp::UNIX_EPOCH);
    let zoned = at.to_zoned(TimeZone::system());
    Value::structure([
        ("offset", Value::Int(zoned.offset().seconds().into())),
        ("zone", Value::from(abbreviation(&zoned))),
    ])
}

fn abbreviation(zoned: &Zoned) -> String {
    zoned.time_zone().to_offset_info(zoned.timestamp()).abbreviation().to_owned()
}
