//! Rules, classes and mappings from files, and what a load of data leaves of them.

use super::State;
use super::class_document;
use super::class_table::ClassTable;
use super::file_document::FileDefinitions;
use super::key_table::TOGETHER;
use super::mapping::Mapping;
use super::mapping_document;
use super::mapping_table::MappingTable;
use super::name::Db;
use super::rule_document;
use super::snapshot::{self, FileDigests, Snapshot};
use super::travel::Travel;

impl State {
    /// Takes what files define in.
    pub fn set_files(&mut self, found: FileDefinitions) {
        self.file_rules = digested(found.rules, |one| rule_document::to_json(one));
        self.file_classes = digested(found.classes, |one| class_document::to_json(one));
        self.file_mappings = digested(found.mappings, |one| mapping_document::to_json(one));
        self.merge_files();
    }

    /// The data is about to be loaded: what was known of rules, classes and mappings is forgotten,
    /// except what files say, which holds until a snapshot or a command says otherwise. From a primary
    /// comes everything, so files say nothing.
    pub fn begin_load(&mut self, from_primary: bool) {
        self.travel = Travel::default();
        self.forget_jobs();
        self.clear_records();
        self.unsure.clear();
        self.loads_from_primary = from_primary;
        self.replace_rules([]);
        self.files.clear();
        self.classes = ClassTable::default();
        self.class_files.clear();
        self.mappings = MappingTable::default();
        self.mapping_files.clear();
        if !from_primary {
            self.merge_files();
        }
        // So that the keys are matched as they come.
        self.settle_rules();
    }

    /// Takes a snapshot in, after its keys. With `files_count`, a definition whose file has
    /// changed since the snapshot is taken from the file; one whose file is the same is left as
    /// it was in the snapshot: changed, switched off or deleted.
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
        snapshot.for_each_record(|db, words| {
            let _ = self.follow_record(db, words);
        });
        self.replace_rules(snapshot.rules);
        self.files = snapshot.files;
        self.classes.replace(snapshot.classes);
        self.class_files = snapshot.class_files;
        self.mappings.replace(snapshot.mappings);
        self.mapping_files = snapshot.mapping_files;
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

    /// Takes over the definitions whose files have changed since the digests were written.
    pub fn merge_files(&mut self) {
        // See `State::set_rule`.
        self.catch_up();
        let Self { rules, classes, mappings, stats, .. } = self;
        merge(
            &self.file_rules,
            |rule| &rule.name,
            &mut self.files,
            |rule| stats.set_rule(rules, rule),
        );
        merge(
            &self.file_classes,
            |class| &class.name,
            &mut self.class_files,
            |class| classes.set(class),
        );
        merge(&self.file_mappings, Mapping::name, &mut self.mapping_files, |one| mappings.set(one));
    }

    /// All rules as documents that `INVAL.RULE LOAD` reads one after the other, the last with what
    /// was read from files.
    pub fn rule_documents(&self) -> Vec<String> {
        in_documents(rule_document::parts(self.rules.iter()), |part, is_last| match is_last {
            true => rule_document::to_json_with_files(part.into_iter(), &self.files),
            false => rule_document::to_json(part.into_iter()),
        })
    }

    /// All classes as documents that `INVAL.CLASS LOAD` reads one after the other, the last with
    /// what was read from files. None when there is nothing to save.
    pub fn class_documents(&self) -> Vec<String> {
        if !self.has_classes_to_save() {
            return vec![];
        }
        in_documents(self.classes.parts(), |part, is_last| match is_last {
            true => class_document::to_json_with_files(part.into_iter(), &self.class_files),
            false => class_document::to_json(part.into_iter()),
        })
    }

    /// All mappings as documents that `INVAL.MAP LOAD` reads one after the other, likewise.
    pub fn mapping_documents(&self) -> Vec<String> {
        if !self.has_mappings_to_save() {
            return vec![];
        }
        in_documents(self.mappings.parts(), |part, is_last| match is_last {
            true => mapping_document::to_json_with_files(part.into_iter(), &self.mapping_files),
            false => mapping_document::to_json(part.into_iter()),
        })
    }

    /// Whether a snapshot without the mappings would lose something.
    pub fn has_mappings_to_save(&self) -> bool {
        !self.mappings.is_empty() || !self.mapping_files.is_empty()
    }

    /// Whether a snapshot without the classes would lose something.
    pub fn has_classes_to_save(&self) -> bool {
        !self.classes.is_empty() || !self.class_files.is_empty()
    }

    /// Whether a snapshot without the state would lose something.
    pub fn has_anything_to_save(&self) -> bool {
        !self.rules.is_empty()
            || !self.files.is_empty()
            || self.has_classes_to_save()
            || self.has_mappings_to_save()
            || !self.jobs.is_empty()
            || self.has_records()
            || self.has_freshness()
            || self.sizes().2 > 0
    }
}

