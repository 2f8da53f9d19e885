//! What the XDP program promises: the gate, the counters, the verdicts, frames over several buffers.

use sensor_ebpf::abi::{Class, FLAG_CUT, Shut, TunnelKind};
use sensor_ebpf::gate::ticks;
use sensor_ebpf::watched::{self, TunnelSource};
use sensor_tests::bpf::{Kernel, Options, XDP_DROP, XDP_PASS, require_root, stay_on, watch_ipv4};
use sensor_tests::frames::{arp, hand_made, ipv4, ipv6, link_layer_option, link_local, mac, ndp, tagged, udp};

const IP: [u8; 4] = [192, 0, 2, 1];
const GATED: Options =
    Options { refresh: ticks(3_600), seed: 0x5eed, ring_bytes: 1 << 22, interval: 100_000, policing: false };

fn claim(n: u8) -> Vec<u8> {
    arp(1, mac(n), IP, [0; 6], [192, 0, 2, 99])
}

fn advertisement(n: u8) -> Vec<u8> {
    let message = ndp(136, 0x2000_0000, &[link_local(7)], &link_layer_option(2, mac(n)));
    ipv6(link_local(7), link_local(1), 58, 255, &message)
}

/// Frames in order, each with whether it must leave a record when the gate is on.
#[track_caller]
fn check_gate(steps: &[(Vec<u8>, bool)]) {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(GATED);
    for (n, (frame, want)) in steps.iter().enumerate() {
        kernel.run("sensor_host", frame);
        assert_eq!(kernel.drain() == 1, *want, "step {n}: {frame:02x?}");
    }
    let counters = kernel.counters();
    let passed = steps.iter().filter(|(_, want)| *want).count() as u64;
    assert_eq!(counters.passed.iter().sum::<u64>(), passed);
    assert_eq!(counters.gated.iter().sum::<u64>(), steps.len() as u64 - passed);
}

#[test]
fn a_repeat_is_held_back() {
    check_gate(&[(claim(1), true), (claim(1), false), (claim(1), false)]);
}

#[test]
fn a_b_a_passes_three_times() {
    check_gate(&[(claim(1), true), (claim(2), true), (claim(1), true), (claim(1), false)]);
    check_gate(&[
        (advertisement(1), true),
        (advertisement(2), true),
        (advertisement(1), true),
        (advertisement(1), false),
    ]);
}

#[test]
fn a_b_a_passes_by_different_kinds_of_message() {
    let reply = arp(2, mac(1), IP, mac(9), [192, 0, 2, 9]);
    let announcement = arp(1, mac(2), IP, [0; 6], IP);
    check_gate(&[(reply.clone(), true), (announcement, true), (reply.clone(), true), (reply, false)]);
}

#[test]
fn a_defended_conflict_check_passes() {
    let defence = arp(2, mac(1), IP, mac(2), [0; 4]);
    let check = arp(1, mac(2), [0; 4], [0; 6], IP);
    check_gate(&[(defence.clone(), true), (check, true), (defence, true)]);
}

#[test]
fn a_spoofed_payload_is_not_a_repeat() {
    let mut spoofed = claim(1);
    spoofed[6..12].copy_from_slice(&mac(66));
    check_gate(&[(claim(1), true), (spoofed.clone(), true), (spoofed, false), (claim(1), true)]);
}

#[test]
fn segments_are_kept_apart() {
    let vlan = |outer, inner| tagged(&tagged(&claim(1), 0x8100, inner), 0x88a8, outer);
    check_gate(&[
        (claim(1), true),
        (tagged(&claim(1), 0x8100, 30), true),
        (tagged(&claim(1), 0x8100, 31), true),
        (vlan(30, 31), true),
        (vlan(31, 30), true),
        (vlan(31, 30), false),
        // A priority tag names no VLAN.
        (tagged(&claim(1), 0x8100, 0xe000), false),
    ]);
}

#[test]
fn a_message_is_compared_as_a_whole() {
    let dhcp = |last| ipv4([0; 4], [255; 4], 17, 0, &udp(68, 67, &[&[1; 300][..], &[last]].concat()));
    let mdns = |flags, last| {
        let body = [&[0, 0, flags, 0][..], &[7; 1_300], &[last]].concat();
        ipv6(link_local(1), link_local(2), 17, 255, &udp(5353, 5353, &body))
    };
    check_gate(&[
        (dhcp(1), true),
        (dhcp(1), false),
        (dhcp(2), true),
        (dhcp(1), true),
        (dhcp(1), false),
        // Questions and answers are remembered apart.
        (mdns(0, 1), true),
        (mdns(0x84, 1), true),
        (mdns(0, 1), false),
        (mdns(0x84, 1), false),
        (mdns(0x84, 2), true),
        (mdns(0x84, 1), true),
        // What follows the UDP datagram is padding.
        ([mdns(0x84, 1), vec![9; 4]].concat(), false),
    ]);
}

