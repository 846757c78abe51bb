//! What a command answers, in no protocol yet.

use std::borrow::Cow;

use crate::domain::health::watch::rounded;

/// The name of a field: most are ours, and a reply has thousands.
pub type Name = Cow<'static, [u8]>;

/// A reply. Maps are RESP3 maps, and flat arrays for RESP2 clients.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A short text of ours, on one line; never bytes of a user.
    Simple(Cow<'static, str>),
    /// A number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// No such thing.
    Null,
    /// A list.
    Array(Vec<Reply>),
    /// Names and values, in a fixed order.
    Map(Vec<(Name, Reply)>),
    /// Nothing yet: the client waits, and is told when its turn comes.
    Later,
}

impl Reply {
    /// `OK`.
    pub const OK: Self = Self::Simple(Cow::Borrowed("OK"));

    /// A short text of ours, on one line.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Simple(text.into())
    }

    /// A count. Counts beyond 2^63 do not happen.
    pub fn count(count: impl TryInto<i64>) -> Self {
        Self::Int(count.try_into().unwrap_or(i64::MAX))
    }

    /// Text or bytes.
    pub fn bulk(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bulk(bytes.into())
    }

    /// 1 or 0: RESP2 has no booleans, and one form for both protocols is easier to use.
    pub fn flag(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }

    /// A map with fixed field names.
    pub fn map(fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let fields = fields.into_iter();
        Self::Map(fields.map(|(name, value)| (name.as_bytes().into(), value)).collect())
    }

    /// A list of texts or bytes.
    pub fn bulks<'a>(items: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::Array(items.map(Self::bulk).collect())
    }

    /// An amount that was measured, with one digit after the point.
    pub fn amount(amount: f64) -> Self {
        Self::Double(rounded(amount))
    }

    /// A part of a whole, from 0 to 1: to a hundredth of a percent.
    pub fn rate(rate: f64) -> Self {
        const DIGITS: f64 = 10_000.0;
        Self::Double((rate * DIGITS).round() / DIGITS)
    }

    /// Adds a field to a map; any other reply stays as it is.
    pub fn with(mut self, name: &'static str, value: Self) -> Self {
        if let Self::Map(fields) = &mut self {
            fields.push((name.as_bytes().into(), value));
        }
        self
    }
}

#[cfg(test)]
impl Reply {
    /// The field of a map.
    pub fn field(&self, name: &str) -> &Self {
        let Self::Map(fields) = self else { panic!("{self:?} is no map") };
        let found = fields.iter().find(|(field, _)| **field == *name.as_bytes());
        &found.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }

    /// The number of a field.
    pub fn int(&self, name: &str) -> i64 {
        match self.field(name) {
            Self::Int(value) => *value,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The texts of an array.
    pub fn texts(&self) -> Vec<String> {
        let Self::Array(items) = self else { panic!("{self:?} is no array") };
        let text = |item: &Self| match item {
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Simple(text) => text.clone().into_owned(),
            other => panic!("{other:?} is no text"),
        };
        items.iter().map(text).collect()
    }
}
