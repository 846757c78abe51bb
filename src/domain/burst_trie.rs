//! Key ids by the bytes of their names: found, walked and pruned byte by byte.
//!
//! A burst trie (Heinz, Zobel, Williams, "Burst Tries: A Fast, Efficient Data Structure for
//! String Keys", ACM TOIS 20(2), 2002): names that share a beginning lie unsorted in a bucket;
//! a bucket that is full bursts into a branch with a bucket per next byte. So the branches stay
//! few and in the processor's cache, and a new name costs one way down and one push. As in the
//! HAT-trie (Askitis and Sinha, ACSC 2007) a bucket is found in by hash: 16 bits of each name's
//! hash lie side by side, and only a name whose bits agree is read. A branch takes the bytes
//! that all names below share at once, as in PATRICIA.
//!
//! Always true: every id is in one bucket or ends at one branch, on the way that its name's
//! bytes lead; no bucket is empty; a branch has a child or an end; children are in order of
//! their byte.

mod together;

pub(super) use together::{Few, Spot};

use smallvec::SmallVec;

use super::branch::{Branch, Kind, NO_KEY, NONE, Node, common};
use super::bucket::{Bucket, Print};
use super::key_names::KeyNames;
use super::key_table::KeyId;
use super::paged::Paged;
use super::steps::Steps;

/// Ids in a bucket at most: fewer make more branches. 64 to 256 are alike at a million.
const BUCKET_IDS: usize = 128;

/// Where a node hangs.
#[derive(Clone, Copy)]
enum Link {
    Root,
    Child { branch: usize, at: usize },
}

/// Where the way of a name ends.
enum Stop {
    /// There is nothing yet: the root of an empty trie.
    Empty,
    /// In a bucket, whose names differ from byte `depth` on.
    Bucket { bucket: usize, depth: usize },
    /// Behind the label of a branch, the name is over.
    End { branch: usize },
    /// The branch has no child for the byte at `depth`.
    NoChild { branch: usize, depth: usize },
    /// The label, which begins at `depth`, goes on otherwise after `agree` bytes.
    Label { branch: usize, depth: usize, agree: usize },
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct BurstTrie {
    root: Node,
    branches: Paged<Branch>,
    free_branches: Vec<usize>,
    buckets: Paged<Bucket>,
    free_buckets: Vec<usize>,
    /// Counts the buckets that went: a spot found before may be none now.
    shape: u32,
}

impl Default for BurstTrie {
    fn default() -> Self {
        Self {
            root: NONE,
            branches: Paged::default(),
            free_branches: vec![],
            buckets: Paged::default(),
            free_buckets: vec![],
            shape: 0,
        }
    }
}

impl BurstTrie {
    /// The id of a name.
    pub(super) fn find(&self, name: &[u8], print: Print, names: &KeyNames) -> Option<KeyId> {
        self.found(&self.descend(name, |_| {}).1, name, print, names)
    }

    /// The same, whose way ends at `stop`.
    fn found(&self, stop: &Stop, name: &[u8], print: Print, names: &KeyNames) -> Option<KeyId> {
        match stop {
            Stop::End { branch } => {
                self.branches.get(*branch).map(|branch| branch.end).filter(|end| *end != NO_KEY)
            }
            Stop::Bucket { bucket, .. } => {
                let bucket = self.buckets.get(*bucket)?;
                let at = bucket.find(name, print, names)?;
                bucket.ids.get(at).copied()
            }
            _ => None,
        }
    }

    /// The id of a name, which is given one when it has none; the flag says whether it is new.
    /// `None` when there is room for no more names.
    pub(super) fn find_or_add(
        &mut self,
        name: &[u8],
        print: Print,
        names: &mut KeyNames,
    ) -> Option<(KeyId, bool)> {
        let (mut link, mut stop) = self.descend(name, |_| {});
        if let Some(id) = self.found(&stop, name, print, names) {
            return Some((id, false));
        }
        let id = names.add(name)?;
        while let Stop::Bucket { bucket, depth } = stop
            && self.buckets.get(bucket).is_some_and(|bucket| bucket.ids.len() >= BUCKET_IDS)
        {
            self.burst(link, bucket, depth, names);
            (link, stop) = self.descend(name, |_| {});
        }
        self.hang(id, name, print, names, link, stop);
        Some((id, true))
    }

