//! Classes as JSON: what `INVAL.CLASS SET/LOAD/DUMP` and the files of `rules/` hold.
//!
//! One class is an object with the fields of [`ClassDocument`]; a document is one class, an
//! array of classes, or `{"classes": [...]}`.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::class::{Class, EARLY_MAX, JITTER_MAX_PERCENT, SECOND_MS, TIME_MAX_MS};
use super::class_table::GLOBS_MAX;
use super::document::{self, Definitions, Kind};
use super::error::{Error, Result};
use super::glob::Glob;
use super::rule::check_name;
use super::snapshot::FileDigests;

/// A class as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClassDocument {
    /// The class's name.
    #[serde(default)]
    pub name: String,
    /// Globs over key names.
    #[serde(default, rename = "match")]
    pub globs: Vec<String>,
    /// Time to live, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Number>,
    /// By how much a time to live is shortened at random, at most, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Number>,
    /// How long a stale value is served, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Number>,
    /// The factor of early refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<Number>,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl ClassDocument {
    /// Checks everything and reads the globs.
    ///
    /// # Errors
    /// The first thing wrong, with the class's name.
    pub fn into_class(self) -> Result<Class> {
        let class = self.name.clone();
        self.build().map_err(|error| Error::InClass { class, error: Box::new(error) })
    }

    fn build(self) -> Result<Class> {
        check_name("class name", &self.name)?;
        match self.globs.len() {
            0 => return Err(Error::NoGlobs),
            count if count > GLOBS_MAX => {
                return Err(Error::TooMany { what: "globs", count, limit: GLOBS_MAX });
            }
            _ => {}
        }
        let glob = |text: &String| match text.as_str() {
            "" => Err(Error::EmptyName { what: "glob" }),
            text => Glob::parse(text.as_bytes()),
        };
        let seconds = (1, TIME_MAX_MS / SECOND_MS);
        let percent = (0, u64::from(JITTER_MAX_PERCENT));
        let jitter = whole("jitter", self.jitter.as_ref(), "percent", percent)?.unwrap_or(0);
        Ok(Class {
            globs: self.globs.iter().map(glob).collect::<Result<_>>()?,
            ttl_ms: whole("ttl", self.ttl.as_ref(), "seconds", seconds)?.map(|s| s * SECOND_MS),
            jitter_percent: u8::try_from(jitter).unwrap_or(JITTER_MAX_PERCENT),
            grace_ms: whole("grace", self.grace.as_ref(), "milliseconds", (0, TIME_MAX_MS))?
                .unwrap_or(0),
            early: self.early.as_ref().map(|number| factor(&number.to_string())).transpose()?,
            description: self.description,
            name: self.name,
        })
    }

    /// The document of a class; `into_class` gives the same class back.
    pub fn of(class: &Class) -> Self {
        let text = |glob: &Glob| String::from_utf8_lossy(glob.source()).into_owned();
        let unless_0 = |number: u64| (number > 0).then(|| Number::from(number));
        Self {
            name: class.name.clone(),
            globs: class.globs.iter().map(text).collect(),
            ttl: class.ttl_seconds().map(Number::from),
            jitter: unless_0(u64::from(class.jitter_percent)),
            grace: unless_0(class.grace_ms),
            early: class.early.and_then(Number::from_f64),
            description: class.description.clone(),
        }
    }
}

/// A whole number of a document.
///
/// # Errors
/// It is none, or out of its range.
pub(super) fn whole(
    what: &'static str,
    number: Option<&Number>,
    unit: &'static str,
    range: (u64, u64),
) -> Result<Option<u64>> {
    let Some(number) = number else { return Ok(None) };
    let found = number.to_string();
    match found.parse() {
        Ok(value) if (range.0..=range.1).contains(&value) => Ok(Some(value)),
        _ => Err(Error::BadFigure { what, found, unit, range }),
    }
}

/// The factor of early refresh.
///
/// # Errors
/// No number above 0, or more than [`EARLY_MAX`].
pub fn factor(text: &str) -> Result<f64> {
    let value = text.parse::<f64>().ok();
    let value = value.filter(|value| *value > 0.0 && *value <= f64::from(EARLY_MAX));
    value.ok_or_else(|| Error::BadEarly { found: text.to_owned(), limit: EARLY_MAX })
}

/// Reads one class; `name` is its name and the document may not say another.
///
/// # Errors
/// Bad JSON with line and column, an unknown field, or a bad class.
pub fn parse_one(text: &[u8], name: &str) -> Result<Class> {
    let mut document: ClassDocument = document::parse_one(Kind::Class, text)?;
    document::name(Kind::Class, &mut document.name, name)?;
    document.into_class()
}

/// Reads a document of any number of classes, which may say what was read from files: `"files"`
/// beside `"classes"`.
///
/// # Errors
/// Everything that is wrong, one error per class.
pub fn parse_with_files(text: &[u8]) -> std::result::Result<Definitions<Class>, Vec<Error>> {
    let json = document::parse_json(Kind::Class, text).map_err(|error| vec![error])?;
    from_json(json)
}

