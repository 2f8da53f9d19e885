//! Names of vendors: compared with another copy of the registry, by the longest prefix, and with an operator's file.

use std::io::Write as _;

use sensor::vendor::Vendors;
use sensor_core::types::Mac;
use tempfile::NamedTempFile;

#[track_caller]
fn check(mac: &str, vendor: Option<&str>) {
    check_in(&Vendors::builtin(), mac, vendor);
}

/// With this file in addition to the built-in registries.
#[track_caller]
fn check_over(csv: impl AsRef<[u8]>, mac: &str, vendor: Option<&str>) {
    check_in(&Vendors::with_csv(file(csv).path()).unwrap(), mac, vendor);
}

#[track_caller]
fn check_refused(csv: impl AsRef<[u8]>, error: &str) {
    let file = file(csv);
    let told = Vendors::with_csv(file.path()).unwrap_err().to_string();
    assert_eq!(told, error.replace("FILE", file.path().to_str().unwrap()));
    assert_eq!(told.lines().count(), 1);
}

#[track_caller]
fn check_in(vendors: &Vendors, mac: &str, vendor: Option<&str>) {
    assert_eq!(vendors.lookup(Mac::parse(mac).unwrap()), vendor, "{mac}");
}

fn file(csv: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(csv.as_ref()).unwrap();
    file
}

/// The other copy is years older and edited differently: only the first word of names is compared, and a few may
/// differ.
#[test]
fn agrees_with_another_copy_of_the_registry() {
    let (ours, theirs) = (Vendors::builtin(), mac_oui::Oui::default().unwrap());
    let mut prefixes = theirs.get_unique_ouis().unwrap();
    prefixes.sort();
    prefixes.retain(|prefix| prefix.len() == "00:00:5e".len());
    let (mut known, mut differing) = (0, Vec::new());
    for prefix in &prefixes {
        // Spread over the smaller blocks within the prefix.
        let mac = Mac::parse(&format!("{prefix}:{:02x}:00:01", known % 256)).unwrap();
        let entry =
            theirs.lookup_by_mac(&mac.to_string()).unwrap().filter(|entry| entry.assignment_block_size == "MA-L");
        if let (Some(ours), Some(theirs)) = (ours.lookup(mac), entry) {
            known += 1;
            if first_word(ours) != first_word(&theirs.company_name) {
                differing.push((prefix, ours, &theirs.company_name));
            }
        }
    }
    assert!(known > 20_000, "{known} prefixes in both");
    assert!(differing.len() * 20 < known, "{} of {known} differ: {:?}", differing.len(), &differing[..20]);
}

/// Letters and digits of the first word that has any, in lower case.
fn first_word(name: &str) -> String {
    let words = name
        .split([' ', ',', '.', '-', '(', '/'])
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>());
    words.into_iter().find(|word| !word.is_empty()).unwrap_or_default()
}

#[test]
fn prefixes_of_24_bits() {
    check("00:00:00:00:00:01", Some("XEROX CORPORATION"));
    check("00:1b:21:ff:ff:ff", Some("Intel Corporate"));
    check("00:00:5e:00:53:01", Some("ICANN, IANA Department"));
}

#[test]
fn prefixes_of_28_bits() {
    check("b8:4c:87:40:00:00", Some("Blum Novotest GmbH"));
    check("b8:4c:87:4f:ff:ff", Some("Blum Novotest GmbH"));
    check("b8:4c:87:50:00:00", Some("Psync Labs, Inc."));
}

#[test]
fn prefixes_of_36_bits() {
    check("70:b3:d5:00:10:00", Some("SOREDI touch systems GmbH"));
    check("70:b3:d5:00:2f:ff", Some("Gogo BA"));
    check("00:50:c2:00:1a:bc", Some("JMBS Developpements"));
}

#[test]
fn private_assignments_have_no_name() {
    check("b8:4c:87:e0:00:01", None);
    check("70:b3:d5:2d:70:01", None);
    check("b8:4c:87:f0:00:01", None);
}

