//! Where values lie in JSON: `userId`, `product.id`, `tags[0]`, `items[*].sku`, `/items/0/sku`.
//!
//! Three readers, each taking what the one before takes:
//!
//! * [`Path::parse`]: fields and places in arrays. One value at most.
//! * [`Path::parse_many`]: also `[*]`, every element of an array, and JSON pointers (RFC 6901).
//! * [`Path::parse_from_item`]: also where to start, for the paths of mappings: `.` is the item
//!   itself, `^` one level out (`^.^` two), `$` the whole payload.

use std::cell::Cell;
use std::fmt;

use serde_json::Value;

/// Longest path, in steps: deeper than real payloads, shallow enough to walk for nothing.
const PATH_MAX_STEPS: usize = 32;

/// Where a value lies, or with `[*]` where some do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    start: Start,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The innermost level.
    Here,
    /// So many levels further out.
    Out(usize),
    /// The outermost level.
    Whole,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    /// Every element of an array.
    Each,
    /// Of a JSON pointer: a field, or a place in an array.
    Token(String),
}

impl Step {
    /// The value one step further; [`Step::Each`] leads to none by itself.
    fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Field(name) => value.get(name),
            Self::Index(at) => value.get(at),
            Self::Each => None,
            Self::Token(token) => match value {
                Value::Array(list) => list.get(index(token)?),
                _ => value.get(token),
            },
        }
    }
}

/// A place in an array; leading zeros are refused, as in JSON pointers.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with('0');
    let digits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    if plain && digits { token.parse().ok() } else { None }
}

impl Path {
    /// Reads a path to one value. `None` when it is not one: an empty step, a bad index, `[*]`,
    /// or too many steps.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(Start::Here, dotted(text)?).filter(|path| !path.is_many())
    }

    /// Reads a path that may lead to many values, or a JSON pointer.
    pub fn parse_many(text: &str) -> Option<Self> {
        let steps = if text.starts_with('/') { pointer(text)? } else { dotted(text)? };
        Self::of(Start::Here, steps)
    }

    /// Reads a path that may start at another level; see the module.
    pub fn parse_from_item(text: &str) -> Option<Self> {
        if text == "." {
            return Self::of(Start::Here, vec![]);
        }
        let mut words = text.split('.');
        let first = words.next().unwrap_or_default();
        let start = match first {
            "$" => Start::Whole,
            "^" => Start::Out(1 + words.clone().take_while(|word| *word == "^").count()),
            _ if first.starts_with("^[") || first.starts_with("$[") => return None,
            _ => return Self::parse_many(text),
        };
        let taken = if let Start::Out(levels) = start { 2 * levels - 1 } else { 1 };
        let rest = text.get(taken..)?;
        let steps = if rest.is_empty() { vec![] } else { dotted(rest.strip_prefix('.')?)? };
        Self::of(start, steps)
    }

    fn of(start: Start, steps: Vec<Step>) -> Option<Self> {
        let levels = if let Start::Out(levels) = start { levels } else { 0 };
        (steps.len() + levels <= PATH_MAX_STEPS).then_some(Self { start, steps })
    }

    /// Whether it may lead to several values.
    pub fn is_many(&self) -> bool {
        self.steps.contains(&Step::Each)
    }

    /// Whether it is the name of a field and nothing more.
    pub fn is_field(&self) -> bool {
        self.start == Start::Here && matches!(self.steps.as_slice(), [Step::Field(_)])
    }

    /// Whether it leads further in from where it starts, and starts nowhere else than at the item.
    pub fn leads_inward(&self) -> bool {
        self.start == Start::Here && !self.steps.is_empty()
    }

    /// The same path below the field `parent` of where it starts.
    pub fn below(&self, parent: &str) -> Self {
        let parent = match self.is_pointer() {
            true => Step::Token(parent.to_owned()),
            false => Step::Field(parent.to_owned()),
        };
        let steps = std::iter::once(parent).chain(self.steps.iter().cloned()).collect();
        Self { start: self.start, steps }
    }

    fn is_pointer(&self) -> bool {
        matches!(self.steps.first(), Some(Step::Token(_)))
    }
}

fn dotted(text: &str) -> Option<Vec<Step>> {
    let mut steps = vec![];
    for part in text.split('.') {
        let (name, mut indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() || name.contains([']', '{', '}', '|']) {
            return None;
        }
        steps.push(Step::Field(name.to_owned()));
        while let Some(rest) = indices.strip_prefix('[') {
            let (inside, after) = rest.split_once(']')?;
            let digits = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(match inside {
                "*" => Step::Each,
                _ if digits => Step::Index(inside.parse().ok()?),
                _ => return None,
            });
            indices = after;
        }
        if !indices.is_empty() {
            return None;
        }
    }
    Some(steps)
}

fn pointer(text: &str) -> Option<Vec<Step>> {
    text.split('/').skip(1).map(|token| unescaped(token).map(Step::Token)).collect()
}

/// `~1` is `/` and `~0` is `~`; any other `~` is a fault.
fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part.strip_prefix('0') {
            Some(rest) => ('~', rest),
            None => ('/', part.strip_prefix('1')?),
        };
        out.push(sign);
        out.push_str(rest);
    }
    Some(out)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        match self.start {
            Start::Here if self.steps.is_empty() => write!(f, ".")?,
            Start::Here => {}
            Start::Out(levels) => {
                write!(f, "{}", vec!["^"; levels].join("."))?;
                is_first = false;
            }
            Start::Whole => {
                write!(f, "$")?;
                is_first = false;
            }
        }
        for step in &self.steps {
            match step {
                Step::Field(name) if is_first => write!(f, "{name}")?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Each => write!(f, "[*]")?,
                Step::Token(token) => {
                    write!(f, "/{}", token.replace('~', "~0").replace('/', "~1"))?;
                }
            }
            is_first = false;
        }
        Ok(())
    }
}

