//! The committed captures, compared with the answers of an independent decoder. `cargo xtask peers` compares many more.

use std::path::PathBuf;

use sensor_tests::binary::sensor_binary;
use sensor_tests::oracle::answer::Answer;
use sensor_tests::oracle::comparison::compare_capture;
use sensor_tests::oracle::explained::Explained;
use sensor_tests::oracle::table::{HEAD, Table};

#[test]
fn the_committed_captures_agree_with_an_independent_decoder() {
    let explained = Explained::read(&data("differences.toml")).unwrap();
    let (mut table, mut wrong, mut files) = (Table::default(), Vec::new(), 0);
    for (name, origin) in captures() {
        let answer = Answer::read(&data(&format!("oracle/{name}.json"))).unwrap();
        let comparison = compare_capture(&sensor_binary(), &data(&format!("captures/{name}")), &answer).unwrap();
        table.add(&origin, &answer, &comparison, &explained);
        wrong.extend(explained.unexplained(&origin, &comparison));
        files += 1;
    }
    println!("{HEAD}\n{table}");
    assert_eq!(wrong, [""; 0], "differences that nobody explained, or explained and gone");
    assert_eq!(files, std::fs::read_dir(data("captures")).unwrap().count() - 1, "each capture has its line of origin");
}

fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(path)
}

/// The name of each capture in this repository and in the list of differences, from the table of origins.
fn captures() -> Vec<(String, String)> {
    let table = std::fs::read_to_string(data("captures/README.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let (repository, path) = cells.nth(1)?.strip_prefix("github.com/")?.split_once(", `")?;
        Some((name, format!("{}/{}", repository.replacen('/', "+", 1), path.strip_suffix('`')?)))
    };
    table.lines().filter_map(row).collect()
}
