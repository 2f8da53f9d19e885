//! From clues to at most one guess of system and kind. Independent clues that agree add up, clues that contradict each
//! other take away, and what stays below a threshold is not said: no guess is better than a wrong one.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::fingerprint::clue::Clue;
use crate::inventory::fingerprint::p0f;
use crate::inventory::fingerprint::p0f::Signatures;
use crate::inventory::fingerprint::rules::{Rules, Subject};
use crate::inventory::model::evidence::{Channel, Evidence};

/// What a host seems to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    /// Its operating system.
    pub os: Option<Verdict>,
    /// Its kind, one of [`crate::inventory::fingerprint::KINDS`].
    pub kind: Option<Verdict>,
}

/// One guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What.
    pub name: String,
    /// How sure, percent, at least [`THRESHOLD`] and at most [`CONFIDENCE_MAX`].
    pub confidence: u8,
    /// By what, the surest first: sort and text of the clue, escaped.
    pub evidence: Vec<String>,
}

/// What is less sure is not said, percent.
const THRESHOLD: u8 = 50;
/// Nothing that a host says of itself is certain, percent.
const CONFIDENCE_MAX: u8 = 95;
/// How much of its confidence a contradicting clue takes away.
const DOUBT: f64 = 0.6;
/// Clues that are named.
const EVIDENCE_MAX: usize = 6;
/// What is shown of a clue, characters.
const VALUE_MAX: usize = 100;

/// p0f's signatures say less the less they fit, percent.
const EXACT: u8 = 70;
const GENERIC: u8 = 55;
const FUZZY: u8 = 35;

/// What one clue says.
struct Word<'a> {
    clue: &'a Clue,
    name: String,
    confidence: u8,
}

pub(super) fn guess(rules: &Rules, signatures: &Signatures, clues: &[Clue]) -> Guess {
    let (mut os, mut kind) = (Vec::new(), Vec::new());
    for clue in clues {
        let is_answer = clue.evidence == Evidence::SynAck;
        let is_tcp = is_answer || clue.evidence == Evidence::Syn;
        let syn = is_tcp.then(|| p0f::observed(&clue.value, is_answer)).flatten();
        for (subject, words) in [(Subject::Os, &mut os), (Subject::Kind, &mut kind)] {
            let say = rules.say(clue, syn.as_ref(), subject);
            words.extend(say.map(|say| Word { clue, name: say.name.clone(), confidence: say.confidence }));
        }
        let found = syn.and_then(|syn| signatures.find(&syn));
        // A program's signature says nothing of the system below it.
        if let Some(found) = found.filter(|found| found.label.class.is_some()) {
            let confidence = match (found.is_fuzzy, found.label.is_generic) {
                (true, _) => FUZZY,
                (false, true) => GENERIC,
                (false, false) => EXACT,
            };
            os.push(Word { clue, name: found.label.text(), confidence });
        }
    }
    Guess { os: verdict(rules, &os), kind: verdict(rules, &kind) }
}

