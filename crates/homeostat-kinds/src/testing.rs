//! A host for tests: this machine, with a store of its own and a record of what was said.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_engine::host::HostOptions;
use homeostat_engine::{Causes, Context, EmbeddedStore, Host};
use tempfile::TempDir;

pub(crate) struct TestHost {
    pub(crate) host: Host,
    directory: TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

impl TestHost {
    pub(crate) fn new() -> Self {
        // Memory where there is some, since the store synchronises.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let directory = directory.unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut options = HostOptions::new("h1", Arc::new(EmbeddedStore::open(directory.path())));
        options.output = Arc::new({
            let said = said.clone();
            move |text: &str| said.lock().unwrap().push(text.to_owned())
        });
        options.command_grace = Duration::from_millis(200);
        Self { host: Host::new(options).unwrap(), directory, said }
    }

    pub(crate) fn cx(&self, causes: Causes) -> Context<'_> {
        Context { host: &self.host, causes }
    }

    /// A path in the directory of this test.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// What was said since the last time.
    pub(crate) fn said(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}
