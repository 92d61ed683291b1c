//! `homeostat cluster status`

use clap::Args;
use homeostat_model::suggest::printable;
use serde_json::Value as Json;

use super::super::hosts::yes_or_no;
use super::super::{TextOrJson, ask_agent, columns, pretty, runtime};
use crate::exit::Exit;
use crate::place::Prefix;
use crate::place::about::About;
use crate::terminal::Terminal;

/// Show how the cluster stands
///
/// Asks the agent that runs with the same prefix: who the members of the store are and how they do, who is elected to change them
/// and what is being changed, which hosts there are, and which have not converged and why.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// For people, or as JSON
    #[arg(long, value_enum, default_value_t)]
    format: TextOrJson,
}

pub(super) fn run(args: &StatusArgs, prefix: &Prefix, terminal: &Terminal) -> anyhow::Result<Exit> {
    let report = runtime()?.block_on(ask_agent(prefix, About::Cluster))?;
    match args.format {
        TextOrJson::Json => terminal.print(&pretty(&report))?,
        TextOrJson::Text => terminal.print(&text(&report))?,
    }
    Ok(Exit::Done)
}

fn text(report: &Json) -> String {
    let mut out = format!("cluster {}\n", said(&report["cluster"]));
    if let Some(why) = report["trouble"].as_str() {
        let host = said(&report["host"]);
        out.push_str(&format!(
            "{host} cannot reach the store, this is what it knew last: {}\n",
            printable(why)
        ));
    }
    if let Some(why) = report["own"]["trouble"].as_str() {
        out.push_str(&format!("the store on {}: {}\n", said(&report["host"]), printable(why)));
    }
    if report["members"].is_object() {
        out.push_str(&format!("\n{}", members(&report["members"])));
    }
    let head = ["HOST", "ALIVE", "CONVERGED", "WHY NOT"].map(str::to_owned);
    let hosts = report["hosts"].as_array().into_iter().flatten().map(|host| {
        let why = host["summary"]["why"].get(0).unwrap_or(&Json::Null);
        [said(&host["host"]), yes_or_no(&host["alive"]), yes_or_no(&host["converged"]), said(why)]
    });
    out.push_str(&format!("\n{}", columns(std::iter::once(head).chain(hosts))));
    out
}

/// The members, a line for each, and what is done about them.
pub(super) fn members(members: &Json) -> String {
    let elected = members["elected"].as_str();
    let head = ["MEMBER", "ROLE", "ZONE", "STORE"].map(str::to_owned);
    let rows = members["hosts"].as_array().into_iter().flatten().map(|one| {
        let host = said(&one["host"]);
        let mut role = said(&one["role"]);
        if one["host"].as_str().is_some() && one["host"].as_str() == elected {
            role.push_str(", elected");
        }
        let store =
            one["trouble"].as_str().map_or_else(|| "well".to_owned(), |why| printable(why).into_owned());
        [host, role, said(&one["zone"]), store]
    });
    let mut out = columns(std::iter::once(head).chain(rows));
    if let Some(wanted) = members["wanted"].as_u64() {
        out.push_str(&format!("members wanted: {wanted}\n"));
    }
    if let Some(doing) = members["doing"].as_str() {
        out.push_str(&format!("now: {}\n", printable(doing)));
    }
    out
}

fn said(text: &Json) -> String {
    printable(text.as_str().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_says_who_is_elected_what_is_done_and_who_has_not_converged() {
        let hosts = json!([
            { "host": "a", "role": "member", "zone": "x", "trouble": null },
            { "host": "b", "role": "learner", "zone": "y", "trouble": "no answer in 2s" },
        ]);
        let report = json!({
            "cluster": "0f", "host": "a", "trouble": "no leader",
            "members": { "wanted": 5, "elected": "a", "doing": "b gets a vote", "hosts": hosts },
            "own": { "trouble": null },
            "hosts": [
                { "host": "a", "alive": true, "converged": true, "summary": { "why": [] } },
                { "host": "b", "alive": true, "converged": false, "summary": { "why": ["file[/x]: denied"] } },
            ],
        });
        let want = "\
cluster 0f
a cannot reach the store, this is what it knew last: no leader

MEMBER  ROLE             ZONE  STORE
a       member, elected  x     well
b       learner          y     no answer in 2s
members wanted: 5
now: b gets a vote

HOST  ALIVE  CONVERGED  WHY NOT
a     yes    yes
b     yes    no         file[/x]: denied
";
        assert_eq!(text(&report), want);
    }
}
