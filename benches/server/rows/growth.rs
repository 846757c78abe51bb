//! How cost grows with the keyspace and with the matches.

use super::purge::background;
use super::{
    Results, Scale, cost_of, fill, keys_and_del, page_tags, scan_and_unlink, size, unlink,
};
use crate::chart::{Chart, Line};
use crate::names::{grouped, item, scattered};
use crate::process::{Cost, Server};
use crate::run::{Bar, Contender, Row, Series, alternate, thousands};
use crate::summary::Summary;
use crate::wire::{self, Connection};

/// Matches while the keyspace grows.
const MATCHES: usize = 1_000;

/// How a way of invalidating is called, what its matches are called, and how it is done.
struct Way {
    name: &'static str,
    needs_module: bool,
    /// Whether it is shown how its cost grows with the matches; the others cost the same there
    /// as one of these.
    by_matches: bool,
    names: fn(usize) -> Vec<u8>,
    act: fn(&Server, &mut Connection, &[Vec<u8>]) -> Cost,
}

fn purge(server: &Server, connection: &mut Connection, words: &[&[u8]]) -> Cost {
    cost_of(server, connection, &wire::command(words, [])).0
}

fn page(at: usize) -> Vec<u8> {
    grouped("page:", 0, at)
}

const WAYS: &[Way] = &[
    Way {
        name: "inval: prefix",
        needs_module: true,
        by_matches: true,
        names: page,
        act: |server, connection, _| {
            purge(server, connection, &[b"INVAL.PURGE", b"PREFIX", b"page:0000:"])
        },
    },
    Way {
        name: "inval: tag",
        needs_module: true,
        by_matches: true,
        names: page,
        act: |server, connection, names| {
            page_tags(connection, names);
            purge(server, connection, &[b"INVAL.PURGE", b"TAGS", b"1", b"page"])
        },
    },
    Way {
        name: "inval: event, inner wildcard",
        needs_module: true,
        by_matches: false,
        names: |at| format!("app:user:{at:018}:list").into_bytes(),
        act: |server, connection, _| purge(server, connection, &[b"INVAL.EVENT", b"lists"]),
    },
    Way {
        name: "inval: *needle*",
        needs_module: true,
        by_matches: false,
        names: |at| format!("app:user:{at:010}:needle:deadbe").into_bytes(),
        act: |server, connection, _| {
            purge(server, connection, &[b"INVAL.PURGE", b"GLOB", b"*needle*"])
        },
    },
    Way {
        name: "SCAN + UNLINK",
        needs_module: false,
        by_matches: true,
        names: page,
        act: |server, connection, _| {
            server.measure(|| {
                scan_and_unlink(connection, b"page:*");
            })
        },
    },
    Way {
        name: "KEYS + DEL",
        needs_module: false,
        by_matches: false,
        names: page,
        act: |server, connection, _| {
            server.measure(|| {
                keys_and_del(connection, b"page:*");
            })
        },
    },
    Way {
        name: "UNLINK, names known",
        needs_module: false,
        by_matches: true,
        names: page,
        act: |server, connection, names| cost_of(server, connection, &unlink(names)).0,
    },
];

/// What ways cost in this keyspace, which holds no matches before and after.
fn at_size<'w>(
    ways: impl Iterator<Item = &'w Way>,
    rounds: usize,
    servers: [&Server; 2],
    others: usize,
    matches: usize,
) -> Vec<Series> {
    let contenders = ways.map(|way| {
        let server = servers[usize::from(!way.needs_module)];
        let names: Vec<Vec<u8>> =
            (0..matches).map(|at| (way.names)(scattered(at, matches))).collect();
        let mut connection = server.connect();
        Contender::new(way.name, "purge", 1, move |_| {
            fill(&mut connection, &names);
            connection.ask(b"INVAL.PURGE GLOB no*such*key DRYRUN\r\n");
            let cost = (way.act)(server, &mut connection, &names);
            assert_eq!(size(&mut connection), others, "{} hit other keys, or not all", way.name);
            cost
        })
    });
    alternate(rounds, contenders.collect())
}

