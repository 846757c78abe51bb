//! What the rules of each domain came to.

use super::Stats;
use crate::domain::rule_table::{DomainSize, RuleTable};

/// The rules of a domain, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DomainSum {
    /// How many they are.
    pub size: DomainSize,
    /// Their runs.
    pub runs: u64,
    /// Keys that they deleted.
    pub deleted: u64,
    /// Keys that they marked.
    pub marked: u64,
}

impl Stats {
    /// The domains by name; rules of none are under an empty one.
    pub fn domains<'a>(&self, rules: &'a RuleTable) -> Vec<(&'a str, DomainSum)> {
        let mut by_number = vec![DomainSum::default(); self.families.end()];
        for of in self.rules.values() {
            if let Some(sum) = by_number.get_mut(of.domain as usize) {
                sum.runs += of.row.runs;
                sum.deleted += of.row.keys.deleted;
                sum.marked += of.row.keys.marked;
            }
        }
        let sum_of = |(name, size): (&'a str, DomainSize)| {
            let number = self.families.find(None, name.as_bytes());
            let sum = number.and_then(|number| by_number.get(number as usize)).copied();
            (name, DomainSum { size, ..sum.unwrap_or_default() })
        };
        rules.domains().map(sum_of).collect()
    }
}
