//! The SSH identification line (RFC 4253, section 4.2).

/// Whether the identification line was received completely.
pub(super) fn is_complete(received: &[u8]) -> bool {
    received.split_inclusive(|byte| *byte == b'\n').any(|line| line.starts_with(b"SSH-") && line.ends_with(b"\n"))
}

/// The identification line; the server may send other lines before it.
pub(super) fn identification(received: &[u8]) -> Option<&[u8]> {
    received.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"SSH-")).map(<[u8]>::trim_ascii_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(received: &[u8], expected: Option<&[u8]>, complete: bool) {
        assert_eq!((identification(received), is_complete(received)), (expected, complete));
    }

    #[test]
    fn identification_lines() {
        check(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", Some(b"SSH-2.0-OpenSSH_9.2p1 Debian-2"), true);
        check(b"SSH-1.99-old\n", Some(b"SSH-1.99-old"), true);
        check(b"keep out\r\nSSH-2.0-x\r\n\0\0\x01\x02", Some(b"SSH-2.0-x"), true);
        check(b"SSH-2.0-cut", Some(b"SSH-2.0-cut"), false);
        check(b"not SSH-2.0\r\n", None, false);
        check(b"", None, false);
    }
}