#[test]
fn a_message_belongs_to_its_sender() {
    let said = udp(5353, 5353, &[0x84; 40]);
    let from = |n: u8, source: u8| {
        let mut frame = ipv4([192, 0, 2, source], [224, 0, 0, 251], 17, 0, &said);
        frame[6..12].copy_from_slice(&mac(n));
        frame
    };
    check_gate(&[
        (from(1, 1), true),
        (from(2, 1), true),
        (from(1, 2), true),
        (tagged(&from(1, 1), 0x8100, 30), true),
        (from(1, 1), false),
        (from(2, 1), false),
        (from(1, 2), false),
    ]);
}

#[test]
fn what_one_cpu_reported_is_not_reported_by_another() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(GATED);
    kernel.watch(&[watch_ipv4([192, 0, 2, 0], 24)], &[]);
    let tcp = ipv4(IP, [192, 0, 2, 9], 6, 0x4000, &[0; 60]);
    let cpus = std::thread::available_parallelism().unwrap().get();
    for cpu in 0..cpus {
        stay_on(cpu).unwrap();
        for n in 0..3 {
            kernel.run("sensor_host", &tcp);
            assert_eq!(kernel.drain(), usize::from(cpu == 0 && n == 0), "CPU {cpu}, frame {n}");
        }
    }
    let entries = kernel.presence();
    assert_eq!(entries.len(), cpus);
    assert!(entries.iter().all(|entry| (entry.count.frames(), entry.count.bytes()) == (3, 3 * tcp.len() as u64)));
}

#[test]
fn a_router_advertisement_without_a_claim_passes_each_time() {
    let router = ipv6(link_local(1), link_local(2), 58, 255, &ndp(134, 0, &[], &[0; 8]));
    check_gate(&[(router.clone(), true), (router, true)]);
}

#[test]
fn what_found_no_room_in_the_ring_passes_when_it_is_repeated() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options { ring_bytes: 4096, ..GATED });
    let message = |n: u8| ipv4(IP, [224, 0, 0, 251], 17, 0, &udp(5353, 5353, &[n; 500]));
    // Each differs from the one before, until one finds no room in the ring.
    let lost = (1..20).find(|&n| {
        kernel.run("sensor_host", &message(n));
        kernel.run("sensor_host", &claim(n));
        kernel.counters().lost[Class::Mdns as usize] > 0 && kernel.counters().lost[Class::Arp as usize] > 0
    });
    let lost = lost.unwrap();
    kernel.drain();
    for frame in [message(lost), claim(lost)] {
        kernel.run("sensor_host", &frame);
        assert_eq!(kernel.drain(), 1);
        kernel.run("sensor_host", &frame);
        assert_eq!(kernel.drain(), 0);
    }
}

#[test]
fn the_interval_ends() {
    if !require_root() {
        return;
    }
    // One tick is 67 ms: within a second the same claim passes again.
    let mut kernel = Kernel::load(Options { refresh: 1, ..GATED });
    let start = std::time::Instant::now();
    let mut told = 0;
    while told < 3 && start.elapsed().as_secs() < 10 {
        kernel.run("sensor_host", &claim(1));
        told += kernel.drain();
    }
    assert_eq!(told, 3);
    assert!(kernel.counters().gated[Class::Arp as usize] > 0);
}

#[test]
fn the_gate_holds_back_no_kind_of_claim_entirely() {
    if !require_root() {
        return;
    }
    // Each frame twice with the gate on, once with it off: the same records in the same order.
    let (mut gated, mut open) = (Kernel::load(GATED), Kernel::load(Options::default()));
    for (name, frame) in hand_made() {
        gated.run("sensor_host", &frame);
        open.run("sensor_host", &frame);
        let mut records = [gated.next_record(), open.next_record()];
        for record in records.iter_mut().flatten() {
            record.header.at_ns = 0;
        }
        let [with, without] = records;
        // `hand_made` repeats some claims with padding or tags that name no VLAN; those may be held back.
        if with.is_some() || gated.counters().gated == [0; Class::COUNT] {
            assert_eq!(with, without, "{name}");
        }
    }
    assert_eq!(gated.counters().seen, open.counters().seen);
}

#[test]
fn a_full_ring_counts_every_loss() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options { ring_bytes: 4096, ..Options::default() });
    let mdns = ipv4(IP, [224, 0, 0, 251], 17, 0, &udp(5353, 5353, &[0; 500]));
    let mut records = 0;
    for n in 0..200u64 {
        for frame in [&claim(1), &advertisement(1), &mdns] {
            kernel.run("sensor_host", frame);
        }
        if n % 50 == 49 {
            records += kernel.drain() as u64;
        }
    }
    let counters = kernel.counters();
    for class in [Class::Arp, Class::Ndp, Class::Mdns].map(|class| class as usize) {
        assert_eq!(counters.seen[class], 200);
        assert_eq!(counters.seen[class], counters.passed[class] + counters.gated[class] + counters.lost[class]);
        assert!(counters.lost[class] > 0 && counters.passed[class] > 0);
    }
    assert_eq!(counters.passed.iter().sum::<u64>(), records);
}

