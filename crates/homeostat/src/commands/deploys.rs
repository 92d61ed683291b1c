//! `homeostat deploys`

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::bail;
use clap::{Args, Subcommand};
use homeostat_cluster::deploys::{BundlePath, Content, Manifest, Stored};
use homeostat_cluster::identity::Operator;
use homeostat_cluster::presence;
use homeostat_model::suggest::printable;
use serde_json::{Value as Json, json};

use super::deploy::{self, RolloutArgs};
use super::{TextOrJson, pretty, runtime};
use crate::exit::{Exit, refused};
use crate::fleet::{self, Access, OperatorArgs};
use crate::terminal::Terminal;
use crate::views::time_text;

/// Show releases, and go back to one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat deploys list
  homeostat deploys diff 6 7
  homeostat deploys rollback

Exit codes:
  0  done
  1  it failed, or there is a difference
  2  bad usage; nothing was released")]
pub(crate) struct DeploysArgs {
    #[command(subcommand)]
    command: DeploysCommand,
    #[command(flatten)]
    access: OperatorArgs,
}

#[derive(Debug, Subcommand)]
enum DeploysCommand {
    /// Show all releases, and how many hosts run them
    List {
        /// For people, or as JSON
        #[arg(long, value_enum, default_value_t)]
        format: TextOrJson,
    },
    /// Show what a release says of itself
    Show {
        /// Its number
        number: u64,
        /// For people, or as JSON
        #[arg(long, value_enum, default_value_t)]
        format: TextOrJson,
    },
    /// Show what is different between two releases
    Diff {
        /// The older one
        from: u64,
        /// The newer one
        to: u64,
    },
    /// Release the content of an older release again, under a new number
    Rollback {
        /// Its number; if not given, the one before the content that the newest has
        number: Option<u64>,
        #[command(flatten)]
        rollout: RolloutArgs,
    },
}

pub(crate) fn run(args: DeploysArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let access = args.access.access()?;
    runtime()?.block_on(async {
        match args.command {
            DeploysCommand::List { format } => list(&access, format, terminal).await,
            DeploysCommand::Show { number, format } => show(&access, number, format, terminal).await,
            DeploysCommand::Diff { from, to } => diff(&access, from, to, terminal).await,
            DeploysCommand::Rollback { number, rollout } => {
                let key = args.access.key()?;
                let number = match number {
                    Some(number) => number,
                    None => before_last(&access).await?,
                };
                let draft = deploy::content(&access, number).await?;
                deploy::release(&access, &key, &rollout, &draft, Some(number), terminal).await
            }
        }
    })
}

/// The release to go back to, among those that count: the one before the content that the newest has. After a rollback that is the one
/// before where it went back to, and never what it went back from.
async fn before_last(access: &Access) -> anyhow::Result<u64> {
    let (releases, operators) = fleet::known(access).await?;
    let counts = releases.iter().filter_map(|release| release.verify(&operators, &access.cluster).ok());
    let restored: BTreeMap<u64, Option<u64>> =
        counts.map(|(manifest, _)| (manifest.number, manifest.restores)).collect();
    before(&restored).ok_or_else(|| refused("there is no release before the newest"))
}

/// Of releases, each with the one that it restores.
fn before(restored: &BTreeMap<u64, Option<u64>>) -> Option<u64> {
    let (newest, _) = restored.last_key_value()?;
    let mut content = *newest;
    // What is restored is older, and may be gone by now.
    while let Some(older) = restored.get(&content).copied().flatten().filter(|older| *older < content) {
        content = older;
    }
    restored.range(..content).next_back().map(|(number, _)| *number)
}

/// What a release says of itself, and whether that counts.
fn tell(access: &Access, operators: &[Operator], stored: &Stored) -> Json {
    match stored.verify(operators, &access.cluster) {
        Ok((manifest, operator)) => {
            let mut told = serde_json::to_value(manifest).unwrap_or_default();
            told["signed_by"] = operator.name().into();
            told
        }
        Err(error) => json!({ "number": stored.number, "refused": error.to_string() }),
    }
}

async fn list(access: &Access, format: TextOrJson, terminal: &Terminal) -> anyhow::Result<Exit> {
    let (releases, operators) = fleet::known(access).await?;
    let mut running: BTreeMap<u64, u64> = BTreeMap::new();
    for host in presence::hosts(&*access.store).await? {
        if let Some(number) = host.alive.flatten().and_then(|summary| summary.deploy) {
            *running.entry(number).or_default() += 1;
        }
    }
    let told = releases.iter().map(|stored| {
        let mut told = tell(access, &operators, stored);
        told["hosts"] = running.get(&stored.number).copied().unwrap_or_default().into();
        told
    });
    let told: Vec<Json> = told.collect();
    match format {
        TextOrJson::Json => terminal.print(&pretty(&told.into()))?,
        TextOrJson::Text => {
            let lines = told.iter().map(line);
            terminal.print(&lines.collect::<String>())?;
        }
    }
    Ok(Exit::Done)
}

fn line(told: &Json) -> String {
    let (number, hosts) = (&told["number"], &told["hosts"]);
    if let Some(why) = told["refused"].as_str() {
        return format!("{number}  refused: {}\n", printable(why));
    }
    let text = |name: &str| printable(told[name].as_str().unwrap_or_default()).into_owned();
    let restores = told["restores"].as_u64().map(|number| format!("  again {number}")).unwrap_or_default();
    let line = format!(
        "{number}  {}  {}  hosts: {hosts}{restores}  {}",
        made(told),
        text("signed_by"),
        text("note")
    );
    format!("{}\n", line.trim_end())
}

