//! The house's own rules: who may use whom, what may live where, how long a file may be.
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use sensor_tests::bpf::root;
use sensor_tests::house::{Crate, rust_files};

/// The rooms of `sensor`, from the top down; rooms of one row are siblings and do not know each other. The crate root and
/// `main.rs` may use all of them.
const ROOMS: [&[&str]; 9] = [
    &["commands", "watch"],
    &["run"],
    &["control"],
    &["pipeline"],
    &["terminal"],
    &["cli"],
    &["config"],
    &["capture", "export", "probe", "store"],
    &["clock", "system", "vendor"],
];
/// Siblings that may be asked all the same: commands none of each other, of course.
const ALLOWED: [(&str, &str); 0] = [];
/// The rooms of `sensor-core`, from the top down.
const CORE_ROOMS: [&[&str]; 3] = [&["inventory"], &["wire"], &["types"]];
/// What the core has no business with. Its Cargo.toml has none of the libraries; the rest is the standard library's.
const OUTSIDE: [&str; 8] = [
    "std::fs",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "std::net::TcpStream",
    "println!",
];
/// Libraries that would make the core impure.
const IMPURE: [&str; 7] = ["aya", "libc", "rusqlite", "rustix", "serde", "socket2", "tokio"];
/// What only one room of `sensor` may mention.
const RESERVED: [(&str, &str); 4] =
    [("rusqlite", "store"), ("clock_gettime", "clock"), ("SystemTime::now", "clock"), ("std::time::Instant", "clock")];
/// The longest that a file of ours may be, in lines; what is generated or data is apart.
const LINES_MAX: usize = 500;

/// Every package of ours, read once.
static CRATES: LazyLock<Vec<Crate>> = LazyLock::new(|| {
    let all = [
        ("sensor/src", "sensor"),
        ("sensor/core/src", "sensor_core"),
        ("sensor-ebpf/src", "sensor_ebpf"),
        ("tests/src", "sensor_tests"),
        ("xtask/src", "xtask"),
        ("tests/sender/src", "bench_sender"),
    ];
    all.map(|(folder, name)| Crate::read(&root(), folder, name).unwrap()).into()
});

fn named(name: &str) -> &'static Crate {
    CRATES.iter().find(|house| house.name == name).unwrap()
}

#[test]
fn rooms_use_only_what_is_below_them() {
    for (house, rooms) in [(named("sensor"), &ROOMS[..]), (named("sensor_core"), &CORE_ROOMS[..])] {
        let mut faults = BTreeSet::new();
        for file in &house.files {
            let Some(from) = file.module.first() else { continue };
            for to in &file.uses {
                let to = &house.files[*to];
                let Some(room) = to.module.first() else { continue };
                if !may_use(rooms, from, room) {
                    faults.insert(format!("{} uses {}", file.path.display(), to.path.display()));
                }
            }
        }
        assert!(faults.is_empty(), "arrows that do not go down:\n{}", Vec::from_iter(faults).join("\n"));
    }
}

#[test]
fn an_upward_arrow_would_be_found() {
    for (from, to, may) in [
        ("store", "export", false),
        ("export", "vendor", true),
        ("capture", "clock", true),
        ("capture", "store", false),
        ("run", "config", true),
        ("run", "commands", false),
        ("commands", "watch", false),
        ("commands", "control", true),
        ("terminal", "pipeline", false),
    ] {
        assert_eq!(may_use(&ROOMS, from, to), may, "{from} -> {to}");
    }
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for house in CRATES.iter() {
        for circle in house.circles() {
            circles.push(circle.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "));
        }
    }
    assert!(circles.is_empty(), "circles of files:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_would_be_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "//! Root.\npub mod a;\npub mod b;\npub mod c;\n");
    write("a.rs", "//! A.\nuse crate::b::{self, B};\npub struct A(pub B);\n");
    write("b.rs", "//! B.\npub struct B;\nfn f() { println!(\"{:?}\", super::c::g(1)); }\n");
    write("c.rs", "//! C.\n#[cfg(test)]\nmod tests { use crate::a::A; }\n");
    let sizes = |house: &Crate| house.circles().iter().map(Vec::len).collect::<Vec<usize>>();
    assert_eq!(
        sizes(&Crate::read(folder.path(), "", "house").unwrap()),
        Vec::<usize>::new(),
        "tests' imports are no arrows"
    );
    write("c.rs", "//! C.\npub fn g(_: u8) -> Option<crate::a::A> { None }\n");
    assert_eq!(sizes(&Crate::read(folder.path(), "", "house").unwrap()), [3], "also through a macro's arguments");
}

#[test]
fn commands_know_nothing_of_each_other() {
    let house = named("sensor");
    for file in house.files.iter().filter(|file| file.module.first().is_some_and(|room| room == "commands")) {
        for to in &file.uses {
            let to = &house.files[*to];
            if to.module.first().is_some_and(|room| room == "commands") {
                assert_eq!(file.module.get(1), to.module.get(1), "{} uses {}", file.path.display(), to.path.display());
            }
        }
    }
}

#[test]
fn the_core_is_pure() {
    let manifest = std::fs::read_to_string(root().join("sensor/core/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for library in IMPURE {
        assert!(!dependencies.contains_key(library), "sensor-core depends on {library}");
    }
    for file in &named("sensor_core").files {
        let code = without_comments(&file.text);
        for word in OUTSIDE {
            assert!(!code.contains(word), "{}: {word} in the core", file.path.display());
        }
    }
}

#[test]
fn what_belongs_to_one_room_is_mentioned_there_only() {
    for file in &named("sensor").files {
        let code = without_comments(&file.text);
        for (word, only) in RESERVED {
            let here = file.module.first().map(String::as_str).unwrap_or_default();
            assert!(here == only || !code.contains(word), "{}: {word} belongs to {only}", file.path.display());
        }
    }
}

#[test]
fn every_file_says_what_lives_in_it() {
    for file in CRATES.iter().flat_map(|house| &house.files) {
        assert!(file.text.starts_with("//! "), "{} has no head comment", file.path.display());
    }
}

#[test]
fn no_file_is_too_long() {
    let long = CRATES.iter().flat_map(|house| &house.files).filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines", file.path.display()))
    });
    let long: Vec<String> = long.collect();
    assert!(long.is_empty(), "files of more than {LINES_MAX} lines:\n{}", long.join("\n"));
}

/// A module with children is `name/mod.rs`, never `name.rs` beside `name/`.
#[test]
fn there_is_one_form_of_module() {
    for folder in ["sensor", "sensor-ebpf", "tests", "xtask"] {
        for path in rust_files(&root().join(folder)).unwrap() {
            assert!(!path.with_extension("").is_dir(), "{} stands beside its folder", path.display());
        }
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

fn may_use(rooms: &[&[&str]], from: &str, to: &str) -> bool {
    let place = |room: &str| rooms.iter().position(|row| row.contains(&room));
    match (place(from), place(to)) {
        // The crate's root, and `main`.
        (None, _) | (_, None) => from == "main" || !Path::new(to).has_root(),
        (Some(above), Some(below)) => from == to || above < below || ALLOWED.contains(&(from, to)),
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
