//! The action that sends a mail: one for a burst, a table of what happened and each event's sentence, plain ASCII on the
//! wire (quoted-printable), so that no name on the network can add a header, a line or a part.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use comfy_table::{ContentArrangement, Table, presets};
use sha2::{Digest as _, Sha256};

use crate::config::mail::{Mail, Via};
use crate::watch::batch::{Batch, Outcome};
use crate::watch::command::wait;
use crate::watch::smtp;
use sensor_core::types::{Timestamp, hex};

/// How much of a sentence is shown, characters.
const MESSAGE_MAX: usize = 400;
/// The longest line of quoted-printable (RFC 2045, section 6.7).
const LINE_MAX: usize = 76;

/// Sends the batch.
pub fn send(mail: &Mail, alert: &str, batch: &Batch, now: Timestamp) -> Outcome {
    let text = compose(mail, alert, batch, now);
    match &mail.via {
        Via::Program(program) => {
            // -i: a line with a dot is no end; recipients are arguments, and were checked to be no flags.
            let mut command = Command::new(program);
            command.args(["-i", "-f", &mail.from, "--"]).args(&mail.to).stdin(Stdio::piped()).process_group(0);
            let name = program.display();
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return Outcome::Unavailable(format!("{name}: {error}")),
            };
            // A program that reads nothing would block the writing; so it is done beside the waiting.
            let writer = child.stdin.take().map(|mut stdin| {
                let text = text.replace("\r\n", "\n");
                std::thread::spawn(move || stdin.write_all(text.as_bytes()))
            });
            let status = wait(&mut child, mail.timeout);
            let written =
                writer.is_some_and(|writer| writer.is_finished() && writer.join().is_ok_and(|done| done.is_ok()));
            match status {
                Ok(Some(status)) if status.success() && written => Outcome::Delivered,
                // A mail system that is not ready says so by sysexits.h's numbers; none of them says "never again".
                Ok(Some(status)) => Outcome::Unavailable(format!("{name}: {status}")),
                Ok(None) => Outcome::Unavailable(format!("{name}: killed after {} s", mail.timeout.as_secs())),
                Err(error) => Outcome::Unavailable(format!("{name}: {error}")),
            }
        }
        Via::Smtp(server) => smtp::send(server, mail, &text),
    }
}

/// The whole mail, lines ending with CR LF (RFC 5322).
fn compose(mail: &Mail, alert: &str, batch: &Batch, now: Timestamp) -> String {
    let mut out = String::new();
    let mut header = |name: &str, value: &str| out.push_str(&format!("{name}: {}\r\n", ascii(value)));
    header("From", &mail.from);
    header("To", &mail.to.join(", "));
    header("Subject", &subject(batch));
    header("Date", &date(now));
    header("Message-ID", &format!("<{}@{}>", message_id(alert, batch), domain(&mail.from)));
    header("Auto-Submitted", "auto-generated");
    header("MIME-Version", "1.0");
    header("Content-Type", "text/plain; charset=utf-8");
    header("Content-Transfer-Encoding", "quoted-printable");
    out.push_str("\r\n");
    out + &quoted_printable(&body(alert, batch))
}

