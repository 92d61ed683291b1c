//! `homeostat status`

use std::path::PathBuf;

use clap::Args;
use homeostat_model::suggest::printable;
use serde_json::Value as Json;

use super::{TextOrJson, ask_agent, pretty, runtime};
use crate::exit::Exit;
use crate::place::Prefix;
use crate::place::about::About;
use crate::terminal::Terminal;

/// Show how this host stands
///
/// Asks the agent that runs with the same prefix: whether everything is in order, what is not and why, and how far the exchange
/// with other hosts is.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  done
  1  no agent runs
  2  bad usage")]
pub(crate) struct StatusArgs {
    /// The prefix of the agent
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// For people, or as JSON
    #[arg(long, value_enum, default_value_t)]
    format: TextOrJson,
}

pub(crate) fn run(args: &StatusArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let prefix = Prefix::choose(args.prefix.as_deref())?;
    let status = runtime()?.block_on(ask_agent(&prefix, About::Status))?;
    match args.format {
        TextOrJson::Json => terminal.print(&pretty(&status))?,
        TextOrJson::Text => terminal.print(&text(&status))?,
    }
    Ok(Exit::Done)
}

fn text(status: &Json) -> String {
    let yes = |name: &str| status[name].as_bool() == Some(true);
    let how = match (yes("settled"), yes("converged")) {
        (true, true) => "everything is in order",
        (true, false) => "settled, and not everything is in order",
        (false, _) => "at work",
    };
    let host = printable(status["host"].as_str().unwrap_or_default()).into_owned();
    let resources = status["totals"]["resources"].as_u64().unwrap_or_default();
    let mut out = format!("{host}: {how}; resources: {resources}\n");
    let mut push = |word: &str, texts: &Json| {
        for text in texts.as_array().into_iter().flatten().filter_map(Json::as_str) {
            out.push_str(&format!("{word} {}\n", printable(text)));
        }
    };
    push("  not in order:", &status["not_in_order"]);
    let exchange = &status["exchange"];
    push("  left out:", &exchange["left_out"]);
    if let Some(collected) = exchange["collected"].as_u64() {
        out.push_str(&format!("  collected: {collected}\n"));
    }
    if let Some(why) = status["certificates"].as_str() {
        out.push_str(&format!("  {}\n", printable(why)));
    }
    let store = &status["store"];
    if let Some(role) = store["role"].as_str() {
        let trouble = store["trouble"].as_str().map(|why| format!(": {}", printable(why)));
        out.push_str(&format!("  in the store: {role}{}\n", trouble.unwrap_or_default()));
    }
    let release = &exchange["release"];
    if let Some(runs) = release["runs"].as_u64() {
        let tainted =
            if release["tainted"] == true { ", and something was changed by hand since" } else { "" };
        out.push_str(&format!("  release: {runs}{tainted}\n"));
    }
    if let Some(waits) = release["waits"].as_str() {
        out.push_str(&format!("  the next release: {}\n", printable(waits)));
    }
    if let Some(why) = release["operators"].as_str() {
        out.push_str(&format!("  operators: {}\n", printable(why)));
    }
    if let Some(failed) = release["failed"].as_u64() {
        out.push_str(&format!("  release {failed} failed here\n"));
    }
    if let Some(why) = exchange["cut_off"].as_str() {
        out.push_str(&format!("  cut off from other hosts: {}\n", printable(why)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_says_what_is_not_in_order_and_who_cannot_be_reached() {
        let status = json!({
            "host": "a", "settled": true, "converged": false, "totals": { "resources": 3 },
            "not_in_order": ["file[/x]: denied"],
            "exchange": { "cut_off": "no answer", "collected": 2, "left_out": ["file[/y] is wrong"],
                          "release": { "runs": 7, "failed": 8, "tainted": true, "waits": "waiting: x",
                                       "operators": "`operators/2` is passed over" } },
            "store": { "role": "client", "trouble": "`etcd` cannot be run: no such file" },
        });
        let want = "\
a: settled, and not everything is in order; resources: 3
  not in order: file[/x]: denied
  left out: file[/y] is wrong
  collected: 2
  in the store: client: `etcd` cannot be run: no such file
  release: 7, and something was changed by hand since
  the next release: waiting: x
  operators: `operators/2` is passed over
  release 8 failed here
  cut off from other hosts: no answer
";
        assert_eq!(text(&status), want);
    }
}