/// The same of JSON that was read already.
///
/// # Errors
/// The same.
pub fn from_json(json: Value) -> std::result::Result<Definitions<Class>, Vec<Error>> {
    document::definitions(Kind::Class, json, ClassDocument::into_class, |class| &class.name)
}

/// Writes a document that [`parse_with_files`] reads back.
pub fn to_json<'a>(classes: impl Iterator<Item = &'a Class>) -> String {
    serde_json::json!({ "classes": documents_of(classes) }).to_string()
}

/// The same, with what was read from files.
pub fn to_json_with_files<'a>(
    classes: impl Iterator<Item = &'a Class>,
    files: &FileDigests,
) -> String {
    serde_json::json!({ "classes": documents_of(classes), "files": files }).to_string()
}

// Plain strings and numbers: there is nothing in them that could fail to serialise.
fn documents_of<'a>(classes: impl Iterator<Item = &'a Class>) -> Vec<ClassDocument> {
    classes.map(ClassDocument::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_loads_back() {
        let full = r#"[{"name":"a","match":["a:*","b:[0-9]"],"ttl":300,"jitter":10,"grace":60000,
            "early":0.5,"description":"d"},{"name":"b","match":["*"]},
            {"name":"c","match":["c"],"ttl":2305843009213693,"jitter":0,"grace":0,"early":1}]"#;
        let (classes, files) = parse_with_files(full.as_bytes()).unwrap();
        assert_eq!((classes[0].ttl_ms, classes[0].grace_ms), (Some(300_000), 60_000));
        assert_eq!((classes[0].jitter_percent, classes[0].early), (10, Some(0.5)));
        assert_eq!((classes[1].ttl_ms, classes[1].early, files), (None, None, None));
        let (again, _) = parse_with_files(to_json(classes.iter()).as_bytes()).unwrap();
        assert_eq!(again, classes);
        let files = FileDigests::from([("a".to_owned(), u64::MAX)]);
        let dump = to_json_with_files(classes.iter(), &files);
        assert_eq!(parse_with_files(dump.as_bytes()).unwrap(), (classes, Some(files)));
    }

    fn error(fields: &str) -> String {
        let json = format!(r#"{{"name":"c","match":["c"],{fields}}}"#);
        parse_one(json.as_bytes(), "c").unwrap_err().to_string()
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for ttl in ["0", "-1", "1.5", "2305843009213694", "1e+3", "99999999999999999999"] {
            let told = format!(
                "class 'c': ttl '{ttl}' is not a whole number of seconds from 1 to 2305843009213693"
            );
            assert_eq!(error(&format!("\"ttl\":{ttl}")), told);
        }
        let told = "class 'c': jitter '101' is not a whole number of percent from 0 to 100";
        assert_eq!(error("\"jitter\":101"), told);
        let told = "class 'c': grace '2305843009213693952' is not a whole number of milliseconds from 0 to 2305843009213693951";
        assert_eq!(error("\"grace\":2305843009213693952"), told);
        for early in ["0", "-0.0", "-1", "100.1", "1e+400", "0e+5"] {
            let told = format!(
                "class 'c': early '{early}' is not a number above 0, of at most 100; 1 is the usual"
            );
            assert_eq!(error(&format!("\"early\":{early}")), told);
        }
        assert!(factor("nan").is_err() && factor("inf").is_err() && factor("x").is_err());
        assert_eq!((factor("100").unwrap(), factor("1e-3").unwrap()), (100.0, 0.001));
    }

    #[test]
    fn every_error_is_named() {
        let many = vec!["\"a\""; GLOBS_MAX + 1].join(",");
        let rows = [
            ("", "class '': empty class name; give it at least one byte"),
            (
                r#""name":"d""#,
                "class 'd': no globs; give at least one in \"match\", such as \"user:*\"",
            ),
            (
                r#""name":"d","match":["a["]"#,
                "class 'd': unclosed '[' at byte 1 of glob 'a['; close it with ']', or write '\\[' for the character itself",
            ),
            (r#""name":"d","match":[""]"#, "class 'd': empty glob; give it at least one byte"),
            (
                r#""name":"d","match":"a""#,
                "bad class: invalid type: string \"a\", expected a sequence",
            ),
            (
                r#""name":"d","match":["a"],"ttl":"5""#,
                "bad class: invalid type: string \"5\", expected a JSON number",
            ),
            (
                r#""name":"d","tl":5"#,
                "bad class: unknown field `tl`, expected one of `name`, `match`, `ttl`, `jitter`, `grace`, `early`, `description`",
            ),
            (
                &format!(r#""name":"d","match":[{many}]"#),
                "class 'd': 2001 globs are more than the limit of 2000; split them up",
            ),
        ];
        let list: Vec<String> = rows.iter().map(|(fields, _)| format!("{{{fields}}}")).collect();
        let found = parse_with_files(format!("[{}]", list.join(",")).as_bytes()).unwrap_err();
        let found: Vec<String> = found.iter().map(Error::to_string).collect();
        let told = rows.iter().enumerate().map(|(at, (_, why))| format!("classes[{at}]: {why}"));
        assert_eq!(found, told.collect::<Vec<_>>());
    }
}
