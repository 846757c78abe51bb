//! What one client knows of the keys, tags and rules that are its own, to compare with what a
//! server has after it was killed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, texts};

/// A stream of numbers from a seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The keys with their tags, and the rules with whether they are on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    pub keys: BTreeMap<String, BTreeSet<String>>,
    pub rules: BTreeMap<String, bool>,
}

impl World {
    /// Draws an operation of client `of`: its line, and the world after it.
    pub fn draw(&self, of: usize, dice: &mut Dice) -> (String, Self) {
        let key = format!("c{of}:k{}", dice.roll(12));
        let other = format!("c{of}:k{}", dice.roll(12));
        let tag = format!("c{of}:t{}", dice.roll(4));
        let rule = format!("c{of}:r{}", dice.roll(3));
        let mut after = self.clone();
        let live = self.keys.contains_key(&key);
        let line = match dice.roll(14) {
            0..4 => {
                after.keys.entry(key.clone()).or_default();
                format!("SET {key} v")
            }
            4 | 5 if live => {
                after.keys.insert(key.clone(), [tag.clone()].into());
                format!("TAG.SET {key} {tag}")
            }
            6 if live => {
                after.keys.entry(key.clone()).or_default().insert(tag.clone());
                format!("TAG.ADD {key} {tag}")
            }
            7 => {
                after.keys.entry(key.clone()).and_modify(|tags| tags.retain(|other| *other != tag));
                format!("TAG.REM {key} {tag}")
            }
            8 if live => {
                let tags = after.keys.remove(&key).unwrap();
                after.keys.insert(other.clone(), tags);
                format!("RENAME {key} {other}")
            }
            9 if live && key != other => {
                after.keys.insert(other.clone(), self.keys[&key].clone());
                format!("COPY {key} {other} REPLACE")
            }
            10 => {
                after.rules.insert(rule.clone(), true);
                format!("INVAL.RULE SET {rule} '{{\"eventType\":\"{rule}\",\"tags\":[\"{tag}\"]}}'")
            }
            11 if self.rules.contains_key(&rule) => {
                after.rules.insert(rule.clone(), false);
                format!("INVAL.RULE DISABLE {rule}")
            }
            12 => {
                after.rules.remove(&rule);
                format!("INVAL.RULE DEL {rule}")
            }
            13 => {
                after.keys.retain(|name, tags| *name != key && !tags.contains(&tag));
                // A rule that stands for all clients, made before the first.
                format!("INVAL.EVENT stale '{{\"key\":\"{key}\",\"tag\":\"{tag}\"}}'")
            }
            _ => {
                after.keys.retain(|_, tags| !tags.contains(&tag));
                format!("INVAL.PURGE TAGS 1 {tag}")
            }
        };
        (line, after)
    }

    /// What the server has of client `of`.
    pub fn read(client: &mut Client, of: usize) -> Self {
        let mut world = Self::default();
        for key in client.sorted(&format!("KEYS c{of}:*")) {
            let tags = texts(&client.run(&format!("TAG.GET {key}")));
            world.keys.insert(key, tags.into_iter().collect());
        }
        for rule in (0..3).map(|at| format!("c{of}:r{at}")) {
            let document = client.run(&format!("INVAL.RULE GET {rule}"));
            if document != redis::Value::Nil {
                world.rules.insert(rule, super::int(&document, "enabled") == 1);
            }
        }
        world
    }
}
