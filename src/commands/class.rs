//! `INVAL.CLASS`: the classes of keys, as data, and how each is doing.

use serde_json::Number;

use super::args::Args;
use super::load::Load;
use super::reads;
use super::reply::Reply;
use crate::domain::class::Class;
use crate::domain::class_document::{ClassDocument, factor, parse_one, parse_with_files, to_json};
use crate::domain::class_table::{ClassTable, Counts};
use crate::domain::error::{Error, Result};
use crate::domain::rule::check_name;
use crate::server::Server;

/// What ends the list of globs.
const AFTER_GLOBS: [&str; 5] = ["TTL", "JITTER", "GRACE", "EARLY", "DESC"];

/// `INVAL.CLASS SET name json`, and `INVAL.CLASS SET name MATCH ...`.
#[derive(Debug)]
pub struct SetClass(Class);

impl SetClass {
    /// Reads `name json`, or `name MATCH glob [glob ...] [TTL seconds] [JITTER percent]
    /// [GRACE milliseconds] [EARLY beta] [DESC text]`.
    ///
    /// # Errors
    /// A bad document or class, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        let name = args.text("name")?;
        check_name("class name", name)?;
        if args.peek().is_some_and(|word| word.starts_with(b"{")) {
            let json = args.next("json")?;
            args.finish()?;
            return Ok(Self(parse_one(json, name)?));
        }
        if !args.keyword("MATCH") {
            return Err(args.usage("missing MATCH glob, or a JSON object".to_owned()));
        }
        let globs = args.until(&AFTER_GLOBS, "glob")?;
        let glob = |word: &&[u8]| {
            let text = String::from_utf8(word.to_vec());
            text.map_err(|_| Error::NotUtf8 { what: "glob", name: word.to_vec() })
        };
        let globs = globs.iter().map(glob).collect::<Result<_>>()?;
        let mut class = ClassDocument { name: name.to_owned(), globs, ..ClassDocument::default() };
        while !args.is_done() {
            if class.ttl.is_none() && args.keyword("TTL") {
                class.ttl = Some(args.number("ttl")?.into());
            } else if class.jitter.is_none() && args.keyword("JITTER") {
                class.jitter = Some(args.number("jitter")?.into());
            } else if class.grace.is_none() && args.keyword("GRACE") {
                class.grace = Some(args.number("grace")?.into());
            } else if class.early.is_none() && args.keyword("EARLY") {
                class.early = Number::from_f64(factor(args.text("early")?)?);
            } else if class.description.is_empty() && args.keyword("DESC") {
                args.text("description")?.clone_into(&mut class.description);
            } else {
                args.finish()?;
            }
        }
        Ok(Self(class.into_class()?))
    }

    /// Puts the class into the table, in place of the one with its name, whose counts stay.
    ///
    /// # Errors
    /// There are too many, or they are too large.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let json = to_json(std::iter::once(&self.0));
        server.state(|state| {
            state.classes.check_room([&self.0])?;
            state.classes.set(self.0);
            Ok(())
        })?;
        server.redis().replicate(&[b"INVAL.CLASS", b"LOAD", json.as_bytes()]);
        Ok(Reply::OK)
    }
}

/// `INVAL.CLASS GET name`
#[derive(Debug)]
pub struct GetClass<'a>(&'a str);

impl<'a> GetClass<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let name = args.text("name")?;
        args.finish()?;
        Ok(Self(name))
    }

    /// The class's document and counts, field by field; null when there is none.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let row = server.state(|state| state.classes.get(self.0).map(row));
        Ok(row.unwrap_or(Reply::Null))
    }
}

/// `INVAL.CLASS LIST`: all classes by name, each as `GET` shows it.
///
/// # Errors
/// Arguments are left.
pub fn list(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    Ok(server.state(|state| Reply::Array(state.classes.iter().map(row).collect())))
}

fn row((class, counts): (&Class, &Counts)) -> Reply {
    let document = Reply::map([
        ("name", Reply::bulk(class.name.as_str())),
        ("match", Reply::bulks(class.globs.iter().map(|glob| glob.source()))),
        ("ttl", class.ttl_seconds().map_or(Reply::Null, Reply::count)),
        ("jitter", Reply::count(class.jitter_percent)),
        ("grace", Reply::count(class.grace_ms)),
        ("early", class.early.map_or(Reply::Null, Reply::Double)),
        ("description", Reply::bulk(class.description.as_str())),
    ]);
    let row =
        self::counts(counts).into_iter().fold(document, |row, (name, value)| row.with(name, value));
    row.with("reads", reads::tally(&counts.reads))
}

