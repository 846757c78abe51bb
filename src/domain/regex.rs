//! Regular expressions over key names.
//!
//! Most of those that rules hold (`^badges:user:.*:list$`) are globs in other words. They are
//! matched as such, which is faster than any engine and takes no memory of an engine. The
//! others go to the engine of the `regex` crate.

use std::sync::{Arc, OnceLock};

use regex_automata::meta::{self, Regex as Engine};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use super::budget::Work;
use super::engine_cost::EngineCost;
use super::error::{Error, Result};
use super::name::NameList;
use super::shape::{Builder, ByteSet, Shape, gap};

/// Longest regex, in bytes of source. Real patterns are under 100.
pub const REGEX_MAX_BYTES: usize = 1024;

/// Largest compiled regex, in bytes: `(a{1000}){1000}` is short and would take gigabytes.
/// Ordinary ones take 1 to 5 thousand, with classes of all Unicode letters 100 thousand.
pub const REGEX_MAX_COMPILED_BYTES: usize = 1 << 20;

/// Most memory, in bytes, of what an engine learns while it matches, per direction; then it
/// starts afresh. Ordinary regexes use 2 thousand, those with all Unicode letters 60 thousand.
const ENGINE_CACHE_BYTES: usize = 256 << 10;

/// To start the engine.
const ENGINE_STEPS: u64 = 64;

/// An engine that does not remember its states goes through those of the regex for each byte:
/// a step for so many bytes of them.
const ENGINE_BYTES_PER_STEP: usize = 4;

/// Most bytes and gaps of a regex that is matched as a glob: as of the longest glob.
const SHAPE_MAX_PARTS: usize = super::glob::GLOB_MAX_BYTES;

/// A compiled expression. A clone shares it, and what the engine keeps between two matches.
#[derive(Clone, Debug)]
pub struct Regex(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: Box<str>,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Shape(Shape),
    Engine {
        engine: Engine,
        prefix: Box<[u8]>,
        needle: Box<[u8]>,
        cost: OnceLock<Option<Box<EngineCost>>>,
    },
}

impl Regex {
    /// Reads and compiles an expression.
    ///
    /// # Errors
    /// Bad syntax, with what is wrong; an expression too long or too large when compiled.
    pub fn parse(source: &[u8]) -> Result<Self> {
        if source.len() > REGEX_MAX_BYTES {
            return Err(Error::PatternTooLong { bytes: source.len(), limit: REGEX_MAX_BYTES });
        }
        let text = std::str::from_utf8(source)
            .map_err(|_| Error::NotUtf8 { what: "regex", name: source.into() })?;
        let hir = parse(text).map_err(|error| Error::RegexSyntax {
            regex: text.to_owned(),
            why: last_line(&error.to_string()),
        })?;
        let matcher = match shape(&hir) {
            Some(shape) => Matcher::Shape(shape),
            None => {
                let implicit = WhichCaptures::Implicit;
                let engine = compile(text, &hir, implicit, REGEX_MAX_COMPILED_BYTES)?;
                let start = common_start(&hir);
                let anchored = hir.properties().look_set_prefix().contains(Look::Start);
                let prefix = if anchored { start.clone().into() } else { Box::default() };
                let needle = needle(&hir, start);
                Matcher::Engine { engine, prefix, needle, cost: OnceLock::new() }
            }
        };
        Ok(Self(Arc::new(Compiled { source: text.into(), matcher })))
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// What the compiled expression takes in memory, in bytes.
    pub fn memory(&self) -> usize {
        self.0.source.len()
            + match &self.0.matcher {
                Matcher::Shape(shape) => shape.memory(),
                Matcher::Engine { engine, prefix, needle, .. } => {
                    engine.memory_usage() + prefix.len() + needle.len()
                }
            }
    }

    /// Whether the expression is found in `name`.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.matches_counting(name, &mut Work::default())
    }

    /// The same; adds what it took.
    pub(super) fn matches_counting(&self, name: &[u8], work: &mut Work) -> bool {
        match &self.0.matcher {
            Matcher::Shape(shape) => shape.matches(name, &mut work.steps),
            Matcher::Engine { engine, needle, .. } => {
                work.steps += (needle.len() + name.len()) as u64;
                if memchr::memmem::find(name, needle).is_none() {
                    return false;
                }
                work.steps += ENGINE_STEPS;
                work.engine_bytes += name.len() as u64;
                engine.is_match(name)
            }
        }
    }

