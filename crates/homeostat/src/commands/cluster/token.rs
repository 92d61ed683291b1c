//! `homeostat cluster token`

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use homeostat_cluster::identity::Role;

use super::ask;
use crate::exit::Exit;
use crate::place::Prefix;
use crate::place::desk::ClusterRequest;
use crate::terminal::Terminal;

const TTL_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Make a token with which other hosts join, and print the join string
///
/// Talks to the running agent of a member. The join string is the last line of standard output. It is a secret until it has
/// ended or is used up.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// How long it can be used: a number and s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    ttl: Duration,
    /// How many hosts can join with it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    uses: u32,
    /// Who joins with it may run a part of the store, and can do whatever the cluster can
    #[arg(long)]
    member: bool,
}

pub(super) fn run(args: &TokenArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let role = if args.member { Role::Member } else { Role::Agent };
    let request = ClusterRequest::Token { ttl: args.ttl, uses: args.uses, role };
    let join_string = ask(prefix, request)?.context("the agent made no token")?;
    terminal.print(&format!("{join_string}\n"))?;
    Ok(Exit::Done)
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a number and s, m, h or d, such as 90m; at most 30d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let duration = number.checked_mul(unit).map(Duration::from_secs);
    duration.filter(|duration| !duration.is_zero() && *duration <= TTL_MAX).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_an_end() {
        assert_eq!(duration("90m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("30d"), Ok(TTL_MAX));
        for text in ["", "1", "h", "0s", "31d", "-1h", "1.5h", "99999999999999999999h", "1é"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
