//! Which work comes first.

use super::error::{Error, Result};

/// High comes first; warm workers see it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before all others.
    High,
    /// When nothing is said.
    #[default]
    Medium,
    /// After all others.
    Low,
}

impl Priority {
    /// As rule documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Reads `high`, `medium` or `low`, in any case.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self> {
        [Self::High, Self::Medium, Self::Low]
            .into_iter()
            .find(|priority| text.eq_ignore_ascii_case(priority.as_str()))
            .ok_or_else(|| Error::BadPriority { found: text.to_owned() })
    }
}
