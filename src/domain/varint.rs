//! Numbers of few bytes (LEB128) and names with their length, as snapshots write them.

/// Seven bits a byte, the lowest first.
pub(super) fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number at the start of `rest`, which it is taken off.
pub(super) fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Length and bytes.
pub(super) fn write_name(name: &[u8], out: &mut Vec<u8>) {
    write_number(name.len() as u64, out);
    out.extend_from_slice(name);
}

/// The name at the start of `rest`, which it is taken off.
pub(super) fn read_name<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(read_number(rest)?).ok()?;
    let (name, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u64, name in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = vec![];
            write_number(number, &mut bytes);
            write_name(&name, &mut bytes);
            let mut rest = &bytes[..];
            prop_assert_eq!(read_number(&mut rest), Some(number));
            prop_assert_eq!(read_name(&mut rest), Some(&name[..]));
            prop_assert!(rest.is_empty());
            for cut in 0..bytes.len() {
                let mut rest = &bytes[..cut];
                let whole = read_number(&mut rest).is_some() && read_name(&mut rest).is_some();
                prop_assert!(!whole);
            }
        }
    }
}
