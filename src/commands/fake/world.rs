//! Commands on the in-memory server, each checked when it is done.

use super::{Fake, Port, WARM, World};
use crate::commands::reply::Reply;
use crate::commands::{execute, table};
use crate::domain::change::Change;
use crate::domain::name::Db;
use crate::server::Server;

impl World {
    pub fn with_keys(names: &[&str]) -> Self {
        let mut world = Self { fake: Fake { warm: WARM, ..Fake::default() }, ..Self::default() };
        names.iter().for_each(|name| world.create(name.as_bytes()));
        world
    }

    pub fn create(&mut self, name: &[u8]) {
        self.fake.keys.insert(name.to_vec());
        self.shared.notice(Change::Created, Db(0), name);
    }

    /// Runs a command line; words are separated by spaces.
    pub fn run(&mut self, line: &str) -> Result<Reply, String> {
        self.run_words(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    pub fn run_words(&mut self, words: &[&[u8]]) -> Result<Reply, String> {
        let (spec, named) = table::find(words).ok_or("unknown command")?;
        let mut port = Port { fake: &mut self.fake, shared: &self.shared, words };
        let reply = execute(spec, &words[named..], &mut Server::new(&self.shared, &mut port));
        self.shared.with(|state| assert_eq!(state.check(), Ok(())));
        assert_eq!(self.shared.deferred(), 0);
        reply.map_err(|error| format!("{} {error}", error.code()))
    }

    /// A slice of something, as a timer runs it.
    pub fn timer<R>(&mut self, run: impl FnOnce(&mut Server) -> R) -> R {
        let mut port = Port { fake: &mut self.fake, shared: &self.shared, words: &[] };
        let result = run(&mut Server::new(&self.shared, &mut port));
        self.fake.selected = Db(0);
        self.shared.with(|state| assert_eq!(state.check(), Ok(())));
        result
    }

    pub fn keys(&self) -> Vec<String> {
        self.fake.keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }
}
