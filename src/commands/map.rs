//! `INVAL.MAP`: the mappings of payloads to events, as data, and what they make of a payload.

use serde_json::Value;

use super::args::Args;
use super::load::Load;
use super::reply::Reply;
use crate::domain::State;
use crate::domain::error::{Error, Result};
use crate::domain::mapping::{Mapped, Mapping};
use crate::domain::mapping_document::{parse_one, parse_with_files, to_json};
use crate::domain::mapping_table::MappingTable;
use crate::domain::payload::Payload;
use crate::domain::rule::check_name;
use crate::server::Server;

/// What stands for all mappings.
const ALL: &str = "*";

/// `INVAL.MAP SET name json`
#[derive(Debug)]
pub struct SetMapping(Mapping);

impl SetMapping {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad document or mapping, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        let name = args.text("name")?;
        let json = args.next("json")?;
        args.finish()?;
        check_name("mapping name", name)?;
        Ok(Self(parse_one(json, name)?))
    }

    /// Puts the mapping into the table, in place of the one with its name.
    ///
    /// # Errors
    /// There are too many, or they are too large.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let json = to_json(std::iter::once(&self.0));
        server.state(|state| {
            state.mappings.check_room([&self.0])?;
            state.mappings.set(self.0);
            Ok(())
        })?;
        server.redis().replicate(&[b"INVAL.MAP", b"LOAD", json.as_bytes()]);
        Ok(Reply::OK)
    }
}

/// `INVAL.MAP GET name`
#[derive(Debug)]
pub struct GetMapping<'a>(&'a str);

impl<'a> GetMapping<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let name = args.text("name")?;
        args.finish()?;
        Ok(Self(name))
    }

    /// The mapping's document, field by field, each event as JSON; null when there is none.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let row = server.state(|state| state.mappings.get(self.0).map(row));
        Ok(row.unwrap_or(Reply::Null))
    }
}

/// `INVAL.MAP LIST`: all mappings by name, each as `GET` shows it.
///
/// # Errors
/// Arguments are left.
pub fn list(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    Ok(server.state(|state| Reply::Array(state.mappings.iter().map(row).collect())))
}

fn row(mapping: &Mapping) -> Reply {
    let document = mapping.document();
    let events = document.events.iter().map(|event| Reply::bulk(event.to_string()));
    Reply::map([
        ("name", Reply::bulk(document.name.as_str())),
        ("description", Reply::bulk(document.description.as_str())),
        ("each", each(&document.each)),
        ("events", Reply::Array(events.collect())),
    ])
}

/// The paths to the items; none when the payload is the item.
fn each(written: &Value) -> Reply {
    let paths = match written {
        Value::Array(paths) => paths.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    Reply::bulks(paths.iter().filter_map(Value::as_str).map(str::as_bytes))
}

/// `INVAL.MAP DEL name [name ...]`
#[derive(Debug)]
pub struct DelMappings<'a>(&'a [&'a [u8]]);

impl<'a> DelMappings<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.rest("name")?))
    }

    /// Takes the mappings out; replies with the number that were there.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let names = self.0.iter().filter_map(|name| std::str::from_utf8(name).ok());
        let deleted =
            server.state(|state| names.filter(|name| state.mappings.remove(name)).count());
        if deleted > 0 {
            server.redis().replicate_as_it_came();
        }
        Ok(Reply::count(deleted))
    }
}

/// `INVAL.MAP LOAD json [REPLACE]`
#[derive(Debug)]
pub struct LoadMappings(Load<Mapping>);

impl LoadMappings {
    /// Reads the arguments, and all of the document.
    ///
    /// # Errors
    /// Everything that is wrong with the document, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        Load::parse(args, parse_with_files).map(Self)
    }

    /// Swaps the mappings in, beside the others or in place of all; replies with their number.
    ///
    /// # Errors
    /// There are too many, or they are too large.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let Load { all, files, replace } = self.0;
        let count = all.len();
        let obeying = server.redis().is_obeying();
        server.state(|state| {
            let nothing = MappingTable::default();
            let beside = if replace { &nothing } else { &state.mappings };
            // What a primary or our own file holds was within the bounds when it was set.
            if !obeying {
                beside.check_room(&all)?;
            }
            match replace {
                true => state.mappings.replace(all),
                false => all.into_iter().for_each(|one| state.mappings.set(one)),
            }
            if let Some(files) = files.filter(|_| obeying) {
                state.mapping_files = files;
                state.merge_files();
            }
            Ok(())
        })?;
        server.redis().replicate_as_it_came();
        Ok(Reply::count(count))
    }
}

