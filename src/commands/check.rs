//! `INVAL.CHECK`: do keyspace and state agree? For debugging: it walks both while the server
//! waits.

use std::collections::{BTreeMap, BTreeSet};

use super::args::Args;
use super::reply::Reply;
use crate::domain::State;
use crate::domain::error::{Error, Result};
use crate::domain::name::{Db, Shown};
use crate::server::Server;

/// The names of every database.
type Names = BTreeMap<Db, BTreeSet<Vec<u8>>>;

/// Tells the first disagreement, or what was compared.
///
/// # Errors
/// The disagreement, or arguments that do not fit.
pub fn run(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    let mut live = Names::new();
    server.redis().scan_all(&mut |db, name| {
        live.entry(db).or_default().insert(name.to_vec());
    });
    let deferred = server.deferred();
    server.state(|state| {
        if deferred > 0 {
            return Err(disagreement(format!("{deferred} changes were deferred")));
        }
        state.check().map_err(disagreement)?;
        compare(state, &live).map_err(disagreement)?;
        let (keys, tags, tagged) = state.sizes();
        Ok(Reply::map([
            ("keys", Reply::count(keys)),
            ("tags", Reply::count(tags)),
            ("tagged", Reply::count(tagged)),
            ("complete", Reply::flag(!state.index.incomplete)),
        ]))
    })
}

fn disagreement(what: String) -> Error {
    Error::Disagreement { what }
}

fn compare(state: &State, live: &Names) -> std::result::Result<(), String> {
    for (db, names) in live {
        let known = state.database(*db).map(|database| &database.keys);
        let missed = names.iter().find(|name| {
            let found = known.is_some_and(|keys| keys.find(name).is_some());
            state.fence().allows(name) != found
        });
        if let Some(name) = missed.filter(|_| !state.index.incomplete) {
            return Err(format!("db{}: key '{}' lives and is not indexed", db.0, Shown(name)));
        }
    }
    for (db, database) in state.databases() {
        let lives = |name: &[u8]| live.get(&db).is_some_and(|names| names.contains(name));
        let mut names = database.keys.iter().map(|(_, name)| name);
        if let Some(name) = names.find(|name| !lives(name)) {
            return Err(format!("db{}: key '{}' is indexed and does not live", db.0, Shown(name)));
        }
    }
    Ok(())
}
