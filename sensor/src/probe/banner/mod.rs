//! Banners of services: HTTP, TLS, SSH and any other text, as one line of at most 255 bytes.
//!
//! Data is sent only on ports where the client speaks first by convention; on all others the service's greeting is
//! awaited.

/// `Server` header and title of a web page.
pub mod http;
/// The SSH identification line.
pub mod ssh;
/// Subject and names of a TLS certificate.
pub mod tls;

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::probe::stream::{GREETING_MAX, read, write};
use sensor_core::types::Text;

/// Maximum number of bytes read of a web page: headers and title.
const PAGE_MAX: usize = 4096;
/// A greeting without an end of line counts as complete when nothing was received for so long.
const PAUSE: Duration = Duration::from_millis(150);

/// Who speaks first on a port, by convention: an HTTP client, a TLS client or the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Http,
    Service,
    Tls,
}

/// On every port that is not listed the service speaks first.
const fn first(port: u16) -> First {
    match port {
        80 | 81 | 8000 | 8008 | 8080 | 8081 | 8088 | 8888 => First::Http,
        443 | 465 | 636 | 853 | 990 | 992..=995 | 5061 | 5986 | 6443 | 8443 | 8883 | 9443 => First::Tls,
        _ => First::Service,
    }
}

/// The service's banner, as far as received until the deadline. The connection stays open.
pub(super) async fn greeting(stream: &TcpStream, ip: IpAddr, port: u16, deadline: Instant) -> Option<Text> {
    greeting_of(first(port), stream, ip, port, deadline).await
}

async fn greeting_of(first: First, stream: &TcpStream, ip: IpAddr, port: u16, deadline: Instant) -> Option<Text> {
    match first {
        First::Http => {
            write(stream, &http::question(ip, port), deadline).await?;
            let page = listen(stream, PAGE_MAX, deadline, http::is_complete).await;
            http::summary(&page).or_else(|| line(&page))
        }
        First::Service => {
            let is_complete = if port == SSH { ssh::is_complete } else { has_line };
            line(&listen(stream, GREETING_MAX, deadline, is_complete).await)
        }
        First::Tls => match tls::ask(stream, ip, deadline).await {
            tls::TlsAnswer::Certificate(certificate) => tls::summary(&certificate),
            tls::TlsAnswer::Plain(bytes) => http::summary(&bytes).or_else(|| line(&bytes)),
            tls::TlsAnswer::Nothing => None,
        },
    }
}

const SSH: u16 = 22;

/// Reads up to `len_max` bytes until the deadline, the end of the stream or `is_complete`.
async fn listen(stream: &TcpStream, len_max: usize, deadline: Instant, is_complete: fn(&[u8]) -> bool) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = [0; GREETING_MAX];
    while received.len() < len_max && !is_complete(&received) {
        let room = (len_max - received.len()).min(buffer.len());
        // A web page may arrive in pieces with pauses; other greetings arrive at once, often without an end of line.
        let wait =
            if received.is_empty() || len_max > GREETING_MAX { deadline } else { deadline.min(Instant::now() + PAUSE) };
        match read(stream, &mut buffer[..room], wait).await {
            Some(len) if len > 0 => received.extend_from_slice(&buffer[..len]),
            _ => break,
        }
    }
    received
}

/// The results of all parsers for the same bytes: HTTP, SSH, certificate, line. For fuzzing.
pub fn readings(received: &[u8]) -> [Option<Text>; 4] {
    [http::summary(received), ssh::identification(received).map(Text::new), tls::summary(received), line(received)]
}

fn has_line(received: &[u8]) -> bool {
    received.trim_ascii_start().contains(&b'\n')
}

/// The SSH identification line, else the first line that is not empty.
fn line(received: &[u8]) -> Option<Text> {
    let first = || received.split(|byte| *byte == b'\n').map(trim).find(|line| !line.is_empty());
    ssh::identification(received).or_else(first).map(Text::new)
}

