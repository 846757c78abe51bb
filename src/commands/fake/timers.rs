//! What time brings on the in-memory server: replies to those that wait, and slices.

use super::{Port, World};
use crate::commands::fetch;
use crate::commands::reply::Reply;
use crate::commands::slices;
use crate::domain::tokens::Token;
use crate::domain::waiting::{Waiter, Wake};
use crate::server::Server;

impl World {
    /// Tells those that wait for `INVAL.FETCH line` what is due, as the adapter does.
    pub fn told(&mut self, line: &str) -> Vec<(Waiter, Reply)> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let now_ms = self.fake.micros.get() / 1000;
        let mut next = self.fake.randoms;
        let due = self.shared.with(|state| {
            state.tokens.hand_over(now_ms, 10_000, || {
                next += 1;
                Token(next)
            });
            state.tokens.waiting.take_due()
        });
        self.fake.randoms = next;
        let mut port = Port { fake: &mut self.fake, shared: &self.shared, words: &[] };
        let mut server = Server::new(&self.shared, &mut port);
        let tell = |(waiter, wake): (Waiter, Wake)| {
            (waiter, fetch::told(&words, wake, &mut server).expect("a reply"))
        };
        due.into_iter().map(tell).collect()
    }

    /// A slice of the jobs, as a timer runs it.
    pub fn slice(&mut self, micros: u64) -> bool {
        self.timer(|server| slices::run(server, micros)) == slices::More::Yes
    }
}
