//! A scripted kind and what tests need around it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_engine::event::EventKind;
use homeostat_engine::host::HostOptions;
use homeostat_engine::resource::NoDrift;
use homeostat_engine::store::{StoreError, StoreFuture};
use homeostat_engine::{
    AbsPath, Applied, Change, Check, Claim, Context, Depth, Drift, EmbeddedStore, Engine, EngineHandle,
    EngineOptions, Event, EventSink, Failure, Host, Journal, Kind, Looks, Need, Obstacle, Outputs,
    ParamError, Reach, Record, Recorded, Registry, Resource, Source, VertexKey, Wakes, Watch,
};
use homeostat_model::schema::OutputSchema;
use homeostat_model::{Catalog, Params, ResourceDecl, ResourceId, Type, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::JoinSet;

/// What the scripted resources of one test share. Each test has its own, found by the `world` parameter.
#[derive(Default)]
pub(crate) struct World {
    /// The system: a text under each name.
    pub(crate) system: Mutex<BTreeMap<String, String>>,
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) looks: AtomicU32,
}

static WORLDS: Mutex<BTreeMap<String, Arc<World>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn named(name: &str) -> Arc<Self> {
        lock(&WORLDS).entry(name.to_owned()).or_default().clone()
    }

    fn say(&self, text: String) {
        lock(&self.log).push(text);
    }

    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.log))
    }

    pub(crate) fn set(&self, name: &str, text: &str) {
        lock(&self.system).insert(name.to_owned(), text.to_owned());
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        lock(&self.system).get(name).cloned()
    }
}

/// Wants the system to hold a text.
pub(crate) struct Script {
    name: String,
    params: ScriptParams,
    world: Arc<World>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptParams {
    /// Which world.
    world: String,
    /// The text.
    #[serde(default)]
    want: String,
    /// Means nothing.
    #[serde(default)]
    #[allow(dead_code)]
    tags: Vec<String>,
    /// How long an apply takes.
    #[serde(default)]
    apply_ms: u32,
    /// Panics in its check.
    #[serde(default)]
    panics: bool,
    /// Panics where it says what the graph must know of it.
    #[serde(default)]
    panics_in: String,
    /// Fails in its apply, saying what it wants.
    #[serde(default)]
    fails: bool,
    /// Is checked from a look.
    #[serde(default)]
    prefetched: bool,
    /// May change anything, as a command does.
    #[serde(default)]
    reaches_anything: bool,
    /// Cannot be applied unless the script of this name provides something before.
    #[serde(default)]
    needs_made: String,
    /// Says after a wake whether it is as it should be.
    #[serde(default)]
    sees_at_once: bool,
    /// Its check depends on who knows what.
    #[serde(default)]
    looks_at_anything: bool,
}

pub(crate) struct Text {
    is: Option<String>,
    want: String,
}

impl Drift for Text {
    fn changes(&self) -> Vec<Change> {
        vec![Change::new("want", self.is.clone().unwrap_or_else(|| "absent".into()), self.want.clone())]
    }
}

impl Script {
    fn may_panic(&self, place: &str) {
        assert!(self.params.panics_in != place, "the script says so: {place}");
    }

    fn path(&self) -> AbsPath {
        AbsPath::parse(&format!("/{}", self.name)).unwrap()
    }

    fn compare(&self, is: Option<String>) -> Check<Text> {
        let want = self.params.want.clone();
        if is.as_ref() == Some(&want) || (is.is_none() && want == "absent") {
            Check::Converged(Outputs::none().with("text", Value::from(want)))
        } else {
            Check::Drifted(Text { is, want })
        }
    }
}

impl Resource for Script {
    const KIND: &'static str = "script";
    const DOC: &'static str = "";
    const OUTPUTS: &'static [OutputSchema] =
        &[OutputSchema { key: "text", ty: Type::Str, doc: "What it wants." }];

    type Params = ScriptParams;
    type Drift = Text;
    type Prefetched = BTreeMap<String, String>;

