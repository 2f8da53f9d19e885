//! Compares what the sensor reads from the segments that open TCP connections with what p0f and prads read in the same
//! captures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use sensor::capture::file;
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::fingerprint::clue::Clue;
use sensor_core::inventory::fingerprint::p0f::Signatures;
use sensor_core::inventory::model::evidence::Evidence;
use sensor_core::wire::syn::Syn;
use sensor_core::wire::{Message, dissect};
use sensor_tests::bpf::root;
use sensor_tests::oracle::captures;
use serde::Deserialize;
use xtask::arguments::Arguments;
use xtask::packages;

/// Where Debian has p0f's signatures.
const SIGNATURES: &str = "/etc/p0f/p0f.fp";

fn main() -> anyhow::Result<()> {
    let given = Arguments::of_process("prints")?;
    let prints_all = given.has("--all");
    let folder = captures::folder(given.word()).join("open");
    let signatures_file = Path::new(given.value("--p0f").unwrap_or(SIGNATURES));
    packages::install(&["p0f", "prads"])?;
    let text = std::fs::read_to_string(signatures_file).with_context(|| signatures_file.display().to_string())?;
    let signatures = Signatures::parse(&text)?;
    let mut fingerprints = Fingerprints::builtin();
    fingerprints.add_signatures(&text)?;
    let explained = Explained::read(&root().join("tests/data/prints.toml"))?;

    let (mut p0f, mut prads) = (Counts::new(), Counts::new());
    let files = captures::below(&folder, given.value("--only"))?;
    for file in &files {
        let path = folder.join(file);
        let (seen, is_read) = segments(&path);
        let note = |counts: &mut Counts, class: &str, what: &str| {
            *counts.entry(class.to_owned()).or_default() += 1;
            if prints_all && class != SAME {
                println!("{class}: {file}: {what}");
            }
        };
        compare_p0f(&seen, is_read, &by_p0f(&path, signatures_file)?, &signatures, &mut |class, what| {
            note(&mut p0f, class, what);
        });
        compare_prads(&seen, is_read, &by_prads(&path)?, &fingerprints, &mut |class, what| {
            note(&mut prads, class, what);
        });
    }
    println!("{} captures", files.len());
    let unexplained = explained.print("p0f", &p0f) + explained.print("prads", &prads);
    if unexplained > 0 {
        bail!("{unexplained} kinds of difference are not explained in tests/data/prints.toml; --all shows them");
    }
    Ok(())
}

/// The kind of segments that are read alike.
const SAME: &str = "same";

type Counts = BTreeMap<String, usize>;

/// The two ends of a connection, and which of them the segment comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    is_answer: bool,
    client: (IpAddr, u16),
    server: (IpAddr, u16),
}

type Segments = BTreeMap<Ends, Vec<Syn>>;

/// The segments that we find in a capture, and whether its link type is read.
fn segments(path: &Path) -> (Segments, bool) {
    let mut seen = Segments::new();
    let read = file::read(path, |frame| {
        let (Ok(Some(Message::Syn(syn))), Some(packet)) = (dissect(&frame), frame.packet) else { return };
        let (from, to) = ((packet.source, packet.ports[0]), (packet.destination, packet.ports[1]));
        let (client, server) = if syn.is_answer { (to, from) } else { (from, to) };
        seen.entry(Ends { is_answer: syn.is_answer, client, server }).or_default().push(syn);
    });
    (seen, read.is_ok_and(|summary| summary.unsupported == 0))
}

