//! What a mirror port shows and what is missing, judged by its frames alone. Pure, and bounded in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use sensor_core::types::Mac;

/// A frame with the same bytes within this time is a second copy, in nanoseconds.
const COPY_WITHIN_NS: i64 = 1_000_000;
/// Frames remembered to find copies by.
const RECENT_MAX: usize = 8192;
/// Stations and pairs of stations remembered, of all VLANs together: at most some 10 MiB.
const REMEMBERED_MAX: usize = 65_536;
/// VLAN stacks told apart; frames of further ones are counted with the untagged.
const VLANS_MAX: usize = 1024;
/// With fewer frames between third parties than this, nothing is said about directions.
const THIRD_MIN: u64 = 10;

/// What was heard so far.
pub(super) struct Survey {
    own: BTreeSet<Mac>,
    vlans: BTreeMap<Vec<u16>, VlanCounts>,
    recent: VecDeque<(i64, u64)>,
    recent_hashes: HashMap<u64, i64>,
    remembered: usize,
    is_full: bool,
    hasher: RandomState,
}

/// What was heard of one VLAN.
#[derive(Default)]
struct VlanCounts {
    frames: u64,
    copies: u64,
    group: u64,
    own: u64,
    third: u64,
    stations: HashSet<Mac>,
    /// Directions heard between two stations; bit 0: from the lower MAC to the higher, bit 1: back.
    pairs: HashMap<(Mac, Mac), u8>,
}

/// One VLAN's line in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VlanRow {
    /// Its ids, the outer tag's first; empty for untagged frames.
    pub vlan: Vec<u16>,
    /// Frames, without second copies.
    pub frames: u64,
    /// Frames that were second copies.
    pub copies: u64,
    /// Stations that sent frames.
    pub stations: usize,
    /// Multicast and broadcast frames.
    pub group: u64,
    /// Unicast frames from or to this machine.
    pub own: u64,
    /// Unicast frames between other machines.
    pub third: u64,
    /// Pairs of third parties heard in both directions.
    pub both_ways: usize,
    /// Pairs of third parties heard in one direction only.
    pub one_way: usize,
}

impl VlanRow {
    /// The share of frames between third parties, percent of all.
    pub fn third_percent(&self) -> u64 {
        percent(self.third, self.frames)
    }

    /// `untagged`, `30`, `100.30`.
    pub fn name(&self) -> String {
        let ids: Vec<_> = self.vlan.iter().map(u16::to_string).collect();
        if ids.is_empty() { "untagged".to_owned() } else { ids.join(".") }
    }

    fn who(&self) -> String {
        if self.vlan.is_empty() { "untagged".to_owned() } else { format!("VLAN {}", self.name()) }
    }
}

impl Survey {
    /// `own` are the MACs of this machine.
    pub fn new(own: BTreeSet<Mac>) -> Self {
        Self {
            own,
            vlans: BTreeMap::new(),
            recent: VecDeque::new(),
            recent_hashes: HashMap::new(),
            remembered: 0,
            is_full: false,
            hasher: RandomState::new(),
        }
    }

    /// Takes in a frame (`bytes` may be its beginning only; one without a whole header is ignored) that had `wire_len` bytes and arrived at `at_ns`, nanoseconds.
    pub fn observe(&mut self, bytes: &[u8], wire_len: usize, at_ns: i64) {
        let Some((destination, source, ids)) = head(bytes) else { return };
        let is_copy = self.is_copy(bytes, wire_len, at_ns);
        let known = self.vlans.contains_key(&ids) || self.vlans.len() < VLANS_MAX;
        self.is_full |= !known;
        let vlan = self.vlans.entry(if known { ids } else { Vec::new() }).or_default();
        if is_copy {
            vlan.copies += 1;
            return;
        }
        vlan.frames += 1;
        let mut has_room = self.remembered < REMEMBERED_MAX;
        if source.is_station() && !vlan.stations.contains(&source) {
            self.is_full |= !has_room;
            if has_room {
                vlan.stations.insert(source);
                self.remembered += 1;
            }
        }
        if destination.0[0] & 1 != 0 {
            vlan.group += 1;
        } else if self.own.contains(&source) || self.own.contains(&destination) {
            vlan.own += 1;
        } else {
            vlan.third += 1;
            let (pair, direction) =
                if source < destination { ((source, destination), 1) } else { ((destination, source), 2) };
            has_room &= self.remembered < REMEMBERED_MAX;
            if has_room || vlan.pairs.contains_key(&pair) {
                let before = vlan.pairs.len();
                *vlan.pairs.entry(pair).or_default() |= direction;
                self.remembered += vlan.pairs.len() - before;
            } else {
                self.is_full = true;
            }
        }
    }