#[test]
fn every_class_is_counted() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options::default());
    kernel.watch(&[watch_ipv4([10, 0, 0, 0], 8)], &[]);
    let made = hand_made();
    for (_, frame) in &made {
        kernel.run("sensor_host", frame);
    }
    let counters = kernel.counters();
    assert_eq!(counters.seen.iter().sum::<u64>(), made.len() as u64);
    assert!(counters.seen.iter().all(|&frames| frames > 0), "{counters:?}");
}

#[test]
fn a_tunnel_is_opened_only_when_its_sender_was_named() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options::default());
    let named = TunnelSource {
        address: [0xc000_0200, 0],
        mask: [0xffff_ff00, 0],
        is_ipv6: false,
        kind: TunnelKind::Vxlan,
        id: Some(7),
    };
    let (ours, others) = ([192, 0, 2, 200], [192, 0, 2, 201]);
    let mut table = watched::table(&[], &[[u64::from(u32::from_be_bytes(ours)), 0]]);
    watched::set_tunnels(&mut table, &[named]);
    kernel.set_table(table);
    let mut shut = 0;
    let mut check = |from: [u8; 4], to: [u8; 4], id: u8, program: &str, is_opened: bool, is_shut: bool| {
        let inner = arp(1, [2, 0, 0, 0, 0, 9], IP, [0; 6], [10, 0, 0, 9]);
        let body = [&[8, 0, 0, 0, 0, 0, id, 0][..], &inner].concat();
        kernel.run(program, &ipv4(from, to, 17, 0, &udp(50_000, 4789, &body)));
        let opened = kernel.next_record().map(|record| record.header.tunnel_id);
        assert_eq!(opened, is_opened.then_some(u32::from(id)), "{from:?} {to:?} {id} {program}");
        kernel.drain();
        kernel.forget_claims();
        shut += u64::from(is_shut);
        let counters = kernel.counters();
        assert_eq!(counters.shut, shut, "{from:?} {to:?} {id} {program}");
        if is_shut {
            let source = [u64::from(u32::from_be_bytes(from)), 0];
            assert_eq!(counters.last_shut, Shut::new(source, TunnelKind::Vxlan, id.into()));
        }
    };
    let (near, far) = ([192, 0, 2, 5], [198, 51, 100, 5]);
    check(near, ours, 7, "sensor_host", true, false);
    check(near, others, 7, "sensor_mirror", true, false);
    // What passes by on a host port is nobody's business.
    check(near, others, 7, "sensor_host", false, false);
    check(far, others, 7, "sensor_host", false, false);
    check(far, ours, 7, "sensor_host", false, true);
    check(near, ours, 8, "sensor_host", false, true);
    check(far, others, 7, "sensor_mirror", false, true);
    check(near, others, 8, "sensor_mirror", false, true);
}

#[test]
fn the_port_role_decides_the_verdict() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options::default());
    kernel.watch(&[], &[]);
    for (name, frame) in hand_made() {
        assert_eq!(kernel.run("sensor_host", &frame), XDP_PASS, "{name}");
        let from_host = kernel.drain();
        assert_eq!(kernel.run("sensor_mirror", &frame), XDP_DROP, "{name}");
        // Tunnels on a mirror port are opened.
        assert!(kernel.drain() >= from_host, "{name}");
    }
}

#[test]
fn a_jumbo_frame_is_read_across_its_buffers() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options::default());
    let jumbo = ipv4(IP, [224, 0, 0, 251], 17, 0, &udp(5353, 5353, &[7; 8_000]));
    assert_eq!(kernel.run("sensor_host", &jumbo), XDP_PASS);
    let record = kernel.next_record().unwrap();
    assert_eq!(record.header.flags & FLAG_CUT, FLAG_CUT);
    assert_eq!(record.body, jumbo[42..1500]);
    assert_eq!(kernel.counters().cut[Class::Mdns as usize], 1);
}

#[test]
fn headers_behind_the_first_buffer_are_read_too() {
    if !require_root() {
        return;
    }
    // Kernels before 6.18 cannot make such a frame; there the comparison is skipped.
    let mut kernel = Kernel::load(Options::default());
    for (name, frame) in hand_made() {
        kernel.run("sensor_host", &frame);
        let whole = kernel.next_record();
        if frame.len() <= 64 || kernel.run_spread("sensor_host", &frame, 20).is_err() {
            continue;
        }
        let mut records = [whole, kernel.next_record()];
        for record in records.iter_mut().flatten() {
            record.header.at_ns = 0;
        }
        assert_eq!(records[0], records[1], "{name}");
    }
}

#[test]
fn a_record_is_dated_by_the_boot_clock() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options::default());
    let before = boot_ns();
    kernel.run("sensor_host", &claim(1));
    let at_ns = kernel.next_record().unwrap().header.at_ns;
    assert!((before..=boot_ns()).contains(&at_ns));
}

fn boot_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) }, 0);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
