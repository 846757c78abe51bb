//! A ring of entries in one row of bytes; the oldest go when the newest would be too many.

use std::collections::VecDeque;

/// See the module.
#[derive(Debug, Default)]
pub struct Tape {
    bytes: VecDeque<u8>,
    /// Length and weight of each entry, the oldest first.
    entries: VecDeque<(usize, u64)>,
    weight: u64,
}

impl Tape {
    /// Appends an entry, in pieces; the oldest go until all weigh no more than `most`.
    pub fn push(&mut self, pieces: &[&[u8]], weight: u64, most: u64) {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        pieces.iter().for_each(|piece| self.bytes.extend(*piece));
        self.entries.push_back((len, weight));
        self.weight += weight;
        self.trim(most);
    }

    /// The oldest go until all weigh no more than `most`.
    pub fn trim(&mut self, most: u64) {
        while self.weight > most
            && let Some((len, weight)) = self.entries.pop_front()
        {
            self.bytes.drain(..len);
            self.weight -= weight;
        }
        if self.entries.is_empty() {
            // Nothing is kept: nor is the room.
            *self = Self::default();
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What they weigh together.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// The entries, the newest first.
    pub fn newest_first(&mut self) -> impl Iterator<Item = &[u8]> {
        let bytes: &[u8] = self.bytes.make_contiguous();
        let mut end = bytes.len();
        self.entries.iter().rev().filter_map(move |(len, _)| {
            let entry = bytes.get(end - len..end);
            end -= len;
            entry
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_ones_are_kept_as_a_list_would(
            entries in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), 1u64..9), 0..60),
            most in 0u64..40,
        ) {
            let mut tape = Tape::default();
            let mut list: VecDeque<(Vec<u8>, u64)> = VecDeque::new();
            for (entry, weight) in entries {
                let (first, second) = entry.split_at(entry.len() / 2);
                tape.push(&[first, second], weight, most);
                list.push_back((entry, weight));
                while list.iter().map(|(_, weight)| weight).sum::<u64>() > most {
                    list.pop_front();
                }
                let found: Vec<Vec<u8>> = tape.newest_first().map(<[u8]>::to_vec).collect();
                let expected: Vec<Vec<u8>> = list.iter().rev().map(|(e, _)| e.clone()).collect();
                prop_assert_eq!(found, expected);
                prop_assert_eq!(tape.len(), list.len());
            }
        }
    }
}
