//! What it costs to have all reads counted.

use super::reads_and_writes::{COMMANDS, SHORT, STARTS, add_rules, mixed, play, way_of};
use super::{Scale, purge::background};
use crate::names::scattered;
use crate::process::Server;
use crate::run::{Bar, Row, Series, alternate};
use crate::wire::{self, Connection, Prepared};

/// Classes whose keys are told apart: of the names that are read, three of eight are in one.
const CLASSES: [&str; 10] = [
    "badges:user:*:list",
    "product:*:stock:*",
    "session:*",
    "user:*:profile",
    "user:*",
    "search:*",
    "page:*",
    "cart:*",
    "feed:home:*",
    "api:v2:*",
];

pub fn add_classes(connection: &mut Connection) {
    for (at, glob) in CLASSES.iter().enumerate() {
        connection.run(&format!("INVAL.CLASS SET class-{at} MATCH {glob}"));
    }
}

/// GET of keys that are there, with `inval.track-reads` and without: on one server, switched
/// between the rounds, so that where its memory lies favours nobody.
pub fn track(scale: Scale) -> Vec<Row> {
    let mut rows = vec![];
    for (way, depth, commands) in COMMANDS {
        eprint!("track-reads-{way} ");
        let commands = (commands / SHORT).min(scale.keys);
        let prepared = Prepared::new(commands, depth, |at, out| {
            wire::write(out, &[b"GET", &mixed(scattered(at + 7, scale.keys))]);
            1
        });
        let mut all: Vec<Series> = vec![];
        for _ in 0..STARTS {
            let server = Server::with_module();
            add_rules(&mut server.connect());
            add_classes(&mut server.connect());
            background(&server, scale.keys, mixed);
            let contenders = [("tracked", "yes"), ("not tracked", "no")].map(|(name, value)| {
                let mut admin = server.connect();
                let switch = move || {
                    admin.run(&format!("CONFIG SET inval.track-reads {value}"));
                };
                play(name, "command", commands, &server, &prepared).after(switch)
            });
            let more = alternate(scale.fine().div_ceil(STARTS), contenders.into());
            match all.is_empty() {
                true => all = more,
                false => all.iter_mut().zip(more).for_each(|(all, more)| all.extend(more)),
            }
        }
        let what = format!("GET, {}, reads tracked and 10 classes / not tracked", way_of(depth));
        let name = format!("track-reads-{way}");
        rows.push(Row::ratio(&name, &what, Bar::AtMost(1.03), &all[0], &all[1]));
    }
    rows
}
