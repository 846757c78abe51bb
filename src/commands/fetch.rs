//! `INVAL.FETCH`: a read that may become a fill.

use super::args::Args;
use super::reply::Reply;
use crate::domain::State;
use crate::domain::class::is_refresh_due;
use crate::domain::class_table::ClassId;
use crate::domain::error::{Error, Result};
use crate::domain::freshness::Freshness;
use crate::domain::name::{Db, OWN_PREFIX};
use crate::domain::tokens::{Asked, Token};
use crate::domain::waiting::Wake;
use crate::server::Server;

/// Longest time to wait, in milliseconds: an hour. Whoever waits holds a connection.
const WAIT_MAX_MS: u64 = 3_600_000;

/// # Format
/// `INVAL.FETCH key [CLASS class] [WAIT milliseconds]`
#[derive(Debug)]
pub struct Fetch<'a> {
    key: &'a [u8],
    class: Option<&'a str>,
    wait_ms: Option<u64>,
}

/// What is known of a key that is read.
struct Known {
    db: Db,
    class: Option<ClassId>,
    /// The factor of early refresh.
    early: Option<f64>,
    fresh: Option<Freshness>,
    is_doomed: bool,
}

impl<'a> Fetch<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit, or a key of the module.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let mut fetch = Self { key: cache_key(args)?, class: None, wait_ms: None };
        while !args.is_done() {
            if fetch.wait_ms.is_none() && args.keyword("WAIT") {
                let ms = args.number("time to wait")?;
                if !(1..=WAIT_MAX_MS).contains(&ms) {
                    return Err(args.usage(format!("WAIT {ms} is not from 1 to {WAIT_MAX_MS}")));
                }
                fetch.wait_ms = Some(ms);
            } else if fetch.class.is_none() && args.keyword("CLASS") {
                fetch.class = Some(args.text("class")?);
            } else {
                args.finish()?;
            }
        }
        Ok(fetch)
    }

    /// `hit` and the value; `stale`, the value and for the first reader the token to refresh it;
    /// `miss` and the token to fill with; `busy` while somebody else has it, at once or after
    /// the time to wait. Where nothing can be filled (a replica), `miss` comes alone.
    ///
    /// # Errors
    /// The key holds no string, or there is no such class.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let class = match self.look(server, false)? {
            Ok(reply) => return Ok(reply),
            Err(class) => class,
        };
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
        Ok(busy(server, class))
    }

    /// The reply; or the class of the key while somebody else is about to fill. It counts as one
    /// read, however often the client is made to look again.
    fn look(
        &self,
        server: &mut Server,
        is_again: bool,
    ) -> Result<std::result::Result<Reply, Option<ClassId>>> {
        let (db, key) = (server.redis().db(), self.key);
        let redis = server.redis();
        let found = if is_again { redis.get_again(key) } else { redis.get(key) };
        // Reading may have deleted the key: what is known of it is asked for afterwards.
        let known = server.state(|state| {
            if !is_again {
                state.fetched(db, key, !matches!(found, Ok(None)));
            }
            self.known(state, db)
        });
        let value = found.map_err(|why| Error::Refused { what: "GET", why })?;
        let known = known?;
        if let Some(value) = value.filter(|_| !known.is_doomed) {
            return Ok(Ok(self.found(value, &known, server)));
        }
        if !server.redis().may_write() {
            return Ok(Ok(miss(server, known.class, None)));
        }
        Ok(match self.ask(server) {
            Asked::Given(token) => Ok(miss(server, known.class, Some(token))),
            Asked::Busy => Err(known.class),
        })
    }

    fn known(&self, state: &mut State, db: Db) -> Result<Known> {
        let class = class_of(state, self.key, self.class)?;
        let early = class.and_then(|id| state.classes.class(id)?.early);
        let fresh = state.freshness_of(db, self.key);
        Ok(Known { db, class, early, fresh, is_doomed: state.job_of(db, self.key).is_some() })
    }

    /// There is a value: `hit`, or `stale`. For one whose time is nearly up, one reader in good
    /// time is told that it is.
    fn found(&self, value: Vec<u8>, known: &Known, server: &mut Server) -> Reply {
        let now_ms = known.fresh.map_or(0, |_| server.redis().now_ms());
        let is_stale = known.fresh.is_some_and(|fresh| fresh.is_stale(now_ms));
        let is_early = !is_stale && is_refresh_early(known, now_ms, server);
        let token = match (is_stale || is_early) && server.redis().may_write() {
            true => match self.ask(server) {
                Asked::Given(token) => Some(token),
                Asked::Busy => None,
            },
            false => None,
        };
        let is_stale = is_stale || token.is_some();
        server.state(|state| {
            state.evidence.read_now(known.db, self.key);
            state.count(known.class, |of| match is_stale {
                true => of.stale += 1,
                false => of.hits += 1,
            });
        });
        let word = Reply::text(if is_stale { "stale" } else { "hit" });
        let items = [word, Reply::Bulk(value)].into_iter();
        Reply::Array(items.chain(token.map(shown)).collect())
    }

    fn ask(&self, server: &mut Server) -> Asked {
        let (db, key) = (server.redis().db(), self.key);
        let token = Token(server.redis().new_token());
        let now_ms = server.redis().monotonic_micros() / 1000;
        let ttl_ms = server.redis().token_ttl_ms();
        server.state(|state| {
            let asked = state.tokens.ask(db, key, token, now_ms, ttl_ms);
            if asked != Asked::Busy {
                state.warming.claimed(db, key);
            }
            asked
        })
    }

    /// What a reader that waited is told.
    fn told(&self, wake: Wake, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let now_ms = server.redis().monotonic_micros() / 1000;
        // The class may be gone meanwhile: then nothing is counted for it.
        let class = |state: &mut State| class_of(state, self.key, self.class).unwrap_or_default();
        match wake {
            Wake::TimeUp => {
                let class = server.state(class);
                Ok(busy(server, class))
            }
            Wake::Inherit(token)
                if server.state(|state| state.tokens.holds(db, self.key, token, now_ms)) =>
            {
                let class = server.state(|state| {
                    state.warming.claimed(db, self.key);
                    class(state)
                });
                Ok(miss(server, class, Some(token)))
            }
            // The token was void before the reader heard of it, or there is a value.
            Wake::Inherit(_) | Wake::Look => match self.look(server, true)? {
                Ok(reply) => Ok(reply),
                Err(class) => Ok(busy(server, class)),
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

/// The class of a key: the one that is named, or the one that its name belongs to.
///
/// # Errors
/// There is none of that name.
pub(super) fn class_of(
    state: &mut State,
    key: &[u8],
    name: Option<&str>,
) -> Result<Option<ClassId>> {
    match name {
        None => Ok(state.classes.of(key)),
        Some(name) => {
            let found = state.classes.find(name).map(Some);
            found.ok_or_else(|| Error::NoSuchClass { class: name.to_owned() })
        }
    }
}

fn is_refresh_early(known: &Known, now_ms: u64, server: &mut Server) -> bool {
    let (Some(beta), Some(fresh)) = (known.early, known.fresh) else { return false };
    let random = server.redis().random();
    is_refresh_due(beta, fresh.computed_ms, now_ms, fresh.stale_from_ms, random)
}

fn miss(server: &mut Server, class: Option<ClassId>, token: Option<Token>) -> Reply {
    server.state(|state| state.count(class, |of| of.misses += 1));
    Reply::Array([Reply::text("miss")].into_iter().chain(token.map(shown)).collect())
}

fn busy(server: &mut Server, class: Option<ClassId>) -> Reply {
    server.state(|state| state.count(class, |of| of.busy += 1));
    Reply::Array(vec![Reply::text("busy")])
}

fn shown(Token(token): Token) -> Reply {
    Reply::bulk(format!("{token:016x}"))
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
