//! `Server` header and title of a web page (RFC 9112; the title as browsers find it). Truncated, chunked and malformed
//! responses are read as far as possible.

use std::net::IpAddr;

use sensor_core::types::Text;

/// A request that every server answers and after which it closes the connection (RFC 1945, section 5.1).
pub(super) fn question(ip: IpAddr, port: u16) -> Vec<u8> {
    let host = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let port = if port == 80 { String::new() } else { format!(":{port}") };
    format!("GET / HTTP/1.0\r\nHost: {host}{port}\r\nUser-Agent: sensor\r\nAccept: */*\r\n\r\n").into_bytes()
}

/// Whether enough was received: everything up to the end of the title.
pub(super) fn is_complete(received: &[u8]) -> bool {
    title(received).is_some()
}

/// `nginx/1.22.1; title: Welcome`, or the part that there is, else the status line. `None` when this is not HTTP.
pub(super) fn summary(received: &[u8]) -> Option<Text> {
    let status = received.split(|byte| *byte == b'\n').next().filter(|line| line.starts_with(b"HTTP/"))?;
    let (head, body) = split(received);
    let server = header(head, b"server").filter(|value| !value.is_empty());
    let is_chunked =
        header(head, b"transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked"));
    let title = if is_chunked { title(&unchunked(body)) } else { title(body) }.filter(|title| !title.is_empty());
    let mut text = server.unwrap_or_default().to_vec();
    // `Server` is truncated, so that the title fits too.
    text.truncate(SERVER_MAX);
    if let Some(title) = title {
        text.extend_from_slice(if text.is_empty() { b"title: " } else { b"; title: " });
        text.extend_from_slice(&title);
    }
    Some(Text::new(if text.is_empty() { status.trim_ascii_end() } else { &text }))
}

/// Maximum length of `Server` in the summary, in bytes.
const SERVER_MAX: usize = 120;

/// Headers and body; without an empty line everything is headers.
fn split(received: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in received.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii().is_empty() {
            return received.split_at(at);
        }
    }
    (received, &[])
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        line[..colon].eq_ignore_ascii_case(name).then(|| line[colon + 1..].trim_ascii())
    })
}

/// The chunks without their sizes (RFC 9112, section 7.1), up to the end or the first malformed one.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
        let size = body[..end].split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii);
        let size =
            size.and_then(|size| std::str::from_utf8(size).ok()).and_then(|size| usize::from_str_radix(size, 16).ok());
        let rest = &body[end + 1..];
        let Some(size) = size.filter(|size| *size > 0) else { break };
        let chunk = &rest[..size.min(rest.len())];
        data.extend_from_slice(chunk);
        body = rest[chunk.len()..].trim_ascii_start();
    }
    data
}

/// The text between the title's tags, each run of white space as one space.
fn title(page: &[u8]) -> Option<Vec<u8>> {
    let open = find(page, b"<title")?;
    let rest = &page[open..];
    let start = rest.iter().position(|byte| *byte == b'>')? + 1;
    let text = &rest[start..];
    let text = &text[..find(text, b"</title")?];
    let words: Vec<&[u8]> = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    Some(words.join(&b' '))
}

/// Position of the first match of the lower-case `needle`, ignoring case.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(received: &[u8], expected: Option<&str>) {
        assert_eq!(summary(received).map(|text| text.escaped()).as_deref(), expected);
    }

    #[test]
    fn server_and_title() {
        check(
            b"HTTP/1.1 200 OK\r\nDate: x\r\nServer: nginx/1.22.1\r\n\r\n<html><TITLE lang=en>\n Welcome\n  here </Title>",
            Some("nginx/1.22.1; title: Welcome here"),
        );
        check(b"HTTP/1.1 200 OK\nserver:x\n\nno markup", Some("x"));
        check(b"HTTP/1.0 200 OK\r\n\r\n<title>Router</title>", Some("title: Router"));
        check(b"HTTP/1.0 404 Not Found\r\n\r\n", Some("HTTP/1.0 404 Not Found"));
        check(b"HTTP/1.0 200 OK\r\nServer: \r\n\r\n<title> </title>", Some("HTTP/1.0 200 OK"));
    }

    #[test]
    fn a_title_across_chunks() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";
        check(
            &[&head[..], b"9\r\n<title>We\r\n0b;x=y\r\nlcome</titl\r\n2\r\ne>\r\n0\r\n\r\n"].concat(),
            Some("title: Welcome"),
        );
        check(&[&head[..], b"zz\r\n<title>We</title>"].concat(), Some("HTTP/1.1 200 OK"));
        check(&[&head[..], b"ffffffffffffffff\r\n<title>We</title>"].concat(), Some("title: We"));
        check(&[&head[..], b"fffffffffffffffff\r\n<title>We</title>"].concat(), Some("HTTP/1.1 200 OK"));
    }

    #[test]
    fn truncated_responses_and_other_protocols() {
        check(b"HTTP/1.1 200 OK\r\nServer: ngi", Some("ngi"));
        check(b"HTTP/1.1 200 OK\r\n\r\n<title>never closed", Some("HTTP/1.1 200 OK"));
        check(b"HTTP/1.1 200 OK\r\n\r\n<title", Some("HTTP/1.1 200 OK"));
        check(b"HTTP/", Some("HTTP/"));
        check(b"220 ftp\r\n", None);
        check(b"", None);
        check(b"\0\xff\n<title>x</title>", None);
    }

    #[test]
    fn a_summary_is_bounded() {
        let page =
            [b"HTTP/1.1 200 OK\r\nServer: ", &[b's'; 900][..], b"\r\n\r\n<title>", &[b't'; 900], b"</title>"].concat();
        let text = summary(&page).map(|text| text.escaped()).unwrap_or_default();
        assert_eq!(text.len(), 255);
        assert!(text.contains("; title: ttt"), "{text}");
    }
}
