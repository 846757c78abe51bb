//! Key names of the shapes that caches hold, the same in every run, and the one place of the
//! benches that walks the crate's index.

use std::ops::Range;

use inval::domain::State;
use inval::domain::key_table::KeyTable;
use inval::domain::name::{Db, NameList};
use inval::domain::pattern::Pattern;
use inval::domain::plan;
use inval::domain::request::Request;
use inval::domain::rule::Resolved;

/// What names look like. The `n`th name of a shape is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "no bench uses all of them")]
pub enum Shape {
    /// `product:00012345:detail:summary`, 31 bytes.
    Product,
    /// `badges:user:000012345:badge:list`, 32 bytes: long prefixes and endings in common.
    Badges,
    /// `6ba7b810-9dad-41d1-80b4-00c04fd430c8`, 36 bytes: nothing in common.
    Uuid,
    /// Two bytes of a table, then 6 to 9 random ones. Every second name is the one before it
    /// with three bytes more, so many names are prefixes of others; zero bytes are common.
    Binary,
}

impl Shape {
    pub fn name(self, n: u64) -> Vec<u8> {
        match self {
            Self::Product => format!("product:{n:08}:detail:summary").into_bytes(),
            Self::Badges => format!("badges:user:{n:09}:badge:list").into_bytes(),
            Self::Uuid => {
                let (high, low) = (mix(2 * n), mix(2 * n + 1));
                let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
                let (d, e) = (low >> 48, low & 0xffff_ffff_ffff);
                format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}").into_bytes()
            }
            Self::Binary => {
                let pair = n / 2;
                let mut name = ((pair % 1000) as u16).to_be_bytes().to_vec();
                let random = mix(pair).to_be_bytes();
                name.extend(&random[..6 + (pair % 2) as usize]);
                if n % 2 == 1 {
                    name.extend([0, random[7], 1]);
                }
                name
            }
        }
    }

    /// A prefix that about 1,000 of the first 1,000,000 names have; 244 of the uuids.
    pub fn prefix(self, n: u64) -> Vec<u8> {
        let bytes = match self {
            Self::Product => 8 + 5,
            Self::Badges => 12 + 6,
            Self::Uuid => 3,
            Self::Binary => 2,
        };
        self.name(n)[..bytes].to_vec()
    }

    /// The names of a range, in an order that is random and always the same.
    pub fn shuffled(self, range: Range<u64>) -> NameList {
        let mut order: Vec<u64> = range.collect();
        shuffle(&mut order);
        order.into_iter().map(|n| self.name(n)).fold(NameList::default(), |mut list, name| {
            list.push(&name);
            list
        })
    }
}

/// Fisher-Yates with a generator that starts the same each time.
pub fn shuffle<T>(list: &mut [T]) {
    for at in (1..list.len()).rev() {
        list.swap(at, (mix(at as u64 ^ 0x5eed) % (at as u64 + 1)) as usize);
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): well mixed, and one-to-one.
pub fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// The one database that is filled.
const DB: Db = Db(0);

/// The crate's index in its place: names come and go one by one, and plans walk it.
#[derive(Default)]
pub struct Index(State);

impl Index {
    /// The table of names.
    pub fn keys(&mut self) -> &mut KeyTable {
        &mut self.0.database_mut(DB).keys
    }

    /// The names that start with `prefix`, by the only way there is: a plan, which matches each
    /// name, marks it as taken and copies it.
    pub fn walk(&mut self, prefix: &[u8]) -> NameList {
        let target = Resolved::Pattern(Pattern::Prefix(prefix.into()));
        plan::build(&mut self.0, DB, Request::for_purge(vec![target], None)).unwrap().names
    }
}
