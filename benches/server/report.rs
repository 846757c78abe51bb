//! The table, for the terminal and as Markdown and JSON.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::{fs, thread};

use serde_json::{Value, json};

use super::chart::Chart;
use super::process::Server;
use super::rows::Scale;
use super::run::{Bar, Row};
use super::summary::Summary;

impl Bar {
    fn show(self, unit: &str) -> String {
        match self {
            Self::AtMost(most) => format!("<= {most} {unit}"),
            Self::AtLeast(least) => format!(">= {least} {unit}"),
            Self::None => "-".to_owned(),
        }
    }
}

impl Row {
    /// `met`, `MISSED`, or why neither.
    fn verdict(&self) -> &'static str {
        match (self.is_met(), self.measured) {
            (Some(true), _) => "met",
            (Some(false), _) => "MISSED",
            (None, Some(_)) => "-",
            (None, None) => "no figure",
        }
    }

    /// The figure and its spread.
    fn shown(&self) -> String {
        let Some(summary) = self.measured else { return "-".to_owned() };
        let digits = if summary.median < 100.0 { 2 } else { 0 };
        let spread = match summary.min < summary.max {
            true => format!(" ({:.digits$}..{:.digits$})", summary.low, summary.high),
            false => String::new(),
        };
        format!("{:.digits$} {}{spread}", summary.median, self.unit)
    }

    fn wall_shown(&self) -> String {
        self.wall.map_or_else(|| "-".to_owned(), |wall| format!("{:.2} x", wall.median))
    }

    fn json(&self) -> Value {
        let summary = |summary: Summary| {
            let Summary { median, low, high, min, max } = summary;
            json!({
                "median": round(median), "quartiles": [round(low), round(high)],
                "min": round(min), "max": round(max),
            })
        };
        let bar = match self.bar {
            Bar::AtMost(most) => json!({"at_most": most}),
            Bar::AtLeast(least) => json!({"at_least": least}),
            Bar::None => Value::Null,
        };
        json!({
            "name": self.name, "what": self.what, "bar": bar, "unit": self.unit,
            "measured": self.measured.map(summary), "wall": self.wall.map(summary),
            "verdict": self.verdict(), "note": self.note,
        })
    }
}

/// Four digits that count: more would be noise.
fn round(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// One row as text.
pub fn line(row: &Row) -> String {
    format!(
        "{:<24} {:>12}  {:<28} wall {:<8} {:<9} {}\n{:24} {}\n",
        row.name,
        row.bar.show(row.unit),
        row.shown(),
        row.wall_shown(),
        row.verdict(),
        row.what,
        "",
        row.note
    )
}

/// Where and on what the run took place.
pub struct Place {
    machine: String,
    server: String,
    commit: String,
    scale: Scale,
}

impl Place {
    /// This machine, and the server and the commit that it has.
    pub fn here(scale: Scale) -> Self {
        let field = |path: &str, name: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim().to_owned())
        };
        let kibi: f64 = field("/proc/meminfo", "MemTotal")
            .and_then(|total| total.split(' ').next()?.parse().ok())
            .unwrap_or_default();
        let machine = format!(
            "{}, {} cores, {:.0} GiB",
            field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned()),
            thread::available_parallelism().map_or(1, usize::from),
            kibi / f64::from(1 << 20)
        );
        let git = Command::new("git").args(["describe", "--always", "--dirty"]).output();
        let commit = git.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
        let server = Server::plain().version();
        Self { machine, server, commit: commit.unwrap_or_default(), scale }
    }
}

/// Writes `benchmarks.md`, `benchmarks.json` and the charts into a folder.
pub fn write(folder: &Path, place: &Place, rows: &[Row], charts: &[Chart]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for chart in charts {
        fs::write(folder.join(format!("{}.svg", chart.name)), chart.svg())?;
    }
    let json = json!({
        "machine": place.machine, "server": place.server, "commit": place.commit,
        "keys": place.scale.keys, "rounds": place.scale.rounds,
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
    });
    fs::write(folder.join("benchmarks.json"), format!("{json:#}\n"))?;
    fs::write(folder.join("benchmarks.md"), markdown(place, rows, charts))
}

fn markdown(place: &Place, rows: &[Row], charts: &[Chart]) -> String {
    let (with_bar, without): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.bar != Bar::None);
    let missed = with_bar.iter().filter(|row| row.is_met() != Some(true)).count();
    let mut out = format!(
        "# Benchmarks\n\n\
         Written by `make bench`; do not edit. {} on {}; module at {}; {} keys, {} rounds.\n\
         {} of {} bars are met.\n\n{METHOD}\n\n## Bars\n\n",
        place.server,
        place.machine,
        place.commit,
        place.scale.keys,
        place.scale.rounds,
        with_bar.len() - missed,
        with_bar.len(),
    );
    table(&mut out, &with_bar);
    for chart in charts {
        let _ = write!(out, "\n## {}\n\n![{}]({}.svg)\n", chart.title, chart.title, chart.name);
    }
    if !without.is_empty() {
        out.push_str("\n## To compare\n\nNothing is asked of these.\n\n");
        table(&mut out, &without);
    }
    out
}

const METHOD: &str = "\
Each ratio compares two contenders that took turns in this run on the same keys. It is the median \
of the ratios of the single rounds, in brackets the quartiles; CPU decides, except where a bar is a \
time. CPU is that of all threads of the server (`/proc/PID/task/*/schedstat`), wall time that of \
the client. Client and server share one processor, except in the latency rows: where they do not, \
waking the other costs more than a command, and more or less of it by chance. Keys have names of 32 \
bytes and values of 8. \"No module\" is the same server without the module. A purge stands \
against UNLINK twice: on a server without the module, and (`-loaded`) on one with it, where UNLINK \
too must forget names and tags. A GET of the latency rows is sent every 500 us, whether the one \
before was answered or not, so a stall counts for every GET it hits; `no purge` is what this machine \
does to them by itself. What the libraries of other people do, and how \
they were set up, is in [`benches/peers`](../benches/peers/README.md).";

fn table(out: &mut String, rows: &[&Row]) {
    out.push_str("| row | what | bar | measured | wall | verdict | figures |\n");
    out.push_str("|---|---|---|---|---|---|---|\n");
    for row in rows {
        let cells = [
            row.name.clone(),
            row.what.clone(),
            row.bar.show(row.unit),
            row.shown(),
            row.wall_shown(),
            row.verdict().to_owned(),
            row.note.clone(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}
