//! `TAG.*`: which keys carry which tags.

use super::args::Args;
use super::reply::Reply;
use crate::domain::database::TagExpression;
use crate::domain::error::{Error, Result};
use crate::domain::glob::Glob;
use crate::domain::key_table::KeyId;
use crate::domain::tag_cursor::{self, Page};
use crate::domain::tag_store::{TAGS_PER_KEY_MAX, check_tags};
use crate::server::Server;

/// Items of a page when nothing is said; as in SCAN, but a page here is never empty in vain.
const PAGE_DEFAULT: u64 = 100;

/// Tags as the domain holds them.
///
/// # Errors
/// An empty or long tag, or too many.
pub fn owned(tags: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
    check_tags(tags.iter().copied())?;
    Ok(tags.iter().map(|tag| tag.to_vec()).collect())
}

/// What to do with a key's tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The tags become exactly these.
    Set,
    /// Add these.
    Add,
    /// Take these off.
    Remove,
}

/// # Format
/// `TAG.SET key tag [tag ...]`, `TAG.ADD` and `TAG.REM` likewise
#[derive(Debug)]
pub struct EditTags<'a> {
    edit: Edit,
    key: &'a [u8],
    tags: &'a [&'a [u8]],
}

impl<'a> EditTags<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad tag, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>, edit: Edit) -> Result<Self> {
        let key = args.next("key")?;
        let tags = args.rest("tag")?;
        check_tags(tags.iter().copied())?;
        Ok(Self { edit, key, tags })
    }

    /// Changes the tags of a live key; replies with the number set, added or removed.
    ///
    /// # Errors
    /// A key outside the fence, or more tags than a key may have.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        if !is_live(server, self.key)? {
            return Ok(Reply::Int(0));
        }
        let db = server.redis().db();
        let is_obeying = server.redis().is_obeying();
        let (count, changed) = server.state(|state| {
            let Some(database) = state.known_database_mut(db) else { return Ok((0, false)) };
            if is_obeying {
                // The primary says that the key is there.
                database.overwritten(self.key);
            }
            let Some(id) = database.find_live(self.key) else { return Ok((0, false)) };
            let store = &mut database.tags;
            let tags = self.tags.iter().copied();
            let count = match self.edit {
                Edit::Set => {
                    let changed = store.set(id, tags);
                    return Ok((store.tags_of(id).len(), changed));
                }
                Edit::Remove => tags.filter(|tag| store.remove(id, tag)).count(),
                Edit::Add => {
                    let has = |tag: &&[u8]| store.find(tag).is_some_and(|tag| store.has(id, tag));
                    let new: std::collections::HashSet<&[u8]> =
                        tags.clone().filter(|tag| !has(tag)).collect();
                    let count = store.tags_of(id).len() + new.len();
                    if count > TAGS_PER_KEY_MAX {
                        return Err(Error::TooMany {
                            what: "tags",
                            count,
                            limit: TAGS_PER_KEY_MAX,
                        });
                    }
                    tags.filter(|tag| store.add(id, tag)).count()
                }
            };
            Ok((count, count > 0))
        })?;
        if changed {
            server.redis().replicate_as_it_came();
        }
        Ok(Reply::count(count))
    }
}

/// # Format
/// `TAG._CARRY key tag [tag ...]`: the tags of a copy that comes next. From primaries and
/// append-only files alone.
#[derive(Debug)]
pub struct CarryTags<'a> {
    key: &'a [u8],
    tags: &'a [&'a [u8]],
}

impl<'a> CarryTags<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: args.next("key")?, tags: args.rest("tag")? })
    }

    /// Keeps the tags until the copy comes.
    ///
    /// # Errors
    /// A client asks.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        if !server.redis().is_obeying() {
            return Err(Error::Internal { command: "TAG._CARRY", instead: "TAG.SET" });
        }
        let db = server.redis().db();
        let tags = self.tags.iter().map(|tag| tag.to_vec()).collect();
        server.state(|state| state.travel.carried = Some((db, self.key.into(), tags)));
        let words = [b"TAG._CARRY", self.key].into_iter().chain(self.tags.iter().copied());
        server.redis().replicate(&words.collect::<Vec<_>>());
        Ok(Reply::OK)
    }
}

/// Whether a key may be tagged: inside the fence, and live. Learns of a live key that the
/// index does not know yet.
fn is_live(server: &mut Server, key: &[u8]) -> Result<bool> {
    let db = server.redis().db();
    let (known, incomplete) = server.state(|state| {
        if !state.fence().allows(key) {
            let fence = state.fence().source().to_owned();
            return Err(match key.starts_with(crate::domain::name::OWN_PREFIX) {
                true => Error::OwnKey { key: key.to_vec() },
                false => Error::OutsideFence { key: key.to_vec(), fence },
            });
        }
        let known = state.database(db).is_some_and(|database| database.keys.find(key).is_some());
        Ok((known, state.index.incomplete))
    })?;
    if known && server.redis().is_obeying() {
        return Ok(true);
    }
    // A name the complete index does not know is not asked for: that would count as a miss.
    if !known && !incomplete && !server.redis().is_obeying() {
        return Ok(false);
    }
    let live = server.redis().exists(key);
    if live && !known {
        server.state(|state| state.seen(db, key));
    }
    Ok(live)
}

