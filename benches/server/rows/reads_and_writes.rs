//! What clients that invalidate nothing pay for the module, and what a tag costs to set.

use super::purge::background;
use super::{Scale, VALUE, clear, fill};
use crate::names::{item, noise, scattered};
use crate::process::Server;
use crate::run::{Bar, Contender, Row, Series, alternate};
use crate::wire::{self, Connection, Prepared};

/// Commands of a round: pipelined, and one by one.
pub const COMMANDS: [(&str, usize, usize); 2] = [("p32", 32, 200_000), ("p1", 1, 30_000)];

/// How often the servers of the rows near 1 are started anew: where a process has its memory is
/// luck, and lasts as long as the process.
pub const STARTS: usize = 6;

/// Commands that do with sets what one TAG.SET of three tags does.
const SADDS: usize = 4;

/// What part of these a round of the rows has that take many short rounds.
pub const SHORT: usize = 10;

/// Four rules with five patterns each, of the kinds that the rule files of this repository have.
const RULES: [(&str, [&str; 5]); 4] = [
    (
        "badge-mint",
        [
            "^badges:user:.*:list$",
            "^badges:user:.*:count$",
            "^badges:search:.*$",
            "^passport:.*$",
            "^badge:.*$",
        ],
    ),
    (
        "community-creation",
        [
            "^communities:admin:.*:count$",
            "^communities:search:.*$",
            "^communities:tag:.*$",
            "^community:.*$",
            "^community:slug:.*$",
        ],
    ),
    (
        "product-update",
        [
            "^product:[0-9]+:price$",
            "^product:.*:stock:.*$",
            "^category:.*:products:page:[0-9]+$",
            "^search:products:.*$",
            "^home:.*:featured$",
        ],
    ),
    (
        "user-update",
        [
            "^user:.*:profile$",
            "^user:.*:orders:.*$",
            "^session:.*:user$",
            "^feed:(home|friends):.*$",
            "^custom:user:.*",
        ],
    ),
];

pub fn add_rules(connection: &mut Connection) {
    for (event, patterns) in RULES {
        let head: [&[u8]; 7] =
            [b"INVAL.RULE", b"ADD", event.as_bytes(), b"ON", event.as_bytes(), b"PATTERNS", b"5"];
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        connection.call(&[&head[..], &patterns].concat());
    }
}

/// 32 bytes. Of eight names three match a pattern, two begin as one and end otherwise, and
/// three have nothing to do with any.
pub fn mixed(number: usize) -> Vec<u8> {
    let digits = noise(number) & 0xFFF_FFFF;
    match number % 8 {
        0 => format!("badges:user:{number:015}:list"),
        1 => format!("product:{number:08}:stock:{digits:08x}x"),
        2 => format!("session:{number:010}:{digits:08x}:user"),
        3 => format!("badges:user:{number:014}:views"),
        4 => format!("product:{number:08}:views:{digits:08x}x"),
        5 => format!("config:{number:08}:flag:{digits:011x}"),
        6 => format!("rate:limit:{number:08}:{digits:012x}"),
        _ => format!("token:{number:08}:access:{digits:010x}"),
    }
    .into_bytes()
}

