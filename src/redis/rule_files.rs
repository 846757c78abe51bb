//! `loadmodule libinval.so rules <file-or-directory>`: documents of rules, classes and
//! mappings, read at start.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::class_table::ClassTable;
use crate::domain::document::{DOCUMENT_MAX_BYTES, Kind};
use crate::domain::file_document::{self, FileDefinitions};
use crate::domain::mapping::Mapping;
use crate::domain::mapping_table::MappingTable;
use crate::domain::rule_table::RuleTable;

/// Reads a file, or every `*.json` of a directory in order of name.
///
/// # Errors
/// Everything that is wrong, each with its file: then nothing of it is to be used.
pub(super) fn read(path: &Path) -> Result<FileDefinitions, Vec<String>> {
    let files = list(path).map_err(|why| vec![why])?;
    let (mut rules, mut classes, mut mappings) = (vec![], vec![], vec![]);
    let mut errors = vec![];
    for file in &files {
        match read_one(file) {
            Ok(found) => {
                let errors = &mut errors;
                gather(Kind::Rule, found.rules, |rule| &rule.name, file, &mut rules, errors);
                gather(Kind::Class, found.classes, |one| &one.name, file, &mut classes, errors);
                gather(Kind::Mapping, found.mappings, Mapping::name, file, &mut mappings, errors);
            }
            Err(found) => {
                errors.extend(found.into_iter().map(|why| format!("{}: {why}", file.display())))
            }
        }
    }
    let found = FileDefinitions {
        rules: without_files(rules),
        classes: without_files(classes),
        mappings: without_files(mappings),
    };
    let room = [
        RuleTable::default().check_room(&found.rules),
        ClassTable::default().check_room(&found.classes),
        MappingTable::default().check_room(&found.mappings),
    ];
    errors.extend(room.into_iter().filter_map(Result::err).map(|error| error.to_string()));
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

fn without_files<T>(found: Vec<(T, &Path)>) -> Vec<T> {
    found.into_iter().map(|(one, _)| one).collect()
}

/// Adds what a file holds to what the files before it hold; a name that is there is an error.
fn gather<'f, T>(
    kind: Kind,
    found: Vec<T>,
    name: impl Fn(&T) -> &String,
    file: &'f Path,
    all: &mut Vec<(T, &'f Path)>,
    errors: &mut Vec<String>,
) {
    for one in found {
        match all.iter().find(|(other, _)| name(other) == name(&one)) {
            Some((_, first)) => errors.push(format!(
                "{}: {what} '{}' is in {} too; give each {what} its own \"name\"",
                file.display(),
                name(&one),
                first.display(),
                what = kind.one(),
            )),
            None => all.push((one, file)),
        }
    }
}

fn list(path: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error| {
        format!("{}: {error}; give a rule file or a directory of *.json files", path.display())
    };
    if !fs::metadata(path).map_err(told)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = vec![];
    for entry in fs::read_dir(path).map_err(told)? {
        let file = entry.map_err(told)?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(format!("{}: no *.json file in this directory", path.display()));
    }
    files.sort_unstable();
    Ok(files)
}

fn read_one(file: &Path) -> Result<FileDefinitions, Vec<String>> {
    let size = fs::metadata(file).map_err(|error| vec![error.to_string()])?.len();
    if size > DOCUMENT_MAX_BYTES as u64 {
        return Err(vec![format!(
            "{size} bytes are more than the limit of {DOCUMENT_MAX_BYTES}; split the file"
        )]);
    }
    let text = fs::read(file).map_err(|error| vec![error.to_string()])?;
    file_document::parse(&text).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}
