//! Reads the syntax line of a command, so that usage errors, `HELP` and `COMMAND DOCS` say the
//! same.
//!
//! `UPPER` words are tokens, `lower` words arguments, `[..]` is optional, `<..>` groups,
//! `|` separates alternatives inside a group, and `x [x ...]` is one or more.

/// An argument as `COMMAND DOCS` describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arg {
    /// In lower case.
    pub name: String,
    /// What stands there.
    pub kind: Kind,
    /// The word that comes before it, or that it is.
    pub token: Option<String>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be repeated.
    pub multiple: bool,
    /// The parts of a group.
    pub parts: Vec<Arg>,
}

/// What stands at an argument's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Any word.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// A key name.
    Key,
    /// A glob or regex.
    Pattern,
    /// The token alone.
    Token,
    /// One of the parts.
    OneOf,
    /// All of the parts, in order.
    Block,
}

/// The arguments of a syntax line.
pub fn parse(syntax: &str) -> Vec<Arg> {
    let spaced = ["[", "]", "<", ">", "|"]
        .iter()
        .fold(syntax.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
    let words: Vec<&str> = spaced.split_whitespace().collect();
    sequence(&mut words.as_slice())
}

/// The fewest words that fit.
pub fn least_words(args: &[Arg]) -> usize {
    let least = |arg: &Arg| {
        let token = usize::from(arg.token.is_some() && arg.kind != Kind::Token);
        token
            + match arg.kind {
                Kind::OneOf => arg
                    .parts
                    .iter()
                    .map(|part| least_words(std::slice::from_ref(part)))
                    .min()
                    .unwrap_or(0),
                Kind::Block => least_words(&arg.parts),
                _ => 1,
            }
    };
    args.iter().filter(|arg| !arg.optional).map(least).sum()
}

/// Items up to a closing sign or a `|`, which stay.
fn sequence(words: &mut &[&str]) -> Vec<Arg> {
    let mut args: Vec<Arg> = vec![];
    let mut token: Option<&str> = None;
    while let Some((&word, rest)) = words.split_first() {
        match word {
            "]" | ">" | "|" => break,
            "[" | "<" => {
                args.extend(token.take().map(pure_token));
                *words = rest;
                let repeats = matches!(rest, [_, "...", "]", ..]);
                let group = alternatives(words);
                match args.last_mut() {
                    Some(last) if repeats => last.multiple = true,
                    _ => args.push(Arg { optional: word == "[", ..group }),
                }
                continue;
            }
            "..." => {}
            _ if word.starts_with(|first: char| first.is_ascii_uppercase()) => {
                args.extend(token.replace(word).map(pure_token));
            }
            _ => args.push(Arg {
                name: word.to_owned(),
                kind: kind_of(word),
                token: token.take().map(str::to_owned),
                ..Arg::default()
            }),
        }
        *words = rest;
    }
    args.extend(token.map(pure_token));
    args
}

/// Alternatives up to the closing sign, which is taken.
fn alternatives(words: &mut &[&str]) -> Arg {
    let mut choices = vec![];
    loop {
        let mut parts = sequence(words);
        choices.push(match parts.len() {
            1 => parts.swap_remove(0),
            _ => Arg { name: name_of(&parts), kind: Kind::Block, parts, ..Arg::default() },
        });
        let sign = words.split_first().map(|(sign, rest)| {
            *words = rest;
            *sign
        });
        if sign != Some("|") {
            break;
        }
    }
    match choices.len() {
        1 => choices.swap_remove(0),
        _ => Arg { name: name_of(&choices), kind: Kind::OneOf, parts: choices, ..Arg::default() },
    }
}

fn name_of(parts: &[Arg]) -> String {
    parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join("-")
}

fn pure_token(word: &str) -> Arg {
    Arg {
        name: word.to_ascii_lowercase(),
        kind: Kind::Token,
        token: Some(word.to_owned()),
        ..Arg::default()
    }
}

fn kind_of(word: &str) -> Kind {
    match word {
        "key" => Kind::Key,
        "n" | "cursor" => Kind::Integer,
        "glob" | "regex" => Kind::Pattern,
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a tree so that it can be compared.
    fn show(args: &[Arg]) -> String {
        let one = |arg: &Arg| {
            let name = match arg.kind {
                Kind::OneOf => format!(
                    "({})",
                    arg.parts
                        .iter()
                        .map(|part| show(std::slice::from_ref(part)))
                        .collect::<Vec<_>>()
                        .join("/")
                ),
                Kind::Block => format!("{{{}}}", show(&arg.parts)),
                Kind::Token => String::new(),
                _ => arg.name.clone(),
            };
            let token = arg.token.as_deref().unwrap_or_default();
            format!(
                "{token}{}{name}{}{}",
                if token.is_empty() || name.is_empty() { "" } else { ":" },
                if arg.multiple { "+" } else { "" },
                if arg.optional { "?" } else { "" }
            )
        };
        args.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn syntax_lines_become_trees() {
        let rows = [
            ("", "", 0),
            ("key tag [tag ...]", "key tag+", 2),
            ("type [json] [DRYRUN] [KEYS]", "type json? DRYRUN? KEYS?", 1),
            (
                "[ANY | ALL] tag [tag ...] [NOT tag [tag ...]] [COUNT n]",
                "(ANY/ALL)? tag+ NOT:tag+? COUNT:n?",
                1,
            ),
            (
                "<KEYS n key [key ...] | GLOB glob> [LIMIT n]",
                "({KEYS:n key+}/GLOB:glob) LIMIT:n?",
                2,
            ),
            (
                "name ON event [TAGS n tag [tag ...]] [WARM]",
                "name ON:event {TAGS:n tag+}? WARM?",
                3,
            ),
            ("<TAGS [ANY | ALL] n tag [tag ...]>", "{TAGS (ANY/ALL)? n tag+}", 3),
            ("[RESET | section [section ...]]", "(RESET/section+)?", 0),
        ];
        for (syntax, expected, least) in rows {
            let args = parse(syntax);
            assert_eq!(show(&args), expected, "{syntax}");
            assert_eq!(least_words(&args), least, "{syntax}");
        }
    }

    #[test]
    fn every_command_has_a_tree_and_a_summary() {
        for spec in crate::commands::table::all() {
            let args = parse(spec.syntax);
            assert_eq!(args.is_empty(), spec.syntax.is_empty(), "{}", spec.usage());
            assert!(spec.summary.ends_with('.') && spec.usage().is_ascii(), "{}", spec.usage());
        }
    }
}
