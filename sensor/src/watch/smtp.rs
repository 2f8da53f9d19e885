//! A mail by plain SMTP (RFC 5321) to a relay that takes it without encryption or password: on this box or beside it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};

use crate::config::mail::Mail;
use crate::export::escape::escape;
use crate::watch::batch::Outcome;

/// The longest reply line that is read, bytes (RFC 5321, section 4.5.3.1.5 asks for 512).
const REPLY_MAX: u64 = 4096;
/// Lines of one reply.
const REPLY_LINES_MAX: usize = 100;

/// Hands the mail to the server. `text`: the mail, lines ending with CR LF, none beginning with a dot.
pub fn send(server: &str, mail: &Mail, text: &str) -> Outcome {
    match talk(server, mail, text) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Unavailable(format!("{server}: {error}")),
    }
}

fn talk(server: &str, mail: &Mail, text: &str) -> io::Result<Outcome> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such server");
    let mut stream = None;
    for address in server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, mail.timeout) {
            Ok(connected) => {
                stream = Some(connected);
                break;
            }
            Err(error) => last = error,
        }
    }
    let Some(stream) = stream else { return Err(last) };
    stream.set_read_timeout(Some(mail.timeout))?;
    stream.set_write_timeout(Some(mail.timeout))?;
    let mut server = BufReader::new(stream);
    let name = mail.from.rsplit('@').next().unwrap_or("localhost");
    let mut steps =
        vec![(String::new(), 220), (format!("HELO {name}"), 250), (format!("MAIL FROM:<{}>", mail.from), 250)];
    steps.extend(mail.to.iter().map(|to| (format!("RCPT TO:<{to}>"), 250)));
    steps.push(("DATA".to_owned(), 354));
    steps.push((format!("{text}."), 250));
    for (line, expected) in steps {
        if !line.is_empty() {
            server.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        }
        let (code, said) = reply(&mut server)?;
        // RFC 5321, section 4.2.1: 251 takes it too; 4yz is for later, 5yz for good.
        if code != expected && !(expected == 250 && code == 251) {
            let verb: String = line.chars().take(40).take_while(|c| *c != '\r').collect();
            let said = format!("{verb}: {code} {said}");
            return Ok(if (500..600).contains(&code) { Outcome::Refused(said) } else { Outcome::Unavailable(said) });
        }
    }
    // It has the mail; whether it hears the goodbye does not matter.
    drop(server.get_mut().write_all(b"QUIT\r\n"));
    Ok(Outcome::Delivered)
}

/// The code, and the last line's text.
fn reply(server: &mut BufReader<TcpStream>) -> io::Result<(u16, String)> {
    for _ in 0..REPLY_LINES_MAX {
        let mut line = String::new();
        server.by_ref().take(REPLY_MAX).read_line(&mut line)?;
        let code = line.get(..3).and_then(|code| code.parse().ok());
        match (code, line.as_bytes().get(3)) {
            (Some(_), Some(b'-')) => {}
            (Some(code), _) => return Ok((code, escape(line[3..].trim()).chars().take(200).collect())),
            (None, _) => break,
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak SMTP"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::config::mail::Via;

    /// Sends a mail to a server that says these lines, one after each of ours. What came of it, and what it heard.
    fn check(replies: &'static [&'static str]) -> (Outcome, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut heard = String::new();
            for (number, reply) in replies.iter().enumerate() {
                if number > 0 {
                    stream.read_line(&mut heard).unwrap();
                }
                while reply.starts_with("250 taken") && !heard.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut heard).unwrap();
                }
                stream.get_mut().write_all(reply.as_bytes()).unwrap();
            }
            stream.read_to_string(&mut heard).unwrap();
            heard
        });
        let mail = Mail {
            to: vec!["a@b.c".to_owned(), "d@e.f".to_owned()],
            from: "s@box".to_owned(),
            via: Via::Smtp(address.clone()),
            batch: Duration::ZERO,
            timeout: Duration::from_secs(20),
        };
        let outcome = send(&address, &mail, "Subject: x\r\n\r\nhello\r\n");
        (outcome, server.join().unwrap())
    }

    #[test]
    fn a_mail_is_handed_over() {
        let (outcome, heard) = check(&[
            "220-hello\r\n220 there\r\n",
            "250 box\r\n",
            "250 ok\r\n",
            "250 ok\r\n",
            "251 forwarded\r\n",
            "354 go\r\n",
            "250 taken\r\n",
        ]);
        assert_eq!(outcome, Outcome::Delivered);
        assert_eq!(
            heard,
            "HELO box\r\nMAIL FROM:<s@box>\r\nRCPT TO:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n"
        );
    }

    #[test]
    fn refusals_are_told_from_delays() {
        let later = check(&["220 x\r\n", "250 x\r\n", "451 greylisted\r\n"]).0;
        assert_eq!(later, Outcome::Unavailable("MAIL FROM:<s@box>: 451 greylisted".to_owned()));
        let never = check(&["220 x\r\n", "250 x\r\n", "250 x\r\n", "550 no\x1bbody\r\n"]).0;
        assert_eq!(never, Outcome::Refused("RCPT TO:<a@b.c>: 550 no\\x1bbody".to_owned()));
        assert!(
            matches!(check(&["SSH-2.0-x\r\n"]).0, Outcome::Unavailable(text) if text.ends_with("it does not speak SMTP"))
        );
    }
}
