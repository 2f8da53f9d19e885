//! The owner's own rules and signatures, kept so that readers guess by the same ones as the last run or replay.

use rusqlite::Connection;

use crate::store::batch::Rules;
use crate::store::column::{damage, values};
use crate::store::query::all;

const FINGERPRINTS: &str = "fingerprints";
const P0F: &str = "p0f";

/// The rules that are saved.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Rules> {
    let mut rules = Rules::default();
    for (name, text) in all(connection, "SELECT name, text FROM rules", [], |row| Ok((row.next()?, row.next()?)))? {
        let name: String = name;
        match name.as_str() {
            FINGERPRINTS => rules.fingerprints = Some(text),
            P0F => rules.p0f = Some(text),
            name => return Err(damage("no such rules", name)),
        }
    }
    Ok(rules)
}

/// Puts these rules in place of the saved ones.
pub(super) fn replace(connection: &Connection, rules: &Rules) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM rules", [])?;
    for (name, text) in [(FINGERPRINTS, &rules.fingerprints), (P0F, &rules.p0f)] {
        if let Some(text) = text {
            connection.execute("INSERT INTO rules (name, text) VALUES (?, ?)", values![name, text])?;
        }
    }
    Ok(())
}
