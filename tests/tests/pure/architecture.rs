//! The house's own rules: who may use whom, what may live where.

use std::path::{Path, PathBuf};

use sensor_tests::bpf::root;

/// From the top down; rooms of one line are siblings. `main.rs` uses the library by its name and may use all of it.
const ROOMS: [&[&str]; 6] = [
    &["run", "watch"],
    &["config"],
    &["cli", "capture", "clock", "export", "probe", "store", "vendor"],
    &["inventory"],
    &["wire"],
    &["types"],
];
/// Siblings that may be asked all the same.
const ALLOWED: [(&str, &str); 4] = [("capture", "clock"), ("export", "vendor"), ("probe", "clock"), ("watch", "run")];
/// What each room must not mention, because it has no business there.
const FORBIDDEN: [(&str, &[&str]); 3] = [("inventory", OUTSIDE), ("wire", OUTSIDE), ("types", OUTSIDE)];
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "tokio",
    "serde",
    "TcpStream",
    "UdpSocket",
    "UnixDatagram",
    "println!",
];
/// What only one room may mention.
const RESERVED: [(&str, &str); 4] =
    [("rusqlite", "store"), ("clock_gettime", "clock"), ("SystemTime::now", "clock"), ("std::time::Instant", "clock")];

#[test]
fn dependencies_go_down_only() {
    for (path, text) in sources() {
        let from = room(&path);
        for to in uses(&text) {
            assert!(may_use(&from, &to), "{}: {from} uses {to}, which is not below it", path.display());
        }
    }
}

#[test]
fn an_upward_line_would_be_found() {
    assert_eq!(
        uses("use crate::run::World;\nuse crate::{types::Mac, store};\nlet x = crate::wire::dissect(f);"),
        ["run", "types", "store", "wire"]
    );
    for (from, to, may) in [
        ("types", "wire", false),
        ("inventory", "wire", true),
        ("store", "export", false),
        ("export", "vendor", true),
        ("capture", "store", false),
        ("wire", "inventory", false),
        ("run", "config", true),
        ("watch", "export", true),
        ("run", "watch", false),
    ] {
        assert_eq!(may_use(from, to), may, "{from} -> {to}");
    }
}

#[test]
fn each_room_keeps_to_its_business() {
    for (path, text) in sources() {
        let here = room(&path);
        let code = without_comments(&text);
        for (_, words) in FORBIDDEN.iter().filter(|(room, _)| *room == here) {
            for word in *words {
                assert!(!code.contains(word), "{}: {word} in {here}", path.display());
            }
        }
        for (word, only) in RESERVED {
            assert!(here == only || !code.contains(word), "{}: {word} belongs to {only}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_lives_in_it() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} has no head comment", path.display());
    }
}

#[test]
fn the_top_level_is_the_agreed_one() {
    let agreed = [
        "ARCHITECTURE.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "sensor",
        "sensor-ebpf",
        "systemd",
        "target",
        "tests",
        "xtask",
    ];
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || agreed.contains(&name.as_str()), "{name} at the top level");
    }
}

#[test]
fn the_readme_has_the_two_commands() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["run", "test"] {
        assert!(readme.contains(&format!("cargo xtask {command}")), "{command}");
        assert!(root().join(format!("xtask/src/{command}.rs")).is_file(), "{command}");
    }
}

#[test]
fn each_command_of_xtask_has_a_file_of_its_name() {
    for command in &xtask::commands::COMMANDS {
        let places = match command.program {
            Some(_) => [".rs", "/main.rs"].map(|end| format!("tests/src/bin/{}{end}", command.name)).to_vec(),
            None => vec![format!("xtask/src/{}.rs", command.name.replace('-', "_"))],
        };
        assert!(places.iter().any(|place| root().join(place).is_file()), "{} is none of {places:?}", command.name);
    }
}

/// Our sources, without what is compiled for tests only.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("sensor/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !["tests.rs", "fixture.rs", "hostile.rs"].contains(&name.as_str()) {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let code = code.split("#[cfg(test)]\n#[allow(clippy::unwrap_used").next().unwrap().to_owned();
                files.push((path, code));
            }
        }
    }
    assert!(files.len() > 30, "the sources were found");
    files
}

/// The room that a file belongs to: the folder or file directly below `sensor/src`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(root().join("sensor/src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a text names, by `crate::room` or in a group behind `crate::{`.
fn uses(text: &str) -> Vec<String> {
    let code = without_comments(text);
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase()).collect::<String>();
    let mut rooms = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => {
                let group = group.split(';').next().unwrap();
                rooms.extend(group.split(',').map(|part| word(part.trim())));
            }
            None => rooms.push(word(after)),
        }
    }
    rooms.retain(|room| ROOMS.iter().any(|row| row.contains(&room.as_str())));
    rooms
}

fn may_use(from: &str, to: &str) -> bool {
    let place = |room: &str| ROOMS.iter().position(|row| row.contains(&room));
    match (place(from), place(to)) {
        // main, lib
        (None, _) | (_, None) => true,
        (Some(from_row), Some(to_row)) => from == to || from_row < to_row || ALLOWED.contains(&(from, to)),
    }
}

fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.fold(String::new(), |mut all, line| {
        all.push_str(line);
        all.push('\n');
        all
    })
}
