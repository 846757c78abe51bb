//! What a pattern of single bytes and gaps looks for: every glob, and most regexes.
//!
//! A gap takes any bytes. Between two gaps stands a segment of fixed width; the first segment
//! is anchored at the start, the last at the end, the others are found leftmost. That needs no
//! backtracking, so a match costs at most `name bytes x pattern bytes` steps and no recursion
//! (the server met both as CVE-2024-31228). The steps are counted, for the budget of a plan.

/// To start a search for a literal; its bytes and those that are passed come to that.
const SEARCH_STEPS: u64 = 32;

/// To compare a literal, and for how many of its bytes another step is counted.
const LITERAL_STEPS: u64 = 7;
const LITERAL_BYTES_PER_STEP: usize = 16;

/// To compare one byte with anything else.
const BYTE_STEPS: u64 = 2;

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Dot, Hir, Repetition};

/// Segments with a gap between each two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    segments: Vec<Segment>,
}

/// So many bytes, each literal, free or of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    atoms: Vec<Atom>,
    width: usize,
}

/// A part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    /// These bytes.
    Literal(Vec<u8>),
    /// Any one byte.
    Any,
    /// One byte of the set.
    Class(Box<ByteSet>),
}

/// A set of bytes: bit `b % 64` of word `b / 64`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word & (1 << (byte & 63)) != 0)
    }

    /// Whether no byte is missing.
    pub(super) fn is_all(&self) -> bool {
        self.0.iter().all(|word| *word == u64::MAX)
    }

    fn ranges(&self) -> impl Iterator<Item = ClassBytesRange> {
        let bytes = (0..=u8::MAX).filter(|byte| self.contains(*byte));
        bytes.map(|byte| ClassBytesRange::new(byte, byte))
    }

    pub(super) fn invert(&mut self) {
        for word in &mut self.0 {
            *word = !*word;
        }
    }
}

/// Puts a shape together from left to right.
#[derive(Debug, Default)]
pub(super) struct Builder {
    segments: Vec<Segment>,
    segment: Segment,
}

impl Builder {
    pub(super) fn literal(&mut self, byte: u8) {
        if let Some(Atom::Literal(run)) = self.segment.atoms.last_mut() {
            run.push(byte);
        } else {
            self.segment.atoms.push(Atom::Literal(vec![byte]));
        }
        self.segment.width += 1;
    }

    pub(super) fn any(&mut self) {
        self.atom(Atom::Any);
    }

    pub(super) fn class(&mut self, set: ByteSet) {
        self.atom(Atom::Class(Box::new(set)));
    }

    fn atom(&mut self, atom: Atom) {
        self.segment.atoms.push(atom);
        self.segment.width += 1;
    }

    pub(super) fn gap(&mut self) {
        self.segments.push(std::mem::take(&mut self.segment));
    }

    pub(super) fn finish(mut self) -> Shape {
        self.segments.push(self.segment);
        Shape { segments: self.segments }
    }
}

impl Atom {
    fn steps(&self) -> u64 {
        match self {
            Self::Literal(run) => LITERAL_STEPS + (run.len() / LITERAL_BYTES_PER_STEP) as u64,
            Self::Any | Self::Class(_) => BYTE_STEPS,
        }
    }
}

impl Segment {
    /// Whether `text`, which has the segment's width, matches.
    fn matches(&self, mut text: &[u8], steps: &mut u64) -> bool {
        for atom in &self.atoms {
            *steps += atom.steps();
            let rest = match atom {
                Atom::Literal(run) => text.strip_prefix(run.as_slice()),
                Atom::Any => text.split_first().map(|(_, rest)| rest),
                Atom::Class(set) => text
                    .split_first()
                    .filter(|(byte, _)| set.contains(**byte))
                    .map(|(_, rest)| rest),
            };
            let Some(rest) = rest else { return false };
            text = rest;
        }
        text.is_empty()
    }

