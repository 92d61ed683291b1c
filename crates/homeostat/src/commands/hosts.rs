//! `homeostat hosts`

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use homeostat_model::suggest::printable;
use serde_json::Value as Json;

use super::{TextOrJson, ask_agent, columns, pretty, runtime};
use crate::exit::Exit;
use crate::place::Prefix;
use crate::place::about::{self, About};
use crate::place::etcd::EtcdArgs;
use crate::terminal::Terminal;
use crate::views::time_text;

/// Show the hosts that share a store, and how they stand
///
/// Asks the agent that runs with the same prefix, or with --etcd that etcd. A host that ended, or was not heard of for fifteen
/// seconds, is not alive; what it exports stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat hosts
  homeostat hosts --etcd https://10.0.0.1:2379 --etcd-ca ca.pem --format json

Exit codes:
  0  done
  1  no agent runs, or the store cannot be reached
  2  bad usage")]
pub(crate) struct HostsArgs {
    /// The prefix of the agent that is asked
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// For people, or as JSON
    #[arg(long, value_enum, default_value_t)]
    format: TextOrJson,
    #[command(flatten)]
    etcd: EtcdArgs,
}

pub(crate) fn run(args: HostsArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let etcd = args.etcd.store()?;
    let prefix = Prefix::choose(args.prefix.as_deref())?;
    let hosts = runtime()?.block_on(async {
        match etcd {
            Some(store) => about::hosts(&*store).await,
            None => ask_agent(&prefix, About::Hosts).await,
        }
    })?;
    match args.format {
        TextOrJson::Json => terminal.print(&pretty(&hosts))?,
        TextOrJson::Text => terminal.print(&table(&hosts))?,
    }
    Ok(Exit::Done)
}

/// A line for each host.
fn table(hosts: &Json) -> String {
    let head = ["HOST", "ALIVE", "CONVERGED", "FAILED", "BLOCKED", "SINCE", "WHY NOT"].map(str::to_owned);
    columns(std::iter::once(head).chain(hosts.as_array().into_iter().flatten().map(row)))
}

pub(super) fn yes_or_no(value: &Json) -> String {
    match value.as_bool() {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => "-".to_owned(),
    }
}

fn row(host: &Json) -> [String; 7] {
    let summary = &host["summary"];
    let count = |name: &str| summary[name].as_u64().map_or_else(|| "-".to_owned(), |count| count.to_string());
    let since = summary["since_ms"].as_u64().map(|ms| time_text(UNIX_EPOCH + Duration::from_millis(ms)));
    let since = since.unwrap_or_else(|| "-".to_owned());
    let first = summary["why"].get(0).and_then(Json::as_str).unwrap_or_default();
    [
        printable(host["host"].as_str().unwrap_or_default()).into_owned(),
        yes_or_no(&host["alive"]),
        yes_or_no(&host["converged"]),
        count("failed"),
        count("blocked"),
        since,
        printable(first).into_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_host_is_a_line_and_one_that_is_gone_says_nothing_of_itself() {
        let why = ["file[/x]: permission denied\u{1b}"];
        let hosts = json!([
            { "host": "a", "alive": true, "converged": false,
              "summary": { "failed": 1, "blocked": 2, "since_ms": 0, "why": why } },
            { "host": "db1", "alive": false, "converged": null, "summary": null },
        ]);
        let want = "\
HOST  ALIVE  CONVERGED  FAILED  BLOCKED  SINCE                     WHY NOT
a     yes    no         1       2        1970-01-01T00:00:00.000Z  file[/x]: permission denied\\u{1b}
db1   no     -          -       -        -
";
        assert_eq!(table(&hosts), want);
    }
}
