//! From an event to an alert with a real journal, in spite of kills, outages, a rate limit and a vacuumed journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sensor::export::journal::Journal;
use sensor::export::record::event::EventRecord;
use sensor_core::types::{Mac, Timestamp, is_unsafe};
use sensor_tests::binary::sensor_binary;
use sensor_tests::frames::Random;
use sensor_tests::lab::journald::{FOLDER, Journald};
use sensor_tests::lab::recorder::{Post, Posts, Recorder};
use sensor_tests::lab::sensor_process::SensorProcess;
use sensor_tests::lab::{self, Lab, MIRROR, sender, wait};
use serde_json::Value;
use tempfile::TempDir;

const EVENTS: usize = 10_000;
const KILLS: usize = 20;
const FLAGS: [&str; 4] = ["--mirror", MIRROR, "--learning", "0"];

/// Sensor and watcher are killed at random during a burst: exactly the events of the database arrive, in
/// order.
#[test]
fn a_burst_of_events_arrives_complete_in_spite_of_kills() {
    if !lab::possible() || !lab::has_journald() {
        return;
    }
    let seed = std::env::var("SENSOR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_121);
    println!("seed {seed} (SENSOR_SEED repeats it)");
    let lab = Lab::build().unwrap();
    let folder = lab.folder.path();
    // A limit that such a burst would run into, and what the unit's LogRateLimitIntervalSec=0 becomes (systemd 252,
    // unit_export_log_ratelimit_interval).
    let journald = Journald::start(&lab.probe, folder, "RateLimitIntervalSec=30s\nRateLimitBurst=20").unwrap();
    let unit = Unit::new();
    assert!(include_str!("../../../systemd/sensor.service").contains("\nLogRateLimitIntervalSec=0\n"));
    journald.sh("ln -s 0 /run/systemd/units/log-rate-limit-interval:sensor.service").unwrap();
    let posts = Posts::default();
    let server = Recorder::start(&lab.probe, 0, &posts).unwrap();
    let config = folder.join("sensor.toml");
    std::fs::write(&config, alert(&server)).unwrap();
    let started = AtomicU32::new(0);
    let sensor = || {
        let before = starts(folder);
        let child = SensorProcess::command(unit.command(&journald), folder, &FLAGS).unwrap().spawn().unwrap();
        // Every fourth is killed while it starts, the others while they work.
        if started.fetch_add(1, Ordering::Relaxed) % 4 != 3 {
            wait::until("the sensor to listen", || Ok((starts(folder) > before).then_some(()))).unwrap();
        }
        child
    };
    let watcher = || watcher(&journald, folder, &config);

    let over = AtomicBool::new(false);
    let speaker = &lab.host("static").namespace;
    speaker.sh("ip link set eth0 up").unwrap();
    // Before the first event, so that watching begins with it.
    let mut first = watcher();
    wait::until("the watcher to begin", || Ok(folder.join("watch.json").exists().then_some(()))).unwrap();
    kill(&mut first);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let sent = AtomicU32::new(0);
            while !over.load(Ordering::Relaxed) {
                sender::send(speaker, "eth0", &crowd(&sent)).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let sensors = scope.spawn(|| kills(&sensor, seed));
        kills(&watcher, seed ^ 1);
        // A panic must not leave the load running, for which the scope would wait.
        let ended = sensors.join();
        if ended.is_err() {
            over.store(true, Ordering::Relaxed);
        }
        ended.unwrap();
        let mut last = (sensor(), watcher());
        let burst = wait::until("a burst of events", || Ok((ids(folder).len() >= EVENTS).then_some(())));
        over.store(true, Ordering::Relaxed);
        load.join().unwrap();
        burst.unwrap();
        arrival(folder, &server);
        // SAFETY: `kill` takes no pointers; the process was started here and is not reaped yet.
        unsafe { libc::kill(last.0.id().cast_signed(), libc::SIGTERM) };
        last.0.wait().unwrap();
        arrival(folder, &server);
        kill(&mut last.1);
    });
    let posts = server.posts();
    println!("{} events, {} posts", ids(folder).len(), posts.len());
    check_posts(&posts, folder);
}

/// How often a sensor has started to listen.
fn starts(folder: &Path) -> usize {
    let events = std::fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    events.matches("sensor-started").count()
}