    /// What follows the leftmost match in `text`.
    fn find<'t>(&self, text: &'t [u8], steps: &mut u64) -> Option<&'t [u8]> {
        if let [Atom::Literal(run)] = self.atoms.as_slice() {
            let at = memchr::memmem::find(text, run);
            *steps += SEARCH_STEPS + (run.len() + at.unwrap_or(text.len())) as u64;
            return text.get(at? + self.width..);
        }
        let last = text.len().checked_sub(self.width)?;
        (0..=last)
            .find(|at| text.get(*at..*at + self.width).is_some_and(|t| self.matches(t, steps)))
            .and_then(|at| text.get(at + self.width..))
    }
}

impl Atom {
    fn to_hir(&self) -> Hir {
        match self {
            Self::Literal(run) => Hir::literal(run.as_slice()),
            Self::Any => Hir::dot(Dot::AnyByte),
            Self::Class(set) => Hir::class(Class::Bytes(ClassBytes::new(set.ranges()))),
        }
    }
}

/// Any bytes, in the words of regexes.
pub(super) fn gap() -> Hir {
    let sub = Box::new(Hir::dot(Dot::AnyByte));
    Hir::repetition(Repetition { min: 0, max: None, greedy: true, sub })
}

impl Shape {
    /// The same in the words of regexes, for the whole name.
    pub(super) fn to_hir(&self) -> Hir {
        let mut parts = vec![];
        for (at, segment) in self.segments.iter().enumerate() {
            parts.extend((at > 0).then(gap));
            parts.extend(segment.atoms.iter().map(Atom::to_hir));
        }
        Hir::concat(parts)
    }

    /// Whether the whole of `name` matches.
    pub(super) fn matches(&self, name: &[u8], steps: &mut u64) -> bool {
        let Some((first, others)) = self.segments.split_first() else {
            return name.is_empty();
        };
        let Some((last, middle)) = others.split_last() else {
            return first.width == name.len() && first.matches(name, steps);
        };
        if name.len() < first.width + last.width {
            return false;
        }
        let (head, rest) = name.split_at(first.width);
        let (mut body, tail) = rest.split_at(rest.len() - last.width);
        if !first.matches(head, steps) || !last.matches(tail, steps) {
            return false;
        }
        for segment in middle {
            let Some(after) = segment.find(body, steps) else { return false };
            body = after;
        }
        true
    }

    /// What the shape takes in memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        let of_atom = |atom: &Atom| match atom {
            Atom::Literal(run) => run.capacity(),
            Atom::Any => 0,
            Atom::Class(_) => size_of::<ByteSet>(),
        };
        let of_segment = |segment: &Segment| {
            segment.atoms.capacity() * size_of::<Atom>()
                + segment.atoms.iter().map(of_atom).sum::<usize>()
        };
        self.segments.capacity() * size_of::<Segment>()
            + self.segments.iter().map(of_segment).sum::<usize>()
    }

    /// The bytes that every match starts with.
    pub(super) fn literal_prefix(&self) -> &[u8] {
        match self.segments.first().and_then(|segment| segment.atoms.first()) {
            Some(Atom::Literal(run)) => run,
            _ => b"",
        }
    }

    /// How many bytes are literal.
    pub(super) fn literal_bytes(&self) -> usize {
        let of_atom = |atom: &Atom| match atom {
            Atom::Literal(run) => run.len(),
            Atom::Any | Atom::Class(_) => 0,
        };
        self.segments.iter().flat_map(|segment| &segment.atoms).map(of_atom).sum()
    }

    /// The longest literal that every match holds.
    pub(super) fn needle(&self) -> &[u8] {
        let mut longest: &[u8] = b"";
        for atom in self.segments.iter().flat_map(|segment| &segment.atoms) {
            if let Atom::Literal(run) = atom
                && run.len() > longest.len()
            {
                longest = run;
            }
        }
        longest
    }

    /// The one name that matches, if there is no gap and nothing but literals.
    pub(super) fn as_exact(&self) -> Option<&[u8]> {
        match self.segments.as_slice() {
            [only] if only.width == self.literal_prefix().len() => Some(self.literal_prefix()),
            _ => None,
        }
    }

    /// Whether the shape is a literal and a gap: the names with that prefix are its matches.
    pub(super) fn is_prefix(&self) -> bool {
        match self.segments.as_slice() {
            [head, tail] => head.width == self.literal_prefix().len() && tail.width == 0,
            _ => false,
        }
    }
}
