//! The action that posts an event to a web server. `X-Sensor-Event` names the event (the same again has the same name);
//! with a secret `X-Sensor-Signature: sha256=...` is the body's HMAC-SHA-256 (RFC 2104) in hex.

use std::io::Read as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::config;
use crate::watch::batch::Outcome;
use crate::watch::entry::Event;
use crate::watch::template::fill;
use sensor_core::types::hex;

/// Where Debian, Fedora and their like keep the authorities that the system trusts.
const SYSTEM_ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
/// How much of an answer is read, bytes, so that its connection can be used again.
const ANSWER_MAX: u64 = 65_536;
/// How much of an answer is shown, bytes.
const SHOWN_MAX: usize = 200;

/// A web server and what it is sent.
#[derive(Debug)]
pub struct Webhook {
    settings: config::webhook::Webhook,
    agent: Agent,
}

impl Webhook {
    /// Prepares to post, without sending anything. Fails, in words, when `ca_file` holds no certificate.
    pub fn new(settings: config::webhook::Webhook) -> Result<Self, String> {
        let roots = match &settings.ca_file {
            Some(path) => {
                let text = std::fs::read(path).map_err(|error| format!("ca_file {}: {error}", path.display()))?;
                match certificates(&text) {
                    roots if roots.is_empty() => {
                        return Err(format!("ca_file {}: no certificate in it", path.display()));
                    }
                    roots => roots,
                }
            }
            None => SYSTEM_ROOTS
                .iter()
                .find_map(|path| std::fs::read(path).ok())
                .map_or_else(Vec::new, |text| certificates(&text)),
        };
        let roots = if roots.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&roots) };
        let config = Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            // A redirect would send the event to a server that is not configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("sensor/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Ok(Self { settings, agent: config.into() })
    }

    /// Posts one event.
    pub fn post(&self, event: &Event) -> Outcome {
        let body = self.body(event);
        let mut request = self.agent.post(&self.settings.url);
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        request = request.header("Content-Type", &self.settings.content_type).header("X-Sensor-Event", event.key());
        if let Some(secret) = &self.settings.secret {
            request = request.header("X-Sensor-Signature", signature(secret, body.as_bytes()));
        }
        match request.send(body.as_bytes()) {
            Ok(mut response) => {
                let mut answer = Vec::new();
                // The answer's text helps where the server refuses; it is not needed.
                drop(response.body_mut().as_reader().take(ANSWER_MAX).read_to_end(&mut answer));
                outcome(response.status().as_u16(), &answer)
            }
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
                Outcome::Refused(one_line(&error.to_string()))
            }
            Err(error) => Outcome::Unavailable(one_line(&error.to_string())),
        }
    }

    fn body(&self, event: &Event) -> String {
        self.settings.template.as_ref().map_or_else(|| event.json(), |template| fill(template, event))
    }
}

/// RFC 9110, section 15; 408, 425, 429 and 5xx say "later".
fn outcome(status: u16, answer: &[u8]) -> Outcome {
    let said = one_line(&String::from_utf8_lossy(answer));
    let said = if said.is_empty() { format!("status {status}") } else { format!("status {status}: {said}") };
    match status {
        200..=299 => Outcome::Delivered,
        408 | 425 | 429 | 500..=599 => Outcome::Unavailable(said),
        _ => Outcome::Refused(said),
    }
}

fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::export::escape::escape(&text[..text.floor_char_boundary(SHOWN_MAX)]).into_owned()
}

fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    format!("sha256={}", hex(&digest))
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem).filter_map(Result::ok);
    items
        .filter_map(|item| if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeMap;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::watch::entry::fixture::event;

    fn settings(url: String) -> config::webhook::Webhook {
        config::webhook::Webhook {
            url,
            template: None,
            content_type: "application/json".to_owned(),
            headers: vec![("X-Token".to_owned(), "abc".to_owned())],
            secret: Some(b"key".to_vec()),
            ca_file: None,
            timeout: Duration::from_secs(20),
        }
    }

    /// Posts to a server that gives this answer. What came of it, the headers that it got, and the body.
    fn post(answer: &'static str, template: Option<&str>) -> (Outcome, BTreeMap<String, String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut headers = BTreeMap::new();
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                if let Some((name, value)) = line.trim_end().split_once(": ") {
                    headers.insert(name.to_ascii_lowercase(), value.to_owned());
                }
                line.clear();
            }
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            (headers, String::from_utf8(body).unwrap())
        });
        let settings = config::webhook::Webhook { template: template.map(str::to_owned), ..settings(url) };
        let outcome = Webhook::new(settings).unwrap().post(&event(7, "new-host", "10.0.0.5"));
        let (headers, body) = server.join().unwrap();
        (outcome, headers, body)
    }

    #[test]
    fn the_record_is_posted_named_and_signed() {
        let (outcome, headers, body) = post("HTTP/1.1 204 No Content\r\n\r\n", None);
        assert_eq!(outcome, Outcome::Delivered);
        assert_eq!(body, event(7, "new-host", "10.0.0.5").json());
        assert_eq!(headers["x-sensor-event"], "db-7");
        assert_eq!(headers["x-token"], "abc");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["x-sensor-signature"], signature(b"key", body.as_bytes()));
    }

    #[test]
    fn a_template_makes_another_body() {
        assert_eq!(
            post("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some("{\"text\":\"{{ip}}\"}")).2,
            "{\"text\":\"10.0.0.5\"}"
        );
    }

    #[test]
    fn answers_are_understood() {
        let check = |status, expected| assert_eq!(outcome(status, b" no\x1b\n way "), expected);
        check(201, Outcome::Delivered);
        check(302, Outcome::Refused("status 302: no\\x1b way".to_owned()));
        check(404, Outcome::Refused("status 404: no\\x1b way".to_owned()));
        check(429, Outcome::Unavailable("status 429: no\\x1b way".to_owned()));
        check(503, Outcome::Unavailable("status 503: no\\x1b way".to_owned()));
        let (outcome, ..) = post("HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", None);
        assert_eq!(outcome, Outcome::Refused("status 307".to_owned()));
    }

    #[test]
    fn nobody_there_is_for_later() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let outcome = Webhook::new(settings(url)).unwrap().post(&event(7, "new-host", "10.0.0.5"));
        assert!(matches!(outcome, Outcome::Unavailable(_)), "{outcome:?}");
    }

    /// RFC 4231, section 4.3.
    #[test]
    fn the_signature_is_hmac_sha_256() {
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
