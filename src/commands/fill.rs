//! `INVAL.FILL`: cache-aside without stale refills.

use super::args::Args;
use super::fetch::{cache_key, class_of};
use super::keyspace::Expiry;
use super::reply::Reply;
use super::soft;
use crate::domain::class_table::ClassId;
use crate::domain::error::{Error, Result};
use crate::domain::freshness::Freshness;
use crate::domain::tag_store::check_tags;
use crate::domain::tokens::{Refusal, Token};
use crate::server::Server;

/// Times are below this many milliseconds: what the server adds to them stays a number for it.
const EXPIRY_END_MS: u64 = 1 << 62;

/// # Format
/// `INVAL.FILL key value [TOKEN token] [EX s | PX ms | EXAT s | PXAT ms] [CLASS class] [GRACE ms]
/// [TAGS n tag [tag ...]]`
#[derive(Debug)]
pub struct Fill<'a> {
    key: &'a [u8],
    value: &'a [u8],
    token: Option<Token>,
    expiry: Option<Expiry>,
    class: Option<&'a str>,
    grace_ms: Option<u64>,
    tags: &'a [&'a [u8]],
}

/// How long a value lives.
struct Terms {
    class: Option<ClassId>,
    /// Until when it is fresh, in milliseconds since 1970; for ever when absent.
    stale_from_ms: Option<u64>,
    /// How long it stays after that.
    grace_ms: u64,
    /// Whether readers may be asked to refresh it early.
    early: bool,
}

impl<'a> Fill<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad token, time or tag, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (key, value) = (cache_key(args)?, args.next("value")?);
        let mut fill =
            Self { key, value, token: None, expiry: None, class: None, grace_ms: None, tags: &[] };
        while !args.is_done() {
            if fill.token.is_none() && args.keyword("TOKEN") {
                fill.token = Some(token(args.next("token")?)?);
            } else if fill.tags.is_empty() && args.keyword("TAGS") {
                fill.tags = args.counted("tags")?;
                check_tags(fill.tags.iter().copied())?;
            } else if fill.class.is_none() && args.keyword("CLASS") {
                fill.class = Some(args.text("class")?);
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
        Ok(fill)
    }

    /// Stores value, time to live and tags in one step: `filled`. With a token that is void
    /// nothing is stored: `refused` and the reason. Without a token it is always stored. A key
    /// that is there keeps its tags unless the fill brings some. With a grace time the value
    /// stays for so long after its time to live, stale. What the fill does not say, the key's
    /// class does.
    ///
    /// # Errors
    /// The server refuses; no such class; tags or a grace time for a key outside the fence, or
    /// no memory for them; a grace time for a value that lives for ever.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let (key, tags) = (self.key, self.tags);
        let terms = self.terms(server)?;
        let now_ms = server.redis().monotonic_micros() / 1000;
        let taken = server.state(|state| match self.token {
            Some(token) => state.tokens.take(db, key, token, tags, now_ms),
            None => {
                state.warming.claimed(db, key);
                Ok(0)
            }
        });
        let computed_ms = match taken {
            Ok(computed_ms) => computed_ms,
            Err(refusal) => return Ok(refused(server, &terms, &refusal)),
        };
        let until_ms = terms.stale_from_ms.map(|ms| ms.saturating_add(terms.grace_ms));
        if let Err(why) = server.redis().set(key, self.value, until_ms) {
            server.state(|state| state.tokens.failed(db, key));
            return Err(Error::Refused { what: "SET", why });
        }
        let is_watched = terms.grace_ms > 0 || (terms.early && computed_ms > 0);
        let fresh = terms.stale_from_ms.filter(|_| is_watched);
        let fresh = fresh.map(|stale_from_ms| Freshness { stale_from_ms, computed_ms });
        let is_more = !tags.is_empty() || fresh.is_some();
        // A time to live that was over has deleted the key.
        if is_more && server.redis().exists(key) {
            self.know(server, fresh);
        }
        let (has_own_ttl, by_token) = (self.expiry.is_some(), self.token.is_some());
        let wall_ms = server.redis().now_ms();
        server.state(|state| {
            state.count(terms.class, |of| of.fills += 1);
            // Whoever fetches, and whose reads are heard, is known to read.
            let is_watched = by_token || state.reads.are_tracked();
            state.note_fill((db, key, self.value), terms.class, (has_own_ttl, is_watched), wall_ms);
            state.tokens.arrived(db, key);
        });
        Ok(Reply::Array(vec![Reply::text("filled")]))
    }

    /// How long the value lives; or why it cannot be stored so.
    fn terms(&self, server: &mut Server) -> Result<Terms> {
        let has_classes = server.state(|state| !state.classes.is_empty());
        let random = if has_classes { server.redis().random() } else { 0 };
        let wall_ms = server.redis().now_ms();
        server.state(|state| {
            let id = class_of(state, self.key, self.class)?;
            let class = id.and_then(|id| state.classes.class(id));
            let of_class = || class.and_then(|class| class.ttl_ms(random)).map(Expiry::In);
            let expiry = self.expiry.or_else(of_class);
            let allowed = state.fence().allows(self.key);
            let wants_grace = self.grace_ms.is_some();
            if (wants_grace || !self.tags.is_empty()) && !allowed {
                let fence = state.fence().source().to_owned();
                return Err(Error::OutsideFence { key: self.key.to_vec(), fence });
            }
            if wants_grace && expiry.is_none() {
                return Err(Error::GraceWithoutEnd { key: self.key.to_vec() });
            }
            let of_class = class.filter(|_| allowed && expiry.is_some());
            let terms = Terms {
                class: id,
                stale_from_ms: expiry.map(|expiry| expiry.until_ms(wall_ms)),
                grace_ms: self.grace_ms.or(of_class.map(|class| class.grace_ms)).unwrap_or(0),
                early: of_class.is_some_and(|class| class.early.is_some()),
            };
            if !self.tags.is_empty() {
                state.admit_tags(self.key, self.tags)?;
            }
            Ok(terms)
        })
    }

    /// Writes down what is known of the value beside itself, here and on replicas.
    fn know(&self, server: &mut Server, fresh: Option<Freshness>) {
        let (db, key, tags) = (server.redis().db(), self.key, self.tags);
        if !tags.is_empty() {
            server.state(|state| {
                state.keep(db, key);
                if let Some(database) = state.known_database_mut(db) {
                    database.set_tags(key, tags.iter().copied());
                }
            });
            let words = [b"TAG.SET", key].into_iter().chain(tags.iter().copied());
            server.redis().replicate(&words.collect::<Vec<_>>());
        }
        if let Some(fresh) = fresh {
            server.redis().hear_overwrites();
            server.state(|state| state.set_freshness(db, key, fresh));
            soft::replicate(server, fresh, &[key]);
        }
    }
}

fn refused(server: &mut Server, terms: &Terms, refusal: &Refusal) -> Reply {
    server.state(|state| state.count(terms.class, |of| of.refused += 1));
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
