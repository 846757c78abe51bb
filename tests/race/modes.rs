//! The ways to say that keys are stale, and what each mode of the hunt uses.

use std::time::Duration;

use super::support::world::Dice;

/// Few keys, so that clients meet: `hot:g0:m0` to `hot:g1:m2`.
const GROUPS: usize = 2;
const MEMBERS: usize = 3;
pub const KEYS: usize = GROUPS * MEMBERS;

/// The rules that the events of [`Way::Event`] meet, with placeholders and without.
pub const RULES: [&str; 4] = [
    "named ON named KEYS 1 hot:g{g}:m{m}",
    "matched ON matched PATTERNS 1 ^hot:g{g}:m.$",
    "standing ON standing PATTERNS 1 ^hot:.*:m0$",
    "tagged ON tagged TAGS 1 g:{g}",
];

/// How long a key that was purged with `SOFT` may still be read, in milliseconds.
const GRACE_MS: u64 = 4;

/// What is hunted, and how.
pub struct Mode {
    pub name: &'static str,
    pub ways: &'static [Way],
    pub option: Softness,
    /// With `GET` and `SET` in place of `FETCH` and `FILL`.
    pub plain: bool,
}

/// What an invalidation promises to a plain `GET`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Softness {
    /// The keys are gone.
    Hard,
    /// They are gone when the grace time is over.
    Soft,
    /// They are gone some time.
    Async,
}

#[derive(Clone, Copy)]
pub enum Way {
    Name,
    Deletion,
    Tag,
    Pattern,
    Event,
}

const EVERY: &[Way] = &[Way::Name, Way::Tag, Way::Pattern, Way::Event];

pub const NAME: Mode = hard("by name", &[Way::Name, Way::Deletion]);
pub const TAG: Mode = hard("by tag", &[Way::Tag]);
pub const PATTERN: Mode = hard("by pattern", &[Way::Pattern]);
pub const EVENT: Mode = hard("by event", &[Way::Event]);
pub const SOFT: Mode = Mode { option: Softness::Soft, ..hard("soft", EVERY) };
pub const ASYNC: Mode = Mode { option: Softness::Async, ..hard("async", EVERY) };
/// What everybody does without the module: the hunt must see its stale reads.
pub const PLAIN: Mode = Mode { plain: true, ..hard("GET and SET", &[Way::Name, Way::Deletion]) };
pub const ALL: [Mode; 7] = [NAME, TAG, PATTERN, EVENT, SOFT, ASYNC, PLAIN];

const fn hard(name: &'static str, ways: &'static [Way]) -> Mode {
    Mode { name, ways, option: Softness::Hard, plain: false }
}

pub fn key_name(key: usize) -> String {
    format!("hot:g{}:m{}", key / MEMBERS, key % MEMBERS)
}

/// What a fill says of a key.
pub fn tags_of(key: usize) -> String {
    format!("TAGS 3 all g:{} m:{}", key / MEMBERS, key % MEMBERS)
}

impl Mode {
    /// How long after the acknowledgement a plain `GET` may find an older value.
    pub fn grace(&self) -> Option<Duration> {
        match self.option {
            Softness::Hard => Some(Duration::ZERO),
            // The server's clock has ticks of a millisecond, and may round either way.
            Softness::Soft => Some(Duration::from_millis(GRACE_MS + 2)),
            Softness::Async => None,
        }
    }

    /// Draws an invalidation: its line, and the keys that it names.
    pub fn draw(&self, dice: &mut Dice) -> (String, Vec<usize>) {
        let way = self.ways[pick(dice, self.ways.len())];
        let (line, keys) = way.draw(dice);
        let is_hard = dice.roll(5) == 0;
        match self.option {
            Softness::Soft if !is_hard => (format!("{line} SOFT {GRACE_MS}"), keys),
            Softness::Async if !is_hard => (format!("{line} ASYNC"), keys),
            _ => (line, keys),
        }
    }

    /// A line that makes the next invalidation last, where it goes on after its reply.
    pub fn ballast(&self, dice: &mut Dice) -> Option<String> {
        let rare = self.option == Softness::Async && dice.roll(4) == 0;
        let group = pick(dice, GROUPS);
        rare.then(|| format!("EVAL {SCRIPT} 0 hot:g{group}:b g:{group}"))
    }
}

/// Keys that invalidations of a group take along. One word: the wire splits by spaces.
const SCRIPT: &str = "for\ti=1,30\tdo\tlocal\tk=ARGV[1]..i\t\
    redis.call('SET',k,i)\tredis.call('TAG.SET',k,ARGV[2],'all')\tend";

fn pick(dice: &mut Dice, below: usize) -> usize {
    dice.roll(below as u64) as usize
}

impl Way {
    fn draw(self, dice: &mut Dice) -> (String, Vec<usize>) {
        let (g, m) = (pick(dice, GROUPS), pick(dice, MEMBERS));
        let keys = |names: &dyn Fn(usize, usize) -> bool| {
            (0..KEYS).filter(|key| names(key / MEMBERS, key % MEMBERS)).collect::<Vec<_>>()
        };
        let (group, member) = (|of, _| of == g, |_, of| of == m);
        let one = keys(&|of_g, of_m| (of_g, of_m) == (g, m));
        let key = key_name(one[0]);
        let kind = dice.roll(4);
        match (self, kind) {
            (Self::Name, _) => (format!("INVAL.PURGE KEYS 1 {key}"), one),
            (Self::Deletion, 0..2) => (format!("DEL {key}"), one),
            (Self::Deletion, _) => (format!("UNLINK other {key}"), one),
            (Self::Tag, 0) => (format!("INVAL.PURGE TAGS 1 g:{g}"), keys(&group)),
            (Self::Tag, 1) => ("INVAL.PURGE TAGS 1 all".to_owned(), keys(&|_, _| true)),
            (Self::Tag, 2) => (format!("INVAL.PURGE TAGS ALL 2 g:{g} m:{m}"), one),
            (Self::Tag, _) => {
                let line = format!("INVAL.PURGE TAGS ANY 2 m:0 m:{m} NOT 1 g:{g}");
                (line, keys(&|of_g, of_m| of_g != g && (of_m == 0 || of_m == m)))
            }
            (Self::Pattern, 0) => (format!("INVAL.PURGE GLOB hot:*:m{m}"), keys(&member)),
            (Self::Pattern, 1) => (format!("INVAL.PURGE PREFIX hot:g{g}:"), keys(&group)),
            (Self::Pattern, 2) => ("INVAL.PURGE PREFIX h".to_owned(), keys(&|_, _| true)),
            (Self::Pattern, _) => (format!("INVAL.PURGE REGEX ^hot:g{g}:m[0-9]$"), keys(&group)),
            (Self::Event, 0) => (format!("INVAL.EVENT named {{\"g\":{g},\"m\":{m}}}"), one),
            (Self::Event, 1) => (format!("INVAL.EVENT matched {{\"g\":{g}}}"), keys(&group)),
            (Self::Event, 2) => ("INVAL.EVENT standing".to_owned(), keys(&|_, of| of == 0)),
            (Self::Event, _) => (format!("INVAL.EVENT tagged {{\"g\":{g}}}"), keys(&group)),
        }
    }
}
