//! The first of many globs that takes a name, found among the few that begin as the name does.
//!
//! An automaton reads the whole name, whatever the globs are. Where they are told apart by how
//! they begin, as `user:*` and `session:*` are, eight bytes are enough: a tenth of the time.

use super::glob::Glob;

/// Globs that are looked at for one name. Where more begin alike, an automaton is cheaper.
const CANDIDATES_MAX: usize = 16;

/// Bytes that are compared at once.
const HEAD: usize = size_of::<u64>();

/// Globs in an order, by the first byte of the names that they may take.
#[derive(Debug, Default)]
pub(super) struct FirstGlob(Vec<Option<Vec<Candidate>>>);

#[derive(Clone, Debug)]
struct Candidate {
    /// Which bits of a name's head are literal, and what they are.
    mask: u64,
    bits: u64,
    /// How many bytes that is.
    len: usize,
    /// Whether a name that begins so is taken, whatever follows.
    is_all: bool,
    /// Its place in the order.
    at: usize,
}

impl FirstGlob {
    pub(super) fn new<'g>(globs: impl Iterator<Item = &'g Glob>) -> Self {
        let mut by_byte = vec![Some(vec![]); 1 << u8::BITS];
        for (at, glob) in globs.enumerate() {
            let candidate = Candidate::new(at, glob);
            let first = glob.literal_prefix().first().copied();
            let range = match first.map(usize::from) {
                Some(byte) => byte..byte + 1,
                None => 0..by_byte.len(),
            };
            for slot in by_byte.get_mut(range).unwrap_or_default() {
                match slot {
                    Some(list) if list.len() < CANDIDATES_MAX => list.push(candidate.clone()),
                    _ => *slot = None,
                }
            }
        }
        Self(by_byte)
    }

    /// The place of the first glob that takes the name, or that none does; `None` where too many
    /// globs begin as the name does. `glob` gives the glob at a place.
    #[inline]
    pub(super) fn of<'g>(
        &self,
        name: &[u8],
        glob: impl Fn(usize) -> Option<&'g Glob>,
    ) -> Option<Option<usize>> {
        let list = self.0.get(usize::from(*name.first()?))?.as_ref()?;
        let head = head(name);
        let takes = |candidate: &&Candidate| {
            head & candidate.mask == candidate.bits
                && name.len() >= candidate.len
                && (candidate.is_all || glob(candidate.at).is_some_and(|g| g.matches(name)))
        };
        Some(list.iter().find(takes).map(|candidate| candidate.at))
    }
}

impl Candidate {
    fn new(at: usize, glob: &Glob) -> Self {
        let prefix = glob.literal_prefix();
        let len = prefix.len().min(HEAD);
        let unused = u64::BITS as usize - 8 * len;
        let mask = u64::MAX.checked_shr(u32::try_from(unused).unwrap_or(0)).unwrap_or(0);
        let is_all = glob.is_prefix() && prefix.len() <= HEAD;
        Self { mask, bits: head(prefix) & mask, len, is_all, at }
    }
}

/// The first bytes, the very first in the lowest bits; zeros where there are fewer.
#[inline]
fn head(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(head) => u64::from_le_bytes(*head),
        None => bytes.iter().rev().fold(0, |head, byte| head << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn globs(sources: &[String]) -> Vec<Glob> {
        sources.iter().map(|source| Glob::parse(source.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn where_too_many_begin_alike_it_says_so() {
        let same: Vec<String> = (0..=CANDIDATES_MAX).map(|at| format!("a{at}*")).collect();
        let globs = globs(&same);
        let few = FirstGlob::new(globs.iter().take(CANDIDATES_MAX));
        assert_eq!(few.of(b"a15", |at| globs.get(at)), Some(Some(1)));
        assert_eq!(few.of(b"a9", |at| globs.get(at)), Some(Some(9)));
        let many = FirstGlob::new(globs.iter());
        assert_eq!(many.of(b"a9", |at| globs.get(at)), None);
        assert_eq!(many.of(b"b", |at| globs.get(at)), Some(None));
        assert_eq!(many.of(b"", |at| globs.get(at)), None);
    }

    proptest! {
        #[test]
        fn it_is_the_first_in_the_order(
            sources in prop::collection::vec("[ab\0]{0,10}[*?a]{0,2}[ab]{0,2}\\*?", 0..12),
            names in prop::collection::vec("[ab\0]{1,14}", 1..20),
        ) {
            let globs = globs(&sources);
            let first = FirstGlob::new(globs.iter());
            for name in &names {
                let naive = globs.iter().position(|glob| glob.matches(name.as_bytes()));
                prop_assert_eq!(first.of(name.as_bytes(), |at| globs.get(at)), Some(naive));
            }
        }
    }
}
