//! Fill tokens against a model that remembers everything.

use super::*;
use crate::domain::State;
use crate::domain::change::Change;
use proptest::prelude::*;

const TTL_MS: u64 = 10;

fn name(key: u8) -> Vec<u8> {
    format!("k:{key}").into_bytes()
}

fn tag(tag: u8) -> Vec<u8> {
    vec![b't', tag]
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8),
    /// A token that was given, by its number, for a key, with tags.
    Fill(prop::sample::Index, u8, Vec<u8>),
    Keys(Vec<u8>),
    Glob(&'static str),
    Tags(bool, Vec<u8>, Vec<u8>),
    Told(Change, u8),
    Flush,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tags = || prop::collection::vec(0..3_u8, 1..3);
    let change = prop::sample::select(vec![
        Change::Created,
        Change::Deleted,
        Change::Expired,
        Change::Overwritten,
        Change::Unlinked,
    ]);
    let step = prop_oneof![
        6 => (0..6_u8).prop_map(Step::Ask),
        6 => (any::<prop::sample::Index>(), 0..6_u8, prop::collection::vec(0..3_u8, 0..3))
            .prop_map(|(token, key, tags)| Step::Fill(token, key, tags)),
        1 => prop::collection::vec(0..6_u8, 1..3).prop_map(Step::Keys),
        1 => prop::sample::select(vec!["k:*", "k:[0-2]", "*3", "other*"]).prop_map(Step::Glob),
        2 => (any::<bool>(), tags(), prop::collection::vec(0..3_u8, 0..2))
            .prop_map(|(all, tags, not)| Step::Tags(all, tags, not)),
        1 => (change, 0..6_u8).prop_map(|(change, key)| Step::Told(change, key)),
        1 => Just(Step::Flush),
        1 => (0..TTL_MS).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..80)
}

/// Every token ever given, with all that happened since: slow, and plain.
#[derive(Default)]
struct Naive {
    given: Vec<(u8, u64, bool, Vec<Resolved>)>,
}

impl Naive {
    fn is_good(&self, at: usize, key: u8, tags: &[Vec<u8>], now: u64) -> bool {
        let Some((of, given, spoilt, since)) = self.given.get(at) else { return false };
        let names = |target: &Resolved| match target {
            Resolved::Tags(TagExpression { all, tags: wanted, not }) => {
                let found = wanted.iter().filter(|tag| tags.contains(tag)).count();
                let enough = if *all { found == wanted.len() } else { found > 0 };
                enough && !not.iter().any(|tag| tags.contains(tag))
            }
            Resolved::Pattern(pattern) => pattern.matches(&name(key)),
            Resolved::Key(other) => *other == name(key),
            Resolved::Tag(tag) => tags.contains(tag),
        };
        *of == key && !spoilt && given + TTL_MS > now && !since.iter().any(names)
    }

    /// The key's last token, if it may still be used by a fill without tags.
    fn last_of(&self, key: u8) -> Option<usize> {
        self.given.iter().rposition(|(of, ..)| *of == key)
    }

    fn spoil(&mut self, key: Option<u8>) {
        let of = self.given.iter_mut().filter(|(of, ..)| key.is_none_or(|key| *of == key));
        of.for_each(|(_, _, spoilt, _)| *spoilt = true);
    }

    fn happened(&mut self, target: &Resolved) {
        self.given.iter_mut().for_each(|(.., since)| since.push(target.clone()));
    }
}

proptest! {
    #[test]
    fn equals_a_naive_model(steps in steps()) {
        let (db, mut state, mut naive, mut now) = (Db(0), State::default(), Naive::default(), 0);
        for step in steps {
            match step {
                Step::Ask(key) => {
                    let token = Token(naive.given.len() as u64);
                    let untagged = |target: &Resolved| !matches!(target, Resolved::Tags(_));
                    let busy = naive.last_of(key).is_some_and(|at| {
                        let mut given = naive.given[at].clone();
                        // A purge of tags spoils no token by itself.
                        given.3.retain(untagged);
                        Naive { given: vec![given] }.is_good(0, key, &[], now)
                    });
                    let asked = state.tokens.ask(db, &name(key), token, now, TTL_MS);
                    prop_assert_eq!(asked == Asked::Busy, busy);
                    if !busy {
                        naive.spoil(Some(key));
                        naive.given.push((key, now, false, vec![]));
                    }
                }
                Step::Fill(index, key, tags) => {
                    let at = index.index(naive.given.len().max(1));
                    let tags: Vec<Vec<u8>> = tags.into_iter().map(tag).collect();
                    let words: Vec<&[u8]> = tags.iter().map(Vec::as_slice).collect();
                    let taken = state.tokens.take(db, &name(key), Token(at as u64), &words, now);
                    let good = naive.is_good(at, key, &tags, now);
                    prop_assert_eq!(taken.is_ok(), good, "{:?}", taken);
                    if naive.given.get(at).is_some_and(|(of, ..)| *of == key) {
                        naive.given[at].2 = true;
                    }
                    if good {
                        state.notice(Change::Created, db, &name(key));
                        state.tokens.arrived(db, &name(key));
                        naive.spoil(Some(key));
                    }
                }
                Step::Keys(keys) => {
                    let targets: Vec<_> = keys.iter().map(|key| Resolved::Key(name(*key))).collect();
                    state.tokens.invalidated(db, &targets);
                    targets.iter().for_each(|target| naive.happened(target));
                }
                Step::Glob(glob) => {
                    let target = Resolved::Pattern(Pattern::glob(glob.as_bytes()).unwrap());
                    state.tokens.invalidated(db, std::slice::from_ref(&target));
                    naive.happened(&target);
                }
                Step::Tags(all, tags, not) => {
                    let [tags, not] = [tags, not].map(|of| of.into_iter().map(tag).collect());
                    let target = Resolved::Tags(TagExpression { all, tags, not });
                    state.tokens.invalidated(db, std::slice::from_ref(&target));
                    naive.happened(&target);
                }
                Step::Told(change, key) => {
                    state.notice(change, db, &name(key));
                    if change != Change::Expired {
                        naive.spoil(Some(key));
                    }
                }
                Step::Flush => {
                    state.flushed(Some(db));
                    naive.spoil(None);
                }
                Step::Wait(ms) => now += ms,
            }
        }
    }
}

