//! All sections of the statistics that have no page of their own.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::grid::{FAINT, TITLE};
use super::health::wrapped;
use crate::model::section::{Field, Section};
use crate::model::snapshot::Snapshot;

/// Draws the page.
pub fn draw(look: &Snapshot, area: Rect, buffer: &mut Buffer, scroll: usize) {
    let mut lines = vec![];
    for section in Section::all(look) {
        lines.push((format!("── {}", section.title.to_lowercase()), TITLE));
        match (section.is_known, section.fields.is_empty() && section.rows.is_empty()) {
            (false, _) => lines.push(("  -".to_owned(), FAINT)),
            (true, true) => lines.push(("  none".to_owned(), FAINT)),
            (true, false) => {}
        }
        if !section.fields.is_empty() {
            lines.push((format!("  {}", joined(&section.fields)), Style::new()));
        }
        for (name, fields) in &section.rows {
            let colon = if name.is_empty() { "" } else { ": " };
            lines.push((format!("  {name}{colon}{}", joined(fields)), Style::new()));
        }
    }
    wrapped(area, buffer, &lines, scroll);
}

fn joined(fields: &[Field]) -> String {
    fields.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join("  ")
}