    /// Adds an id where the way of its name ends; a bucket there has room.
    fn hang(
        &mut self,
        id: KeyId,
        name: &[u8],
        print: Print,
        names: &mut KeyNames,
        link: Link,
        stop: Stop,
    ) {
        match stop {
            Stop::Empty => {
                let bucket = self.new_bucket();
                self.push(bucket, id, print, names);
                self.set(link, bucket);
            }
            Stop::Bucket { bucket, .. } => self.push(Node::bucket(bucket), id, print, names),
            Stop::End { branch } => self.end_at(branch, id, names),
            Stop::NoChild { branch, depth } => {
                let bucket = self.new_bucket();
                self.push(bucket, id, print, names);
                if let (Some(branch), Some(byte)) = (self.branches.get_mut(branch), name.get(depth))
                {
                    branch.add(*byte, bucket);
                }
            }
            Stop::Label { branch, depth, agree } => {
                let upper = self.split_label(link, branch, agree);
                match name.get(depth + agree) {
                    None => self.end_at(upper, id, names),
                    Some(byte) => {
                        let bucket = self.new_bucket();
                        self.push(bucket, id, print, names);
                        if let Some(upper) = self.branches.get_mut(upper) {
                            upper.add(*byte, bucket);
                        }
                    }
                }
            }
        }
    }

    /// Takes a name out; gives its id.
    pub(super) fn remove(&mut self, name: &[u8], print: Print, names: &KeyNames) -> Option<KeyId> {
        let mut way: SmallVec<[Link; 16]> = SmallVec::new();
        let (_, stop) = self.descend(name, |link| way.push(link));
        match stop {
            Stop::End { branch } => {
                let end = &mut self.branches.get_mut(branch)?.end;
                let id = Some(std::mem::replace(end, NO_KEY)).filter(|id| *id != NO_KEY)?;
                self.prune(&way);
                Some(id)
            }
            Stop::Bucket { bucket: at, .. } => {
                let bucket = self.buckets.get_mut(at)?;
                let found = bucket.find(name, print, names)?;
                let id = bucket.ids.get(found).copied()?;
                bucket.swap_remove(found);
                if bucket.ids.is_empty() {
                    *bucket = Bucket::default();
                    self.free_bucket(at);
                    if let Some(link) = way.pop() {
                        self.cut(link);
                    }
                    self.prune(&way);
                }
                Some(id)
            }
            _ => None,
        }
    }

    /// Shows the ids that `steps` does not rule out, some at a time, in the order of names
    /// between the groups. A name goes on behind the last byte that was asked for: it needs a
    /// look.
    pub(super) fn walk<'a, S: Steps>(&'a self, steps: &mut S, mut visit: impl FnMut(&'a [KeyId])) {
        let mut open = vec![(self.root, steps.start())];
        'nodes: while let Some((node, mut state)) = open.pop() {
            match node.kind() {
                Kind::None => {}
                Kind::Bucket(bucket) => {
                    visit(self.buckets.get(bucket).map_or(&[], |bucket| &bucket.ids));
                }
                Kind::Branch(branch) => {
                    let Some(branch) = self.branches.get(branch) else { continue };
                    for byte in &branch.label {
                        let Some(next) = steps.step(&state, *byte) else { continue 'nodes };
                        state = next;
                    }
                    if branch.end != NO_KEY {
                        visit(std::slice::from_ref(&branch.end));
                    }
                    // Last child first, so that the stack gives them in order.
                    for (byte, child) in branch.bytes.iter().zip(&branch.children).rev() {
                        if let Some(next) = steps.step(&state, *byte) {
                            open.push((*child, next));
                        }
                    }
                }
            }
        }
    }

    /// Bytes held from the allocator, about: branches are counted as narrow.
    pub(super) fn held_bytes(&self, ids: usize) -> usize {
        /// Capacity that buckets have beyond their ids, as measured: they grow by halves.
        const SLACK_PERCENT: usize = 20;
        let entries = ids * (size_of::<KeyId>() + size_of::<Print>());
        entries
            + entries * SLACK_PERCENT / 100
            + self.buckets.len() * size_of::<Bucket>()
            + self.branches.len() * size_of::<Branch>()
    }

    /// Goes down as far as the name leads; tells the links that were followed.
    fn descend(&self, name: &[u8], mut follow: impl FnMut(Link)) -> (Link, Stop) {
        let (mut link, mut node, mut depth) = (Link::Root, self.root, 0);
        loop {
            follow(link);
            match node.kind() {
                Kind::None => return (link, Stop::Empty),
                Kind::Bucket(bucket) => return (link, Stop::Bucket { bucket, depth }),
                Kind::Branch(at) => {
                    let Some(branch) = self.branches.get(at) else { return (link, Stop::Empty) };
                    let rest = name.get(depth..).unwrap_or_default();
                    if !rest.starts_with(branch.label.as_slice()) {
                        let agree = common(rest, &branch.label);
                        return (link, Stop::Label { branch: at, depth, agree });
                    }
                    depth += branch.label.len();
                    let Some(byte) = name.get(depth) else {
                        return (link, Stop::End { branch: at });
                    };
                    let Some(child) = branch.child(*byte) else {
                        return (link, Stop::NoChild { branch: at, depth });
                    };
                    let Some(next) = branch.children.get(child) else {
                        return (link, Stop::NoChild { branch: at, depth });
                    };
                    (link, node) = (Link::Child { branch: at, at: child }, *next);
                    depth += 1;
                }
            }
        }
    }

