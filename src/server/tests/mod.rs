//! Tests that need both sides of a server: its sockets, and what it keeps.

mod kept;
