//! Who asks, and what he may delete.

use std::ffi::c_int;

use redis_module::raw;

use super::api::{Str, bytes, call, errno};
use super::keyspace::LiveKeyspace;
use crate::commands::keyspace::{Denied, Keyspace};
use crate::domain::journal::Caller;
use crate::domain::name::NameList;

/// Up to so many names are kept as strings between check and deletion. For more it is cheaper
/// to ask first whether the user may touch all keys, which takes some 50 microseconds.
const CHECKED_MAX: usize = 1000;

impl LiveKeyspace {
    /// Whether a user stands behind the command. Without one (another module's timer, the
    /// primary, the append-only file) asking for its name would crash the server. `RM_Call`
    /// with `C` looks for the user first and says ENOTSUP when there is none, and ENOENT for
    /// a command that no server has; nothing runs and nothing is logged either way.
    fn has_user(&self) -> bool {
        if self.for_nobody {
            return false;
        }
        errno::set(0);
        let reply =
            call!(RedisModule_Call(self.ctx.0, c"inval.probe-for-a-user".as_ptr(), c"C".as_ptr()));
        if let Some(reply) = reply.filter(|reply| !reply.is_null()) {
            call!(RedisModule_FreeCallReply(reply));
        }
        errno::get() != libc::ENOTSUP
    }

    /// Whether the user has the pattern `~*`: then no key needs a look.
    fn may_touch_all_keys(&self, user: *mut raw::RedisModuleString) -> bool {
        // SAFETY: the caller keeps the string.
        let words = [self.ctx.string(b"GETUSER"), self.ctx.string(unsafe { bytes(user) })];
        let Ok(user) = self.ctx.call(c"ACL", c"", &words) else { return false };
        // Field names and values in turn. Fields of selectors lie deeper.
        let mut fields = (0..).map_while(|at| user.element(at));
        while let Some(field) = fields.next() {
            if field == "keys" {
                let patterns = fields.next().unwrap_or_default();
                return patterns.split(' ').any(|pattern| pattern == "~*");
            }
            fields.next();
        }
        false
    }

    /// The first of the names that the caller may not delete.
    pub(super) fn denied(&mut self, names: &NameList) -> Option<Denied> {
        if names.is_empty() || self.for_nobody || self.is_obeying() || !self.has_user() {
            return None;
        }
        let name = call!(RedisModule_GetCurrentUserName(self.ctx.0)).filter(|name| !name.is_null());
        let Some(name) = name else { return Some(Denied { user: "(unknown)".to_owned(), at: 0 }) };
        let name = Str::owned(self.ctx, name);
        // SAFETY: `name` lives until the end of this function.
        let shown = String::from_utf8_lossy(unsafe { bytes(name.string) }).into_owned();
        // A user that was deleted meanwhile has no rights: fail closed.
        let user = call!(RedisModule_GetModuleUserFromUserName(name.string))
            .filter(|user| !user.is_null());
        let Some(user) = user else { return Some(Denied { user: shown, at: 0 }) };
        let may = |key: &Str| {
            let status = call!(RedisModule_ACLCheckKeyPermissions(
                user,
                key.string,
                raw::REDISMODULE_CMD_KEY_DELETE as c_int
            ));
            if status == Some(raw::Status::Ok as c_int) {
                return true;
            }
            call!(RedisModule_ACLAddLogEntry(
                self.ctx.0,
                user,
                key.string,
                raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_KEY
            ));
            false
        };
        let string = |key| self.ctx.string(key);
        let mut checked = vec![];
        let at = match names.len() > CHECKED_MAX {
            true if self.may_touch_all_keys(name.string) => None,
            true => names.iter().position(|key| !may(&string(key))),
            false => {
                checked = names.iter().map(string).collect();
                checked.iter().position(|key| !may(key))
            }
        };
        self.checked = checked;
        call!(RedisModule_FreeModuleUser(user));
        let denied = at.map(|at| Denied { user: shown.clone(), at });
        self.user = Some(shown);
        denied
    }

    /// Whether the caller may delete any key.
    pub(super) fn may_touch_all(&mut self) -> bool {
        if self.is_obeying() || !self.has_user() {
            return true;
        }
        let name = call!(RedisModule_GetCurrentUserName(self.ctx.0)).filter(|name| !name.is_null());
        let Some(name) = name else { return false };
        let name = Str::owned(self.ctx, name);
        // SAFETY: `name` lives until the end of this function.
        let shown = unsafe { bytes(name.string) };
        self.user = Some(String::from_utf8_lossy(shown).into_owned());
        self.may_touch_all_keys(name.string)
    }

    /// Who asks; his name where his permissions were looked at.
    pub(super) fn who_asks(&mut self) -> Caller {
        if self.for_nobody {
            return Caller::default();
        }
        let client = call!(RedisModule_GetClientId(self.ctx.0)).unwrap_or(0);
        Caller { user: self.user.take().unwrap_or_default(), client }
    }

    /// The user of a client that is connected.
    pub(super) fn user_of_client(&self, client: u64) -> Option<String> {
        // Nothing for a client that has no user, or is none.
        let name = call!(RedisModule_GetClientUserNameById(self.ctx.0, client));
        let name = Str::owned(self.ctx, name.filter(|name| !name.is_null())?);
        // SAFETY: `name` lives until the end of this function.
        Some(String::from_utf8_lossy(unsafe { bytes(name.string) }).into_owned())
    }
}