fn made(told: &Json) -> String {
    time_text(UNIX_EPOCH + Duration::from_millis(told["made_ms"].as_u64().unwrap_or_default()))
}

async fn show(access: &Access, number: u64, format: TextOrJson, terminal: &Terminal) -> anyhow::Result<Exit> {
    let (releases, operators) = fleet::known(access).await?;
    let Some(stored) = releases.iter().find(|stored| stored.number == number) else {
        bail!("there is no release {number}");
    };
    let told = tell(access, &operators, stored);
    match (format, stored.verify(&operators, &access.cluster)) {
        (TextOrJson::Json, _) => terminal.print(&pretty(&told))?,
        (TextOrJson::Text, Ok((manifest, operator))) => {
            terminal.print(&text(&manifest, operator, &made(&told)))?
        }
        (TextOrJson::Text, Err(error)) => bail!("release {number} is refused: {error}"),
    }
    Ok(Exit::Done)
}

fn text(manifest: &Manifest, operator: &Operator, made: &str) -> String {
    let Manifest { number, note, restores, inputs, files, rollout, .. } = manifest;
    let mut out = format!("release {number}, signed by {} at {made}\n", operator.name());
    let mut push = |word: &str, text: String| {
        if !text.is_empty() {
            out.push_str(&format!("  {word}: {}\n", printable(&text)));
        }
    };
    push("note", note.clone());
    push("content of", restores.map(|number| format!("release {number}")).unwrap_or_default());
    push("hosts", rollout.hosts.join(", "));
    push("canaries", rollout.canary.map(String::from).unwrap_or_default());
    push("at most unavailable", rollout.max_unavailable.map(String::from).unwrap_or_default());
    if rollout.rollback_on_failure {
        push("when it fails", "hosts go back".into());
    }
    for input in inputs {
        push("input", input.to_string());
    }
    for file in files.iter().filter(|file| !inputs.contains(&file.path)) {
        push("file", format!("{} ({} bytes, mode {:04o})", file.path, file.bytes, file.mode));
    }
    out
}

async fn diff(access: &Access, from: u64, to: u64, terminal: &Terminal) -> anyhow::Result<Exit> {
    let (old, new) = (deploy::content(access, from).await?, deploy::content(access, to).await?);
    let text = difference(old.files(), new.files());
    terminal.print(&text)?;
    Ok(if text.is_empty() { Exit::Done } else { Exit::NotInOrder })
}

fn difference(old: &BTreeMap<BundlePath, Content>, new: &BTreeMap<BundlePath, Content>) -> String {
    let mut out = String::new();
    for path in old.keys().chain(new.keys().filter(|path| !old.contains_key(*path))) {
        let (before, after) = (old.get(path), new.get(path));
        if before.zip(after).is_some_and(|(before, after)| before.is_same(after)) {
            continue;
        }
        match (before, after) {
            (Some(before), Some(after)) if before.mode != after.mode => {
                out.push_str(&format!("{path}: mode {:04o} -> {:04o}\n", before.mode, after.mode));
            }
            (None, _) => out.push_str(&format!("{path}: new\n")),
            (_, None) => out.push_str(&format!("{path}: gone\n")),
            (Some(_), Some(_)) => {}
        }
        let text = |content: Option<&Content>| {
            // What is with others is too large to be read by a person.
            let bytes = content.map_or(Some(Vec::new()), |content| content.read().ok().flatten())?;
            String::from_utf8(bytes).ok()
        };
        match (text(before), text(after)) {
            (Some(before), Some(after)) => {
                let diff = similar::TextDiff::from_lines(&before, &after);
                let name = path.as_str();
                let diff = diff.unified_diff().header(name, name).to_string();
                out.extend(diff.split_inclusive('\n').map(|line| {
                    let shown = printable(line.trim_end_matches('\n')).into_owned();
                    shown + "\n"
                }));
            }
            _ => out.push_str(&format!("{path}: other bytes\n")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_leads_to_what_was_before_and_never_to_what_failed() {
        for (releases, to) in [
            (&[][..], None),
            (&[(1, None)], None),
            (&[(1, None), (2, None)], Some(1)),
            // The second failed, and hosts went back by themselves.
            (&[(1, None), (2, None), (3, Some(1))], None),
            (&[(1, None), (2, None), (3, None), (4, Some(2))], Some(1)),
            (&[(2, None), (3, None), (4, Some(2)), (5, None)], Some(4)),
            (&[(2, None), (3, None), (4, Some(2)), (5, Some(4))], None),
            // What was restored is pruned.
            (&[(5, None), (6, Some(4))], None),
            (&[(3, None), (5, None), (6, Some(4))], Some(3)),
        ] {
            assert_eq!(before(&releases.iter().copied().collect()), to, "{releases:?}");
        }
    }

    #[test]
    fn a_difference_names_what_came_went_and_changed() {
        let files = |list: &[(&str, u32, &str)]| -> BTreeMap<BundlePath, Content> {
            let file = |(path, mode, text): &(&str, u32, &str)| {
                (path.parse().unwrap(), Content::here(*mode, text.as_bytes().to_vec()))
            };
            list.iter().map(file).collect()
        };
        let old = files(&[("a", 0o644, "one\n"), ("b", 0o644, "x\n"), ("c", 0o600, "")]);
        let new = files(&[("a", 0o644, "two\n"), ("c", 0o700, ""), ("d", 0o644, "")]);
        let text = difference(&old, &new);
        assert_eq!(difference(&old, &old), "");
        for part in ["-one\n+two\n", "b: gone\n", "c: mode 0600 -> 0700\n", "d: new\n"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
