//! Reads the configuration file table by table, and says in which line it is wrong.

use std::ops::Range;
use std::path::Path;

use serde::de::{DeserializeOwned, IntoDeserializer as _};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::error::ConfigError;
use crate::config::keys::Keys;
use crate::config::parse::suggest;

/// One table. Its keys are taken out of it part by part; what is left in the end is unknown.
pub(crate) struct Table<'a> {
    source: Source<'a>,
    span: Range<usize>,
    items: DeTable<'a>,
    /// The keys that were looked for.
    known: Vec<&'static str>,
}

#[derive(Clone, Copy)]
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(crate) fn parse(path: &'a Path, text: &'a str) -> Result<Self, ConfigError> {
        let source = Source { path, text };
        let table = DeTable::parse(text).map_err(|error| source.refuse(&error))?;
        Ok(Self { source, span: table.span(), items: table.into_inner(), known: Vec::new() })
    }

    /// The keys of one part of the table.
    pub(crate) fn take<T: Keys>(&mut self) -> Result<T, ConfigError> {
        let mut own = DeTable::new();
        for key in T::KEYS {
            self.known.push(key.name);
            if let Some((name, value)) = self.items.remove_entry(key.name) {
                own.insert(name, value);
            }
        }
        let own = Spanned::new(self.span.clone(), own);
        T::deserialize(own.into_deserializer()).map_err(|error| self.source.refuse(&error))
    }

    /// The table of this name in this one.
    pub(crate) fn inner<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> Result<T, ConfigError> {
        self.known.push(name);
        match self.items.remove(name) {
            Some(value) => T::deserialize(value.into_deserializer()).map_err(|error| self.source.refuse(&error)),
            None => Ok(T::default()),
        }
    }

    /// The tables of this name: `[[name]]`.
    pub(crate) fn list(&mut self, name: &'static str) -> Result<Vec<Self>, ConfigError> {
        self.known.push(name);
        let Some(value) = self.items.remove(name) else { return Ok(Vec::new()) };
        let wrong = |span: Range<usize>| ConfigError::File {
            path: self.source.place(Some(span)),
            message: format!("'{name}' is a list of tables; write [[{name}]]"),
        };
        let span = value.span();
        let DeValue::Array(tables) = value.into_inner() else { return Err(wrong(span)) };
        let mut inner = Vec::with_capacity(tables.len());
        for table in tables {
            let span = table.span();
            let DeValue::Table(items) = table.into_inner() else { return Err(wrong(span)) };
            inner.push(Self { source: self.source, span, items, known: Vec::new() });
        }
        Ok(inner)
    }

    /// Every key was taken, or the first that is left is refused.
    pub(crate) fn finish(self) -> Result<(), ConfigError> {
        match self.items.keys().next() {
            Some(key) => Err(self.source.unknown(key.get_ref(), Some(key.span()), self.known)),
            None => Ok(()),
        }
    }
}

impl Source<'_> {
    fn place(self, span: Option<Range<usize>>) -> String {
        let line = span.map_or(1, |span| self.text[..span.start.min(self.text.len())].matches('\n').count() + 1);
        format!("{}, line {line}", self.path.display())
    }

    fn unknown<'k>(
        self,
        key: &str,
        span: Option<Range<usize>>,
        known: impl IntoIterator<Item = &'k str>,
    ) -> ConfigError {
        let suggestion = suggest(key, known);
        ConfigError::UnknownKey { place: self.place(span), key: key.escape_debug().to_string(), suggestion }
    }

    /// An error of serde's or the parser's, as one line.
    fn refuse(self, error: &toml::de::Error) -> ConfigError {
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        // A struct that denies unknown fields names the key, and then those that it expects.
        let mut quoted = message.split('`').skip(1).step_by(2);
        match quoted.next() {
            Some(key) if message.starts_with("unknown field `") => self.unknown(key, error.span(), quoted),
            _ => ConfigError::File { path: self.place(error.span()), message },
        }
    }
}
