//! The manual as its reader sees it: the README and the chapters in `sensor/docs`, what they name, and the commands that they
//! show. Two parts of it are generated; `SENSOR_UPDATE=1` makes them anew.

/// Pages: headings, links, code, tables.
pub mod page;
/// What the program has: options, configuration keys, names.
pub mod reference;
/// Command lines, and what each needs to be run.
pub mod command;
/// A machine of namespaces on which the manual's commands work as they stand.
pub mod machine;