/// # Format
/// `TAG.GET key`
#[derive(Debug)]
pub struct GetTags<'a> {
    key: &'a [u8],
}

impl<'a> GetTags<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = args.next("key")?;
        args.finish()?;
        Ok(Self { key })
    }

    /// The tags of the key, sorted.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let of = |state: &mut crate::domain::State| {
            let database = state.database(db)?;
            database.find_live(self.key).map(|_| database.tags_of(self.key))
        };
        let mut tags = server.state(of).unwrap_or_default();
        if !tags.is_empty() && !server.redis().exists(self.key) {
            tags.clear();
        }
        tags.sort_unstable();
        Ok(Reply::bulks(tags.iter().map(Vec::as_slice)))
    }
}

/// # Format
/// `TAG.CARD tag`
#[derive(Debug)]
pub struct CardTag<'a> {
    tag: &'a [u8],
}

impl<'a> CardTag<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let tag = args.next("tag")?;
        args.finish()?;
        Ok(Self { tag })
    }

    /// How many keys carry the tag.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        let card = server.state(|state| {
            let database = state.database(db)?;
            Some(database.card(database.tags.find(self.tag)?))
        });
        Ok(Reply::count(card.unwrap_or(0)))
    }
}

/// # Format
/// `TAG.KEYS [ANY|ALL] tag [tag ...] [NOT tag [tag ...]] [CURSOR cursor] [COUNT n]`
#[derive(Debug)]
pub struct KeysOfTags {
    wanted: TagExpression,
    page: Option<(u64, u64)>,
}

impl KeysOfTags {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad tag, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        let ends = ["NOT", "CURSOR", "COUNT"];
        let all = !args.keyword("ANY") && args.keyword("ALL");
        let tags = owned(&args.until(&ends, "tag")?)?;
        let not = if args.keyword("NOT") { owned(&args.until(&ends, "tag")?)? } else { vec![] };
        Ok(Self { wanted: TagExpression { all, tags, not }, page: page(args)? })
    }

    /// The keys, all or a page.
    ///
    /// # Errors
    /// A cursor that no reply gave.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        server.state(|state| {
            let nothing = crate::domain::database::Database::default();
            let database = state.database(db).unwrap_or(&nothing);
            let names = |ids: Vec<KeyId>| {
                let live = ids.iter().filter(|id| database.is_live(**id));
                Reply::bulks(live.map(|id| database.keys.name(*id)))
            };
            let Some((cursor, count)) = self.page else {
                return Ok(names(database.select(&self.wanted)));
            };
            let Page { next, items } = tag_cursor::keys(database, &self.wanted, cursor, count)
                .ok_or_else(|| Error::BadCursor { found: cursor.to_string().into_bytes() })?;
            Ok(Reply::Array(vec![Reply::bulk(next.to_string()), names(items)]))
        })
    }
}

/// # Format
/// `TAG.LIST [MATCH glob] [CURSOR cursor] [COUNT n]`
#[derive(Debug)]
pub struct ListTags {
    glob: Option<Glob>,
    page: Option<(u64, u64)>,
}

impl ListTags {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad glob, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        let glob =
            if args.keyword("MATCH") { Some(Glob::parse(args.next("glob")?)?) } else { None };
        Ok(Self { glob, page: page(args)? })
    }

    /// The names of tags that have keys: all of them sorted, or a page in no order.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let db = server.redis().db();
        Ok(server.state(|state| {
            let nothing = crate::domain::database::Database::default();
            let database = state.database(db).unwrap_or(&nothing);
            let tags = &database.tags;
            let wanted = |name: &[u8]| {
                self.glob.as_ref().is_none_or(|glob| glob.matches(name))
                    && database.is_tag_live(name)
            };
            match self.page {
                None => {
                    let mut names: Vec<&[u8]> = tags
                        .slots_from(0)
                        .map(|(_, name, _)| name)
                        .filter(|name| wanted(name))
                        .collect();
                    names.sort_unstable();
                    Reply::bulks(names.into_iter())
                }
                Some((cursor, count)) => {
                    let Page { next, items } = tag_cursor::names(tags, wanted, cursor, count);
                    Reply::Array(vec![
                        Reply::bulk(next.to_string()),
                        Reply::bulks(items.into_iter()),
                    ])
                }
            }
        }))
    }
}

/// `[CURSOR cursor] [COUNT n]`, in either order, and the end. A COUNT alone starts at 0.
fn page(args: &mut Args) -> Result<Option<(u64, u64)>> {
    let (mut cursor, mut count) = (None, None);
    while !args.is_done() {
        if args.keyword("CURSOR") {
            cursor = Some(args.number("cursor")?);
        } else if args.keyword("COUNT") {
            count = Some(args.number("count")?.max(1));
        } else {
            args.finish()?;
        }
    }
    let asked = cursor.is_some() || count.is_some();
    Ok(asked.then(|| (cursor.unwrap_or(0), count.unwrap_or(PAGE_DEFAULT))))
}
