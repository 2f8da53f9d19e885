//! Values that are one word of a few.

use clap::ValueEnum;
use serde::{Deserialize as _, Deserializer};

/// Reads the value of the key `key` from the file; a word that is not one of the choices is an error that lists them.
pub(super) fn read<'de, T: ValueEnum, D: Deserializer<'de>>(key: &str, deserializer: D) -> Result<T, D::Error> {
    let word = String::deserialize(deserializer)?;
    T::from_str(&word, false).map_err(|_| serde::de::Error::custom(format!("{key} is {}, not '{word}'", list::<T>())))
}

/// `a, b or c`
fn list<T: ValueEnum>() -> String {
    let values = T::value_variants().iter().filter_map(T::to_possible_value);
    let mut names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    match names.pop() {
        Some(last) if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        last => last.unwrap_or_default(),
    }
}
