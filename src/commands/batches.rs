//! What rules have collected is carried out: because it is enough, or because its time is over.

use super::invalidate::{Options, invalidate};
use super::record;
use super::slices::More;
use crate::domain::batches::Place;
use crate::domain::error::{Error, Result};
use crate::server::Server;

/// Carries out what a rule has collected in a database. What cannot be is left for later.
///
/// # Errors
/// The server refuses, or there are too many jobs.
pub fn run(server: &mut Server, place: &Place) -> Result<()> {
    let Some(request) = server.state(|state| state.batches.request(place)) else { return Ok(()) };
    server.redis().select(place.0);
    let start = server.redis().monotonic_micros();
    let options = Options::default();
    let done = match invalidate(server, start, request.clone(), options) {
        // Nobody could mend it: it takes longer, and is carried out all the same.
        Err(Error::PlanTooLarge { .. }) => {
            invalidate(server, start, request, Options { background: true, ..options })
        }
        Err(Error::TooManySteps { .. }) => {
            let request = crate::domain::request::Request { any_steps: true, ..request };
            invalidate(server, start, request, options)
        }
        done => done,
    };
    if let Err(error) = done {
        server.state(|state| state.stats.errors += 1);
        return Err(error);
    }
    let record = server.state(|state| state.batches.done(place));
    record::replicate(server, &record);
    Ok(())
}

/// Carries out what is due. Does nothing where the server may not write.
pub fn run_due(server: &mut Server) -> More {
    if server.is_suspect() || !server.redis().may_write() {
        return More::Later;
    }
    let now_ms = server.redis().now_ms();
    for place in server.state(|state| state.batches.due(now_ms)) {
        if run(server, &place).is_err() {
            return More::Later;
        }
    }
    match server.state(|state| state.batches.is_empty()) {
        true => More::No,
        false => More::Yes,
    }
}