/// p0f's signature and system of each connection's ends.
fn by_p0f(path: &Path, signatures: &Path) -> anyhow::Result<Vec<(Ends, String, Option<String>)>> {
    let options = ["-f".as_ref(), signatures.as_os_str(), "-r".as_ref(), path.as_os_str(), "-o".as_ref()];
    let mut found = Vec::new();
    for line in listen("p0f", &options)?.lines() {
        let line = line.split_once("] ").map_or(line, |(_, line)| line);
        let fields: BTreeMap<&str, &str> = line.split('|').filter_map(|field| field.split_once('=')).collect();
        let is_answer = match fields.get("mod") {
            Some(&"syn") => false,
            Some(&"syn+ack") => true,
            _ => continue,
        };
        let end = |name: &str| {
            let (ip, port) = fields.get(name)?.split_once('/')?;
            Some((ip.parse().ok()?, port.parse().ok()?))
        };
        let (Some(client), Some(server)) = (end("cli"), end("srv")) else { continue };
        let system = fields.get("os").or(fields.get("app")).filter(|system| **system != "???");
        let signature = fields.get("raw_sig").copied().unwrap_or_default().to_owned();
        found.push((Ends { is_answer, client, server }, signature, system.map(|system| (*system).to_owned())));
    }
    Ok(found)
}

fn compare_p0f(
    ours: &Segments,
    is_read: bool,
    theirs: &[(Ends, String, Option<String>)],
    signatures: &Signatures,
    note: &mut dyn FnMut(&str, &str),
) {
    for (ends, signature, system) in theirs {
        let Some(segments) = ours.get(ends) else {
            note(if is_read { "only-p0f" } else { "link-type" }, signature);
            continue;
        };
        let found = |syn: &Syn| signatures.find(syn).map(|found| found.label.text().trim().to_owned());
        if let Some(syn) = segments.iter().find(|syn| syn.to_string() == *signature) {
            let own = found(syn);
            let class = match (&own, system) {
                (own, theirs) if own == theirs => SAME,
                (Some(_), None) => "system-ours-only",
                (None, Some(_)) => "system-p0f-only",
                _ => "system-differs",
            };
            note(class, &format!("{signature}: {own:?}, p0f {system:?}"));
            continue;
        }
        let own = segments[0].to_string();
        note(signature_class(&own, signature, ends.is_answer), &format!("{own}, p0f {signature}"));
    }
    let known: BTreeSet<&Ends> = theirs.iter().map(|(ends, ..)| ends).collect();
    for (ends, segments) in ours.iter().filter(|(ends, _)| !known.contains(ends)) {
        let asked = Ends { is_answer: false, ..*ends };
        let class = match () {
            () if theirs.is_empty() => "ours-only-file",
            () if ends.is_answer && !known.contains(&asked) => "ours-only-answer",
            () => "ours-only",
        };
        note(class, &segments[0].to_string());
    }
}

/// In what two signatures of one segment differ.
fn signature_class(ours: &str, theirs: &str, is_answer: bool) -> &'static str {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.split(':').collect(), theirs.split(':').collect());
    let differ: Vec<usize> = (0..ours.len().max(theirs.len())).filter(|&at| ours.get(at) != theirs.get(at)).collect();
    match differ[..] {
        [4] if is_answer => "window-of-peer",
        [6] if without(ours[6], "ack+") == without(theirs[6], "ack+") => "quirk-ack",
        [6] if without(ours[6], "opt+") == without(theirs[6], "opt+") => "quirk-trailing",
        [6] => "quirks",
        [1] => "ttl",
        [7] => "payload",
        _ => "signature",
    }
}

fn without(quirks: &str, word: &str) -> Vec<String> {
    quirks.split(',').filter(|quirk| *quirk != word).map(str::to_owned).collect()
}

/// prads' system for each address and port that opened (`SYN`) or accepted (`SYNACK`) a connection.
fn by_prads(path: &Path) -> anyhow::Result<BTreeMap<(bool, IpAddr, u16), String>> {
    let mut found = BTreeMap::new();
    for line in listen("prads", &["-r".as_ref(), path.as_os_str(), "-l".as_ref()])?.lines() {
        let (head, rest) = line.split_once('[').unwrap_or((line, ""));
        let fields: Vec<&str> = head.split(',').collect();
        let [ip, _, port, _, service @ ("SYN" | "SYNACK"), ..] = fields[..] else { continue };
        let (Ok(ip), Ok(port)) = (ip.parse(), port.parse()) else { continue };
        let system = rest.split(':').nth(6).unwrap_or_default();
        found.insert((service == "SYNACK", ip, port), system.trim_start_matches('@').to_owned());
    }
    Ok(found)
}