/// Starts and kills it again and again, at different moments.
fn kills(start: &dyn Fn() -> Child, seed: u64) {
    let mut random = Random(seed);
    for _ in 0..KILLS {
        let mut child = start();
        std::thread::sleep(Duration::from_millis(100 + random.below(900) as u64));
        kill(&mut child);
    }
}

/// Waits until all events of the database have arrived.
fn arrival(folder: &Path, server: &Recorder) {
    let mut missing = usize::MAX;
    loop {
        let left = wait::until("events at the webhook", || {
            let came: BTreeSet<u64> = server.posts().iter().map(|post| record(post)["id"].as_u64().unwrap()).collect();
            let left = ids(folder).iter().filter(|id| !came.contains(id)).count();
            Ok((left < missing).then_some(left))
        });
        missing = left.unwrap();
        if missing == 0 {
            return;
        }
    }
}

/// Each post is an event of the database; a duplicate has the same name; those of each host arrive in order.
fn check_posts(posts: &[Post], folder: &Path) {
    let database = open(folder);
    let mut find = database.prepare("SELECT record FROM events WHERE id = ?").unwrap();
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    let mut last: HashMap<String, u64> = HashMap::new();
    for post in posts {
        let event = record(post);
        let id = event["id"].as_u64().unwrap();
        if event["kind"] == "watch-gap" {
            let ids = [&event["details"]["first_id"], &event["details"]["last_id"]];
            let came = posts.iter().position(|post| record(post)["id"] == *ids[0]);
            let stored = find.query_row([ids[0].as_i64().unwrap()], |row| row.get::<_, String>(0));
            panic!("told as missing: {event}; in the database: {stored:?}; at the webhook: {came:?}");
        }
        let saved: String = find
            .query_row([id.cast_signed()], |row| row.get(0))
            .unwrap_or_else(|_| panic!("an alert for an event that is not in the database: {event}"));
        assert_eq!(serde_json::from_str::<Value>(&saved).unwrap(), event);
        let name = post.headers["x-sensor-event"].clone();
        assert!(name.ends_with(&format!("-{id}")), "{name}");
        if let Some(before) = names.insert(id, name.clone()) {
            assert_eq!(before, name, "a duplicate is recognised by its name");
            continue;
        }
        let host = event["host"].as_str().unwrap_or_default().to_owned();
        let before = last.insert(host, id).unwrap_or(0);
        assert!(before < id, "{before} came before {id} of the same host");
    }
}

