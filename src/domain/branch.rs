//! The inner nodes of the trie of names, and what points to them.

use smallvec::SmallVec;

use super::key_table::KeyId;

/// A branch or a bucket; or none, for the root of an empty trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node(u32);

/// No node.
pub(super) const NONE: Node = Node(u32::MAX);

/// The bit that tells a bucket.
const BUCKET: u32 = 1 << 31;

/// No key ends here.
pub(super) const NO_KEY: KeyId = KeyId::MAX;

/// What a node is, and its number among its kind.
pub(super) enum Kind {
    Branch(usize),
    Bucket(usize),
    None,
}

impl Node {
    pub(super) fn branch(at: usize) -> Self {
        Self(at as u32)
    }

    pub(super) fn bucket(at: usize) -> Self {
        Self(at as u32 | BUCKET)
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            NONE => Kind::None,
            Self(bucket) if bucket & BUCKET != 0 => Kind::Bucket((bucket & !BUCKET) as usize),
            Self(branch) => Kind::Branch(branch as usize),
        }
    }
}

/// Bytes of a label and children that stand in the branch itself: most branches part at digits
/// and are two cache lines then. Each other place costs the way of a name a miss.
const INLINE: usize = 16;

/// Where the names that begin alike go different ways.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// What all names below go on with.
    pub(super) label: SmallVec<[u8; INLINE]>,
    /// The key whose name ends behind the label.
    pub(super) end: KeyId,
    /// The next byte of each child, ascending.
    pub(super) bytes: SmallVec<[u8; INLINE]>,
    /// In the order of `bytes`.
    pub(super) children: SmallVec<[Node; INLINE]>,
}

impl Branch {
    /// A branch that leads nowhere yet.
    pub(super) fn new(label: &[u8]) -> Self {
        Self { label: label.into(), end: NO_KEY, bytes: SmallVec::new(), children: SmallVec::new() }
    }

    /// The position of the child for a byte.
    pub(super) fn child(&self, byte: u8) -> Option<usize> {
        self.bytes.iter().position(|other| *other == byte)
    }

    /// Hangs in a child for a byte that has none.
    pub(super) fn add(&mut self, byte: u8, child: Node) {
        let at = self.bytes.partition_point(|other| *other < byte);
        self.bytes.insert(at, byte);
        self.children.insert(at, child);
    }
}

const _: () = assert!(size_of::<Branch>() == 128, "two cache lines");
/// How many bytes two names have in common at their start.
pub(super) fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
