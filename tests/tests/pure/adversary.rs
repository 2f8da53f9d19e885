//! The adversary's game: whatever moves an attacker makes, an incident is told in time. `SENSOR_GAME_SEED=N` repeats one game,
//! `SENSOR_GAMES=N` plays so many, `SENSOR_GAME_ALL=1` counts the losses instead of stopping at the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use sensor_tests::simulation::adversary::game::{Game, game};
use sensor_tests::simulation::adversary::play::{Played, play};
use sensor_tests::simulation::adversary::verdict::{losses, words};

/// How many games a plain test run plays: so many take a quarter of a minute on a busy machine.
const GAMES: u64 = 20_000;
/// Games that the sensor once lost; those of one way of losing in a row.
const LOST_ONCE: [u64; 48] = [
    61, 63, 767, 1114, //
    23, 119, 223, 532, //
    298, 385, 479, 1062, //
    175, 746, 1521, 2555, //
    275, 1149, 1484, 1883, 2339, 11446, 1160, 5511, 9947, 11114, 14032, //
    10268, 19003, //
    4326, 4861, 9384, 64886, //
    7887, 11983, 16078, 18495, 25647, 27277, 43610, 51861, //
    184, 3080, 3845,  //
    18475, //
    16015, 24115, 23667,
];

#[test]
fn the_sensor_wins_against_an_attacker() {
    if let Some(seed) = number("SENSOR_GAME_SEED") {
        let game = game(seed);
        let played = play(&game);
        println!("{}", story(&game, &played));
        for loss in losses(&game, &played) {
            println!("{loss}");
        }
        return check(seed);
    }
    let games = number("SENSOR_GAMES").unwrap_or(GAMES);
    if number("SENSOR_GAME_ALL").is_some() {
        return count(games);
    }
    by_turns(games, check);
}

#[test]
fn games_that_were_once_lost_are_won() {
    LOST_ONCE.into_iter().for_each(check);
}

fn check(seed: u64) {
    let game = game(seed);
    let played = play(&game);
    if let Some(loss) = losses(&game, &played).first() {
        panic!("{loss}\n{}", story(&game, &played));
    }
}

/// Plays so many games, on each processor a part of them.
fn by_turns(games: u64, play: impl Fn(u64) + Sync) {
    let parts = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let part = |first: u64| (first..games).step_by(usize::try_from(parts).unwrap_or(1)).for_each(&play);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..parts).map(|first| scope.spawn(move || part(first))).collect();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

/// Counts the losses of so many games, by incident.
fn count(games: u64) {
    let found: Mutex<BTreeMap<String, BTreeSet<u64>>> = Mutex::default();
    by_turns(games, |seed| {
        let game = game(seed);
        for loss in losses(&game, &play(&game)) {
            let loss_name = loss.to_string();
            let short = loss_name.split(" by ").next().unwrap_or_default();
            let name = format!("{}, {short}", game.plan.incident);
            found.lock().unwrap().entry(name).or_default().insert(seed);
        }
    });
    for (what, seeds) in found.into_inner().unwrap() {
        println!("{:6} {what}: {:?}", seeds.len(), seeds.iter().take(10).collect::<Vec<_>>());
    }
    println!("{games} games");
}

/// A game as a person reads it.
fn story(game: &Game, played: &Played) -> String {
    let stations: Vec<String> = game.cast.all().map(|station| format!("{} {}", station.mac, station.ip)).collect();
    let told: Vec<String> = played.told.iter().map(words).collect();
    format!(
        "game {} ({}); the attacker has {}; repeat with SENSOR_GAME_SEED={}\nmoves:\n{}told:\n{}",
        game.seed,
        game.plan.incident,
        stations.join(", "),
        game.seed,
        game.words(),
        told.join("\n")
    )
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}
