//! How a table of configuration keys is declared. `keys!` turns one list into the struct that serde and clap fill, and into
//! the description of every key for the manual and for suggestions. A key stands in one place: its documentation, its
//! type, its default, its flag and its environment variable.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::DeserializeOwned;

/// What is known of one key, besides its flag and its variable, which clap knows.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// Its documentation. A default that is not a plain value stands at the end: `[default: the host name]`.
    pub about: &'static str,
    /// Its default, where that is a plain value.
    pub default: Option<&'static str>,
    /// The type of its value in the manual's words, such as `number` or `list`.
    pub kind: &'static str,
}

/// A table of the configuration file, or a part of one; made by `keys!`.
pub trait Keys: DeserializeOwned + Default {
    /// Its keys, in the order of the manual.
    const KEYS: &'static [Key];

    /// Each key from here where it is given, else from `below`.
    fn over(self, below: Self) -> Self;

    /// The names of the keys that are given.
    fn given(&self) -> Vec<&'static str>;
}

/// The type of a key's value.
pub trait Value {
    /// What the manual calls it.
    const KIND: &'static str;
    /// What the manual calls a list of it.
    const LIST: &'static str = "list";
}

macro_rules! values {
    ($($type:ty: $kind:literal,)+) => {
        $(impl Value for $type {
            const KIND: &'static str = $kind;
        })+
    };
}

values! {
    bool: "true or false",
    u32: "number",
    u64: "number",
    usize: "number",
    String: "text",
    PathBuf: "path",
    BTreeMap<String, String>: "table of texts",
}

impl<T: Value> Value for Vec<T> {
    const KIND: &'static str = T::LIST;
}

/// What was given, else the default.
pub fn or_default<T: Clone + FromStr>(given: Option<&T>, default: &str) -> T {
    match given {
        Some(value) => value.clone(),
        // The reference's test reads every default.
        None => default.parse().ok().expect("a default is a value of its key's type"),
    }
}

/// Declares a table of keys. Each key is optional: the field is an `Option`. A key with a default (a literal) also gets a
/// method of its name, which returns what was given, else the default. With `flags` every key has an `#[arg(..)]`, and the
/// struct is part of a command line; the help text is the documentation with the default behind it.
macro_rules! keys {
    (
        flags
        $(#[$attribute:meta])*
        pub $name:ident {
            $(
                $(#[doc = $doc:literal])+
                #[arg($($arg:tt)+)]
                $key:ident: $type:ty $(= $default:literal)?
            ),+ $(,)?
        }
    ) => {
        #[derive(Clone, Debug, Default, clap::Args, serde::Deserialize)]
        $(#[$attribute])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                #[arg(help = concat!($($doc),+ $(, " [default: ", $default, "]")?).trim(), $($arg)+)]
                pub $key: Option<$type>,
            )+
        }
        $crate::config::keys::keys!(@impl $name $($key: $type, ($($doc),+) $(= $default)?;)+);
    };
    (
        $(#[$attribute:meta])*
        pub $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty $(= $default:literal)?
            ),+ $(,)?
        }
    ) => {
        #[derive(Clone, Debug, Default, serde::Deserialize)]
        $(#[$attribute])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                pub $key: Option<$type>,
            )+
        }
        $crate::config::keys::keys!(@impl $name $($key: $type, ($($doc),+) $(= $default)?;)+);
    };
    (@impl $name:ident $($key:ident: $type:ty, ($($doc:literal),+) $(= $default:literal)?;)+) => {
        impl $name {
            $($(
                #[doc = concat!("What `", stringify!($key), "` is, else its default: ", $default, ".")]
                pub fn $key(&self) -> $type {
                    $crate::config::keys::or_default(self.$key.as_ref(), concat!($default))
                }
            )?)+
        }

        impl $crate::config::keys::Keys for $name {
            const KEYS: &'static [$crate::config::keys::Key] = &[$(
                $crate::config::keys::Key {
                    name: stringify!($key),
                    about: concat!($($doc),+),
                    default: <[&str]>::first(&[$(concat!($default))?]).copied(),
                    kind: <$type as $crate::config::keys::Value>::KIND,
                },
            )+];

            fn over(self, below: Self) -> Self {
                Self { $($key: self.$key.or(below.$key),)+ }
            }

            fn given(&self) -> Vec<&'static str> {
                [$((stringify!($key), self.$key.is_some()),)+].iter().filter(|key| key.1).map(|key| key.0).collect()
            }
        }

        impl $crate::config::keys::Value for $name {
            const KIND: &'static str = "table";
            const LIST: &'static str = "tables";
        }
    };
}
pub(crate) use keys;
