//! `sys`: this machine and the environment; `sys/fwupd`: its firmware.

use super::args::Args;
use super::declaration::{Function, Site, answer, told};
use super::error::{Error, Result};
use super::sources::{MachineFact, SourceRequest};
use crate::value::Value;

const LOAD: &str = "struct{x1: 0.5; x5: 0.25; x15: 0.125}";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::source(
        "sys.cpu_count",
        &["func() int"],
        "The number of processors that are online.",
        &[told("sys.cpu_count()", "2", "2")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::CpuCount)),
        answer,
    ),
    Function::source(
        "sys.getenv",
        &["func(name str) str"],
        "A variable of the environment. One that is not set can be caught.",
        &[
            told("sys.getenv(\"HOME\")", "{\"HOME\": \"/root\"}", "\"/root\""),
            told("sys.getenv(\"X\")", "{}", "error: environment variable not set: X"),
        ],
        environment,
        |_, args, env| {
            let name = args.str(0)?;
            let value = variable(env, name)?;
            value.ok_or_else(|| Error::catchable(format!("environment variable not set: {name}")))
        },
    ),
    Function::source(
        "sys.hasenv",
        &["func(name str) bool"],
        "Whether a variable of the environment is set.",
        &[told("sys.hasenv(\"X\")", "{\"HOME\": \"/root\"}", "false")],
        environment,
        |_, args, env| Ok(Value::Bool(variable(env, args.str(0)?)?.is_some())),
    ),
    Function::source(
        "sys.env",
        &["func() map{str: str}"],
        "All variables of the environment.",
        &[told("sys.env()", "{\"HOME\": \"/root\"}", "{\"HOME\": \"/root\"}")],
        environment,
        answer,
    ),
    Function::source(
        "sys.hostname",
        &["func() str"],
        "The name of this machine.",
        &[told("sys.hostname()", "\"ann\"", "\"ann\"")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::Hostname)),
        answer,
    ),
    Function::source(
        "sys.load",
        &["func() struct{x1 float; x5 float; x15 float}"],
        "The load of this machine over 1, 5 and 15 minutes, every 5 seconds.",
        &[told("sys.load()", LOAD, LOAD)],
        |_, _| Ok(SourceRequest::Machine(MachineFact::Load)),
        answer,
    ),
    Function::source(
        "sys.uptime",
        &["func() int"],
        "Seconds since this machine started, every second.",
        &[told("sys.uptime()", "77", "77")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::Uptime)),
        answer,
    ),
    Function::source(
        "sys/fwupd.reboot_needed",
        &["func() bool"],
        "Whether new firmware waits for a restart. Only fwupd knows, over D-Bus, and is not asked: it stays false.",
        &[told("fwupd.reboot_needed()", "false", "false")],
        |_, _| Ok(SourceRequest::Machine(MachineFact::FirmwareRestart)),
        answer,
    ),
];

fn environment(_: &Site<'_>, _: Args<'_>) -> Result<SourceRequest> {
    Ok(SourceRequest::Environment)
}

pub(super) fn variable(env: &Value, name: &str) -> Result<Option<Value>> {
    Ok(Args(std::slice::from_ref(env)).map(0)?.get(&Value::from(name)).cloned())
}
