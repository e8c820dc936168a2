//! What must hold for every row.
