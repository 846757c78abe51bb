//! Events as entries of a stream, beside the same events as commands.

use std::thread;
use std::time::Duration;

use super::Scale;
use crate::process::Server;
use crate::run::{Bar, Contender, Row, alternate};
use crate::wire::{self, Connection, Prepared};

/// Rules, each of an event of its own.
const RULES: usize = 100;

/// Events of one round.
const EVENTS: usize = 100_000;

/// Commands in flight.
const DEPTH: usize = 32;

/// Entries of a stream that are events, and the same events by `INVAL.EVENT`, none of which finds
/// a key: what is left is the way of the event.
pub fn sources(scale: Scale) -> Vec<Row> {
    eprint!("sources ");
    let server = Server::with_module();
    let mut connection = server.connect();
    for at in 0..RULES {
        connection.run(&format!("INVAL.RULE ADD r{at} ON event{at} KEYS 1 key{at}:{{id}}"));
    }
    connection.run("INVAL.SOURCE ADD s STREAM stream FORMAT json");
    let events = EVENTS.min(scale.keys);
    let event = |at: usize| (format!("event{}", at % RULES), format!("{{\"id\":{at}}}"));
    let entries = Prepared::new(events, DEPTH, |at, out| {
        let (name, payload) = event(at);
        let words: [&[u8]; 7] =
            [b"XADD", b"stream", b"*", b"event", name.as_bytes(), b"payload", payload.as_bytes()];
        wire::write(out, &words);
        1
    });
    let commands = Prepared::new(events, DEPTH, |at, out| {
        let (name, payload) = event(at);
        wire::write(out, &[b"INVAL.EVENT", name.as_bytes(), payload.as_bytes()]);
        1
    });
    let (server, entries, commands) = (&server, &entries, &commands);
    let by_stream = Contender::new("as entries", "event", events, move |_| {
        let mut connection = server.connect();
        let goal = taken(&mut connection) + events as i64;
        let cost = server.measure(|| {
            entries.play(&mut connection);
            while taken(&mut connection) < goal {
                // Asking costs, too.
                thread::sleep(Duration::from_millis(5));
            }
        });
        connection.run("DEL stream");
        cost
    });
    let by_command = Contender::new("as INVAL.EVENT", "event", events, move |_| {
        let mut connection = server.connect();
        server.measure(|| commands.play(&mut connection))
    });
    let series = alternate(scale.rounds, vec![by_stream, by_command]);
    let what = format!(
        "{events} events of 100 rules as entries of a stream / as INVAL.EVENT, both pipelined by {DEPTH}"
    );
    vec![Row::ratio("sources", &what, Bar::AtMost(2.0), &series[0], &series[1])]
}

/// Entries that the source has taken.
fn taken(connection: &mut Connection) -> i64 {
    let wire::Reply::List(sources) = connection.run("INVAL.SOURCE LIST") else { panic!() };
    sources[0].field("entries").unwrap()
}
