//! `homeostat plan`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use homeostat_engine::Outcome;
use homeostat_engine::event::Totals;
use homeostat_model::suggest::printable;

use super::{TextOrJson, pretty, runtime};
use crate::catalog::{self, Read};
use crate::cli::InputArgs;
use crate::diagnostics;
use crate::engine::{self, EngineOptions, Mode, Plan, Planned};
use crate::exit::Exit;
use crate::front::Pool;
use crate::inputs::Inputs;
use crate::mcl::Stores;
use crate::place::etcd::EtcdArgs;
use crate::place::{self, Prefix, cluster, key, store};
use crate::terminal::{Paint, Terminal};
use crate::views::report::{RunFacts, RunResult, plan_report};
use crate::views::{describe_change, push_diff, totals_text};

/// Show what run would change, and why; change nothing
///
/// Checks every resource as `run` would. Guards of commands are run, nothing else is. What cannot be known before
/// another resource has changed is said to be unknown until then.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat plan site.yaml
  homeostat plan --format json site.yaml | jq .totals

Exit codes:
  0  nothing would change
  1  something would change
  2  bad input
  3  a check failed")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    input: InputArgs,
    /// For people, or the report as JSON
    #[arg(long, value_enum, default_value_t)]
    format: TextOrJson,
    #[command(flatten)]
    host: crate::agent::HostArgs,
    #[command(flatten)]
    limits: crate::agent::LimitArgs,
    /// Where run keeps its things; read only
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    #[command(flatten)]
    etcd: EtcdArgs,
}

pub(crate) fn run(args: PlanArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let (started, clock) = (SystemTime::now(), Instant::now());
    let prefix = Prefix::choose(args.prefix.as_deref())?;
    if prefix.exists() {
        prefix.expect_closed()?;
    }
    let etcd = match args.etcd.store()? {
        Some(etcd) => Some(etcd),
        None => cluster::shared(&prefix)?,
    };
    let hostname = match place::own_name(&prefix) {
        Some(ours) if args.input.hostname.is_none() => ours,
        _ => catalog::hostname(&args.input)?,
    };
    let root = args.host.root()?;
    let registry = catalog::registry();
    let mut inputs = Inputs::new(&args.input)?;
    let pool = if etcd.is_some() { Pool::Shared } else { Pool::ThisHost };
    let mut read = Read::inputs(&mut inputs, &registry, &hostname, pool);
    let runtime = runtime()?;
    let opened = store::open_for_reading(&prefix, etcd);
    read.evaluate(&runtime, Some(&Stores::to_look(&prefix, &opened)));
    let mut plan = None;
    if !read.is_refused() {
        let own_store = Arc::clone(opened.mirror.as_ref().unwrap_or(&opened.store));
        let host = args.host.host_to_look_at(&hostname, root, Arc::clone(&opened.store), own_store)?;
        let options = EngineOptions { mode: Mode::Noop, watch: false, ..args.limits.options() };
        if opened.mirror.is_none() {
            read.collect_own(&hostname, &registry);
        }
        let mut catalog = std::mem::take(&mut read.catalog);
        if let Some(mirror) = &opened.mirror {
            let key = key::sealing_key_to_look(&prefix);
            let stores = (&*opened.store, &**mirror);
            let looked = runtime.block_on(crate::agent::look(catalog, &hostname, &registry, stores, &key));
            catalog = looked.0;
            for note in looked.1 {
                terminal.say(&format!("note: {}\n", printable(&note)));
            }
        }
        match runtime.block_on(engine::plan(catalog, options, registry, host, opened.journal)) {
            Ok(made) => plan = Some(made),
            Err(found) => read.diagnostics.extend(found),
        }
    }
    let Some(plan) = plan else {
        return match args.format {
            TextOrJson::Json => {
                terminal.print(&pretty(&diagnostics::to_json(&read.diagnostics, &read.sources)))?;
                Ok(Exit::Refused)
            }
            TextOrJson::Text => {
                read.show(terminal);
                Err(read.refusal(terminal))
            }
        };
    };
    read.show(terminal);
    let exit = exit(&plan);
    match args.format {
        TextOrJson::Text => terminal.print(&show(&plan, terminal.paint_out()))?,
        TextOrJson::Json => {
            let names = inputs.names();
            let facts = RunFacts {
                host: &hostname,
                inputs: &names,
                result: if exit == Exit::CheckFailed { RunResult::Failed } else { RunResult::Converged },
                started,
                duration: clock.elapsed(),
                converged_after: Some(clock.elapsed()),
                engine_after: Duration::ZERO,
            };
            terminal.print(&pretty(&plan_report(&facts, &plan.resources)))?;
        }
    }
    Ok(exit)
}