/// A command on keys that are there, with the module and without. Two servers that are the same
/// differ by more than the bar allows, as memory falls: so there are two without the module, and
/// their mean is what the one with it stands against.
fn on_old_keys(scale: Scale, name: &str, command: &[&[u8]], tail: &[&[u8]]) -> Vec<Row> {
    let prepared = COMMANDS.map(|(_, depth, commands)| {
        Prepared::new((commands / SHORT).min(scale.keys), depth, |at, out| {
            let key = mixed(scattered(at + 7, scale.keys));
            wire::write(out, &[command, &[&key], tail].concat());
            1
        })
    });
    let mut found: [Option<[Series; 3]>; COMMANDS.len()] = Default::default();
    for start in 0..STARTS {
        // Who is started and filled first has other memory: it is not always the same one.
        let mut order = [0, 1, 2];
        order.rotate_left(start % 3);
        let mut started = order.map(|of| {
            let server = if of == 0 { Server::with_module() } else { Server::plain() };
            if of == 0 {
                add_rules(&mut server.connect());
            }
            background(&server, scale.keys, mixed);
            (of, server)
        });
        started.sort_by_key(|(of, _)| *of);
        let servers = started.map(|(_, server)| server);
        for ((found, prepared), (way, _, commands)) in found.iter_mut().zip(&prepared).zip(COMMANDS)
        {
            eprint!("{name}-{way} ");
            let commands = (commands / SHORT).min(scale.keys);
            let contenders = ["module", "no module", "no module again"].iter().zip(&servers);
            let contenders = contenders
                .map(|(name, server)| play(name, "command", commands, server, prepared))
                .collect();
            let more: [Series; 3] =
                alternate(scale.fine().div_ceil(STARTS), contenders).try_into().unwrap();
            match found {
                Some(found) => {
                    found.iter_mut().zip(more).for_each(|(found, more)| found.extend(more))
                }
                None => *found = Some(more),
            }
        }
    }
    found
        .iter()
        .flatten()
        .zip(COMMANDS)
        .map(|([module, plain, again], (way, depth, _))| {
            let what = format!("{name}, {}, module loaded / not loaded", way_of(depth));
            let same = Row::ratio("", "", Bar::None, again, plain).measured.unwrap_or_default();
            let both = plain.mean(again);
            Row::ratio(&format!("{name}-{way}"), &what, Bar::AtMost(1.03), module, &both).note(
                &format!(
                    "the second of two servers without it / the first: {:.2} x ({:.2}..{:.2})",
                    same.median, same.low, same.high
                ),
            )
        })
        .collect()
}

pub fn way_of(depth: usize) -> String {
    match depth {
        1 => "one by one".to_owned(),
        depth => format!("pipelined by {depth}"),
    }
}

pub fn play<'a>(
    name: &str,
    per: &'static str,
    units: usize,
    server: &'a Server,
    prepared: &'a Prepared,
) -> Contender<'a> {
    let mut connection = server.connect();
    Contender::new(name, per, units, move |_| server.measure(|| prepared.play(&mut connection)))
}

/// GET.
pub fn get(scale: Scale) -> Vec<Row> {
    on_old_keys(scale, "get", &[b"GET"], &[])
}

/// INVAL.FETCH of a key that is there, against GET on the same server.
pub fn fetch(scale: Scale) -> Vec<Row> {
    let server = Server::with_module();
    add_rules(&mut server.connect());
    background(&server, scale.keys, mixed);
    let ways = COMMANDS.into_iter().map(|(way, depth, commands)| {
        eprint!("fetch-{way} ");
        let commands = (commands / SHORT).min(scale.keys);
        let reads = [("INVAL.FETCH", &b"INVAL.FETCH"[..]), ("GET", b"GET")].map(|(name, word)| {
            let prepared = Prepared::new(commands, depth, |at, out| {
                wire::write(out, &[word, &mixed(scattered(at + 7, scale.keys))]);
                1
            });
            (name, prepared)
        });
        let contenders =
            reads.iter().map(|(name, prepared)| play(name, "command", commands, &server, prepared));
        let series = alternate(scale.fine(), contenders.collect());
        let what = format!("INVAL.FETCH that hits, {} / GET", way_of(depth));
        Row::ratio(&format!("fetch-{way}"), &what, Bar::AtMost(1.15), &series[0], &series[1])
    });
    ways.collect()
}

/// SET of a key that is there.
pub fn overwrite(scale: Scale) -> Vec<Row> {
    on_old_keys(scale, "set-over", &[b"SET"], &[b"8 others"])
}

/// SET of a key that is not there, in a keyspace that is large already.
pub fn create(scale: Scale) -> Vec<Row> {
    let old = scale.keys - scale.keys / 5;
    let (module, plain) = (Server::with_module(), Server::plain());
    add_rules(&mut module.connect());
    [&module, &plain].into_iter().for_each(|server| background(server, old, mixed));
    let mut rows = vec![];
    for ((way, depth, commands), bar) in COMMANDS.into_iter().zip([1.5, 1.1]) {
        eprint!("set-new-{way} ");
        let commands = commands.min(scale.keys / 5);
        let names: Vec<Vec<u8>> =
            (0..commands).map(|at| mixed(old + scattered(at, commands))).collect();
        let prepared = Prepared::new(commands, depth, |at, out| {
            wire::write(out, &[b"SET", &names[at], VALUE]);
            1
        });
        let contender =
            |name: &str, server, is_asked| create_round(name, server, &prepared, &names, is_asked);
        let mut contenders =
            vec![contender("module", &module, false), contender("no module", &plain, false)];
        if depth > 1 {
            contenders.push(contender("module, and its index asked once", &module, true));
        }
        let series = alternate(scale.rounds * 2, contenders);
        let row = |name: &str, what: &str, bar, of: &Series| {
            let what = format!("{what}, {}, 4 rules with 20 patterns / no module", way_of(depth));
            Row::ratio(name, &what, bar, of, &series[1])
        };
        rows.push(row(&format!("set-new-{way}"), "SET of a new key", Bar::AtMost(bar), &series[0]));
        if let Some(asked) = series.get(2) {
            rows.push(row("set-new-and-ask", "the same and one DRYRUN glob", Bar::None, asked));
        }
    }
    rows
}