#[test]
fn a_refusal_says_why() {
    let (db, mut tokens) = (Db(0), Tokens::default());
    let mut ask = |key: &str, token| {
        assert_eq!(tokens.ask(db, key.as_bytes(), Token(token), 0, 10), Asked::Given(Token(token)));
    };
    ["a", "b", "c", "d", "e"].iter().zip(1..).for_each(|(key, token)| ask(key, token));
    assert_eq!(tokens.ask(db, b"a", Token(9), 0, 10), Asked::Busy);
    assert_eq!(tokens.ask(Db(1), b"a", Token(9), 0, 10), Asked::Given(Token(9)));
    tokens.invalidated(db, &[Resolved::Key(b"a".to_vec())]);
    tokens.void(db, b"b", Refusal::Written);
    let any = TagExpression { all: false, tags: vec![b"t".to_vec()], not: vec![] };
    tokens.invalidated(db, &[Resolved::Tags(any)]);
    let mut take = |key: &str, token, tags: &[&[u8]]| {
        tokens.take(db, key.as_bytes(), Token(token), tags, 5).map_err(|refusal| refusal.why())
    };
    assert_eq!(take("a", 1, &[]), Err("the key was invalidated since".to_owned()));
    assert_eq!(take("b", 2, &[]), Err("the key was written since".to_owned()));
    assert_eq!(take("c", 3, &[b"u", b"t"]), Err("the tag 't' was purged since".to_owned()));
    assert_eq!(take("d", 3, &[]).unwrap_err().split(':').next(), Some("no such token"));
    assert_eq!(take("d", 4, &[b"u"]), Ok(5));
    assert_eq!(take("d", 4, &[]).unwrap_err().split(':').next(), Some("no such token"));
    tokens.flushed(None);
    assert_eq!(tokens.take(db, b"e", Token(5), &[], 5), Err(Refusal::Deleted));
    assert_eq!(tokens.take(Db(1), b"a", Token(9), &[], 10), Err(Refusal::Unknown));
    assert!(tokens.is_empty());
}

#[test]
fn tokens_and_what_is_remembered_are_bounded() {
    let (db, mut tokens) = (Db(0), Tokens::default());
    for at in 0..=TOKENS_MAX as u64 {
        tokens.ask(db, &at.to_be_bytes(), Token(at), 0, 10);
    }
    assert_eq!(tokens.len(), TOKENS_MAX);
    assert_eq!(tokens.take(db, &0_u64.to_be_bytes(), Token(0), &[], 0), Err(Refusal::Unknown));
    for at in 0..=crate::domain::purged_tags::TAGS_MAX as u64 {
        let tags = vec![at.to_be_bytes().to_vec()];
        tokens.invalidated(db, &[Resolved::Tags(TagExpression { all: false, tags, not: vec![] })]);
    }
    assert_eq!(tokens.purged.len(), 0);
    assert_eq!(tokens.take(db, &1_u64.to_be_bytes(), Token(1), &[], 0), Err(Refusal::Invalidated));
    // Time passes: nothing is kept.
    assert_eq!(tokens.ask(db, b"k", Token(7), 10, 1), Asked::Given(Token(7)));
    assert_eq!(tokens.len(), 1);
}

#[test]
fn a_deletion_that_a_transaction_queued_counts_when_it_is_carried_out() {
    let mut tokens = Tokens::default();
    tokens.queue(b"a", 2);
    tokens.ask(Db(0), b"a", Token(1), 0, 10);
    tokens.ask(Db(3), b"a", Token(2), 0, 10);
    tokens.ask(Db(0), b"ab", Token(3), 0, 10);
    tokens.void_queued();
    assert_eq!(tokens.take(Db(0), b"a", Token(1), &[], 0), Err(Refusal::Deleted));
    assert_eq!(tokens.take(Db(3), b"a", Token(2), &[], 0), Err(Refusal::Deleted));
    assert_eq!(tokens.take(Db(0), b"ab", Token(3), &[], 0), Ok(0));
    tokens.queue(b"b", 2);
    tokens.queue(b"c", 2);
    tokens.ask(Db(0), b"other", Token(4), 0, 10);
    tokens.void_queued();
    assert_eq!(tokens.take(Db(0), b"other", Token(4), &[], 0), Err(Refusal::Deleted));
    tokens.forget_queued();
    tokens.ask(Db(0), b"a", Token(5), 0, 10);
    tokens.void_queued();
    assert_eq!(tokens.take(Db(0), b"a", Token(5), &[], 0), Ok(0));
}

/// One that lives for long stands before all that were given and used since.
#[test]
fn used_tokens_leave_nothing_behind() {
    let (db, mut tokens) = (Db(0), Tokens::default());
    tokens.ask(db, b"slow", Token(0), 0, 1_000_000);
    for at in 1..10_000 {
        tokens.ask(db, b"quick", Token(at), 0, 1_000_000);
        assert_eq!(tokens.take(db, b"quick", Token(at), &[], 0), Ok(0));
    }
    assert_eq!(tokens.len(), 1);
    assert!(tokens.order.len() < 2 * DEAD_MAX, "{}", tokens.order.len());
    assert_eq!(tokens.take(db, b"slow", Token(0), &[], 0), Ok(0));
}
