//! What is heard: answers matched with questions, and addresses that become targets.

use std::time::Duration;

use crate::inventory::planner::Planner;
use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::background::{ANSWER_WINDOW, Background};
use crate::inventory::planner::jitter;
use crate::inventory::planner::observation::Said;
use crate::inventory::planner::probe::Question;
use crate::inventory::planner::sweep::Standing;
use crate::inventory::planner::target::{Channel, Target, Wait};
use crate::inventory::sighting::Sighting;
use crate::types::Mac;

/// A new host's own chatter is over after this, and a random part of as much again.
const CHATTER: Duration = Duration::from_secs(2);
const CHATTER_JITTER: Duration = Duration::from_secs(3);
/// No host is slower than this to answer: what comes later answers somebody else.
const ANSWER_MAX: Duration = Duration::from_secs(60);

impl Planner {
    pub(super) fn hear_answer(&mut self, address: SegmentAddress, channel: Channel, mac: Mac) -> bool {
        let standing = self.standing(address, channel, mac);
        let (count, is_answer) = match standing {
            Standing::Duplicate => (&mut self.answers.duplicate, false),
            Standing::InTime => (&mut self.answers.in_time, true),
            Standing::Late => (&mut self.answers.late, false),
            Standing::Unasked => (&mut self.answers.unasked, false),
        };
        *count += 1;
        is_answer
    }

    /// The best explanation of an answer: a check's question to this station, the target's own, a sweep's.
    fn standing(&mut self, address: SegmentAddress, channel: Channel, mac: Mac) -> Standing {
        let now = self.clock.now();
        let of_check = match self.checks.get_mut(&address) {
            Some(check) if channel == Channel::Wire => check.hear(mac),
            _ => None,
        };
        let of_target = || self.targets.get_mut(&address).and_then(|target| target.hear_answer(channel));
        if let Some((asked_at, was_answered)) = of_check.or_else(of_target) {
            match (was_answered, now.since(asked_at)) {
                // So long ago that it cannot be meant.
                (_, age) if age > ANSWER_MAX => {}
                (true, _) => return Standing::Duplicate,
                (false, age) if age <= ANSWER_WINDOW => return Standing::InTime,
                (false, _) => return Standing::Late,
            }
        }
        let Ok(place) = self.permit.network_of(address) else { return Standing::Unasked };
        // An address that was a target already when its turn came was left out if it was fresh: its own record decides.
        let of_channel = |sweep: &&Background| Channel::of(&sweep.question) == channel;
        let of_place = |sweep: &&Background| {
            sweep.network == place
                || (sweep.question == Question::AllNodes
                    && self.permit.network(sweep.network).segment == address.segment)
        };
        let sweep = self.sweeps.iter().filter(of_channel).find(of_place);
        let standing = sweep.map_or(Standing::Unasked, |sweep| sweep.standing(address.ip, now));
        if standing == Standing::InTime
            && let Some(target) = self.targets.get_mut(&address)
        {
            target.note_answered(channel, now);
        }
        standing
    }

    pub(super) fn learn(&mut self, address: SegmentAddress, sighting: &Sighting, said: &Said, is_answer: bool) {
        let now = self.clock.now();
        if self.permit.observe(sighting, now) {
            self.forget(&address);
            return;
        }
        let Ok(place) = self.permit.network_of(address) else { return };
        self.sweeps.iter_mut().filter(|sweep| sweep.network == place).for_each(|sweep| sweep.hear(address.ip, now));
        let mac = Some(said.mac).filter(|mac| mac.is_station());
        if let Some(target) = self.targets.get_mut(&address) {
            if said.is_heard {
                target.hear(now);
                // After a long silence its timer may be a day away.
                let due = now.after(self.permit.network(target.network).gone_after);
                self.wake_idle(address, due);
            }
        } else if said.is_learnt && !self.permit.is_excluded(&address, now) {
            self.describe_soon(address, place, mac);
            // Who answered a check was asked itself; others who claim the address were not.
            let channel = said.channel.filter(|_| is_answer && !self.checks.contains_key(&address));
            if let (Some(channel), Some(target)) = (channel, self.targets.get_mut(&address)) {
                target.note_answered(channel, now);
            }
        }
        if let Some(target) = self.targets.get_mut(&address) {
            target.open_port = said.open_port.or(target.open_port);
        }
        if said.is_learnt && mac.is_some() {
            let over = self.targets.set_mac(&address, mac);
            over.iter().for_each(|address| self.forget(address));
        }
    }

    pub(super) fn describe_soon(&mut self, address: SegmentAddress, place: usize, mac: Option<Mac>) {
        let now = self.clock.now();
        let jitter = jitter::part(CHATTER_JITTER, jitter::number(self.key, address, 3));
        let at = now.after(CHATTER).after(jitter);
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
                let target = Target { describe_at: at, ..Target::new(place, None, now) };
                self.insert(address, target, Wait::Until(at));
                let over = self.targets.set_mac(&address, mac);
                over.iter().for_each(|address| self.forget(address));
            }
        }
    }
}
