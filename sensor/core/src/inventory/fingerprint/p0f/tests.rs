//! Reading p0f's file, and finding signatures.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::inventory::fingerprint::p0f::Signatures;
use crate::inventory::fingerprint::p0f::signature::observed;
use crate::wire::syn::{self, Syn};

/// A file of our own in p0f's syntax.
const FILE: &str = "\
; a comment
classes = unix,win
[mtu]
label = Wire
sig = 1500
[tcp:request]
label = s:unix:Alpha:2 or newer
sig = *:64:0:*:mss*10,7:mss,sok,ts,nop,ws:df,id+:0
label = g:unix:Alpha:
sig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0
label = s:!:Scanner:fast
sys = @unix
sig = *:64-:0:1460:1024,0:mss::0
[tcp:response]
label = s:win:Beta:
sig = 4:128:0:*:%8192,*:mss,nop,ws:df,id+:*
";

/// `os`, fuzzy, distance for a segment in its own notation.
#[track_caller]
fn check(observation: &str, is_answer: bool, expected: Option<(&str, bool, u8)>) {
    let signatures = Signatures::parse(FILE).unwrap();
    let syn = observed(observation, is_answer).unwrap();
    let found = signatures.find(&syn).map(|found| (found.label.text(), found.is_fuzzy, found.distance));
    assert_eq!(found, expected.map(|(os, fuzzy, distance)| (os.to_owned(), fuzzy, distance)));
}

#[track_caller]
fn check_mistake(text: &str, mistake: &str) {
    assert_eq!(Signatures::parse(text).unwrap_err().to_string(), mistake);
}

#[test]
fn exact_before_generic() {
    check("4:60+4:0:1460:14600,7:mss,sok,ts,nop,ws:df,id+:0", false, Some(("Alpha 2 or newer", false, 4)));
    check("4:60+4:0:1460:999,7:mss,sok,ts,nop,ws:df,id+:0", false, Some(("Alpha", false, 4)));
}

#[test]
fn fuzzy_by_time_to_live_and_by_what_routers_change() {
    check("4:20+12:0:1460:14600,7:mss,sok,ts,nop,ws:df,id+:0", false, Some(("Alpha 2 or newer", true, 12)));
    check("4:64+0:0:1460:14600,7:mss,sok,ts,nop,ws:ecn:0", false, Some(("Alpha 2 or newer", true, 0)));
    check("4:64+0:0:1460:14600,7:mss,sok,ts,nop,ws:df,id+,pushf+:0", false, None);
}

#[test]
fn quirks_of_the_other_version_do_not_count() {
    check("6:64+0:0:1440:14400,7:mss,sok,ts,nop,ws::0", false, Some(("Alpha 2 or newer", false, 0)));
    check("6:64+0:0:1440:14400,7:mss,sok,ts,nop,ws:flow:0", false, None);
}

#[test]
fn programs_fit_exactly_or_not_at_all() {
    check("4:37+27:0:1460:1024,0:mss::0", false, Some(("Scanner fast", false, 27)));
    check("4:37+27:0:1460:1024,0:mss:id-:0", false, None);
}

#[test]
fn responses_have_their_own_signatures() {
    check("4:128+0:0:1460:16384,8:mss,nop,ws:df,id+:+", true, Some(("Beta", false, 0)));
    check("4:128+0:0:1460:16384,8:mss,nop,ws:df,id+:+", false, None);
    check("4:128+0:0:1460:16385,8:mss,nop,ws:df,id+:0", true, None);
}

#[test]
fn other_sections_are_counted() {
    assert_eq!(Signatures::parse(FILE).unwrap().counts(), [3, 1, 1]);
}

#[test]
fn mistakes_name_line_and_reason() {
    check_mistake("x", "line 1: 'x' is neither a section nor 'key = value'");
    check_mistake("classes = a\n[tcp:request]\nsig = 1", "line 3: sig before any label");
    check_mistake("[tcp:request]\nlabel = s:unix:A:", "line 2: class 'unix' is not among 'classes'");
    check_mistake(
        "[tcp:request]\nlabel = A",
        "line 2: 'A' is no label: it has the form s:class:name:flavor or g:class:name:flavor",
    );
    let signature = |text: &str| format!("[tcp:request]\nlabel = s:!:A:\nsig = {text}");
    check_mistake(&signature("4:64"), "line 3: 2 fields where a signature has 8");
    check_mistake(&signature("5:64:0:*:*,*:mss::0"), "line 3: '5' is no IP version: 4, 6 or *");
    check_mistake(&signature("4:0:0:*:*,*:mss::0"), "line 3: a time to live of 0");
    check_mistake(&signature("4:64:0:*:%0,*:mss::0"), "line 3: '0' is no window");
    check_mistake(&signature("4:64:0:*:*:mss::0"), "line 3: '*' lacks the window scale");
    check_mistake(&signature("4:64:0:*:*,*:msz::0"), "line 3: 'msz' is no TCP option");
    check_mistake(&signature("4:64:0:*:*,*:mss:dff:0"), "line 3: 'dff' is no quirk");
    check_mistake(&signature("4:64:0:*:*,*:mss::1"), "line 3: '1' is no payload class: 0, + or *");
    check_mistake(&signature("4:250+9:0:*:*,*:mss::0"), "line 3: '250+9' is more than 255");
}

#[test]
fn what_is_kept_reads_as_what_was_seen() {
    for text in [
        "4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0",
        "6:200+?:0:0:1024,0:?77,eol+3:flow,opt+:+",
        "4:128+0:0:1460:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0",
    ] {
        assert_eq!(format!("{:#}", observed(text, false).unwrap()), text);
    }
}

#[test]
fn any_text_is_read_or_refused() {
    let words = [
        "[tcp:request]",
        "[mtu]",
        "\n",
        "label",
        "sig",
        "sys",
        "classes",
        "=",
        "s:!:A:",
        ":",
        "*",
        "4",
        "64",
        "%",
        "mss",
        ",",
        "+",
        "?",
        "!",
    ];
    let mut seed = 0x5eed;
    for _ in 0..20_000 {
        let text: String = (0..random(&mut seed) % 40).map(|_| words[(random(&mut seed) % 19) as usize]).collect();
        drop(Signatures::parse(&text));
        let _ = observed(&text, true);
    }
}

#[test]
fn any_segment_survives_its_notation() {
    let mut seed = 0x5eed;
    let mut ours = 0;
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..100).map(|_| random(&mut seed).to_le_bytes()[3]).collect();
        (bytes[0], bytes[6], bytes[7], bytes[9], bytes[33]) = (0x45, 0, 0, 6, 2);
        bytes[32] |= 0x50;
        if let Ok(Some(syn)) = syn::parse(&bytes) {
            ours += 1;
            let read = observed(&format!("{syn:#}"), false).unwrap();
            assert_eq!(Syn { headers_len: syn.headers_len, ..read }, syn, "{syn:#}");
        }
    }
    assert!(ours > 1000, "{ours}");
}

/// xorshift64: numbers that are the same in every run.
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}