    /// Steps that the engine takes for a byte when its memory does not hold its states.
    pub(super) fn engine_weight_max(&self) -> u64 {
        match &self.0.matcher {
            Matcher::Shape(_) => 0,
            Matcher::Engine { engine, .. } => {
                1 + (engine.memory_usage() / ENGINE_BYTES_PER_STEP) as u64
            }
        }
    }

    /// Steps that the engine takes for a byte of such names. Takes a tenth of a millisecond, and
    /// some more the first time.
    pub(super) fn engine_weight(&self, names: &NameList) -> u64 {
        let Matcher::Engine { cost, .. } = &self.0.matcher else { return 0 };
        let hir = || parse(&self.0.source).ok();
        let cost = cost.get_or_init(|| EngineCost::new(&hir()?, ENGINE_CACHE_BYTES).map(Box::new));
        let worst = self.engine_weight_max();
        cost.as_ref().map_or(worst, |cost| cost.steps_per_byte(names).min(worst))
    }

    /// What every name that matches starts with; empty if nothing is known.
    pub fn literal_prefix(&self) -> &[u8] {
        match &self.0.matcher {
            Matcher::Shape(shape) => shape.literal_prefix(),
            Matcher::Engine { prefix, .. } => prefix,
        }
    }

    /// The longest run known that every name that matches holds; may be empty.
    pub fn needle(&self) -> &[u8] {
        match &self.0.matcher {
            Matcher::Shape(shape) => shape.needle(),
            Matcher::Engine { needle, .. } => needle,
        }
    }

    /// The expression for the whole name. Where it is anchored at the start nothing may stand
    /// before it: else a name that cannot match any more would not be seen as such.
    pub(super) fn whole(&self) -> Option<Hir> {
        match &self.0.matcher {
            Matcher::Shape(shape) => Some(shape.to_hir()),
            Matcher::Engine { .. } => {
                let hir = parse(&self.0.source).ok()?;
                let is_anchored = hir.properties().look_set_prefix().contains(Look::Start);
                let before = if is_anchored { Hir::empty() } else { gap() };
                Some(Hir::concat(vec![before, hir, gap()]))
            }
        }
    }

    /// Whether every name with the literal prefix matches.
    pub fn is_prefix(&self) -> bool {
        matches!(&self.0.matcher, Matcher::Shape(shape) if shape.is_prefix())
    }

    /// The one name that matches, if that is known.
    pub fn as_exact(&self) -> Option<&[u8]> {
        match &self.0.matcher {
            Matcher::Shape(shape) => shape.as_exact(),
            Matcher::Engine { .. } => None,
        }
    }
}

fn parse(text: &str) -> std::result::Result<Hir, Box<regex_syntax::Error>> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .build()
        .parse(text)
        .map_err(Box::new)
}

pub(super) fn compile(
    text: &str,
    hir: &Hir,
    captures: WhichCaptures,
    limit: usize,
) -> Result<Engine> {
    // Without tables made in advance: a regex with placeholders is compiled for each event, and
    // that is 3 to 6 times faster so; the lazy tables match as fast. And without a search for
    // literals from which the engine looks backwards: in regex-automata 0.4.18 that finds
    // matches that are none.
    let config = meta::Config::new()
        .utf8_empty(false)
        .which_captures(captures)
        .nfa_size_limit(Some(limit))
        .hybrid_cache_capacity(ENGINE_CACHE_BYTES)
        .auto_prefilter(false)
        .dfa(false)
        .onepass(false);
    let too_large = || Error::RegexTooLarge { regex: text.to_owned(), limit };
    let built = meta::Builder::new().configure(config).build_from_hir(hir);
    let engine = built.map_err(|error| match error.size_limit() {
        Some(_) => too_large(),
        None => Error::RegexSyntax { regex: text.to_owned(), why: error.to_string() },
    })?;
    // The limit above is for one direction; the engine may want both.
    match engine.memory_usage() > limit {
        true => Err(too_large()),
        false => Ok(engine),
    }
}

/// The last line of a regex error is the sentence; the lines before draw an arrow.
pub(super) fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// What every match begins with, wherever in the name it stands; empty if unknown.
fn common_start(hir: &Hir) -> Vec<u8> {
    let literals = Extractor::new().extract(hir);
    literals.longest_common_prefix().unwrap_or_default().to_vec()
}

/// The longest literal that no match can be without: what all start with, or one further on.
fn needle(hir: &Hir, start: Vec<u8>) -> Box<[u8]> {
    let mut runs = Runs { run: vec![], longest: start };
    runs.follow(hir);
    runs.end();
    runs.longest.into()
}

