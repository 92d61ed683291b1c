//! A program among sources that answer when they please, from threads of their own.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use homeostat_lang::Value;
use homeostat_lang::eval::{Change, Program, Runner, Wake};
use homeostat_lang::functions::{Sink, SourceRequest, Sources, Subscription};

use crate::rig::{Given, HOSTNAME, checked, exists, file, kinds};

const PATIENCE: Duration = Duration::from_secs(60);

/// Sources that say what a test tells them to, to whoever is subscribed.
#[derive(Default, Clone)]
struct Told(Arc<Mutex<Vec<Asked>>>);

type Asked = (SourceRequest, Sink, u64);

/// Ends a subscription when it is dropped.
struct Open(Told, u64);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open().retain(|(_, _, id)| *id != self.1);
    }
}

impl Sources for Told {
    fn subscribe(&self, request: &SourceRequest, sink: Sink) -> Subscription {
        if *request == file("/now") {
            sink(Ok(Value::from("at once")));
        }
        let mut open = self.open();
        let id = open.last().map_or(0, |(_, _, id)| id + 1);
        open.push((request.clone(), sink, id));
        Box::new(Open(self.clone(), id))
    }
}

impl Told {
    fn open(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0.lock().expect("no test panics while it holds this")
    }

    fn say(&self, request: &SourceRequest, value: impl Into<Value>) {
        let value = value.into();
        let open: Vec<Sink> = {
            let open = self.open();
            open.iter().filter(|(asked, _, _)| asked == request).map(|(_, sink, _)| sink.clone()).collect()
        };
        open.iter().for_each(|sink| sink(Ok(value.clone())));
    }

    fn asked(&self) -> BTreeSet<SourceRequest> {
        self.open().iter().map(|(request, _, _)| request.clone()).collect()
    }
}

fn start(text: &str, sources: &Told) -> (Runner, Receiver<()>) {
    // One wake is as good as many.
    let (wake, woken): (SyncSender<()>, _) = sync_channel(1);
    let wake: Wake = Arc::new(move || {
        let _is_first = wake.try_send(()).is_ok();
    });
    let checked = checked(text).expect("the program is right");
    let program = Program::new(checked, Arc::new(kinds()), HOSTNAME.into());
    (Runner::new(program, Arc::new(sources.clone()), wake), woken)
}

const PROGRAM: &str = "import \"os\"\ntest \"t\" {\n\tstr => os.readfile(\"/now\"),\n\tbool => os.file_exists(\"/c\"),\n}\nif os.file_exists(\"/c\") {\n\ttest \"more\" {\n\t\tstr => os.readfile(\"/more\"),\n\t}\n}\n";

#[test]
fn all_is_given_first_and_then_what_differs() {
    let sources = Told::default();
    let (mut runner, woken) = start(PROGRAM, &sources);
    assert!(runner.step().is_none(), "somebody has yet to answer");
    assert_eq!(runner.unknown().len(), 3);
    sources.say(&exists("/c"), false);
    woken.recv_timeout(PATIENCE).unwrap();
    let Some(Change::Full(catalog)) = runner.step() else { panic!("{:?}", runner.diagnostics()) };
    assert_eq!(Given::of(catalog).lines(), ["test[t] {\"bool\":false,\"str\":\"at once\"}"]);
    assert!(runner.step().is_none(), "nothing has changed");

    sources.say(&exists("/c"), true);
    assert!(runner.step().is_none(), "the new branch is not known yet");
    assert!(sources.asked().contains(&file("/more")));
    sources.say(&file("/more"), "x");
    let Some(Change::Delta(delta)) = runner.step() else { panic!("{:?}", runner.diagnostics()) };
    assert_eq!(delta.set.len(), 2);

    sources.say(&exists("/c"), false);
    let Some(Change::Delta(delta)) = runner.step() else { panic!("{:?}", runner.diagnostics()) };
    assert_eq!((delta.set.len(), delta.remove.len()), (1, 1));
    assert!(!sources.asked().contains(&file("/more")), "nobody asks for what is not chosen");
    drop(runner);
    assert!(sources.asked().is_empty());
}

#[test]
fn a_source_that_is_faster_than_the_program_is_heard_last() {
    let sources = Told::default();
    let (mut runner, woken) =
        start("import \"os\"\ntest \"t\" {\n\tstr => os.readfile(\"/a\"),\n}\n", &sources);
    assert!(runner.step().is_none());
    let many = sources.clone();
    let speaker = std::thread::spawn(move || {
        (0..10_000).for_each(|number| many.say(&file("/a"), format!("{number}")));
    });
    let mut last = Given::default();
    let expected = "test[t] {\"str\":\"9999\"}";
    while last.lines() != [expected] {
        woken.recv_timeout(PATIENCE).unwrap();
        match runner.step() {
            Some(Change::Full(catalog)) => last = Given::of(catalog),
            Some(Change::Delta(delta)) => last.apply(&delta),
            None => {}
        }
    }
    speaker.join().unwrap();
}
