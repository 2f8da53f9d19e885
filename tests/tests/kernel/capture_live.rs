//! Live capture on veth pairs in namespaces of their own: every mode, what it sees, and that it leaves nothing behind.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use sensor::capture::error::CaptureError;
use sensor::capture::live::Live;
use sensor::capture::options::{Method, Mode, Options, Port, PortRole};
use sensor::capture::port_life::InactiveReason;
use sensor::capture::port_life::{CaptureState, PortChange};
use sensor::clock::Clock;
use sensor_core::types::{Class, Frame, Iface};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

fn check(method: Method, role: PortRole, mode: Mode) {
    with_runtime(async {
        let mut live = open(method, role).unwrap();
        let [status] = &live.ports()[..] else { panic!("one port") };
        assert_eq!((status.mode, status.promiscuous), (mode, role == PortRole::Mirror));
        assert_eq!(details().contains("promiscuity 1"), role == PortRole::Mirror, "{}", details());
        assert_eq!(details().contains("prog/xdp"), mode != Mode::Packet, "{}", details());

        let other = [&[0xff; 12][..], &[0x12, 0x34], &[0; 46]].concat();
        let (outer, inner, priority) = ([0x88, 0xa8, 0, 100], [0x81, 0, 0, 30], [0x81, 0, 0, 0]);
        send(&[arp(&[], 1), other, arp(&[inner], 2), arp(&[outer, inner], 3), arp(&[priority], 4)]);
        let expected = [
            "in0 02:00:00:00:00:01",
            "in0 02:00:00:00:00:04",
            "in0.100.30 02:00:00:00:00:03",
            "in0.30 02:00:00:00:00:02",
        ];
        assert_eq!(hear(&mut live, 4).await, expected);

        let counters = live.counters().unwrap();
        assert_eq!((counters.seen[Class::Arp as usize], counters.passed[Class::Arp as usize]), (4, 4));
        assert_eq!((counters.seen[Class::Other as usize], counters.lost), (1, [0; Class::COUNT]));
        assert_eq!(live.close().unwrap(), counters);
        assert!(!details().contains("prog/xdp") && details().contains("promiscuity 0"), "{}", details());
    });
}

#[test]
fn driver_mode() {
    lab("driver", || check(Method::Driver, PortRole::Host, Mode::Driver));
}

#[test]
fn driver_mode_on_a_mirror() {
    lab("mirror", || check(Method::Auto, PortRole::Mirror, Mode::Driver));
}

#[test]
fn generic_mode() {
    lab("generic", || check(Method::Generic, PortRole::Mirror, Mode::Generic));
}

#[test]
fn packet_mode() {
    lab("packet", || check(Method::Packet, PortRole::Mirror, Mode::Packet));
}

#[test]
fn frames_that_were_not_drained_count_as_lost() {
    lab("undrained", || {
        with_runtime(async {
            let live = open(Method::Driver, PortRole::Host).unwrap();
            send(&[arp(&[], 1), arp(&[], 2)]);
            let counters = live.close().unwrap();
            let arp = Class::Arp as usize;
            assert_eq!((counters.seen[arp], counters.passed[arp], counters.lost[arp]), (2, 0, 2));
        });
    });
}

#[test]
fn a_driver_without_xdp_falls_back_with_a_note() {
    lab("fallback", || {
        ip("link set lo up");
        with_runtime(async {
            let port = Port { iface: Iface::new("lo").unwrap(), role: PortRole::Host };
            let live = Live::open(&[port], &Options::default()).unwrap();
            assert_eq!(live.ports()[0].mode, Mode::Generic);
            assert!(live.notes()[0].starts_with("lo: no XDP in the driver ("), "{:?}", live.notes());
            drop(live);
            let strict = Options { method: Method::Driver, ..Options::default() };
            assert!(matches!(Live::open(&[port], &strict), Err(CaptureError::Unsupported { .. })));
        });
    });
}

#[test]
fn a_second_capture_names_the_first() {
    lab("busy", || {
        with_runtime(async {
            let _first = open(Method::Auto, PortRole::Host).unwrap();
            let error = open(Method::Auto, PortRole::Host).err().unwrap().to_string();
            assert!(error.contains("in0: another XDP program ") && error.contains("(sensor_host)"), "{error}");
            assert!(open(Method::Packet, PortRole::Host).is_ok());
        });
    });
}