/// What `GET`, `LIST` and `INVAL.STATS` show of fetches and fills.
pub fn counts(counts: &Counts) -> [(&'static str, Reply); 7] {
    [
        ("hits", Reply::count(counts.hits)),
        ("misses", Reply::count(counts.misses)),
        ("stale", Reply::count(counts.stale)),
        ("busy", Reply::count(counts.busy)),
        ("fills", Reply::count(counts.fills)),
        ("refused", Reply::count(counts.refused)),
        ("hit_rate", Reply::rate(counts.hit_rate())),
    ]
}

/// `INVAL.CLASS DEL name [name ...]`
#[derive(Debug)]
pub struct DelClasses<'a>(&'a [&'a [u8]]);

impl<'a> DelClasses<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.rest("name")?))
    }

    /// Takes the classes out; replies with the number that were there.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let names = self.0.iter().filter_map(|name| std::str::from_utf8(name).ok());
        let deleted = server.state(|state| names.filter(|name| state.classes.remove(name)).count());
        if deleted > 0 {
            server.redis().replicate_as_it_came();
        }
        Ok(Reply::count(deleted))
    }
}

/// `INVAL.CLASS LOAD json [REPLACE]`
#[derive(Debug)]
pub struct LoadClasses(Load<Class>);

impl LoadClasses {
    /// Reads the arguments, and all of the document.
    ///
    /// # Errors
    /// Everything that is wrong with the document, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        Load::parse(args, parse_with_files).map(Self)
    }

    /// Swaps the classes in, beside the others or in place of all; replies with their number.
    ///
    /// # Errors
    /// There are too many, or they are too large.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let Load { all, files, replace } = self.0;
        let count = all.len();
        let json = to_json(all.iter());
        let obeying = server.redis().is_obeying();
        server.state(|state| {
            let nothing = ClassTable::default();
            let beside = if replace { &nothing } else { &state.classes };
            // What a primary or our own file holds was within the bounds when it was set.
            if !obeying {
                beside.check_room(&all)?;
            }
            match replace {
                true => state.classes.replace(all),
                false => all.into_iter().for_each(|class| state.classes.set(class)),
            }
            if let Some(files) = files.filter(|_| obeying) {
                state.class_files = files;
                state.merge_files();
            }
            Ok(())
        })?;
        let mut words: Vec<&[u8]> = vec![b"INVAL.CLASS", b"LOAD", json.as_bytes()];
        words.extend(replace.then_some(&b"REPLACE"[..]));
        server.redis().replicate(&words);
        Ok(Reply::count(count))
    }
}

/// `INVAL.CLASS DUMP`: all classes as one document that `LOAD` reads.
///
/// # Errors
/// Arguments are left.
pub fn dump(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    let json = server.state(|state| to_json(state.classes.iter().map(|(class, _)| class)));
    Ok(Reply::bulk(json))
}

#[cfg(test)]
mod tests {
    use crate::commands::fake::World;
    use crate::commands::reply::Reply;

