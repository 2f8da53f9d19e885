//! Chooses the unwinder, lists the database's migrations, and lays the IEEE's registries out as two blocks of plain bytes. A table of strings is pointers, a
//! hundred and sixty thousand of them, and the loader would write each one anew whenever the program starts.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    link_unwinder();
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo names a folder")?);
    std::fs::write(folder.join("migrations.rs"), migrations()?)?;
    let mut rows: Vec<(u64, &str)> = Vec::new();
    for row in oui_data::OUI_ENTRIES.values() {
        rows.push((key(row.oui())?, row.organization().trim()));
    }
    rows.sort_unstable();
    let (mut index, mut names) = (Vec::new(), String::new());
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (key, name) in rows {
        let at = *places.entry(name).or_insert_with(|| {
            names.push_str(name);
            names.len() - name.len()
        });
        index.extend(key.to_be_bytes());
        index.extend(u32::try_from(at)?.to_be_bytes());
        index.extend(u16::try_from(name.len())?.to_be_bytes());
    }
    std::fs::write(folder.join("vendors.index"), index)?;
    std::fs::write(folder.join("vendors.names"), names)?;
    Ok(())
}

/// An array of the texts of `src/store/migrations/0001.sql` and those after it, as an expression.
fn migrations() -> Result<String, Box<dyn Error>> {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo names a folder")?);
    let folder = folder.join("src/store/migrations");
    println!("cargo:rerun-if-changed={}", folder.display());
    let count = std::fs::read_dir(&folder)?.count();
    let mut list = String::from("[");
    for number in 1..=count {
        let path = folder.join(format!("{number:04}.sql"));
        if !path.is_file() {
            return Err(format!("{}: a migration's number is missing", path.display()).into());
        }
        list += &format!("include_str!({path:?}),");
    }
    Ok(list + "]")
}

/// The prefix in the upper 48 bits, the number of its digits in the lowest byte: as `vendor.rs` looks it up.
fn key(prefix: &str) -> Result<u64, Box<dyn Error>> {
    let len = u32::try_from(prefix.len())?;
    let bits = u64::from_str_radix(prefix, 16)?;
    Ok(bits << (64 - 4 * len) | u64::from(len))
}

/// What names the frames of a panic comes out of libgcc's archive into the program. As a shared library it would be loaded
/// and asked for the processor's features at every start, a fortieth of the time that a /24's ping takes, and would have to
/// be there.
fn link_unwinder() {
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
