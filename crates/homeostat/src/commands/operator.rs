//! `homeostat operator`

use std::io::Read;

use clap::{Args, Subcommand};
use homeostat_cluster::deploys::{current_roster, publish_roster};
use homeostat_cluster::identity::{ClusterDir, Operator};

use super::runtime;
use crate::exit::{Exit, refused};
use crate::fleet::{KeyFile, OperatorArgs};
use crate::terminal::Terminal;

/// More than a line with a key has.
const LINE_BYTES_MAX: u64 = 4096;

/// Keys of operators, whose signatures make a release
///
/// Hosts take releases from those whose keys are pinned below their prefix: by `trust`, or when they join a cluster. From then on the
/// operators change by the word of one of them only: `add` and `remove`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat operator init --name ann          on the operator's machine; prints the line that hosts trust
  homeostat operator trust ann.pub            on a host, before others join through it
  homeostat operator add bob.pub --etcd https://10.0.0.1:2379 --etcd-ca ca.pem

Exit codes:
  0  done
  1  it failed
  2  bad usage; nothing was touched")]
pub(crate) struct OperatorCommandArgs {
    #[command(subcommand)]
    command: OperatorCommand,
    #[command(flatten)]
    access: OperatorArgs,
}

#[derive(Debug, Subcommand)]
enum OperatorCommand {
    /// Make a key, closed to others, and print its public half
    Init {
        /// The operator's name: letters, digits, dots, dashes and underscores
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Show the operators that this host trusts
    List,
    /// Let this host take releases of an operator
    Trust {
        /// The file with the public half of the key; `-` is standard input
        file: std::path::PathBuf,
    },
    /// Let all hosts take releases of another operator, too
    Add {
        /// The file with the public half of the key; `-` is standard input
        file: std::path::PathBuf,
    },
    /// Let no host take releases of an operator any more
    Remove {
        /// The operator's name
        name: String,
    },
}

pub(crate) fn run(args: OperatorCommandArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    match &args.command {
        OperatorCommand::Init { name } => {
            let user = || std::env::var("USER").ok().filter(|name| !name.is_empty());
            let name = name.clone().or_else(user).unwrap_or_else(|| "operator".into());
            let path = args.access.key_path()?;
            let made = KeyFile::create(&path, &name)?;
            terminal.say(&format!("the key is in {}: keep it closed, and keep a copy\n", path.display()));
            terminal.print(&format!("{}\n", String::from(made.operator)))?;
            Ok(Exit::Done)
        }
        OperatorCommand::List => {
            let dir = ClusterDir::below(args.access.prefix()?.path());
            let lines = dir.operators()?.into_iter().map(|operator| String::from(operator) + "\n");
            terminal.print(&lines.collect::<String>())?;
            Ok(Exit::Done)
        }
        OperatorCommand::Trust { file } => trust(&args.access, read(file)?, terminal),
        OperatorCommand::Add { file } => {
            let new = read(file)?;
            change(&args.access, terminal, |operators| {
                if operators.iter().any(|known| known.name() == new.name()) {
                    return Err(refused(format!("there is an operator `{}` already", new.name())));
                }
                operators.push(new);
                Ok(())
            })
        }
        OperatorCommand::Remove { name } => change(&args.access, terminal, |operators| {
            let before = operators.len();
            operators.retain(|known| known.name() != name);
            match operators.len() < before {
                true => Ok(()),
                false => Err(refused(format!("there is no operator `{name}`"))),
            }
        }),
    }
}

/// Pins an operator on this host.
fn trust(access: &OperatorArgs, new: Operator, terminal: &Terminal) -> anyhow::Result<Exit> {
    let prefix = access.prefix()?;
    prefix.open()?;
    let dir = ClusterDir::below(prefix.path());
    let mut operators = dir.operators()?;
    if operators.contains(&new) {
        return Ok(Exit::Done);
    }
    if operators.iter().any(|known| known.name() == new.name()) {
        return Err(refused(format!("another operator `{}` is trusted here already", new.name())));
    }
    terminal.say(&format!("`{}` may release to this host from now on\n", new.name()));
    operators.push(new);
    dir.pin_operators(&operators, dir.roster_number()?)?;
    Ok(Exit::Done)
}

/// Signs a change of the operators of all hosts.
fn change(
    args: &OperatorArgs,
    terminal: &Terminal,
    change: impl FnOnce(&mut Vec<Operator>) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let key = args.key()?;
    let access = args.access()?;
    runtime()?.block_on(async {
        let pinned = access.operators.clone();
        let (known, mut operators) = current_roster(&*access.store, &access.cluster, pinned).await?;
        if !operators.contains(&key.operator) {
            return Err(refused(format!("`{}` is no operator any more", key.operator.name())));
        }
        change(&mut operators)?;
        publish_roster(&*access.store, &key.key, &access.cluster, known, operators.clone()).await?;
        let names: Vec<&str> = operators.iter().map(Operator::name).collect();
        terminal.say(&format!("the operators are {} from now on\n", names.join(", ")));
        Ok(Exit::Done)
    })
}

fn read(file: &std::path::Path) -> anyhow::Result<Operator> {
    let mut line = String::new();
    let shown = file.display();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(LINE_BYTES_MAX).read_to_string(&mut line)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LINE_BYTES_MAX).read_to_string(&mut line))
    };
    read.map_err(|error| refused(format!("cannot read {shown}: {error}")))?;
    Operator::try_from(line).map_err(|error| refused(format!("{shown}: {error}")))
}
