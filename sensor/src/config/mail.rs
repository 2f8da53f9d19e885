//! Where an alert's mail goes, and how.

#![allow(rustdoc::broken_intra_doc_links, reason = "the text of a key is its help, where brackets are no links")]

use std::path::PathBuf;
use std::time::Duration;

use crate::config::keys::keys;
use crate::config::machine::host_name;

keys! {
    /// `mail = {..}` of an alert.
    pub MailKeys {
        /// Addresses that get the mail [default: none, at least one is required]
        to: Vec<String>,
        /// The sender's address [default: sensor@ and the host name]
        from: String,
        /// What sends it: sendmail (`/usr/sbin/sendmail`), smtp, or the absolute path of a program with sendmail's flags
        /// [default: smtp where `smtp` is set, else sendmail]
        via: String,
        /// A mail server, such as localhost:25
        smtp: String,
    }
}

/// Where a mail goes and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who gets it; at least one.
    pub to: Vec<String>,
    /// Who sends it.
    pub from: String,
    /// By what it is sent.
    pub via: Via,
    /// Events within this time of the first go into one mail.
    pub batch: Duration,
    /// How long the program or the server may take.
    pub timeout: Duration,
}

/// What sends a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// A program with sendmail's flags.
    Program(PathBuf),
    /// A server, `host:port`.
    Smtp(String),
}

const SENDMAIL: &str = "/usr/sbin/sendmail";
/// RFC 5321, section 4.5.3.1.3: a path has at most 256 octets, two of which are brackets.
const ADDRESS_MAX: usize = 254;

impl Mail {
    /// From its keys; an error says what is wrong with them.
    pub(super) fn new(keys: MailKeys, batch: Duration, timeout: Duration) -> Result<Self, &'static str> {
        let to = keys.to.unwrap_or_default();
        let from = keys.from.unwrap_or_else(|| format!("sensor@{}", host_name()));
        if to.is_empty() || !to.iter().chain([&from]).all(|text| is_address(text)) {
            return Err("mail needs to = [\"who@example.org\"], and a from of the same form");
        }
        let via = match (keys.via.as_deref(), keys.smtp) {
            (None | Some("sendmail"), None) => Via::Program(SENDMAIL.into()),
            (Some(path), None) if path.starts_with('/') => Via::Program(path.into()),
            (None | Some("smtp"), Some(server)) if server.contains(':') => Via::Smtp(server),
            _ => return Err("mail goes via = \"sendmail\", or smtp = \"host:25\""),
        };
        Ok(Self { to, from, via, batch, timeout })
    }
}

/// A conservative part of RFC 5321's mailbox: nothing that could end a header line or become an option of a program.
fn is_address(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "@.-_+=".contains(c);
    !text.is_empty() && text.len() <= ADDRESS_MAX && !text.starts_with('-') && text.chars().all(fits)
}
