//! `loadmodule libinval.so rules <file-or-directory>`: rule documents read at start.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::rule::Rule;
use crate::domain::rule_document::{DOCUMENT_MAX_BYTES, parse_all};
use crate::domain::rule_table::RuleTable;

/// Reads a file, or every `*.json` of a directory in order of name.
///
/// # Errors
/// Everything that is wrong, each with its file: then no rule is to be used.
pub(super) fn read(path: &Path) -> Result<Vec<Rule>, Vec<String>> {
    let files = list(path).map_err(|why| vec![why])?;
    let mut rules: Vec<(Rule, &Path)> = vec![];
    let mut errors = vec![];
    for file in &files {
        match read_one(file) {
            Ok(found) => {
                for rule in found {
                    match rules.iter().find(|(other, _)| other.name == rule.name) {
                        Some((_, first)) => errors.push(format!(
                            "{}: rule '{}' is in {} too; give each rule its own \"name\"",
                            file.display(),
                            rule.name,
                            first.display()
                        )),
                        None => rules.push((rule, file)),
                    }
                }
            }
            Err(found) => {
                errors.extend(found.into_iter().map(|why| format!("{}: {why}", file.display())))
            }
        }
    }
    if let Err(error) = RuleTable::default().check_room(rules.iter().map(|(rule, _)| rule)) {
        errors.push(error.to_string());
    }
    if errors.is_empty() {
        Ok(rules.into_iter().map(|(rule, _)| rule).collect())
    } else {
        Err(errors)
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

fn read_one(file: &Path) -> Result<Vec<Rule>, Vec<String>> {
    let size = fs::metadata(file).map_err(|error| vec![error.to_string()])?.len();
    if size > DOCUMENT_MAX_BYTES as u64 {
        return Err(vec![format!(
            "{size} bytes are more than the limit of {DOCUMENT_MAX_BYTES}; split the file"
        )]);
    }
    let text = fs::read(file).map_err(|error| vec![error.to_string()])?;
    parse_all(&text).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}
