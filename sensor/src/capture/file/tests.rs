#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::Write as _;

use crate::capture::file::order::Order;
use crate::capture::file::*;

/// An ARP request of 192.0.2.1 from 02:00:00:00:00:01, 42 bytes.
const ARP: [u8; 42] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
    0, 0, 0, 0, 0, 0, 192, 0, 2, 9,
];

/// What was read, in words: `segment@nanoseconds` of each frame, then what else the summary says.
fn told(file: &[u8]) -> String {
    let mut words = Vec::new();
    let summary = read_from("f", file, |frame| {
        assert_eq!(frame.source_mac.to_string(), "02:00:00:00:00:01");
        assert_eq!(frame.body.len(), 28);
        words.push(format!("{}@{}", frame.segment, frame.at.as_nanos()));
    });
    match summary {
        Err(error) => return error.to_string(),
        Ok(summary) => {
            words.push(format!("frames {}", summary.frames));
            if summary.unsupported > 0 {
                words.push(format!("unsupported {}", summary.unsupported));
            }
            words.extend(summary.warning.map(|warning| warning.to_string()));
        }
    }
    words.join("; ")
}

fn check(file: &[u8], expected: &str) {
    assert_eq!(told(file), expected);
    // Cut anywhere, a file is read without a panic, and never to more frames.
    let whole = told(file).matches('@').count();
    for end in 0..file.len() {
        assert!(told(&file[..end]).matches('@').count() <= whole);
    }
}

fn numbers(order: Order, numbers: &[u32]) -> Vec<u8> {
    let bytes = |n: &u32| if order == Order::Big { n.to_be_bytes() } else { n.to_le_bytes() };
    numbers.iter().flat_map(bytes).collect()
}

/// A pcap file of version 2.4 with one packet at 5 s and 7 units.
fn pcap(order: Order, magic: u32, link: u32, packet: &[u8]) -> Vec<u8> {
    let (major, minor): (u32, u32) = (2, 4);
    let version = if order == Order::Big { major << 16 | minor } else { minor << 16 | major };
    let len = packet.len() as u32;
    let mut file = numbers(order, &[magic, version, 0, 0, 65535, link, 5, 7, len, len]);
    if magic == 0xa1b2_cd34 {
        file.extend([0; 8]);
    }
    file.extend(packet);
    file
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = padded as u32 + 12;
    let mut block = numbers(order, &[kind, len]);
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(numbers(order, &[len]));
    block
}

fn section(order: Order) -> Vec<u8> {
    let version = if order == Order::Big { 1 << 16 } else { 1 };
    block(order, 0x0a0d_0d0a, &numbers(order, &[0x1a2b_3c4d, version, u32::MAX, u32::MAX]))
}

fn interface(order: Order, link: u32, options: &[u8]) -> Vec<u8> {
    let link = if order == Order::Big { link << 16 } else { link };
    block(order, 1, &[&numbers(order, &[link, 0])[..], options].concat())
}

fn enhanced(order: Order, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
    let len = packet.len() as u32;
    let head = numbers(order, &[interface, (ticks >> 32) as u32, ticks as u32, len, len]);
    block(order, 6, &[&head[..], packet].concat())
}

#[test]
fn pcap_in_every_order_and_unit() {
    for order in [Order::Big, Order::Little] {
        check(&pcap(order, 0xa1b2_c3d4, 1, &ARP), "file@5000007000; frames 1");
        check(&pcap(order, 0xa1b2_3c4d, 1, &ARP), "file@5000000007; frames 1");
        check(&pcap(order, 0xa1b2_cd34, 1, &ARP), "file@5000007000; frames 1");
    }
}

#[test]
fn a_compressed_file_is_read_like_a_plain_one() {
    let plain = pcap(Order::Little, 0xa1b2_c3d4, 1, &ARP);
    // Two members, as `cat a.gz b.gz` makes them.
    let member = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let (first, second) = plain.split_at(40);
    check(&[member(first), member(second)].concat(), "file@5000007000; frames 1");
}

