//! The file beside the object: what it was built from and by what. JSON with five texts, written and read here, because
//! a library for it would be most of what xtask has to compile.

use anyhow::Context as _;

use super::tools::{Tools, version_of};

/// What is written beside the object.
#[derive(Debug, PartialEq)]
pub(super) struct Manifest {
    /// Over our sources.
    pub(super) source_digest: String,
    /// Of the object's bytes.
    pub(super) object_sha256: String,
    /// `rustc --version` of the compiler.
    rustc: String,
    /// `bpf-linker --version`.
    bpf_linker: String,
    /// The LLVM of the tools that finished the object.
    llvm: String,
}

impl Manifest {
    /// Of an object that these tools built.
    pub(super) fn of(source_digest: String, object_sha256: String, tools: &Tools) -> anyhow::Result<Self> {
        let [rustc, bpf_linker, llvm] = [&tools.rustc, &tools.linker, &tools.strip].map(|tool| version_of(tool));
        Ok(Self { source_digest, object_sha256, rustc: rustc?, bpf_linker: bpf_linker?, llvm: llvm? })
    }

    /// Its text.
    pub(super) fn json(&self) -> String {
        let fields = [
            ("source_digest", &self.source_digest),
            ("object_sha256", &self.object_sha256),
            ("rustc", &self.rustc),
            ("bpf_linker", &self.bpf_linker),
            ("llvm", &self.llvm),
        ];
        let lines = fields.map(|(name, value)| format!("  \"{name}\": \"{value}\""));
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// Reads a text that [`Manifest::json`] wrote.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("\"{name}\": \"")).with_context(|| format!("no {name}"))?;
            let (value, _) = rest.split_once('"').with_context(|| format!("{name} has no end"))?;
            anyhow::Ok(value.to_owned())
        };
        Ok(Self {
            source_digest: field("source_digest")?,
            object_sha256: field("object_sha256")?,
            rustc: field("rustc")?,
            bpf_linker: field("bpf_linker")?,
            llvm: field("llvm")?,
        })
    }

    /// What built it.
    pub(super) fn tools(&self) -> [&str; 3] {
        [&self.rustc, &self.bpf_linker, &self.llvm]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let committed = include_str!("../../../sensor-ebpf/prebuilt/manifest.json");
        assert_eq!(Manifest::parse(committed).map(|manifest| manifest.json()).ok().as_deref(), Some(committed));
        assert!(Manifest::parse("{}").is_err());
    }
}
