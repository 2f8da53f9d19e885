//! The game of a seed: who the attacker is, what it is after, and up to eight moves before, between and after that.

use sensor_core::types::Mac;

use super::cast::Cast;
use super::deeds::{Move, Sort};
use super::incident::{self, Plan};
use super::moves;
use crate::simulation::rng::Rng;

/// Moves beside the incident's at most.
const MOVES_MAX: u64 = 8;
/// Between two frames of the incident at most, in milliseconds.
const PAUSE_MAX: u64 = 20_000;

/// A game.
#[derive(Clone, Debug)]
pub struct Game {
    /// Its seed.
    pub seed: u64,
    /// The attacker.
    pub cast: Cast,
    /// The incident.
    pub plan: Plan,
    /// All moves, the incident's among them, each with its begin in milliseconds since the begin of the game.
    pub moves: Vec<(u64, Move)>,
    /// When the incident's first frame is sent.
    pub first_ms: u64,
    /// When its last frame has been sent.
    pub last_ms: u64,
    /// When the last move is over.
    pub end_ms: u64,
}

/// The game of a seed.
pub fn game(seed: u64) -> Game {
    let mut rng = Rng::new(seed ^ 0x6761_6d65);
    let cast = Cast::new(&mut rng);
    let incident = *rng.pick(&incident::ALL);
    let plan = incident::plan(incident, &cast, &mut rng);
    let count = rng.below(MOVES_MAX + 1);
    // Most moves prepare the incident.
    let before = count - rng.below(count + 1) / 2;
    let mut order: Vec<Move> = (0..before).map(|_| moves::any(&cast, &mut rng)).collect();
    let mut left = count - before;
    for part in plan.moves.iter().cloned() {
        order.push(Move { lasts_ms: part.lasts_ms + rng.below(PAUSE_MAX), ..part });
        if left > 0 && rng.one_in(2) {
            left -= 1;
            order.push(moves::any(&cast, &mut rng));
        }
    }
    order.extend((0..left).map(|_| moves::any(&cast, &mut rng)));
    let (mut now_ms, mut first_ms, mut last_ms) = (0, None, 0);
    let mut moves = Vec::new();
    for step in order {
        if step.sort == Sort::Incident {
            first_ms.get_or_insert(now_ms);
            last_ms = now_ms + step.deeds.iter().map(|(at, _)| *at).max().unwrap_or(0);
        }
        let lasts_ms = step.lasts_ms;
        moves.push((now_ms, step));
        now_ms += lasts_ms;
    }
    Game { seed, cast, plan, moves, first_ms: first_ms.unwrap_or(0), last_ms, end_ms: now_ms }
}

impl Game {
    /// The moves before the incident was over, each with its begin.
    pub fn before(&self) -> impl Iterator<Item = &(u64, Move)> {
        self.moves.iter().filter(|(at, _)| *at <= self.last_ms)
    }

    /// Whether a move of this sort was made before the incident was over, by a frame of this station.
    pub fn has(&self, sort: Sort, by: Mac) -> bool {
        self.before().any(|(_, step)| step.sort == sort && step.frames().any(|frame| frame.frame_mac == by))
    }

    /// The moves in words, one a line, with seconds since the begin of the game.
    pub fn words(&self) -> String {
        let off = if self.plan.is_off { "    the victim is off\n" } else { "" };
        let line = |(at, step): &(u64, Move)| {
            let mark = if step.sort == Sort::Incident { "*" } else { " " };
            #[allow(clippy::cast_precision_loss, reason = "a few hours")]
            let seconds = *at as f64 / 1000.0;
            format!("  {mark} {seconds:9.2} {}\n", step.words)
        };
        [off.to_owned()].into_iter().chain(self.moves.iter().map(line)).collect()
    }
}
