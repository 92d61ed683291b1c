//! `homeostat kv`

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use homeostat_engine::Store;
use homeostat_engine::store::VALUE_BYTES_MAX;
use homeostat_model::suggest::printable;

use super::runtime;
use crate::exit::{Exit, refused};
use crate::place::desk::Question;
use crate::place::etcd::EtcdArgs;
use crate::place::kv::{Answer, Change, Request};
use crate::place::socket::Client;
use crate::place::{Holder, Lock, Prefix, cluster, kv, store};
use crate::terminal::Terminal;

/// How long an agent that is starting may take to listen, or a short command to free the lock.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(20);

/// Read and write the values that `kv` resources share
///
/// While an agent runs with the same prefix, this goes through it; otherwise the store is opened directly. With --etcd,
/// that etcd is asked, whether an agent runs or not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat kv put greeting hello
  homeostat kv get greeting
  homeostat kv list
  homeostat kv list --each load
  homeostat kv watch

Exit codes:
  0  done
  1  there is no such key, or it failed
  2  bad usage")]
pub(crate) struct KvArgs {
    /// Where the store is: the prefix of `run`
    #[arg(long, value_name = "DIR", global = true)]
    prefix: Option<PathBuf>,
    #[command(flatten)]
    etcd: EtcdArgs,
    #[command(subcommand)]
    command: KvCommand,
}