    /// One row for each VLAN, untagged frames first.
    pub fn rows(&self) -> Vec<VlanRow> {
        let row = |(ids, vlan): (&Vec<u16>, &VlanCounts)| {
            let both_ways = vlan.pairs.values().filter(|directions| **directions == 3).count();
            VlanRow {
                vlan: ids.clone(),
                frames: vlan.frames,
                copies: vlan.copies,
                stations: vlan.stations.len(),
                group: vlan.group,
                own: vlan.own,
                third: vlan.third,
                both_ways,
                one_way: vlan.pairs.len() - both_ways,
            }
        };
        self.vlans.iter().map(row).collect()
    }

    /// What is missing or wrong, in sentences; empty when the port mirrors everything.
    pub fn verdicts(&self) -> Vec<String> {
        let rows = self.rows();
        let sum = |part: fn(&VlanRow) -> u64| rows.iter().map(part).sum::<u64>();
        let mut verdicts = Vec::new();
        if sum(|row| row.frames) == 0 {
            return vec!["nothing was heard: no mirror session ends here, or nobody spoke".to_owned()];
        }
        let is_mirror = sum(|row| row.third) > 0;
        if !is_mirror && sum(|row| row.own) == 0 {
            verdicts.push("only broadcast and multicast: this is no mirror port, or nobody spoke".to_owned());
        } else if !is_mirror {
            verdicts.push("only broadcast, multicast and this box's own traffic: this is no mirror port".to_owned());
        }
        for row in &rows {
            verdicts.extend(row_verdicts(row, is_mirror));
        }
        if self.is_full {
            verdicts.push("more stations or VLANs than are told apart here: the counts of them are too low".to_owned());
        }
        verdicts
    }

    fn is_copy(&mut self, bytes: &[u8], wire_len: usize, at_ns: i64) -> bool {
        while let Some(&(old_ns, hash)) = self.recent.front() {
            // When the clock was set back, the difference is negative, and the frame is forgotten too.
            let is_recent = (0..=COPY_WITHIN_NS).contains(&at_ns.saturating_sub(old_ns));
            if is_recent && self.recent.len() < RECENT_MAX {
                break;
            }
            self.recent.pop_front();
            if self.recent_hashes.get(&hash) == Some(&old_ns) {
                self.recent_hashes.remove(&hash);
            }
        }
        let hash = self.hasher.hash_one((bytes, wire_len));
        if self.recent_hashes.contains_key(&hash) {
            return true;
        }
        self.recent.push_back((at_ns, hash));
        self.recent_hashes.insert(hash, at_ns);
        false
    }
}

fn row_verdicts(row: &VlanRow, is_mirror: bool) -> Vec<String> {
    let (who, mut verdicts) = (row.who(), Vec::new());
    let share = percent(row.copies, row.frames + row.copies);
    if share > 0 {
        verdicts.push(format!(
            "{who}: duplicated, {share} % of frames are second copies: mirror each frame where it comes in, or where it \
             goes out, not both"
        ));
    }
    let pairs = row.both_ways + row.one_way;
    if row.third >= THIRD_MIN && row.both_ways * 10 < pairs {
        verdicts.push(format!(
            "{who}: one direction only, {} of {pairs} conversations: the mirror session copies rx or tx only",
            row.one_way
        ));
    }
    if is_mirror && row.third == 0 && row.frames > 0 {
        verdicts.push(format!("{who}: only broadcast and multicast: its unicast is not mirrored, or nobody spoke"));
    }
    verdicts
}