/// Both curves.
pub fn growth(scale: Scale) -> Results {
    let (module, plain) = (Server::with_module(), Server::plain());
    module.connect().run("INVAL.RULE ADD lists ON lists PATTERNS 1 ^app:user:.*:list$");
    let servers = [&module, &plain];
    let mut by_keyspace = vec![];
    let mut keys = 1_000;
    while keys <= scale.keys {
        eprint!("growth, {keys} keys ");
        let others = keys - MATCHES;
        servers.iter().for_each(|server| background(server, others, item));
        by_keyspace.push((keys, at_size(WAYS.iter(), scale.rounds, servers, others, MATCHES)));
        keys *= 10;
    }
    let others = size(&mut module.connect());
    let mut by_matches = vec![];
    let mut matches = 100;
    while matches <= scale.keys {
        eprint!("growth, {matches} matches ");
        let ways = WAYS.iter().filter(|way| way.by_matches);
        // Half the rounds: what takes a second is exact in few.
        let rounds = scale.rounds.div_ceil(2);
        by_matches.push((matches, at_size(ways, rounds, servers, others, matches)));
        matches *= 10;
    }
    Results {
        rows: rows(&by_keyspace, "keys", MATCHES, "matches")
            .into_iter()
            .chain(rows(&by_matches, "matches", others, "other keys"))
            .collect(),
        charts: vec![
            chart(
                "cost-keyspace",
                "Server CPU to invalidate 1,000 keys",
                "keys in the server",
                &by_keyspace,
            ),
            chart(
                "cost-matches",
                &format!("Server CPU to invalidate among {} other keys", thousands(others)),
                "keys that match",
                &by_matches,
            ),
        ],
    }
}

/// Of each way what it costs at the largest size, and how that grew over the sizes.
fn rows(by_size: &[(usize, Vec<Series>)], of: &str, fixed: usize, what: &str) -> Vec<Row> {
    let cost = |series: &Series| Summary::of(&series.cpu()).times(1e-3);
    let (Some((_, first)), Some((_, last))) = (by_size.first(), by_size.last()) else {
        return vec![];
    };
    first
        .iter()
        .zip(last)
        .map(|(first, last)| {
            let sizes: Vec<String> = by_size
                .iter()
                .flat_map(|(size, all)| {
                    let own = all.iter().find(|series| series.name == last.name);
                    own.map(|own| format!("{size}: {:.0}", cost(own).median))
                })
                .collect();
            let growth = cost(last).median / cost(first).median;
            let name = format!("by-{of}: {}", last.name);
            let text = format!("CPU of one purge, by {of}, {fixed} {what}");
            Row::figure(&name, &text, Bar::None, "us", cost(last))
                .note(&format!("us at {}; grows {growth:.1} x", sizes.join(", ")))
        })
        .collect()
}

fn chart(
    name: &'static str,
    title: &str,
    x_label: &str,
    by_size: &[(usize, Vec<Series>)],
) -> Chart {
    let line = |way: &Way| Line {
        name: way.name.to_owned(),
        is_ours: way.needs_module,
        points: by_size
            .iter()
            .flat_map(|(size, all)| {
                let own = all.iter().find(|series| series.name == way.name);
                own.map(|own| (*size as f64, Summary::of(&own.cpu()).median))
            })
            .collect(),
    };
    Chart {
        name,
        title: title.to_owned(),
        x_label: format!("{x_label} (both axes logarithmic)"),
        y_label: "CPU time of the server",
        ticks: by_size.iter().map(|(size, _)| (*size as f64, thousands(*size))).collect(),
        lines: WAYS.iter().map(line).filter(|line| !line.points.is_empty()).collect(),
    }
}
