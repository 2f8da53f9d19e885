//! A station joined a known host, or two stations of one host take turns: the one that is silent now is asked whether it is
//! still there. If it answers, they are two machines; if it does not, they are one, with another MAC.

use crate::inventory::correlator::state::{Correlator, HolderCheck, JoinCheck};
use crate::inventory::memory::merge_index::Turn;
use crate::inventory::sighting::Sighting;
use crate::types::Timestamp;

/// Joins that are checked at a time; what is more stands its trial without a question.
const CHECKED_MAX: usize = 256;

impl Correlator {
    /// Asks after the stations that fell silent when others of their hosts came or came back.
    pub(super) fn check_joins(&mut self, s: &Sighting) {
        let turns = self.memory.take_turns();
        let Some(explain) = self.settings.explain else { return };
        for Turn { segment, joined, silent, speaking } in turns {
            let address = |mac| self.memory.best_address_of(segment, mac);
            let Some(ip) = address(silent).or_else(|| address(speaking)) else { continue };
            let is_known = |known: &JoinCheck| (known.segment, known.joined) == (segment, joined);
            self.join_checks.retain(|known| !is_known(known));
            if self.join_checks.len() < CHECKED_MAX {
                self.join_checks.push(JoinCheck { segment, ip, joined, silent, due: s.at.after(explain) });
                self.checks.push(HolderCheck { segment, ip, holders: [silent, speaking] });
            }
        }
    }

    /// Takes apart what a station's answer shows to be two machines.
    pub(super) fn hear_joined(&mut self, s: &Sighting) {
        if self.join_checks.is_empty() || !s.is_asked_claim() {
            return;
        }
        let is_contradicted = |check: &JoinCheck| (check.segment, check.silent) == (s.segment, s.mac);
        let (over, kept) = std::mem::take(&mut self.join_checks).into_iter().partition(is_contradicted);
        self.join_checks = kept;
        let over: Vec<JoinCheck> = over;
        for check in over {
            self.memory.split_station(check.segment, check.joined, false);
        }
    }

    /// Confirms the joins whose silent side did not answer.
    pub(super) fn settle_joins(&mut self, now: Timestamp) {
        for check in self.join_checks.extract_if(.., |check| check.due <= now).collect::<Vec<_>>() {
            self.memory.confirm_join(check.segment, check.joined);
        }
    }
}
