//! What it costs to count, log and remember invalidations, and to ask for the figures.

use super::purge::background;
use super::{Scale, VALUE, cost_of};
use crate::process::Server;
use crate::run::{Bar, Contender, Row, alternate};
use crate::wire::{self, Connection, Prepared};

/// Rules, each of an event of its own.
const RULES: usize = 100;

/// Keys that go in one round.
const KEYS: usize = 20_000;

/// Commands in flight.
const DEPTH: usize = 32;

/// Rounds in one server; memory lies elsewhere in the next.
const STARTS: usize = 3;

/// Parts of a round, after each of which statistics are switched: what disturbs the machine lasts
/// longer than two of them, and disturbs both. An odd number, so that both ways have each part.
const PARTS: usize = 41;

/// Events with statistics and without, on one server that is switched all the time.
pub fn events(scale: Scale) -> Vec<Row> {
    [(1, 1), (1, DEPTH), (100, DEPTH)].map(|(matches, depth)| event(scale, matches, depth)).to_vec()
}

fn event(scale: Scale, matches: usize, depth: usize) -> Row {
    let alone = if depth == 1 { "-alone" } else { "" };
    let name = format!("statistics-event-{matches}{alone}");
    eprint!("{name} ");
    // A part has a full pipeline at least.
    let parts = PARTS.min(KEYS / matches / DEPTH) | 1;
    let events = KEYS.min(scale.keys) / matches / parts;
    let key = |event: usize, at: usize| format!("of{}:{event}:{at}", event % RULES).into_bytes();
    let sets = |part: usize| {
        Prepared::new(events * matches, DEPTH, move |at, out| {
            let event = part * events + at / matches;
            wire::write(out, &[b"SET", &key(event, at % matches), VALUE]);
            1
        })
    };
    let tells = |part: usize| {
        Prepared::new(events, depth, move |at, out| {
            let event = part * events + at;
            let (name, payload) =
                (format!("event{}", event % RULES), format!("{{\"id\":{event}}}"));
            wire::write(out, &[b"INVAL.EVENT", name.as_bytes(), payload.as_bytes()]);
            1
        })
    };
    let work: Vec<_> = (0..parts).map(|part| (sets(part), tells(part))).collect();
    let mut all: Vec<crate::run::Series> = vec![];
    for _ in 0..STARTS {
        let server = Server::with_module();
        let mut connection = server.connect();
        for at in 0..RULES {
            connection.run(&format!("INVAL.RULE ADD r{at} ON event{at} KEYS 1 of{at}:{{id}}:*"));
        }
        work.iter().for_each(|(sets, _)| sets.play(&mut connection));
        let (server, work) = (&server, &work);
        let contenders = [("with", "yes", 0), ("without", "no", 1)].map(|(name, value, ahead)| {
            let (mut admin, mut connection) = (server.connect(), server.connect());
            let round = move |at: usize| {
                let (sets, tells) = &work[(2 * at + ahead) % parts];
                admin.run(&format!("CONFIG SET inval.statistics {value}"));
                let cost = server.measure(|| tells.play(&mut connection));
                sets.play(&mut admin);
                cost
            };
            Contender::new(name, "event", events, round)
        });
        // Where a round has fewer parts, there are more rounds.
        let rounds = scale.fine().div_ceil(STARTS) * (PARTS / parts);
        let more = alternate(rounds * parts, contenders.into());
        let more: Vec<_> = more.into_iter().map(|series| series.joined(parts)).collect();
        match all.is_empty() {
            true => all = more,
            false => all.iter_mut().zip(more).for_each(|(all, more)| all.extend(more)),
        }
    }
    let what = format!(
        "{} events that delete {matches} each, pipelined by {depth}, with statistics / without",
        events * parts
    );
    Row::ratio(&name, &what, Bar::AtMost(1.03), &all[0], &all[1])
}

/// Tags, each of a hundred of the keys or fewer.
const TAGS: usize = 10_000;

/// Rules that have run, each once.
const MANY_RULES: usize = 1000;

/// How long the server is held up by a question, where there is much to tell.
pub fn answers(scale: Scale) -> Vec<Row> {
    eprint!("statistics-answers ");
    let server = Server::with_module();
    let mut connection = server.connect();
    let key = |at: usize| format!("k{}:{at}", at % MANY_RULES).into_bytes();
    background(&server, scale.keys, key);
    let tagged = TAGS.min(scale.keys);
    connection.pipeline(tagged, 1, |at, out| {
        wire::write(out, &[b"TAG.SET", &key(at), format!("tag{at}").as_bytes()]);
    });
    for at in 0..MANY_RULES {
        let rule = format!(
            "INVAL.RULE ADD r{at} ON e{at} KEYS 2 k{at}:{{id}} k{at}:{{id}}:* TAGS 1 t{at}:{{id}}"
        );
        connection.run(&rule);
    }
    connection.pipeline(MANY_RULES, 1, |at, out| {
        wire::write(out, &[b"INVAL.EVENT", format!("e{at}").as_bytes(), b"{\"id\":-1}"]);
    });
    let questions = [
        "INVAL.STATS",
        "INFO inval",
        "INVAL.HEALTH",
        "INVAL.STATS FORMAT json",
        "INVAL.STATS FORMAT prometheus",
    ];
    let row = |question: &str| ask(&server, &mut connection, question, scale);
    questions.map(row).to_vec()
}

fn ask(server: &Server, connection: &mut Connection, question: &str, scale: Scale) -> Row {
    let words: Vec<&[u8]> = question.split(' ').map(str::as_bytes).collect();
    let mut command = vec![];
    wire::write(&mut command, &words);
    let mut connection = [connection];
    let contender = Contender::new(question, "answer", 1, |_| {
        let [connection] = &mut connection;
        cost_of(server, connection, &command).0
    });
    let series = alternate(scale.fine(), vec![contender]);
    let wall = crate::summary::Summary::of(&series[0].wall()).times(1e-6);
    let what = format!(
        "{question} with {} keys, {TAGS} tags and {MANY_RULES} rules that have run",
        crate::run::thousands(scale.keys)
    );
    let name = format!("statistics: {question}");
    Row::figure(&name, &what, Bar::AtMost(1.0), "ms", wall)
}
