//! Every command: its syntax, its place in the server's books, and what runs it.

mod definitions;
mod reports;
mod sources;

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::args::Args;
use super::batch::Batch;
use super::event::Event;
use super::explain::Explain;
use super::fetch::Fetch;
use super::fill::Fill;
use super::jobs::{FollowJob, Jobs};
use super::purge::Purge;
use super::record::FollowRecord;
use super::reply::Reply;
use super::soft::Follow;
use super::tags::{CardTag, CarryTags, Edit, EditTags, GetTags, KeysOfTags, ListTags};
use crate::domain::error::Result;

pub use super::spec::{KeyUse, Spec};

/// The command that these words call, and how many of them are its name.
pub fn find(words: &[&[u8]]) -> Option<(&'static Spec, usize)> {
    let mut name = [0; NAME_MAX_BYTES];
    let word = words.first()?;
    let name = name.get_mut(..word.len())?;
    name.copy_from_slice(word);
    name.make_ascii_uppercase();
    let is = |sub: &str| words.get(1).is_some_and(|word| word.eq_ignore_ascii_case(sub.as_bytes()));
    BY_NAME.get(name)?.iter().find_map(|spec| match spec.sub {
        None => Some((*spec, 1)),
        Some(sub) => is(sub).then_some((*spec, 2)),
    })
}

/// Makes ready what [`find`] needs: its memory is taken at the start and not with the first
/// command.
pub fn prepare() {
    LazyLock::force(&BY_NAME);
}

/// The commands by the first word of their names.
static BY_NAME: LazyLock<HashMap<&'static [u8], Vec<&'static Spec>>> = LazyLock::new(|| {
    let mut by_name: HashMap<&[u8], Vec<&Spec>> = HashMap::new();
    for spec in all() {
        by_name.entry(spec.name.as_bytes()).or_default().push(spec);
    }
    by_name
});

/// No word is longer that names a command, in bytes.
const NAME_MAX_BYTES: usize = 32;

const TAG_WRITE: &str = "keyspace write fast";
const TAG_READ: &str = "keyspace read";

/// All commands.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    [
        KEYS,
        definitions::RULES,
        definitions::CLASSES,
        definitions::MAPPINGS,
        sources::SOURCES,
        reports::REPORTS,
    ]
    .into_iter()
    .flatten()
}

