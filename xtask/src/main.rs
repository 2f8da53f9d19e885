//! Builds, checks, shows and measures the sensor: one file a subcommand.
fn main() {}
