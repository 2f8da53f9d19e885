//! Subject and names of a TLS server's certificate (RFC 5280, sections 4.1.2.6 and 4.2.1.6).
//!
//! Nothing is authenticated: any certificate is accepted without checking its signature, and no data is sent to the
//! server after the handshake. What the certificate says is unverified.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::Instant;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::probe::stream::{GREETING_MAX, read, write};
use sensor_core::types::Text;

/// Result of a TLS handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TlsAnswer {
    /// The server's certificate, as DER.
    Certificate(Vec<u8>),
    /// No certificate and no readable answer.
    Nothing,
    /// The service does not speak TLS; the bytes that it sent.
    Plain(Vec<u8>),
}

/// Maximum number of bytes read of a handshake; long certificate chains take some ten thousand.
const HANDSHAKE_MAX: usize = 64 << 10;

/// Performs the handshake until the certificate is received or the deadline passes, and sends close_notify.
pub(super) async fn ask(stream: &TcpStream, ip: IpAddr, deadline: Instant) -> TlsAnswer {
    let Some(config) = CONFIG.clone() else { return TlsAnswer::Nothing };
    let Ok(mut tls) = ClientConnection::new(config, ServerName::IpAddress(ip.into())) else {
        return TlsAnswer::Nothing;
    };
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let mut taken = 0;
    while tls.is_handshaking() && taken < HANDSHAKE_MAX {
        if flush(&mut tls, stream, deadline).await.is_none() {
            break;
        }
        let Some(len @ 1..) = read(stream, &mut buffer, deadline).await else { break };
        taken += len;
        received.extend_from_slice(&buffer[..len.min(GREETING_MAX.saturating_sub(received.len()))]);
        if received.first().is_some_and(|kind| !is_record(*kind)) {
            return TlsAnswer::Plain(received);
        }
        if feed(&mut tls, &buffer[..len]).is_none() {
            break;
        }
    }
    tls.send_close_notify();
    // The certificate is received; whether the server receives close_notify does not matter.
    let _ = flush(&mut tls, stream, deadline).await;
    let certificate = tls.peer_certificates().and_then(<[_]>::first);
    certificate.map_or(TlsAnswer::Nothing, |certificate| TlsAnswer::Certificate(certificate.to_vec()))
}

/// Whether this is the type of an alert or a handshake, the only records that a server starts with (RFC 8446, section
/// 5.1).
const fn is_record(kind: u8) -> bool {
    matches!(kind, 21 | 22)
}

/// Sends the library's pending records.
async fn flush(tls: &mut ClientConnection, stream: &TcpStream, deadline: Instant) -> Option<()> {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut bytes).ok()?;
    }
    write(stream, &bytes, deadline).await
}

/// Passes received bytes to the library; `None` when they are not valid TLS.
fn feed(tls: &mut ClientConnection, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        tls.read_tls(&mut bytes).ok()?;
        tls.process_new_packets().ok()?;
    }
    Some(())
}

/// `subject: nas.example; names: nas.example, 192.0.2.1`, or the part that there is.
pub(super) fn summary(certificate: &[u8]) -> Option<Text> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let subject = certificate.subject().iter_common_name().next().map(|name| name.as_slice()).unwrap_or_default();
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<Vec<u8>> = alternatives
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(alternative)
        .take(NAMES_MAX)
        .collect();
    let mut parts = Vec::new();
    if !subject.is_empty() {
        // The subject is truncated, so that the names fit too.
        parts.push([b"subject: ", &subject[..subject.len().min(SUBJECT_MAX)]].concat());
    }
    if !names.is_empty() {
        parts.push([&b"names: "[..], &names.join(&b", "[..])].concat());
    }
    (!parts.is_empty()).then(|| Text::new(&parts.join(&b"; "[..])))
}

/// Maximum length of the subject in bytes: that of a common name (RFC 5280, appendix A.1, ub-common-name).
const SUBJECT_MAX: usize = 64;
/// Maximum number of names: more do not fit into the text.
const NAMES_MAX: usize = 64;

fn alternative(name: &GeneralName<'_>) -> Option<Vec<u8>> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some(name.as_bytes().to_vec())
        }
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
            let ip = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))));
            ip.ok().map(|ip| ip.to_string().into_bytes())
        }
        _ => None,
    }
}

/// Configuration for TLS 1.2 and 1.3. Never `None`: the provider supports both.
static CONFIG: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(|| {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let mut config =
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptsAnything)).with_no_client_auth();
    // A resumed handshake has no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    config.enable_sni = false;
    Some(Arc::new(config))
});

/// Accepts any certificate and any signature: the certificate is only read, and no data is sent to the server.
#[derive(Debug)]
struct AcceptsAnything;

impl ServerCertVerifier for AcceptsAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme::*;
        vec![
            ECDSA_NISTP256_SHA256,
            ECDSA_NISTP384_SHA384,
            ECDSA_NISTP521_SHA512,
            ED25519,
            ED448,
            RSA_PSS_SHA256,
            RSA_PSS_SHA384,
            RSA_PSS_SHA512,
            RSA_PKCS1_SHA256,
            RSA_PKCS1_SHA384,
            RSA_PKCS1_SHA512,
            ECDSA_SHA1_Legacy,
            RSA_PKCS1_SHA1,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = include_bytes!("fixture/certificate.der");

    #[test]
    fn subject_and_names() {
        let text = summary(CERTIFICATE).map(|text| text.escaped());
        assert_eq!(
            text.as_deref(),
            Some("subject: nas.example; names: nas.example, *.nas.example, 192.0.2.1, 2001:db8::1")
        );
    }

    #[test]
    fn malformed_certificates_are_ignored() {
        assert_eq!(summary(b""), None);
        (0..CERTIFICATE.len()).for_each(|len| assert_eq!(summary(&CERTIFICATE[..len]), None, "{len}"));
        for (i, mask) in (0..CERTIFICATE.len()).flat_map(|i| [0x01, 0x10, 0x80, 0xff].map(|mask| (i, mask))) {
            let mut damaged = CERTIFICATE.to_vec();
            damaged[i] ^= mask;
            assert!(summary(&damaged).is_none_or(|text| text.as_bytes().len() <= 255), "{i}");
        }
    }
}
