//! SNMP's system group (RFC 3418): `sysName`, `sysDescr`, `sysObjectID`, read with configured credentials.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_snmp::{Auth, AuthProtocol, Client, Oid, PrivProtocol, Retry, UsmConfig, Value};
use serde::Deserialize;
use tokio::time::timeout;

use sensor_core::types::Text;

/// SNMP credentials: a community (v2c) or a user (v3).
#[derive(Clone)]
pub struct Credentials(Auth);

/// The system group of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    /// `sysName`.
    pub name: Option<Text>,
    /// `sysDescr`.
    pub description: Option<Text>,
    /// `sysObjectID`, dotted.
    pub object_id: Option<Text>,
}

/// Why credentials cannot be used. Messages never contain a secret.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Other users may read the file.
    #[error("{0} holds secrets and others may read it; run chmod 600 {0}")]
    Open(PathBuf),
    /// The file cannot be read.
    #[error("{path}: {error}; name a TOML file with SNMP credentials, or leave snmp out")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file's contents are invalid.
    #[error("{path}: {reason}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, without quoting the file.
        reason: String,
    },
}

/// The file: `[[snmp]]` entries, tried in their order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnmpFile {
    snmp: Vec<SnmpEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnmpEntry {
    community: Option<String>,
    user: Option<String>,
    auth: Option<String>,
    auth_password: Option<String>,
    privacy: Option<String>,
    privacy_password: Option<String>,
}

const SYS_DESCR: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 1, 0];
const SYS_OBJECT_ID: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 2, 0];
const SYS_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];
const PORT: u16 = 161;

impl Credentials {
    /// Reads a file that only its owner may read, or a systemd credential (below `$CREDENTIALS_DIRECTORY`, which
    /// systemd protects).
    pub fn load(path: &Path) -> Result<Vec<Self>, CredentialsError> {
        let read = |error| CredentialsError::Read { path: path.to_owned(), error };
        let mode = std::fs::metadata(path).map_err(read)?.permissions().mode();
        let by_systemd = std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| path.starts_with(folder));
        if mode & 0o077 != 0 && !by_systemd {
            return Err(CredentialsError::Open(path.to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        parse(&text).map_err(|reason| CredentialsError::Wrong { path: path.to_owned(), reason })
    }

    /// Path of the systemd credential with the name `snmp`, if there is one.
    pub fn of_systemd() -> Option<PathBuf> {
        let path = Path::new(&std::env::var_os("CREDENTIALS_DIRECTORY")?).join("snmp");
        path.is_file().then_some(path)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(secret)")
    }
}

fn parse(text: &str) -> Result<Vec<Credentials>, String> {
    // The parser's message may quote a line with a secret.
    let file: SnmpFile = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!(
            "line {line} is wrong; write [[snmp]] with community, or with user, auth, auth_password, privacy, privacy_password"
        )
    })?;
    file.snmp
        .iter()
        .zip(1..)
        .map(|(entry, number)| entry.auth().map_err(|why| format!("entry {number}: {why}")))
        .collect()
}

impl SnmpEntry {
    fn auth(&self) -> Result<Credentials, String> {
        let auth = match (&self.community, &self.user) {
            (Some(community), None) => Auth::v2c(community.as_str()),
            (None, Some(user)) => self.usm(user)?.into(),
            _ => return Err("it needs either community (v2c) or user (v3)".to_owned()),
        };
        Ok(Credentials(auth))
    }

    fn usm(&self, user: &str) -> Result<UsmConfig, String> {
        let weak = |_| "a password is too short for SNMPv3: 8 characters or more".to_owned();
        let user = UsmConfig::new(user.to_owned());
        let Some(auth_password) = &self.auth_password else {
            return match self.privacy_password {
                Some(_) => Err("privacy_password needs auth_password".to_owned()),
                None => Ok(user),
            };
        };
        let auth = match self.auth.as_deref().unwrap_or("SHA").to_ascii_uppercase().as_str() {
            "MD5" => AuthProtocol::Md5,
            "SHA" | "SHA1" | "SHA-1" => AuthProtocol::Sha1,
            "SHA224" | "SHA-224" => AuthProtocol::Sha224,
            "SHA256" | "SHA-256" => AuthProtocol::Sha256,
            "SHA384" | "SHA-384" => AuthProtocol::Sha384,
            "SHA512" | "SHA-512" => AuthProtocol::Sha512,
            _ => return Err("auth is one of MD5, SHA, SHA-224, SHA-256, SHA-384, SHA-512".to_owned()),
        };
        let Some(privacy_password) = &self.privacy_password else {
            return user.auth(auth, auth_password.as_str()).map_err(weak);
        };
        let privacy = match self.privacy.as_deref().unwrap_or("AES").to_ascii_uppercase().as_str() {
            "AES" | "AES128" | "AES-128" => PrivProtocol::Aes128,
            "AES192" | "AES-192" => PrivProtocol::Aes192Blumenthal,
            "AES256" | "AES-256" => PrivProtocol::Aes256Blumenthal,
            _ => return Err("privacy is one of AES, AES-192, AES-256".to_owned()),
        };
        user.auth_priv(auth, auth_password.as_str(), privacy, privacy_password.as_str()).map_err(weak)
    }
}