#[test]
fn an_interface_that_is_down_is_not_captured() {
    lab("down", || {
        ip("link set in0 down");
        with_runtime(async {
            let error = open(Method::Auto, PortRole::Host).err().unwrap();
            assert_eq!(error.to_string(), "in0 is down; bring it up with `ip link set in0 up`");
        });
    });
}

#[test]
fn a_removed_interface_is_reported_once_and_causes_no_busy_loop() {
    lab("removed", || {
        with_runtime(async {
            let mut live = open(Method::Packet, PortRole::Mirror).unwrap();
            send(&[arp(&[], 1)]);
            assert_eq!(hear(&mut live, 1).await.len(), 1);
            ip("link delete in0");
            let mut changes = Vec::new();
            for _ in 0..4 {
                live.readable().await.unwrap();
                assert!(!live.drain(0, 64, &mut |_| ()).unwrap());
                changes.extend(live.take_changes());
            }
            assert_eq!(changes, [PortChange::Warning("in0 was removed: waiting for it to come back".to_owned())]);
            assert!(!live.all_active());
            let spinning = async {
                for _ in 0..20 {
                    live.readable().await.unwrap();
                    drop(live.drain(0, 64, &mut |_| ()));
                }
            };
            assert!(tokio::time::timeout(Duration::from_secs(3), spinning).await.is_err(), "it spins");
            assert_eq!(live.counters().unwrap().passed[Class::Arp as usize], 1);
        });
    });
}

#[test]
fn a_port_that_comes_back_is_heard_again_in_every_mode() {
    lab("again", || {
        with_runtime(async {
            for method in [Method::Driver, Method::Generic, Method::Packet] {
                let mut live = open(method, PortRole::Mirror).unwrap();
                let mut heard = 0;
                for change in [
                    &["link delete in0", "link add in0 type veth peer name out0"][..],
                    &["link set in0 down"],
                    &["link set in0 down", "link set in0 name in9", "link set in9 up"],
                    &["link set in9 down", "link set in9 name in0"],
                    &["link set in0 mtu 9000", "link set out0 mtu 9000"],
                    &["link set in0 mtu 1500", "link set out0 mtu 1500"],
                ] {
                    change.iter().for_each(|arguments| drop(ip(arguments)));
                    for name in ["in0", "in9", "out0"] {
                        drop(Command::new("ip").args(["link", "set", name, "up"]).output().unwrap());
                    }
                    until_hearing(&mut live).await;
                    send(&[arp(&[], 1)]);
                    heard += 1;
                    assert_eq!(hear(&mut live, 1).await, ["in0 02:00:00:00:00:01"], "{method:?} {change:?}");
                }
                assert!(details().contains("promiscuity 1"), "{}", details());
                let counters = live.close().unwrap();
                assert_eq!((counters.passed[Class::Arp as usize], counters.lost), (heard, [0; Class::COUNT]));
                assert!(!details().contains("prog/xdp") && details().contains("promiscuity 0"), "{}", details());
            }
        });
    });
}

#[test]
fn another_interface_that_takes_the_name_becomes_the_port() {
    lab("taken", || {
        with_runtime(async {
            let mut live = open(Method::Auto, PortRole::Host).unwrap();
            ip("link set in0 down");
            ip("link set in0 name in9");
            ip("link add in0 type veth peer name out9");
            ip("link set in0 up");
            ip("link set out9 up");
            until_hearing(&mut live).await;
            assert!(details().contains("prog/xdp") && !ip("-d link show in9").contains("prog/xdp"));
        });
    });
}

#[test]
fn an_interface_that_comes_back_down_is_attached_when_it_is_up() {
    lab("comes-down", || {
        with_runtime(async {
            let mut live = open(Method::Packet, PortRole::Host).unwrap();
            ip("link delete in0");
            ip("link add in0 type veth peer name out0");
            // The interface exists but is down: nothing to attach to yet.
            for _ in 0..3 {
                live.readable().await.unwrap();
                live.drain(0, 64, &mut |_| ()).unwrap();
            }
            assert!(matches!(&live.ports()[0].state, CaptureState::Inactive { reason: InactiveReason::Down, .. }));
            ip("link set out0 up");
            ip("link set in0 up");
            until_hearing(&mut live).await;
            send(&[arp(&[], 1)]);
            assert_eq!(hear(&mut live, 1).await.len(), 1);
        });
    });
}

