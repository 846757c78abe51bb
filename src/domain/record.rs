//! What is replicated and saved beside rules, classes, tags and jobs, in words: sources and how far
//! they were taken, events that rules have collected, and which events were carried out already.
//!
//! # Format
//! | words | say |
//! |---|---|
//! | `BATCH-ADD rule priority warm soft event payload size since due events n target ..` | a rule has collected targets, in the selected database |
//! | `BATCH-RUN rule` | what the rule had collected there was carried out |
//! | `SOURCE-SET name stream format mapping ms seq entries events empty skipped dead` | there is a source, of a stream of the selected database, and it was taken so far |
//! | `SOURCE-AT name ms seq entries events empty skipped dead` | a source was taken so far |
//! | `SOURCE-DEL name` | a source is there no more |
//! | `ONCE-ID until id ..` | events of these ids were carried out; each is known until then |
//! | `ONCE-SEQ number entity ..` | the events of these numbers of entities were carried out |

use super::State;
use super::name::Db;
use super::words::{self, Reader, Words};

/// The command that carries these words.
pub const COMMAND: &[u8] = b"INVAL._RECORD";

/// A record as a command.
pub fn command(words: &Words) -> Vec<&[u8]> {
    words::command(COMMAND, words)
}

impl State {
    /// All records that are to be kept, with the database to select.
    pub fn for_each_record(&self, mut emit: impl FnMut(Db, Words)) {
        self.sources.iter().for_each(|source| emit(source.db, source.record()));
        self.batches.records(&mut emit);
        self.once.records(|words| emit(Db(0), words));
    }

    /// Whether there is any.
    pub fn has_records(&self) -> bool {
        !self.sources.is_empty() || !self.batches.is_empty() || self.once.sizes() != (0, 0)
    }

    /// Takes a record in; `None` for words that are none.
    pub fn follow_record(&mut self, db: Db, words: &[&[u8]]) -> Option<()> {
        let mut words = Reader::new(words);
        match words.word()? {
            b"BATCH-ADD" => self.batches.follow_add(db, &mut words)?,
            b"BATCH-RUN" => {
                self.batches.done(&(db, words.text()?.to_owned()));
            }
            b"SOURCE-SET" => self.sources.follow_set(db, &mut words)?,
            b"SOURCE-AT" => self.sources.follow_at(&mut words)?,
            b"SOURCE-DEL" => {
                self.sources.remove(words.text()?);
            }
            b"ONCE-ID" => self.once.follow_ids(&mut words)?,
            b"ONCE-SEQ" => self.once.follow_entities(&mut words)?,
            _ => return None,
        }
        words.is_done().then_some(())
    }

    /// Forgets all that records say.
    pub fn clear_records(&mut self) {
        self.sources.clear();
        self.batches.clear();
        self.once.clear();
    }
}
