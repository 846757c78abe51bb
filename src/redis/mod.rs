//! The adapter: the only place with `unsafe` and `redis_module`.
#![allow(unsafe_code)]

#[cfg(not(test))]
mod alloc;
mod aof;
mod api;
mod batches;
mod build;
mod config;
mod copies;
mod deletes;
mod docs;
#[cfg(feature = "faults")]
mod faults;
mod figures;
mod glue;
mod guard;
mod info;
mod journal;
mod keyspace;
mod lifecycle;
mod notifications;
mod permissions;
mod persistence;
mod rule_files;
mod slices;
mod sources;
mod state;
mod streams;
mod waiters;
mod walk;
mod warming;

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_int};
use std::path::Path;

use redis_module::raw;

use crate::commands::execute;
use crate::commands::table::{self, KeyUse, Spec};
use api::{Ctx, call, log_notice, log_warning};
use guard::guarded;

/// In unit tests there is no server to allocate from.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: alloc::ServerAlloc = alloc::ServerAlloc;

const OK: c_int = raw::Status::Ok as c_int;
const ERR: c_int = raw::Status::Err as c_int;

/// The version that `MODULE LIST` shows.
const MODULE_VERSION: c_int = 100;

/// What the server calls when it loads the module.
///
/// # Safety
/// Called by the server, once, with its own arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RedisModule_OnLoad(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // Nothing is allocated before this call: it hands the allocator over.
    // SAFETY: the server's own context.
    let status = unsafe {
        raw::Export_RedisModule_Init(
            ctx,
            c"inval".as_ptr(),
            MODULE_VERSION,
            raw::REDISMODULE_APIVER_1 as c_int,
        )
    };
    if status != OK {
        return ERR;
    }
    guard::install_hook();
    guarded(ERR, || {
        // SAFETY: the server's own arguments.
        let words = unsafe { glue::words(argv, argc) };
        match load(Ctx(ctx), &words) {
            Ok(()) => OK,
            Err(why) => {
                log_warning(&format!("inval: not loaded: {why}"));
                ERR
            }
        }
    })
}

/// What the server calls for MODULE UNLOAD: refused, for a server without the module would
/// serve what it should have purged.
///
/// # Safety
/// Called by the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RedisModule_OnUnload(_: *mut raw::RedisModuleCtx) -> c_int {
    log_warning("inval: cannot be unloaded; restart the server without it");
    ERR
}

fn load(ctx: Ctx, words: &[&[u8]]) -> Result<(), String> {
    let missing = api::missing();
    if !missing.is_empty() {
        return Err(format!(
            "this server lacks {}; use Redis 7.0 or later, or Valkey",
            missing.join(", ")
        ));
    }
    if ctx.has_flag(raw::REDISMODULE_CTX_FLAGS_CLUSTER) {
        return Err(
            "cluster mode is not supported yet; run one server, or shard on the client's side"
                .to_owned(),
        );
    }
    let arguments = arguments(words)?;
    // Rules first: a bad file refuses the module before anything is registered.
    for (_, path) in arguments.iter().filter(|(name, _)| name == "rules") {
        let found = rule_files::read(Path::new(path)).map_err(|errors| errors.join(" | "))?;
        let (rules, classes) = (found.rules.len(), found.classes.len());
        let mappings = found.mappings.len();
        log_notice(&format!(
            "inval: {rules} rules, {classes} classes, {mappings} mappings from {path}"
        ));
        state::shared(&ctx, |shared| shared.with(|state| state.set_files(found)));
    }
    register_commands(ctx)?;
    config::register(ctx, &arguments)?;
    walk::mark_if_keys_exist(ctx);
    waiters::register(ctx);
    let registered = persistence::register(ctx)
        && notifications::subscribe(ctx)
        && lifecycle::subscribe(ctx)
        && copies::register(ctx)
        && info::register(ctx);
    lifecycle::subscribe_to_unlinks(ctx);
    #[cfg(feature = "faults")]
    let registered = registered && faults::register(ctx);
    if !registered {
        return Err("the server refused a subscription".to_owned());
    }
    walk::start_if_needed(ctx);
    figures::begin(ctx);
    Ok(())
}