    fn new(name: &Arc<str>, params: ScriptParams) -> Result<Self, Vec<ParamError>> {
        if params.want == "invalid" {
            return Err(vec![ParamError::of("want", "cannot be invalid")]);
        }
        assert!(params.want != "panic", "the script says so");
        let world = World::named(&params.world);
        Ok(Self { name: (**name).to_owned(), params, world })
    }

    fn watches(&self) -> Vec<Watch> {
        self.may_panic("watches");
        vec![Watch::Path { path: self.path(), depth: Depth::Entry }]
    }

    fn provides(&self) -> Vec<Claim> {
        self.may_panic("provides");
        vec![Claim::Path(self.path())]
    }

    fn needs(&self) -> Vec<Need> {
        self.may_panic("needs");
        Vec::new()
    }

    fn batch_key(&self) -> Option<String> {
        self.may_panic("batch_key");
        None
    }

    fn looks(&self) -> Looks {
        self.may_panic("looks");
        if self.params.looks_at_anything { Looks::Anything } else { Looks::Paths(vec![self.path()]) }
    }

    fn reach(&self) -> Reach {
        self.may_panic("reach");
        if self.params.reaches_anything { Reach::Anything } else { Reach::Declared(self.provides()) }
    }

    async fn obstacles(&self, _cx: &Context<'_>, _drift: &Text) -> Vec<Obstacle> {
        let needed = &self.params.needs_made;
        if needed.is_empty() {
            return Vec::new();
        }
        let lifted_by = AbsPath::parse(&format!("/{needed}")).map(Claim::Path).ok();
        vec![Obstacle { failure: Failure::permanent(format!("{needed} is missing")), lifted_by }]
    }

    fn foretell(&self) -> Option<Outputs> {
        (!self.params.reaches_anything)
            .then(|| Outputs::none().with("text", Value::from(self.params.want.clone())))
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<Text>, Failure> {
        assert!(!self.params.panics, "the script says so: {}", self.params.want);
        self.world.say(format!("check {}", self.name));
        Ok(self.compare(self.world.get(&self.name)))
    }

    async fn apply(&self, _cx: &Context<'_>, drift: Text) -> Result<Applied, Failure> {
        self.world.say(format!("apply {}", self.name));
        if self.params.apply_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.params.apply_ms.into())).await;
        }
        if self.params.fails {
            return Err(Failure::transient(format!("cannot write {}", drift.want)));
        }
        if drift.want == "absent" {
            lock(&self.world.system).remove(&self.name);
        } else {
            self.world.set(&self.name, &drift.want);
        }
        self.world.say(format!("done {}", self.name));
        Ok(Applied { outputs: Outputs::none().with("text", Value::from(drift.want)), covers_refresh: false })
    }

    async fn refresh(&self, _cx: &Context<'_>) -> Result<Outputs, Failure> {
        self.world.say(format!("refresh {}", self.name));
        Ok(Outputs::none())
    }

    fn prefetch_key(&self) -> Option<String> {
        self.may_panic("prefetch_key");
        self.params.prefetched.then(|| format!("script {}", self.params.world))
    }

    async fn prefetch(&self, _cx: &Context<'_>) -> Result<BTreeMap<String, String>, Failure> {
        self.world.looks.fetch_add(1, Ordering::Relaxed);
        Ok(lock(&self.world.system).clone())
    }

    async fn check_prefetched(
        &self,
        _cx: &Context<'_>,
        look: &BTreeMap<String, String>,
    ) -> Result<Check<Text>, Failure> {
        Ok(self.compare(look.get(&self.name).cloned()))
    }

    fn known(&self) -> Option<Vec<u8>> {
        self.may_panic("known");
        Some(format!("{} wanted {}", self.name, self.params.want).into_bytes())
    }

    fn recall(&self, known: &[u8]) {
        self.may_panic("recall");
        self.world.say(format!("recall {}", String::from_utf8_lossy(known)));
    }

    fn is_unchanged(&self, _host: &Host) -> bool {
        self.may_panic("is_unchanged");
        if self.params.sees_at_once {
            self.world.say(format!("see {}", self.name));
        }
        self.params.sees_at_once && self.world.get(&self.name).as_deref() == Some(&*self.params.want)
    }

    async fn capture(&self, _cx: &Context<'_>) -> Result<Option<Params>, Failure> {
        let before = self.world.get(&self.name).unwrap_or_else(|| "absent".into());
        let params = [("world", Value::from(self.params.world.as_str())), ("want", Value::from(before))];
        Ok(Some(params.into_iter().collect()))
    }
}

