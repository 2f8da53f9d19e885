//! The programs that receive: how each is started, and what it reports at its end.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use aya::programs::XdpMode;
use sensor_tests::lab::sensor_process::{events, of_kind};

/// One line of the table.
pub(super) struct Receiver {
    pub(super) name: &'static str,
    pub(super) how: How,
    /// The bare program that it is compared with.
    pub(super) bare: Option<Bare>,
}

/// A line of the table before the one that is compared with it.
pub(super) struct Bare {
    pub(super) name: &'static str,
    pub(super) how: How,
}

#[derive(Clone, Copy)]
pub(super) enum How {
    Nothing,
    /// A program of the sensor's object that does nothing.
    Bare(&'static str, XdpMode),
    /// `sensor run` with the flag of its interface, and the capture mode.
    Sensor(&'static str, &'static str),
    Peer(Tool),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Tcpdump,
    Arpwatch,
    Prads,
    P0f,
}

/// What the sensor harvests, as a tcpdump filter.
const FILTER: &str = "arp or icmp6 or igmp or udp port 67 or udp port 68 or udp port 137 or udp port 546 or udp port 547 \
                      or udp port 1900 or udp port 3702 or udp port 5353 or udp port 5355 or ether proto 0x88cc";

pub(super) fn all() -> Vec<Receiver> {
    use XdpMode::{Driver, Skb};
    let plain = |name, how| Receiver { name, how, bare: None };
    let ours = |name, port, capture, bare, program, mode| {
        let bare = Bare { name: bare, how: How::Bare(program, mode) };
        Receiver { name, how: How::Sensor(port, capture), bare: Some(bare) }
    };
    vec![
        plain("nothing attached", How::Nothing),
        ours("sensor --mirror, driver", "--mirror", "driver", "bare drop, driver", "bare_drop", Driver),
        ours("sensor --mirror, generic", "--mirror", "generic", "bare drop, generic", "bare_drop", Skb),
        ours("sensor -i, driver", "--interface", "driver", "bare pass, driver", "bare_pass", Driver),
        ours("sensor -i, generic", "--interface", "generic", "bare pass, generic", "bare_pass", Skb),
        plain("tcpdump -w /dev/null FILTER", How::Peer(Tool::Tcpdump)),
        plain("arpwatch", How::Peer(Tool::Arpwatch)),
        plain(PRADS, How::Peer(Tool::Prads)),
        plain("p0f", How::Peer(Tool::P0f)),
    ]
}

/// The program whose CPU time is the reference.
pub(super) const PRADS: &str = "prads";

impl Tool {
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Tcpdump => "tcpdump",
            Self::Arpwatch => "arpwatch",
            Self::Prads => "prads",
            Self::P0f => "p0f",
        }
    }

    /// In the foreground and without dropping to a user who may not write into the folder.
    pub(super) fn arguments(self, iface: &str, folder: &Path) -> anyhow::Result<Vec<OsString>> {
        let file = folder.join("found");
        std::fs::write(&file, "")?;
        let words: Vec<OsString> = match self {
            Self::Tcpdump => ["-n", "-Z", "root", "-i", iface, "-w", "/dev/null", FILTER].map(OsString::from).into(),
            Self::Arpwatch => vec!["-d".into(), "-N".into(), "-i".into(), iface.into(), "-f".into(), file.into()],
            Self::Prads => {
                vec![
                    "-d".into(),
                    "-i".into(),
                    iface.into(),
                    "-a".into(),
                    "10.20.0.0/16".into(),
                    "-l".into(),
                    file.into(),
                ]
            }
            Self::P0f => {
                // It appends only to a file that it has made.
                std::fs::remove_file(&file)?;
                vec!["-i".into(), iface.into(), "-p".into(), "-o".into(), file.into()]
            }
        };
        Ok(words)
    }

    /// Frames seen and lost, from its last output; not every program prints them.
    pub(super) fn said(self, words: &str) -> Option<(u64, u64)> {
        match self {
            Self::Tcpdump => Some((
                number_before(words, " packets received by filter")?,
                number_before(words, " packets dropped by kernel")?,
            )),
            Self::Prads => Some((
                number_after(words, "Total packets received from libpcap")?,
                number_after(words, "Total packets dropped").unwrap_or(0),
            )),
            Self::P0f => Some((number_after(words, "Processed ")?, 0)),
            Self::Arpwatch => None,
        }
    }
}

fn number_before(words: &str, mark: &str) -> Option<u64> {
    words.split(mark).next()?.split_whitespace().next_back()?.parse().ok()
}

fn number_after(words: &str, mark: &str) -> Option<u64> {
    let (_, rest) = words.split_once(mark)?;
    rest.split(|letter: char| !letter.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}

/// Frames that the program in the kernel counted, and those that it or the sensor lost.
pub(super) fn sensor_said(folder: &Path) -> anyhow::Result<(u64, u64)> {
    let events = events(folder)?;
    let stopped = of_kind(&events, "sensor-stopped").pop().context("the sensor wrote no sensor-stopped event")?;
    // A sensor that captured nothing has no details.
    let details = stopped["details"].as_object();
    let sum = |prefix: &str| {
        let counters = details.into_iter().flatten().filter(|(name, _)| name.starts_with(prefix));
        counters.filter_map(|(_, value)| value.as_u64().or_else(|| value.as_str()?.parse().ok())).sum()
    };
    Ok((sum("seen_"), sum("lost_")))
}
