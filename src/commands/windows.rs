//! Looks at the counters once a second, for rates.

use crate::domain::windows::{Look, Rates, Totals};
use crate::server::Server;

/// Keeps a look at the counters as they are.
pub fn tick(server: &mut Server) {
    let look = look(server);
    server.state(|state| state.windows.keep(&look));
}

/// What happened in each window up to now.
pub fn rates(server: &mut Server) -> Vec<Rates> {
    let look = look(server);
    server.state(|state| state.windows.rates(&look))
}

fn look(server: &mut Server) -> Look {
    let figures = server.redis().figures();
    let now_ms = server.redis().monotonic_micros() / 1000;
    server.state(|state| {
        let counted = state.windows.server(figures);
        let (hits, misses, evicted) = (counted.hits, counted.misses, counted.evicted);
        let totals = Totals { hits, misses, evicted, ..state.totals() };
        state.windows.look(now_ms, totals, &state.stats.all.both)
    })
}