/// The commands on keys and tags.
static KEYS: &[Spec] = &[
    Spec {
        name: "TAG.SET",
        sub: None,
        syntax: "key tag [tag ...]",
        summary: "Makes the tags of a live key exactly these; replies with their number, 0 when there is no such key.",
        complexity: "O(T) where T is the number of tags the key has and gets.",
        flags: "write deny-oom fast",
        categories: TAG_WRITE,
        key: KeyUse::Write,
        run: |args, server| EditTags::parse(args, Edit::Set)?.run(server),
    },
    Spec {
        name: "TAG.ADD",
        sub: None,
        syntax: "key tag [tag ...]",
        summary: "Adds tags to a live key; replies with the number added.",
        complexity: "O(T) where T is the number of tags the key has and gets.",
        flags: "write deny-oom fast",
        categories: TAG_WRITE,
        key: KeyUse::Write,
        run: |args, server| EditTags::parse(args, Edit::Add)?.run(server),
    },
    Spec {
        name: "TAG.REM",
        sub: None,
        syntax: "key tag [tag ...]",
        summary: "Takes tags off a key; replies with the number taken off.",
        complexity: "O(T) where T is the number of tags the key has.",
        flags: "write fast",
        categories: TAG_WRITE,
        key: KeyUse::Write,
        run: |args, server| EditTags::parse(args, Edit::Remove)?.run(server),
    },
    Spec {
        name: "TAG.GET",
        sub: None,
        syntax: "key",
        summary: "The tags of a key, sorted.",
        complexity: "O(T log T) where T is the number of tags of the key.",
        flags: "readonly fast",
        categories: TAG_READ,
        key: KeyUse::Read,
        run: |args, server| GetTags::parse(args)?.run(server),
    },
    Spec {
        name: "TAG.KEYS",
        sub: None,
        syntax: "[ANY | ALL] tag [tag ...] [NOT tag [tag ...]] [CURSOR cursor] [COUNT n]",
        summary: "The keys that carry any or all of the tags, and none of those after NOT; in pages when CURSOR or COUNT is given.",
        complexity: "O(M) where M is the number of members looked at.",
        flags: "readonly",
        categories: TAG_READ,
        key: KeyUse::None,
        run: |args, server| KeysOfTags::parse(args)?.run(server),
    },
    Spec {
        name: "TAG.CARD",
        sub: None,
        syntax: "tag",
        summary: "How many keys carry a tag.",
        complexity: "O(1)",
        flags: "readonly fast",
        categories: TAG_READ,
        key: KeyUse::None,
        run: |args, server| CardTag::parse(args)?.run(server),
    },
    Spec {
        name: "TAG.LIST",
        sub: None,
        syntax: "[MATCH glob] [CURSOR cursor] [COUNT n]",
        summary: "The tags that have keys: all of them sorted, or in pages when CURSOR or COUNT is given.",
        complexity: "O(N log N) where N is the number of tags looked at.",
        flags: "readonly",
        categories: TAG_READ,
        key: KeyUse::None,
        run: |args, server| ListTags::parse(args)?.run(server),
    },
    Spec {
        name: "TAG._CARRY",
        sub: None,
        syntax: "key tag [tag ...]",
        summary: "For replication alone: the tags of a copy that comes next.",
        complexity: "O(T) where T is the number of tags.",
        flags: "write",
        categories: "admin dangerous write",
        key: KeyUse::Write,
        run: |args, server| CarryTags::parse(args)?.run(server),
    },
    Spec {
        name: "TAG.HELP",
        sub: None,
        syntax: "",
        summary: "This list.",
        complexity: "O(1)",
        flags: "readonly fast allow-stale",
        categories: "",
        key: KeyUse::None,
        run: |args, _| help(args, |spec| spec.name.starts_with("TAG.")),
    },
    Spec {
        name: "INVAL.EVENT",
        sub: None,
        syntax: "<type [json] | RAW json [MAP mapping]> [ID id] [SEQ number BY entity] [SOFT milliseconds | ASYNC] [DRYRUN] [KEYS]",
        summary: "Runs the rules of an event, or of what mappings make of a raw payload: the keys they name are gone when it replies, with ASYNC soon after, with SOFT when their time is over. With ID once, with SEQ never after a later one of the entity.",
        complexity: "O(M) where M is the number of keys matched and of names looked at.",
        flags: "write",
        categories: "keyspace write",
        key: KeyUse::None,
        run: |args, server| Event::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL.BATCH",
        sub: None,
        syntax: "type json [type json ...]",
        summary: "Runs the rules of many events as one plan: the keys of all are gone when it replies, and equal events count once.",
        complexity: "O(M) where M is the number of keys matched and of names looked at.",
        flags: "write",
        categories: "keyspace write",
        key: KeyUse::None,
        run: |args, server| Batch::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL.PURGE",
        sub: None,
        syntax: "<KEYS n key [key ...] | TAGS [ANY | ALL] n tag [tag ...] [NOT n tag [tag ...]] | GLOB glob | PREFIX prefix | REGEX regex> [SOFT milliseconds | ASYNC] [DRYRUN] [LIMIT n] [KEYS]",
        summary: "Deletes keys by name, tag, glob, prefix or regex; with ASYNC in slices, after the reply; with SOFT marks them as stale and lets them die.",
        complexity: "O(M) where M is the number of keys matched and of names looked at.",
        flags: "write",
        categories: "keyspace write",
        key: KeyUse::None,
        run: |args, server| Purge::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL.FETCH",
        sub: None,
        syntax: "key [CLASS class] [WAIT milliseconds]",
        summary: "Reads a string: hit and the value; stale, the value and the token to refresh it; miss and the token to fill with; or busy while another client has it. With WAIT that client's value is waited for.",
        complexity: "O(1)",
        flags: "readonly blocking",
        categories: "keyspace read blocking",
        key: KeyUse::Read,
        run: |args, server| Fetch::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL.FILL",
        sub: None,
        syntax: "key value [TOKEN token] [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds] [CLASS class] [GRACE milliseconds] [TAGS n tag [tag ...]]",
        summary: "Stores value, time to live (given, or of its class) and tags in one step; refused when the key or a tag was invalidated since the token was given.",
        complexity: "O(T) where T is the number of tags the key has and gets.",
        flags: "write deny-oom fast",
        categories: "keyspace write",
        key: KeyUse::Store,
        run: |args, server| Fill::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL.JOBS",
        sub: None,
        syntax: "[id | CANCEL id]",
        summary: "What ASYNC deletes: all jobs, or one; CANCEL stops one, and the keys that are left stay.",
        complexity: "O(N) where N is the number of jobs; CANCEL O(M) where M is the number of keys left.",
        flags: "readonly",
        categories: "keyspace write",
        key: KeyUse::None,
        run: |args, server| Jobs::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL._JOB",
        sub: None,
        syntax: "record [argument ...]",
        summary: "For replication alone: what becomes of jobs.",
        complexity: "As the command that it stands for.",
        flags: "write",
        categories: "admin dangerous write",
        key: KeyUse::None,
        run: |args, server| FollowJob::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL._RECORD",
        sub: None,
        syntax: "kind [argument ...]",
        summary: "For replication alone: what is known of events.",
        complexity: "O(N) where N is the number of arguments.",
        flags: "write",
        categories: "admin dangerous write",
        key: KeyUse::None,
        run: |args, server| FollowRecord::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL._FRESH",
        sub: None,
        syntax: "stale-from computed <KEYS | COPY> key [key ...]",
        summary: "For replication alone: until when values are fresh.",
        complexity: "O(N) where N is the number of keys.",
        flags: "write",
        categories: "admin dangerous write",
        key: KeyUse::None,
        run: |args, server| Follow::parse(args)?.run(server),
    },
    Spec {
        name: "INVAL.EXPLAIN",
        sub: None,
        syntax: "<[EVENT] type [json] | [PURGE] target [argument ...]>",
        summary: "What an event or a purge would hit, target by target; changes nothing.",
        complexity: "As the command that is explained, without the deletions.",
        flags: "readonly",
        categories: "keyspace read",
        key: KeyUse::None,
        run: |args, server| Explain::parse(args)?.run(server),
    },
];

fn help(args: &mut Args, wanted: fn(&Spec) -> bool) -> Result<Reply> {
    args.finish()?;
    let lines = all()
        .filter(|spec| wanted(spec) && !spec.is_internal())
        .flat_map(|spec| [Reply::text(spec.usage()), Reply::text(format!("    {}", spec.summary))]);
    Ok(Reply::Array(lines.collect()))
}
