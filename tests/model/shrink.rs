//! Makes a failing history small: leaves out parts while it still fails.

use crate::live::parts;

/// The smallest history that was found to fail.
pub fn shrink(mut history: Vec<String>, fails: &mut impl FnMut(&[String]) -> bool) -> Vec<String> {
    loop {
        let before = history.join("\n");
        leave_out(&mut history, &mut *fails);
        for at in 0..history.len() {
            simplify(&mut history, at, &mut *fails);
        }
        if history.join("\n") == before {
            return history;
        }
    }
}

/// Leaves out chunks: halves first, single steps last.
fn leave_out(history: &mut Vec<String>, fails: &mut impl FnMut(&[String]) -> bool) {
    let mut size = history.len().div_ceil(2);
    while size > 0 {
        let mut end = history.len();
        while end > 0 {
            let start = end.saturating_sub(size);
            let without = [&history[..start], &history[end..]].concat();
            if fails(&without) {
                *history = without;
            }
            end = start;
        }
        size /= 2;
    }
}

/// Leaves out commands of a step, or takes its commands out of their transaction or script.
fn simplify(history: &mut [String], at: usize, fails: &mut impl FnMut(&[String]) -> bool) {
    'again: loop {
        let step = history[at].clone();
        let (kind, commands) = parts(&step);
        if kind.is_empty() {
            return;
        }
        let lines: Vec<&str> = step[kind.len() + 2..].split(" ; ").collect();
        let mut simpler = vec![];
        if lines.len() == 1 && commands[0][0] != "RESTORE" {
            simpler.push(lines[0].to_owned());
        }
        for out in (0..lines.len()).filter(|_| lines.len() > 1) {
            let rest = [&lines[..out], &lines[out + 1..]].concat();
            simpler.push(format!("{kind}: {}", rest.join(" ; ")));
        }
        for text in simpler {
            history[at] = text;
            if fails(history) {
                continue 'again;
            }
        }
        history[at] = step;
        return;
    }
}