    fn dump(world: &mut World) -> String {
        let Reply::Bulk(json) = world.run("INVAL.CLASS DUMP").unwrap() else { panic!() };
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn a_class_is_set_by_words_or_json_and_shown_with_its_counts() {
        let mut world = World::default();
        let set = "INVAL.CLASS SET s MATCH s:* t:? TTL 300 JITTER 10 GRACE 60000 EARLY 1.5 DESC d";
        assert_eq!(world.run(set).unwrap(), Reply::OK);
        let json = r#"{"classes":[{"name":"s","match":["s:*","t:?"],"ttl":300,"jitter":10,"grace":60000,"early":1.5,"description":"d"}]}"#;
        assert_eq!(dump(&mut world), json);
        assert_eq!(world.fake.replicated, [format!("INVAL.CLASS LOAD {json}")]);
        world.shared.with(|state| {
            let class = state.classes.of(b"s:1");
            state.classes.count(class, |counts| counts.hits += 2);
            state.classes.count(class, |counts| counts.busy += 1);
        });
        let row = world.run("INVAL.CLASS GET s").unwrap();
        assert_eq!(row.field("match").texts(), ["s:*", "t:?"]);
        let fields = ["ttl", "jitter", "grace", "hits", "misses", "stale", "busy", "fills"];
        assert_eq!(fields.map(|name| row.int(name)), [300, 10, 60_000, 2, 0, 0, 1, 0]);
        assert_eq!(row.field("hit_rate"), &Reply::Double(0.6667));
        assert_eq!(row.field("early"), &Reply::Double(1.5));
        assert_eq!(world.run("INVAL.CLASS LIST").unwrap(), Reply::Array(vec![row]));
        let stats = world.run("INVAL.STATS classes").unwrap();
        assert_eq!(stats.field("classes").field("s").int("hits"), 2);

        // In its place; the counts stay.
        world.run(r#"INVAL.CLASS SET s {"match":["s"]}"#).unwrap();
        let row = world.run("INVAL.CLASS GET s").unwrap();
        assert_eq!((row.field("ttl"), row.field("early")), (&Reply::Null, &Reply::Null));
        assert_eq!((row.int("hits"), row.int("grace")), (2, 0));
        world.run("INVAL.STATS RESET").unwrap();
        assert_eq!(world.run("INVAL.CLASS GET s").unwrap().int("hits"), 0);
        assert_eq!(world.run("INVAL.CLASS GET t").unwrap(), Reply::Null);
        assert_eq!(world.run("INVAL.CLASS DEL t s u").unwrap(), Reply::Int(1));
        assert_eq!(world.fake.replicated.last().unwrap(), "INVAL.CLASS DEL t s u");
        assert_eq!(world.run("INVAL.CLASS DEL s").unwrap(), Reply::Int(0));
        assert_eq!(world.fake.replicated.len(), 3);
    }

    #[test]
    fn a_document_is_loaded_beside_or_in_place_of_the_others() {
        let mut world = World::default();
        world.run("INVAL.CLASS SET a MATCH a").unwrap();
        let load = r#"INVAL.CLASS LOAD {"classes":[{"name":"b","match":["b"]},{"name":"c","match":["c"]}]}"#;
        assert_eq!(world.run(load).unwrap(), Reply::Int(2));
        assert_eq!(dump(&mut world).matches("name").count(), 3);
        assert_eq!(world.run(&format!("{load} REPLACE")).unwrap(), Reply::Int(2));
        assert_eq!(dump(&mut world).matches("name").count(), 2);
        assert!(world.fake.replicated.last().unwrap().ends_with("]} REPLACE"));
        let before = dump(&mut world);
        let bad = r#"INVAL.CLASS LOAD [{"name":"a","match":["a"]},{"name":"b"},{"match":["b"]}]"#;
        assert_eq!(
            world.run(bad).unwrap_err(),
            "ERR classes[1]: class 'b': no globs; give at least one in \"match\", such as \"user:*\" | classes[2]: class '': empty class name; give it at least one byte"
        );
        let list = |count: usize| {
            let class = |at| format!(r#"{{"name":"{at}","match":["{at}"]}}"#);
            (0..count).map(class).collect::<Vec<_>>().join(",")
        };
        let many = format!("INVAL.CLASS LOAD [{}]", list(1001));
        let told = "ERR 1003 classes are more than the limit of 1000; split them up";
        assert_eq!(world.run(&many).unwrap_err(), told);
        assert!(world.run(&format!("{many} REPLACE")).unwrap_err().starts_with("ERR 1001 "));
        assert_eq!(dump(&mut world), before);
        // What a primary or our own file says is taken as it is, with what it knows of files.
        world.fake.is_obeying = true;
        let own =
            format!(r#"INVAL.CLASS LOAD {{"classes":[{}],"files":{{"f":7}}}} REPLACE"#, list(1001));
        assert_eq!(world.run(&own).unwrap(), Reply::Int(1001));
        assert!(world.shared.with(|state| state.class_files.is_empty()), "no file says so now");
    }

    #[test]
    fn errors_say_what() {
        let mut world = World::default();
        for (line, error) in [
            (
                "INVAL.CLASS SET c",
                "ERR missing MATCH glob, or a JSON object; usage: INVAL.CLASS SET",
            ),
            ("INVAL.CLASS SET c MATCH", "ERR missing glob; usage: "),
            ("INVAL.CLASS SET c MATCH TTL 5", "ERR missing glob; usage: "),
            ("INVAL.CLASS SET c MATCH c TTL", "ERR missing ttl; usage: "),
            ("INVAL.CLASS SET c MATCH c TTL 0", "ERR class 'c': ttl '0' is not a whole number of"),
            ("INVAL.CLASS SET c MATCH c TTL x", "ERR ttl 'x' is not a whole number"),
            ("INVAL.CLASS SET c MATCH c TTL 1 TTL 2", "ERR unexpected argument 'TTL'; usage: "),
            ("INVAL.CLASS SET c MATCH c EARLY nan", "ERR early 'nan' is not a number above 0"),
            ("INVAL.CLASS SET c MATCH c[", "ERR class 'c': unclosed '[' at byte 1 of glob 'c['"),
            ("INVAL.CLASS SET c {} x", "ERR unexpected argument 'x'; usage: "),
            (r#"INVAL.CLASS SET c {"name":"d"}"#, "ERR the document names the class 'd', the comm"),
            (
                "INVAL.CLASS LOAD 3",
                "ERR class document is a number; send one class object, an arra",
            ),
            ("INVAL.CLASS LIST x", "ERR unexpected argument 'x'"),
        ] {
            let found = world.run(line).unwrap_err();
            assert!(found.starts_with(error), "{line}: {found}");
        }
        assert_eq!(dump(&mut world), r#"{"classes":[]}"#);
    }
}