fn body(alert: &str, batch: &Batch) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["time", "severity", "kind", "segment", "address", "mac", "name"]);
    for event in &batch.events {
        let cell = |key| match event.text(key) {
            "" => "-".to_owned(),
            text => text.chars().take(60).collect(),
        };
        let at = cell("at");
        let at = at.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ");
        table.add_row([at, cell("severity"), cell("kind"), cell("segment"), cell("ip"), cell("mac"), cell("hostname")]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut out = String::new();
    for line in table.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push('\n');
    for event in &batch.events {
        let message: String = event.text("message").chars().take(MESSAGE_MAX).collect();
        let id = if event.is_notice() { String::new() } else { format!("{}. ", event.id) };
        out.push_str(&format!("{id}{message}\n"));
    }
    if !batch.more.is_empty() {
        out.push_str(&format!("\nand {} more: {}\n", batch.more.values().sum::<u64>(), counted(&batch.more)));
    }
    out.push_str(&format!("\nTimes are UTC. Sent by `sensor watch`, alert {alert}.\n"));
    out
}

fn subject(batch: &Batch) -> String {
    let worst = batch.events.iter().max_by_key(|event| event.severity());
    let Some(worst) = worst else { return "[sensor]".to_owned() };
    let head = format!("[{}] {}", worst.text("sensor"), worst.severity().name());
    if let ([event], true) = (&batch.events[..], batch.more.is_empty()) {
        let about = [event.text("ip"), event.text("mac")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        return format!("{head}: {} {about}", event.text("kind")).trim_end().to_owned();
    }
    let mut kinds = batch.more.clone();
    for event in &batch.events {
        *kinds.entry(event.text("kind").to_owned()).or_default() += 1;
    }
    format!("{head}: {} events: {}", kinds.values().sum::<u64>(), counted(&kinds))
}

fn counted(kinds: &BTreeMap<String, u64>) -> String {
    kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// What may stand in a header: printable ASCII, and not too much (RFC 5322, section 2.1.1).
fn ascii(text: &str) -> String {
    let clean = text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' });
    clean.take(900).collect()
}

/// A mail that is sent again has the same id.
fn message_id(alert: &str, batch: &Batch) -> String {
    let mut digest = Sha256::new();
    digest.update(alert);
    batch.events.iter().for_each(|event| digest.update(event.key()));
    hex(&digest.finalize()[..16])
}

fn domain(from: &str) -> &str {
    from.rsplit('@').next().unwrap_or(from)
}

fn date(now: Timestamp) -> String {
    let now = jiff::Timestamp::from_nanosecond(now.as_nanos().into()).unwrap_or_default();
    now.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// RFC 2045, section 6.7: what is not printable ASCII becomes `=XX`; long lines are broken softly.
fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 11 / 10);
    for line in text.lines() {
        let mut column = 0;
        for (at, byte) in line.bytes().enumerate() {
            let is_last = at + 1 == line.len();
            // A blank at the end may be lost on the way; a line's first dot would be SMTP's end of mail to a program that
            // does not know better.
            let is_plain = |column| match byte {
                b'=' => false,
                b' ' => !is_last,
                b'.' => column > 0,
                byte => byte.is_ascii_graphic(),
            };
            let width = |column| if is_plain(column) { 1 } else { 3 };
            if column + width(column) >= LINE_MAX {
                out.push_str("=\r\n");
                column = 0;
            }
            match is_plain(column) {
                true => out.push(char::from(byte)),
                false => out.push_str(&format!("={byte:02X}")),
            }
            column += width(column);
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::time::Duration;

    use super::*;
    use crate::watch::entry::Event;
    use crate::watch::entry::fixture::event;
    use crate::watch::state::fixture::Folder;

    fn mail(via: Via) -> Mail {
        Mail {
            to: vec!["a@example.org".to_owned(), "root".to_owned()],
            from: "sensor@box".to_owned(),
            via,
            batch: Duration::ZERO,
            timeout: Duration::from_secs(60),
        }
    }

    fn batch(events: Vec<Event>) -> Batch {
        Batch { events, ..Batch::default() }
    }

    const AT: Timestamp = Timestamp::from_secs(1_795_200_000);

    #[test]
    fn a_burst_is_one_readable_mail() {
        let mut burst = batch(vec![event(7, "new-host", "10.0.0.5"), event(8, "changed-mac", "10.0.0.100")]);
        burst.more.insert("bogon".to_owned(), 3);
        let text = compose(&mail(Via::Smtp(String::new())), "ops", &burst, AT).replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap();
        assert!(head.starts_with("From: sensor@box\nTo: a@example.org, root\nSubject: [box] notice: 5 events: 3 bogon, 1 changed-mac, 1 new-host\nDate: Fri, 20 Nov 2026 18:40:00 +0000\nMessage-ID: <"), "{head}");
        let body = body.replace("=\n", "");
        let expected = "\
time                 severity  kind         segment  address     mac                name
2026-11-21 08:00:00  notice    new-host     eth1     10.0.0.5    00:14:22:01:02:03  nas
2026-11-21 08:00:00  notice    changed-mac  eth1     10.0.0.100  00:14:22:01:02:03  nas

7. new-host 10.0.0.5
8. changed-mac 10.0.0.100

and 3 more: 3 bogon

Times are UTC. Sent by `sensor watch`, alert ops.
";
        assert_eq!(body, expected);
    }

    #[test]
    fn no_name_adds_a_header_or_a_line() {
        for text in
            ["a\r\nBcc: x@y\r\n\r\n", ".\r\nQUIT", "=cmd()", "<script>", "\u{202e}x", "=?utf-8?q?x?=", "\u{e9}\u{e9}"]
        {
            let mut hostile = event(7, "new-host", "10.0.0.5");
            for key in ["kind", "hostname", "message", "sensor", "ip", "at", "severity"] {
                hostile.record.insert(key.to_owned(), text.into());
            }
            let whole = compose(&mail(Via::Smtp(String::new())), "ops", &batch(vec![hostile]), AT);
            let (head, body) = whole.split_once("\r\n\r\n").unwrap();
            assert_eq!(head.split("\r\n").count(), 9, "{head}");
            assert!(whole.bytes().all(|byte| byte.is_ascii_graphic() || b" \r\n".contains(&byte)), "{whole:?}");
            assert!(body.split("\r\n").all(|line| line.len() <= LINE_MAX && !line.starts_with('.')), "{body}");
        }
    }

    #[test]
    fn long_lines_are_broken_and_come_back() {
        for text in ["x".repeat(1000), "\u{20ac}".repeat(300), "= ".repeat(200), ".".repeat(200)] {
            let encoded = quoted_printable(&text);
            assert!(encoded.split("\r\n").all(|line| line.len() <= LINE_MAX && !line.starts_with('.')), "{encoded}");
            let joined = encoded.replace("=\r\n", "");
            let mut bytes = Vec::new();
            let mut rest = joined.trim_end().as_bytes();
            while let Some((&byte, after)) = rest.split_first() {
                rest = after;
                if byte == b'=' {
                    bytes.push(u8::from_str_radix(str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
                    rest = &after[2..];
                } else {
                    bytes.push(byte);
                }
            }
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
    }

    #[test]
    fn sendmail_gets_it() {
        let folder = Folder::new("sendmail");
        let (program, out) = (folder.file("sendmail"), folder.file("out"));
        let script = format!("#!/bin/sh\necho \"$@\" > {0}.args; cat > {0}\n", out.display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let events = batch(vec![event(7, "new-host", "10.0.0.5")]);
        // Another test's child may still hold the script open for writing for a moment (ETXTBSY).
        let sent = std::iter::repeat_with(|| send(&mail(Via::Program(program.clone())), "ops", &events, AT));
        let sent = sent.take(100).find(|outcome| *outcome == Outcome::Delivered);
        assert_eq!(sent, Some(Outcome::Delivered));
        assert_eq!(
            std::fs::read_to_string(folder.file("out.args")).unwrap(),
            "-i -f sensor@box -- a@example.org root\n"
        );
        let got = std::fs::read_to_string(out).unwrap();
        assert!(got.contains("Subject: [box] notice: new-host 10.0.0.5\n") && !got.contains('\r'), "{got}");
        let missing = send(&mail(Via::Program("/none/sendmail".into())), "ops", &events, AT);
        assert!(matches!(missing, Outcome::Unavailable(_)));
    }
}
