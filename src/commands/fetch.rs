//! `INVAL.FETCH`: a read that may become a fill.

use super::args::Args;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::name::OWN_PREFIX;
use crate::domain::tokens::{Asked, Token};
use crate::domain::waiting::Wake;
use crate::server::Server;

/// Longest time to wait, in milliseconds: an hour. Whoever waits holds a connection.
const WAIT_MAX_MS: u64 = 3_600_000;

/// # Format
/// `INVAL.FETCH key [WAIT milliseconds]`
#[derive(Debug)]
pub struct Fetch<'a> {
    key: &'a [u8],
    wait_ms: Option<u64>,
}

impl<'a> Fetch<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit, or a key of the module.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = cache_key(args)?;
        let mut fetch = Self { key, wait_ms: None };
        while !args.is_done() {
            if fetch.wait_ms.is_none() && args.keyword("WAIT") {
                let ms = args.number("time to wait")?;
                if !(1..=WAIT_MAX_MS).contains(&ms) {
                    return Err(args.usage(format!("WAIT {ms} is not from 1 to {WAIT_MAX_MS}")));
                }
                fetch.wait_ms = Some(ms);
            } else {
                args.finish()?;
            }
        }
        Ok(fetch)
    }

    /// `hit` and the value; `stale`, the value and for the first reader the token to refresh it;
    /// `miss` and the token to fill with; `busy` while somebody else has
    /// it, at once or after the time to wait. Where nothing can be filled (a replica), `miss`
    /// comes alone.
    ///
    /// # Errors
    /// The key holds no string.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        if let Some(reply) = self.look(server)? {
            return Ok(reply);
        }
        let (db, key) = (server.redis().db(), self.key);
        if let Some(ms) = self.wait_ms
            && server.state(|state| state.tokens.waiting.has_room())
            && let Some(waiter) = server.redis().wait(ms)
        {
            server.state(|state| {
                state.stats.fetch_waits += 1;
                state.tokens.wait(db, key, waiter);
            });
            return Ok(Reply::Later);
        }
        Ok(busy(server))
    }

    /// The reply; `None` while somebody else is about to fill.
    fn look(&self, server: &mut Server) -> Result<Option<Reply>> {
        let (db, key) = (server.redis().db(), self.key);
        let value = server.redis().get(key).map_err(|why| Error::Refused { what: "GET", why })?;
        // Reading may have deleted the key: what is known of it is asked for afterwards.
        let (is_doomed, fresh) =
            server.state(|state| (state.job_of(db, key).is_some(), state.freshness_of(db, key)));
        if let Some(value) = value.filter(|_| !is_doomed) {
            if fresh.is_some_and(|fresh| fresh.is_stale(server.redis().now_ms())) {
                return Ok(Some(self.stale(value, server)));
            }
            server.state(|state| state.stats.fetch_hits += 1);
            return Ok(Some(Reply::Array(vec![Reply::text("hit"), Reply::Bulk(value)])));
        }
        if !server.redis().may_write() {
            server.state(|state| state.stats.fetch_misses += 1);
            return Ok(Some(Reply::Array(vec![Reply::text("miss")])));
        }
        Ok(match self.ask(server) {
            Asked::Given(token) => Some(miss(server, token)),
            Asked::Busy => None,
        })
    }

    /// A value that is stale, and for the first who reads it the token to refresh it.
    fn stale(&self, value: Vec<u8>, server: &mut Server) -> Reply {
        server.state(|state| state.stats.fetch_stale += 1);
        let mut items = vec![Reply::text("stale"), Reply::Bulk(value)];
        if server.redis().may_write()
            && let Asked::Given(token) = self.ask(server)
        {
            items.push(shown(token));
        }
        Reply::Array(items)
    }

    fn ask(&self, server: &mut Server) -> Asked {
        let (db, key) = (server.redis().db(), self.key);
        let token = Token(server.redis().new_token());
        let now_ms = server.redis().monotonic_micros() / 1000;
        let ttl_ms = server.redis().token_ttl_ms();
        server.state(|state| state.tokens.ask(db, key, token, now_ms, ttl_ms))
    }

    /// What a reader that waited is told.
    fn told(&self, wake: Wake, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let now_ms = server.redis().monotonic_micros() / 1000;
        match wake {
            Wake::TimeUp => Ok(busy(server)),
            Wake::Inherit(token)
                if server.state(|state| state.tokens.holds(db, self.key, token, now_ms)) =>
            {
                Ok(miss(server, token))
            }
            // The token was void before the reader heard of it, or there is a value.
            Wake::Inherit(_) | Wake::Look => match self.look(server)? {
                Some(reply) => Ok(reply),
                None => Ok(busy(server)),
            },
        }
    }
}

/// What the client that waits for an `INVAL.FETCH` is told; `words` is its command.
///
/// # Errors
/// The key holds no string.
pub fn told(words: &[&[u8]], wake: Wake, server: &mut Server) -> Result<Reply> {
    let arguments = words.get(1..).unwrap_or_default();
    Fetch::parse(&mut Args::new(arguments, &"INVAL.FETCH"))?.told(wake, server)
}

fn miss(server: &mut Server, token: Token) -> Reply {
    server.state(|state| state.stats.fetch_misses += 1);
    Reply::Array(vec![Reply::text("miss"), shown(token)])
}

fn shown(Token(token): Token) -> Reply {
    Reply::bulk(format!("{token:016x}"))
}

fn busy(server: &mut Server) -> Reply {
    server.state(|state| state.stats.fetch_busy += 1);
    Reply::Array(vec![Reply::text("busy")])
}

/// A key that values may be cached under.
///
/// # Errors
/// There is none, or it is the module's.
pub(super) fn cache_key<'a>(args: &mut Args<'a>) -> Result<&'a [u8]> {
    let key = args.next("key")?;
    match key.starts_with(OWN_PREFIX) {
        true => Err(Error::OwnKey { key: key.to_vec() }),
        false => Ok(key),
    }
}
