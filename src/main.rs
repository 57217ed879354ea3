//! The program `keyrotation`: see `keyrotation::cli`.

fn main() {}
