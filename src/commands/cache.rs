//! `INVAL.FETCH` and `INVAL.FILL`: cache-aside without stale refills.

use super::args::Args;
use super::keyspace::Expiry;
use super::reply::Reply;
use crate::domain::error::{Error, Result};
use crate::domain::name::OWN_PREFIX;
use crate::domain::tag_store::check_tags;
use crate::domain::tokens::{Asked, Refusal, Token};
use crate::server::Server;

/// Times are below this many milliseconds: what the server adds to them stays a number for it.
const EXPIRY_END_MS: u64 = 1 << 62;

/// # Format
/// `INVAL.FETCH key`
#[derive(Debug)]
pub struct Fetch<'a> {
    key: &'a [u8],
}

impl<'a> Fetch<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit, or a key of the module.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = cache_key(args)?;
        args.finish()?;
        Ok(Self { key })
    }

    /// `hit` and the value; `miss` and the token to fill with; `busy` while somebody else has
    /// it. Where nothing can be filled (a replica), `miss` comes alone.
    ///
    /// # Errors
    /// The key holds no string.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let is_doomed = server.state(|state| state.job_of(db, self.key).is_some());
        if !is_doomed
            && let Some(value) =
                server.redis().get(self.key).map_err(|why| Error::Refused { what: "GET", why })?
        {
            server.state(|state| state.stats.fetch_hits += 1);
            return Ok(Reply::Array(vec![Reply::text("hit"), Reply::Bulk(value)]));
        }
        if !server.redis().may_write() {
            server.state(|state| state.stats.fetch_misses += 1);
            return Ok(Reply::Array(vec![Reply::text("miss")]));
        }
        let token = Token(server.redis().new_token());
        let now_ms = server.redis().monotonic_micros() / 1000;
        let ttl_ms = server.redis().token_ttl_ms();
        let key = self.key;
        Ok(server.state(|state| match state.tokens.ask(db, key, token, now_ms, ttl_ms) {
            Asked::Given(Token(token)) => {
                state.stats.fetch_misses += 1;
                Reply::Array(vec![Reply::text("miss"), Reply::bulk(format!("{token:016x}"))])
            }
            Asked::Busy => {
                state.stats.fetch_busy += 1;
                Reply::Array(vec![Reply::text("busy")])
            }
        }))
    }
}

/// # Format
/// `INVAL.FILL key value [TOKEN token] [EX s | PX ms | EXAT s | PXAT ms] [TAGS n tag [tag ...]]`
#[derive(Debug)]
pub struct Fill<'a> {
    key: &'a [u8],
    value: &'a [u8],
    token: Option<Token>,
    expiry: Option<Expiry>,
    tags: &'a [&'a [u8]],
}

impl<'a> Fill<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad token, time or tag, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (key, value) = (cache_key(args)?, args.next("value")?);
        let mut fill = Self { key, value, token: None, expiry: None, tags: &[] };
        while !args.is_done() {
            if fill.token.is_none() && args.keyword("TOKEN") {
                fill.token = Some(token(args.next("token")?)?);
            } else if fill.tags.is_empty() && args.keyword("TAGS") {
                fill.tags = args.counted("tags")?;
                check_tags(fill.tags.iter().copied())?;
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
    /// that is there keeps its tags unless the fill brings some.
    ///
    /// # Errors
    /// The server refuses; tags for a key outside the fence, or no memory for them.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let (key, tags) = (self.key, self.tags);
        server.state(|state| {
            if tags.is_empty() {
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
            Some(token) => state.tokens.take(db, key, token, tags, now_ms),
            None => Ok(()),
        });
        if let Err(refusal) = taken {
            return Ok(refused(server, &refusal));
        }
        let wall_ms = server.redis().now_ms();
        let until_ms = self.expiry.map(|expiry| expiry.until_ms(wall_ms));
        server
            .redis()
            .set(key, self.value, until_ms)
            .map_err(|why| Error::Refused { what: "SET", why })?;
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
        server.state(|state| state.stats.fills += 1);
        Ok(Reply::Array(vec![Reply::text("filled")]))
    }
}

fn refused(server: &mut Server, refusal: &Refusal) -> Reply {
    server.state(|state| state.stats.fills_refused += 1);
    Reply::Array(vec![Reply::text("refused"), Reply::bulk(refusal.why())])
}

fn cache_key<'a>(args: &mut Args<'a>) -> Result<&'a [u8]> {
    let key = args.next("key")?;
    match key.starts_with(OWN_PREFIX) {
        true => Err(Error::OwnKey { key: key.to_vec() }),
        false => Ok(key),
    }
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

#[cfg(test)]
mod tests {
    use crate::commands::fake::World;
    use crate::commands::reply::Reply;
    use crate::domain::name::Db;

    fn words(reply: Result<Reply, String>) -> Vec<String> {
        let Ok(Reply::Array(items)) = reply else { panic!("{reply:?} is no list") };
        let text = |item: Reply| match item {
            Reply::Simple(text) => text.into_owned(),
            Reply::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        };
        items.into_iter().map(text).collect()
    }

