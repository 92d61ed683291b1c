//! What programs may ask of this machine, and who answers.
//!
//! Answers that do not change are given at once. Everything else is a task that ends with its subscription; what may block
//! runs where blocking is allowed.

mod clock;
mod command;
mod facts;
mod files;
mod followed;
mod interfaces;
mod kernel;
mod machine;
mod stored;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use homeostat_engine::store::keys;
use homeostat_lang::Value;
use homeostat_lang::functions::{Answer, Error, MachineFact, Sink, SourceRequest, Sources, Subscription};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::stores::Stores;
use crate::modules::Places;
use files::Watched;
use followed::Followed;
pub(super) use stored::OwnExports;

/// Functions, or whole modules of them, that ask what nobody here answers yet, and what they give: for the reference.
pub(crate) const UNANSWERED: &[(&str, &str)] = &[
    ("net/http.response", "a status of 0 and no output, since there is no kind that listens"),
    ("sys/fwupd", "false, since firmware is not asked"),
    ("world.schedule", "an empty list, since there is no kind that puts itself on it"),
];

/// This machine, as programs see it.
pub(super) struct World {
    places: Places,
    hostname: Arc<str>,
    /// None where nothing is opened.
    stores: Option<Stores>,
    exports: OwnExports,
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
    pub(super) fn new(
        places: Places,
        hostname: Arc<str>,
        stores: Option<Stores>,
        exports: OwnExports,
    ) -> Self {
        let runtime = Handle::current();
        Self { places, hostname, stores, exports, files: Watched::new(&runtime), runtime }
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
}

/// What the files of a program itself say, whoever asks; `None` for everything else.
pub(super) fn of_module(places: &Places, request: &SourceRequest) -> Option<Answer> {
    match request {
        SourceRequest::ModuleFile { path } => Some(files::own_content(&places.path(path))),
        SourceRequest::ModuleFileExists { path } => Some(files::exists(&places.path(path))),
        SourceRequest::ModuleDirectory { path } => Some(Ok(Value::from(own_directory(places, path)))),
        _ => None,
    }
}

fn own_directory(places: &Places, path: &str) -> String {
    format!("{}/", places.path(path).to_string_lossy().trim_end_matches('/'))
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
            R::File { path } => self.files.follow(PathBuf::from(&*path), sink, Arc::new(files::content)),
            R::FileExists { path } => self.files.follow(PathBuf::from(&*path), sink, Arc::new(files::exists)),
            R::ModuleFile { path } => {
                self.files.follow(self.places.path(&path), sink, Arc::new(files::own_content))
            }
            R::ModuleFileExists { path } => {
                self.files.follow(self.places.path(&path), sink, Arc::new(files::exists))
            }
            R::ModuleDirectory { path } => at_once(&sink, own_directory(&self.places, &path)),
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
                MachineFact::CpuCount => self.task(kernel::devices(sink, machine::cpus)),
                MachineFact::IsVirtual => self.once(sink, machine::is_virtual),
                MachineFact::KernelModules => self.task(kernel::devices(sink, machine::kernel_modules)),
                MachineFact::FirmwareRestart => at_once(&sink, false),
            },
            R::User { name } => {
                let look = Arc::new(move |users: &Path| facts::user(users, &name));
                self.files.follow(PathBuf::from(facts::USERS), sink, look)
            }
            R::Interfaces => self.task(kernel::interfaces(sink)),
            R::Program { name } => self.once(sink, move || facts::program(&name)),
            R::NewDirectory { parent, pattern } => {
                self.once(sink, move || files::new_directory(&parent, &pattern))
            }
            R::Random { bytes } => self.once(sink, move || facts::random(bytes)),
            // No kind makes such requests.
            R::HttpResponse { .. } => {
                let nothing = [("status", Value::Int(0)), ("output", Value::from(""))];
                at_once(&sink, Value::structure(nothing))
            }
            // No kind puts itself on such lists.
            R::Schedule { .. } => at_once(&sink, Value::list([])),
            R::Exports { kind } => {
                let who = (kind, self.hostname.clone());
                self.task(stored::exports(self.stores.clone(), self.exports.clone(), who, sink))
            }
            R::StoredValue { .. }
            | R::StoreValue { .. }
            | R::StoreByHost { .. }
            | R::Pool { .. }
            | R::VarDirectory { .. } => match &self.stores {
                Some(stores) => self.stored(stores, request, sink),
                None => {
                    sink(no_store(request));
                    Box::new(())
                }
            },
        }
    }
}

impl World {
    /// What stores say.
    fn stored(&self, stores: &Stores, request: &SourceRequest, sink: Sink) -> Subscription {
        use SourceRequest as R;
        match request.clone() {
            R::StoreValue { key } => {
                let key = keys::kv(&key);
                let followed = stored::shared(stores, key.clone());
                self.task(stored::follow(followed, sink, move |entries| stored::common(entries, &key)))
            }
            R::StoreByHost { namespace } => {
                let followed = stored::shared(stores, keys::KV_EACH.to_owned());
                self.task(stored::follow(followed, sink, move |entries| stored::by_host(entries, &namespace)))
            }
            R::StoredValue { name } => {
                let key = keys::value(&name);
                let followed = Followed::new(stores.own.clone(), None, key.clone());
                self.task(stored::follow(followed, sink, move |entries| stored::value(entries, &key)))
            }
            R::Pool { namespace, uid } => {
                let number = stored::number(stores.clone(), namespace, uid);
                self.task(async move { sink(number.await) })
            }
            R::VarDirectory { path } => {
                let stores = stores.clone();
                self.once(sink, move || stored::directory(&stores, &path))
            }
            _ => Box::new(()),
        }
    }
}

/// What is said where no store is: it is as empty as it would be, and nothing can be kept.
fn no_store(request: &SourceRequest) -> Answer {
    match request {
        SourceRequest::StoredValue { .. } => Ok(Value::structure([("ready", Value::Bool(false))])),
        SourceRequest::StoreValue { .. } => {
            Ok(Value::structure([("value", Value::from("")), ("exists", Value::Bool(false))]))
        }
        SourceRequest::StoreByHost { .. } => Ok(Value::map([])),
        _ => Err(Error::permanent("there is no place where anything stays: name one with --prefix")),
    }
}
