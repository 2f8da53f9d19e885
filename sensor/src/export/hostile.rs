//! Names that an attacker may give a machine: the tests of every sink use them.

use sensor_core::types::is_unsafe;

/// Clipboard and screen sequences, a reversed name, lines and fields of their own, a formula, an end of string.
pub(super) const TEXTS: [&str; 12] = [
    "\x1b]52;c;Y3VybCBldmls\x07",
    "\x1b[2J\x1b[H",
    "\u{9b}2J",
    "\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\",
    "photo\u{202e}gpj.exe",
    "a\nMESSAGE=b\nPRIORITY=0",
    "a\r\nb",
    "=cmd|' /C calc'!A0",
    "\u{ff0b}1+1",
    "a\0b",
    "\"},{\"kind\":\"fake\",\"x\":\"",
    "tab\tdelete\x7f\u{2028}\u{feff}\u{61c}",
];

/// Nothing but whole lines of harmless characters.
#[track_caller]
pub(super) fn assert_safe(out: &[u8]) {
    let text = std::str::from_utf8(out).expect("every sink writes UTF-8");
    assert!(text.ends_with('\n'), "{text:?}");
    assert!(!text.chars().any(|c| c != '\n' && is_unsafe(c)), "{text:?}");
}

/// As [`assert_safe`], and exactly so many lines.
#[track_caller]
pub(super) fn assert_lines(out: &[u8], lines: usize) {
    assert_safe(out);
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), lines, "{:?}", String::from_utf8_lossy(out));
}
