//! What programs may ask of this machine, and who answers.
//!
//! Answers that do not change are given at once. Everything else is a task that ends with its subscription; what may block
//! runs where blocking is allowed.

mod clock;
mod command;
mod facts;
mod files;
mod machine;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, Error, MachineFact, Sink, SourceRequest, Sources, Subscription};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::modules::Places;
use files::Watched;

/// Functions, or whole modules of them, that ask what nobody here answers yet, and what they give: for the reference.
pub(crate) const UNANSWERED: &[(&str, &str)] = &[
    ("local", "it fails, since nothing is kept for it"),
    ("net.interface_cidr", "it fails, since the addresses of interfaces are not read"),
    ("net/http.response", "a status of 0 and no output, since there is no kind that listens"),
    ("sys/fwupd", "false, since firmware is not asked"),
    ("value", "nothing is ever ready, since programs are not told what resources hold"),
    ("world", "nothing, as of an empty store"),
    ("world/collect", "nothing, as if no host exported anything"),
];

/// This machine, as programs see it.
pub(super) struct World {
    places: Places,
    hostname: Arc<str>,
    runtime: Handle,
    files: Watched,
}

/// A task that ends when nobody wants its answers any more.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    /// Within a runtime.
    pub(super) fn new(places: Places, hostname: Arc<str>) -> Self {
        let runtime = Handle::current();
        Self { places, hostname, files: Watched::new(&runtime), runtime }
    }

    fn task(&self, task: impl Future<Output = ()> + Send + 'static) -> Subscription {
        Box::new(Task(self.runtime.spawn(task)))
    }

    /// Answers once, from where blocking is allowed.
    fn once(&self, sink: Sink, look: impl FnOnce() -> Answer + Send + 'static) -> Subscription {
        Box::new(Task(self.runtime.spawn_blocking(move || sink(look()))))
    }

    /// Answers again and again.
    fn every(&self, interval: Duration, sink: Sink, look: fn() -> Answer) -> Subscription {
        self.task(async move {
            let mut ticks = tokio::time::interval(interval);
            loop {
                ticks.tick().await;
                sink(look());
            }
        })
    }

    /// A file of the program itself.
    fn own(&self, path: &str) -> PathBuf {
        self.places.path(path)
    }
}

/// An answer that stays.
fn at_once(sink: &Sink, answer: impl Into<Value>) -> Subscription {
    sink(Ok(answer.into()));
    Box::new(())
}

impl Sources for World {
    fn subscribe(&self, request: &SourceRequest, sink: Sink) -> Subscription {
        use SourceRequest as R;
        match request.clone() {
            R::Clock { interval_ms } => self.task(clock::every(Duration::from_millis(interval_ms), sink)),
            R::Zone { epoch } => {
                sink(Ok(clock::zone(epoch)));
                Box::new(())
            }
            R::Counter { interval_ms } => self.task(clock::count(Duration::from_millis(interval_ms), sink)),
            R::Delayed { value, age_ms } => {
                self.task(clock::later(value, Duration::from_millis(age_ms), sink))
            }
            R::File { path } => self.files.follow(PathBuf::from(&*path), sink, files::content),
            R::FileExists { path } => self.files.follow(PathBuf::from(&*path), sink, files::exists),
            R::ModuleFile { path } => self.files.follow(self.own(&path), sink, files::own_content),
            R::ModuleFileExists { path } => self.files.follow(self.own(&path), sink, files::exists),
            R::ModuleDirectory { path } => {
                let mut directory = self.own(&path).to_string_lossy().into_owned();
                if !directory.ends_with('/') {
                    directory.push('/');
                }
                at_once(&sink, directory)
            }
            R::Link { path } => self.once(sink, move || files::link(&path)),
            R::RealPath { path } => self.once(sink, move || files::real(&path)),
            R::Command { script } => self.task(command::lines(script, sink)),
            R::Environment => at_once(&sink, facts::environment()),
            R::Process(fact) => {
                sink(facts::process(fact));
                Box::new(())
            }
            R::Machine(fact) => match fact {
                MachineFact::Hostname => at_once(&sink, self.hostname.clone()),
                MachineFact::Uptime => self.every(Duration::from_secs(1), sink, machine::uptime),
                MachineFact::Load => self.every(Duration::from_secs(5), sink, machine::load),
                MachineFact::CpuCount => self.once(sink, machine::cpus),
                MachineFact::IsVirtual => self.once(sink, machine::is_virtual),
                MachineFact::KernelModules => {
                    self.every(Duration::from_secs(5), sink, machine::kernel_modules)
                }
                MachineFact::FirmwareRestart => at_once(&sink, false),
            },
            R::User { name } => self.once(sink, move || facts::user(&name)),
            R::Interfaces => self.every(Duration::from_secs(5), sink, machine::interfaces),
            R::Program { name } => self.once(sink, move || facts::program(&name)),
            R::NewDirectory { parent, pattern } => {
                self.once(sink, move || files::new_directory(&parent, &pattern))
            }
            R::Random { bytes } => self.once(sink, move || facts::random(bytes)),
            // There is no store behind these yet: they are as empty as it would be.
            R::StoredValue { .. } => at_once_struct(&sink, [("ready", Value::Bool(false))]),
            R::HttpResponse { .. } => {
                at_once_struct(&sink, [("status", Value::Int(0)), ("output", Value::from(""))])
            }
            R::StoreValue { .. } => {
                at_once_struct(&sink, [("value", Value::from("")), ("exists", Value::Bool(false))])
            }
            R::StoreByHost { .. } => {
                sink(Ok(Value::map([])));
                Box::new(())
            }
            R::Schedule { .. } | R::Exports { .. } => {
                sink(Ok(Value::list([])));
                Box::new(())
            }
            R::Export { .. } | R::Pool { .. } | R::VarDirectory { .. } => {
                sink(Err(Error::permanent("this cannot be had here yet")));
                Box::new(())
            }
        }
    }
}

fn at_once_struct<const N: usize>(sink: &Sink, fields: [(&'static str, Value); N]) -> Subscription {
    sink(Ok(Value::structure(fields)));
    Box::new(())
}
