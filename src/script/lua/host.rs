//! What one Lua state carries beside Lua's own data: the account of its memory, the generator
//! behind `math.random`, and the script that runs at the moment.
//!
//! Every C function reaches it through the state's allocator pointer. It holds cells only, so
//! nothing stays borrowed while a pulse blocks or switches stacks.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;

use mlua::ffi;

use super::memory::Memory;
use super::{Pulse, random};
use crate::script::Calls;

/// See the module.
#[repr(C)]
pub(super) struct Host {
    /// First, because the allocator is handed a pointer to the host and reads it as this.
    pub(super) memory: Memory,
    /// 48 bits of generator state.
    pub(super) random: Cell<u64>,
    /// Whether a script may have changed settings of `cjson`.
    pub(super) has_cjson_settings: Cell<bool>,
    /// The protocol version in which replies reach the script.
    pub(super) protocol: Cell<u8>,
    /// The main thread of the state, null while the state is built.
    pub(super) main: Cell<*mut ffi::lua_State>,
    /// Instructions between two hooks of the main thread.
    pub(super) instructions: Cell<c_int>,
    /// Work that may be done before the script looks around.
    pub(super) work_left: Cell<usize>,
    /// What the running script reaches, if one runs.
    pub(super) running: Cell<Option<Running>>,
    /// Whether the last look around has found that the script must end.
    pub(super) is_to_end: Cell<bool>,
    /// Set once it ends for that, cleared at the end of the run.
    pub(super) killed: Cell<bool>,
    /// Source and line at which the kill struck.
    pub(super) killed_at: RefCell<Option<String>>,
}

/// Pointers to what [`super::Vm::run`] was given; valid until that call returns.
#[derive(Clone, Copy)]
pub(super) struct Running {
    pub(super) calls: *mut (dyn Calls + 'static),
    pub(super) pulse: *const (dyn Fn() -> Pulse + 'static),
}

impl Host {
    /// A host without a running script.
    pub(super) fn new(memory_bytes: usize) -> Host {
        Host {
            memory: Memory::new(memory_bytes),
            random: Cell::new(random::INITIAL_STATE),
            has_cjson_settings: Cell::new(false),
            protocol: Cell::new(2),
            main: Cell::new(std::ptr::null_mut()),
            instructions: Cell::new(0),
            work_left: Cell::new(0),
            running: Cell::new(None),
            is_to_end: Cell::new(false),
            killed: Cell::new(false),
            killed_at: RefCell::new(None),
        }
    }
}