fn exit(plan: &Plan) -> Exit {
    let any = |test: fn(&Planned) -> bool| plan.resources.iter().any(test);
    if any(|planned| matches!(planned.status.outcome, Outcome::Failed)) {
        Exit::CheckFailed
    } else if any(|planned| {
        planned.status.outcome == Outcome::WouldChange
            || planned.would_refresh
            || !planned.unknown_until.is_empty()
    }) {
        Exit::NotInOrder
    } else {
        Exit::Done
    }
}

/// Like a diff: what would change, with what is and what would be.
fn show(plan: &Plan, paint: Paint) -> String {
    let mut out = String::new();
    let mut totals = Totals::default();
    let mut unknown = 0;
    for planned in &plan.resources {
        totals.count(planned.status.outcome);
        unknown +=
            usize::from(!planned.unknown_until.is_empty() && planned.status.outcome != Outcome::WouldChange);
        push(planned, paint, &mut out);
    }
    let mut summary = totals_text(&totals);
    if unknown > 0 {
        summary.push_str(&format!(", {unknown} unknown"));
    }
    if totals.would_change + totals.failed + unknown == 0 {
        summary.push_str(", nothing would change");
    }
    out.push_str(&paint.bold(&summary));
    out.push('\n');
    out
}

fn push(planned: &Planned, paint: Paint, out: &mut String) {
    let status = &planned.status;
    let id = &status.id;
    if let Some(error) = &status.error {
        out.push_str(&format!("{} {id}: {}\n", paint.red("!"), printable(error)));
    }
    // What fails does not come to its changes.
    if status.error.is_none() && (!status.changes.is_empty() || status.outcome == Outcome::WouldChange) {
        let changes: Vec<String> = status.changes.iter().map(describe_change).collect();
        let sign = match status.changes.as_slice() {
            [only] if only.want == "absent" => paint.wrap_removed("-"),
            changes if changes.iter().any(|change| change.is == "absent") => paint.green("+"),
            _ => paint.yellow("~"),
        };
        let colon = if changes.is_empty() { "" } else { ": " };
        out.push_str(&format!("{sign} {id}{colon}{}\n", changes.join(", ")));
        for diff in status.changes.iter().filter_map(|change| change.diff.as_deref()) {
            push_diff(diff, paint, out);
        }
    }
    if !planned.unknown_until.is_empty() {
        let until: Vec<String> = planned.unknown_until.iter().map(ToString::to_string).collect();
        out.push_str(&format!("{} {id}: unknown until {}\n", paint.cyan("?"), until.join(", ")));
    }
    if let Some(on) = status.waiting_on.as_deref().filter(|_| planned.unknown_until.is_empty()) {
        out.push_str(&format!("{} {id}: waits for {}\n", paint.cyan("?"), printable(on)));
    }
    if planned.would_refresh {
        out.push_str(&format!("{} {id}: would refresh\n", paint.cyan("*")));
    }
    if status.outcome == Outcome::Blocked {
        let by: Vec<String> = status.blocked_by.iter().map(ToString::to_string).collect();
        out.push_str(&format!("{} {id}: blocked by {}\n", paint.red("!"), by.join(", ")));
    }
}
