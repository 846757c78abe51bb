//! Rules from files, and what a load of data leaves of them.

use super::State;
use super::key_table::TOGETHER;
use super::name::Db;
use super::rule::Rule;
use super::rule_document;
use super::rule_table::RuleTable;
use super::snapshot::{self, Snapshot};
use super::travel::Travel;

impl State {
    /// Takes the rules of files in.
    pub fn set_file_rules(&mut self, rules: Vec<Rule>) {
        let digested = rules.into_iter().map(|rule| {
            let digest = snapshot::digest(&rule);
            (rule, digest)
        });
        self.file_rules = digested.collect();
        self.merge_files();
    }

    /// The data is about to be loaded: what was known of rules is forgotten, except what files
    /// say, which holds until a snapshot or a command says otherwise. From a primary comes
    /// everything, so files say nothing.
    pub fn begin_load(&mut self, from_primary: bool) {
        self.travel = Travel::default();
        self.forget_jobs();
        self.unsure.clear();
        self.loads_from_primary = from_primary;
        self.rules = RuleTable::default();
        self.files.clear();
        if !from_primary {
            self.merge_files();
        }
        // So that the keys are matched as they come.
        self.settle_rules();
    }

    /// Takes a snapshot in, after its keys. With `files_count`, a rule whose file has changed
    /// since the snapshot is taken from the file; one whose file is the same is left as it was
    /// in the snapshot: changed, switched off or deleted.
    pub fn restore(&mut self, snapshot: Snapshot, files_count: bool) {
        self.settle();
        snapshot.for_each_part(|db, part| {
            if self.memory.has_left_out() {
                part.keys.iter().for_each(|(key, _)| self.keep_on_word(db, key));
            }
            if let Some(database) = self.databases.get_mut(&db) {
                part.keys.chunks(TOGETHER).for_each(|some| database.restore(some, &part.tags));
            }
        });
        snapshot.for_each_freshness(|db, (key, fresh)| {
            if self.memory.has_left_out() {
                self.keep_on_word(db, key);
            }
            if let Some(database) = self.databases.get_mut(&db)
                && let Some(id) = database.keys.find(key)
            {
                database.fresh.set(id, Some(fresh));
            }
        });
        snapshot.for_each_job_record(|db, words| {
            // Each record was read once without an error when it came.
            let _ = self.follow(db, words, 0);
        });
        self.rules = RuleTable::default();
        snapshot.rules.into_iter().for_each(|rule| self.rules.set(rule));
        self.files = snapshot.files;
        if files_count && !self.loads_from_primary {
            self.merge_files();
        }
    }

    /// Indexes a tagged key of a snapshot that was left out for want of memory.
    fn keep_on_word(&mut self, db: Db, key: &[u8]) {
        // A replica is given every key of the snapshot. Others drop those that expired.
        if self.keep(db, key) && !self.loads_from_primary {
            self.unsure.push((db, key.to_vec()));
        }
    }

    /// The keys that were indexed on the word of a snapshot alone: the server is to be asked
    /// whether they live.
    pub fn take_unsure(&mut self) -> Vec<(Db, Vec<u8>)> {
        std::mem::take(&mut self.unsure)
    }

    /// Takes over the rules whose files have changed since `files` was written.
    pub fn merge_files(&mut self) {
        let seen = std::mem::take(&mut self.files);
        for (rule, digest) in &self.file_rules {
            if seen.get(&rule.name) != Some(digest) {
                self.rules.set(rule.clone());
            }
            self.files.insert(rule.name.clone(), *digest);
        }
    }

    /// All rules as a document that `INVAL.RULE LOAD` reads, with what was read from files.
    pub fn rule_document(&self) -> String {
        rule_document::to_json_with_files(self.rules.iter(), &self.files)
    }

    /// Whether a snapshot without the state would lose something.
    pub fn has_anything_to_save(&self) -> bool {
        !self.rules.is_empty()
            || !self.files.is_empty()
            || !self.jobs.is_empty()
            || self.has_freshness()
            || self.sizes().2 > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_wins_over_a_snapshot_and_an_unchanged_one_does_not() {
        let rule = |name: &str, tag: &str| {
            let json = format!(r#"{{"eventType":"e","tags":["{tag}"]}}"#);
            rule_document::parse_one(json.as_bytes(), Some(name)).unwrap()
        };
        let shown = |state: &State| {
            let text = |rule: &Rule| format!("{}:{}", rule.name, rule.targets[0].template.source());
            state.rules.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        let mut before = State::default();
        before.set_file_rules(vec![rule("a", "1"), rule("b", "1"), rule("c", "1")]);
        before.rules.set(rule("b", "changed"));
        before.rules.remove("c");
        before.rules.set(rule("run-time", "1"));
        let snapshot = || {
            let mut decoder = snapshot::Decoder::default();
            let mut read = None;
            snapshot::encode(&before, |chunk| read = decoder.feed(chunk).unwrap());
            read.unwrap()
        };
        let mut after = State::default();
        after.set_file_rules(vec![rule("a", "2"), rule("b", "1"), rule("c", "1"), rule("d", "1")]);
        after.begin_load(false);
        assert_eq!(shown(&after), "a:2 b:1 c:1 d:1");
        after.restore(snapshot(), true);
        assert_eq!(shown(&after), "a:2 b:changed d:1 run-time:1");
        // A replica is what its primary is, whatever its files say.
        after.begin_load(true);
        assert_eq!(shown(&after), "");
        after.restore(snapshot(), false);
        assert_eq!(shown(&after), "a:1 b:changed run-time:1");
        assert_eq!(after.files, before.files);
    }
}
