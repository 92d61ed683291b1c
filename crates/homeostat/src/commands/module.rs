//! `homeostat module`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use homeostat_model::suggest::printable;
use homeostat_model::{Diagnostic, SourceMap};

use super::{columns, runtime};
use crate::catalog;
use crate::exit::{Exit, refused};
use crate::inputs::{Inputs, ProgramInput};
use crate::mcl;
use crate::modules::{self, Cache, Fetched, LockFile, Places, Prefer, Which};
use crate::terminal::Terminal;

/// Get the modules that programs import from elsewhere
///
/// `import "git://host/path/"` names a repository. It is fetched with `git` into a cache (homeostat in $XDG_CACHE_HOME, else in
/// ~/.cache, for root in /var/cache); at which commit is written into `homeostat.lock` beside the program. No other command fetches, and
/// nothing of what is fetched is executed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeostat module fetch
  homeostat module update web_server
  homeostat module vendor --program site.mcl

Exit codes:
  0  done
  1  a module could not be had
  2  bad usage or bad input")]
pub(crate) struct ModuleArgs {
    /// The program: a file (.mcl), or a directory with a module
    #[arg(long, value_name = "PATH", default_value = ".", global = true)]
    program: PathBuf,
    #[command(subcommand)]
    command: ModuleCommand,
}

#[derive(Debug, Subcommand)]
enum ModuleCommand {
    /// Get what is missing: what is locked as it is locked, what is new as it is at present
    Fetch,
    /// Go to the newest commits
    Update {
        /// Only these: an address, a path or a name; all if not given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Put copies of all modules into `modules/` beside the program, which then needs nothing else
    Vendor,
    /// Print the modules with their commits and where they are
    List,
}

pub(crate) fn run(args: ModuleArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut program = program(&args.program)?;
    let root = mcl::root(&program);
    let before = match LockFile::read(&root) {
        Ok(lock) => lock,
        Err(wrong) => return Err(bad(*wrong, &SourceMap::new(), terminal)),
    };
    let which = match args.command {
        ModuleCommand::List => return list(&mut program, &root, &before, terminal),
        ModuleCommand::Fetch | ModuleCommand::Vendor => Which::Missing,
        ModuleCommand::Update { ref names } if names.is_empty() => Which::All,
        ModuleCommand::Update { ref names } => Which::Named(names.clone()),
    };
    let cache = cache()?;
    let mut sources = SourceMap::new();
    let say = |text: &str| {
        if !terminal.is_quiet() {
            terminal.say(text);
        }
    };
    let mut imports = |places| mcl::remotes(&program, places, &mut sources);
    let fetched =
        runtime()?.block_on(modules::fetch(root.clone(), &before, &cache, &which, &mut imports, &say));
    let fetched = match fetched? {
        Ok(fetched) => fetched,
        Err(wrong) => return Err(bad(*wrong, &sources, terminal)),
    };
    if fetched.failed.iter().any(|failed| failed.is_interrupt) {
        return Ok(Exit::Interrupted);
    }
    fetched.lock.write(&root)?;
    for failed in &fetched.failed {
        let text = format!("cannot fetch {}: {}", failed.url, failed.why);
        terminal.complain(&printable(&text));
    }
    terminal.print(&what_changed(&before, &fetched))?;
    let moved = |path: &str| fetched.lock.modules.get(path) != before.modules.get(path);
    let is_meant = |path: &str| match args.command {
        ModuleCommand::Vendor => true,
        _ => moved(path) && modules::is_vendored(&root, path),
    };
    for path in modules::vendor(&root, &fetched.lock, &cache, is_meant)? {
        terminal.print(&format!("modules/{path}\n"))?;
    }
    Ok(if fetched.failed.is_empty() { Exit::Done } else { Exit::NotInOrder })
}

/// A program that was named.
fn program(path: &Path) -> anyhow::Result<ProgramInput> {
    let mut read = Inputs::of(&[path.to_owned()]).read();
    match read.programs.pop() {
        Some(program) => Ok(program),
        None => Err(refused(format!(
            "{} is no program: name a file (.mcl), or a directory with `metadata.yaml` or `main.mcl`, with --program",
            path.display()
        ))),
    }
}

fn cache() -> anyhow::Result<Cache> {
    Cache::usual()
        .ok_or_else(|| refused("neither XDG_CACHE_HOME nor HOME is set: there is no place for a cache"))
}

fn bad(wrong: Diagnostic, sources: &SourceMap, terminal: &Terminal) -> anyhow::Error {
    catalog::show(&[wrong], sources, terminal);
    refused("nothing was fetched")
}

fn what_changed(before: &LockFile, now: &Fetched) -> String {
    let changes = now.lock.modules.iter().filter_map(|(path, pinned)| {
        let former = before.modules.get(path);
        let change = match former {
            Some(former) if former.commit == pinned.commit => return None,
            Some(former) => format!("{} -> {}", former.commit.short(), pinned.commit.short()),
            None => pinned.commit.short().to_owned(),
        };
        Some([path.clone(), change])
    });
    columns(changes)
}

fn list(
    program: &mut ProgramInput,
    root: &Path,
    lock: &LockFile,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let mut sources = SourceMap::new();
    let places = Places::new(root.to_owned(), lock, Cache::usual().as_ref(), Prefer::Vendored);
    let found = match mcl::remotes(program, places.clone(), &mut sources) {
        Ok(found) => found,
        Err(wrong) => return Err(bad(*wrong, &sources, terminal)),
    };
    let rows = found.iter().map(|import| {
        let pinned = lock.modules.get(&*import.remote.path);
        let place = import
            .base
            .as_deref()
            .map_or("missing".to_owned(), |base| places.path(base).display().to_string());
        let commit = pinned.map_or("-", |pinned| pinned.commit.short());
        [import.remote.url.to_string(), commit.to_owned(), place]
    });
    let rows = rows.map(|row: [String; 3]| row.map(|cell| printable(&cell).into_owned()));
    terminal.print(&columns(rows))?;
    Ok(Exit::Done)
}
