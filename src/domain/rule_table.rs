//! The rules by name, and the rules of an event in order of work.
//!
//! Always true: `by_event` lists exactly the rules with an exact event name, `by_glob` the
//! others; both hold names that `rules` holds.

use std::collections::{BTreeMap, HashMap};

use super::circles;
use super::document::{DEFINITION_MAX_BYTES, Kind};
use super::emit::EMITTERS_MAX;
use super::error::{Error, Result};
use super::payload::Payload;
use super::rule::Rule;
use super::rule_document;

/// Most rules a server keeps: an event looks at every rule with an event glob.
pub const RULES_MAX: usize = 10_000;

/// Most memory, in bytes, of all patterns of the rules when compiled. The seeds' rules take 5
/// thousand; one rule may hold a thousand regexes of a million bytes each.
pub const RULES_MAX_COMPILED_BYTES: usize = 64 << 20;

/// How many rules a domain has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DomainSize {
    /// All of them.
    pub rules: u64,
    /// Those that take part.
    pub enabled: u64,
}

/// The rule table; iteration is by name.
#[derive(Clone, Debug, Default)]
pub struct RuleTable {
    rules: BTreeMap<String, Rule>,
    by_event: HashMap<String, Vec<String>>,
    by_glob: Vec<String>,
    /// Those that have rules; the empty name is that of rules without one.
    domains: BTreeMap<String, DomainSize>,
    /// What the patterns of all rules take when compiled.
    compiled_bytes: usize,
    /// Rules that collect events.
    batched: usize,
    /// How many rules were ever set.
    set: u64,
    /// Whether nothing changed since [`RuleTable::take_changed`].
    is_settled: bool,
}