/// `INVAL.MAP DUMP`: all mappings as one document that `LOAD` reads.
///
/// # Errors
/// Arguments are left.
pub fn dump(args: &mut Args, server: &mut Server) -> Result<Reply> {
    args.finish()?;
    Ok(Reply::bulk(server.state(|state| to_json(state.mappings.iter()))))
}

/// `INVAL.MAP TEST name json`; the name `*` stands for all.
#[derive(Debug)]
pub struct TestMapping<'a> {
    name: &'a str,
    payload: Payload,
}

impl<'a> TestMapping<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A bad payload, or arguments that do not fit.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let name = args.text("name")?;
        let payload = Payload::parse(args.next("json")?)?;
        args.finish()?;
        Ok(Self { name, payload })
    }

    /// The events that a mapping makes of the payload, or all mappings do, each with the rules
    /// that would take it. Changes nothing.
    ///
    /// # Errors
    /// No mapping of that name, or it refuses the payload; with all mappings that is a row.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        server.state(|state| {
            let mut rows = vec![];
            if self.name == ALL {
                for mapping in state.mappings.iter() {
                    match mapping.map(&self.payload) {
                        Ok(events) => rows.extend(tested(state, mapping, &events)),
                        Err(error) => rows.push(Reply::map([
                            ("mapping", Reply::bulk(mapping.name().as_str())),
                            ("error", Reply::bulk(error.to_string())),
                        ])),
                    }
                }
            } else {
                let mapping = state.mappings.get(self.name);
                let mapping = mapping
                    .ok_or_else(|| Error::NoSuchMapping { mapping: self.name.to_owned() })?;
                rows.extend(tested(state, mapping, &mapping.map(&self.payload)?));
            }
            Ok(Reply::Array(rows))
        })
    }
}

