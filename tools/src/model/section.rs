//! Sections of the statistics of which only their owner knows the fields, as names and figures.

use super::node::Node;
use super::numbers::{UNKNOWN, bytes, date};
use super::snapshot::Snapshot;

/// The sections, and what they are about, in the order they are shown.
const SECTIONS: [(&str, &str); 9] = [
    ("totals", "Totals"),
    ("reads", "Reads"),
    ("index", "Index"),
    ("cache", "Fetches and fills"),
    ("classes", "Classes"),
    ("warm", "Warming"),
    ("queues", "Queues of collected events"),
    ("sources", "Sources"),
    ("domains", "Domains of rules"),
];

/// A name and a figure.
pub type Field = (String, String);

/// A section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// Whether the server gave it.
    pub is_known: bool,
    /// Its figures.
    pub fields: Vec<Field>,
    /// Its rows: a name, which is empty where rows have none, and figures.
    pub rows: Vec<(String, Vec<Field>)>,
}

impl Section {
    /// All sections of a look.
    pub fn all(look: &Snapshot) -> Vec<Self> {
        let of = |(name, title)| {
            let mut section = Self::of(title, look.sections.get(name));
            if name == "index" {
                section.fields.extend(memory(look));
            }
            section
        };
        SECTIONS.into_iter().map(of).collect()
    }

    fn of(title: &'static str, node: &Node) -> Self {
        let mut section = Self { title, is_known: !node.is_null(), ..Self::default() };
        let is_row = |node: &Node| matches!(node, Node::Map(_) | Node::List(_));
        // A list of rows, and not a map in the form of RESP2: its first item is no name.
        if node.items().first().is_some_and(is_row) {
            section.rows = node.items().iter().map(|row| (String::new(), fields(row))).collect();
            return section;
        }
        for (name, value) in node.fields() {
            match is_row(value) {
                true if value.fields().is_empty() => {}
                true => section.rows.push((name.line(), fields(value))),
                false => section.fields.push((name.line(), figure(name, value))),
            }
        }
        section
    }
}

/// What the index takes is told by `INFO`.
fn memory(look: &Snapshot) -> Option<Field> {
    let [used, max] = look.server.index_memory;
    let max = max.map_or_else(String::new, |max| format!(" of {}", bytes(max)));
    used.map(|used| ("memory".to_owned(), format!("{}{max}", bytes(used))))
}

fn fields(row: &Node) -> Vec<Field> {
    let field = |(name, value): (&Node, &Node)| (name.line(), figure(name, value));
    row.fields().into_iter().map(field).collect()
}

/// Times of day are of more use than the milliseconds since 1970.
fn figure(name: &Node, value: &Node) -> String {
    let name = name.line();
    let is_time = ["last_ms", "since_ms", "due_ms", "at_ms"].contains(&name.as_str());
    match value.count() {
        Some(0) if is_time => UNKNOWN.to_owned(),
        Some(at) if is_time => date(at),
        _ => value.figure(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::samples;

    #[test]
    fn sections_are_the_same_in_both_protocols() {
        let three = Section::all(&Snapshot::of(samples::busy()));
        let two = Section::all(&Snapshot::of(samples::busy_flat()));
        assert_eq!(three, two);
        let of = |title| three.iter().find(|section| section.title == title).unwrap();
        assert_eq!(of("Reads").fields.first().unwrap(), &("tracked".to_owned(), "1".to_owned()));
        assert_eq!(of("Sources").rows.first().unwrap().0, "orders");
        assert_eq!(of("Queues of collected events").rows.first().unwrap().0, "");
        let last = of("Totals").fields.iter().find(|(name, _)| name == "last_ms").unwrap();
        assert_eq!(last.1, "2023-11-14 22:13:20");
        let older = Section::all(&Snapshot::of(samples::older()));
        assert!(!older.iter().find(|section| section.title == "Reads").unwrap().is_known);
    }
}
