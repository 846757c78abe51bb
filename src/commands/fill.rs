//! `INVAL.FILL`: cache-aside without stale refills.

use super::args::Args;
use super::fetch::cache_key;
use super::keyspace::Expiry;
use super::reply::Reply;
use super::soft;
use crate::domain::error::{Error, Result};
use crate::domain::freshness::Freshness;
use crate::domain::tag_store::check_tags;
use crate::domain::tokens::{Refusal, Token};
use crate::server::Server;

/// Times are below this many milliseconds: what the server adds to them stays a number for it.
const EXPIRY_END_MS: u64 = 1 << 62;

/// # Format
/// `INVAL.FILL key value [TOKEN token] [EX s | PX ms | EXAT s | PXAT ms] [GRACE ms]
/// [TAGS n tag [tag ...]]`
#[derive(Debug)]
pub struct Fill<'a> {
    key: &'a [u8],
    value: &'a [u8],
    token: Option<Token>,
    expiry: Option<Expiry>,
    grace_ms: Option<u64>,
    tags: &'a [&'a [u8]],
}

impl<'a> Fill<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad token, time or tag, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (key, value) = (cache_key(args)?, args.next("value")?);
        let mut fill = Self { key, value, token: None, expiry: None, grace_ms: None, tags: &[] };
        while !args.is_done() {
            if fill.token.is_none() && args.keyword("TOKEN") {
                fill.token = Some(token(args.next("token")?)?);
            } else if fill.tags.is_empty() && args.keyword("TAGS") {
                fill.tags = args.counted("tags")?;
                check_tags(fill.tags.iter().copied())?;
            } else if fill.grace_ms.is_none() && args.keyword("GRACE") {
                fill.grace_ms = Some(soft::parse(args)?);
            } else if fill.expiry.is_none()
                && let Some(expiry) = expiry(args)?
            {
                fill.expiry = Some(expiry);
            } else {
                args.finish()?;
            }
        }
        if fill.grace_ms.is_some() && fill.expiry.is_none() {
            return Err(
                args.usage("GRACE without a time to live: give EX, PX, EXAT or PXAT".to_owned())
            );
        }
        Ok(fill)
    }

    /// Stores value, time to live and tags in one step: `filled`. With a token that is void
    /// nothing is stored: `refused` and the reason. Without a token it is always stored. A key
    /// that is there keeps its tags unless the fill brings some. With a grace time the value
    /// stays for so long after its time to live, stale.
    ///
    /// # Errors
    /// The server refuses; tags for a key outside the fence, or no memory for them.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let (key, tags) = (self.key, self.tags);
        server.state(|state| {
            if tags.is_empty() && self.grace_ms.is_none() {
                return Ok(());
            }
            if !state.fence().allows(key) {
                let fence = state.fence().source().to_owned();
                return Err(Error::OutsideFence { key: key.to_vec(), fence });
            }
            state.admit_tags(key, tags)
        })?;
        let now_ms = server.redis().monotonic_micros() / 1000;
        let taken = server.state(|state| match self.token {
            Some(token) => state.tokens.take(db, key, token, tags, now_ms).map(Some),
            None => Ok(None),
        });
        let computed_ms = match taken {
            Ok(computed_ms) => computed_ms.unwrap_or_default(),
            Err(refusal) => return Ok(refused(server, &refusal)),
        };
        let wall_ms = server.redis().now_ms();
        let stale_from_ms = self.expiry.map(|expiry| expiry.until_ms(wall_ms));
        let grace_ms = self.grace_ms.unwrap_or_default();
        let until_ms = stale_from_ms.map(|ms| ms.saturating_add(grace_ms));
        if let Err(why) = server.redis().set(key, self.value, until_ms) {
            server.state(|state| state.tokens.failed(db, key));
            return Err(Error::Refused { what: "SET", why });
        }
        // A time to live that was over has deleted the key.
        if !tags.is_empty() && server.redis().exists(key) {
            server.state(|state| {
                state.keep(db, key);
                if let Some(database) = state.known_database_mut(db) {
                    database.set_tags(key, tags.iter().copied());
                }
            });
            let words = [b"TAG.SET", key].into_iter().chain(tags.iter().copied());
            server.redis().replicate(&words.collect::<Vec<_>>());
        }
        let fresh = stale_from_ms.filter(|_| grace_ms > 0);
        let fresh = fresh.map(|stale_from_ms| Freshness { stale_from_ms, computed_ms });
        if let Some(fresh) = fresh.filter(|_| server.redis().exists(key)) {
            server.redis().hear_overwrites();
            server.state(|state| state.set_freshness(db, key, fresh));
            soft::replicate(server, fresh, &[key]);
        }
        server.state(|state| {
            state.stats.fills += 1;
            state.tokens.arrived(db, key);
        });
        Ok(Reply::Array(vec![Reply::text("filled")]))
    }
}

fn refused(server: &mut Server, refusal: &Refusal) -> Reply {
    server.state(|state| state.stats.fills_refused += 1);
    Reply::Array(vec![Reply::text("refused"), Reply::bulk(refusal.why())])
}

fn token(word: &[u8]) -> Result<Token> {
    let digits = std::str::from_utf8(word).ok().filter(|text| text.len() == 16);
    let number = digits.and_then(|text| u64::from_str_radix(text, 16).ok());
    number.map(Token).ok_or_else(|| Error::NotAToken { found: word.to_vec() })
}

/// A time to live, if the next word begins one.
fn expiry(args: &mut Args) -> Result<Option<Expiry>> {
    /// Milliseconds of a second.
    const SECOND: u64 = 1000;
    for (word, unit, is_span) in
        [("EX", SECOND, true), ("PX", 1, true), ("EXAT", SECOND, false), ("PXAT", 1, false)]
    {
        if args.keyword(word) {
            let number = args.number("time to live")?;
            let ms = number.checked_mul(unit).filter(|ms| (1..EXPIRY_END_MS).contains(ms));
            let ms = ms.ok_or_else(|| args.usage(format!("{word} {number} is no time to live")))?;
            return Ok(Some(if is_span { Expiry::In(ms) } else { Expiry::At(ms) }));
        }
    }
    Ok(None)
}
