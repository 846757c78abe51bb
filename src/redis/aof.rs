//! An append-only file without a snapshot at its head (`aof-use-rdb-preamble no`) has no place
//! for our state. When it is rewritten, the state goes into it as commands.

use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::api::{Ctx, call, is_paused, log_warning};
use super::state::shared;
use crate::domain::State;
use crate::domain::freshness_record;
use crate::domain::job_record;
use crate::domain::key_table::KeyId;
use crate::domain::name::Db;
use crate::domain::record;

/// Keys whose tags are read at once: what is held twice meanwhile.
const KEYS_PER_LOOK: usize = 1000;

/// A file was begun while clients were paused: nothing may be sent then, on pain of an
/// assertion of the server, so the state goes into it when the pause is over.
static OWED: AtomicBool = AtomicBool::new(false);

/// Writes the state into the new file if one is being written without a snapshot. Called when
/// the rewriting child has been born: the server sends commands to the new file from here on.
pub(super) fn on_fork(ctx: Ctx) {
    if !is_rewriting(ctx) || ctx.config(c"aof-use-rdb-preamble").as_deref() != Some("no") {
        return;
    }
    if is_paused() {
        OWED.store(true, Ordering::Relaxed);
        log_warning(
            "inval: the append-only file is rewritten while clients are paused: tags, rules, \
             classes and mappings go into it when the pause is over, and a crash before that loses them",
        );
    } else {
        write(ctx);
    }
}

/// Writes what is owed. Called from time to time.
pub(super) fn settle(ctx: Ctx) {
    if OWED.load(Ordering::Relaxed) && !is_paused() {
        write(ctx);
    }
}

fn write(ctx: Ctx) {
    OWED.store(false, Ordering::Relaxed);
    let found = shared(&ctx, |shared| {
        shared.with(|state| {
            let databases: Vec<Db> = state.databases().map(|(db, _)| db).collect();
            let definitions = [
                (&b"INVAL.RULE"[..], state.rule_documents()),
                (b"INVAL.CLASS", state.class_documents()),
                (b"INVAL.MAP", state.mapping_documents()),
            ];
            state.has_anything_to_save().then_some((definitions, databases))
        })
    });
    // A server without the module reads a file that holds none of our commands.
    let Some((definitions, databases)) = found else { return };
    for (command, documents) in definitions {
        for (at, document) in documents.iter().enumerate() {
            // The others come beside the first.
            let words: &[&[u8]] = match at {
                0 => &[command, b"LOAD", document.as_bytes(), b"REPLACE"],
                _ => &[command, b"LOAD", document.as_bytes()],
            };
            ctx.replicate_to_aof(words);
        }
    }
    for db in databases {
        ctx.select_db(db.0);
        let mut from = Some(0);
        while let Some(start) = from {
            let (commands, next) =
                shared(&ctx, |shared| shared.with(|state| tagging(state, db, start)));
            for words in commands {
                ctx.replicate_to_aof(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
            from = next;
        }
    }
    let fresh = shared(&ctx, |shared| {
        shared.with(|state| {
            let mut records = vec![];
            freshness_record::encode(state, |body| records.push(body.to_vec()));
            records
        })
    });
    for (db, rows) in fresh.iter().filter_map(|body| freshness_record::read(body)) {
        ctx.select_db(db.0);
        for (name, of) in rows {
            let words = freshness_record::keys(of, &[name]);
            ctx.replicate_to_aof(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
    let (jobs, records) = shared(&ctx, |shared| {
        shared.with(|state| {
            let (mut jobs, mut records) = (vec![], vec![]);
            job_record::all(state, |db, words| jobs.push((db, words)));
            state.for_each_record(|db, words| records.push((db, words)));
            (jobs, records)
        })
    });
    let jobs = jobs.iter().map(|(db, words)| (*db, job_record::command(words)));
    let records = records.iter().map(|(db, words)| (*db, record::command(words)));
    for (db, words) in jobs.chain(records) {
        ctx.select_db(db.0);
        ctx.replicate_to_aof(&words);
    }
}

/// The commands that tag the next keys of a database, and where to go on.
fn tagging(state: &State, db: Db, start: KeyId) -> (Vec<Vec<Vec<u8>>>, Option<KeyId>) {
    let Some(database) = state.database(db) else { return (vec![], None) };
    let command = |key: KeyId| {
        let mut words = vec![b"TAG.SET".to_vec(), database.keys.name(key).to_vec()];
        words.extend(database.tags.tags_of(key).map(|tag| database.tags.name(tag).to_vec()));
        words
    };
    let keys: Vec<KeyId> = database.tags.tagged_from(start).take(KEYS_PER_LOOK).collect();
    let next = keys.last().filter(|_| keys.len() == KEYS_PER_LOOK).map(|last| last + 1);
    (keys.into_iter().map(command).collect(), next)
}

/// Whether the child that was just born rewrites the append-only file. The event does not say.
fn is_rewriting(ctx: Ctx) -> bool {
    let info = call!(RedisModule_GetServerInfo(ctx.0, c"persistence".as_ptr()));
    let Some(info) = info.filter(|info| !info.is_null()) else { return false };
    let mut error = 0;
    let field = c"aof_rewrite_in_progress".as_ptr();
    let rewriting = call!(RedisModule_ServerInfoGetFieldSigned(info, field, &raw mut error));
    call!(RedisModule_FreeServerInfo(ctx.0, info));
    error == raw::Status::Ok as i32 && rewriting == Some(1)
}