fn tested(state: &State, mapping: &Mapping, events: &[Mapped]) -> Vec<Reply> {
    let row = |mapped: &Mapped| {
        let rules = state.rules.taking(&mapped.event, &mapped.payload);
        Reply::map([
            ("mapping", Reply::bulk(mapping.name().as_str())),
            ("event", Reply::bulk(mapped.event.as_str())),
            ("payload", Reply::bulk(mapped.payload.to_text())),
            ("rules", Reply::bulks(rules.iter().map(|rule| rule.name.as_bytes()))),
        ])
    };
    events.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use crate::commands::fake::World;
    use crate::commands::reply::Reply;

    const ORDERS: &str = r#"{"each":"orders[*]","events":[{"event":"order.{state}","fields":{"id":"id"}}],"description":"d"}"#;

    fn dump(world: &mut World) -> String {
        let Reply::Bulk(json) = world.run("INVAL.MAP DUMP").unwrap() else { panic!() };
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn a_mapping_is_set_shown_tested_and_deleted() {
        let mut world = World::default();
        assert_eq!(world.run(&format!("INVAL.MAP SET o {ORDERS}")).unwrap(), Reply::OK);
        let json = r#"{"mappings":[{"name":"o","description":"d","each":"orders[*]","events":[{"event":"order.{state}","fields":{"id":"id"}}]}]}"#;
        assert_eq!(dump(&mut world), json);
        assert_eq!(world.fake.replicated, [format!("INVAL.MAP LOAD {json}")]);
        let row = world.run("INVAL.MAP GET o").unwrap();
        assert_eq!(
            row.field("events").texts(),
            [r#"{"event":"order.{state}","fields":{"id":"id"}}"#]
        );
        assert_eq!(world.run("INVAL.MAP LIST").unwrap(), Reply::Array(vec![row]));

        world.run("INVAL.RULE ADD paid ON order.paid KEYS 1 o:{id}").unwrap();
        world.run("INVAL.RULE ADD some ON order.* KEYS 1 o:{id} WHEN id=1").unwrap();
        let sent = world.fake.replicated.len();
        let payload = r#"{"orders":[{"id":1,"state":"paid"},{"id":2,"state":"new"}]}"#;
        let Reply::Array(rows) = world.run(&format!("INVAL.MAP TEST o {payload}")).unwrap() else {
            panic!()
        };
        let shown = |row: &Reply| {
            let text = |name: &str| match row.field(name) {
                Reply::Bulk(bytes) => String::from_utf8(bytes.clone()).unwrap(),
                other => panic!("{other:?}"),
            };
            let rules = row.field("rules").texts().join(",");
            format!("{} {} {} {rules}", text("mapping"), text("event"), text("payload"))
        };
        let rows: Vec<String> = rows.iter().map(shown).collect();
        assert_eq!(rows, [r#"o order.paid {"id":1} paid,some"#, r#"o order.new {"id":2} "#]);
        // With all of them, one that refuses the payload is a row.
        world.run(r#"INVAL.MAP SET n {"events":[{"event":"{nothing}"}]}"#).unwrap();
        let Reply::Array(rows) = world.run(&format!("INVAL.MAP TEST * {payload}")).unwrap() else {
            panic!()
        };
        let Reply::Bulk(error) = rows[0].field("error") else { panic!() };
        assert!(error.starts_with(b"mapping 'n': events[0]: '{nothing}' needs the field"));
        assert_eq!(rows.len(), 3);
        let error = world.run(&format!("INVAL.MAP TEST n {payload}")).unwrap_err();
        assert!(error.starts_with("ERR mapping 'n': events[0]: "), "{error}");
        assert_eq!(world.fake.replicated.len(), sent + 1);

        assert_eq!(world.run("INVAL.MAP DEL n o x").unwrap(), Reply::Int(2));
        assert_eq!(world.fake.replicated.last().unwrap(), "INVAL.MAP DEL n o x");
        assert_eq!(world.run("INVAL.MAP DEL n").unwrap(), Reply::Int(0));
        assert_eq!(world.run("INVAL.MAP GET o").unwrap(), Reply::Null);
        assert_eq!(world.fake.replicated.len(), sent + 2);
    }

    #[test]
    fn a_document_is_loaded_beside_or_in_place_of_the_others() {
        let mut world = World::default();
        world.run(&format!("INVAL.MAP SET a {ORDERS}")).unwrap();
        let list = |count: usize| {
            let mapping = |at| format!(r#"{{"name":"m{at}","events":[{{"event":"e"}}]}}"#);
            (0..count).map(mapping).collect::<Vec<_>>().join(",")
        };
        let load = format!(r#"INVAL.MAP LOAD {{"mappings":[{}]}}"#, list(2));
        assert_eq!(world.run(&load).unwrap(), Reply::Int(2));
        assert_eq!(dump(&mut world).matches("name").count(), 3);
        assert_eq!(world.run(&format!("{load} REPLACE")).unwrap(), Reply::Int(2));
        assert_eq!(dump(&mut world).matches("name").count(), 2);
        let before = dump(&mut world);
        let many = format!("INVAL.MAP LOAD [{}]", list(101));
        let told = "ERR 101 mappings are more than the limit of 100; split them up";
        assert_eq!(world.run(&many).unwrap_err(), told);
        for (line, error) in [
            ("INVAL.MAP SET m", "ERR missing json; usage: INVAL.MAP SET name json"),
            ("INVAL.MAP SET m {} x", "ERR unexpected argument 'x'; usage: "),
            ("INVAL.MAP SET m {}", "ERR mapping 'm': no events; give at least one in \"events\""),
            ("INVAL.MAP LOAD 3", "ERR mapping document is a number; send one mapping object, an"),
            ("INVAL.MAP TEST m0 []", "ERR payload is an array, not a JSON object"),
            ("INVAL.MAP TEST none {}", "ERR there is no mapping 'none'; INVAL.MAP LIST shows th"),
        ] {
            let found = world.run(line).unwrap_err();
            assert!(found.starts_with(error), "{line}: {found}");
        }
        assert_eq!(dump(&mut world), before);
        // What a primary or our own file says is taken as it is, with what it knows of files.
        world.fake.is_obeying = true;
        let own = format!(r#"INVAL.MAP LOAD {{"mappings":[{}],"files":{{"f":7}}}}"#, list(101));
        assert_eq!(world.run(&own).unwrap(), Reply::Int(101));
        assert!(world.shared.with(|state| state.mapping_files.is_empty()), "no file says so now");
    }
}
