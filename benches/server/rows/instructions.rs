//! What single commands cost in instructions, counted by valgrind's callgrind: the figure that
//! neither the machine's other loads nor the luck of where memory lies can move, for the rows
//! whose bar is nearer to 1 than a clock is exact.

use super::reads::add_classes;
use super::reads_and_writes::{add_rules, mixed};
use super::{Scale, fill};
use crate::names::scattered;
use crate::process::Server;
use crate::run::{Bar, Row};
use crate::summary::Summary;
use crate::wire::{self, Connection, Prepared};

/// Keys there, and commands counted: enough that what a server does once does not show, so few
/// that fifty times slower is still quick.
const KEYS: usize = 20_000;

/// How often the servers are started: each hashes with a seed of its own, which moves the count
/// by a hundredth.
const STARTS: usize = 5;

/// Commands in a packet.
const DEPTH: usize = 32;

/// Commands, and what they stand against.
struct Case {
    name: &'static str,
    what: &'static str,
    command: Prepared,
    against: Prepared,
    /// Has the server with the module as it is to be.
    set_up: fn(&mut Connection),
    /// Whether the other command runs on a server with the module, and with rules alone.
    both_with_module: bool,
    bar: f64,
}

/// GET, with reads tracked too, and SET of a key that is there; and a FETCH that hits.
pub fn commands(scale: Scale) -> Vec<Row> {
    eprintln!("instructions");
    let keys = KEYS.min(scale.keys);
    let old = |at: usize| mixed(scattered(at + 7, keys));
    let set = |at: usize| vec![b"SET".to_vec(), old(at), b"8 others".to_vec()];
    let read = |word: &'static [u8]| each(keys, move |at| vec![word.to_vec(), old(at)]);
    let cases = [
        Case {
            name: "get",
            what: "GET, pipelined by 32: instructions / without the module",
            command: read(b"GET"),
            against: read(b"GET"),
            set_up: add_rules,
            both_with_module: false,
            bar: 1.03,
        },
        Case {
            name: "track-reads",
            what: "GET, pipelined by 32, reads tracked and 10 classes: instructions / not tracked",
            command: read(b"GET"),
            against: read(b"GET"),
            set_up: track_reads,
            both_with_module: true,
            bar: 1.03,
        },
        Case {
            name: "set-over",
            what: "SET of a key that is there, pipelined by 32: instructions / without the module",
            command: each(keys, set),
            against: each(keys, set),
            set_up: add_rules,
            both_with_module: false,
            bar: 1.03,
        },
        Case {
            name: "fetch",
            what: "INVAL.FETCH that hits, pipelined by 32: instructions / GET",
            command: read(b"INVAL.FETCH"),
            against: read(b"GET"),
            set_up: add_rules,
            both_with_module: true,
            bar: 1.15,
        },
    ];
    cases
        .into_iter()
        .map(|Case { name, what, command, against, set_up, both_with_module, bar }| {
            let row = format!("{name}-instructions");
            let bar = Bar::AtMost(bar);
            let count = |server: Option<Server>,
                         set_up: fn(&mut Connection),
                         prepared: &Prepared| {
                let server = server?;
                let mut connection = server.connect();
                set_up(&mut connection);
                let names: Vec<Vec<u8>> = (0..keys).map(|at| mixed(scattered(at, keys))).collect();
                fill(&mut connection, &names);
                Some(server.instructions(|| prepared.play(&mut connection))? as f64 / keys as f64)
            };
            let counts: Option<Vec<[f64; 2]>> = (0..STARTS)
                .map(|_| {
                    let ours = count(Server::counted_with_module(), set_up, &command)?;
                    let other = match both_with_module {
                        true => count(Server::counted_with_module(), add_rules, &against)?,
                        false => count(Server::counted(), |_| (), &against)?,
                    };
                    Some([ours, other])
                })
                .collect();
            let Some(counts) = counts else {
                let why = "valgrind is not installed, or cannot count this server";
                return Row::missing(&row, what, bar, "x", why);
            };
            let median =
                |at: usize| Summary::of(&counts.iter().map(|of| of[at]).collect::<Vec<_>>()).median;
            let ratios: Vec<f64> = counts.iter().map(|[module, plain]| module / plain).collect();
            Row::figure(&row, what, bar, "x", Summary::of(&ratios)).note(&format!(
                "{:.0} a command; the other: {:.0}; {keys} keys",
                median(0),
                median(1)
            ))
        })
        .collect()
}

fn track_reads(connection: &mut Connection) {
    add_rules(connection);
    add_classes(connection);
    connection.run("CONFIG SET inval.track-reads yes");
}

fn each(keys: usize, command: impl Fn(usize) -> Vec<Vec<u8>>) -> Prepared {
    Prepared::new(keys, DEPTH, |at, out| {
        let words = command(at);
        wire::write(out, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        1
    })
}