/// The web server is down for a while, the journal is vacuumed while no watcher runs, and names are hostile.
#[test]
fn outages_and_gaps_are_reported() {
    if !lab::possible() || !lab::has_journald() {
        return;
    }
    let down = std::env::var("SENSOR_OUTAGE_S").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    let lab = Lab::build().unwrap();
    let folder = lab.folder.path();
    let journald = Journald::start(&lab.probe, folder, "RateLimitIntervalSec=0").unwrap();
    let mut journal = Journal::new(&journald.socket(), Timestamp::from_nanos(1), 0).unwrap();
    let mut tell = |ids: std::ops::RangeInclusive<u64>, name: &str| {
        for id in ids {
            let event = event(id, name);
            let json = serde_json::to_string(&event).unwrap();
            wait::until("room in the journal's queue", || Ok(journal.publish(&event, &json).ok())).unwrap();
        }
    };
    let posts = Posts::default();
    let server = Recorder::start(&lab.probe, 0, &posts).unwrap();
    let (config, log) = (folder.join("sensor.toml"), folder.join("watcher"));
    let marks = folder.join("marks");
    let command = format!(
        "[[alert]]\nname = 'mark'\ncommand = ['/bin/sh', '-c', 'echo $SENSOR_EVENT_ID >> {}']\n",
        marks.display()
    );
    std::fs::write(&config, alert(&server) + &command).unwrap();
    let mut running = watcher(&journald, folder, &config);
    wait::until("the watcher to begin", || Ok(folder.join("watch.json").exists().then_some(()))).unwrap();
    tell(1..=10, "nas");
    has(&posts, 1..=10);

    let port = server.port();
    drop(server);
    tell(11..=20, "nas");
    // The other alert is not delayed by the one whose server is down.
    wait::until("the other alert", || {
        Ok(std::fs::read_to_string(&marks).unwrap_or_default().lines().any(|line| line == "20").then_some(()))
    })
    .unwrap();
    std::thread::sleep(Duration::from_secs(down));
    let said = std::fs::read_to_string(&log).unwrap();
    let tries: Vec<f32> = said
        .lines()
        .filter_map(|line| {
            line.split_once("alert all: try ")?.1.split_once("the next in ")?.1.strip_suffix(" s")?.parse().ok()
        })
        .collect();
    assert!(tries.len() >= 3 && tries.last() > tries.first(), "it backs off: {said}");
    assert!(tries.len() < 12 + usize::try_from(down).unwrap() / 10, "it does not hammer: {said}");
    let _server = Recorder::start(&lab.probe, port, &posts).unwrap();
    has(&posts, 11..=20);

    kill(&mut running);
    tell(21..=40, "\u{1b}[2J\n=cmd()<script>\u{202e}");
    journald.sh(&format!("journalctl --sync; journalctl --rotate; journalctl -q -D {FOLDER} --vacuum-size=1")).unwrap();
    tell(41..=45, "\u{1b}[2J\nMESSAGE=x\r\nBcc: y\0=cmd()<script>\u{202e}");
    let mut running = watcher(&journald, folder, &config);
    has(&posts, 41..=45);
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("no longer holds the place where watching stopped"), "{said}");
    let gap = "events are missing in the journal, ids 21 to 40: the journal was vacuumed before they were read";
    assert!(said.contains(gap), "{said}");
    let all: Vec<Value> = posts.lock().unwrap().iter().map(record).collect();
    let told = all.iter().find(|post| post["kind"] == "watch-gap").expect("the gap goes to the alerts");
    assert!(told["message"].as_str().unwrap().contains("ids 21 to 40"), "{told}");
    assert!(posts.lock().unwrap().iter().all(|post| !post.body.chars().any(is_unsafe)), "hostile names are harmless");
    kill(&mut running);
}

/// Events that the journal's rate limit drops are reported as missing.
#[test]
fn events_that_the_rate_limit_drops_are_reported_missing() {
    if !lab::possible() || !lab::has_journald() {
        return;
    }
    let lab = Lab::build().unwrap();
    let folder = lab.folder.path();
    let journald = Journald::start(&lab.probe, folder, "RateLimitIntervalSec=2s\nRateLimitBurst=5").unwrap();
    let unit = Unit::new();
    let posts = Posts::default();
    let server = Recorder::start(&lab.probe, 0, &posts).unwrap();
    let config = folder.join("sensor.toml");
    std::fs::write(&config, alert(&server)).unwrap();
    let mut running = watcher(&journald, folder, &config);
    wait::until("the watcher to begin", || Ok(folder.join("watch.json").exists().then_some(()))).unwrap();
    let speaker = &lab.host("static").namespace;
    speaker.sh("ip link set eth0 up").unwrap();
    let sensor = SensorProcess::start_by(unit.command(&journald), folder, &FLAGS).unwrap();
    let sent = AtomicU32::new(0);
    // The limit is a multiple of the setting, depending on free disk space (systemd 252, burst_modulate).
    for _ in 0..4 {
        sender::send(speaker, "eth0", &crowd(&sent)).unwrap();
    }
    // One more now and then: the first entry after the interval shows what is missing.
    let gap = wait::until("the gap at the webhook", || {
        sender::send(speaker, "eth0", &crowd(&sent)[..1]).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        Ok(server.posts().iter().map(record).find(|post| post["kind"] == "watch-gap"))
    })
    .unwrap();
    assert!(gap["message"].as_str().unwrap().contains("its rate limit"), "{gap}");
    assert!(sensor.stop().unwrap().success());
    kill(&mut running);
    // Events that arrived, and those that are reported missing, are together those of the database.
    let mut known: BTreeSet<u64> = BTreeSet::new();
    for post in server.posts().iter().map(record) {
        match post["kind"] == "watch-gap" {
            true => known
                .extend(post["details"]["first_id"].as_u64().unwrap()..=post["details"]["last_id"].as_u64().unwrap()),
            false => drop(known.insert(post["id"].as_u64().unwrap())),
        }
    }
    let last = known.last().copied();
    let silent: Vec<u64> = ids(folder).into_iter().filter(|id| Some(*id) <= last && !known.contains(id)).collect();
    assert_eq!(silent, [0; 0], "events are missing that were not reported");
}

