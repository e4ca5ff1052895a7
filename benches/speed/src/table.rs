//! The figures as one Markdown table.

use std::fmt;

/// One line; what was not measured is left empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// What was measured, and who did it.
    pub what: String,
    /// The median of the rounds.
    pub seconds: Option<f64>,
    /// To the baseline of the same round; the median.
    pub ratio: Option<f64>,
    /// Processor time of the program itself, microseconds a step.
    pub own: Option<f64>,
    /// The most of all rounds, in bytes.
    pub peak: Option<u64>,
    /// What is asked of it.
    pub target: String,
    /// Whether that holds.
    pub held: Option<bool>,
    /// Why there are no figures.
    pub note: String,
}

/// All lines.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Adds a line.
    pub fn push(&mut self, row: Row) {
        self.0.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | median | ratio | own CPU per step | peak memory | target | |")?;
        writeln!(f, "|---|---:|---:|---:|---:|---|---|")?;
        for row in &self.0 {
            let seconds = row.seconds.map_or_else(String::new, time);
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let own = row.own.map_or_else(String::new, |own| format!("{own:.0} µs"));
            let peak = row.peak.map_or_else(String::new, |peak| format!("{} MiB", peak.div_ceil(1024 * 1024)));
            let held = match row.held {
                Some(true) => "holds",
                Some(false) => "missed",
                None => row.note.as_str(),
            };
            writeln!(f, "| {} | {seconds} | {ratio} | {own} | {peak} | {} | {held} |", row.what, row.target)?;
        }
        Ok(())
    }
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_was_measured_and_whether_it_is_enough() {
        let mut table = Table::default();
        table.push(Row {
            what: "a".into(),
            seconds: Some(0.0123),
            peak: Some(1_048_577),
            target: "< 10 ms".into(),
            held: Some(false),
            ..Row::default()
        });
        table.push(Row { what: "b".into(), note: "not installed".into(), ..Row::default() });
        let lines: Vec<String> = table.to_string().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(lines, ["| a | 12.3 ms |  |  | 2 MiB | < 10 ms | missed |", "| b |  |  |  |  |  | not installed |"]);
    }
}
