//! `LOAD json [REPLACE]`, of rules, classes and mappings.

use super::args::Args;
use crate::domain::error::{Error, Result};
use crate::domain::snapshot::FileDigests;

/// A document of definitions to be taken in.
#[derive(Debug)]
pub(super) struct Load<T> {
    /// What it defines.
    pub(super) all: Vec<T>,
    /// What was read from files before: in append-only files, written by ourselves.
    pub(super) files: Option<FileDigests>,
    /// In place of all that is there, or beside it.
    pub(super) replace: bool,
}

/// What a document defines and says of files, or everything that is wrong with it.
type Read<T> = std::result::Result<(Vec<T>, Option<FileDigests>), Vec<Error>>;

impl<T> Load<T> {
    /// Reads the arguments, and all of the document.
    ///
    /// # Errors
    /// Everything that is wrong with the document, or arguments that do not fit.
    pub(super) fn parse(args: &mut Args, read: impl FnOnce(&[u8]) -> Read<T>) -> Result<Self> {
        let json = args.next("json")?;
        let replace = args.keyword("REPLACE");
        args.finish()?;
        let (all, files) = read(json).map_err(|errors| Error::Many { errors })?;
        Ok(Self { all, files, replace })
    }
}
