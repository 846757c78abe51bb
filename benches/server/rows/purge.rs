//! Purges and events against the UNLINK that a client would send if it knew the names.

use super::{Scale, clear, cost_of, cost_of_all, fill, scan_and_unlink, size, total, unlink};
use crate::names::{grouped, item, scattered};
use crate::process::Server;
use crate::run::{Bar, Contender, Row, Series, alternate};
use crate::summary::Summary;
use crate::wire::{self, Connection};

/// Keys that a round of a small purge deletes in all: one purge alone is too short to measure.
const KEYS_A_ROUND: usize = 20_000;

/// Matches of one purge in a large keyspace.
const MATCHES: usize = 1_000;

/// Purges of a round, each of its own matches.
const PURGES: usize = 10;

/// A tag of n keys, for each n.
pub fn tags(scale: Scale) -> Vec<Row> {
    let sizes = [100, 1_000, 10_000, 100_000, 1_000_000];
    let mut rows: Vec<Row> = sizes
        .into_iter()
        .filter(|size| *size <= scale.keys)
        .flat_map(|size| tag(scale, &format!("purge-tag-{size}"), size, scale.keys))
        .collect();
    rows.extend(tag(scale, "purge-tag-fresh", MATCHES, KEYS_A_ROUND));
    rows
}

/// Every key of a keyspace has a tag; each round purges other tags. In a large keyspace their
/// keys have not been touched for long, as those of a cache; in a small one they are fresh.
fn tag(scale: Scale, row: &str, size_of_tag: usize, keyspace: usize) -> [Row; 2] {
    eprint!("{row} ");
    let tags = keyspace.div_ceil(size_of_tag);
    let keys = tags * size_of_tag;
    let order: Vec<usize> = (0..keys).map(|at| scattered(at, keys)).collect();
    let mut members = vec![vec![]; tags];
    order.iter().for_each(|number| members[number % tags].push(item(*number)));
    let tag_name = |tag: usize| format!("tag:{tag}").into_bytes();

    let a_round = KEYS_A_ROUND.div_ceil(size_of_tag).min(tags);
    let tags_of = |round: usize| (0..a_round).map(move |at| (round * a_round + at) % tags);
    let unlinks = |round| tags_of(round).map(|tag| unlink(&members[tag])).collect::<Vec<_>>();
    let purges = |round| {
        let purge = |tag| wire::command(&[b"INVAL.PURGE", b"TAGS", b"1"], [&tag_name(tag)]);
        tags_of(round).map(purge).collect::<Vec<_>>()
    };

    let servers = [Server::with_module(), Server::with_module(), Server::plain()];
    let mut connections = servers.each_ref().map(Server::connect);
    let set = |connection: &mut Connection, keys: &[(&Vec<u8>, usize)], tagged: bool| {
        connection.pipeline(keys.len(), 1 + usize::from(tagged), |at, out| {
            let (name, tag) = keys[at];
            wire::write(out, &[b"SET", name, super::VALUE]);
            if tagged {
                wire::write(out, &[b"TAG.SET", name, &tag_name(tag)]);
            }
        });
    };
    let names: Vec<Vec<u8>> = order.iter().map(|number| item(*number)).collect();
    let all: Vec<_> =
        names.iter().zip(&order).map(|(name, number)| (name, number % tags)).collect();
    for (at, connection) in connections.iter_mut().enumerate() {
        set(connection, &all, at < 2);
    }
    let again = |connection: &mut Connection, round, tagged| {
        let of = |tag: usize| members[tag].iter().map(move |name| (name, tag));
        let gone: Vec<_> = tags_of(round).flat_map(of).collect();
        assert_eq!(size(connection), keys - gone.len(), "not what should be deleted");
        set(connection, &gone, tagged);
    };
    let [a, b, c] = &mut connections;
    let series = alternate(
        scale.rounds,
        vec![
            Contender::new("purge", "key", a_round * size_of_tag, |round| {
                let cost = cost_of_all(&servers[0], a, &purges(round));
                again(a, round, true);
                cost
            }),
            Contender::new("UNLINK", "key", a_round * size_of_tag, |round| {
                let cost = cost_of_all(&servers[2], c, &unlinks(round));
                again(c, round, false);
                cost
            }),
            Contender::new("UNLINK, module loaded", "key", a_round * size_of_tag, |round| {
                let cost = cost_of_all(&servers[1], b, &unlinks(round));
                again(b, round, true);
                cost
            }),
        ],
    );
    let among = if keys == KEYS_A_ROUND { ", all keys just created" } else { "" };
    let what = format!("purge a tag of {size_of_tag} of {keys} keys{among} / one UNLINK of them");
    against_both(row, &what, Bar::AtMost(1.25), &series[0], &series[1], &series[2])
}