/// The module's arguments: pairs of a name and a value.
fn arguments(words: &[&[u8]]) -> Result<Vec<(String, String)>, String> {
    let text = |word: &[u8]| {
        String::from_utf8(word.to_vec()).map_err(|_| "an argument is not UTF-8".to_owned())
    };
    let mut pairs = vec![];
    for pair in words.chunks(2) {
        let [name, value] = pair else {
            return Err(format!("argument '{}' has no value", pair.concat().escape_ascii()));
        };
        let (name, value) = (text(name)?.to_ascii_lowercase(), text(value)?);
        if name != "rules" && !config::is_known(&name) {
            return Err(format!(
                "unknown argument '{}'; write: rules <file-or-directory>, or a configuration without its 'inval.'",
                name.escape_default()
            ));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn register_commands(ctx: Ctx) -> Result<(), String> {
    table::prepare();
    let mut containers = BTreeSet::new();
    for spec in table::all() {
        if spec.sub.is_some() && containers.insert(spec.name) {
            create(ctx, spec.name, None, "", KeyUse::None)?;
        }
        let command = match spec.sub {
            None => create(ctx, spec.name, Some(on_command), spec.flags, spec.key)?,
            Some(sub) => create_sub(ctx, spec.name, sub, spec.flags)?,
        };
        if !docs::describe(command, spec) {
            return Err(format!("the server refused the description of {}", spec.usage()));
        }
        set_categories(command, spec)?;
    }
    Ok(())
}

fn create(
    ctx: Ctx,
    name: &str,
    run: raw::RedisModuleCmdFunc,
    flags: &str,
    key: KeyUse,
) -> Result<*mut raw::RedisModuleCommand, String> {
    let (c_name, c_flags) = (lower(name)?, lower(flags)?);
    let first = c_int::from(key != KeyUse::None);
    let status = call!(RedisModule_CreateCommand(
        ctx.0,
        c_name.as_ptr(),
        run,
        c_flags.as_ptr(),
        first,
        first,
        first
    ));
    match status {
        Some(OK) => command(ctx, &c_name),
        _ => {
            Err(format!("the server refused the command {name}; is another module using the name?"))
        }
    }
}

fn create_sub(
    ctx: Ctx,
    name: &str,
    sub: &str,
    flags: &str,
) -> Result<*mut raw::RedisModuleCommand, String> {
    let parent = command(ctx, &lower(name)?)?;
    let (c_sub, c_flags) = (lower(sub)?, lower(flags)?);
    match call!(RedisModule_CreateSubcommand(
        parent,
        c_sub.as_ptr(),
        Some(on_command),
        c_flags.as_ptr(),
        0,
        0,
        0
    )) {
        Some(OK) => command(ctx, &lower(&format!("{name}|{sub}"))?),
        _ => Err(format!("the server refused the command {name} {sub}")),
    }
}

fn command(ctx: Ctx, name: &CStr) -> Result<*mut raw::RedisModuleCommand, String> {
    let found =
        call!(RedisModule_GetCommand(ctx.0, name.as_ptr())).filter(|command| !command.is_null());
    found.ok_or_else(|| format!("the server does not find {}", name.to_string_lossy()))
}

/// Where the server takes categories from modules: Redis 7.2 and later, Valkey.
fn set_categories(command: *mut raw::RedisModuleCommand, spec: &Spec) -> Result<(), String> {
    if spec.categories.is_empty() {
        return Ok(());
    }
    let categories = lower(spec.categories)?;
    match call!(RedisModule_SetCommandACLCategories(command, categories.as_ptr())) {
        None | Some(OK) => Ok(()),
        Some(_) => Err(format!("the server refused the ACL categories of {}", spec.usage())),
    }
}

fn lower(text: &str) -> Result<CString, String> {
    CString::new(text.to_ascii_lowercase()).map_err(|_| "a name holds a NUL byte".to_owned())
}

/// Runs every command of the table.
extern "C" fn on_command(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let ctx = Ctx(ctx);
    glue::answer(ctx, || {
        // SAFETY: the server's own arguments.
        let words = unsafe { glue::words(argv, argc) };
        let Some((spec, named)) = table::find(&words) else {
            glue::send_error_text(ctx, "ERR", "no such command; INVAL.HELP lists them");
            return true;
        };
        let arguments = words.get(named..).unwrap_or_default();
        glue::send_result(ctx, &state::enter(ctx, |server| execute(spec, arguments, server)));
        waiters::serve(&ctx);
        true
    });
    OK
}