/// Follows an expression through what every match passes.
struct Runs {
    /// What the match holds right before here.
    run: Vec<u8>,
    longest: Vec<u8>,
}

impl Runs {
    fn follow(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Literal(literal) => self.run.extend_from_slice(&literal.0),
            HirKind::Concat(subs) => subs.iter().for_each(|sub| self.follow(sub)),
            HirKind::Capture(capture) => self.follow(&capture.sub),
            // The first round stands right behind what was before; others may follow.
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                self.follow(&repetition.sub);
                self.end();
            }
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Class(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => self.end(),
        }
    }

    fn end(&mut self) {
        if self.run.len() > self.longest.len() {
            self.longest.clone_from(&self.run);
        }
        self.run.clear();
    }
}

/// What an expression is made of, as far as globs know it.
enum Part {
    Start,
    End,
    Byte(u8),
    Class(ByteSet),
    Any,
    Gap,
}

/// The shape with the same matches, if the expression is made of single bytes, `.*` and
/// anchors at its ends. Without an anchor, anything may stand there.
fn shape(hir: &Hir) -> Option<Shape> {
    let mut parts = vec![];
    push_parts(hir, &mut parts)?;
    let mut body = parts.as_slice();
    let mut builder = Builder::default();
    if let [Part::Start, ..] = body {
        while let [Part::Start, rest @ ..] = body {
            body = rest;
        }
    } else {
        builder.gap();
    }
    let mut ends = false;
    while let [rest @ .., Part::End] = body {
        (body, ends) = (rest, true);
    }
    for part in body {
        match part {
            // An anchor between bytes: never true, or not for every name. The engine knows.
            Part::Start | Part::End => return None,
            Part::Byte(byte) => builder.literal(*byte),
            Part::Class(set) => builder.class(set.clone()),
            Part::Any => builder.any(),
            Part::Gap => builder.gap(),
        }
    }
    if !ends {
        builder.gap();
    }
    Some(builder.finish())
}

/// Appends what `hir` is made of; nothing comes of it when it holds something else.
fn push_parts(hir: &Hir, parts: &mut Vec<Part>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => parts.extend(literal.0.iter().copied().map(Part::Byte)),
        HirKind::Class(class) => parts.push(one_byte(class)?),
        HirKind::Look(Look::Start) => parts.push(Part::Start),
        HirKind::Look(Look::End) => parts.push(Part::End),
        HirKind::Look(_) | HirKind::Alternation(_) => return None,
        HirKind::Capture(capture) => push_parts(&capture.sub, parts)?,
        HirKind::Concat(subs) => subs.iter().try_for_each(|sub| push_parts(sub, parts))?,
        HirKind::Repetition(repetition) => push_repetition(repetition, parts)?,
    }
    (parts.len() <= SHAPE_MAX_PARTS).then_some(())
}

/// `x{3}` is `xxx`; `.+` is one byte and a gap. No other repetition is a glob.
fn push_repetition(repetition: &Repetition, parts: &mut Vec<Part>) -> Option<()> {
    let before = parts.len();
    // Each round adds a part, so that the bound on parts is one on the rounds.
    for _ in 0..repetition.min {
        let round = parts.len();
        push_parts(&repetition.sub, parts)?;
        if parts.len() == round {
            return None;
        }
    }
    match repetition.max {
        Some(max) if max == repetition.min => Some(()),
        Some(_) => None,
        None => {
            parts.truncate(before);
            push_parts(&repetition.sub, parts)?;
            let [.., Part::Any] = parts.as_slice() else { return None };
            if parts.len() != before + 1 {
                return None;
            }
            parts.pop();
            parts.extend((0..repetition.min).map(|_| Part::Any));
            parts.push(Part::Gap);
            Some(())
        }
    }
}

/// A class of single bytes. In Unicode mode those beyond ASCII are several.
fn one_byte(class: &Class) -> Option<Part> {
    let bytes = match class {
        Class::Bytes(bytes) => bytes.clone(),
        Class::Unicode(chars) => chars.to_byte_class()?,
    };
    let mut set = ByteSet::default();
    for byte in bytes.iter().flat_map(|range| range.start()..=range.end()) {
        set.insert(byte);
    }
    Some(if set.is_all() { Part::Any } else { Part::Class(set) })
}

#[cfg(test)]
mod tests;