#[test]
fn cooked_frames_become_ethernet() {
    let v1 = [&[0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 6][..], &ARP[14..]].concat();
    check(&pcap(Order::Big, 0xa1b2_c3d4, 113, &v1), "file@5000007000; frames 1");
    let v2 = [&[8, 6, 0, 0, 0, 0, 0, 3, 0, 1, 1, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &ARP[14..]].concat();
    check(&pcap(Order::Big, 0xa1b2_c3d4, 276, &v2), "file@5000007000; frames 1");
    check(&pcap(Order::Big, 0xa1b2_c3d4, 276, &v2[..9]), "frames 1");
}

#[test]
fn protocol_4_of_a_cooked_frame_is_802_2() {
    let message = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 6][..], &ARP[14..]].concat();
    let v1 = [&[0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4][..], &message].concat();
    check(&pcap(Order::Big, 0xa1b2_c3d4, 113, &v1), "file@5000007000; frames 1");
    let v2 = [&[0, 4, 0, 0, 0, 0, 0, 3, 0, 1, 2, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &message].concat();
    check(&pcap(Order::Big, 0xa1b2_c3d4, 276, &v2), "file@5000007000; frames 1");
}

#[test]
fn what_is_no_capture_is_refused() {
    let not = |why| format!("f is not a capture file ({why}); pcap and pcapng are read, plain or gzip");
    check(b"", &not("it is empty"));
    check(b"abc", &not("its first bytes are of no known format"));
    check(b"GIF89a, and more", &not("its first bytes are of no known format"));
    check(&pcap(Order::Big, 0xa1b2_c3d4, 1, &[])[..23], &not("its header's end is missing"));
    check(&section(Order::Big)[..15], &not("its header's end is missing"));
    let mut version = pcap(Order::Big, 0xa1b2_c3d4, 1, &[]);
    version[5] = 9;
    check(&version, &not("format version 9"));
    check(
        &pcap(Order::Big, 0xa1b2_c3d4, 105, &ARP),
        "f: link type 105 (IEEE 802.11) is not read; capture on an Ethernet interface or on `any`",
    );
}

#[test]
fn a_header_alone_is_a_capture_of_nothing() {
    check(&pcap(Order::Big, 0xa1b2_c3d4, 1, &[])[..24], "frames 0");
    check(&section(Order::Big), "frames 0");
}

#[test]
fn damage_is_a_warning_behind_what_was_whole() {
    let file = pcap(Order::Little, 0xa1b2_c3d4, 1, &ARP);
    let mut cut = [&file[..], &file[24..60]].concat();
    check(
        &cut,
        "file@5000007000; frames 1; f: cut short at byte 82: a packet's end is missing; what came before was read",
    );
    cut[82 + 8..82 + 12].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    check(
        &cut,
        "file@5000007000; frames 1; f: damaged at byte 82: a packet of 2147483647 bytes; what came before was read",
    );
}

