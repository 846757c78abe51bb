//! A trie that branches at `:`, with a hash map in every inner node.
//!
//! A name that is alone below its segment keeps the rest of itself in one leaf.

use hashbrown::HashMap;

use crate::measure::Structure;

#[derive(Default)]
pub struct SegmentTrie {
    root: Inner,
}

#[derive(Default)]
struct Inner {
    /// The name that ends here.
    here: Option<u32>,
    children: HashMap<Box<[u8]>, Node>,
}

enum Node {
    /// One name: what follows its segment, with the `:` that leads it.
    Leaf {
        rest: Box<[u8]>,
        id: u32,
    },
    Inner(Box<Inner>),
}

/// The first segment, and the rest with the `:` that leads it.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    name.split_at(memchr::memchr(b':', name).unwrap_or(name.len()))
}

impl Inner {
    /// `rest` is empty, or starts with `:`.
    fn insert(&mut self, rest: &[u8], id: u32) -> bool {
        match rest.split_first() {
            None => self.here.replace(id).is_none(),
            Some((_, name)) => self.insert_below(name, id),
        }
    }

    fn insert_below(&mut self, name: &[u8], id: u32) -> bool {
        let (segment, rest) = split(name);
        let Some(child) = self.children.get_mut(segment) else {
            self.children.insert(segment.into(), Node::Leaf { rest: rest.into(), id });
            return true;
        };
        if let Node::Leaf { rest: other, id: other_id } = child {
            if **other == *rest {
                return false;
            }
            let mut inner = Box::<Inner>::default();
            inner.insert(other, *other_id);
            *child = Node::Inner(inner);
        }
        match child {
            Node::Inner(inner) => inner.insert(rest, id),
            Node::Leaf { .. } => false,
        }
    }

    fn find(&self, name: &[u8]) -> Option<u32> {
        let (segment, rest) = split(name);
        match self.children.get(segment)? {
            Node::Leaf { rest: other, id } => (**other == *rest).then_some(*id),
            Node::Inner(inner) => match rest.split_first() {
                None => inner.here,
                Some((_, name)) => inner.find(name),
            },
        }
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let (segment, rest) = split(name);
        let (removed, empty) = match self.children.get_mut(segment) {
            None => return false,
            Some(Node::Leaf { rest: other, .. }) => (**other == *rest, **other == *rest),
            Some(Node::Inner(inner)) => {
                let removed = match rest.split_first() {
                    None => inner.here.take().is_some(),
                    Some((_, name)) => inner.remove(name),
                };
                (removed, inner.here.is_none() && inner.children.is_empty())
            }
        };
        if empty {
            self.children.remove(segment);
        }
        removed
    }

    /// `path` is the name up to and with the `:` before the children.
    fn walk(&self, path: &mut Vec<u8>, prefix: &[u8], visit: &mut impl FnMut(u32, &[u8])) {
        let below = prefix.get(path.len()..).unwrap_or_default();
        let (wanted, after) = split(below);
        let whole = !after.is_empty();
        let exact = if whole { self.children.get_key_value(wanted) } else { None };
        let partial = (!whole).then(|| self.children.iter().filter(|(s, _)| s.starts_with(wanted)));
        let start = path.len();
        for (segment, child) in exact.into_iter().chain(partial.into_iter().flatten()) {
            path.extend_from_slice(segment);
            match child {
                Node::Leaf { rest, id } => {
                    path.extend_from_slice(rest);
                    if path.starts_with(prefix) {
                        visit(*id, path);
                    }
                }
                Node::Inner(inner) => {
                    if let Some(id) = inner.here.filter(|_| path.starts_with(prefix)) {
                        visit(id, path);
                    }
                    path.push(b':');
                    inner.walk(path, prefix, visit);
                }
            }
            path.truncate(start);
        }
    }
}

impl Structure for SegmentTrie {
    const NAME: &str = "segment trie, a hash map a node";
    const NAME_BY_ID: bool = false;

    fn insert(&mut self, name: &[u8], id: u32) -> bool {
        self.root.insert_below(name, id)
    }

    fn find(&mut self, name: &[u8]) -> Option<u32> {
        self.root.find(name)
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        self.root.remove(name)
    }

    fn walk(&mut self, prefix: &[u8], mut visit: impl FnMut(u32, &[u8])) {
        self.root.walk(&mut vec![], prefix, &mut visit);
    }
}
