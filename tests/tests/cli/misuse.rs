//! Mistakes of users: each prints one line that names the cause and says what to do, exits with the documented code,
//! and loses nothing.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sensor::store::writer::Writer;
use sensor_core::types::Timestamp;
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::{require_root, root};
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::wait;
use tempfile::TempDir;

fn sensor(arguments: &[&str]) -> Command {
    let mut command = Command::new(sensor_binary());
    command.args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENSOR_")) {
        command.env_remove(name);
    }
    command.env_remove("JOURNAL_STREAM").stdin(Stdio::null());
    command
}

/// The command exits with `code` and prints one line on standard error that contains each of `words`; nothing on
/// standard output.
fn check(command: &mut Command, code: i32, words: &[&str]) {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{command:?}: {said}");
    for word in words {
        assert!(said.contains(word), "'{word}' is not in: {said}");
    }
    assert!(output.stdout.is_empty(), "{command:?}");
}

fn captures() -> String {
    root().join("tests/data/captures").to_str().unwrap().to_owned()
}

#[test]
fn usage() {
    check(&mut sensor(&["run", "--mirrer", "eth1"]), 2, &["--mirrer", "--mirror"]);
    check(&mut sensor(&["rum"]), 2, &["rum", "run"]);
    check(&mut sensor(&["replay"]), 2, &["FILE"]);
    check(&mut sensor(&["export"]), 2, &["--json"]);
    check(
        &mut sensor(&["run", "-i", "lo", "--network", "10.0.0.0/33"]),
        2,
        &["--network", "10.0.0.0/33", "192.168.1.0/24"],
    );
    check(&mut sensor(&["run", "-i", "a-name-too-long-for-linux"]), 2, &["a-name-too-long-for-linux", "ip link"]);
    check(&mut sensor(&["run", "-i", "lo", "--mirror", "lo"]), 2, &["lo", "mirror"]);
    check(&mut sensor(&["run", "-i", "lo", "--ring", "1000"]), 2, &["1000", "power of two"]);
    check(&mut sensor(&["run", "-i", "lo", "--events", "-", "--sightings", "-"]), 2, &["--events -", "--sightings -"]);
    check(&mut sensor(&["events", "--kind", "new-hosts"]), 2, &["new-hosts", "new-host"]);
    check(&mut sensor(&["scan", "10.0.0.0/33"]), 2, &["10.0.0.0/33", "192.168.1.0/24"]);
    check(&mut sensor(&["scan", "10.0.0.1", "--ports", "http"]), 2, &["http", "22,80"]);
    check(&mut sensor(&["scan", "10.0.0.1", "--techniques", "arp,imcp"]), 2, &["imcp", "icmp"]);
    check(&mut sensor(&["scan", "10.0.0.1", "--rate", "0"]), 2, &["rate", "1 or more"]);
    check(&mut sensor(&["scan", "10.0.0.1", "--json", "--csv"]), 2, &["--json", "--csv"]);
    check(&mut sensor(&["run", "-i", "lo", "--gone-after", "soon"]), 2, &["gone_after", "soon", "15m"]);
    check(&mut sensor(&["run", "-i", "lo", "--quiet-hours", "night"]), 2, &["night", "22:00-06:00"]);
    check(&mut sensor(&["run", "-i", "lo", "--never-probe", "printer"]), 2, &["never_probe", "printer"]);
    check(&mut sensor(&["run", "-i", "lo", "--nameservers", "dns"]), 2, &["dns", "192.168.1.1"]);
    let folder = TempDir::new().unwrap();
    let database = database(folder.path());
    check(&mut sensor(&["hosts", "--since", "yesterday", "--db", &database]), 2, &["yesterday", "15m"]);
}

