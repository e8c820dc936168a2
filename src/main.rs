//! The `quintlock` program.

fn main() {}
