//! What people use today, on the same number of keys: each by its own means, set up as its own
//! documentation says.

use std::cell::RefCell;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::purge::background;
use super::{
    Scale, clear, cost_of, fill, keys_and_del, page, page_tags, scan_and_unlink, size, unlink,
};
use crate::names::{grouped, item, scattered};
use crate::process::{Cost, Server};
use crate::run::{Bar, Contender, Row, Series, alternate};
use crate::wire::{self, Connection};

/// Keys that are invalidated.
const MATCHES: usize = 1_000;

/// Takes all keys of a tag away, and each of them out of the sets of its other tags, as one must
/// who keeps tags in sets and does not want them to grow for ever.
const LUA: &str = "
local keys = redis.call('SMEMBERS', KEYS[1])
for _, key in ipairs(keys) do
  local reverse = 'tags-of:' .. key
  for _, tag in ipairs(redis.call('SMEMBERS', reverse)) do
    if tag ~= KEYS[1] then redis.call('SREM', tag, key) end
  end
  redis.call('UNLINK', key, reverse)
end
redis.call('UNLINK', KEYS[1])
return #keys";

/// A library: how it is called, its program, and its ways to invalidate.
struct Library {
    name: &'static str,
    script: &'static str,
    acts: &'static [(&'static str, &'static str)],
}

const LIBRARIES: &[Library] = &[
    Library {
        name: "django-cacheops 7.2",
        script: "cacheops_peer.py",
        acts: &[("obj", "invalidate_obj"), ("model", "invalidate_model")],
    },
    Library {
        name: "cashews 7.6.0",
        script: "cashews_peer.py",
        acts: &[("tags", "delete_tags"), ("match", "delete_match")],
    },
    Library {
        name: "bentocache 1.6.1",
        script: "bentocache_peer.mjs",
        acts: &[("tags", "deleteByTag"), ("clear", "namespace clear")],
    },
];

