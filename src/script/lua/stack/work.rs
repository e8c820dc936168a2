//! What a function costs: time, which is counted so that the script looks around, and memory.

use mlua::ffi;

use super::{NO_MEMORY, Raise, Stack};
use crate::script::lua::Pulse;

impl Stack<'_> {
    /// Counts work of a function that may take long: a unit for each byte or so.
    ///
    /// # Errors
    /// The script is to end, or has made more values than it may hold.
    pub(in crate::script::lua) fn work(&self, units: usize) -> Result<(), Raise> {
        if self.host.work(units) == Pulse::Kill {
            return Err(Raise::Killed);
        }
        match self.host.memory.is_exceeded() {
            true => Err(self.out_of_memory()),
            false => Ok(()),
        }
    }

    /// Asks whether the script may hold a string of so many bytes, before it is made.
    ///
    /// # Errors
    /// It may not.
    pub(in crate::script::lua) fn check_room(&self, bytes: usize) -> Result<(), Raise> {
        let memory = &self.host.memory;
        if bytes <= memory.room() {
            return Ok(());
        }
        // Some of what is in use may be garbage.
        if bytes <= memory.limit_bytes() {
            self.work(memory.used_bytes())?;
            // SAFETY: nothing is refused here, and no value of the sandbox has a finalizer.
            unsafe { ffi::lua_gc(self.state, ffi::LUA_GCCOLLECT, 0) };
        }
        match bytes <= memory.room() {
            true => Ok(()),
            false => Err(self.out_of_memory()),
        }
    }

    fn out_of_memory(&self) -> Raise {
        self.host.memory.note_refusal();
        Raise::Plain(NO_MEMORY.to_vec())
    }
}