#[test]
fn configuration() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("sensor.toml");
    let path = file.to_str().unwrap();
    let with = |text: &str, words: &[&str]| {
        std::fs::write(&file, text).unwrap();
        check(&mut sensor(&["run", "--config", path]), 2, words);
    };
    with("mirorr = [\"eth1\"]\n", &["mirorr", "did you mean 'mirror'"]);
    with("mirror = \"eth1\n", &[path, "line 1"]);
    with("learning_s = \"long\"\n", &[path, "line 1"]);
    with("mirror = [\"eth1\"]\n[[network]]\nprefix = \"10.0.0.0/40\"\n", &["10.0.0.0/40"]);
    let network = |line: &str, words: &[&str]| {
        with(&format!("interface = [\"lo\"]\n[[network]]\nprefix = \"10.0.0.0/24\"\n{line}\n"), words);
    };
    network("swep = true", &["swep", "did you mean 'sweep'"]);
    network("sweep = \"often\"", &["sweep", "often", "15m"]);
    network("ports = \"1-0\"", &["1-0", "22,80"]);
    network("segment = \"eth1.9999\"", &["eth1.9999", "eth1.30"]);
    network("allow_routers = [\"gateway\"]", &["allow_routers", "gateway"]);
    network("techniques = [\"ping\"]", &["ping", "icmp"]);
    let secrets = folder.path().join("snmp.toml");
    std::fs::write(&secrets, "[[snmp]]\ncommunity = \"hunter2\"\n").unwrap();
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(
        &mut sensor(&["scan", "127.0.0.1", "-i", "lo", "--techniques", "tcp", "--snmp", secrets.to_str().unwrap()]),
        2,
        &["snmp.toml", "chmod 600"],
    );
    check(&mut sensor(&["run", "--config", "/no/such.toml"]), 2, &["/no/such.toml", "--config"]);
}

#[test]
fn files() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "these are not frames, but enough bytes to look like a header\n").unwrap();
    check(&mut sensor(&["replay", text.to_str().unwrap()]), 4, &["notes.txt"]);
    check(&mut sensor(&["replay", "/no/such.pcap"]), 4, &["/no/such.pcap"]);
    check(&mut sensor(&["replay", folder.path().to_str().unwrap()]), 4, &[folder.path().to_str().unwrap()]);
    std::fs::write(&text, "").unwrap();
    check(&mut sensor(&["replay", text.to_str().unwrap()]), 4, &["notes.txt"]);
    let dhcp = format!("{}/dhcp.pcap", captures());
    check(
        &mut sensor(&["replay", &dhcp, "--json", "--events", "/no/such/folder/e.jsonl"]),
        4,
        &["/no/such/folder/e.jsonl"],
    );
    check(&mut sensor(&["replay", &dhcp, "--oui", "/no/such.csv"]), 4, &["/no/such.csv"]);
}

