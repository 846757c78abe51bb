//! An append-only file without a snapshot at its head (`aof-use-rdb-preamble no`) has no place
//! for our state. When it is rewritten, the state goes into it as commands.

use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::api::{Ctx, call, log_warning};
use super::state::shared;
use crate::domain::State;
use crate::domain::name::Db;

/// A file was begun while clients were paused: nothing may be sent then, on pain of an assertion
/// of the server, so the state goes into it when the pause is over.
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
            "inval: the append-only file is rewritten while clients are paused: tags and rules go into it when the pause is over, and a crash before that loses them",
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
    for (db, words) in shared(&ctx, |shared| shared.with(|state| commands(state))) {
        ctx.select_db(db.0);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        ctx.replicate_to_aof(&words);
    }
}

fn is_paused() -> bool {
    call!(RedisModule_AvoidReplicaTraffic()).is_some_and(|paused| paused != 0)
}

/// The commands that make the state, with the database each belongs to. None when there is
/// nothing to make: a server without the module can read such a file.
fn commands(state: &State) -> Vec<(Db, Vec<Vec<u8>>)> {
    if !state.has_anything_to_save() {
        return vec![];
    }
    let word = |text: &str| text.as_bytes().to_vec();
    let document = state.rule_document();
    let rules = vec![word("INVAL.RULE"), word("LOAD"), word(&document), word("REPLACE")];
    let mut all = vec![(Db(0), rules)];
    for (db, database) in state.databases() {
        for key in database.keys.ids() {
            let tags = database.tags.tags_of(key);
            if tags.len() > 0 {
                let mut words = vec![word("TAG.SET"), database.keys.name(key).to_vec()];
                words.extend(tags.map(|tag| database.tags.name(tag).to_vec()));
                all.push((db, words));
            }
        }
    }
    all
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