/// Without white space and zeros at either end.
fn trim(mut line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    while let [rest @ .., last] = line
        && is_blank(last)
    {
        line = rest;
    }
    while let [first, rest @ ..] = line
        && is_blank(first)
    {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Arc;
    use std::thread::JoinHandle;

    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

    use super::*;
    use crate::probe::tcp::{GREETING, is_printer};

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// The banner of a service on loopback, and the service's thread, which returns the result of `serve`.
    async fn banner_of<T: Send + 'static>(
        first: First,
        serve: impl FnOnce(std::net::TcpStream) -> T + Send + 'static,
    ) -> (Option<String>, JoinHandle<T>) {
        let listener = TcpListener::bind((LOCAL, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let service = std::thread::spawn(move || serve(listener.accept().expect("a visitor").0));
        let stream = TcpStream::connect((LOCAL, port)).await.expect("a connection");
        let text = greeting_of(first, &stream, LOCAL, port, Instant::now() + GREETING).await;
        (text.map(|text| text.escaped()), service)
    }

    #[tokio::test]
    async fn a_web_server_is_sent_a_request() {
        let (text, service) = banner_of(First::Http, |mut stream| {
            let mut question = [0; 512];
            let len = stream.read(&mut question).expect("a question");
            stream.write_all(b"HTTP/1.0 200 OK\r\nServer: tiny\r\n\r\n<title>It").expect("an answer");
            stream.write_all(b" works</title>").expect("more of it");
            question[..len].to_vec()
        })
        .await;
        assert_eq!(text.as_deref(), Some("tiny; title: It works"));
        let question = service.join().expect("the service ends");
        assert!(question.starts_with(b"GET / HTTP/1.0\r\nHost: 127.0.0.1:") && question.ends_with(b"\r\n\r\n"));
    }

    /// Checks the certificate of a server of one TLS version, and that the connection is closed by close_notify.
    async fn check_tls(version: &'static SupportedProtocolVersion) {
        let (text, service) = banner_of(First::Tls, |mut stream| {
            let certificate = CertificateDer::from(include_bytes!("fixture/certificate.der").as_slice());
            let key = PrivatePkcs8KeyDer::from(include_bytes!("fixture/key.der").as_slice());
            let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(&[version])
                .expect("a version")
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key.into())
                .expect("a certificate and its key");
            let mut tls = ServerConnection::new(Arc::new(config)).expect("a connection");
            while tls.is_handshaking() {
                tls.complete_io(&mut stream).expect("a handshake");
            }
            // Without close_notify, the end of the stream is an error.
            rustls::Stream::new(&mut tls, &mut stream).read(&mut [0; 16]).map_err(|error| error.kind())
        })
        .await;
        assert_eq!(
            text.as_deref(),
            Some("subject: nas.example; names: nas.example, *.nas.example, 192.0.2.1, 2001:db8::1")
        );
        assert_eq!(service.join().expect("the service ends"), Ok(0));
    }

    #[tokio::test]
    async fn certificates_of_old_and_new_servers() {
        check_tls(&rustls::version::TLS12).await;
        check_tls(&rustls::version::TLS13).await;
    }

    #[tokio::test]
    async fn a_service_without_tls_on_a_tls_port() {
        let say = |bytes: &'static [u8]| {
            move |mut stream: std::net::TcpStream| {
                stream.write_all(bytes).expect("a greeting");
                let _ = stream.read(&mut [0; 1024]);
            }
        };
        assert_eq!(banner_of(First::Tls, say(b"220 plain\r\n")).await.0.as_deref(), Some("220 plain"));
        assert_eq!(
            banner_of(First::Tls, say(b"HTTP/1.1 400 Bad\r\nServer: x\r\n\r\n<title>No</title>")).await.0.as_deref(),
            Some("x; title: No")
        );
        // A fatal alert (RFC 8446, section 6), and a malformed handshake.
        assert_eq!(banner_of(First::Tls, say(b"\x15\x03\x03\0\x02\x02\x28")).await.0, None);
        assert_eq!(banner_of(First::Tls, say(b"\x16\x03\x03\0\x04\xff\xff\xff\xff")).await.0, None);
    }

    #[tokio::test]
    async fn a_silent_web_or_tls_server() {
        for first in [First::Http, First::Tls] {
            let silent = |mut stream: std::net::TcpStream| while stream.read(&mut [0; 64]).is_ok_and(|len| len > 0) {};
            assert_eq!(banner_of(first, silent).await.0, None);
        }
    }

    fn check(received: &[u8], expected: Option<&str>) {
        assert_eq!(line(received).map(|text| text.escaped()).as_deref(), expected);
    }

    #[test]
    fn one_line_of_any_greeting() {
        check(b"220 mail ESMTP\r\n", Some("220 mail ESMTP"));
        check(b"\r\n\r\nlogin: ", Some("login:"));
        check(b"hello\r\nSSH-2.0-x\r\n", Some("SSH-2.0-x"));
        check(b"\x1b]0;x\x07\n", Some("\\x1b]0;x\\x07"));
        check(b"\xff\xfd\x18\xff\xfd\x20", Some("\\xff\\xfd\\x18\\xff\\xfd"));
        check(b"\0\0\r\n \t", None);
        check(b"", None);
    }

    #[test]
    fn a_greeting_is_bounded() {
        assert_eq!(line(&[b'x'; 5000]).map(|text| text.as_bytes().len()), Some(255));
    }

    #[test]
    fn nothing_is_ever_sent_to_printers() {
        for port in (0..=u16::MAX).filter(|port| is_printer(*port)) {
            assert_eq!(first(port), First::Service, "{port}");
        }
    }
}
