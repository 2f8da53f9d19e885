//! The commands of `cargo xtask`: one line of help each, what they take, and where they live. Those that build and
//! check live here; those that compare, measure and simulate are programs of the tests' package, which need the sensor
//! itself.

use crate::cargo::Profile;

/// One command.
#[derive(Debug)]
pub struct Command {
    /// The word after `cargo xtask`.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it takes, in the order of the help text.
    pub takes: &'static [Takes],
    /// The program that does it; `None` for what xtask does itself.
    pub program: Option<Program>,
}

/// A program of the tests' package, in `tests/src/bin`, that has the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// How it is built, and the sensor with it.
    pub profile: Profile,
    /// Whether it runs the sensor, which is then built too.
    pub needs_sensor: bool,
    /// Whether it is started by sudo where this is not root.
    pub as_root: bool,
}

/// One argument.
#[derive(Debug)]
pub enum Takes {
    /// A flag, such as `--all`.
    Flag(&'static str, &'static str),
    /// An option with a value: its name, the value's name in the help text, and what it means.
    Value(&'static str, &'static str, &'static str),
    /// A word without a dash: its name in the help text, what it means, and the words that it may be (any, when none is
    /// listed).
    Word(&'static str, &'static str, &'static [(&'static str, &'static str)]),
    /// Everything that follows, options too.
    Rest(&'static str, &'static str),
}

use Takes::{Flag, Rest, Value, Word};

const CAPTURES_ONLY: &str = "Holds the captures in `open/` [default: ../shared/pcaps beside the repository, or what \
                             SENSOR_PCAPS_DIR says]";
const CAPTURES_AND_ANSWERS: &str = "Holds the captures in `open/` and the answers in `oracle/` [default: ../shared/pcaps \
                                    beside the repository, or what SENSOR_PCAPS_DIR says]";

/// All commands, by name.
pub const COMMANDS: [Command; 11] = [
    Command {
        name: "bench",
        about: "Measure against other programs and against bare minimums in the same run; write a table",
        takes: &[Word(
            "WHICH",
            "Which bench; all of them when none is named",
            &[
                ("kernel", "Nanoseconds per frame in the XDP program, against a program that does nothing"),
                (
                    "live",
                    "A port under more frames than it can take, beside bare programs, tcpdump, arpwatch, prads and p0f",
                ),
                ("replay", "A capture of a million frames, beside tcpdump, p0f, prads and tshark"),
                ("sweep", "Sweeps by ARP, ICMP and TCP, beside arp-scan, nmap, fping, zmap and masscan"),
            ],
        )],
        program: Some(Program { profile: Profile::Dist, needs_sensor: true, as_root: false }),
    },
    Command {
        name: "build-ebpf",
        about: "Build the BPF object from source and record what it was built from",
        takes: &[
            Flag(
                "--check",
                "Build beside the committed object and compare: fails when that one is stale or not reproduced",
            ),
            Flag("--install", "Install what is missing: Debian packages and bpf-linker (needs root and the network)"),
            Flag(
                "--log",
                "Keep the program's own log lines; such an object is not for committing, so --out must say where",
            ),
            Value("--out", "DIR", "Where to write the object and its manifest, instead of sensor-ebpf/prebuilt"),
        ],
        program: None,
    },
    Command { name: "ci", about: "What continuous integration runs", takes: &[], program: None },
    Command {
        name: "demo",
        about: "Build a small network of namespaces, run the sensor in it and watch",
        takes: &[],
        program: Some(Program { profile: Profile::Release, needs_sensor: true, as_root: true }),
    },
    Command {
        name: "lab",
        about: "Build the lab's network and keep it until Enter is pressed",
        takes: &[],
        program: Some(Program { profile: Profile::Release, needs_sensor: false, as_root: true }),
    },
    Command {
        name: "peers",
        about: "Compare the decoders with the answers of an independent one",
        takes: &[
            Word("DIR", CAPTURES_AND_ANSWERS, &[]),
            Value("--only", "WORD", "Only captures whose path contains this; entries for others are not checked"),
        ],
        program: Some(Program { profile: Profile::Dev, needs_sensor: true, as_root: false }),
    },
    Command {
        name: "prints",
        about: "Compare the fingerprints of TCP with those of p0f and prads",
        takes: &[
            Word("DIR", CAPTURES_ONLY, &[]),
            Value("--p0f", "FILE", "p0f's signatures [default: /etc/p0f/p0f.fp]"),
            Value("--only", "WORD", "Only captures whose path contains this"),
            Flag("--all", "Print every difference"),
        ],
        program: Some(Program { profile: Profile::Dev, needs_sensor: false, as_root: false }),
    },
    Command {
        name: "run",
        about: "Build the sensor and listen on the interface of the default route",
        takes: &[Rest(
            "SENSOR-FLAG",
            "What `sensor run` is given, such as `--mirror eth1`; without any it listens on the default route's interface",
        )],
        program: None,
    },
    Command {
        name: "test",
        about: "Install what the tests need and run all of them",
        takes: &[Flag("--committed-object", "Leave out the BPF toolchain: test the committed object only")],
        program: None,
    },
    Command {
        name: "verify",
        about: "Load the BPF object and show what the kernel's verifier says",
        takes: &[],
        program: Some(Program { profile: Profile::Dev, needs_sensor: false, as_root: false }),
    },
    Command {
        name: "week",
        about: "Simulate weeks of an office network and compare what is reported with what happened",
        takes: &[
            Value("--seeds", "N", "How many seeds, from 0 on [default: 10]"),
            Value("--seed", "N", "Only this seed"),
            Flag("--all", "Print each fault and each false event, not only the incidents that they belong to"),
        ],
        program: Some(Program { profile: Profile::Release, needs_sensor: false, as_root: false }),
    },
];