/// A purge against the UNLINK of its names on a server without the module, and on one with it,
/// which forgets the names and tags of what goes as the purge does. Both rows have the bar.
fn against_both(
    name: &str,
    what: &str,
    bar: Bar,
    purge: &Series,
    plain: &Series,
    loaded: &Series,
) -> [Row; 2] {
    [
        Row::ratio(name, &format!("{what}, no module"), bar, purge, plain),
        Row::ratio(
            &format!("{name}-loaded"),
            &format!("{what}, module loaded"),
            bar,
            purge,
            loaded,
        ),
    ]
}

/// Fills a server with as many keys as the scale says.
pub fn background(server: &Server, count: usize, name: impl Fn(usize) -> Vec<u8>) {
    let names: Vec<Vec<u8>> = (0..count).map(|at| name(scattered(at, count))).collect();
    fill(&mut server.connect(), &names);
}

/// Lets the module put new names in order, before the clock runs: a purge is measured in a
/// keyspace that has been there, and `set-new-and-ask` charges this work to the writes. A server
/// without the module refuses, at no cost.
fn settle(connection: &mut Connection) {
    connection.ask(b"INVAL.PURGE GLOB no*such*key DRYRUN\r\n");
}

/// `prefix*` in a large keyspace.
pub fn prefix(scale: Scale) -> Vec<Row> {
    eprint!("purge-prefix ");
    let (module, plain) = (Server::with_module(), Server::plain());
    [&module, &plain].into_iter().for_each(|server| background(server, scale.keys, item));
    let groups: Vec<Vec<Vec<u8>>> = (0..PURGES)
        .map(|group| {
            (0..MATCHES).map(|at| grouped("page:", group, scattered(at, MATCHES))).collect()
        })
        .collect();
    let all: Vec<Vec<u8>> = groups.concat();
    let purges: Vec<Vec<u8>> = (0..PURGES)
        .map(|group| {
            wire::command(&[b"INVAL.PURGE", b"PREFIX"], [&format!("page:{group:04}:").into()])
        })
        .collect();
    let unlinks: Vec<Vec<u8>> = groups.iter().map(|names| unlink(names)).collect();

    let (mut a, mut b) = (module.connect(), module.connect());
    let (mut c, mut d) = (plain.connect(), plain.connect());
    let series = alternate(
        scale.rounds,
        vec![
            Contender::new("purge", "purge", PURGES, |_| {
                fill(&mut a, &all);
                settle(&mut a);
                let cost = cost_of_all(&module, &mut a, &purges);
                assert_eq!(size(&mut a), scale.keys, "the purges hit other keys");
                cost
            }),
            Contender::new("UNLINK", "purge", PURGES, |_| {
                fill(&mut c, &all);
                cost_of_all(&plain, &mut c, &unlinks)
            }),
            Contender::new("UNLINK, module loaded", "purge", PURGES, |_| {
                fill(&mut b, &all);
                settle(&mut b);
                cost_of_all(&module, &mut b, &unlinks)
            }),
            Contender::new("SCAN+UNLINK", "purge", 1, |_| {
                fill(&mut d, &groups[0]);
                plain.measure(|| assert_eq!(scan_and_unlink(&mut d, b"page:0000:*"), MATCHES))
            }),
        ],
    );
    let what = format!("purge `prefix*`, 1,000 of {} keys / UNLINK of the 1,000", scale.keys);
    let bar = Bar::AtMost(2.0);
    let unlinks = against_both("purge-prefix", &what, bar, &series[0], &series[1], &series[2]);
    let scan = Row::ratio(
        "purge-prefix-scan",
        "SCAN+UNLINK of the same / purge: how many times faster",
        Bar::AtLeast(200.0),
        &series[3],
        &series[0],
    );
    unlinks.into_iter().chain([scan]).collect()
}

