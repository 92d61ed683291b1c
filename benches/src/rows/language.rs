//! An MCL program: 10,000 resources out of a loop with a class and a template. The yardstick is the naive evaluation of the whole
//! program.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};
use homeostat_engine::Registry;
use homeostat_kinds::KINDS;
use homeostat_lang::Value;
use homeostat_lang::eval::collector::Unknowns;
use homeostat_lang::eval::flow::{Asking, SubscriptionId};
use homeostat_lang::eval::naive::{Answers, Asked, Evaluated, World, evaluate};
use homeostat_lang::eval::{Evaluator, Program};
use homeostat_lang::functions::{Answer, SourceRequest};
use homeostat_lang::infer::Kinds;
use homeostat_lang::modules::{Files, Unreadable, load};
use homeostat_lang::program::{Checked, check};
use homeostat_model::{Diagnostic, KindSchema, SourceMap};

use crate::Settings;
use crate::report::{Budget, Figure, Row, Unit};
use crate::rows::idle::resident_bytes;

const COUNT: usize = 10_000;
const EVENTS: usize = 1000;
const HOSTNAME: &str = "bench";

/// A class with a template for each of a list, and a counter that all of them depend on by way of a condition.
const PROGRAM: &str = r#"import "golang"
import "local"
import "world"

$count = local.pool("bench", "count")
$phase = if $count < 1000000 { "early" } else { "late" }

class site($name, $number) {
	$text = golang.template("site {{ .Name }} is number {{ .Number }}, {{ .Phase }}\n", struct{
		name => $name,
		number => $number,
		phase => $phase,
	})
	file "/srv/${name}" {
		state => "exists",
		content => $text,
	}
}
for $number, $name in world.schedule("sites") {
	include site($name, $number)
}
file "/srv/count" {
	state => "exists",
	content => "${$count + 1}\n",
}
"#;

/// The argument that makes this program the process that is measured.
pub(crate) const CHILD: &str = "--language-child";

pub(crate) fn all(settings: &Settings, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let count = if settings.quick { COUNT / 10 } else { COUNT };
    let (mut firsts, mut deltas, mut events, mut naives) = Default::default();
    let mut sizes = Vec::new();
    for run in 0..settings.runs {
        measure(count, run, (&mut firsts, &mut deltas, &mut events, &mut naives))?;
        sizes.push(size_in_own_process(count)?);
    }
    let naive = Figure::seconds(naives);
    let row = |what: String, figure: Vec<f64>, yardstick: bool, most: f64| Row {
        what,
        figure: Figure::seconds(figure),
        yardstick: yardstick.then_some((naive, "the naive evaluation")),
        budget: Budget::AtMost(most),
    };
    add(row(format!("text to first catalog of {count} resources"), firsts, true, 0.2));
    add(row(format!("one of {count} elements changes, to the delta"), deltas, true, 1e-3));
    // A tenth of a core, for a second's events.
    add(row(format!("{EVENTS} events of one source into the same program"), events, false, 0.1));
    add(Row {
        what: "resident memory per operation".to_owned(),
        figure: Figure::of(Unit::Bytes, sizes),
        yardstick: None,
        budget: Budget::None,
    });
    Ok(())
}

