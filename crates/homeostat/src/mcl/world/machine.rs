//! What the kernel says of this machine.

use std::fs;

use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, Error};

fn read(path: &str) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::permanent(format!("{path}: {error}")))
}

/// Seconds since the start.
pub(super) fn uptime() -> Answer {
    let text = read("/proc/uptime")?;
    let seconds: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    Ok(Value::Int(seconds as i64))
}

/// The load over 1, 5 and 15 minutes.
pub(super) fn load() -> Answer {
    let text = read("/proc/loadavg")?;
    let mut words = text.split(' ').map(|word| word.parse().unwrap_or_default());
    Ok(Value::structure(
        ["x1", "x5", "x15"].map(|name| (name, Value::Float(words.next().unwrap_or_default()))),
    ))
}

/// The processors that are online.
pub(super) fn cpus() -> Answer {
    let text = read("/proc/stat")?;
    let is_cpu = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    Ok(Value::Int(i64::try_from(text.lines().filter(is_cpu).count()).unwrap_or(1)))
}

/// Whether a hypervisor is below.
pub(super) fn is_virtual() -> Answer {
    let text = read("/proc/cpuinfo")?;
    let is_flag = |line: &str| line.starts_with("flags") && line.split(' ').any(|flag| flag == "hypervisor");
    Ok(Value::Bool(text.lines().any(is_flag)))
}

/// The names of the loaded modules of the kernel.
pub(super) fn kernel_modules() -> Answer {
    let text = fs::read_to_string("/proc/modules").unwrap_or_default();
    Ok(Value::list(text.lines().filter_map(|line| line.split(' ').next()).map(Value::from)))
}
