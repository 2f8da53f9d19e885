//! `sensor watch`: follows the journal from where it stopped, and does what the `[[alert]]` tables say.
//!
//! A line of the journal (`source`) becomes an event (`entry`), is compared with the ids that came before (`sequence`), and
//! is put on disk for the alerts (`spool`); only then does the place in the journal move on (`state`). Each alert has a
//! thread of its own (`alert_worker`) that filters, folds repeats (`gate`) and acts ([`Actor`]: `command`, `webhook`,
//! `mail`), and moves on only when that worked. So a kill at any moment makes an event come twice, with the same id, and
//! loses none.
//!
//! A new action is one file, one variant of [`Actor`], and its key in `config/alert.rs`. It must limit its time and memory,
//! treat every text as hostile, say whether trying again makes sense (`Outcome`), and show no secret in its messages.

use std::time::Duration;

use crate::config::alert::{Action, Alert};
use crate::config::mail::Via;
use crate::watch::batch::{Batch, Outcome};
use sensor_core::types::Timestamp;

/// The thread of one alert.
mod alert_worker;
/// Events that are delivered together, and what came of it.
mod batch;
/// The action that runs a program.
mod command;
/// From a line of the journal to an event.
pub mod entry;
/// Which events an alert is about.
mod filter;
/// How often an alert may act.
mod gate;
/// The action that sends a mail.
mod mail;
/// Ids, repeats and gaps.
mod sequence;
/// What the journal's thread and the alerts' threads know of each other.
mod shared;
/// A mail by plain SMTP.
mod smtp;
/// Lines of the journal.
mod source;
/// Events that alerts still have to take.
mod spool;
/// What survives the watcher.
mod state;
/// A body with fields in it.
mod template;
/// The loop of `sensor watch`.
pub mod watcher;
/// The action that posts to a web server.
mod webhook;

/// How many events one mail shows; the rest are counted.
const MAIL_MAX: usize = 200;

/// An action, ready.
#[derive(Debug)]
pub enum Actor {
    /// Runs a program.
    Command {
        /// Path and arguments.
        argv: Vec<String>,
        /// It is killed after this time.
        timeout: Duration,
    },
    /// Sends mail.
    Mail(crate::config::mail::Mail),
    /// Posts to a web server.
    Webhook(Box<webhook::Webhook>),
}

impl Actor {
    /// Prepares the action of an alert, without doing anything. Fails, in words, when a file that it needs is not there.
    pub fn new(alert: &Alert) -> Result<Self, String> {
        Ok(match alert.action.clone() {
            Action::Command { argv, timeout } => Self::Command { argv, timeout },
            Action::Mail(mail) => Self::Mail(mail),
            Action::Webhook(settings) => Self::Webhook(Box::new(webhook::Webhook::new(settings)?)),
        })
    }

    /// How long it waits for more events before it acts.
    pub fn batch(&self) -> Duration {
        match self {
            Self::Mail(mail) => mail.batch,
            Self::Command { .. } | Self::Webhook(_) => Duration::ZERO,
        }
    }

    /// How many events it takes at once.
    pub fn batch_max(&self) -> usize {
        match self {
            Self::Mail(_) => MAIL_MAX,
            Self::Command { .. } | Self::Webhook(_) => 1,
        }
    }

    /// Tries to deliver the batch once.
    pub fn deliver(&self, alert: &str, batch: &Batch, now: Timestamp) -> Outcome {
        match (self, batch.events.first()) {
            (Self::Mail(mail), _) => mail::send(mail, alert, batch, now),
            (Self::Command { argv, timeout }, Some(event)) => command::run(argv, *timeout, alert, event),
            (Self::Webhook(webhook), Some(event)) => webhook.post(event),
            (_, None) => Outcome::Delivered,
        }
    }
}

/// What the action does, in words. Of a URL only the server is shown, since the rest may be a secret.
pub fn describe(action: &Action) -> String {
    match action {
        Action::Command { argv, .. } => format!("run {}", argv.join(" ")),
        Action::Mail(mail) => match &mail.via {
            Via::Program(program) => format!("mail to {} by {}", mail.to.join(", "), program.display()),
            Via::Smtp(server) => format!("mail to {} by {server}", mail.to.join(", ")),
        },
        Action::Webhook(webhook) => {
            let parts: Vec<&str> = webhook.url.splitn(4, '/').take(3).collect();
            let server = parts.last().and_then(|host| host.rsplit('@').next()).unwrap_or_default();
            format!("post to {}//{server}/...", parts.first().unwrap_or(&""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_keeps_secrets() {
        let webhook = |url: &str| {
            describe(&Action::Webhook(crate::config::webhook::Webhook {
                url: url.to_owned(),
                template: None,
                content_type: String::new(),
                headers: Vec::new(),
                secret: None,
                ca_file: None,
                timeout: Duration::ZERO,
            }))
        };
        assert_eq!(webhook("https://hooks.example/services/T0/secret"), "post to https://hooks.example/...");
        assert_eq!(webhook("https://user:pass@x:8443"), "post to https://x:8443/...");
    }
}
