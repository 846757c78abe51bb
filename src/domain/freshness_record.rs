//! How fresh values are, as bytes for snapshots and as commands for append-only files.
//!
//! The bytes: database (varint), then for each key its name, when it becomes stale and what
//! computing it took (varints, milliseconds).

use super::State;
use super::freshness::Freshness;
use super::name::Db;
use super::varint::{read_name, read_number, write_name, write_number};

/// Keys of one record: what is held twice while it is written.
const KEYS_PER_RECORD: usize = 10_000;

/// A key, and how fresh its value is.
pub type Row<'a> = (&'a [u8], Freshness);

/// The command that tells replicas and append-only files how fresh values are.
pub const COMMAND: &[u8] = b"INVAL._FRESH";

/// The command for keys that are there.
pub fn keys(of: Freshness, names: &[&[u8]]) -> Vec<Vec<u8>> {
    command(of, b"KEYS", names)
}

/// The command for a copy that comes next.
pub fn copy(of: Freshness, name: &[u8]) -> Vec<Vec<u8>> {
    command(of, b"COPY", &[name])
}

fn command(of: Freshness, what: &[u8], names: &[&[u8]]) -> Vec<Vec<u8>> {
    let [from, computed] = [of.stale_from_ms, of.computed_ms].map(|ms| ms.to_string());
    let head = [COMMAND, from.as_bytes(), computed.as_bytes(), what].into_iter();
    head.chain(names.iter().copied()).map(<[u8]>::to_vec).collect()
}

/// All that is known, as records.
pub fn encode(state: &State, mut emit: impl FnMut(&[u8])) {
    for (db, database) in state.databases() {
        let mut body = vec![];
        for (count, (id, fresh)) in (1..).zip(database.fresh.iter()) {
            if body.is_empty() {
                write_number(u64::from(db.0), &mut body);
            }
            write_name(database.keys.name(id), &mut body);
            write_number(fresh.stale_from_ms, &mut body);
            write_number(fresh.computed_ms, &mut body);
            if count % KEYS_PER_RECORD == 0 {
                emit(&body);
                body.clear();
            }
        }
        if !body.is_empty() {
            emit(&body);
        }
    }
}

/// Reads a record.
pub fn read(body: &[u8]) -> Option<(Db, Vec<Row<'_>>)> {
    let mut rest = body;
    let db = Db(u32::try_from(read_number(&mut rest)?).ok()?);
    let mut rows = vec![];
    while !rest.is_empty() {
        let name = read_name(&mut rest)?;
        let stale_from_ms = read_number(&mut rest)?;
        rows.push((name, Freshness { stale_from_ms, computed_ms: read_number(&mut rest)? }));
    }
    Some((db, rows))
}