#[test]
fn lines_of_another_journal_are_read_from_standard_input() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("sensor.toml");
    std::fs::write(&config, "").unwrap();
    let lines = [entry(1, "0"), entry(2, "0"), "no JSON\n".to_owned(), entry(3, "12345"), entry(5, "0")].concat();
    let output = watch(&config, &["-"], &lines);
    assert_eq!(output.status.code(), Some(0));
    let (out, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let kinds: Vec<&str> = out.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(kinds, ["new-host", "new-host", "watch-gap", "new-host"], "{out}");
    assert!(said.contains("events are missing in the journal, ids 3 to 4"), "{said}");
    assert!(said.contains("user 12345 writes events into the journal"), "{said}");
    let output = watch(
        &config,
        &["-", "--json", "--kind", "new-host", "--host", "10.0.0.2"],
        &[entry(1, "0"), entry(2, "0")].concat(),
    );
    let event: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(event["id"], 2);
}

#[test]
fn alerts_run_for_real_as_a_test_and_as_a_dry_run() {
    let folder = TempDir::new().unwrap();
    let (config, out, state) = (folder.path().join("c.toml"), folder.path().join("out"), folder.path().join("w.json"));
    let alerts = format!(
        "[[alert]]\nname = 'log'\nhosts = ['10.0.0.2']\ncommand = ['/bin/sh', '-c', 'echo $SENSOR_EVENT $SENSOR_IP >> {}']\n\
         [[alert]]\nname = 'broken'\nretries = 0\nkinds = ['bogon']\ncommand = ['/bin/false']\n",
        out.display()
    );
    std::fs::write(&config, alerts).unwrap();
    let lines = [entry(1, "0"), entry(2, "0")].concat();

    let output = watch(&config, &["-", "--dry-run"], &lines);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("alert log: would run /bin/sh -c ") && said.lines().count() == 1, "{said}");
    assert!(!out.exists() && !state.exists());

    let keep = state.to_str().unwrap();
    for _ in 0..2 {
        // The second time the event is known already.
        let output = watch(&config, &["-", "--state", keep], &lines);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "new-host 10.0.0.2\n");
    }

    let output = watch(&config, &["test", "log"], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("alert log: delivered: run /bin/sh"));
    assert!(std::fs::read_to_string(&out).unwrap().ends_with("watch-test 192.0.2.1\n"));
    for (name, code, word) in [("broken", 4, "exit status: 1"), ("lgo", 2, "did you mean 'log'?")] {
        let output = watch(&config, &["test", name], "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(word) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn an_alert_that_cannot_be_delivered_is_kept_for_the_next_run() {
    let folder = TempDir::new().unwrap();
    let (config, out, state) = (folder.path().join("c.toml"), folder.path().join("out"), folder.path().join("w.json"));
    let program = folder.path().join("program");
    let alerts = format!("[[alert]]\nname = 'later'\ncommand = ['{}']\n", program.display());
    std::fs::write(&config, alerts).unwrap();
    let arguments = ["-", "--state", state.to_str().unwrap()];
    let output = watch(&config, &arguments, &entry(1, "0"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("alert later: its action fails"), "{said}");
    std::fs::write(&program, format!("#!/bin/sh\necho $SENSOR_EVENT_ID >> {}\n", out.display())).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(watch(&config, &arguments, &entry(2, "0")).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "1\n2\n");
}

/// A cgroup that looks like the sensor's unit to journald, which asks the cgroup for a process's unit.
struct Unit(String);

impl Unit {
    fn new() -> Self {
        // systemd and journald use the unified hierarchy for units, also where others exist beside it.
        let unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            .into_iter()
            .find(|root| Path::new(root).join("cgroup.procs").exists());
        let slice = format!("{}/sensorlab{}.slice", unified.expect("there is a unified hierarchy"), std::process::id());
        std::fs::create_dir_all(format!("{slice}/sensor.service")).unwrap();
        Self(slice)
    }

    /// A command that starts the sensor in the unit, with the sockets of that journald.
    fn command(&self, journald: &Journald) -> Command {
        let mut command = journald.command("sh");
        let script = format!("echo $$ > {}/sensor.service/cgroup.procs && exec \"$0\" \"$@\"", self.0);
        command.args(["-c", &script]).arg(sensor_binary());
        command
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // They are empty by now, unless the test failed.
        drop(std::fs::remove_dir(format!("{}/sensor.service", self.0)));
        drop(std::fs::remove_dir(&self.0));
    }
}

fn watcher(journald: &Journald, folder: &Path, config: &Path) -> Child {
    let mut command = journald.command(sensor_binary());
    command.args(["watch", "--journal", FOLDER, "--config"]).arg(config).arg("--state").arg(folder.join("watch.json"));
    let log = File::options().create(true).append(true).open(folder.join("watcher")).unwrap();
    command.stdin(Stdio::null()).stderr(log).spawn().unwrap()
}

fn alert(server: &Recorder) -> String {
    format!("[[alert]]\nname = 'all'\nwebhook = 'http://127.0.0.1:{}/'\n", server.port())
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn has(posts: &Posts, mut ids: std::ops::RangeInclusive<u64>) {
    wait::until("events at the webhook", || {
        let came: BTreeSet<u64> =
            posts.lock().unwrap().iter().map(|post| record(post)["id"].as_u64().unwrap()).collect();
        Ok(ids.clone().all(|id| came.contains(&id)).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", ids.next()));
}

fn record(post: &Post) -> Value {
    serde_json::from_str(&post.body).unwrap()
}

/// New hosts, and a few addresses that pass from host to host.
fn crowd(sent: &AtomicU32) -> Vec<Vec<u8>> {
    let frame = |mac: [u8; 4], ip: [u8; 3]| {
        let mac = Mac([0x00, 0x50, mac[0], mac[1], mac[2], mac[3]]);
        sender::arp_request(mac, Ipv4Addr::new(10, ip[0], ip[1], ip[2]), Ipv4Addr::new(10, 77, 0, 1), &[])
    };
    let number = sent.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = number.to_be_bytes();
    let restless = frame([0x55, high & 1, low & 1, low & 7], [99, 0, low & 7]);
    (0..50).map(|place| frame([0x56, high, low, place], [100 + high, low, place])).chain([restless]).collect()
}

fn ids(folder: &Path) -> Vec<u64> {
    let database = open(folder);
    let mut ids = database.prepare("SELECT id FROM events ORDER BY id").unwrap();
    ids.query_map([], |row| row.get::<_, i64>(0)).unwrap().map(|id| id.unwrap().cast_unsigned()).collect()
}

fn open(folder: &Path) -> Connection {
    let database = Connection::open_with_flags(folder.join("sensor.db"), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    database.busy_timeout(Duration::from_secs(30)).unwrap();
    database
}

fn event(id: u64, name: &str) -> EventRecord {
    EventRecord {
        id,
        at: "2026-11-21T08:00:00Z".to_owned(),
        kind: "new-host".to_owned(),
        severity: "notice".to_owned(),
        segment: Some("eth1".to_owned()),
        ip: Some(Ipv4Addr::from(0x0a00_0000 + u32::try_from(id).unwrap()).into()),
        mac: Some("00:14:22:01:02:03".to_owned()),
        hostname: Some(name.to_owned()),
        message: format!("new host {name}"),
        sensor: "box".to_owned(),
        ..EventRecord::default()
    }
}

/// A line of `journalctl -o json`.
fn entry(id: u64, uid: &str) -> String {
    let record = serde_json::to_string(&event(id, "nas")).unwrap();
    let entry = serde_json::json!({"__CURSOR": format!("c{id}"), "SENSOR_EVENT": "new-host",
        "SENSOR_EVENT_ID": id.to_string(), "SENSOR_DATABASE": "d", "SENSOR_RECORD": record, "_UID": uid, "MESSAGE": "m"});
    format!("{entry}\n")
}

fn watch(config: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(sensor_binary());
    command.args(["watch", "--config"]).arg(config).args(arguments);
    command.env_remove("STATE_DIRECTORY").env_remove("JOURNAL_STREAM").env("XDG_STATE_HOME", config.parent().unwrap());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program may end without reading its input.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().unwrap()
}