/// How much may be looked at, so that no document and no payload holds the server up: a look is a
/// value, or 16 bytes that a test reads.
#[derive(Debug)]
pub struct Looks {
    left: Cell<u64>,
}

/// Bytes of text that count as one look.
const BYTES_PER_LOOK: usize = 16;

impl Looks {
    /// So many may be spent.
    pub fn of(limit: u64) -> Self {
        Self { left: Cell::new(limit) }
    }

    /// Without a limit: what is looked at is bounded otherwise.
    pub fn unlimited() -> Self {
        Self::of(u64::MAX)
    }

    /// Whether all are spent: then what was found may not be all.
    pub fn are_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Spends one and those for reading `bytes` of text; says whether there are more.
    pub fn spend(&self, bytes: usize) -> bool {
        let looks = 1 + (bytes / BYTES_PER_LOOK) as u64;
        self.left.set(self.left.get().saturating_sub(looks));
        !self.are_spent()
    }
}

/// The values that paths start from: the whole payload, and level by level what is inside.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p, 'a> {
    levels: &'p [&'a Value],
    looks: &'p Looks,
}

impl<'p, 'a> Place<'p, 'a> {
    /// The last of `levels` is where paths start when they do not say otherwise.
    pub fn new(levels: &'p [&'a Value], looks: &'p Looks) -> Self {
        Self { levels, looks }
    }

    /// What may be spent.
    pub fn looks(&self) -> &'p Looks {
        self.looks
    }

    /// Where paths start when they do not say otherwise.
    pub fn item(&self) -> Option<&'a Value> {
        self.levels.last().copied()
    }

    /// The first value at `path`; `None` when a step of it is not there.
    pub fn first(&self, path: &Path) -> Option<&'a Value> {
        let mut found = None;
        self.any(path, |value| {
            found = Some(value);
            true
        });
        found
    }

    /// Whether `test` is true of a value at `path`. Looks no further then.
    pub fn any(&self, path: &Path, mut test: impl FnMut(&'a Value) -> bool) -> bool {
        let (inner, outer) = match path.start {
            Start::Here => (0, None),
            Start::Out(levels) => (levels, None),
            Start::Whole => (0, self.levels.first()),
        };
        let start = outer.or_else(|| self.levels.iter().rev().nth(inner));
        let spent = !self.looks.spend(0);
        start.is_some_and(|start| !spent && walk(start, &path.steps, self.looks, &mut test))
    }
}

fn walk<'a>(
    value: &'a Value,
    steps: &[Step],
    looks: &Looks,
    test: &mut impl FnMut(&'a Value) -> bool,
) -> bool {
    let Some((step, rest)) = steps.split_first() else { return test(value) };
    match (step, value) {
        (Step::Each, Value::Array(list)) => {
            let mut some = list.iter().take_while(|_| looks.spend(0));
            some.any(|value| walk(value, rest, looks, test))
        }
        (step, value) => step.of(value).is_some_and(|value| walk(value, rest, looks, test)),
    }
}

/// Goes to each place that `path` leads to from the last of `levels`. Each `[*]` is a level, and
/// so is what follows the last. Where a path starts is of no account here.
///
/// # Errors
/// As `visit`; then no further place is visited.
pub fn for_each_place<'a, E>(
    levels: &mut Vec<&'a Value>,
    path: &Path,
    looks: &Looks,
    visit: &mut impl FnMut(&mut Vec<&'a Value>) -> Result<(), E>,
) -> Result<(), E> {
    descend(levels, &path.steps, looks, visit)
}

fn descend<'a, E>(
    levels: &mut Vec<&'a Value>,
    steps: &[Step],
    looks: &Looks,
    visit: &mut impl FnMut(&mut Vec<&'a Value>) -> Result<(), E>,
) -> Result<(), E> {
    let plain = steps.iter().position(|step| *step == Step::Each).unwrap_or(steps.len());
    let (before, from) = steps.split_at_checked(plain).unwrap_or((steps, &[]));
    let Some(start) = levels.last().copied() else { return Ok(()) };
    let Some(value) = before.iter().try_fold(start, |value, step| step.of(value)) else {
        return Ok(());
    };
    let Some((_, rest)) = from.split_first() else {
        levels.push(value);
        let visited = visit(levels);
        levels.pop();
        return visited;
    };
    for element in value.as_array().into_iter().flatten().take_while(|_| looks.spend(0)) {
        levels.push(element);
        let visited =
            if rest.is_empty() { visit(levels) } else { descend(levels, rest, looks, visit) };
        levels.pop();
        visited?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
