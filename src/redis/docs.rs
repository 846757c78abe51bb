//! What `COMMAND DOCS`, `COMMAND INFO` and ACLs learn of a command.

use std::ffi::{CString, c_char, c_int};
use std::ptr::null_mut;

use redis_module::raw;

use super::api::call;
use crate::commands::syntax::{self, Arg, Kind};
use crate::commands::table::{KeyUse, Spec};

/// Since when all commands are there.
const SINCE: &str = "0.1.0";

/// Keeps what the description points at until the server has copied it.
#[derive(Default)]
struct Arena {
    texts: Vec<CString>,
    lists: Vec<Vec<raw::RedisModuleCommandArg>>,
}

impl Arena {
    fn text(&mut self, text: &str) -> *const c_char {
        // Texts are ours and hold no NUL.
        let text = CString::new(text).unwrap_or_default();
        let start = text.as_ptr();
        self.texts.push(text);
        start
    }

    /// A list of arguments with the closing entry.
    fn list(&mut self, args: &[Arg]) -> *mut raw::RedisModuleCommandArg {
        let mut list: Vec<_> = args.iter().map(|arg| self.arg(arg)).collect();
        // SAFETY: an entry of zeros, that is without a name, closes a list.
        list.push(unsafe { std::mem::zeroed() });
        self.lists.push(list);
        self.lists.last_mut().map_or(null_mut(), Vec::as_mut_ptr)
    }

    fn arg(&mut self, arg: &Arg) -> raw::RedisModuleCommandArg {
        let kind = match arg.kind {
            Kind::Text => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
            Kind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
            Kind::Key => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
            Kind::Pattern => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PATTERN,
            Kind::Token => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
            Kind::OneOf => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
            Kind::Block => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
        };
        let flag = |on: bool, flag: u32| if on { flag.cast_signed() } else { 0 };
        // SAFETY: all fields may be zero.
        let mut out: raw::RedisModuleCommandArg = unsafe { std::mem::zeroed() };
        out.name = self.text(&arg.name);
        out.type_ = kind;
        out.key_spec_index = -1;
        out.token = arg.token.as_deref().map_or(std::ptr::null(), |token| self.text(token));
        out.flags = flag(arg.optional, raw::REDISMODULE_CMD_ARG_OPTIONAL)
            | flag(arg.multiple, raw::REDISMODULE_CMD_ARG_MULTIPLE);
        if !arg.parts.is_empty() {
            out.subargs = self.list(&arg.parts);
        }
        out
    }
}

/// Describes a command to the server; false when the server does not take the description.
pub(super) fn describe(command: *mut raw::RedisModuleCommand, spec: &Spec) -> bool {
    let mut arena = Arena::default();
    let mut args = syntax::parse(spec.syntax);
    let has_key = spec.key != KeyUse::None;
    if !has_key {
        args.iter_mut().for_each(no_key);
    }
    let version = raw::RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
    };
    let mut keys = [key_spec(spec.key), key_spec(KeyUse::None)];
    // SAFETY: all fields may be zero.
    let mut info: raw::RedisModuleCommandInfo = unsafe { std::mem::zeroed() };
    info.version = &raw const version;
    info.summary = arena.text(spec.summary);
    info.complexity = arena.text(spec.complexity);
    info.since = arena.text(SINCE);
    info.arity = arity(spec, &args);
    if has_key {
        info.key_specs = keys.as_mut_ptr();
    }
    if !args.is_empty() {
        info.args = arena.list(&args);
        if has_key && let Some(first) = arena.lists.last_mut().and_then(|list| list.first_mut()) {
            first.key_spec_index = 0;
        }
    }
    call!(RedisModule_SetCommandInfo(command, &raw const info)) == Some(raw::Status::Ok as c_int)
}

/// Exact when nothing may be left out or repeated, else the negative of the fewest words.
fn arity(spec: &Spec, args: &[Arg]) -> c_int {
    let words = syntax::least_words(args) + 1 + usize::from(spec.sub.is_some());
    let words = c_int::try_from(words).unwrap_or(1);
    let open = args.iter().any(|arg| arg.optional || arg.multiple || !arg.parts.is_empty());
    if open { -words } else { words }
}

/// Only an argument that a key spec points at may be described as a key.
fn no_key(arg: &mut Arg) {
    if arg.kind == Kind::Key {
        arg.kind = Kind::Text;
    }
    arg.parts.iter_mut().for_each(no_key);
}

fn key_spec(key: KeyUse) -> raw::RedisModuleCommandKeySpec {
    // SAFETY: all fields may be zero; such an entry closes the list.
    let mut spec: raw::RedisModuleCommandKeySpec = unsafe { std::mem::zeroed() };
    spec.flags = match key {
        KeyUse::None => return spec,
        KeyUse::Read => u64::from(raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS),
        KeyUse::Store => u64::from(raw::REDISMODULE_CMD_KEY_OW | raw::REDISMODULE_CMD_KEY_UPDATE),
        KeyUse::Write => u64::from(raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE),
    };
    spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
    spec.bs.index.pos = 1;
    spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
    spec.fk.range.keystep = 1;
    spec
}
