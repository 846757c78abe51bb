//! The mappings by name.

use std::collections::{BTreeMap, HashSet};

use super::document::{self, DEFINITION_MAX_BYTES, Kind};
use super::error::{Error, Result};
use super::mapping::{Mapped, Mapping};
use super::mapping_document::to_json;
use super::payload::Payload;

/// Most mappings a server keeps: one for each kind of payload that applications send.
pub const MAPPINGS_MAX: usize = 100;

/// Most bytes of all mappings as JSON: a quarter of what a document may have. Beside those set by
/// command there may be as many from files, at each start with other files.
pub const MAPPINGS_MAX_BYTES: usize = DEFINITION_MAX_BYTES;

/// Most memory, in bytes, of all regexes of the mappings when compiled. One takes a few thousand.
pub const MAPPINGS_MAX_COMPILED_BYTES: usize = 16 << 20;

/// The table; iteration is by name.
#[derive(Debug, Default)]
pub struct MappingTable {
    /// Each with what it takes as JSON.
    mappings: BTreeMap<String, (Mapping, usize)>,
}

impl MappingTable {
    /// Whether there is room for these mappings, each in the place of the one with its name.
    ///
    /// # Errors
    /// They would be too many, or too large together.
    pub fn check_room<'a>(&self, mappings: impl IntoIterator<Item = &'a Mapping>) -> Result<()> {
        let mut replaced = HashSet::new();
        let (mut count, mut bytes, mut compiled) = (0, 0, 0);
        let mut add = |mapping: &Mapping, length: usize| {
            count += 1;
            bytes += length;
            compiled += mapping.compiled_bytes();
        };
        for mapping in mappings {
            replaced.insert(mapping.name());
            add(mapping, size(mapping));
        }
        let stays = |name: &&String| !replaced.contains(name);
        for name in self.mappings.keys().filter(stays) {
            self.mappings.get(name).into_iter().for_each(|(mapping, length)| add(mapping, *length));
        }
        if count > MAPPINGS_MAX {
            let what = Kind::Mapping.many();
            return Err(Error::TooMany { what, count, limit: MAPPINGS_MAX });
        }
        for (what, bytes, limit) in [
            ("as JSON", bytes, MAPPINGS_MAX_BYTES),
            ("when compiled", compiled, MAPPINGS_MAX_COMPILED_BYTES),
        ] {
            if bytes > limit {
                return Err(Error::MappingsTooLarge { what, limit });
            }
        }
        Ok(())
    }

    /// Adds the mapping, or puts it in the place of the one with its name.
    pub fn set(&mut self, mapping: Mapping) {
        let bytes = size(&mapping);
        self.mappings.insert(mapping.name().clone(), (mapping, bytes));
    }

    /// Puts these mappings in the place of all.
    pub fn replace(&mut self, mappings: Vec<Mapping>) {
        self.mappings.clear();
        mappings.into_iter().for_each(|mapping| self.set(mapping));
    }

    /// Takes the mapping out; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.mappings.remove(name).is_some()
    }

    /// The mapping of that name.
    pub fn get(&self, name: &str) -> Option<&Mapping> {
        self.mappings.get(name).map(|(mapping, _)| mapping)
    }

    /// The events that one mapping, or all of them, make of a payload; equal ones once.
    ///
    /// # Errors
    /// No mapping of that name, or one refuses the payload.
    pub fn map(&self, payload: &Payload, name: Option<&str>) -> Result<Vec<Mapped>> {
        if let Some(name) = name {
            let missing = || Error::NoSuchMapping { mapping: name.to_owned() };
            return self.get(name).ok_or_else(missing)?.map(payload);
        }
        let mut all: Vec<Mapped> = vec![];
        for mapping in self.iter() {
            for mapped in mapping.map(payload)? {
                if !all.contains(&mapped) {
                    all.push(mapped);
                }
            }
        }
        Ok(all)
    }

    /// How many mappings there are.
    pub fn len(&self) -> usize {
        self.mappings.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// All mappings, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.values().map(|(mapping, _)| mapping)
    }

    /// All mappings in parts, at least one, each small enough for a document: what a server has
    /// saved it must read.
    pub fn parts(&self) -> Vec<Vec<&Mapping>> {
        document::parts(self.mappings.values().map(|(mapping, bytes)| (mapping, *bytes)))
    }
}

fn size(mapping: &Mapping) -> usize {
    to_json(std::iter::once(mapping)).len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mapping_document::parse_one;

    fn mapping(name: &str, more: &str) -> Mapping {
        parse_one(format!(r#"{{"events":[{{"event":"e"{more}}}]}}"#).as_bytes(), name).unwrap()
    }

    #[test]
    fn mappings_are_kept_by_name_within_bounds() {
        let mut table = MappingTable::default();
        for name in ["b", "a", "c"] {
            table.set(mapping(name, ""));
        }
        table.set(mapping("b", r#","when":"x = 1""#));
        let names: Vec<&str> = table.iter().map(|mapping| mapping.name().as_str()).collect();
        assert_eq!((names, table.len()), (vec!["a", "b", "c"], 3));
        assert!(table.get("b").unwrap().document().events[0]["when"] == "x = 1");
        assert!(table.remove("b") && !table.remove("b") && table.get("b").is_none());

        let many: Vec<Mapping> =
            (0..MAPPINGS_MAX - 1).map(|at| mapping(&format!("m{at}"), "")).collect();
        let told = table.check_room(&many).unwrap_err().to_string();
        assert_eq!(told, "101 mappings are more than the limit of 100; split them up");
        assert_eq!(table.check_room(many.iter().skip(1).chain([&mapping("a", "")])), Ok(()));

        let long =
            mapping("l", &format!(r#","fields":{{"f":{{"value":"{}"}}}}"#, "x".repeat(600_000)));
        assert_eq!(table.check_room([&long]), Ok(()));
        table.set(long.clone());
        assert_eq!(table.check_room([&long]), Ok(()), "in its own place");
        let other =
            parse_one(to_json([&long].into_iter()).replace("\"l\"", "\"k\"").as_bytes(), "k");
        assert!(other.is_err(), "a document of many is not one");
        let mut other = long.clone();
        other.document.name = "k".to_owned();
        let told = table.check_room([&other]).unwrap_err().to_string();
        assert_eq!(
            told,
            "the mappings are larger than 1048576 bytes as JSON; use fewer, or shorter ones"
        );
        table.replace(vec![mapping("z", "")]);
        assert_eq!((table.len(), table.is_empty(), table.parts().len()), (1, false, 1));
    }
}
