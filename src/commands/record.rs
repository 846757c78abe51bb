//! `INVAL._RECORD`: what replicas and append-only files are told of events.

use super::args::Args;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::record;
use crate::domain::words::Words;
use crate::server::Server;

/// # Format
/// `INVAL._RECORD kind [argument ...]`, see [`crate::domain::record`].
///
/// For replication alone.
#[derive(Debug)]
pub struct FollowRecord<'a>(&'a [&'a [u8]]);

impl<'a> FollowRecord<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.rest("kind")?))
    }

    /// Knows it, and passes it on.
    ///
    /// # Errors
    /// It does not come from the primary or the append-only file, or cannot be read.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        if !server.redis().is_obeying() {
            return Err(Error::Internal { command: "INVAL._RECORD", instead: "INVAL.EVENT" });
        }
        let db = server.redis().db();
        if server.state(|state| state.follow_record(db, self.0)).is_none() {
            return Err(Error::NotARecord { record: self.0.join(&b' ') });
        }
        server.redis().replicate_as_it_came();
        Ok(Reply::OK)
    }
}

/// Tells replicas and the append-only file.
pub(super) fn replicate(server: &mut Server, words: &Words) {
    server.redis().replicate(&record::command(words));
}
