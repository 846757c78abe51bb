//! All sections of the statistics that have no page of their own.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::grid::{FAINT, TITLE};
use super::health::wrapped;
use crate::model::node::Node;
use crate::model::snapshot::Snapshot;

/// The sections, in the order they are shown.
pub const SECTIONS: [(&str, &str); 9] = [
    ("totals", "totals"),
    ("reads", "reads"),
    ("index", "index"),
    ("cache", "fetches and fills"),
    ("classes", "classes"),
    ("warm", "warming"),
    ("queues", "queues"),
    ("sources", "sources"),
    ("domains", "domains"),
];

/// Draws the page.
pub fn draw(look: &Snapshot, area: Rect, buffer: &mut Buffer, scroll: usize) {
    let mut lines = vec![];
    for (name, title) in SECTIONS {
        lines.push((format!("── {title}"), TITLE));
        let section = look.sections.get(name);
        let (plain, rows) = parts(section);
        if plain.is_empty() && rows.is_empty() {
            lines.push((if section.is_null() { "  -" } else { "  none" }.to_owned(), FAINT));
        }
        if !plain.is_empty() {
            lines.push((format!("  {}", plain.join("   ")), Style::new()));
        }
        lines.extend(rows.into_iter().map(|(name, of)| (format!("  {name}: {of}"), Style::new())));
    }
    wrapped(area, buffer, &lines, scroll);
}

/// The plain figures of a section, and its rows.
pub fn parts(section: &Node) -> (Vec<String>, Vec<(String, String)>) {
    let is_row = |node: &Node| matches!(node, Node::Map(_) | Node::List(_));
    // A list of rows, and not a map in the form of RESP2: its first item is no name.
    if let Some(first) = section.items().first().filter(|first| is_row(first)) {
        debug_assert!(is_row(first));
        let rows = section.items().iter().map(|row| (String::new(), fields(row)));
        let named = rows.zip(1..).map(|((_, of), at)| (at.to_string(), of));
        return (vec![], named.collect());
    }
    let (mut plain, mut rows) = (vec![], vec![]);
    for (name, value) in section.fields() {
        match is_row(value) {
            true if value.fields().is_empty() => {}
            true => rows.push((name.line(), fields(value))),
            false => plain.push(format!("{} {}", name.line(), value.line())),
        }
    }
    (plain, rows)
}

fn fields(row: &Node) -> String {
    let field = |(name, value): (&Node, &Node)| match value {
        Node::Map(_) | Node::List(_) => format!("{} ({})", name.line(), fields(value)),
        _ => format!("{} {}", name.line(), value.line()),
    };
    row.fields().into_iter().map(field).collect::<Vec<_>>().join("  ")
}