#[test]
fn rules_and_signatures() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let dhcp = format!("{}/dhcp.pcap", captures());
    let bad = file("bad.txt", "# mine\nssh a => kind teapot 50\n");
    let words = ["bad.txt", "line 2", "'teapot' is no kind"];
    check(&mut sensor(&["replay", &dhcp, "--fingerprints", &bad]), 2, &words);
    check(&mut sensor(&["run", "-i", "lo", "--passive", "--fingerprints", &bad]), 2, &words);
    let bad = file("bad.fp", "classes = unix\n[tcp:request]\nlabel = s:unix:A:\nsig = 4:64\n");
    check(&mut sensor(&["replay", &dhcp, "--p0f", &bad]), 2, &["bad.fp", "line 4", "8"]);
    check(&mut sensor(&["replay", &dhcp, "--p0f", "/no/such.fp"]), 2, &["/no/such.fp"]);

    // The rules of a replay are also used by commands that read its database.
    let db = folder.path().join("sensor.db").to_str().unwrap().to_owned();
    let rules = file("rules.txt", "dhcp-options 53* => os Our own 90, kind iot 90\n");
    let replay = sensor(&["replay", &dhcp, "--db", &db, "--fingerprints", &rules]).output().unwrap();
    assert!(replay.status.success(), "{replay:?}");
    let export = sensor(&["export", "--jsonl", "--db", &db]).output().unwrap();
    let export = String::from_utf8(export.stdout).unwrap();
    assert!(export.contains(r#""os":{"name":"Our own","confidence":90,"evidence":["dhcp-options: 53,"#), "{export}");
    let hosts = sensor(&["hosts", "--db", &db]).output().unwrap();
    assert!(String::from_utf8(hosts.stdout).unwrap().contains("iot/Our own"));
}

#[test]
fn databases() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("none.db");
    for reader in [&["hosts"][..], &["events"], &["export", "--json"], &["db", "check"]] {
        let mut command = sensor(reader);
        check(command.arg("--db").arg(&missing), 4, &["none.db"]);
        assert!(!missing.exists(), "a reader makes no database");
    }
    let dhcp = format!("{}/dhcp.pcap", captures());
    check(&mut sensor(&["replay", &dhcp, "--db", "/no/such/folder/sensor.db"]), 4, &["/no/such/folder"]);

    let foreign = folder.path().join("foreign.db");
    std::fs::write(&foreign, "this is somebody's text file, and has to stay what it is").unwrap();
    unchanged(&foreign, || {
        check(&mut sensor(&["replay", &dhcp, "--db", foreign.to_str().unwrap()]), 4, &["foreign.db"])
    });

    let newer = database(&folder.path().join("newer"));
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 999).unwrap();
    unchanged(Path::new(&newer), || check(&mut sensor(&["replay", &dhcp, "--db", &newer]), 4, &["sensor.db", "999"]));
    check(&mut sensor(&["hosts", "--db", &newer]), 4, &["999"]);

    let damaged = database(&folder.path().join("damaged"));
    let mut bytes = std::fs::read(&damaged).unwrap();
    assert!(bytes.len() > 3 * 4096);
    bytes[4096..].fill(0x5a);
    std::fs::write(&damaged, bytes).unwrap();
    unchanged(Path::new(&damaged), || {
        check(&mut sensor(&["replay", &dhcp, "--db", &damaged]), 4, &["sensor.db", "damaged"])
    });
    check(&mut sensor(&["db", "check", "--db", &damaged]), 4, &["damaged"]);
}

#[test]
fn a_second_writer_learns_who_is_the_first() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sensor.db");
    let (_writer, _) = Writer::open(&path, Timestamp::from_secs(1)).unwrap();
    let dhcp = format!("{}/dhcp.pcap", captures());
    let pid = std::process::id().to_string();
    check(&mut sensor(&["replay", &dhcp, "--db", path.to_str().unwrap()]), 4, &["sensor.db", &pid]);
}

#[test]
fn a_full_disk_is_reported_and_nothing_is_half_written() {
    if !require_root() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let dhcp = format!("{}/vlan11.pcap", captures());
    let script = format!(
        "mount -t tmpfs -o size=64k none {0} && exec {1} replay {dhcp} --csv --db {0}/sensor.db > /dev/null",
        folder.path().display(),
        sensor_binary().display()
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]);
    check(&mut command, 4, &["sensor.db", "full"]);
}

#[test]
fn interfaces() {
    if !require_root() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("sensor.db");
    let namespace = Namespace::new("cli").unwrap();
    namespace.sh("ip link add down0 type veth peer name down1").unwrap();
    let run = |iface: &str, words: &[&str]| {
        let mut command = namespace.command(sensor_binary());
        check(command.args(["run", "-i", iface, "--db"]).arg(&database), 4, words);
        assert!(!database.exists(), "a typing error makes no database");
    };
    run("nosuch0", &["nosuch0", "down0"]);
    run("down0", &["down0", "ip link set down0 up"]);
    check(&mut sensor(&["run", "--config", "/dev/null", "-i", "nosuch0"]), 4, &["nosuch0"]);
}

#[test]
fn a_sensor_that_does_not_run_has_no_status() {
    let folder = TempDir::new().unwrap();
    let database = database(folder.path());
    check(&mut sensor(&["status", "--db", &database]), 4, &["no sensor runs", &database, "sensor run"]);
    // A sensor that was killed leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(format!("{database}.status")).unwrap());
    check(&mut sensor(&["status", "--json", "--db", &database]), 4, &["no sensor runs", "--db"]);
}