/// Never different, for large graphs.
pub(crate) struct Calm;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CalmParams {
    /// A number.
    #[serde(default)]
    #[allow(dead_code)]
    number: i64,
}

impl Resource for Calm {
    const KIND: &'static str = "calm";
    const DOC: &'static str = "";

    type Params = CalmParams;
    type Drift = NoDrift;
    type Prefetched = ();

    fn new(_name: &Arc<str>, _params: CalmParams) -> Result<Self, Vec<ParamError>> {
        Ok(Self)
    }

    async fn check(&self, _cx: &Context<'_>) -> Result<Check<NoDrift>, Failure> {
        Ok(Check::converged())
    }

    async fn apply(&self, _cx: &Context<'_>, drift: NoDrift) -> Result<Applied, Failure> {
        match drift {}
    }
}

pub(crate) fn registry() -> Registry {
    Registry::new([Kind::of::<Script>(), Kind::of::<Calm>()])
}

/// Wakes whom the test names by path.
#[derive(Default)]
pub(crate) struct Bell {
    wakes: Mutex<Option<Wakes>>,
    armed: Mutex<BTreeMap<AbsPath, VertexKey>>,
}

impl Bell {
    pub(crate) fn ring(&self, name: &str) {
        let path = AbsPath::parse(&format!("/{name}")).unwrap();
        let vertex = lock(&self.armed)[&path];
        lock(&self.wakes).as_ref().unwrap().wake(vertex);
    }

    pub(crate) fn armed(&self) -> usize {
        lock(&self.armed).len()
    }
}

impl Source for Bell {
    fn start(self: Arc<Self>, _host: &Host, wakes: Wakes, _tasks: &mut JoinSet<()>) -> std::io::Result<()> {
        *lock(&self.wakes) = Some(wakes);
        Ok(())
    }

    fn serves(&self, watch: &Watch) -> bool {
        matches!(watch, Watch::Path { .. })
    }

    fn arm(&self, watch: &Watch, vertex: VertexKey) {
        if let Watch::Path { path, .. } = watch {
            lock(&self.armed).insert(path.clone(), vertex);
        }
    }

    fn disarm(&self, vertex: VertexKey) {
        lock(&self.armed).retain(|_, armed| *armed != vertex);
    }
}

/// A journal that a test can carry over a restart. It stands in for a disk.
#[derive(Default)]
pub(crate) struct Paper {
    pub(crate) written: Mutex<Recorded>,
    hangs: std::sync::atomic::AtomicBool,
    fails: std::sync::atomic::AtomicBool,
}

impl Paper {
    /// Nothing is recorded any more, and nobody is told.
    pub(crate) fn hang(&self) {
        self.hangs.store(true, Ordering::Relaxed);
    }

    /// Whether nothing can be recorded.
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }
}

