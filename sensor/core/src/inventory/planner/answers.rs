//! What the planner hears: answers are matched with questions, and addresses in use become targets.

use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::background::{ANSWER_WINDOW, Background};
use crate::inventory::planner::jitter;
use crate::inventory::planner::observation::Observation;
use crate::inventory::planner::probe::{AnswerPath, Question};
use crate::inventory::planner::state::Planner;
use crate::inventory::planner::sweep::Standing;
use crate::inventory::planner::target::{Target, Wait};
use crate::inventory::sighting::Sighting;
use crate::types::Mac;

/// A new host is described after this: most hosts announce themselves at first, and need not be asked meanwhile.
const SETTLING: Duration = Duration::from_secs(2);
/// And after a random part of this, so that hosts that start together are not asked together.
const SETTLING_JITTER: Duration = Duration::from_secs(3);
/// No host is slower than this to answer: what comes later answers somebody else's question.
const ANSWER_MAX: Duration = Duration::from_secs(60);

impl Planner {
    /// Counts an answer. Whether it came in time and is the first to a question of ours.
    pub(super) fn hear_answer(&mut self, address: SegmentAddress, path: AnswerPath, mac: Mac) -> bool {
        let standing = self.standing(address, path, mac);
        let (count, is_answer) = match standing {
            Standing::Duplicate => (&mut self.answers.duplicate, false),
            Standing::InTime => (&mut self.answers.in_time, true),
            Standing::Late => (&mut self.answers.late, false),
            Standing::Unasked => (&mut self.answers.unasked, false),
        };
        *count += 1;
        is_answer
    }

    /// How an answer stands to what was asked, by the best explanation: a conflict check's question to this station,
    /// the target's last question, a sweep's question.
    fn standing(&mut self, address: SegmentAddress, path: AnswerPath, mac: Mac) -> Standing {
        let now = self.clock.now();
        let of_check = match self.checks.get_mut(&address) {
            Some(check) if path == AnswerPath::Wire => check.hear(mac),
            _ => None,
        };
        let of_target = || self.targets.get_mut(&address).and_then(|target| target.hear_answer(path));
        if let Some((asked_at, was_answered)) = of_check.or_else(of_target) {
            match (was_answered, now.since(asked_at)) {
                // That question was too long ago.
                (_, age) if age > ANSWER_MAX => {}
                (true, _) => return Standing::Duplicate,
                (false, age) if age <= ANSWER_WINDOW => return Standing::InTime,
                (false, _) => return Standing::Late,
            }
        }
        let Ok(index) = self.permit.network_of(address) else { return Standing::Unasked };
        let by_path = |sweep: &&Background| sweep.question.technique().info().answers_by == path;
        let of_network = |sweep: &&Background| {
            sweep.network == index
                || (sweep.question == Question::AllNodes
                    && self.permit.network(sweep.network).segment == address.segment)
        };
        let sweep = self.sweeps.iter().filter(by_path).find(of_network);
        let standing = sweep.map_or(Standing::Unasked, |sweep| sweep.standing(address.ip, now));
        if standing == Standing::InTime
            && let Some(target) = self.targets.get_mut(&address)
        {
            target.note_answered(path, now);
        }
        standing
    }

    /// Takes in what a sighting says of its address; `is_answer` as [`Planner::hear_answer`] says.
    pub(super) fn learn(
        &mut self,
        address: SegmentAddress,
        sighting: &Sighting,
        observation: &Observation,
        is_answer: bool,
    ) {
        let now = self.clock.now();
        if self.permit.observe(sighting, now) {
            self.forget(&address);
            return;
        }
        let Ok(index) = self.permit.network_of(address) else { return };
        self.sweeps.iter_mut().filter(|sweep| sweep.network == index).for_each(|sweep| sweep.hear(address.ip, now));
        let mac = Some(observation.mac).filter(|mac| mac.is_station());
        if let Some(target) = self.targets.get_mut(&address) {
            if observation.is_heard {
                target.hear(now);
                // After a long silence its timer may be a day away.
                let due = now.after(self.permit.network(target.network).gone_after);
                self.wake_idle(address, due);
            }
        } else if observation.in_use && !self.permit.is_excluded(&address, now) {
            self.describe_soon(address, index, mac);
            // An answer to a conflict check is the answer of the station that was asked, not of the address's new
            // holder.
            let path = observation.answers_by.filter(|_| is_answer && !self.checks.contains_key(&address));
            if let (Some(path), Some(target)) = (path, self.targets.get_mut(&address)) {
                target.note_answered(path, now);
            }
        }
        if let Some(target) = self.targets.get_mut(&address) {
            target.open_port = observation.open_port.or(target.open_port);
        }
        if observation.in_use && mac.is_some() {
            let over = self.targets.set_mac(&address, mac);
            over.iter().for_each(|address| self.forget(address));
        }
    }

    /// Has the address described ahead of routine work; it becomes a target where it is none.
    pub(super) fn describe_soon(&mut self, address: SegmentAddress, index: usize, mac: Option<Mac>) {
        let now = self.clock.now();
        let jitter = jitter::part(SETTLING_JITTER, jitter::number(self.key, address, 3));
        let at = now.after(SETTLING).after(jitter);
        match self.targets.get_mut(&address) {
            Some(target) if target.is_new => {}
            Some(target) => {
                target.is_new = true;
                target.describe_at = at;
                self.wake_idle(address, at);
                self.hurry(address);
            }
            None => {
                for old in self.targets.make_room() {
                    self.forget(&old);
                }
                let mac = mac.filter(|mac| mac.is_station());
                let target = Target { describe_at: at, ..Target::new(index, None, now) };
                self.insert(address, target, Wait::Until(at));
                let over = self.targets.set_mac(&address, mac);
                over.iter().for_each(|address| self.forget(address));
            }
        }
    }
}