/// Events whose rules have a wildcard inside, where every key shares the literal prefix.
pub fn events(scale: Scale) -> Vec<Row> {
    eprint!("event ");
    let (module, plain) = (Server::with_module(), Server::plain());
    let mut a = module.connect();
    a.run("INVAL.RULE ADD by-regex ON regex PATTERNS 1 ^badges:user:.*:list$");
    a.run("INVAL.RULE ADD by-glob ON glob KEYS 1 badges:user:*:list");
    let other = |at: usize| grouped("badges:user:", at % 1_000, at);
    [&module, &plain].into_iter().for_each(|server| background(server, scale.keys, other));
    let lists: Vec<Vec<u8>> = (0..MATCHES)
        .map(|at| format!("badges:user:{:015}:list", scattered(at, MATCHES)).into_bytes())
        .collect();
    let unlink_all = unlink(&lists);

    let contender = |name: &'static str, server, act: Vec<u8>| {
        event_round(name, server, &lists, scale.keys, act)
    };
    let event = |name: &[u8]| wire::command(&[b"INVAL.EVENT", name, b"{}"], []);
    // Not the text of the rule: that one stands.
    let ad_hoc = wire::command(&[b"INVAL.PURGE", b"REGEX", b"^badges:user:.+:list$"], []);
    let series = alternate(
        scale.rounds,
        vec![
            contender("event, regex", &module, event(b"regex")),
            contender("UNLINK", &plain, unlink_all.clone()),
            contender("event, glob", &module, event(b"glob")),
            contender("UNLINK, module loaded", &module, unlink_all),
            contender("PURGE REGEX without a rule", &module, ad_hoc),
        ],
    );
    let rows = |name: &str, pattern: &str, bar: Bar, of: &Series| {
        let what = format!(
            "{pattern}, 1,000 of {} keys under the same prefix / UNLINK of the 1,000",
            scale.keys
        );
        against_both(name, &what, bar, of, &series[1], &series[3])
    };
    [
        rows("event-regex", "event, `^badges:user:.*:list$`", Bar::AtMost(2.0), &series[0]),
        rows("event-glob", "event, `badges:user:*:list`", Bar::AtMost(2.0), &series[2]),
        rows("purge-regex", "purge by `^badges:user:.+:list$`, of no rule", Bar::None, &series[4]),
    ]
    .concat()
}

/// Sets the matches again before each of the acts of a round; `act` must hit exactly them.
fn event_round<'a>(
    name: &'static str,
    server: &'a Server,
    matches: &'a [Vec<u8>],
    others: usize,
    act: Vec<u8>,
) -> Contender<'a> {
    let mut connection = server.connect();
    Contender::new(name, "purge", PURGES, move |_| {
        total((0..PURGES).map(|_| {
            fill(&mut connection, matches);
            settle(&mut connection);
            let (cost, _) = cost_of(server, &mut connection, &act);
            assert_eq!(size(&mut connection), others, "{name} hit other keys");
            cost
        }))
    })
}

/// `*needle*`, where nothing but the whole keyspace can be looked at.
pub fn needle(scale: Scale) -> Vec<Row> {
    eprint!("needle ");
    let (module, plain) = (Server::with_module(), Server::plain());
    [&module, &plain].into_iter().for_each(|server| background(server, scale.keys, item));
    let mut connection = module.connect();
    let mut rows = vec![];
    for (name, matches) in [("needle", 1), ("needle-1000", MATCHES), ("needle-none", 0)] {
        let names: Vec<Vec<u8>> = (0..matches)
            .map(|at| format!("app:user:{at:010}:needle:deadbe").into_bytes())
            .collect();
        let purge = wire::command(&[b"INVAL.PURGE", b"GLOB", b"*needle*"], []);
        let mut own_micros = vec![];
        let mut scanner = plain.connect();
        let series = alternate(
            scale.rounds,
            vec![
                Contender::new("purge", "purge", 1, |round| {
                    fill(&mut connection, &names);
                    settle(&mut connection);
                    let (cost, reply) = cost_of(&module, &mut connection, &purge);
                    assert_eq!(reply.field("deleted"), i64::try_from(matches).ok());
                    if round > 0 {
                        own_micros.push(reply.field("micros").unwrap_or_default() as f64);
                    }
                    cost
                }),
                Contender::new("SCAN+UNLINK", "purge", 1, |_| {
                    fill(&mut scanner, &names);
                    plain.measure(|| {
                        assert_eq!(scan_and_unlink(&mut scanner, b"*needle*"), matches);
                    })
                }),
            ],
        );
        clear(&mut connection, &names);
        let what = format!("purge `*needle*`, {matches} of {} keys, wall time", scale.keys);
        let wall = Summary::of(&series[0].wall()).times(1e-6);
        let times = Row::ratio("", "", Bar::None, &series[1], &series[0]);
        rows.push(Row::figure(name, &what, Bar::AtMost(10.0), "ms", wall).note(&format!(
            "{}; its own micros {:.0}; {:.0} x less CPU than SCAN+UNLINK",
            times.note,
            Summary::of(&own_micros).median,
            times.measured.unwrap_or_default().median
        )));
    }
    rows
}
