//! The commands that say where events come from.

use super::help;
use crate::commands::source::{self, AddSource};
use crate::commands::spec::{KeyUse, Spec};

const WRITE: &str = "admin dangerous write";

/// The streams whose entries are events.
pub static SOURCES: &[Spec] = &[
    Spec {
        name: "INVAL.SOURCE",
        sub: Some("ADD"),
        syntax: "name STREAM key FORMAT format [MAP mapping] [FROM id]",
        summary: "Takes the entries of a stream as events, each once: json, cloudevents, debezium or debezium-extended; from now on ($), after an id, or all (0).",
        complexity: "O(1)",
        flags: "write deny-oom",
        categories: WRITE,
        key: KeyUse::None,
        run: |args, server| AddSource::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL.SOURCE",
        sub: Some("DEL"),
        syntax: "name [name ...]",
        summary: "Deletes sources, not their streams; replies with the number deleted.",
        complexity: "O(N) where N is the number of names.",
        flags: "write",
        categories: WRITE,
        key: KeyUse::None,
        run: source::del,
    },
    Spec {
        name: "INVAL.SOURCE",
        sub: Some("LIST"),
        syntax: "",
        summary: "All sources, how far each was taken, what waits, and what could not be taken.",
        complexity: "O(N) where N is the number of entries that wait.",
        flags: "readonly",
        categories: "read",
        key: KeyUse::None,
        run: source::list,
    },
    Spec {
        name: "INVAL.SOURCE",
        sub: Some("HELP"),
        syntax: "",
        summary: "This list.",
        complexity: "O(1)",
        flags: "readonly fast allow-stale",
        categories: "",
        key: KeyUse::None,
        run: |args, _| help(args, |spec| spec.name == "INVAL.SOURCE"),
    },
];
