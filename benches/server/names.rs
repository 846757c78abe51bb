//! Key names of 32 bytes, in an order that is not that of their creation.

/// Coprime to every number of keys that is used, so that its multiples visit them all.
const STRIDE: usize = 736_878_749;

/// A place from `0..count` for each of `0..count`, all over the range.
pub fn scattered(at: usize, count: usize) -> usize {
    (at * STRIDE) % count
}

/// Digits without a pattern.
pub fn noise(number: usize) -> u64 {
    (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

/// A name as caches have them: what it is, whose, and of what.
pub fn item(number: usize) -> Vec<u8> {
    format!("app:user:{number:08}:item:{:09x}", noise(number) & 0xF_FFFF_FFFF).into_bytes()
}

/// Names of 32 bytes that all share `prefix`, for each group.
pub fn grouped(prefix: &str, group: usize, number: usize) -> Vec<u8> {
    let head = format!("{prefix}{group:04}:{number:08}:");
    let width = 32_usize.saturating_sub(head.len());
    format!("{head}{:0width$x}", noise(number) & ((1 << (4 * width.min(11))) - 1)).into_bytes()
}
