//! What single commands cost in instructions, counted by valgrind's callgrind: the figure that
//! neither the machine's other loads nor the luck of where memory lies can move, for the rows
//! whose bar is nearer to 1 than a clock is exact.

use super::reads_and_writes::{add_rules, mixed};
use super::{Scale, fill};
use crate::names::scattered;
use crate::process::Server;
use crate::run::{Bar, Row};
use crate::summary::Summary;
use crate::wire::{self, Prepared};

/// Keys there, and commands counted: enough that what a server does once does not show, so few
/// that fifty times slower is still quick.
const KEYS: usize = 20_000;

/// How often the servers are started: each hashes with a seed of its own, which moves the count
/// by a hundredth.
const STARTS: usize = 5;

/// Commands in a packet.
const DEPTH: usize = 32;

/// GET, and SET of a key that is there.
pub fn commands(scale: Scale) -> Vec<Row> {
    eprintln!("instructions");
    let keys = KEYS.min(scale.keys);
    let old = |at: usize| mixed(scattered(at + 7, keys));
    let set = |at: usize| vec![b"SET".to_vec(), old(at), b"8 others".to_vec()];
    let rows = [
        ("get", "GET", each(keys, |at| vec![b"GET".to_vec(), old(at)])),
        ("set-over", "SET of a key that is there", each(keys, set)),
    ];
    let bar = Bar::AtMost(1.03);
    rows.into_iter()
        .map(|(name, what, prepared)| {
            let row = format!("{name}-instructions");
            let what = format!("{what}, pipelined by {DEPTH}: instructions / without the module");
            let count = |server: Option<Server>, has_rules: bool| {
                let server = server?;
                let mut connection = server.connect();
                if has_rules {
                    add_rules(&mut connection);
                }
                let names: Vec<Vec<u8>> = (0..keys).map(|at| mixed(scattered(at, keys))).collect();
                fill(&mut connection, &names);
                Some(server.instructions(|| prepared.play(&mut connection))? as f64 / keys as f64)
            };
            let counts: Option<Vec<[f64; 2]>> = (0..STARTS)
                .map(|_| {
                    let module = count(Server::counted_with_module(), true)?;
                    Some([module, count(Server::counted(), false)?])
                })
                .collect();
            let Some(counts) = counts else {
                let why = "valgrind is not installed, or cannot count this server";
                return Row::missing(&row, &what, bar, "x", why);
            };
            let median =
                |at: usize| Summary::of(&counts.iter().map(|of| of[at]).collect::<Vec<_>>()).median;
            let ratios: Vec<f64> = counts.iter().map(|[module, plain]| module / plain).collect();
            Row::figure(&row, &what, bar, "x", Summary::of(&ratios)).note(&format!(
                "module: {:.0} a command; no module: {:.0}; {keys} keys",
                median(0),
                median(1)
            ))
        })
        .collect()
}

fn each(keys: usize, command: impl Fn(usize) -> Vec<Vec<u8>>) -> Prepared {
    Prepared::new(keys, DEPTH, |at, out| {
        let words = command(at);
        wire::write(out, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        1
    })
}
