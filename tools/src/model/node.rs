//! A reply as a tree, the same whether it came as maps (RESP3) or as flat lists (RESP2).

use super::numbers;
use super::words::printable;

/// A reply, or a part of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Node {
    /// Nothing, or what was not there.
    #[default]
    Null,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// A text; any bytes.
    Text(Vec<u8>),
    /// A list; in RESP2 maps too, names and values in turns.
    List(Vec<Node>),
    /// Names and values.
    Map(Vec<(Node, Node)>),
}

static NULL: Node = Node::Null;

impl Node {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// The value of a field; `Null` when there is none, so that looks may follow each other.
    pub fn get(&self, name: &str) -> &Self {
        self.fields().into_iter().find(|(field, _)| field.is(name)).map_or(&NULL, |(_, of)| of)
    }

    /// The fields of a map, in either form.
    pub fn fields(&self) -> Vec<(&Self, &Self)> {
        match self {
            Self::Map(fields) => fields.iter().map(|(name, value)| (name, value)).collect(),
            Self::List(items) => items
                .chunks_exact(2)
                .filter_map(|pair| Some((pair.first()?, pair.get(1)?)))
                .collect(),
            _ => vec![],
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// Whether it is this text.
    pub fn is(&self, text: &str) -> bool {
        matches!(self, Self::Text(bytes) if bytes == text.as_bytes())
    }

    /// A number that counts something.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::Text(_) => self.words()?.parse().ok(),
            _ => None,
        }
    }

    /// Any number that is one; RESP2 gives fractions as text.
    pub fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            Self::Text(_) => self.words()?.parse().ok(),
            _ => None,
        };
        number.filter(|value| value.is_finite())
    }

    /// A text as people may read it: see [`printable`].
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Text(bytes) => Some(printable(bytes)),
            _ => None,
        }
    }

    /// A number in few digits, whichever protocol it came by; anything else in one line.
    pub fn figure(&self) -> String {
        match (self.count(), self) {
            (Some(count), _) => numbers::grouped(count),
            (None, Self::List(_) | Self::Map(_)) => {
                let field =
                    |(name, value): (&Self, &Self)| format!("{} {}", name.line(), value.figure());
                let fields = self.fields();
                fields.into_iter().map(field).collect::<Vec<_>>().join(", ")
            }
            (None, _) => self.number().map_or_else(|| self.line(), numbers::short),
        }
    }

    /// Anything in one line.
    pub fn line(&self) -> String {
        match self {
            Self::Null => "-".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Double(value) => numbers::short(*value),
            Self::Text(bytes) => printable(bytes),
            Self::List(items) => items.iter().map(Self::line).collect::<Vec<_>>().join(" "),
            Self::Map(fields) => {
                let pair =
                    |(name, value): &(Self, Self)| format!("{} {}", name.line(), value.line());
                fields.iter().map(pair).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_and_a_flat_list_are_the_same() {
        let (name, value) = (Node::text("runs"), Node::Int(7));
        let map = Node::Map(vec![(name.clone(), value.clone())]);
        let list = Node::List(vec![name, value, Node::text("left over")]);
        for node in [map, list] {
            assert_eq!(node.get("runs").count(), Some(7));
            assert!(node.get("no").get("such").is_null());
        }
    }

    #[test]
    fn numbers_may_be_texts() {
        assert_eq!(Node::text("0.25").number(), Some(0.25));
        assert_eq!(Node::text("12").count(), Some(12));
        for odd in [Node::text("nan"), Node::text("inf"), Node::Double(f64::NAN), Node::text("x")] {
            assert_eq!(odd.number(), None, "{odd:?}");
        }
        assert_eq!(Node::Int(-1).count(), None);
    }

    #[test]
    fn anything_is_a_line() {
        let pair = (Node::text("a\n"), Node::List(vec![Node::Int(1), Node::Null]));
        assert_eq!(Node::Map(vec![pair]).line(), "a\\n 1 -");
    }
}