#[test]
fn pcapng_times() {
    let option = |code: u8, value: &[u8]| {
        let mut option = vec![0, code, 0, value.len() as u8];
        option.extend(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    };
    let file = |options: &[u8], ticks| {
        let order = Order::Big;
        [section(order), interface(order, 1, options), enhanced(order, 0, ticks, &ARP)].concat()
    };
    check(&file(&[], 5_000_007), "file@5000007000; frames 1");
    check(&file(&option(9, &[9]), 5_000_000_007), "file@5000000007; frames 1");
    check(&file(&option(9, &[3]), 5), "file@5000000; frames 1");
    check(&file(&option(9, &[12]), 5000), "file@5; frames 1");
    check(&file(&option(9, &[0x81]), 3), "file@1500000000; frames 1");
    check(&file(&option(9, &[0xff]), 3), "file@0; frames 1");
    check(&file(&option(9, &[0]), u64::MAX), "file@9223372036854775807; frames 1");
    check(&file(&option(14, &(-2_i64).to_be_bytes()), 5_000_000), "file@3000000000; frames 1");
    // An option that is longer than its block, and one of a wrong length.
    check(&file(&[0, 9, 0xff, 0xff], 7), "file@7000; frames 1");
    check(&file(&option(9, &[9, 9]), 7), "file@7000; frames 1");
}

#[test]
fn pcapng_blocks() {
    let (big, little) = (Order::Big, Order::Little);
    let start = [section(little), interface(little, 1, &[]), enhanced(little, 0, 7, &ARP)].concat();
    // A simple packet has the time of the one before it.
    let simple = block(little, 3, &[&numbers(little, &[42])[..], &ARP].concat());
    check(&[&start[..], &simple].concat(), "file@7000; file@7000; frames 2");
    // The obsolete block counts drops beside a short interface number.
    let old = block(little, 2, &[&numbers(little, &[0x0005_0000, 0, 8, 42, 42])[..], &ARP].concat());
    check(&[&start[..], &old].concat(), "file@7000; file@8000; frames 2");
    // A block that nobody knows, larger than any buffer.
    let large = block(little, 0x0bad, &vec![0; 3 << 20]);
    assert_eq!(told(&[&start[..], &large, &simple].concat()), "file@7000; file@7000; frames 2");
    // Another section, of another order, with two interfaces.
    let second = [section(big), interface(big, 1, &[]), interface(big, 1, &[]), enhanced(big, 1, 9, &ARP)].concat();
    check(&[&start[..], &second].concat(), "file@7000; file1@9000; frames 2");
    // The interfaces of a section end with it.
    let none = [section(big), enhanced(big, 0, 9, &ARP)].concat();
    check(
        &[&start[..], &none].concat(),
        "file@7000; frames 1; f: damaged at byte 152: a packet of interface 0, which is not described; what came before was read",
    );
}

#[test]
fn link_types_that_are_not_read_are_counted_or_refused() {
    let order = Order::Little;
    let foreign = [section(order), interface(order, 105, &[]), enhanced(order, 0, 7, &ARP)].concat();
    assert_eq!(
        told(&foreign),
        "f: link type 105 (IEEE 802.11) is not read; capture on an Ethernet interface or on `any`"
    );
    let mixed = [&foreign[..], &interface(order, 1, &[]), &enhanced(order, 1, 8, &ARP)].concat();
    assert_eq!(told(&mixed), "file1@8000; frames 1; unsupported 1");
}

#[test]
fn lengths_are_not_trusted() {
    let order = Order::Little;
    let start = [section(order), interface(order, 1, &[]), enhanced(order, 0, 7, &ARP)].concat();
    let at = start.len();
    let then = |block: &[u8], reason: &str| {
        check(
            &[&start[..], block].concat(),
            &format!("file@7000; frames 1; f: damaged at byte {at}: {reason}; what came before was read"),
        );
    };
    let mut past = enhanced(order, 0, 8, &ARP);
    past[20..24].copy_from_slice(&400_u32.to_le_bytes());
    then(&past, "a packet reaches past its block");
    let mut lengths = enhanced(order, 0, 8, &ARP);
    lengths[4..8].copy_from_slice(&72_u32.to_le_bytes());
    then(&lengths, "a block's two lengths differ");
    then(&numbers(order, &[6, 0, 0]), "a block is too short for its kind");
    then(&numbers(order, &[6, u32::MAX, 0]), "a block is too short for its kind");
    then(&block(order, 6, &[0; 8]), "a block is too short for its kind");
    then(&numbers(order, &[6, 0x7fff_fff0, 0]), "a packet of 2147483632 bytes");
}

#[test]
fn a_directory_and_a_missing_file_are_named() {
    let error = |path: &str| read(Path::new(path), |_| ()).unwrap_err().to_string();
    assert_eq!(error("/"), "/ is a directory; name a capture file in it");
    assert!(error("/no/such.pcap").starts_with("/no/such.pcap cannot be opened: "));
}