    /// Turns a full bucket into a branch with buckets.
    fn burst(&mut self, link: Link, bucket: usize, depth: usize, names: &mut KeyNames) {
        let Some(full) = self.buckets.get_mut(bucket).map(std::mem::take) else { return };
        self.free_bucket(bucket);
        let rest = |id: KeyId| names.get(id).get(depth..).unwrap_or_default();
        let first = full.ids.first().map_or(&[][..], |id| rest(*id));
        let shared = full.ids.iter().map(|id| common(first, rest(*id))).min().unwrap_or(0);
        let mut branch = Branch::new(first.get(..shared).unwrap_or_default());
        let mut end = None;
        for (id, print) in full.ids.iter().zip(&full.prints) {
            let Some(byte) = names.get(*id).get(depth + shared).copied() else {
                end = Some(*id);
                continue;
            };
            let child = match branch.child(byte).and_then(|at| branch.children.get(at)) {
                Some(child) => *child,
                None => {
                    let child = self.new_bucket();
                    branch.add(byte, child);
                    child
                }
            };
            self.push(child, *id, *print, names);
        }
        let at = self.new_branch(branch);
        if let Some(end) = end {
            self.end_at(at, end, names);
        }
        self.set(link, Node::branch(at));
    }

    /// An id ends at a branch.
    fn end_at(&mut self, at: usize, id: KeyId, names: &mut KeyNames) {
        if let Some(branch) = self.branches.get_mut(at) {
            branch.end = id;
            names.set_node(id, Node::branch(at));
        }
    }

    /// Puts a branch with the first bytes of a label above the branch that keeps the others.
    /// Gives the upper one.
    fn split_label(&mut self, link: Link, lower: usize, agree: usize) -> usize {
        let mut upper = Branch::new(b"");
        if let Some(lower_branch) = self.branches.get_mut(lower) {
            let label = std::mem::take(&mut lower_branch.label);
            let (shared, own) = label.split_at(agree);
            upper.label = shared.into();
            if let Some((byte, own)) = own.split_first() {
                lower_branch.label = own.into();
                upper.add(*byte, Node::branch(lower));
            }
        }
        let at = self.new_branch(upper);
        self.set(link, Node::branch(at));
        at
    }

    /// Takes out the branches at the end of the way that lead nowhere any more.
    fn prune(&mut self, way: &[Link]) {
        for link in way.iter().rev() {
            let Kind::Branch(at) = self.at(*link).kind() else { return };
            let Some(branch) = self.branches.get_mut(at) else { return };
            if branch.end != NO_KEY || !branch.children.is_empty() {
                return;
            }
            *branch = Branch::new(b"");
            self.free_branches.push(at);
            self.cut(*link);
        }
    }

    fn at(&self, link: Link) -> Node {
        match link {
            Link::Root => self.root,
            Link::Child { branch, at } => {
                let branch = self.branches.get(branch);
                branch.and_then(|branch| branch.children.get(at)).copied().unwrap_or(NONE)
            }
        }
    }

    fn set(&mut self, link: Link, node: Node) {
        match link {
            Link::Root => self.root = node,
            Link::Child { branch, at } => {
                let branch = self.branches.get_mut(branch);
                if let Some(child) = branch.and_then(|branch| branch.children.get_mut(at)) {
                    *child = node;
                }
            }
        }
    }

    fn cut(&mut self, link: Link) {
        match link {
            Link::Root => self.root = NONE,
            Link::Child { branch, at } => {
                if let Some(branch) = self.branches.get_mut(branch) {
                    branch.bytes.remove(at);
                    branch.children.remove(at);
                }
            }
        }
    }

    fn push(&mut self, node: Node, id: KeyId, print: Print, names: &mut KeyNames) {
        if let Kind::Bucket(at) = node.kind()
            && let Some(bucket) = self.buckets.get_mut(at)
        {
            bucket.push(id, print);
            names.set_node(id, node);
        }
    }

    fn new_bucket(&mut self) -> Node {
        let at = self.free_buckets.pop().unwrap_or_else(|| self.buckets.push(Bucket::default()));
        Node::bucket(at)
    }

    fn free_bucket(&mut self, at: usize) {
        self.free_buckets.push(at);
        self.shape = self.shape.wrapping_add(1);
    }

    fn new_branch(&mut self, branch: Branch) -> usize {
        let Some(at) = self.free_branches.pop() else { return self.branches.push(branch) };
        if let Some(free) = self.branches.get_mut(at) {
            *free = branch;
        }
        at
    }
}
