//! Where an alert is posted, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::keys::keys;

keys! {
    /// The keys of an `[[alert]]` that only one with a webhook may have.
    pub WebhookKeys {
        /// Webhook: the body, with `{{field}}` in it [default: the event's record as JSON]
        template: String,
        /// Webhook: the type of the body
        content_type: String = "application/json",
        /// Webhook: further headers
        headers: BTreeMap<String, String>,
        /// Webhook: signs the body
        secret: String,
        /// Webhook: a file with the secret
        secret_file: PathBuf,
        /// Webhook: a PEM file of the authorities to trust [default: the system's]
        ca_file: PathBuf,
    }
}

/// Where an event is posted and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// An `http` or `https` address.
    pub url: String,
    /// The body, with `{{field}}` in it; `None`: the event's record.
    pub template: Option<String>,
    /// The body's type.
    pub content_type: String,
    /// Further headers: names and values of plain ASCII.
    pub headers: Vec<(String, String)>,
    /// Signs the body; not empty.
    pub secret: Option<Vec<u8>>,
    /// PEM file of the authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

impl Webhook {
    /// From the address and the keys; an error says what is wrong with them.
    pub(super) fn new(url: &str, keys: WebhookKeys, timeout: Duration) -> Result<Self, String> {
        let after = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || after.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err("webhook is an address such as https://chat.example/hook".to_owned());
        }
        let content_type = keys.content_type();
        if !is_value(&content_type) {
            return Err("content_type is one such as text/plain".to_owned());
        }
        let secret = secret(keys.secret, keys.secret_file)?;
        let headers: Vec<_> = keys.headers.into_iter().flatten().collect();
        if let Some((name, _)) = headers.iter().find(|(name, value)| !is_name(name) || !is_value(value)) {
            return Err(format!("headers: '{}' is not a header of plain ASCII", name.escape_debug()));
        }
        let (url, template, ca_file) = (url.to_owned(), keys.template, keys.ca_file);
        Ok(Self { url, template, content_type, headers, secret, ca_file, timeout })
    }
}

fn secret(secret: Option<String>, file: Option<PathBuf>) -> Result<Option<Vec<u8>>, String> {
    let secret = match (secret, file) {
        (Some(_), Some(_)) => return Err("give it secret or secret_file, not both".to_owned()),
        (Some(secret), None) => secret.into_bytes(),
        (None, Some(path)) => {
            let text = std::fs::read(&path)
                .map_err(|error| format!("secret_file {}: {error}; correct its path or permissions", path.display()))?;
            text.trim_ascii_end().to_owned()
        }
        (None, None) => return Ok(None),
    };
    if secret.is_empty() {
        return Err("the secret is empty; `openssl rand -hex 32` makes one".to_owned());
    }
    Ok(Some(secret))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_value(value: &str) -> bool {
    value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}
