//! The actions behind one interface: a batch goes in, an outcome comes out.

use std::time::Duration;

use crate::config::alert::{Action, Alert};
use crate::config::mail::Via;
use crate::watch::batch::{Batch, Outcome};
use crate::watch::{command, mail, webhook};
use sensor_core::types::Timestamp;

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