/// Tries the credentials in order until one is answered; `None` when none is, each within `patience`.
pub async fn system(credentials: &[Credentials], ip: IpAddr, patience: Duration) -> Option<System> {
    for credential in credentials {
        // No answer and a refusal both mean that these credentials are not accepted.
        if let Ok(Some(system)) = timeout(patience, ask(credential, SocketAddr::new(ip, PORT), patience)).await {
            return Some(system);
        }
    }
    None
}

async fn ask(credential: &Credentials, agent: SocketAddr, patience: Duration) -> Option<System> {
    let builder = Client::builder(agent, credential.0.clone());
    let client = builder.request_timeout(patience / 2).retry(Retry::none()).connect().await.ok()?;
    let oids: Vec<Oid> = [&SYS_DESCR, &SYS_OBJECT_ID, &SYS_NAME].map(|arcs| Oid::from_slice(arcs)).into();
    let response = client.get_many(&oids).await.ok()?;
    let mut system = System::default();
    for varbind in response.varbinds {
        let text = match varbind.value {
            Value::OctetString(bytes) => Text::new(&bytes),
            Value::ObjectIdentifier(id) => Text::new(id.to_string().as_bytes()),
            _ => continue,
        };
        let place = if varbind.oid == oids[0] {
            &mut system.description
        } else if varbind.oid == oids[1] {
            &mut system.object_id
        } else {
            &mut system.name
        };
        *place = Some(text);
    }
    (system != System::default()).then_some(system)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<usize, &str>) {
        let got = parse(text);
        assert_eq!(
            got.as_ref().map(Vec::len).map_err(|why| why.contains(expected.err().unwrap_or("-"))),
            expected.map_err(|_| true),
            "{got:?}"
        );
        if let Err(why) = got {
            assert!(!why.contains("hunter") && !why.contains('\n'), "{why}");
        }
    }

    #[test]
    fn credentials_of_each_kind() {
        check("[[snmp]]\ncommunity = \"public\"\n[[snmp]]\nuser = \"u\"\n", Ok(2));
        check("[[snmp]]\nuser = \"u\"\nauth_password = \"hunter2hunter2\"\n", Ok(1));
        check(
            "[[snmp]]\nuser = \"u\"\nauth = \"sha-256\"\nauth_password = \"hunter2hunter2\"\nprivacy_password = \"hunter3hunter3\"\n",
            Ok(1),
        );
    }

    #[test]
    fn errors_do_not_contain_secrets() {
        check("[[snmp]]\ncomunity = \"hunter2\"\n", Err("line "));
        check("[[snmp]]\ncommunity = \"hunter2\"\nuser = \"u\"\n", Err("either community"));
        check("[[snmp]]\nuser = \"u\"\nprivacy_password = \"hunter2\"\n", Err("needs auth_password"));
        check("[[snmp]]\nuser = \"u\"\nauth = \"ROT13\"\nauth_password = \"hunter2hunter2\"\n", Err("auth is one of"));
        check("community = hunter2", Err("line 1"));
    }

    #[test]
    fn a_file_that_others_may_read_is_rejected() {
        let path = std::env::temp_dir().join(format!("sensor-snmp-{}", std::process::id()));
        std::fs::write(&path, "[[snmp]]\ncommunity = \"hunter2\"\n").unwrap();
        let with_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Credentials::load(&path).map(|list| list.len()).map_err(|error| error.to_string())
        };
        assert!(with_mode(0o640).is_err_and(|why| why.contains("chmod 600")));
        assert_eq!(with_mode(0o600), Ok(1));
        std::fs::remove_file(&path).unwrap();
        assert!(Credentials::load(&path).is_err_and(|error| error.to_string().contains("leave snmp out")));
    }

    #[test]
    fn secrets_are_not_shown() {
        let list = parse("[[snmp]]\ncommunity = \"hunter2\"\n").unwrap();
        assert!(!format!("{list:?}").contains("hunter2"));
    }
}
