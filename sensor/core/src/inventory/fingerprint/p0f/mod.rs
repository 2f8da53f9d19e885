//! p0f v3's public signature file: reading it, and finding the signature of a SYN or SYN-ACK as p0f does. Only the TCP
//! sections are used. The user provides the file; nothing of it is part of this program.

use crate::inventory::fingerprint::mistake::Mistake;
use crate::inventory::fingerprint::p0f::signature::{Fit, Signature};
use crate::wire::syn::{DISTANCE_MAX, Syn};

/// One signature.
pub mod signature;

#[cfg(test)]
mod tests;

/// The signatures of a file, with the labels that they share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    labels: Vec<Label>,
    requests: Vec<Record>,
    responses: Vec<Record>,
    /// How many signatures other sections (HTTP, MTU) have, which are ignored.
    ignored: usize,
}

/// A system or program that the file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Whether it is a generic family (`g:`), not a certain system (`s:`).
    pub is_generic: bool,
    /// `win`, `unix`, ..; `None` for a program such as a scanner (`!`), whatever it runs on.
    pub class: Option<String>,
    /// `Linux`, `Windows`, ..
    pub name: String,
    /// `3.11 and newer`, `7 or 8`, ..; empty where none.
    pub flavor: String,
    /// For programs: the systems that they run on.
    pub systems: Vec<String>,
}

/// What was found for a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The system or program.
    pub label: &'a Label,
    /// Whether time to live or quirks differ in what routers and tunnels change.
    pub is_fuzzy: bool,
    /// How many routers lie between.
    pub distance: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    label: usize,
    signature: Signature,
}

impl Signatures {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut reader = FileReader::default();
        for (line, text) in (1..).zip(text.lines()) {
            reader.line(text.trim()).map_err(|reason| Mistake { line, reason })?;
        }
        Ok(reader.signatures)
    }

    /// The best signature for a segment, in p0f's order: exact, then generic, then fuzzy.
    pub fn find(&self, syn: &Syn) -> Option<Match<'_>> {
        let records = if syn.is_answer { &self.responses } else { &self.requests };
        let (mut generic, mut fuzzy) = (None, None);
        for record in records {
            let label = &self.labels[record.label];
            let slot = match record.signature.fit(syn) {
                None => continue,
                Some(Fit::Exact) if !label.is_generic => return Some(found(record, label, false, syn)),
                Some(Fit::Exact) => &mut generic,
                Some(Fit::Fuzzy) => &mut fuzzy,
            };
            slot.get_or_insert((record, label));
        }
        // A program's signature proves nothing when it fits only roughly.
        let fuzzy = fuzzy.filter(|(_, label)| label.class.is_some());
        let generic = generic.map(|(record, label)| found(record, label, false, syn));
        generic.or_else(|| fuzzy.map(|(record, label)| found(record, label, true, syn)))
    }

    /// How many signatures there are of requests, of responses, and of other sections, which are ignored.
    pub fn counts(&self) -> [usize; 3] {
        [self.requests.len(), self.responses.len(), self.ignored]
    }
}

impl Label {
    /// `Linux 3.11 and newer`.
    pub fn text(&self) -> String {
        if self.flavor.is_empty() { self.name.clone() } else { format!("{} {}", self.name, self.flavor) }
    }
}

fn found<'a>(record: &Record, label: &'a Label, is_fuzzy: bool, syn: &Syn) -> Match<'a> {
    let Signature { ttl, is_ttl_open, .. } = record.signature;
    let distance = match ttl.checked_sub(syn.ttl) {
        Some(distance) if is_ttl_open || distance <= DISTANCE_MAX => distance,
        _ => syn.distance(),
    };
    Match { label, is_fuzzy, distance }
}

/// What was read of the file so far.
#[derive(Default)]
struct FileReader {
    signatures: Signatures,
    classes: Vec<String>,
    section: Section,
    /// Whether the section has had its label.
    has_label: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    Other,
    Request,
    Response,
}

impl FileReader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with(';') {
            return Ok(());
        }
        if let Some(section) = line.strip_prefix('[') {
            let name = section.strip_suffix(']').ok_or_else(|| format!("'{line}' lacks its ']'"))?;
            self.has_label = false;
            self.section = match name {
                "tcp:request" => Section::Request,
                "tcp:response" => Section::Response,
                _ => Section::Other,
            };
            return Ok(());
        }
        let (key, value) =
            line.split_once('=').ok_or_else(|| format!("'{line}' is neither a section nor 'key = value'"))?;
        let (key, value) = (key.trim(), value.trim());
        match (key, self.section) {
            ("classes", Section::None) => {
                self.classes = value.split(',').map(|class| class.trim().to_owned()).collect();
                Ok(())
            }
            ("sig", Section::Other) => {
                self.signatures.ignored += 1;
                Ok(())
            }
            ("label" | "sys" | "ua_os", Section::Other) => Ok(()),
            ("label", Section::Request | Section::Response) => {
                self.signatures.labels.push(self.label(value)?);
                self.has_label = true;
                Ok(())
            }
            ("sys", Section::Request | Section::Response) => {
                let label =
                    self.signatures.labels.last_mut().filter(|_| self.has_label).ok_or("sys before any label")?;
                label.systems = value.split(',').map(|system| system.trim().to_owned()).collect();
                Ok(())
            }
            ("sig", Section::Request | Section::Response) => self.signature(value),
            (key, _) => Err(format!("'{key}' is not known here")),
        }
    }

    fn label(&self, value: &str) -> Result<Label, String> {
        let wrong = || format!("'{value}' is no label: it has the form s:class:name:flavor or g:class:name:flavor");
        let mut parts = value.splitn(4, ':').map(str::trim);
        let is_generic = match parts.next() {
            Some("s") => false,
            Some("g") => true,
            _ => return Err(wrong()),
        };
        let (class, name, flavor) =
            (parts.next().ok_or_else(wrong)?, parts.next().ok_or_else(wrong)?, parts.next().unwrap_or_default());
        if name.is_empty() {
            return Err(wrong());
        }
        let class = match class {
            "!" => None,
            class if self.classes.iter().any(|known| known == class) => Some(class.to_owned()),
            class => return Err(format!("class '{class}' is not among 'classes'")),
        };
        Ok(Label { is_generic, class, name: name.to_owned(), flavor: flavor.to_owned(), systems: Vec::new() })
    }

    fn signature(&mut self, value: &str) -> Result<(), String> {
        let label =
            self.signatures.labels.len().checked_sub(1).filter(|_| self.has_label).ok_or("sig before any label")?;
        let record = Record { label, signature: Signature::parse(value)? };
        match self.section {
            Section::Response => self.signatures.responses.push(record),
            _ => self.signatures.requests.push(record),
        }
        Ok(())
    }
}
