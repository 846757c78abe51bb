//! The oracle: the grammar read straight through, one byte at a time, by trial.

pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let Some((&byte, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    match byte {
        b'*' => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        b'?' => !name.is_empty() && matches(rest, &name[1..]),
        b'[' => {
            !name.is_empty()
                && class(rest, name[0]).is_some_and(|(hit, rest)| hit && matches(rest, &name[1..]))
        }
        b'\\' if !rest.is_empty() => {
            name.first() == Some(&rest[0]) && matches(&rest[1..], &name[1..])
        }
        _ => name.first() == Some(&byte) && matches(rest, &name[1..]),
    }
}

fn class(pattern: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let not = pattern.first() == Some(&b'^');
    let mut at = usize::from(not);
    let mut hit = false;
    loop {
        match pattern.get(at)? {
            b'\\' if at + 1 < pattern.len() => {
                hit |= pattern[at + 1] == byte;
                at += 2;
            }
            b']' => return Some((hit != not, &pattern[at + 1..])),
            &from if pattern.get(at + 1) == Some(&b'-') && at + 2 < pattern.len() => {
                let (from, to, byte) = (from as i8, pattern[at + 2] as i8, byte as i8);
                hit |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            &other => {
                hit |= other == byte;
                at += 1;
            }
        }
    }
}