    #[test]
    fn a_miss_is_filled_once_and_then_hit() {
        let mut world = World::default();
        assert_eq!(words(world.run("INVAL.FETCH k")), ["miss", "0000000000000001"]);
        assert_eq!(words(world.run("INVAL.FETCH k")), ["busy"]);
        let fill = "INVAL.FILL k v TOKEN 0000000000000001 PX 5 TAGS 2 a b";
        assert_eq!(words(world.run(fill)), ["filled"]);
        assert_eq!(world.fake.until, Some(1_700_000_000_005));
        assert_eq!(world.fake.replicated, ["TAG.SET k a b"]);
        assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "v"]);
        assert_eq!(words(world.run(fill))[0], "refused");
        let tags = world.shared.with(|state| state.tags_of(Db(0), b"k"));
        assert_eq!(tags, [b"a".to_vec(), b"b".to_vec()]);
        // Without a token a fill is a SET, and keeps the tags of a key that is there.
        assert_eq!(words(world.run("INVAL.FILL k w EXAT 1800000000")), ["filled"]);
        assert_eq!(world.fake.until, Some(1_800_000_000_000));
        assert_eq!(world.shared.with(|state| state.tags_of(Db(0), b"k").len()), 2);
    }

    /// Whatever names the key voids the token, though there is no such key.
    #[test]
    fn a_fill_after_an_invalidation_is_refused() {
        let lines = [
            ("INVAL.PURGE KEYS 1 user:1", "the key was invalidated since"),
            ("INVAL.PURGE GLOB us*r:?", "the key was invalidated since"),
            ("INVAL.PURGE PREFIX user: ASYNC", "the key was invalidated since"),
            ("INVAL.PURGE REGEX ^user", "the key was invalidated since"),
            ("INVAL.EVENT moved {\"id\":1}", "the key was invalidated since"),
            ("INVAL.PURGE TAGS 1 team", "the tag 'team' was purged since"),
            ("INVAL.PURGE TAGS ALL 2 team x", "the tag 'team' was purged since"),
            ("INVAL.FILL user:1 newer", "the key was written since"),
        ];
        for (line, why) in lines {
            let mut world = World::default();
            world.run("INVAL.RULE ADD r ON moved KEYS 1 user:{id}").unwrap();
            let token = words(world.run("INVAL.FETCH user:1"))[1].clone();
            world.run(line).unwrap();
            let fill = format!("INVAL.FILL user:1 stale TOKEN {token} TAGS 2 team x");
            assert_eq!(words(world.run(&fill)), ["refused", why], "{line}");
            assert_ne!(world.fake.values.get(&b"user:1"[..]), Some(&b"stale".to_vec()), "{line}");
            assert_eq!(world.shared.with(|state| state.stats.fills_refused), 1);
        }
        for line in [
            "INVAL.PURGE KEYS 1 user:1 DRYRUN",
            "INVAL.PURGE KEYS 1 user:2",
            "INVAL.PURGE TAGS 1 other",
        ] {
            let mut world = World::default();
            let token = words(world.run("INVAL.FETCH user:1"))[1].clone();
            world.run(line).unwrap();
            let fill = format!("INVAL.FILL user:1 good TOKEN {token} TAGS 1 team");
            assert_eq!(words(world.run(&fill)), ["filled"], "{line}");
        }
    }

    #[test]
    fn a_key_that_a_job_will_delete_is_missed_and_a_fill_saves_it() {
        let mut world = World::with_keys(&["a", "b"]);
        world.run("INVAL.PURGE PREFIX a ASYNC").unwrap();
        let token = words(world.run("INVAL.FETCH a"))[1].clone();
        assert_eq!(words(world.run(&format!("INVAL.FILL a new TOKEN {token}"))), ["filled"]);
        while world.slice(1) {}
        assert_eq!(world.keys(), ["a", "b"]);
        world.run("INVAL.PURGE PREFIX b ASYNC").unwrap();
        let token = words(world.run("INVAL.FETCH b"))[1].clone();
        while world.slice(1) {}
        assert_eq!(world.keys(), ["a"]);
        // What the job deleted was older than the token.
        assert_eq!(words(world.run(&format!("INVAL.FILL b new TOKEN {token}"))), ["filled"]);
    }

    #[test]
    fn nothing_is_filled_on_a_replica_and_errors_say_what() {
        let mut world = World::default();
        world.fake.may_not_write = true;
        assert_eq!(words(world.run("INVAL.FETCH k")), ["miss"]);
        world.fake.may_not_write = false;
        for (line, error) in [
            ("INVAL.FETCH inval:warm", "ERR key 'inval:warm' belongs to the module"),
            ("INVAL.FILL inval:warm v", "ERR key 'inval:warm' belongs to the module"),
            ("INVAL.FILL k v TOKEN 12", "ERR token '12' is not one that INVAL.FETCH gave"),
            ("INVAL.FILL k v TOKEN 000000000000000g", "ERR token '000000000000000g' is not"),
            ("INVAL.FILL k v EX 0", "ERR EX 0 is no time to live"),
            ("INVAL.FILL k v EX 1 PX 1", "ERR "),
            ("INVAL.FILL k v TAGS 0", "ERR "),
            ("INVAL.FILL k", "ERR missing value"),
            ("INVAL.FETCH k k", "ERR "),
        ] {
            let found = world.run(line).unwrap_err();
            assert!(found.starts_with(error), "{line}: {found}");
        }
        world.fake.refuses = Some("OOM");
        assert_eq!(world.run("INVAL.FILL k v").unwrap_err(), "ERR the server refused SET: OOM");
    }
}
