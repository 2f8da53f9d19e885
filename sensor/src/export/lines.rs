//! JSON Lines to a file or to standard output: whole lines only, one write a batch.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A JSON Lines sink.
#[derive(Debug)]
pub struct Lines {
    /// `None`: standard output.
    path: Option<PathBuf>,
    file: Option<File>,
    /// Bytes not yet written; whole lines, but for the head of the first after a short write.
    pending: Vec<u8>,
}

impl Lines {
    /// Appends to a file, made if need be; a line that a crash left unfinished is ended first. Fails when the file
    /// cannot be opened for reading and appending.
    pub fn file(path: &Path) -> io::Result<Self> {
        Ok(Self { path: Some(path.to_owned()), file: Some(open(path)?), pending: Vec::new() })
    }

    /// Writes to standard output.
    pub fn stdout() -> Self {
        Self { path: None, file: None, pending: Vec::new() }
    }

    /// Where the lines go.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string())
    }

    /// Takes in one line, without its newline; written by `flush`.
    pub fn push(&mut self, json: &str) {
        self.pending.extend_from_slice(json.as_bytes());
        self.pending.push(b'\n');
    }

    /// Writes what was pushed. What fails to be written stays pending. A closed standard output is `BrokenPipe`.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let written = match &mut self.file {
                Some(file) => file.write(&self.pending),
                None => write_stdout(&self.pending),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => drop(self.pending.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Opens the file again under its name, after log rotation moved it. Writes what is pending to the old one first.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(path) = &self.path {
            self.file = Some(open(path)?);
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

fn write_stdout(bytes: &[u8]) -> io::Result<usize> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(bytes.len())
}
