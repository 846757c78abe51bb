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

/// All that is known, key by key.
pub fn all(state: &State) -> impl Iterator<Item = (Db, Row<'_>)> {
    state.databases().flat_map(|(db, database)| {
        database.fresh.iter().map(move |(id, fresh)| (db, (database.keys.name(id), fresh)))
    })
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