#[test]
fn addresses_without_a_vendor() {
    // Locally administered, though its 24 bits are in the registry of company ids.
    check("ea:27:01:00:00:01", None);
    check("02:00:00:00:00:01", None);
    // VRRP, in IANA's block.
    check("00:00:5e:00:01:01", None);
    // Multicast, broadcast and zero.
    check("01:00:5e:00:00:fb", None);
    check("ff:ff:ff:ff:ff:ff", None);
    check("00:00:00:00:00:00", None);
}

const HEADER: &str = "Registry,Assignment,Organization Name,Organization Address\r\n";

#[test]
fn a_file_overrides_the_registry() {
    let csv = format!("{HEADER}MA-L,00005E,\"Our own, Ltd. \",\"A street\nin a town\"\r\n");
    check_over(&csv, "00:00:5e:00:53:01", Some("Our own, Ltd."));
    check_over(&csv, "00:00:00:00:00:01", Some("XEROX CORPORATION"));
    check_over("", "00:00:00:00:00:01", Some("XEROX CORPORATION"));
}

#[test]
fn longer_prefixes_win_wherever_they_come_from() {
    let csv = "MA-L,B84C87,Long\nMA-M,00005E0,Medium\nMA-S,00005E005,Short\n";
    check_over(csv, "b8:4c:87:40:00:00", Some("Blum Novotest GmbH"));
    check_over(csv, "b8:4c:87:f0:00:00", Some("Long"));
    check_over(csv, "00:00:5e:00:53:01", Some("Short"));
    check_over(csv, "00:00:5e:01:00:00", Some("Medium"));
    check_over(csv, "00:00:5e:10:00:00", Some("ICANN, IANA Department"));
}

#[test]
fn a_file_gives_local_addresses_no_name() {
    check_over("CID,EA2701,Acme\nMA-L,020000,Acme\n", "ea:27:01:00:00:01", None);
    check_over("CID,EA2701,Acme\nMA-L,020000,Acme\n", "02:00:00:00:00:01", None);
}

#[test]
fn files_may_be_concatenated_and_have_byte_order_marks() {
    let csv = format!("\u{feff}{HEADER}MA-L,00005e,A\r\n\u{feff}{HEADER}MA-L,000000,B\r\n");
    check_over(&csv, "00:00:5e:00:53:01", Some("A"));
    check_over(&csv, "00:00:00:00:00:01", Some("B"));
    check_over(b"MA-L,00005E,Caf\xe9\n", "00:00:5e:00:53:01", Some("Caf\u{fffd}"));
}

#[test]
fn a_file_may_remove_a_name() {
    check_over("MA-L,00005E,Private\n", "00:00:5e:00:53:01", None);
    check_over("MA-L,00005E,\n", "00:00:5e:00:53:01", None);
}

const HINT: &str = "give a csv file as the IEEE publishes it (Registry,Assignment,Organization Name,..)";

#[test]
fn other_files_are_refused() {
    check_refused("<html>\n", &format!("FILE, line 1: unknown registry; {HINT}"));
    check_refused(format!("{HEADER}MA-X,00005E,A\n"), &format!("FILE, line 2: unknown registry; {HINT}"));
    check_refused("MA-L\n", &format!("FILE, line 1: no assignment; {HINT}"));
    check_refused("MA-L,00005E\n", &format!("FILE, line 1: no organization name; {HINT}"));
    let not_a_prefix = format!("FILE, line 2: the assignment is not a prefix of its registry; {HINT}");
    check_refused("MA-L,00005E,A\nMA-L,00005E0,A\n", &not_a_prefix);
    check_refused("MA-L,00005E,\"A\"\nMA-M,00:05E,A\n", &not_a_prefix);
}

#[test]
fn a_missing_file_is_named() {
    let error = Vendors::with_csv("/nowhere/oui.csv".as_ref()).unwrap_err().to_string();
    assert_eq!(error, "/nowhere/oui.csv: No such file or directory (os error 2); give a readable file with --oui");
}