#[derive(Debug, Subcommand)]
enum KvCommand {
    /// Print the value of a key, as it is (on a terminal with a line end); exit code 1 when there is none
    Get {
        /// The key
        key: String,
        /// The value that this host has of a mapped key
        #[arg(long, value_name = "HOST")]
        of: Option<String>,
    },
    /// Set a key; `-` as value reads it from standard input
    Put {
        /// The key
        key: String,
        /// The value, or `-`
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
    /// Remove a key; a missing one is no error
    Del {
        /// The key
        key: String,
    },
    /// Print keys and values, one per line
    List {
        /// What keys begin with
        #[arg(value_name = "PREFIX", default_value = "")]
        below: String,
        /// Print what each host has of this mapped key
        #[arg(long, value_name = "KEY", conflicts_with = "below")]
        each: Option<String>,
    },
    /// Print changes as they come; needs a running agent or an etcd
    Watch {
        /// What keys begin with
        #[arg(value_name = "PREFIX", default_value = "")]
        below: String,
    },
}

pub(crate) fn run(args: KvArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let etcd = args.etcd.store()?;
    let request = request(args.command)?;
    if let Some(store) = etcd {
        return runtime()?.block_on(async {
            match request {
                Request::Watch { prefix } => watch_directly(&*store, &prefix, terminal).await,
                other => show(kv::handle(&*store, other).await, terminal),
            }
        });
    }
    let prefix = Prefix::choose(args.prefix.as_deref())?;
    runtime()?.block_on(async {
        match request {
            Request::Watch { .. } => watch(&prefix, request, terminal).await,
            other => {
                let answer = ask(&prefix, other).await?;
                show(answer, terminal)
            }
        }
    })
}

fn request(command: KvCommand) -> anyhow::Result<Request> {
    Ok(match command {
        KvCommand::Get { key, of } => Request::Get { key: checked(key)?, of },
        KvCommand::Put { key, value } => Request::Put { key: checked(key)?, value: value_of(value)? },
        KvCommand::Del { key } => Request::Del { key: checked(key)? },
        KvCommand::List { each: Some(key), .. } => Request::Each { key: checked(key)? },
        KvCommand::List { below, each: None } => Request::List { prefix: below },
        KvCommand::Watch { below } => Request::Watch { prefix: below },
    })
}

fn checked(key: String) -> anyhow::Result<String> {
    if key.is_empty() { Err(refused("a key cannot be empty")) } else { Ok(key) }
}

fn value_of(value: String) -> anyhow::Result<String> {
    let text = if value == "-" {
        let limit = u64::try_from(VALUE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read the value")?;
        // What was cut off may end within a character.
        if bytes.len() >= VALUE_BYTES_MAX {
            return Err(too_long());
        }
        String::from_utf8(bytes).map_err(|_| refused("a value is text in UTF-8"))?
    } else {
        value
    };
    // One byte of what is stored tells its form.
    if text.len() >= VALUE_BYTES_MAX {
        return Err(too_long());
    }
    Ok(text)
}

fn too_long() -> anyhow::Error {
    refused(format!("a value has less than {VALUE_BYTES_MAX} bytes"))
}

/// Through the agent if one runs, else directly.
async fn ask(prefix: &Prefix, request: Request) -> anyhow::Result<Answer> {
    let reads = matches!(request, Request::Get { .. } | Request::List { .. } | Request::Each { .. });
    if reads && !prefix.exists() {
        return Ok(match request {
            Request::List { .. } | Request::Each { .. } => Answer::Entries(Vec::new()),
            _ => Answer::Value(None),
        });
    }
    prefix.open()?;
    let start = tokio::time::Instant::now();
    loop {
        if let Some(mut agent) = Client::connect(prefix).await.context("cannot reach the agent")? {
            return agent.ask(&Question::Kv(request)).await.context("cannot reach the agent");
        }
        // What hosts share needs no lock of ours.
        if let Some(shared) = cluster::shared(prefix)? {
            return Ok(kv::handle(&*shared, request).await);
        }
        match Lock::take(prefix, "kv").context("cannot lock the prefix")? {
            Ok(_lock) => {
                let opened = store::open(prefix, None);
                return Ok(kv::handle(&*opened.store, request).await);
            }
            Err(holder) if start.elapsed() > PATIENCE => return Err(busy(&holder)),
            Err(_) => tokio::time::sleep(BETWEEN).await,
        }
    }
}

fn busy(holder: &Holder) -> anyhow::Error {
    anyhow::anyhow!("the prefix is used by {holder}, which does not answer")
}

fn show(answer: Answer, terminal: &Terminal) -> anyhow::Result<Exit> {
    match answer {
        Answer::Value(Some(value)) => {
            // The value as it is, and on a terminal a line of its own.
            let end = if value.ends_with('\n') || Terminal::width_out().is_none() { "" } else { "\n" };
            terminal.print(&format!("{value}{end}"))?;
        }
        Answer::Value(None) => return Ok(Exit::NotInOrder),
        Answer::Done => {}
        Answer::Entries(entries) => {
            let lines = entries.into_iter().map(|(key, value)| line(&Change { key, value: Some(value) }));
            terminal.print(&lines.collect::<String>())?;
        }
        Answer::Change(change) => terminal.print(&line(&change))?,
        Answer::Error(error) => bail!(error),
    }
    Ok(Exit::Done)
}

fn line(change: &Change) -> String {
    let key = printable(&change.key);
    match &change.value {
        Some(value) => format!("{key} = {}\n", printable(value)),
        None => format!("{key} is gone\n"),
    }
}

async fn watch(prefix: &Prefix, request: Request, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(mut agent) = Client::connect(prefix).await.context("cannot reach the agent")? else {
        bail!("no agent runs with the prefix {}: nothing could change", prefix.path().display());
    };
    let mut answer = agent.ask(&Question::Kv(request)).await?;
    loop {
        match answer {
            Answer::Change(change) => {
                if !terminal.print_on(&line(&change))? {
                    return Ok(Exit::Done);
                }
            }
            other => return show(other, terminal),
        }
        answer = agent.next().await?;
    }
}

async fn watch_directly(store: &dyn Store, prefix: &str, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut watch = kv::Watch::start(store, prefix).await?;
    loop {
        for change in watch.next(store).await? {
            if !terminal.print_on(&line(&change))? {
                return Ok(Exit::Done);
            }
        }
    }
}