#[test]
fn the_doctor_says_what_is_missing_and_how_to_fix_it() {
    check(&mut sensor(&["doctor", "--for", "5s"]), 2, &["--mirror"]);
    check(&mut sensor(&["doctor", "--mirror", "lo", "--for", "soon"]), 2, &["--for", "soon", "15m"]);
    check(&mut sensor(&["doctor", "-i", "a-name-too-long-for-linux"]), 2, &["ip link"]);
    let folder = TempDir::new().unwrap();
    let output =
        sensor(&["doctor", "--json", "-i", "nosuch0", "--db"]).arg(folder.path().join("sensor.db")).output().unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let missing: Vec<_> = rows.iter().filter(|row| row["state"] == "missing").collect();
    assert!(
        missing.iter().any(|row| row["name"] == "nosuch0" && row["found"].as_str().unwrap().contains("no interface"))
    );
    assert!(rows.iter().all(|row| row["state"] == "ok" || row["mend"].is_string()), "{rows:#?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    if require_root() {
        assert_eq!((missing.len(), output.status.code()), (1, Some(4)), "{rows:#?}");
        let public = public_binary(&folder);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&public);
        let output = command.args(["doctor", "-i", "lo", "--db", "/tmp/no-such.db"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("CAP_BPF") && text.contains("setcap"), "{text}");
    }
}

#[test]
fn no_default_route() {
    if !require_root() {
        return;
    }
    let namespace = Namespace::new("noroute").unwrap();
    check(namespace.command(sensor_binary()).arg("run"), 2, &["default route", "-i IFACE"]);
}

#[test]
fn privilege() {
    if !require_root() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let public = public_binary(&folder);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&public);
    check(command.args(["run", "-i", "lo", "--db", "/tmp/no-such.db"]), 3, &["CAP_", "sudo"]);
    assert!(!Path::new("/tmp/no-such.db").exists());
    // Commands that need no privilege work without.
    let capture = folder.path().join("dhcp.pcap");
    std::fs::copy(format!("{}/dhcp.pcap", captures()), &capture).unwrap();
    let mut replay = Command::new("setpriv");
    replay.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&public);
    assert!(replay.arg("replay").arg(&capture).arg("--json").output().unwrap().status.success());
}

#[test]
fn a_kernel_without_packet_sockets() {
    if !require_root() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let namespace = Namespace::new("nopacket").unwrap();
    namespace.sh("ip link set lo up").unwrap();
    let mut command = namespace.command(sensor_binary());
    command.args(["run", "-i", "lo", "--capture", "packet", "--db"]).arg(folder.path().join("sensor.db"));
    // SAFETY: only async-signal-safe system calls between fork and exec.
    unsafe { command.pre_exec(refuse_packet_sockets) };
    check(&mut command, 4, &["AF_PACKET"]);
}