/// Memory that was freed before would be taken again and not be seen.
fn size_in_own_process(count: usize) -> anyhow::Result<f64> {
    let output = Command::new(std::env::current_exe()?).args([CHILD, &count.to_string()]).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Prints the resident bytes for each operation of the program in this process.
pub(crate) fn run_child(args: &[String]) -> anyhow::Result<()> {
    let [count] = args else { bail!("{CHILD} takes a number") };
    let count = count.parse()?;
    let (_, said) = world(count);
    let before = resident_bytes()?;
    let (_kinds, running) = begin(count, &said)?;
    let (operations, _) = running.evaluator.size();
    println!("{}", resident_bytes()?.saturating_sub(before) as f64 / operations as f64);
    Ok(())
}

/// The elements of the loop, and all that the program is told.
fn world(count: usize) -> (Vec<Value>, Said) {
    let sites: Vec<Value> = (0..count).map(|at| Value::from(format!("site-{at}"))).collect();
    let mut said = Said::default();
    said.0.insert(schedule(), Value::list(sites.clone()));
    said.0.insert(counter(), Value::Int(0));
    (sites, said)
}

/// From the text to the first catalog.
fn begin(count: usize, said: &Said) -> anyhow::Result<(Arc<Known>, Running)> {
    let kinds = Arc::new(Known(Registry::new(KINDS.iter().copied())));
    let program = Program::new(checked(&*kinds)?, kinds.clone(), HOSTNAME.into());
    let mut running = Running::start(Evaluator::new(program, Unknowns::Wait), said);
    let given =
        running.first.take().ok_or_else(|| anyhow!("no catalog: {:?}", running.evaluator.diagnostics()))?;
    if given != count + 1 {
        bail!("{given} resources are given");
    }
    Ok((kinds, running))
}

type Figures<'a> = (&'a mut Vec<f64>, &'a mut Vec<f64>, &'a mut Vec<f64>, &'a mut Vec<f64>);

fn measure(count: usize, run: usize, (firsts, deltas, events, naives): Figures<'_>) -> anyhow::Result<()> {
    let (mut sites, mut said) = world(count);
    let begun = Instant::now();
    let (kinds, mut running) = begin(count, &said)?;
    firsts.push(begun.elapsed().as_secs_f64());

    sites[count / 2] = Value::from(format!("other-{run}"));
    let changed = Value::list(sites);
    let begun = Instant::now();
    running.say(&schedule(), changed.clone());
    let delta = running.evaluator.settle();
    deltas.push(begun.elapsed().as_secs_f64());
    if delta.is_none_or(|delta| (delta.set.len(), delta.remove.len()) != (1, 1)) {
        bail!("a changed element is not one resource that comes and one that goes");
    }

    let begun = Instant::now();
    for event in 1..=EVENTS {
        running.say(&counter(), Value::Int(event as i64));
        if running.evaluator.settle().is_none_or(|delta| delta.set.len() != 1) {
            bail!("an event changes one resource");
        }
    }
    events.push(begun.elapsed().as_secs_f64());

    let checked = checked(&*kinds)?;
    said.0.insert(schedule(), changed);
    let begun = Instant::now();
    let output = evaluate(&checked, World { kinds: &*kinds, hostname: HOSTNAME, answers: &said });
    let Evaluated::Complete(catalog) = Evaluated::of(output) else { bail!("the naive evaluation failed") };
    naives.push(begun.elapsed().as_secs_f64());
    drop(catalog);
    Ok(())
}

fn schedule() -> SourceRequest {
    SourceRequest::Schedule { namespace: "sites".into() }
}

fn counter() -> SourceRequest {
    SourceRequest::Pool { namespace: "bench".into(), uid: "count".into() }
}

fn checked(kinds: &dyn Kinds) -> anyhow::Result<Checked> {
    let refused = |wrong: Vec<Diagnostic>| anyhow!("the program is refused: {wrong:?}");
    let modules = load("/main.mcl", &Main, &mut SourceMap::new()).map_err(|wrong| refused(vec![*wrong]))?;
    check(modules, kinds).map_err(|wrong| refused(wrong.into()))
}

/// A program that has said what it desires first.
struct Running {
    evaluator: Evaluator,
    open: Vec<(SubscriptionId, SourceRequest)>,
    /// How many resources that were.
    first: Option<usize>,
}

impl Running {
    fn start(mut evaluator: Evaluator, said: &Said) -> Self {
        let mut open = Vec::new();
        let first = loop {
            if let Some(delta) = evaluator.settle() {
                break Some(delta.set.len());
            }
            let askings = evaluator.take_askings();
            if askings.is_empty() {
                break None;
            }
            for asking in askings {
                if let Asking::Begin(id, request) = asking {
                    if let Some(value) = said.0.get(&request) {
                        evaluator.answer(id, Ok(value.clone()));
                    }
                    open.push((id, request));
                }
            }
        };
        Self { evaluator, open, first }
    }

    fn say(&mut self, request: &SourceRequest, value: Value) {
        if let Some((id, _)) = self.open.iter().find(|(_, asked)| asked == request) {
            self.evaluator.answer(*id, Ok(value));
        }
    }
}

/// What the world says.
#[derive(Default)]
struct Said(BTreeMap<SourceRequest, Value>);

impl Answers for Said {
    fn answer(&self, asked: &Asked) -> Option<Answer> {
        self.0.get(&asked.request).cloned().map(Ok)
    }
}

struct Main;

impl Files for Main {
    fn read(&self, path: &str) -> Result<Arc<str>, Unreadable> {
        if path == "/main.mcl" { Ok(PROGRAM.into()) } else { Err(Unreadable::Missing) }
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }
}

struct Known(Registry);

impl Kinds for Known {
    fn schema(&self, kind: &str) -> Option<&KindSchema> {
        self.0.schema(kind)
    }

    fn names(&self) -> Vec<&str> {
        self.0.names().collect()
    }
}