/// The most special name that is sure enough.
fn verdict(rules: &Rules, words: &[Word<'_>]) -> Option<Verdict> {
    let lines: Vec<Vec<&str>> = words.iter().map(|word| rules.line_of(&word.name)).collect();
    let names: BTreeSet<&str> = lines.iter().flatten().copied().collect();
    let sure = names.into_iter().filter_map(|name| {
        let confidence = confidence(rules, name, words, &lines);
        (confidence >= THRESHOLD).then(|| (rules.line_of(name).len(), confidence, name))
    });
    let (_, confidence, name) =
        sure.reduce(|best, next| if (next.0, next.1) > (best.0, best.1) { next } else { best })?;
    let own = rules.line_of(name);
    let mut speaking: Vec<&Word<'_>> = words
        .iter()
        .zip(&lines)
        .filter(|(word, line)| line.contains(&name) || own.contains(&word.name.as_str()))
        .map(|(word, _)| word)
        .collect();
    speaking.sort_by(|a, b| b.confidence.cmp(&a.confidence).then(a.clue.cmp(b.clue)));
    let mut evidence: Vec<String> = Vec::new();
    for word in speaking {
        let text = shown(word.clue);
        if !evidence.contains(&text) && evidence.len() < EVIDENCE_MAX {
            evidence.push(text);
        }
    }
    Some(Verdict { name: name.to_owned(), confidence, evidence })
}

/// How sure a name is: by all that say it or something more special, but for all that say something else. What says
/// something more general neither adds nor takes away.
fn confidence(rules: &Rules, name: &str, words: &[Word<'_>], lines: &[Vec<&str>]) -> u8 {
    let own = rules.line_of(name);
    let (mut for_it, mut against_it) = (BTreeMap::<Channel, u8>::new(), BTreeMap::<Channel, u8>::new());
    for (word, line) in words.iter().zip(lines) {
        let side = match () {
            () if line.contains(&name) => &mut for_it,
            () if own.contains(&word.name.as_str()) => continue,
            () => &mut against_it,
        };
        let strongest = side.entry(word.clue.evidence.channel()).or_default();
        *strongest = word.confidence.max(*strongest);
    }
    // In one protocol's words the surest is heard: a weaker one there is a rule's blunder, not another witness.
    against_it.retain(|channel, confidence| for_it.get(channel).is_none_or(|own| *confidence >= *own));
    let share = |confidence: &u8| f64::from(*confidence) / 100.0;
    let doubtful: f64 = for_it.values().map(|confidence| 1.0 - share(confidence)).product();
    let undoubted: f64 = against_it.values().map(|confidence| 1.0 - DOUBT * share(confidence)).product();
    let percent = ((1.0 - doubtful) * undoubted * 100.0).round();
    // The float is within 0 to 100, and the search among whole numbers loses nothing.
    (0..=CONFIDENCE_MAX).rev().find(|whole| f64::from(*whole) <= percent).unwrap_or(0)
}

fn shown(clue: &Clue) -> String {
    let mut value: String = clue.value.chars().take(VALUE_MAX).collect();
    if value.len() < clue.value.len() {
        value.push_str("..");
    }
    format!("{}: {value}", clue.evidence.name())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::inventory::fingerprint::Fingerprints;

    const RULES: &str = "\
is Debian = Linux
is Ubuntu = Linux
ssh *debian* => os Debian 70
ssh *ubuntu* => os Ubuntu 70
ssh *windows* => os Windows 70
dhcp-vendor linux* => os Linux 60
dhcp-vendor acme* => os Acme 80
dhcp-parameters 1,3,6 => os Linux 50
hostname *ubuntu* => os Ubuntu 40
banner win* => os Windows 60
vendor v => kind printer 40
mdns-service _ipp._tcp => kind printer 40
";

    /// `name confidence` of the system and of the kind, by these rules only.
    #[track_caller]
    fn check(clues: &[(Evidence, &str)], os: Option<(&str, u8)>, kind: Option<(&str, u8)>) {
        let rules = Rules::parse(RULES).unwrap();
        let clues = clues.iter().map(|(evidence, value)| Clue { evidence: *evidence, value: (*value).to_owned() });
        let guess = guess(&rules, &Signatures::default(), &clues.collect::<Vec<_>>());
        let plain = |verdict: Option<Verdict>| verdict.map(|verdict| (verdict.name, verdict.confidence));
        let expected = |guess: Option<(&str, u8)>| guess.map(|(name, confidence)| (name.to_owned(), confidence));
        assert_eq!((plain(guess.os), plain(guess.kind)), (expected(os), expected(kind)));
    }

    #[test]
    fn nothing_known_is_no_guess() {
        check(&[], None, None);
        check(&[(Evidence::Ssh, "x")], None, None);
    }

    #[test]
    fn weak_clues_need_company() {
        check(&[(Evidence::Vendor, "v")], None, None);
        check(&[(Evidence::Vendor, "v"), (Evidence::MdnsService, "_ipp._tcp")], None, Some(("printer", 64)));
    }

    #[test]
    fn the_general_does_not_contradict_the_special() {
        check(&[(Evidence::Ssh, "debian"), (Evidence::DhcpVendor, "linux 6")], Some(("Debian", 70)), None);
    }

    #[test]
    fn those_who_contradict_each_other_still_agree_on_the_general() {
        check(&[(Evidence::Ssh, "debian"), (Evidence::Hostname, "ubuntu")], Some(("Debian", 53)), None);
        check(
            &[(Evidence::Ssh, "debian"), (Evidence::Ssh, "ubuntu"), (Evidence::DhcpVendor, "linux")],
            Some(("Linux", 88)),
            None,
        );
    }

    #[test]
    fn in_one_protocol_the_surest_is_heard() {
        check(&[(Evidence::DhcpVendor, "acme"), (Evidence::DhcpParameters, "1,3,6")], Some(("Acme", 80)), None);
    }

    #[test]
    fn a_contradiction_silences() {
        check(&[(Evidence::Ssh, "debian"), (Evidence::Banner, "win")], None, None);
    }

    #[test]
    fn evidence_is_named_surest_first_and_cut() {
        let rules = Rules::parse(RULES).unwrap();
        let clue = |evidence, value: String| Clue { evidence, value };
        let long = format!("linux {}", "\u{e9}".repeat(200));
        let clues = [clue(Evidence::DhcpVendor, long), clue(Evidence::Ssh, "Debian".to_owned())];
        let os = guess(&rules, &Signatures::default(), &clues).os.unwrap();
        assert_eq!(os.evidence[0], "ssh: Debian");
        assert_eq!(os.evidence[1].chars().count(), "dhcp-vendor: ".len() + VALUE_MAX + 2);
    }

    #[test]
    fn p0fs_signatures_join_in() {
        let mut prints = Fingerprints::builtin();
        let file = "classes = unix\n[tcp:request]\nlabel = s:unix:Linux:9 and newer\nsig = *:64:0:*:*,*:mss,sok:df,id+:0\n\
            label = s:!:Tool:\nsig = *:64:0:*:*,*:mss::0";
        prints.add_signatures(file).unwrap();
        let syn = |value: &str| vec![Clue { evidence: Evidence::Syn, value: value.to_owned() }];
        let os = prints.guess(&syn("4:64+0:0:1460:1,0:mss,sok:df,id+:0")).os.unwrap();
        assert_eq!((os.name.as_str(), os.confidence), ("Linux 9 and newer", EXACT));
        assert_eq!(prints.guess(&syn("4:64+0:0:1460:1,0:mss::0")).os, None);
        assert_eq!(prints.guess(&syn("rubbish")).os, None);
    }

    /// What our own rules make of what well-known hosts show.
    #[track_caller]
    fn check_known(clues: &[(Evidence, &str)], os: Option<&str>, kind: Option<&str>) {
        let clues = clues.iter().map(|(evidence, value)| Clue { evidence: *evidence, value: (*value).to_owned() });
        let guess = Fingerprints::builtin().guess(&clues.collect::<Vec<_>>());
        let name = |verdict: &Option<Verdict>| verdict.as_ref().map(|verdict| verdict.name.clone());
        assert_eq!((name(&guess.os).as_deref(), name(&guess.kind).as_deref()), (os, kind), "{guess:?}");
    }

    #[test]
    fn well_known_hosts() {
        check_known(
            &[(Evidence::DhcpVendor, "MSFT 5.0"), (Evidence::Hostname, "DESKTOP-4F2K9QX")],
            Some("Windows"),
            Some("computer"),
        );
        check_known(&[(Evidence::DhcpVendor, "android-dhcp-13")], Some("Android"), Some("phone"));
        check_known(&[(Evidence::MdnsModel, "MacBookPro18,3")], Some("macOS"), Some("computer"));
        check_known(&[(Evidence::DhcpParameters, "1,121,3,6,15,108,114,119,252")], Some("Apple"), None);
        check_known(&[(Evidence::Ssh, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")], Some("Debian"), None);
        check_known(&[(Evidence::Snmp, "Cisco IOS Software, C2960 Software")], Some("Cisco IOS"), None);
        check_known(
            &[(Evidence::MdnsService, "_ipp._tcp"), (Evidence::MdnsService, "_pdl-datastream._tcp")],
            None,
            Some("printer"),
        );
        check_known(&[(Evidence::Syn, "4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0")], Some("Linux"), None);
        check_known(&[(Evidence::Vendor, "Apple, Inc.")], None, None);
    }
}
