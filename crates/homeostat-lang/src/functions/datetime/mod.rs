//! `datetime`: the time, in the local time zone.

mod layout;

use super::args::Args;
use super::declaration::{Function, Site, gives, told};
use super::error::{Error, Result};
use super::sources::SourceRequest;
use crate::value::Value;
use layout::Moment;

const SECOND_MS: u64 = 1000;
/// How Go prints a time.
const GO_DEFAULT: &str = "2006-01-02 15:04:05 -0700 MST";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::source(
        "datetime.now",
        &["func() int"],
        "Seconds since 1970, every second.",
        &[told("datetime.now()", "struct{epoch: 1700000000; offset: 0; zone: \"UTC\"}", "1700000000")],
        every_second,
        |_, _, clock| Ok(field(clock, "epoch")?.clone()),
    ),
    Function::source(
        "datetime.str_now",
        &["func() str"],
        "The time as text, every second.",
        &[told(
            "datetime.str_now()",
            "struct{epoch: 1700000000; offset: 3600; zone: \"CET\"}",
            "\"2023-11-14 23:13:20 +0100 CET\"",
        )],
        every_second,
        |_, _, clock| text(clock, GO_DEFAULT),
    ),
    Function::source(
        "datetime.weekday_fast",
        &["func() str"],
        "The day of the week in English, small letters, looked up every second.",
        &[told(
            "datetime.weekday_fast()",
            "struct{epoch: 1700000000; offset: 0; zone: \"UTC\"}",
            "\"tuesday\"",
        )],
        every_second,
        |_, _, clock| weekday(clock),
    ),
    Function::source(
        "datetime.format",
        &["func(a int, layout str) str"],
        "A time (seconds since 1970) as text. The layout shows how Go's reference time would look: \
         `Mon Jan 2 15:04:05 MST 2006`.",
        &[
            told(
                "datetime.format(1700000000, \"2006-01-02T15:04:05Z07:00\")",
                "struct{offset: 3600; zone: \"CET\"}",
                "\"2023-11-14T23:13:20+01:00\"",
            ),
            gives("datetime.format(-1, \"2006\")", "error: epoch delta must be positive"),
        ],
        zone,
        |_, args, zone| text(&with_epoch(args, zone)?, args.str(1)?),
    ),
    Function::source(
        "datetime.hour",
        &["func(a int) int"],
        "The hour of the day of a time (seconds since 1970).",
        &[told("datetime.hour(1700000000)", "struct{offset: -3600; zone: \"X\"}", "21")],
        zone,
        |_, args, zone| Ok(Value::Int(moment(&with_epoch(args, zone)?)?.hour())),
    ),
    Function::source(
        "datetime.print",
        &["func(a int) str"],
        "A time (seconds since 1970) as text.",
        &[told("datetime.print(0)", "struct{offset: 0; zone: \"UTC\"}", "\"1970-01-01 00:00:00 +0000 UTC\"")],
        zone,
        |_, args, zone| text(&with_epoch(args, zone)?, GO_DEFAULT),
    ),
    Function::source(
        "datetime.weekday",
        &["func(a int) str"],
        "The day of the week of a time (seconds since 1970) in English, small letters.",
        &[told("datetime.weekday(0)", "struct{offset: 0; zone: \"UTC\"}", "\"thursday\"")],
        zone,
        |_, args, zone| weekday(&with_epoch(args, zone)?),
    ),
];

fn every_second(_: &Site<'_>, _: Args<'_>) -> Result<SourceRequest> {
    Ok(SourceRequest::Clock { interval_ms: SECOND_MS })
}

fn zone(_: &Site<'_>, args: Args<'_>) -> Result<SourceRequest> {
    let epoch = args.int(0)?;
    if epoch < 0 {
        return Err(Error::permanent("epoch delta must be positive"));
    }
    Ok(SourceRequest::Zone { epoch })
}

/// What is asked about a zone does not repeat the time.
fn with_epoch(args: Args<'_>, zone: &Value) -> Result<Value> {
    let (offset, zone) = (field(zone, "offset")?.clone(), field(zone, "zone")?.clone());
    Ok(Value::structure([("epoch", Value::Int(args.int(0)?)), ("offset", offset), ("zone", zone)]))
}

pub(super) fn field<'a>(answer: &'a Value, name: &str) -> Result<&'a Value> {
    answer.field(name).ok_or_else(|| Error::permanent(format!("the source said nothing about `{name}`")))
}

fn moment(clock: &Value) -> Result<Moment> {
    let (epoch, offset) = (field(clock, "epoch")?, field(clock, "offset")?);
    let (Value::Int(epoch), Value::Int(offset)) = (epoch.reveal(), offset.reveal()) else {
        return Err(Error::permanent("the source said no time"));
    };
    let zone = field(clock, "zone")?.as_str().unwrap_or_default();
    Moment::new(*epoch, *offset, zone)
        .ok_or_else(|| Error::permanent(format!("the time {epoch} is too far away")))
}

fn text(clock: &Value, layout: &str) -> Result<Value> {
    Ok(Value::from(moment(clock)?.format(layout)))
}

fn weekday(clock: &Value) -> Result<Value> {
    Ok(Value::from(moment(clock)?.weekday().to_lowercase()))
}
