//! The table for the terminal.

use super::run::{Bar, Row};

impl Bar {
    pub fn show(self, unit: &str) -> String {
        match self {
            Self::AtMost(most) => format!("<= {most} {unit}"),
            Self::AtLeast(least) => format!(">= {least} {unit}"),
            Self::None => "-".to_owned(),
        }
    }
}

impl Row {
    /// `met`, `MISSED`, or why neither.
    pub fn verdict(&self) -> &'static str {
        match (self.is_met(), self.measured) {
            (Some(true), _) => "met",
            (Some(false), _) => "MISSED",
            (None, Some(_)) => "-",
            (None, None) => "no figure",
        }
    }

    /// The figure and its spread.
    pub fn shown(&self) -> String {
        let Some(summary) = self.measured else { return "-".to_owned() };
        let digits = if summary.median < 100.0 { 2 } else { 0 };
        let spread = match summary.min < summary.max {
            true => format!(" ({:.digits$}..{:.digits$})", summary.min, summary.max),
            false => String::new(),
        };
        format!("{:.digits$} {}{spread}", summary.median, self.unit)
    }

    pub fn wall_shown(&self) -> String {
        self.wall.map_or_else(|| "-".to_owned(), |wall| format!("{:.2} x", wall.median))
    }
}

/// One row as text.
pub fn line(row: &Row) -> String {
    format!(
        "{:<20} {:>12}  {:<28} wall {:<8} {:<9} {}\n{:20} {}\n",
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
