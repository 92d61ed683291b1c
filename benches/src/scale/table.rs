//! The figures of each phase, as a table.

use std::time::Duration;

use crate::meter::Counted;

/// What was measured in a phase.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// How long it took on each host; none where it was not in time.
    pub(crate) took: Vec<Option<Duration>>,
    pub(crate) counted: Counted,
    pub(crate) lasted: Duration,
    /// Processor time of this program, all agents together.
    pub(crate) cpu: Duration,
}

const HEAD: &str = "\
| phase | p50 | p99 | max | messages per agent, in + out | KiB per agent, in + out | peak messages/s, in + out | processor: agents, etcds | of |
|---|---|---|---|---|---|---|---|---|";

pub(crate) fn print(phases: &[Phase], agents: usize) {
    println!("{HEAD}");
    for phase in phases {
        println!("{}", phase.row(agents));
    }
}

impl Phase {
    fn row(&self, agents: usize) -> String {
        let Self { name, took, counted, lasted, cpu } = self;
        let mut took: Vec<Duration> = took.iter().flatten().copied().collect();
        took.sort();
        let at = |percent: usize| match took.len() {
            0 => "-".to_owned(),
            len => seconds(took[(len - 1) * percent / 100]),
        };
        #[allow(clippy::cast_precision_loss, reason = "there are not so many")]
        let each = |sum: f64| sum / agents as f64;
        format!(
            "| {name} | {} | {} | {} | {:.1} + {:.1} | {:.1} + {:.1} | {:.0} + {:.0} | {}, {} | {} |",
            at(50),
            at(99),
            at(100),
            each(counted.messages_in),
            each(counted.messages_out),
            each(counted.bytes_in) / 1024.0,
            each(counted.bytes_out) / 1024.0,
            counted.peak_in,
            counted.peak_out,
            seconds(*cpu),
            seconds(Duration::from_secs_f64(counted.cpu.max(0.0))),
            seconds(*lasted),
        )
    }
}

/// Three digits.
pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 10.0 => format!("{seconds:.2} s"),
        _ => format!("{seconds:.1} s"),
    }
}