/// Destination, source and VLAN ids; `None` when the frame is too short for them. A priority tag (id 0) is no VLAN.
fn head(bytes: &[u8]) -> Option<(Mac, Mac, Vec<u16>)> {
    let (destination, rest) = bytes.split_first_chunk::<6>()?;
    let (source, mut rest) = rest.split_first_chunk::<6>()?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (&[a, b], tag) = rest.split_first_chunk::<2>()?;
        if ![0x8100, 0x88a8, 0x9100].contains(&u16::from_be_bytes([a, b])) {
            break;
        }
        let (&control, behind) = tag.split_first_chunk::<2>()?;
        ids.extend(Some(u16::from_be_bytes(control) & 0xfff).filter(|id| *id != 0));
        rest = behind;
    }
    Some((Mac(*destination), Mac(*source), ids))
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u8 = 0xff;
    const OWN: u8 = 9;

    fn mac(last: u8) -> Mac {
        if last == ALL { Mac::BROADCAST } else { Mac([2, 0, 0, 0, 0, last]) }
    }

    fn frame(from: u8, to: u8, vlans: &[u16], content: u32) -> Vec<u8> {
        let mut frame = [mac(to).0, mac(from).0].concat();
        for vlan in vlans {
            frame.extend([0x81, 0]);
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend([8, 0]);
        frame.extend(content.to_be_bytes());
        frame.resize(60, 0);
        frame
    }

    /// Frames (from, to, VLANs), 10 ms apart and each sent `times` times within the millisecond.
    fn survey(frames: &[(u8, u8, &[u16])], times: u32) -> Survey {
        let mut survey = Survey::new([mac(OWN)].into());
        for (number, (from, to, vlans)) in (0_u32..).zip(frames) {
            for copy in 0..times {
                let at_ns = i64::from(number) * 10_000_000 + i64::from(copy) * 100_000;
                survey.observe(&frame(*from, *to, vlans, number), 60, at_ns);
            }
        }
        survey
    }

    #[track_caller]
    fn check(frames: &[(u8, u8, &[u16])], times: u32, expected: &[&str]) -> Vec<VlanRow> {
        let survey = survey(frames, times);
        assert_eq!(survey.verdicts(), expected);
        survey.rows()
    }

    fn talk(from: u8, to: u8, vlans: &[u16], times: usize) -> Vec<(u8, u8, &[u16])> {
        vec![(from, to, vlans); times]
    }

    #[test]
    fn nothing_was_heard() {
        check(&[], 1, &["nothing was heard: no mirror session ends here, or nobody spoke"]);
    }

    #[test]
    fn a_port_that_is_no_mirror() {
        check(
            &[(1, ALL, &[]), (2, ALL, &[])],
            1,
            &["only broadcast and multicast: this is no mirror port, or nobody spoke"],
        );
        check(
            &[(1, ALL, &[]), (2, OWN, &[]), (OWN, 2, &[])],
            1,
            &["only broadcast, multicast and this box's own traffic: this is no mirror port"],
        );
    }

    #[test]
    fn a_complete_mirror_has_no_verdicts() {
        let frames = [talk(1, 2, &[30], 10), talk(2, 1, &[30], 10), talk(1, ALL, &[30], 5)].concat();
        let rows = check(&frames, 1, &[]);
        let expected = VlanRow {
            vlan: vec![30],
            frames: 25,
            copies: 0,
            stations: 2,
            group: 5,
            own: 0,
            third: 20,
            both_ways: 1,
            one_way: 0,
        };
        assert_eq!(rows, [expected]);
        assert_eq!(rows[0].third_percent(), 80);
    }

    #[test]
    fn one_direction_only() {
        let frames = [talk(1, 2, &[], 10), talk(3, 2, &[], 10)].concat();
        check(
            &frames,
            1,
            &["untagged: one direction only, 2 of 2 conversations: the mirror session copies rx or tx only"],
        );
    }

    #[test]
    fn second_copies_are_counted_once_and_reported() {
        let frames = [talk(1, 2, &[30], 10), talk(2, 1, &[30], 10)].concat();
        let rows = check(
            &frames,
            2,
            &[
                "VLAN 30: duplicated, 50 % of frames are second copies: mirror each frame where it comes in, or where it \
               goes out, not both",
            ],
        );
        assert_eq!((rows[0].frames, rows[0].copies), (20, 20));
    }

    #[test]
    fn the_same_bytes_later_are_another_frame() {
        let mut survey = Survey::new(BTreeSet::new());
        for at_ns in [0, COPY_WITHIN_NS + 1, 2 * COPY_WITHIN_NS + 2, 5] {
            survey.observe(&frame(1, 2, &[], 0), 60, at_ns);
        }
        assert_eq!((survey.rows()[0].frames, survey.rows()[0].copies), (4, 0));
    }

    #[test]
    fn a_vlan_without_unicast_beside_one_with() {
        let frames = [talk(1, 2, &[30], 10), talk(2, 1, &[30], 10), talk(5, ALL, &[100, 40], 3)].concat();
        let rows = check(
            &frames,
            1,
            &["VLAN 100.40: only broadcast and multicast: its unicast is not mirrored, or nobody spoke"],
        );
        assert_eq!(rows.iter().map(VlanRow::name).collect::<Vec<_>>(), ["30", "100.40"]);
    }

    #[test]
    fn memory_is_bounded_and_the_limit_is_reported() {
        let mut survey = Survey::new(BTreeSet::new());
        for number in 0..100_000_u32 {
            let [_, a, b, c] = number.to_be_bytes();
            let mut bytes = frame(1, 2, &[u16::from_be_bytes([b, c]) & 0xfff], number);
            bytes[6..12].copy_from_slice(&[2, 1, 1, a, b, c]);
            survey.observe(&bytes, 60, i64::from(number));
        }
        assert!(survey.remembered <= REMEMBERED_MAX && survey.recent.len() <= RECENT_MAX);
        assert!(survey.recent_hashes.len() <= RECENT_MAX && survey.vlans.len() <= VLANS_MAX + 1);
        assert!(survey.verdicts().last().is_some_and(|verdict| verdict.starts_with("more stations or VLANs")));
    }

    #[test]
    fn short_frames_are_ignored() {
        let mut survey = Survey::new(BTreeSet::new());
        for len in 0..16 {
            survey.observe(&frame(1, 2, &[30], 0)[..len], len, 0);
        }
        assert!(survey.rows().is_empty());
    }
}