#[test]
fn a_full_disk_does_not_stop_the_capture() {
    if !require_root() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let namespace = Namespace::new("fulldisk").unwrap();
    namespace
        .sh("ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up")
        .unwrap();
    let path = folder.path().display();
    // The disk is full from the moment the database is there, until room is made.
    let script = format!(
        "mount -t tmpfs -o size=1m none {path} && {sensor} run -i v0 --learning 0 --db {path}/sensor.db --events {path}/e \
         > /dev/null 2> /tmp/{name}.err & pid=$!
         until grep -q sensor-started {path}/e 2>/dev/null; do sleep 0.05; done
         head -c 2M /dev/zero > {path}/filler
         ip link set v1 address 02:00:00:00:00:77; ip addr add 10.5.0.7/24 dev v1; arping -q -c 2 -I v1 -U 10.5.0.7
         until grep -q full /tmp/{name}.err; do sleep 0.05; done
         kill -0 $pid || exit 9
         rm {path}/filler
         until grep -q new-host {path}/e; do sleep 0.05; done
         kill $pid; wait $pid",
        sensor = sensor_binary().display(),
        name = namespace.name(),
    );
    let mut shell = namespace.command("unshare").args(["--mount", "sh", "-c", &script]).spawn().unwrap();
    let status = wait::until("the sensor to catch up", || Ok(shell.try_wait()?));
    drop(shell.kill());
    let said = std::fs::read_to_string(format!("/tmp/{}.err", namespace.name())).unwrap();
    std::fs::remove_file(format!("/tmp/{}.err", namespace.name())).unwrap();
    assert!(status.unwrap().success(), "{said}");
    assert_eq!(said.matches("full").count(), 1, "said once: {said}");
    assert!(said.contains("can be written again"), "{said}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = TempDir::new().unwrap();
    let database = database(folder.path());
    for arguments in [&["export", "--json"][..], &["export", "--csv"], &["hosts"], &["events", "--json"]] {
        let mut child =
            sensor(arguments).args(["--db", &database]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        assert!(status.success() && stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    }
}

#[test]
fn json_is_only_json_and_pipes_have_no_colours() {
    let folder = TempDir::new().unwrap();
    let database = database(folder.path());
    let output = |arguments: &[&str]| {
        let output = sensor(arguments).args(["--db", &database]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let records: Vec<serde_json::Value> = serde_json::from_str(&output(&["export", "--json"])).unwrap();
    assert!(!records.is_empty());
    let lines = output(&["export", "--jsonl"]);
    assert_eq!(
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>(),
        records
    );
    for line in output(&["events", "--json"]).lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
    }
    assert_eq!(output(&["export", "--csv"]).lines().count(), records.len() + 1);
    for text in [output(&["hosts"]), output(&["events"])] {
        assert!(text.lines().count() > 1 && !text.contains('\x1b'), "{text:?}");
    }
}

#[test]
fn a_terminal_has_colours_unless_no_color_is_set() {
    let folder = TempDir::new().unwrap();
    let database = database(folder.path());
    // `script` gives its command a terminal.
    let shown = |no_color: &str| {
        let line = format!("{} hosts --db {database}", sensor_binary().display());
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("NO_COLOR", no_color);
        let output = script.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // An empty value does not count (no-color.org).
    assert!(shown("").contains("\x1b["), "{:?}", shown(""));
    assert!(!shown("1").contains('\x1b'), "{:?}", shown("1"));
}

#[test]
fn an_export_replaces_its_file_at_once() {
    let folder = TempDir::new().unwrap();
    let database = database(folder.path());
    let report = folder.path().join("report.json");
    std::fs::write(&report, "the report of yesterday").unwrap();
    assert!(sensor(&["export", "--json", "--db", &database, "--output"]).arg(&report).status().unwrap().success());
    let mut text = String::new();
    std::fs::File::open(&report).unwrap().read_to_string(&mut text).unwrap();
    assert!(serde_json::from_str::<Vec<serde_json::Value>>(&text).is_ok());
    check(
        &mut sensor(&["export", "--json", "--db", &database, "--output", "/no/such/folder/r"]),
        4,
        &["/no/such/folder/r"],
    );
}

/// A database with some hosts that no sensor uses.
fn database(folder: &Path) -> String {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("sensor.db");
    let capture = format!("{}/vlan11.pcap", captures());
    let output = sensor(&["replay", &capture, "--json", "--db"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path.to_str().unwrap().to_owned()
}

/// The file has the same bytes after `work`.
fn unchanged(path: &Path, work: impl FnOnce()) {
    let before = std::fs::read(path).unwrap();
    work();
    assert!(before == std::fs::read(path).unwrap(), "{} was changed", path.display());
}

/// A copy of the program that every user may run: root's folders are closed to others.
fn public_binary(folder: &TempDir) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.path().join("sensor");
    std::fs::copy(sensor_binary(), &path).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Makes socket(AF_PACKET, ..) answer EAFNOSUPPORT, as a kernel without packet sockets does.
fn refuse_packet_sockets() -> std::io::Result<()> {
    const LOAD: u16 = 0x20;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let allow = 0x7fff_0000;
    let mut program = [
        // The system call's number, then its first argument's low word (both in `struct seccomp_data`).
        step(LOAD, 0, 0, 0),
        step(JUMP_EQUAL, 0, 3, u32::try_from(libc::SYS_socket).unwrap_or(u32::MAX)),
        step(LOAD, 0, 0, 16),
        step(JUMP_EQUAL, 0, 1, libc::AF_PACKET.unsigned_abs()),
        step(RETURN, 0, 0, 0x0005_0000 | libc::EAFNOSUPPORT.unsigned_abs()),
        step(RETURN, 0, 0, allow),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program outlives the calls, which copy it.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
    };
    if failed { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
