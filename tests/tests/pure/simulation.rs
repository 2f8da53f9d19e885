//! Seeded networks: what the correlator reports and knows equals the truth, and so does what correlator and planner
//! report together for networks that answer. `SENSOR_SIM_SEED=N` repeats one, `SENSOR_SIM_SEEDS=N` tries so many.

use sensor_core::inventory::event::{Event, Kind, Severity};
use sensor_core::inventory::planner::probe::{Probe, Question};
use sensor_tests::simulation::asking::common::START;
use sensor_tests::simulation::asking::generate::script;
use sensor_tests::simulation::asking::script::{Script, Story, Told};
use sensor_tests::simulation::asking::sensor_run;
use sensor_tests::simulation::generate::lan;
use sensor_tests::simulation::known::{Known, known};
use sensor_tests::simulation::lan::{live, told};

/// How many networks a plain test run tries.
const SEEDS: u64 = 300;
/// How many networks that answer it tries.
const ASKED: u64 = 100;

#[test]
fn inventory_and_events_equal_the_truth() {
    for_each_seed(SEEDS, check);
}

#[test]
fn events_about_hosts_that_answer_equal_the_truth() {
    for_each_seed(ASKED, check_asked);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..3 {
        let script = script(seed);
        assert_eq!(sensor_run::live(&script), sensor_run::live(&script), "repeat with SENSOR_SIM_SEED={seed}");
    }
}

#[test]
fn late_duplicate_and_forged_answers_occur() {
    let mut answers = [0; 4];
    for seed in 0..40 {
        let run = sensor_run::live(&script(seed)).unwrap();
        answers.iter_mut().zip(run.answers).for_each(|(sum, new)| *sum += new);
    }
    assert!(answers.iter().all(|count| *count > 5), "in time, duplicate, late, unasked: {answers:?}");
}

fn for_each_seed(seeds: u64, check: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("SENSOR_SIM_SEED") {
        Some(seed) => check(seed),
        None => (0..number("SENSOR_SIM_SEEDS").unwrap_or(seeds)).for_each(check),
    }
}

fn check_asked(seed: u64) {
    let script = script(seed);
    let run = sensor_run::live(&script).unwrap_or_else(|fault| panic!("{fault}; repeat with SENSOR_SIM_SEED={seed}"));
    for (number, story) in script.stories.iter().enumerate() {
        let mine = run.events.iter().filter(|event| story_of(&script, event) == Some(number));
        let told: Vec<Told> =
            mine.clone().map(|event| Told { kind: event.kind, mac: event.mac, reason: event.reason }).collect();
        assert_eq!(
            told,
            story.told,
            "{} ({:?}), told {:#?}; repeat with SENSOR_SIM_SEED={seed}",
            story.name,
            story.ips,
            mine.map(line).collect::<Vec<_>>()
        );
        for (ip, mac) in &story.holders {
            let holder =
                run.rows.bindings.iter().find(|binding| binding.ip == *ip).map(|binding| binding.holders[0].mac);
            assert_eq!(holder, Some(*mac), "{}: holder of {ip}; repeat with SENSOR_SIM_SEED={seed}", story.name);
        }
        for (ip, times) in &story.described {
            let is_name = |probe: &Probe| probe.ip == *ip && probe.question == Question::Ptr;
            let described = run.sent.iter().filter(|(_, probe)| is_name(probe)).count();
            assert!(times.contains(&described), "{ip} described {described} times; repeat with SENSOR_SIM_SEED={seed}");
        }
    }
    let invented: Vec<_> = run.events.iter().filter(|event| story_of(&script, event).is_none()).map(line).collect();
    assert!(invented.is_empty(), "told of nobody: {invented:#?}; repeat with SENSOR_SIM_SEED={seed}");
    assert!(run.events.windows(2).all(|pair| pair[0].id < pair[1].id), "ids rise; SENSOR_SIM_SEED={seed}");
}

/// The story to which an event belongs: by its address, otherwise by its station.
fn story_of(script: &Script, event: &Event) -> Option<usize> {
    let by = |has: &dyn Fn(&Story) -> bool| script.stories.iter().position(has);
    let by_ip = event.ip.and_then(|ip| by(&|story| story.ips.contains(&ip)));
    by_ip.or_else(|| event.mac.and_then(|mac| by(&|story| story.macs.contains(&mac))))
}

/// An event as a line of text, with seconds since the start.
fn line(event: &Event) -> String {
    let seconds = event.at.since(START).as_secs();
    let word = |what: Option<String>| what.map(|word| format!(" {word}")).unwrap_or_default();
    let (ip, mac) = (word(event.ip.map(|ip| ip.to_string())), word(event.mac.map(|mac| mac.to_string())));
    let reason = word(event.reason.map(|reason| reason.name().to_owned()));
    format!("{seconds} {}{ip}{mac}{reason}", event.kind.name())
}

fn check(seed: u64) {
    let lan = lan(seed);
    let (events, rows) = live(&lan);
    let told = told(&events);
    for (station, expected) in &lan.told {
        assert_eq!(told.get(station), Some(expected), "events of {station:?}; repeat with SENSOR_SIM_SEED={seed}");
    }
    let invented: Vec<_> = told.iter().filter(|(station, _)| !lan.told.contains_key(station)).collect();
    assert!(invented.is_empty(), "told of nobody: {invented:?}; repeat with SENSOR_SIM_SEED={seed}");
    check_known(&known(&rows), &lan.known, seed);
    let on_redundant = |event: &&Event| {
        let place = event.segment.zip(event.ip);
        let is_news = matches!(event.kind, Kind::NewAddress | Kind::NewHost | Kind::NewRouter);
        place.is_some_and(|place| lan.redundant.contains(&place)) && !is_news && event.severity > Severity::Info
    };
    let loud: Vec<_> = events.iter().filter(on_redundant).collect();
    assert!(loud.is_empty(), "gateways that take turns: {loud:?}; repeat with SENSOR_SIM_SEED={seed}");
    assert!(rows.hosts.iter().all(|host| host.announced), "SENSOR_SIM_SEED={seed}");
    assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id), "ids rise; SENSOR_SIM_SEED={seed}");
}

/// Compares part by part: a difference of the whole would be too long to read.
fn check_known(found: &Known, truth: &Known, seed: u64) {
    let what = |part: &str| format!("{part}; repeat with SENSOR_SIM_SEED={seed}");
    assert_eq!(found.holders, truth.holders, "{}", what("holders"));
    assert_eq!(found.stations, truth.stations, "{}", what("stations"));
    assert_eq!(found.machines, truth.machines, "{}", what("machines"));
    assert_eq!(found.names, truth.names, "{}", what("names"));
    assert_eq!(found.services, truth.services, "{}", what("services"));
    assert_eq!(found.answered, truth.answered, "{}", what("ports that answered"));
    assert_eq!(found.host_roles, truth.host_roles, "{}", what("what hosts are for"));
    assert_eq!(found.guesses, truth.guesses, "{}", what("what hosts are taken for"));
    assert_eq!(found.ports, truth.ports, "{}", what("ports that speak"));
    assert_eq!(found.roles, truth.roles, "{}", what("roles"));
}
