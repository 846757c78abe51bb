//! The rows of the table, each able to run alone.

pub mod growth;
pub mod instructions;
pub mod latency;
pub mod memory;
pub mod peers;
pub mod purge;
pub mod reads;
pub mod reads_and_writes;
pub mod snapshot;
pub mod sources;
pub mod statistics;

use crate::chart::Chart;
use crate::process::{Cost, Server};
use crate::run::Row;
use crate::wire::{self, Connection, Prepared, Reply};

/// How large and how often.
#[derive(Clone, Copy)]
pub struct Scale {
    /// Keys of the large keyspaces.
    pub keys: usize,
    /// Rounds that count.
    pub rounds: usize,
}

impl Scale {
    /// Rounds of rows whose bar is nearer to 1 than one round is exact: many short ones, for
    /// what disturbs the machine then disturbs few of them, and the median leaves those out.
    pub fn fine(self) -> usize {
        self.rounds * 9
    }
}

/// What a group found.
pub struct Results {
    pub rows: Vec<Row>,
    pub charts: Vec<Chart>,
}

impl From<Vec<Row>> for Results {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, charts: vec![] }
    }
}

/// A row, or rows that share their servers.
pub struct Group {
    /// What `ROWS` calls it.
    pub name: &'static str,
    pub run: fn(Scale) -> Results,
}

/// All groups, in the order of the table.
pub const GROUPS: &[Group] = &[
    Group { name: "purge-tag", run: |scale| purge::tags(scale).into() },
    Group { name: "purge-prefix", run: |scale| purge::prefix(scale).into() },
    Group { name: "event", run: |scale| purge::events(scale).into() },
    Group { name: "needle", run: |scale| purge::needle(scale).into() },
    Group { name: "get", run: |scale| reads_and_writes::get(scale).into() },
    Group { name: "track-reads", run: |scale| reads::track(scale).into() },
    Group { name: "fetch", run: |scale| reads_and_writes::fetch(scale).into() },
    Group { name: "set-over", run: |scale| reads_and_writes::overwrite(scale).into() },
    Group { name: "set-new", run: |scale| reads_and_writes::create(scale).into() },
    Group { name: "sources", run: |scale| sources::sources(scale).into() },
    Group { name: "statistics-event", run: |scale| statistics::events(scale).into() },
    Group { name: "statistics-answers", run: |scale| statistics::answers(scale).into() },
    Group { name: "instructions", run: |scale| instructions::commands(scale).into() },
    Group { name: "tag-set", run: |scale| reads_and_writes::tag(scale).into() },
    Group { name: "memory", run: |scale| memory::memory(scale).into() },
    Group { name: "rdb", run: |scale| snapshot::snapshot(scale).into() },
    Group { name: "latency", run: latency::latency },
    Group { name: "growth", run: growth::growth },
    Group { name: "peers", run: |scale| peers::peers(scale).into() },
];

/// What keys hold. Short: the less a command does, the more any addition to it shows.
const VALUE: &[u8] = b"8 bytes.";

/// Sets keys, pipelined.
fn fill<'n>(connection: &mut Connection, names: impl IntoIterator<Item = &'n Vec<u8>>) {
    let names: Vec<&Vec<u8>> = names.into_iter().collect();
    connection.pipeline(names.len(), 1, |at, out| wire::write(out, &[b"SET", names[at], VALUE]));
}

/// Deletes keys, pipelined.
fn clear(connection: &mut Connection, names: &[Vec<u8>]) {
    connection.pipeline(names.len(), 1, |at, out| wire::write(out, &[b"UNLINK", &names[at]]));
}

/// One UNLINK of all the names.
fn unlink(names: &[Vec<u8>]) -> Vec<u8> {
    wire::command(&[b"UNLINK"], names)
}

/// The cost of sending a command and waiting for its reply, which must not be an error.
fn cost_of(server: &Server, connection: &mut Connection, command: &[u8]) -> (Cost, Reply) {
    let mut reply = Reply::Nil;
    let cost = server.measure(|| reply = connection.ask(command));
    assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
    (cost, reply)
}

/// The cost of commands, each sent when the reply of the one before is there.
fn cost_of_all(server: &Server, connection: &mut Connection, commands: &[Vec<u8>]) -> Cost {
    let prepared = Prepared::new(commands.len(), 1, |at, out| {
        out.extend_from_slice(&commands[at]);
        1
    });
    server.measure(|| prepared.play(connection))
}

/// SCAN through the keyspace and UNLINK what matches, as one does without a module: the deletion
/// of a page's matches and the question for the next page go out together.
fn scan_and_unlink(connection: &mut Connection, pattern: &[u8]) -> usize {
    let mut deleted = 0;
    let mut out = vec![];
    let mut cursor = b"0".to_vec();
    loop {
        let unlinks = usize::from(!out.is_empty());
        wire::write(&mut out, &[b"SCAN", &cursor, b"MATCH", pattern, b"COUNT", b"1000"]);
        connection.send(&out);
        connection.skip(unlinks);
        let (next, found) = page(connection.read());
        out.clear();
        if !found.is_empty() {
            deleted += found.len();
            out = unlink(&found);
        }
        if next == b"0" {
            connection.send(&out);
            connection.skip(usize::from(!out.is_empty()));
            return deleted;
        }
        cursor = next;
    }
}

/// Cursor and names of a reply to SCAN.
fn page(reply: Reply) -> (Vec<u8>, Vec<Vec<u8>>) {
    let Reply::List(mut parts) = reply else { panic!("{reply:?} is no page") };
    let (Some(Reply::List(found)), Some(Reply::Text(next))) = (parts.pop(), parts.pop()) else {
        panic!("SCAN gives a cursor and a list")
    };
    (next, found.into_iter().map(name_of).collect())
}

fn name_of(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Text(name) => name,
        other => panic!("{other:?} is no name"),
    }
}

/// KEYS and DEL, as is done where nobody reads the manual of KEYS.
fn keys_and_del(connection: &mut Connection, pattern: &[u8]) -> usize {
    let reply = connection.call(&[b"KEYS", pattern]);
    let Reply::List(found) = reply else { panic!("KEYS gives no list") };
    let names: Vec<Vec<u8>> = found.into_iter().map(name_of).collect();
    if !names.is_empty() {
        connection.send(&wire::command(&[b"DEL"], &names));
        connection.skip(1);
    }
    names.len()
}

/// Gives keys the tag `page`.
fn page_tags(connection: &mut Connection, names: &[Vec<u8>]) {
    connection
        .pipeline(names.len(), 1, |at, out| wire::write(out, &[b"TAG.SET", &names[at], b"page"]));
}

/// Sums what several rounds of the same work cost.
fn total(costs: impl IntoIterator<Item = Cost>) -> Cost {
    costs.into_iter().fold(Cost::default(), |sum, cost| Cost {
        cpu: sum.cpu + cost.cpu,
        wall: sum.wall + cost.wall,
    })
}

/// How many keys there are.
fn size(connection: &mut Connection) -> usize {
    match connection.run("DBSIZE") {
        Reply::Int(size) => usize::try_from(size).unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}
