//! Capture files: pcap and pcapng, plain or gzip, of Ethernet and Linux cooked frames.
//!
//! Nothing in a file is trusted. Everything before the first damaged or truncated block is read; a warning gives the
//! position of the damage.

/// Buffered reading with lookahead.
pub mod buffer;
/// Errors of reading a capture file.
pub mod error;
pub mod link;
mod order;
/// Destination of the frames, and the summary of a file.
pub mod output;
pub mod pcap;
pub mod pcapng;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::capture::file::buffer::Buffer;
use crate::capture::file::error::{Damage, FileError, Stop, Unreadable};
use crate::capture::file::link::Cooked;
use crate::capture::file::output::{Output, Summary};
use crate::capture::sieve::Sieve;
use sensor_core::types::Frame;

/// Reads a capture file (`-` is standard input) and passes its harvested frames to `sink`, in the file's order and with
/// its timestamps. On an error no frame was delivered; damage after the first frame is reported as the summary's
/// warning.
pub fn read<F: FnMut(Frame<'_>)>(path: &Path, sink: F) -> Result<Summary, FileError> {
    if path == Path::new("-") {
        return read_from("standard input", io::stdin().lock(), sink);
    }
    let name = path.display().to_string();
    let open = |source| FileError::Open { path: name.clone(), source };
    if path.metadata().map_err(open)?.is_dir() {
        return Err(FileError::Directory { path: name });
    }
    let file = File::open(path).map_err(open)?;
    read_from(&name, file, sink)
}

/// Like [`read`], from any source; `path` names it in errors.
pub fn read_from<R: Read, F: FnMut(Frame<'_>)>(path: &str, source: R, sink: F) -> Result<Summary, FileError> {
    let fail = |source| FileError::Read { path: path.to_owned(), offset: 0, source };
    let mut plain = Buffer::new(source);
    match plain.peek(2).map_err(fail)? {
        Some([0x1f, 0x8b]) => read_plain(path, Buffer::new(MultiGzDecoder::new(plain)), sink),
        _ => read_plain(path, plain, sink),
    }
}

fn read_plain<R: Read, F: FnMut(Frame<'_>)>(path: &str, mut source: Buffer<R>, sink: F) -> Result<Summary, FileError> {
    let mut output = Output {
        path: path.to_owned(),
        sink,
        summary: Summary::default(),
        cooked: Cooked::default(),
        sieve: Sieve::of_file(),
    };
    let not_capture = |reason| Stop::Error(Unreadable::NotCapture(reason));
    let magic = source.peek(4).map(|magic| magic.and_then(|magic| magic.first_chunk::<4>().copied()));
    let end = match magic {
        Err(error) => Err(Stop::from(error)),
        Ok(None) if source.rest() == 0 => Err(not_capture(Damage::Empty)),
        Ok(None) => Err(not_capture(Damage::Magic)),
        Ok(Some(pcapng::MAGIC)) => pcapng::read(&mut source, &mut output),
        Ok(Some(magic)) => match pcap::PcapFormat::of_magic(magic) {
            Some(format) => pcap::read(format, &mut source, &mut output),
            None => Err(not_capture(Damage::Magic)),
        },
    };
    let path = path.to_owned();
    match end {
        Ok(()) => {}
        Err(Stop::Error(Unreadable::NotCapture(reason))) => return Err(FileError::NotCapture { path, reason }),
        Err(Stop::Error(Unreadable::LinkType(link))) => {
            return Err(FileError::LinkType { path, link_type: link::name(link) });
        }
        Err(stop) => {
            let warning = stop.warning(path, source.offset());
            if source.offset() == 0 {
                return Err(warning);
            }
            output.summary.warning.get_or_insert(warning);
        }
    }
    output.summary.counters = output.sieve.counters;
    Ok(output.summary)
}

#[cfg(test)]
mod tests;