impl RuleTable {
    /// Whether there is room for these rules, each in the place of the one with its name.
    ///
    /// # Errors
    /// One is too large, or they would be too many, or too large together, or their events would
    /// follow from each other in a circle.
    pub fn check_room<'a>(&self, rules: impl IntoIterator<Item = &'a Rule> + Clone) -> Result<()> {
        self.check_emits(rules.clone())?;
        let (mut count, mut bytes) = (self.rules.len(), self.compiled_bytes);
        for rule in rules {
            let length = rule_document::length(rule);
            if length > DEFINITION_MAX_BYTES {
                return Err(Error::DocumentTooLarge {
                    kind: Kind::Rule,
                    bytes: length,
                    limit: DEFINITION_MAX_BYTES,
                });
            }
            match self.rules.get(&rule.name) {
                Some(old) => bytes -= old.compiled_bytes(),
                None => count += 1,
            }
            bytes += rule.compiled_bytes();
        }
        if count > RULES_MAX {
            return Err(Error::TooMany { what: "rules", count, limit: RULES_MAX });
        }
        match bytes > RULES_MAX_COMPILED_BYTES {
            true => Err(Error::RulesTooLarge { limit: RULES_MAX_COMPILED_BYTES }),
            false => Ok(()),
        }
    }

    fn check_emits<'a>(&self, rules: impl IntoIterator<Item = &'a Rule>) -> Result<()> {
        let new: HashMap<&str, &Rule> =
            rules.into_iter().map(|rule| (rule.name.as_str(), rule)).collect();
        // A circle that was not there leads through one of them.
        if new.values().all(|rule| rule.emits.is_empty()) {
            return Ok(());
        }
        let kept = self.rules.values().filter(|rule| !new.contains_key(rule.name.as_str()));
        let emits = |rule: &&Rule| !rule.emits.is_empty();
        let mut all: Vec<&Rule> = kept.chain(new.values().copied()).filter(emits).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        if all.len() > EMITTERS_MAX {
            let (what, count) = ("rules with \"emit\"", all.len());
            return Err(Error::TooMany { what, count, limit: EMITTERS_MAX });
        }
        circles::find(&all).map_or(Ok(()), |rules| Err(Error::EmitCircle { rules }))
    }

    /// Adds the rule, or puts it in the place of the one with its name.
    pub(super) fn set(&mut self, mut rule: Rule) {
        self.remove(&rule.name.clone());
        self.set += 1;
        rule.number = self.set;
        self.is_settled = false;
        match rule.event.as_exact() {
            Some(event) => {
                self.by_event.entry(event.to_owned()).or_default().push(rule.name.clone())
            }
            None => self.by_glob.push(rule.name.clone()),
        }
        self.compiled_bytes += rule.compiled_bytes();
        self.batched += usize::from(rule.batch.is_some());
        let domain = self.domains.entry(rule.domain.clone()).or_default();
        domain.rules += 1;
        domain.enabled += u64::from(rule.enabled);
        self.rules.insert(rule.name.clone(), rule);
    }

    /// Takes the rule out.
    pub(super) fn remove(&mut self, name: &str) -> Option<Rule> {
        let rule = self.rules.remove(name)?;
        self.is_settled = false;
        self.compiled_bytes -= rule.compiled_bytes();
        self.batched -= usize::from(rule.batch.is_some());
        if let Some(domain) = self.domains.get_mut(&rule.domain) {
            domain.rules -= 1;
            domain.enabled -= u64::from(rule.enabled);
            if domain.rules == 0 {
                self.domains.remove(&rule.domain);
            }
        }
        if let Some(event) = rule.event.as_exact() {
            if let Some(names) = self.by_event.get_mut(event) {
                names.retain(|other| other != name);
                if names.is_empty() {
                    self.by_event.remove(event);
                }
            }
        } else {
            self.by_glob.retain(|other| other != name);
        }
        Some(rule)
    }

    /// Takes all rules out.
    pub(super) fn clear(&mut self) {
        *self = Self { set: self.set, ..Self::default() };
    }

    /// The rule of that name.
    pub fn get(&self, name: &str) -> Option<&Rule> {
        self.rules.get(name)
    }

    /// Switches a rule on or off; `None` when there is none of that name.
    pub fn set_enabled(&mut self, name: &str, enabled: bool) -> Option<bool> {
        let rule = self.rules.get_mut(name)?;
        self.is_settled = false;
        let was_enabled = std::mem::replace(&mut rule.enabled, enabled);
        if let Some(domain) = self.domains.get_mut(&rule.domain) {
            domain.enabled = domain.enabled + u64::from(enabled) - u64::from(was_enabled);
        }
        Some(was_enabled != enabled)
    }

    /// Whether rules changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        !std::mem::replace(&mut self.is_settled, true)
    }

    /// Whether a rule says what older modules do not read.
    pub fn say_more(&self) -> bool {
        let says = |rule: &Rule| {
            let groups = rule.batch.is_some() || !rule.emits.is_empty() || !rule.domain.is_empty();
            groups || rule.logs
        };
        self.rules.values().any(says)
    }

    /// Whether a rule collects events.
    pub fn any_batched(&self) -> bool {
        self.batched > 0
    }

    /// The domains by name, that of rules without one under an empty name.
    pub fn domains(&self) -> impl Iterator<Item = (&str, DomainSize)> {
        self.domains.iter().map(|(name, size)| (name.as_str(), *size))
    }

    /// The rules of a domain, by name.
    pub fn of_domain<'t>(&'t self, domain: &'t str) -> impl Iterator<Item = &'t Rule> {
        self.rules.values().filter(move |rule| rule.domain == domain)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// All rules, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// The rules whose event name or glob matches, whether enabled or not, in order of work:
    /// by priority, then by name.
    pub fn of_event(&self, event: &str) -> Vec<&Rule> {
        let exact = self.by_event.get(event).into_iter().flatten();
        let mut rules: Vec<&Rule> = exact
            .chain(&self.by_glob)
            .filter_map(|name| self.rules.get(name))
            .filter(|rule| rule.event.matches(event))
            .collect();
        rules.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        rules
    }

    /// The rules that take this event, in order of work.
    pub fn taking(&self, event: &str, payload: &Payload) -> Vec<&Rule> {
        let mut rules = self.of_event(event);
        rules.retain(|rule| rule.takes(event, payload));
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule_document::parse_one;

    fn rule(name: &str, event: &str, priority: &str) -> Rule {
        let json = format!(r#"{{"eventType":"{event}","tags":["t"],"priority":"{priority}"}}"#);
        parse_one(json.as_bytes(), Some(name)).unwrap()
    }

    fn names(rules: Vec<&Rule>) -> Vec<&str> {
        rules.iter().map(|rule| rule.name.as_str()).collect()
    }

    #[test]
    fn an_event_finds_its_rules_by_priority_then_name() {
        let mut table = RuleTable::default();
        for (name, event, priority) in [
            ("low", "order.created", "low"),
            ("b", "order.*", "medium"),
            ("a", "order.created", "medium"),
            ("high", "*", "high"),
            ("other", "user.created", "high"),
        ] {
            table.set(rule(name, event, priority));
        }
        assert_eq!(names(table.of_event("order.created")), ["high", "a", "b", "low"]);
        assert_eq!(names(table.of_event("order.gone")), ["high", "b"]);

        assert_eq!(table.set_enabled("a", false), Some(true));
        assert_eq!(table.set_enabled("a", false), Some(false));
        assert_eq!(table.set_enabled("nobody", false), None);
        let size = |rules, enabled| DomainSize { rules, enabled };
        assert_eq!(table.domains().collect::<Vec<_>>(), [("", size(5, 4))]);
        assert_eq!(names(table.taking("order.created", &Payload::default())), ["high", "b", "low"]);

        table.set(rule("high", "user.*", "low"));
        assert_eq!(names(table.of_event("order.gone")), ["b"]);
        assert!(table.remove("b").is_some() && table.remove("b").is_none());
        assert_eq!(names(table.of_event("order.gone")), [""; 0]);
        assert_eq!(table.len(), 4);

        let rule = |json: &[u8]| parse_one(json, Some("of")).unwrap();
        table.set(rule(br#"{"eventType":"e","tags":["t"],"domain":"d","enabled":false}"#));
        assert_eq!(table.domains().collect::<Vec<_>>(), [("", size(4, 3)), ("d", size(1, 0))]);
        table.set_enabled("of", true);
        table.set_enabled("of", true);
        assert_eq!(table.domains().last(), Some(("d", size(1, 1))));
        table.set(rule(br#"{"eventType":"e","tags":["t"]}"#));
        assert_eq!(table.domains().collect::<Vec<_>>(), [("", size(5, 4))]);
    }

    /// About 40 of the 64 MiB.
    fn large(name: &str) -> Rule {
        let regexes = vec!["\"(?:[ab]c{9}){1200}\""; 70].join(",");
        let json = format!(r#"{{"eventType":"{name}","patterns":[{regexes}]}}"#);
        parse_one(json.as_bytes(), None).unwrap()
    }

    #[test]
    fn compiled_patterns_are_bounded() {
        let (a, b, small) = (large("a"), large("b"), rule("s", "e", "low"));
        let bytes = a.compiled_bytes();
        assert!(
            bytes > RULES_MAX_COMPILED_BYTES / 2 && bytes < RULES_MAX_COMPILED_BYTES,
            "{bytes}"
        );
        let mut table = RuleTable::default();
        let too_large = Err(Error::RulesTooLarge { limit: RULES_MAX_COMPILED_BYTES });
        assert_eq!(table.check_room([&a, &b]), too_large);
        assert_eq!(table.check_room([&a]), Ok(()));
        table.set(a.clone());
        assert_eq!(table.check_room([&small, &b]), too_large);
        assert_eq!(table.check_room([&small, &a]), Ok(()));
        table.set(a);
        assert_eq!(table.compiled_bytes, bytes);
        table.remove("a");
        assert_eq!(table.check_room([&b]), Ok(()));
        assert_eq!(table.compiled_bytes, 0);
    }
}