/// Each with the digest of the document it makes alone.
fn digested<T>(found: Vec<T>, json: impl Fn(std::iter::Once<&T>) -> String) -> Vec<(T, u64)> {
    let digested = |one| {
        let digest = snapshot::digest(&json(std::iter::once(&one)));
        (one, digest)
    };
    found.into_iter().map(digested).collect()
}

/// A document for each part; `write` is told whether it is the last.
fn in_documents<T>(parts: Vec<Vec<T>>, write: impl Fn(Vec<T>, bool) -> String) -> Vec<String> {
    let count = parts.len();
    (1..).zip(parts).map(|(at, part)| write(part, at == count)).collect()
}

/// What files hold goes into the table, unless it was there as they hold it now when `digests`
/// was written; `digests` are then what they hold now.
fn merge<T: Clone>(
    held: &[(T, u64)],
    name: impl Fn(&T) -> &String,
    digests: &mut FileDigests,
    mut set: impl FnMut(T),
) {
    let seen = std::mem::take(digests);
    for (one, digest) in held {
        if seen.get(name(one)) != Some(digest) {
            set(one.clone());
        }
        digests.insert(name(one).clone(), *digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::class::Class;
    use crate::domain::rule::Rule;

    fn rule(name: &str, tag: &str) -> Rule {
        let json = format!(r#"{{"eventType":"e","tags":["{tag}"]}}"#);
        rule_document::parse_one(json.as_bytes(), Some(name)).unwrap()
    }

    fn class(name: &str, glob: &str) -> Class {
        let json = format!(r#"{{"match":["{glob}"]}}"#);
        class_document::parse_one(json.as_bytes(), name).unwrap()
    }

    fn mapping(name: &str, event: &str) -> Mapping {
        let json = format!(r#"{{"events":[{{"event":"{event}"}}]}}"#);
        mapping_document::parse_one(json.as_bytes(), name).unwrap()
    }

    /// Names with a number each: rules with such tags, classes with such globs, and mappings to
    /// such events.
    fn files(state: &mut State, of: &[(&str, &str)]) {
        let rules = of.iter().map(|(name, tag)| rule(name, tag)).collect();
        let classes = of.iter().map(|(name, glob)| class(name, glob)).collect();
        let mappings = of.iter().map(|(name, event)| mapping(name, event)).collect();
        state.set_files(FileDefinitions { rules, classes, mappings });
    }

    /// The rules, which the classes and mappings are like.
    fn shown(state: &State) -> String {
        let text = |rule: &Rule| format!("{}:{}", rule.name, rule.targets[0].template.source());
        let rules = state.rules.iter().map(text).collect::<Vec<_>>().join(" ");
        let text =
            |class: &Class| format!("{}:{}", class.name, class.globs[0].source().escape_ascii());
        let classes = state.classes.iter().map(|(class, _)| text(class)).collect::<Vec<_>>();
        assert_eq!(classes.join(" "), rules);
        let event = |mapping: &Mapping| mapping.document().events[0]["event"].clone();
        let text = |one: &Mapping| format!("{}:{}", one.name(), event(one).as_str().unwrap());
        assert_eq!(state.mappings.iter().map(text).collect::<Vec<_>>().join(" "), rules);
        rules
    }

    #[test]
    fn a_changed_file_wins_over_a_snapshot_and_an_unchanged_one_does_not() {
        let mut before = State::default();
        files(&mut before, &[("a", "1"), ("b", "1"), ("c", "1")]);
        before.rules.set(rule("b", "changed"));
        before.rules.remove("c");
        before.rules.set(rule("run-time", "1"));
        before.classes.set(class("b", "changed"));
        before.classes.remove("c");
        before.classes.set(class("run-time", "1"));
        before.mappings.set(mapping("b", "changed"));
        before.mappings.remove("c");
        before.mappings.set(mapping("run-time", "1"));
        let snapshot = || {
            let mut decoder = snapshot::Decoder::default();
            let mut read = None;
            snapshot::encode(&before, |chunk| read = decoder.feed(chunk).unwrap());
            read.unwrap()
        };
        let mut after = State::default();
        files(&mut after, &[("a", "2"), ("b", "1"), ("c", "1"), ("d", "1")]);
        after.begin_load(false);
        assert_eq!(shown(&after), "a:2 b:1 c:1 d:1");
        after.restore(snapshot(), true);
        assert_eq!(shown(&after), "a:2 b:changed d:1 run-time:1");
        // A replica is what its primary is, whatever its files say.
        after.begin_load(true);
        assert_eq!(shown(&after), "");
        after.restore(snapshot(), false);
        assert_eq!(shown(&after), "a:1 b:changed run-time:1");
        assert_eq!((&after.files, &after.class_files), (&before.files, &before.class_files));
        assert_eq!(after.mapping_files, before.mapping_files);
        // Nothing but digests: they are not to be lost either.
        let mut digests = State::default();
        assert!(!digests.has_anything_to_save());
        digests.class_files.insert("gone".to_owned(), 1);
        assert!(digests.has_anything_to_save());
        digests.class_files.clear();
        digests.mapping_files.insert("gone".to_owned(), 1);
        assert!(digests.has_anything_to_save());
    }
}