/// A library as a process, told what to do line by line.
struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    /// None where it is not installed.
    fn start(library: &Library, port: u16) -> Option<Self> {
        let folder = PathBuf::from(env::var_os("BENCH_PEERS")?);
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(library.script);
        let mut command = if library.script.ends_with(".py") {
            if !folder.join("python/installed").exists() {
                return None;
            }
            Command::new(folder.join("python/bin/python"))
        } else {
            if !folder.join("node/installed").exists() {
                return None;
            }
            Command::new("node")
        };
        command.arg(script).arg(port.to_string()).arg(folder.join("node"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (to, from) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut peer = Self { child, to, from };
        // A library that does not work here counts as one that is not here.
        peer.tell("fill 1").map(|_| peer)
    }

    /// Says a line; gives the microseconds that the library took.
    fn tell(&mut self, line: &str) -> Option<u64> {
        writeln!(self.to, "{line}").ok()?;
        let mut answer = String::new();
        self.from.read_line(&mut answer).ok()?;
        answer.trim().parse().ok()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Deletes what a peer left, so that each finds the same server; tells how much that was.
fn sweep(connection: &mut Connection, others: usize) -> usize {
    let left = size(connection) - others;
    if left == 0 {
        return 0;
    }
    let mut cursor = b"0".to_vec();
    loop {
        let (next, found) = page(connection.call(&[b"SCAN", &cursor, b"COUNT", b"10000"]));
        let strays: Vec<Vec<u8>> =
            found.into_iter().filter(|name| !name.starts_with(b"app:")).collect();
        clear(connection, &strays);
        if next == b"0" {
            return left;
        }
        cursor = next;
    }
}

/// Pages with a tag, in sets and reverse sets.
fn in_sets(connection: &mut Connection, names: &[Vec<u8>]) {
    fill(connection, names);
    connection.pipeline(names.len(), 2, |at, out| {
        wire::write(out, &[b"SADD", b"page", &names[at]]);
        wire::write(out, &[b"SADD", &[b"tags-of:", names[at].as_slice()].concat(), b"page"]);
    });
}

/// The module and everybody else.
pub fn peers(scale: Scale) -> Vec<Row> {
    eprint!("peers ");
    let (module, plain) = (Server::with_module(), Server::plain());
    let others = scale.keys;
    [&module, &plain].into_iter().for_each(|server| background(server, others, item));
    let names: Vec<Vec<u8>> =
        (0..MATCHES).map(|at| grouped("page:", 0, scattered(at, MATCHES))).collect();
    let by_tag = wire::command(&[b"INVAL.PURGE", b"TAGS", b"1", b"page"], []);
    let by_prefix = wire::command(&[b"INVAL.PURGE", b"PREFIX", b"page:"], []);
    let by_name = unlink(&names);
    let by_lua = wire::command(&[b"EVAL", LUA.as_bytes(), b"1", b"page"], []);
    let started: Vec<(&Library, Option<RefCell<Peer>>)> = LIBRARIES
        .iter()
        .map(|library| (library, Peer::start(library, plain.port).map(RefCell::new)))
        .collect();
    sweep(&mut plain.connect(), others);
    let left: RefCell<Vec<(String, usize)>> = RefCell::default();
    let one = |name: &str, server, prepare: fn(&mut Connection, &[Vec<u8>]), act: Act| {
        let (server, names): (&Server, &[Vec<u8>]) = (server, &names);
        let mut connection = server.connect();
        let act_name = name.to_owned();
        Contender::new(name, "purge", 1, move |_| {
            prepare(&mut connection, names);
            let cost = act(server, &mut connection);
            assert_eq!(sweep(&mut connection, others), 0, "{act_name} left keys");
            cost
        })
    };
    let send = |command: Vec<u8>| -> Act {
        Box::new(move |server, connection| cost_of(server, connection, &command).0)
    };
    let walk = |walk: fn(&mut Connection, &[u8]) -> usize| -> Act {
        Box::new(move |server, connection| {
            server.measure(|| assert_eq!(walk(connection, b"page:*"), MATCHES))
        })
    };
    let tagged: fn(&mut Connection, &[Vec<u8>]) = |connection, names| {
        fill(connection, names);
        page_tags(connection, names);
        connection.run("INVAL.PURGE GLOB no*such*key DRYRUN");
    };
    let untagged: fn(&mut Connection, &[Vec<u8>]) = |connection, names| fill(connection, names);
    let mut contenders = vec![
        one("inval: purge of a tag", &module, tagged, send(by_tag)),
        one("inval: purge of a prefix", &module, tagged, send(by_prefix)),
        one("UNLINK, names known", &plain, untagged, send(by_name)),
        one("SCAN + UNLINK", &plain, untagged, walk(scan_and_unlink)),
        one("KEYS + DEL", &plain, untagged, walk(keys_and_del)),
        one("Lua over tag sets", &plain, in_sets, send(by_lua)),
    ];
    for (library, peer) in &started {
        let Some(peer) = peer else { continue };
        for (act, shown) in library.acts {
            let name = format!("{}: {shown}", library.name);
            let (plain, left, own) = (&plain, &left, name.clone());
            let mut connection = plain.connect();
            contenders.push(Contender::new(&name, "purge", 1, move |_| {
                let mut peer = peer.borrow_mut();
                peer.tell(&format!("fill {MATCHES}")).unwrap();
                let mut micros = 0;
                let cost = plain.measure(|| micros = peer.tell(act).unwrap());
                left.borrow_mut().push((own.clone(), sweep(&mut connection, others)));
                // What the pipe between us and the library takes is not the library's.
                Cost { wall: micros * 1_000, ..cost }
            }));
        }
    }
    let series = alternate(scale.rounds, contenders);
    let mut rows = compared(&series, others, &left.borrow());
    for (library, _) in started.iter().filter(|(_, peer)| peer.is_none()) {
        let name = format!("peer: {}", library.name);
        rows.push(Row::missing(&name, "its own invalidation", Bar::None, "x", "not installed"));
    }
    rows
}

/// Measures an act on a server.
type Act = Box<dyn Fn(&Server, &mut Connection) -> Cost>;

fn compared(series: &[Series], others: usize, left: &[(String, usize)]) -> Vec<Row> {
    series[1..]
        .iter()
        .map(|peer| {
            let what =
                format!("{MATCHES} keys among {others} others: {} / purge of a tag", peer.name);
            let row =
                Row::ratio(&format!("peer: {}", peer.name), &what, Bar::None, peer, &series[0]);
            match left.iter().rev().find(|(name, left)| *name == peer.name && *left > 0) {
                Some((_, left)) => row.note(&format!("{left} of its keys stay in the server")),
                None => row,
            }
        })
        .collect()
}