#[test]
fn offloads_are_switched_for_as_long_as_the_capture_lives() {
    lab("offloads", || {
        let is_on = || {
            let output = Command::new("ethtool").args(["-k", "in0"]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).contains("rx-vlan-offload: on")
        };
        assert!(is_on(), "a veth has this offload");
        with_runtime(async {
            let live = open(Method::Auto, PortRole::Host).unwrap();
            assert!(live.notes().iter().any(|note| note.contains("`ethtool -K in0 rxvlan off`")), "{:?}", live.notes());
            assert!(is_on(), "it is not touched without being asked");
            drop(live);
            let port = Port { iface: Iface::new("in0").unwrap(), role: PortRole::Host };
            let live = Live::open(&[port], &Options { fix_nic: true, ..Options::default() }).unwrap();
            assert!(!is_on(), "{:?}", live.notes());
            drop(live);
            assert!(is_on(), "it is as it was");
        });
    });
}

/// Runs `body` in a namespace with the veth pair `in0` - `out0`. Without privilege a test says so and ends, and
/// fails where everything has to run.
fn lab(name: &str, body: fn()) {
    // SAFETY: the call takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "live capture needs root");
        eprintln!("live capture is not tested: it needs root");
        return;
    }
    let namespace = Namespace(format!("capture-{name}-{}", std::process::id()));
    ip(&format!("netns add {}", namespace.0));
    let file = File::open(format!("/run/netns/{}", namespace.0)).unwrap();
    let inside = move || {
        // SAFETY: the descriptor is open; only this thread moves.
        assert_eq!(unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) }, 0);
        // Otherwise the kernel's own neighbour discovery would be counted too.
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        ip("link add in0 type veth peer name out0");
        ip("link set in0 up");
        ip("link set out0 up");
        body();
    };
    std::thread::spawn(inside).join().unwrap();
}

struct Namespace(String);

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "delete", &self.0]).status());
    }
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn details() -> String {
    ip("-d link show in0")
}

/// An ARP request behind VLAN tags, padded as on a wire.
fn arp(tags: &[[u8; 4]], last: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, last];
    frame.extend(tags.concat());
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, last, 192, 0, 2, last, 0, 0, 0, 0, 0, 0, 192, 0, 2, 99]);
    frame.resize(frame.len().max(60), 0);
    frame
}

fn send(frames: &[Vec<u8>]) {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None).unwrap();
    // SAFETY: the name is a C string.
    let index = unsafe { libc::if_nametoindex(c"out0".as_ptr()) };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: the storage is larger than a `sockaddr_ll`, for which zeros are a value.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index.cast_signed();
    // SAFETY: the storage holds an address of that length.
    let address = unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as u32) };
    for frame in frames {
        assert_eq!(socket.send_to(frame, &address).unwrap(), frame.len());
    }
}

fn open(method: Method, role: PortRole) -> Result<Live, CaptureError> {
    let port = Port { iface: Iface::new("in0").unwrap(), role };
    Live::open(&[port], &Options { method, refresh: Duration::ZERO, ..Options::default() })
}

fn with_runtime(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(body);
}

/// Follows the interfaces until every port hears.
async fn until_hearing(live: &mut Live) {
    let all = async {
        // The first turn finds what has just changed.
        live.drain(0, 64, &mut |_| ()).unwrap();
        while !live.all_active() {
            live.readable().await.unwrap();
            live.drain(0, 64, &mut |_| ()).unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("it hears again");
}

/// Drains until `wanted` frames came; returns them as `segment source`, sorted.
async fn hear(live: &mut Live, wanted: usize) -> Vec<String> {
    let mut heard = Vec::new();
    let clock = Clock::new();
    let before = clock.now();
    let all = async {
        while heard.len() < wanted {
            live.readable().await.unwrap();
            let mut sink = |frame: Frame<'_>| {
                let apart = frame.at.since(before).max(before.since(frame.at));
                assert!(apart < Duration::from_secs(60), "on the wall clock");
                heard.push(format!("{} {}", frame.segment, frame.source_mac));
            };
            while live.drain(clock.boot_to_wall_ns(), 2, &mut sink).unwrap() {}
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("frames come");
    heard.sort();
    heard
}
