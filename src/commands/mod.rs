//! Parse, run, reply: each command is a value first. No Redis type appears here.

pub mod args;
pub mod batch;
pub mod batches;
#[cfg(test)]
mod cache_tests;
pub mod check;
pub mod class;
pub mod event;
#[cfg(test)]
mod events_tests;
pub mod explain;
#[cfg(test)]
mod fake;
pub mod fetch;
pub mod fill;
pub mod happen;
pub mod health;
#[cfg(test)]
mod index_memory_tests;
pub mod invalidate;
pub mod jobs;
pub mod journal;
mod json;
pub mod keyspace;
mod load;
pub mod map;
pub mod purge;
pub mod record;
pub mod reply;
pub mod rule;
pub mod slices;
pub mod soft;
pub mod source;
pub mod sources;
pub mod spec;
pub mod stats;
pub mod syntax;
pub mod table;
pub mod tags;
#[cfg(test)]
mod tests;
pub mod top;
pub mod warm;
pub mod windows;

use args::Args;
use reply::Reply;
use table::Spec;

use crate::domain::error::{Error, Result};
use crate::server::Server;

/// Runs a command on the words after its name (and subcommand).
///
/// # Errors
/// What the command refuses; counted. Nothing has changed then, unless the error says so.
pub fn execute(spec: &Spec, words: &[&[u8]], server: &mut Server) -> Result<Reply> {
    let result = match server.is_suspect() {
        true => Err(Error::Suspect),
        false => (spec.run)(&mut Args::new(words, spec), server),
    };
    if result.is_err() && !server.is_suspect() {
        server.state(|state| state.stats.errors += 1);
    }
    result
}