fn create_round<'a>(
    name: &str,
    server: &'a Server,
    prepared: &'a Prepared,
    names: &'a [Vec<u8>],
    is_asked: bool,
) -> Contender<'a> {
    let mut connection = server.connect();
    Contender::new(name, "key", names.len(), move |_| {
        let cost = server.measure(|| {
            prepared.play(&mut connection);
            if is_asked {
                connection.run("INVAL.PURGE GLOB no*such*key DRYRUN");
            }
        });
        clear(&mut connection, names);
        cost
    })
}

/// Three tags for each of many keys, against the sets that do the same.
pub fn tag(scale: Scale) -> Vec<Row> {
    let (module, plain) = (Server::with_module(), Server::plain());
    let keys = (scale.keys / 10).max(1);
    let names: Vec<Vec<u8>> = (0..keys).map(|at| item(scattered(at, keys))).collect();
    let tags: Vec<[Vec<u8>; 3]> = (0..keys).map(three_tags).collect();
    let [pipelined, alone] = COMMANDS;
    let ways = [
        (pipelined, pipelined.1 * SADDS, "pipelined by 32 keys"),
        (alone, 1, "one by one"),
        (("p1-together", alone.1, alone.2), SADDS, "key by key, the four SADD in one packet"),
    ];
    ways.into_iter()
        .map(|((way, depth, commands), sadds, shown)| {
            eprint!("tag-set-{way} ");
            let count = commands.min(keys);
            let by_module = Prepared::new(count, depth, |at, out| {
                let [a, b, c] = &tags[at];
                wire::write(out, &[b"TAG.SET", &names[at], a, b, c]);
                1
            });
            let by_sets = Prepared::new(count * SADDS, sadds, |step, out| {
                let (name, tags) = (&names[step / SADDS], &tags[step / SADDS]);
                match tags.get(step % SADDS) {
                    Some(tag) => wire::write(out, &[b"SADD", tag, name]),
                    None => {
                        let reverse = [b"tags-of:", name.as_slice()].concat();
                        let [a, b, c] = tags;
                        wire::write(out, &[b"SADD", &reverse, a, b, c]);
                    }
                }
                1
            });
            let contender =
                |name: &str, server, prepared| tag_round(name, server, prepared, &names[..count]);
            let series = alternate(
                scale.rounds,
                vec![
                    contender("TAG.SET", &module, &by_module),
                    contender("SADD", &plain, &by_sets),
                ],
            );
            let what = format!("TAG.SET of 3 tags / SADD to 3 sets and a reverse set, {shown}");
            Row::ratio(&format!("tag-set-{way}"), &what, Bar::AtMost(0.5), &series[0], &series[1])
        })
        .collect()
}

fn tag_round<'a>(
    name: &str,
    server: &'a Server,
    prepared: &'a Prepared,
    names: &'a [Vec<u8>],
) -> Contender<'a> {
    let mut connection = server.connect();
    Contender::new(name, "key", names.len(), move |_| {
        connection.run("FLUSHALL SYNC");
        fill(&mut connection, names);
        server.measure(|| prepared.play(&mut connection))
    })
}

/// Of three kinds, a thousand each: about a thousand keys a tag in a million.
pub fn three_tags(at: usize) -> [Vec<u8>; 3] {
    let spread = noise(at);
    [("team", spread % 1_000), ("page", spread / 1_000 % 1_000), ("region", at as u64 % 1_000)]
        .map(|(kind, number)| format!("{kind}:{number}").into_bytes())
}
