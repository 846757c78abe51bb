//! An append-only file without a snapshot at its head (`aof-use-rdb-preamble no`) has no place
//! for our state. When it is rewritten, the state goes into it as commands.

use redis_module::raw;

use super::api::{Ctx, call};
use super::state::shared;
use crate::domain::State;
use crate::domain::name::Db;

/// Writes the state into the new file if one is being written without a snapshot. Called when
/// the rewriting child has been born: the server sends commands to the new file from here on.
pub(super) fn on_fork(ctx: Ctx) {
    if !is_rewriting(ctx) || ctx.config(c"aof-use-rdb-preamble").as_deref() != Some("no") {
        return;
    }
    for (db, words) in shared(&ctx, |shared| shared.with(|state| commands(state))) {
        ctx.select_db(db.0);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        ctx.replicate_to_aof(&words);
    }
}

/// The commands that make the state, with the database each belongs to.
fn commands(state: &State) -> Vec<(Db, Vec<Vec<u8>>)> {
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
