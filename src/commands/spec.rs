//! What is known of a command.

use std::fmt;

use super::args::Args;
use super::reply::Reply;
use crate::domain::error::Result;
use crate::server::Server;

/// What a command does with the key that is its first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// There is no key among its arguments.
    None,
    /// Reads what is known of it.
    Read,
    /// Changes what is known of it, not its value.
    Write,
    /// Gives it a value.
    Store,
}

/// A command, or a subcommand of a container.
pub struct Spec {
    /// As users write it.
    pub name: &'static str,
    /// The subcommand of a container such as `INVAL.RULE`.
    pub sub: Option<&'static str>,
    /// The arguments; the source of usage errors, `HELP` and `COMMAND DOCS`.
    pub syntax: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// In O notation.
    pub complexity: &'static str,
    /// Command flags of the module API.
    pub flags: &'static str,
    /// ACL categories, where the server takes them from modules (7.2 and later).
    pub categories: &'static str,
    /// The key among the arguments.
    pub key: KeyUse,
    /// Parses and runs.
    pub run: fn(&mut Args, &mut Server) -> Result<Reply>,
}

impl Spec {
    /// Name, subcommand and arguments.
    pub fn usage(&self) -> String {
        let words = [Some(self.name), self.sub, Some(self.syntax)];
        words.into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether it is the module's own, and no user's.
    pub fn is_internal(&self) -> bool {
        self.name.contains("._")
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.usage())
    }
}
