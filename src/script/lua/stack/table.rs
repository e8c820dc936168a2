//! Tables on the stack: made, read and filled without metamethods, so that no Lua code runs.

use std::ffi::c_int;

use mlua::ffi;

use super::{Kind, Raise, Stack};
use crate::error::ScriptError;
use crate::script::lua::base;

impl Stack<'_> {
    /// Pushes an empty table with room for `items` and `fields`.
    pub(in crate::script::lua) fn push_table(&self, items: usize, fields: usize) {
        self.reserve(1);
        let room = |count: usize| c_int::try_from(count.min(1 << 20)).unwrap_or(0);
        // SAFETY: there is room.
        unsafe { ffi::lua_createtable(self.state, room(items), room(fields)) }
    }

    /// Pushes `table[key]` without metamethods.
    pub(in crate::script::lua) fn push_field(&self, table: c_int, key: &str) {
        let table = self.table_index(table);
        self.push_bytes(key.as_bytes());
        // SAFETY: a table is at the index; raw access runs no code.
        unsafe { ffi::lua_rawget_(self.state, table) }
    }

    /// The number of items of the table at `index`.
    pub(in crate::script::lua) fn length(&self, index: c_int) -> usize {
        let index = self.table_index(index);
        // SAFETY: a table is at the index.
        unsafe { ffi::lua_objlen(self.state, index) }
    }

    /// Pushes `table[item]` without metamethods.
    pub(in crate::script::lua) fn push_item(&self, table: c_int, item: c_int) {
        let table = self.table_index(table);
        self.reserve(1);
        // SAFETY: as above.
        unsafe { ffi::lua_rawgeti_(self.state, table, item) }
    }

    /// Pushes the real table behind the read-only one at `index`; `false` for any other value.
    pub(in crate::script::lua) fn push_real(&self, index: c_int) -> bool {
        let index = self.checked(index);
        self.reserve(3);
        // SAFETY: the index is acceptable and there is room.
        unsafe { base::push_real(self.state, index) }
    }

    /// Takes the top value as `table[key]`.
    pub(in crate::script::lua) fn set_field(&self, table: c_int, key: &str) {
        let table = self.table_index(table);
        self.push_bytes(key.as_bytes());
        // SAFETY: key and value are on the stack, a table is at the index, and it is not nil.
        unsafe {
            ffi::lua_insert(self.state, -2);
            ffi::lua_rawset(self.state, table);
        }
    }

    /// Takes the top value as `table[item]`.
    pub(in crate::script::lua) fn set_item(&self, table: c_int, item: c_int) {
        let table = self.table_index(table);
        // SAFETY: a value is on the stack and a table at the index.
        unsafe { ffi::lua_rawseti_(self.state, table, item) }
    }

    /// Takes key and value from the top into `table`.
    ///
    /// # Errors
    /// Lua's own texts for a key that is nil or not a number.
    pub(in crate::script::lua) fn set_pair(&self, table: c_int) -> Result<(), Raise> {
        let table = self.table_index(table);
        if self.kind(-2) == Kind::Nil {
            return Err(Raise::Plain(b"table index is nil".to_vec()));
        }
        if self.kind(-2) == Kind::Number && self.number(-2).is_some_and(f64::is_nan) {
            return Err(Raise::Plain(b"table index is NaN".to_vec()));
        }
        // SAFETY: key and value are on the stack, the key is valid, a table is at the index.
        unsafe { ffi::lua_rawset(self.state, table) }
        Ok(())
    }

    /// Replaces the key on top by the next key and value of `table`; `false` at the end.
    ///
    /// The key must be nil or come from this traversal.
    pub(in crate::script::lua) fn next(&self, table: c_int) -> bool {
        let table = self.table_index(table);
        self.reserve(1);
        // SAFETY: a table is at the index and its keys do not change under a traversal here.
        unsafe { ffi::lua_next(self.state, table) != 0 }
    }

    fn table_index(&self, index: c_int) -> c_int {
        let index = self.absolute(index);
        assert!(self.kind(index) == Kind::Table);
        index
    }

    /// Pushes the table of an error of the server.
    pub(in crate::script::lua) fn push_error(&self, error: &ScriptError) {
        self.push_error_table(&error.line());
    }

    /// Pushes `{err = text}`.
    pub(in crate::script::lua) fn push_error_table(&self, text: &[u8]) {
        self.push_table(0, 1);
        self.push_bytes(text);
        self.set_field(-2, "err");
    }
}
