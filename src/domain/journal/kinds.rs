//! Kinds of runs that are written once: those of events that one rule takes by their whole name,
//! which most are. Their entries say where the kind is.

use crate::domain::request::{Origin, PlanRule};

/// Kinds that are known at a time, by the remainder of their rule's number: some 80 KB. Of rules that
/// share one, those have to write their kind into each entry that come later.
pub const PLACES: usize = 1024;

/// A kind that entries refer to.
#[derive(Debug)]
struct Known {
    /// That of the rule (see `Rule::number`).
    number: u64,
    /// See `Run::kind`.
    kind: Box<[u8]>,
    /// The last block with an entry that refers to it.
    last_block: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Kinds {
    /// Empty before the first.
    places: Vec<Option<Known>>,
}

impl Kinds {
    /// Where the kind of runs of a number is, whose next entry comes into `block`; the blocks
    /// before `first` went. None: the entry has to hold it. `kind` writes it.
    #[inline]
    pub fn place(
        &mut self,
        number: u64,
        kind: impl FnOnce(&mut Vec<u8>),
        first: usize,
        block: usize,
    ) -> Option<usize> {
        let at = place_of(number);
        match self.places.get_mut(at) {
            Some(Some(known)) if known.number == number => {
                known.last_block = block;
                Some(at)
            }
            Some(Some(known)) if known.last_block >= first => None,
            _ => Some(self.enter(at, number, kind, block)),
        }
    }

    #[cold]
    fn enter(
        &mut self,
        at: usize,
        number: u64,
        write: impl FnOnce(&mut Vec<u8>),
        last_block: usize,
    ) -> usize {
        let mut kind = vec![];
        write(&mut kind);
        let known = Known { number, kind: kind.into(), last_block };
        self.places.resize_with(PLACES, || None);
        if let Some(slot) = self.places.get_mut(at) {
            *slot = Some(known);
        }
        at
    }

    /// The kind at a place, and the number of its rule.
    pub fn get(&self, at: usize) -> Option<(&[u8], u64)> {
        self.places.get(at)?.as_ref().map(|known| (&*known.kind, known.number))
    }

    /// The kind of a number that entries refer to.
    pub fn of_number(&self, number: u64) -> Option<&[u8]> {
        self.get(place_of(number)).map(|(kind, _)| kind)
    }

    /// The blocks are numbered anew, up to this one; entries that refer to any kind may be in it.
    pub fn renumber(&mut self, last: usize) {
        self.places.iter_mut().flatten().for_each(|known| known.last_block = last);
    }
}

/// The place of a kind, by the number of its rule.
pub fn place_of(number: u64) -> usize {
    number as usize % PLACES
}

/// The number that says which kind a run is of, when it is to be counted later.
#[inline]
pub(super) fn number(rules: &[PlanRule], origin: &Origin) -> Option<u64> {
    let ([rule], [event]) = (rules, origin.events()) else { return None };
    rule.number.filter(|_| event.entity.is_none())
}
