//! What one call was asked for.

use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: homeostat-scale [--agents N] [--collect origin|all] [--away SECONDS] [--idle SECONDS] [--within SECONDS]

  --agents N        so many, beside the one whose export changes (30)
  --collect WHOM    what each collects: the export of one host, or those of all (origin)
  --away SECONDS    how long the store is away (60)
  --idle SECONDS    how long nothing happens, for the figures of that (20)
  --within SECONDS  what has not converged after so long is wrong (300)";

/// Whose exports an agent collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collect {
    /// Those of the host `origin`.
    Origin,
    /// Those of everybody.
    All,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) agents: usize,
    pub(crate) collect: Collect,
    pub(crate) away: Duration,
    pub(crate) idle: Duration,
    pub(crate) within: Duration,
}

impl Settings {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self {
            agents: 30,
            collect: Collect::Origin,
            away: Duration::from_secs(60),
            idle: Duration::from_secs(20),
            within: Duration::from_secs(300),
        };
        while let Some(flag) = args.next() {
            let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{flag}: `{value}` is no number"));
            match flag.as_str() {
                "--agents" => settings.agents = usize::try_from(number()?).unwrap_or_default().max(1),
                "--collect" => {
                    settings.collect = match value.as_str() {
                        "origin" => Collect::Origin,
                        "all" => Collect::All,
                        _ => return Err(format!("--collect: `{value}` is neither `origin` nor `all`")),
                    }
                }
                "--away" => settings.away = Duration::from_secs(number()?),
                "--idle" => settings.idle = Duration::from_secs(number()?),
                "--within" => settings.within = Duration::from_secs(number()?),
                _ => return Err(format!("there is no {flag}")),
            }
        }
        Ok(settings)
    }
}
