//! `INVAL.PURGE`: these keys are stale, without a rule.

use super::args::Args;
use super::invalidate::{Options, invalidate};
use super::reply::Reply;
use super::tags;
use crate::domain::database::TagExpression;
use crate::domain::error::{Error, Result};
use crate::domain::name::OWN_PREFIX;
use crate::domain::pattern::Pattern;
use crate::domain::request::Request;
use crate::domain::rule::Resolved;
use crate::server::Server;

/// # Format
/// `INVAL.PURGE <KEYS n key [key ...] | TAGS [ANY | ALL] n tag [tag ...] [NOT n tag [tag ...]] |
/// GLOB glob | PREFIX prefix | REGEX regex> [SOFT milliseconds | ASYNC] [DRYRUN] [LIMIT n] [KEYS]`
#[derive(Debug)]
pub struct Purge {
    targets: Vec<Resolved>,
    limit: Option<u64>,
    options: Options,
}

impl Purge {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad pattern, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        let targets = if args.keyword("KEYS") {
            args.counted("keys")?.iter().map(|key| key_target(key)).collect::<Result<_>>()?
        } else if args.keyword("TAGS") {
            vec![Resolved::Tags(tag_expression(args)?)]
        } else if args.keyword("GLOB") {
            vec![Resolved::Pattern(Pattern::glob(args.next("glob")?)?)]
        } else if args.keyword("PREFIX") {
            vec![Resolved::Pattern(Pattern::Prefix(args.next("prefix")?.into()))]
        } else if args.keyword("REGEX") {
            vec![Resolved::Pattern(Pattern::regex(args.next("regex")?)?)]
        } else {
            args.next("target")?;
            return Err(
                args.usage("the first word is not KEYS, TAGS, GLOB, PREFIX or REGEX".to_owned())
            );
        };
        let mut purge = Self { targets, limit: None, options: Options::default() };
        while !args.is_done() {
            if args.keyword("DRYRUN") {
                purge.options.dry_run = true;
            } else if args.keyword("KEYS") {
                purge.options.keys = true;
            } else if args.keyword("LIMIT") {
                purge.limit = Some(args.number("limit")?);
            } else {
                purge.options.how(args)?;
            }
        }
        if purge.options.background && purge.limit.is_some() {
            return Err(args.usage("LIMIT with ASYNC: a job takes the whole plan".to_owned()));
        }
        Ok(purge)
    }

    /// Deletes the keys.
    ///
    /// # Errors
    /// No permission, or the server refuses.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let options = self.options;
        let start = server.redis().monotonic_micros();
        invalidate(server, start, self.request(), options)
    }

    /// The targets.
    pub fn request(self) -> Request {
        Request::for_purge(self.targets, self.limit)
    }
}

fn key_target(key: &[u8]) -> Result<Resolved> {
    match key.starts_with(OWN_PREFIX) {
        true => Err(Error::OwnKey { key: key.to_vec() }),
        false => Ok(Resolved::Key(key.to_vec())),
    }
}

fn tag_expression(args: &mut Args) -> Result<TagExpression> {
    let all = !args.keyword("ANY") && args.keyword("ALL");
    let tags = tags::owned(args.counted("tags")?)?;
    let not = if args.keyword("NOT") { tags::owned(args.counted("tags")?)? } else { vec![] };
    Ok(TagExpression { all, tags, not })
}