impl Journal for Paper {
    fn recorded(&self) -> StoreFuture<'_, Recorded> {
        let written = lock(&self.written).clone();
        Box::pin(async move { Ok(written) })
    }

    fn record(&self, records: Vec<Record>) -> StoreFuture<'_, ()> {
        if self.hangs.load(Ordering::Relaxed) {
            return Box::pin(std::future::pending());
        }
        if self.fails.load(Ordering::Relaxed) {
            return Box::pin(async { Err(StoreError::Damaged("the disk is full".into())) });
        }
        let mut written = lock(&self.written);
        for record in records {
            match record {
                Record::Owe(intent) => written.intents.push(intent),
                Record::Clear(intent) => written.intents.retain(|have| *have != intent),
                Record::Undo(id, undo) => written.undo.push((id, undo)),
                Record::Former(id, former) => {
                    let known = written.undo.iter_mut().filter(|(have, _)| *have == id);
                    known.for_each(|(_, undo)| undo.former = former.clone());
                }
                Record::ForgetUndo(id) => written.undo.retain(|(have, _)| *have != id),
                Record::Done(id, digest) => {
                    written.done.retain(|(have, _)| *have != id);
                    written.done.push((id, digest));
                }
                Record::ForgetDone(id) => written.done.retain(|(have, _)| *have != id),
                Record::Count(id, count) => {
                    written.counts.retain(|(have, _)| *have != id);
                    written.counts.push((id, count));
                }
                Record::ForgetCount(id) => written.counts.retain(|(have, _)| *have != id),
            }
        }
        Box::pin(async { Ok(()) })
    }
}

#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<Event>>>);

impl EventSink for Events {
    fn emit(&mut self, events: &[Event]) {
        lock(&self.0).extend_from_slice(events);
    }
}

impl Events {
    pub(crate) fn of(&self, id: &ResourceId) -> Vec<EventKind> {
        let events = lock(&self.0);
        events.iter().filter(|event| event.id.as_ref() == Some(id)).map(|event| event.kind.clone()).collect()
    }
}

/// A running engine with everything around it.
pub(crate) struct Rig {
    pub(crate) engine: EngineHandle,
    pub(crate) world: Arc<World>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) journal: Arc<Paper>,
    pub(crate) events: Events,
    world_name: String,
    _directory: tempfile::TempDir,
}

pub(crate) fn host(directory: &tempfile::TempDir) -> Host {
    Host::new(HostOptions::new("a", Arc::new(EmbeddedStore::open(directory.path())))).unwrap()
}

impl Rig {
    pub(crate) async fn start(world: &str, options: EngineOptions) -> Self {
        Self::start_with(world, options, Arc::default()).await
    }

    /// `journal` is what an earlier run left.
    pub(crate) async fn start_with(world: &str, options: EngineOptions, journal: Arc<Paper>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bell = Arc::new(Bell::default());
        let events = Events::default();
        let sources: Vec<Arc<dyn Source>> = vec![bell.clone()];
        let sink = Box::new(events.clone());
        let engine = Engine::start(options, registry(), host(&directory), sources, journal.clone(), sink)
            .await
            .unwrap();
        let world_name = world.to_owned();
        Self { engine, world: World::named(world), bell, journal, events, world_name, _directory: directory }
    }

    pub(crate) fn script(&self, name: &str, params: &[(&'static str, Value)]) -> ResourceDecl {
        script(&self.world_name, name, params)
    }

    pub(crate) async fn settle(&self) {
        self.engine.progress().wait_for(|progress| progress.settled).await.unwrap();
    }

    pub(crate) async fn load(&self, catalog: Catalog) {
        self.engine.load(catalog).await.unwrap();
        self.settle().await;
    }
}

pub(crate) fn id(name: &str) -> ResourceId {
    ResourceId::new("script", name)
}

pub(crate) fn script(world: &str, name: &str, params: &[(&'static str, Value)]) -> ResourceDecl {
    let mut all: Params = params.iter().map(|(key, value)| (*key, value.clone())).collect();
    all.set("world", Value::from(world));
    ResourceDecl::new(id(name), all)
}

pub(crate) fn want(text: &str) -> (&'static str, Value) {
    ("want", Value::from(text))
}

pub(crate) fn catalog(resources: Vec<ResourceDecl>) -> Catalog {
    Catalog { resources, ..Catalog::default() }
}
