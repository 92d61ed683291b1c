//! What is released: a program that is the same for all hosts, and what they collect.

use std::time::{SystemTime, UNIX_EPOCH};

use homeostat_cluster::deploys::{Content, Draft, Large, OperatorKey, Rollout, Terms, publish};
use homeostat_engine::Store;

use crate::files::Wanted;
use crate::fleet::{FLEET, Fleet, ORIGIN};
use crate::settings::Collect;

pub(crate) const OPERATOR: &str = "ann";

/// Each host has a file of its own and offers one.
fn program(number: u64) -> String {
    format!(
        r#"import "sys"

$host = sys.hostname()

file "/own/" {{
	state => "exists",
}}
file "/own/release" {{
	state => "exists",
	content => "release {number} on ${{host}}\n",
}}
file "address of ${{host}}" {{
	path => "/offered/${{host}}",
	state => "exists",
	content => "address of ${{host}}\n",
	Meta:hidden => true,
	Meta:export => ["*"],
}}
"#
    )
}

fn collecting(collect: Collect) -> String {
    let from = match collect {
        Collect::Origin => format!("  from: [{ORIGIN}]\n"),
        Collect::All => String::new(),
    };
    format!(
        "graph: collecting\nresources:\n  file:\n  - name: /collected/\n    state: exists\n\
         collect:\n- kind: file\n  pattern: /collected/\n{from}"
    )
}

/// Releases the program with this number in it.
pub(crate) async fn release(
    store: &dyn Store,
    key: &OperatorKey,
    number: u64,
    collect: Collect,
    rollout: Rollout,
) -> anyhow::Result<()> {
    let mut draft = Draft::default();
    for (name, text) in [("site.mcl", program(number)), ("collecting.yaml", collecting(collect))] {
        draft.add_input(name.parse()?, Content::here(0o600, text.into_bytes()))?;
    }
    let made = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let terms = Terms {
        known: 0,
        key,
        author: OPERATOR.into(),
        cluster: FLEET.into(),
        note: String::new(),
        restores: None,
        rollout,
        made_ms: u64::try_from(made)?,
    };
    publish(store, &terms, &draft, Large::Stored).await?;
    Ok(())
}

/// What a release puts on a host.
pub(crate) fn own(fleet: &Fleet, host: &str, number: u64) -> Vec<Wanted> {
    vec![(fleet.root(host).join("own/release"), format!("release {number} on {host}\n"))]
}

/// What a host has from `origin`.
pub(crate) fn of_origin(fleet: &Fleet, host: &str, content: &str) -> Vec<Wanted> {
    vec![(fleet.root(host).join("collected").join(ORIGIN), content.to_owned())]
}

/// What a host has from the others. What it declares itself it does not collect.
pub(crate) fn of_all(fleet: &Fleet, host: &str, collect: Collect) -> Vec<Wanted> {
    let dir = fleet.root(host).join("collected");
    match collect {
        Collect::Origin => Vec::new(),
        Collect::All => {
            let of = |other: &String| (dir.join(other), format!("address of {other}\n"));
            fleet.hosts.iter().filter(|other| *other != host).map(of).collect()
        }
    }
}
