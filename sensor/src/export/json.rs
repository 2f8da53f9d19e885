//! Address records as a JSON array or as JSON Lines.

use std::borrow::Borrow;
use std::io::{self, Write};

use crate::export::record::address::AddressRecord;

/// Writes an array, one record a line. Fails when `out` does.
pub fn write_array(
    records: impl IntoIterator<Item = impl Borrow<AddressRecord>>,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let mut line = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        line.clear();
        line.extend(if index == 0 { b"[\n" } else { b",\n" });
        serde_json::to_writer(&mut line, record.borrow())?;
        out.write_all(&line)?;
    }
    out.write_all(if line.is_empty() { b"[\n]\n" } else { b"\n]\n" })
}

/// Writes one record a line. Fails when `out` does.
pub fn write_lines(records: &[AddressRecord], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *out, record)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::export::hostile;

    fn records(names: &[&str]) -> Vec<AddressRecord> {
        let record = |name: &&str| AddressRecord { hostname: Some((*name).to_owned()), ..AddressRecord::default() };
        names.iter().map(record).collect()
    }

    #[track_caller]
    fn check(names: &[&str], array: &str, lines: &str) {
        let (mut as_array, mut as_lines) = (Vec::new(), Vec::new());
        write_array(records(names), &mut as_array as &mut dyn Write).unwrap();
        write_lines(&records(names), &mut as_lines as &mut dyn Write).unwrap();
        assert_eq!((str::from_utf8(&as_array).unwrap(), str::from_utf8(&as_lines).unwrap()), (array, lines));
    }

    #[test]
    fn nobody() {
        check(&[], "[\n]\n", "");
    }

    #[test]
    fn members_in_order_and_absent_ones_left_out() {
        let a = r#"{"hostname":"a","segment":"","first_seen":"","last_seen":"","sources":[]}"#;
        let b = r#"{"hostname":"\"b","segment":"","first_seen":"","last_seen":"","sources":[]}"#;
        check(&["a", "\"b"], &format!("[\n{a},\n{b}\n]\n"), &format!("{a}\n{b}\n"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        write_array(records(&hostile::TEXTS), &mut out).unwrap();
        assert_eq!(serde_json::from_slice::<Vec<AddressRecord>>(&out).unwrap(), records(&hostile::TEXTS));
        assert_eq!(out.iter().filter(|&&byte| byte < b' ').count(), hostile::TEXTS.len() + 2, "line ends only");
    }
}