fn compare_prads(
    ours: &Segments,
    is_read: bool,
    theirs: &BTreeMap<(bool, IpAddr, u16), String>,
    fingerprints: &Fingerprints,
    note: &mut dyn FnMut(&str, &str),
) {
    let mut own: BTreeMap<(bool, IpAddr, u16), &Syn> = BTreeMap::new();
    for (ends, segments) in ours {
        let (ip, port) = if ends.is_answer { ends.server } else { ends.client };
        own.entry((ends.is_answer, ip, port)).or_insert(&segments[0]);
    }
    for (key, system) in theirs {
        let Some(syn) = own.get(key) else {
            note(if is_read { "only-prads" } else { "link-type" }, &format!("{} {}", key.1, key.2));
            continue;
        };
        let evidence = if key.0 { Evidence::SynAck } else { Evidence::Syn };
        let guess = fingerprints.guess(&[Clue { evidence, value: format!("{syn:#}") }]).os.map(|os| os.name);
        let class = match (guess.as_deref().map(family), Some(family(system)).filter(|name| !name.is_empty())) {
            (ours, theirs) if ours == theirs => SAME,
            (Some(_), None) => "system-ours-only",
            (None, Some(_)) => "system-prads-only",
            _ => "system-differs",
        };
        note(class, &format!("{syn}: {guess:?}, prads {system}"));
    }
    for (key, syn) in own.iter().filter(|(key, _)| !theirs.contains_key(key)) {
        let class = match () {
            () if theirs.is_empty() => "ours-only-file",
            // prads writes a line for each address and signature, not for each port.
            () if theirs.keys().any(|(answer, ip, _)| (*answer, *ip) == (key.0, key.1)) => "once-for-address",
            () => "ours-only",
        };
        note(class, &syn.to_string());
    }
}

/// One word for a family of systems.
fn family(system: &str) -> &'static str {
    const FAMILIES: [(&str, &str); 12] = [
        ("Windows", "Windows"),
        ("Linux", "Linux"),
        ("Android", "Linux"),
        ("Mac", "Apple"),
        ("iOS", "Apple"),
        ("Apple", "Apple"),
        ("FreeBSD", "FreeBSD"),
        ("OpenBSD", "OpenBSD"),
        ("NetBSD", "NetBSD"),
        ("Solaris", "Solaris"),
        ("Cisco", "Cisco"),
        ("unknown", ""),
    ];
    FAMILIES
        .into_iter()
        .find(|(start, _)| system.starts_with(start))
        .map_or(if system.is_empty() { "" } else { "another" }, |(_, family)| family)
}

/// What the program writes to the file that its last option names. Empty where it refuses the capture.
fn listen(program: &str, options: &[&std::ffi::OsStr]) -> anyhow::Result<String> {
    let out = std::env::temp_dir().join(format!("sensor-prints-{}-{program}", std::process::id()));
    drop(std::fs::remove_file(&out));
    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).arg(program).args(options).arg(&out);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().with_context(|| program.to_owned())?;
    let text = std::fs::read(&out).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    drop(std::fs::remove_file(&out));
    Ok(text)
}

/// The time that a program may take for one capture.
const SECONDS_MAX: &str = "30";

/// The kinds of difference, which side is better in each, and why.
struct Explained(Vec<Kind>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    peer: String,
    name: String,
    /// `same`, `ours` or `theirs`.
    better: String,
    why: String,
}

impl Explained {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let file: File = toml::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Self(file.kind))
    }

    /// Prints a peer's table; how many of its kinds are not explained.
    fn print(&self, peer: &str, counts: &Counts) -> usize {
        println!("\n| {peer} | segments | better | why |\n|---|---|---|---|");
        let mut unexplained = 0;
        for (class, count) in counts {
            let kind = self.0.iter().find(|kind| kind.peer == peer && kind.name == *class);
            let (better, why) = match kind {
                Some(kind) => (kind.better.as_str(), kind.why.as_str()),
                None if class == SAME => ("same", ""),
                None => {
                    unexplained += 1;
                    ("?", "not explained")
                }
            };
            println!("| {class} | {count} | {better} | {why} |");
        }
        unexplained
    }
}
