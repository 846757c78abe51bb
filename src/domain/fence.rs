//! The bound of what the module may ever delete.

use super::error::{Error, Result};
use super::glob::Glob;
use super::name::OWN_PREFIX;

/// A list of prefixes and globs; a key inside none of them is not indexed, tagged or deleted.
/// The module's own keys are always outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    source: String,
    prefixes: Vec<Box<[u8]>>,
    globs: Vec<Glob>,
}

impl Fence {
    /// Reads a list separated by spaces; an entry without glob characters is a prefix. The
    /// empty list means every key.
    ///
    /// # Errors
    /// A bad glob.
    pub fn parse(source: &str) -> Result<Self> {
        let mut fence = Self { source: source.trim().to_owned(), ..Self::default() };
        for entry in source.split_whitespace() {
            if Glob::is_pattern(entry.as_bytes()) {
                fence.globs.push(Glob::parse(entry.as_bytes()).map_err(|error| {
                    Error::InFence { entry: entry.to_owned(), error: Box::new(error) }
                })?);
            } else {
                fence.prefixes.push(entry.as_bytes().into());
            }
        }
        Ok(fence)
    }

    /// The list as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the module may know and delete this key.
    pub fn allows(&self, name: &[u8]) -> bool {
        if name.starts_with(OWN_PREFIX) {
            return false;
        }
        (self.prefixes.is_empty() && self.globs.is_empty())
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
            || self.globs.iter().any(|glob| glob.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("", &["a", "product:1"], &["inval:warm"]),
            ("  ", &["a"], &["inval:"]),
            (
                "product: user:*:list",
                &["product:1", "product:", "user:1:list"],
                &["products", "user:1", "a"],
            ),
            ("*", &["a"], &["inval:warm"]),
            ("inval:", &[], &["inval:warm", "a"]),
        ];
        for (source, inside, outside) in rows {
            let fence = Fence::parse(source).unwrap();
            for name in *inside {
                assert!(fence.allows(name.as_bytes()), "{source:?} {name}");
            }
            for name in *outside {
                assert!(!fence.allows(name.as_bytes()), "{source:?} {name}");
            }
        }
        let message = Fence::parse("a b[").unwrap_err().to_string();
        assert!(message.starts_with("inval.fence entry 'b[': unclosed '['"), "{message}");
    }
}
