//! Figures with their spread, and the table of them.

use std::fmt;

use serde_json::json;

/// The median of several runs, and how far they lie apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    min: f64,
    max: f64,
    unit: Unit,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    Count,
}

impl Figure {
    /// Of at least one value.
    pub(crate) fn of(unit: Unit, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { median: values[values.len() / 2], min: values[0], max: values[values.len() - 1], unit }
    }

    pub(crate) fn seconds(values: Vec<f64>) -> Self {
        Self::of(Unit::Seconds, values)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.unit.scale(self.max);
        let show = |value: f64| shorten(value / scale.0);
        let (median, min, max, unit) = (show(self.median), show(self.min), show(self.max), scale.1);
        let space = if unit.is_empty() { "" } else { " " };
        if min == max {
            return write!(f, "{median}{space}{unit}");
        }
        write!(f, "{median}{space}{unit} ({min}–{max})")
    }
}

impl Unit {
    fn scale(self, largest: f64) -> (f64, &'static str) {
        match self {
            Self::Seconds if largest < 1e-3 => (1e-6, "µs"),
            Self::Seconds if largest < 1.0 => (1e-3, "ms"),
            Self::Seconds => (1.0, "s"),
            Self::Bytes if largest < 1024.0 => (1.0, "B"),
            Self::Bytes if largest < 1048576.0 => (1024.0, "KiB"),
            Self::Bytes => (1048576.0, "MiB"),
            Self::Count => (1.0, ""),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "B",
            Self::Count => "1",
        }
    }
}

/// Three digits are more than two runs have in common.
fn shorten(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        value_abs if value_abs >= 99.95 => format!("{value:.0}"),
        value_abs if value_abs >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// How far a figure may go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Budget {
    /// So many times the yardstick.
    Times(f64),
    /// So much, in the unit of the figure.
    AtMost(f64),
    /// It is there to be seen.
    None,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// How it came out.
    pub(crate) figure: Figure,
    /// What it is compared with, and what that is.
    pub(crate) yardstick: Option<(Figure, &'static str)>,
    pub(crate) budget: Budget,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        let (yardstick, _) = &self.yardstick?;
        Some(self.figure.median / yardstick.median)
    }

    fn holds(&self) -> Option<bool> {
        match self.budget {
            Budget::Times(times) => self.ratio().map(|ratio| ratio <= times),
            Budget::AtMost(most) => Some(self.figure.median <= most),
            Budget::None => None,
        }
    }

    fn budget_text(&self) -> String {
        match self.budget {
            Budget::Times(times) => format!("≤ {times} ×"),
            Budget::AtMost(most) => {
                let (scale, unit) = self.figure.unit.scale(most);
                format!("≤ {} {unit}", most / scale).trim_end().to_owned()
            }
            Budget::None => String::new(),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.holds() {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "",
        }
    }
}

/// Prints rows as they come.
pub(crate) struct Report {
    json: bool,
    rows: Vec<Row>,
}

const WIDTHS: [usize; 6] = [54, 26, 40, 7, 10, 7];

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, rows: Vec::new() }
    }

    pub(crate) fn begin(&self) {
        if !self.json {
            line(["what", "figure (min–max)", "yardstick", "ratio", "budget", "verdict"].map(str::to_owned));
            line(WIDTHS.map(|width| "-".repeat(width)));
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        if !self.json {
            line([
                row.what.clone(),
                row.figure.to_string(),
                row.yardstick.as_ref().map_or(String::new(), |(figure, what)| format!("{figure}, {what}")),
                row.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}")),
                row.budget_text(),
                row.verdict().to_owned(),
            ]);
        }
        self.rows.push(row);
    }

    /// Says whether every budget holds.
    pub(crate) fn end(self) -> bool {
        if self.json {
            let rows: Vec<_> = self.rows.iter().map(json_of).collect();
            println!("{:#}", json!({ "rows": rows }));
        }
        self.rows.iter().all(|row| row.holds() != Some(false))
    }
}

fn line(cells: [String; 6]) {
    let padded = cells.iter().zip(WIDTHS).map(|(cell, width)| {
        let padding = width.saturating_sub(cell.chars().count());
        format!("{cell}{}", " ".repeat(padding))
    });
    println!("| {} |", padded.collect::<Vec<_>>().join(" | "));
}

fn json_of(row: &Row) -> serde_json::Value {
    let figure = |figure: &Figure| json!({ "median": figure.median, "min": figure.min, "max": figure.max, "unit": figure.unit.name() });
    let budget = match row.budget {
        Budget::Times(times) => json!({ "times_yardstick": times }),
        Budget::AtMost(most) => json!({ "at_most": most }),
        Budget::None => json!(null),
    };
    json!({
        "what": row.what,
        "figure": figure(&row.figure),
        "yardstick": row.yardstick.as_ref().map(|(of, what)| json!({ "what": what, "figure": figure(of) })),
        "ratio": row.ratio(),
        "budget": budget,
        "holds": row.holds(),
    })
}
