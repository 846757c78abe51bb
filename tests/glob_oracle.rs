//! Globs mean what they mean to the server: `KEYS pattern` is the oracle.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;

use redis::Value;
use support::{Client, Server, field};

/// Other seeds work as well; this one is fixed so that a failure stays.
const SEED: u64 = 0x1a7b_0b5e;
const NAMES: usize = 400;
const PATTERNS: usize = 5000;

/// All that the grammar knows, some text, NUL and bytes beyond ASCII.
const SIGNS: &[u8] = b"aabb:*?[]^-\\\0\n\x7f\x80\xe9\xff";

/// The server compares the ends of a range as `char`, which has a sign on x86-64 alone; there
/// the module means the same, elsewhere ranges of bytes beyond ASCII differ.
const RANGE_ENDS: &[u8] =
    if cfg!(target_arch = "x86_64") { b"ab[]^-\\\0\x7f\x80\xe9\xff" } else { b"ab[]^-\\\0\x7f" };

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn one_of(&mut self, bytes: &[u8]) -> u8 {
        bytes[self.below(bytes.len())]
    }

    fn byte(&mut self) -> u8 {
        if self.below(4) == 0 { self.below(256) as u8 } else { self.one_of(SIGNS) }
    }

    fn name(&mut self) -> Vec<u8> {
        let length = 1 + self.below(6);
        (0..length).map(|_| self.byte()).collect()
    }

    /// A pattern of random items.
    fn pattern(&mut self) -> Vec<u8> {
        let mut pattern = vec![];
        for _ in 0..self.below(6) {
            self.item(&mut pattern);
        }
        pattern
    }

    /// A name of which some bytes became items: it often matches.
    fn pattern_of(&mut self, name: &[u8]) -> Vec<u8> {
        let mut pattern = vec![];
        for &byte in name {
            match self.below(8) {
                0..4 => pattern.extend([b'\\', byte]),
                4 => pattern.push(byte),
                5 => self.class(&[byte], &mut pattern),
                _ => self.item(&mut pattern),
            }
        }
        pattern
    }

    fn item(&mut self, pattern: &mut Vec<u8>) {
        match self.below(8) {
            0..3 => pattern.push(b'*'),
            3 => pattern.push(b'?'),
            4..6 => self.class(b"", pattern),
            6 => pattern.extend([b'\\', self.byte()]),
            _ => pattern.push(self.byte()),
        }
    }

    /// A class with these members among others.
    fn class(&mut self, members: &[u8], pattern: &mut Vec<u8>) {
        pattern.extend_from_slice([&b"["[..], b"[", b"[^"][self.below(3)]);
        for _ in 0..self.below(4) {
            match self.below(4) {
                0 => pattern.push(self.byte()),
                1 => pattern.extend([b'\\', self.byte()]),
                _ => pattern.extend([self.one_of(RANGE_ENDS), b'-', self.one_of(RANGE_ENDS)]),
            }
        }
        pattern.extend_from_slice(members);
        // Now and then it stays open.
        if self.below(20) != 0 {
            pattern.push(b']');
        }
    }
}

fn names_of(value: &Value) -> BTreeSet<Vec<u8>> {
    let Value::Array(items) = value else { panic!("{value:?} is no list") };
    let name = |item: &Value| match item {
        Value::BulkString(bytes) => bytes.clone(),
        other => panic!("{other:?} is no name"),
    };
    items.iter().map(name).collect()
}

fn keys_of_server(client: &mut Client, pattern: &[u8]) -> BTreeSet<Vec<u8>> {
    names_of(&client.call(&[b"KEYS", pattern]).unwrap())
}

fn keys_of_module(client: &mut Client, pattern: &[u8]) -> Result<BTreeSet<Vec<u8>>, String> {
    let reply = client.call(&[b"INVAL.PURGE", b"GLOB", pattern, b"DRYRUN", b"KEYS"])?;
    Ok(names_of(field(&reply, "keys")))
}

#[test]
fn a_purge_takes_the_keys_that_keys_lists() {
    let server = Server::start();
    let mut client = server.client();
    let mut random = Random(SEED);
    let mut names: Vec<Vec<u8>> = vec![];
    while names.len() < NAMES {
        names.push(random.name());
        client.call(&[b"SET", &names[names.len() - 1], b"v"]).unwrap();
    }

    let (mut refused, mut telling) = (0, 0);
    for at in 0..PATTERNS {
        let pattern = match at % 2 {
            0 => random.pattern(),
            _ => {
                let name = names[random.below(names.len())].clone();
                random.pattern_of(&name)
            }
        };
        let expected = keys_of_server(&mut client, &pattern);
        match keys_of_module(&mut client, &pattern) {
            Ok(found) => {
                assert_eq!(found, expected, "seed {SEED}: '{}'", pattern.escape_ascii());
                telling += usize::from(!found.is_empty() && found.len() < names.len() / 2);
            }
            Err(error) => {
                assert!(error.starts_with("ERR unclosed '['"), "{error}");
                refused += 1;
            }
        }
    }
    println!(
        "glob oracle: seed {SEED}, {NAMES} names, {PATTERNS} patterns: {refused} refused as unclosed, {telling} matched some names but not most, all as KEYS"
    );
    assert!(refused < PATTERNS / 5 && telling > PATTERNS / 3);
    client.assert_sound();
}

#[test]
fn the_empty_name_is_taken_by_any_run_of_stars() {
    let server = Server::start();
    let mut client = server.client();
    client.set_all(&["", "a"]);
    for pattern in [&b""[..], b"*", b"?*", b"a**", b"[^a]"] {
        let expected = keys_of_server(&mut client, pattern);
        assert_eq!(keys_of_module(&mut client, pattern), Ok(expected));
    }
    // The one pattern that KEYS reads otherwise: it lists no empty name here.
    assert_eq!(keys_of_server(&mut client, b"**").len(), 1);
    assert_eq!(keys_of_module(&mut client, b"**").unwrap().len(), 2);
}
