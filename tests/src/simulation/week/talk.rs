//! What machines send: when they join, while they are there, and when they are asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sensor_core::inventory::planner::probe::{Probe, Question};
use sensor_core::inventory::sighting::Claim;
use sensor_core::inventory::sighting::answer::{Answer, PortState};
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::types::{Mac, Text};
use sensor_core::wire::redundancy::Protocol;

use super::calendar::{DAY, MINUTE, SECOND};
use super::hosts::{GATEWAY, GATEWAY_MAC, HSRP_IP, HSRP_MAC, OWN_IP, PREFIXES, RDNSS, SHARED_IP, Sort};
use super::words::{self, ClientWords};
use super::world::{Act, Group, World, address};

/// A machine joins: it gets its addresses and announces them.
pub fn join(world: &mut World, number: usize) {
    if world.machine(number).online {
        return;
    }
    if world.is_to_rotate(number) {
        world.rotate(number);
    }
    let today = world.now_ms / DAY;
    let machine = world.machine_mut(number);
    machine.online = true;
    machine.life += 1;
    machine.came_on = Some(today);
    if machine.id_is_mac {
        machine.words.client_id = Some([&[1][..], &machine.mac.0].concat());
    }
    let (life, four, six) = (machine.life, machine.four, machine.six);
    if six {
        join_six(world, number);
    }
    if four && world.machine(number).fixed.is_empty() {
        lease(world, number);
    } else if four {
        settle(world, number);
    }
    let names = if world.machine(number).checks { 7000 } else { 3000 };
    announce_names(world, number, names);
    let soon = 10 * SECOND + world.rng.below(20 * SECOND);
    world.later(soon, Act::Chat(number, life));
}

/// A machine whose addresses were set by hand announces them.
fn settle(world: &mut World, number: usize) {
    let (mac, ips) = (world.machine(number).mac, world.machine(number).fixed.clone());
    world.machine_mut(number).ip = ips.first().copied();
    for (ip, ms) in ips.into_iter().zip((50..).step_by(100)) {
        world.hold(number, ip.into());
        for again in [0, 1000] {
            world.send(ms + again, words::announcement(mac, ip));
        }
    }
    if number == world.people.proxy {
        for last in 220..240 {
            world.hold(number, Ipv4Addr::new(10, 20, 0, last).into());
        }
    }
}

/// A DHCP client gets an address, or has its old one confirmed (RFC 2131, sections 3.1 and 3.2).
fn lease(world: &mut World, number: usize) {
    let machine = world.machine(number);
    let (mac, client, lease_ms, life) = (machine.mac, machine.words.clone(), machine.lease_ms, machine.life);
    let (checks, leased) = (machine.checks, machine.leased);
    let key = client.client_id.clone().unwrap_or_else(|| mac.0.to_vec());
    let (ip, was_his) = world.book.give(&key, world.now_ms, lease_ms);
    let server = world.people.server();
    let lease_s = u32::try_from(lease_ms / SECOND).unwrap_or(u32::MAX);
    let say = |world: &mut World, ms, claim| world.send(ms, words::dhcp_from_client(mac, claim));
    if !was_his || leased != Some((mac, ip)) {
        say(world, 50, words::dhcp_client(&client, DhcpMessage::Discover));
        world.send(60, words::dhcp_from_server(server, mac, DhcpMessage::Offer, ip, lease_s));
    }
    let request = words::dhcp_client(&client, DhcpMessage::Request);
    say(world, 70, DhcpClaim { requested_ip: Some(ip), ..request });
    world.send(90, words::dhcp_from_server(server, mac, DhcpMessage::Ack, ip, lease_s));
    let machine = world.machine_mut(number);
    machine.ip = Some(ip);
    machine.leased = Some((mac, ip));
    // A machine that wakes up answers for itself again.
    world.release(world.people.sleep_proxy, ip.into());
    world.hold(number, ip.into());
    if checks {
        for ms in [200, 1200, 2200] {
            world.send(ms, words::conflict_check(mac, ip));
        }
        for ms in [4200, 6200] {
            world.send(ms, words::announcement(mac, ip));
        }
    } else {
        for ms in [300, 1500] {
            world.send(ms, words::arp(mac, ArpOperation::Request, ip, GATEWAY));
            world.send(ms + 1, words::arp(GATEWAY_MAC, ArpOperation::Reply, GATEWAY, ip));
        }
    }
    world.later(lease_ms / 2, Act::Renew(number, life));
}

/// A lease at half its time is renewed, by unicast (RFC 2131, section 4.4.5).
pub fn renew(world: &mut World, number: usize, life: u32) {
    let machine = world.machine(number);
    let Some(ip) = machine.ip.filter(|_| machine.life == life) else { return };
    let (mac, client, lease_ms) = (machine.mac, machine.words.clone(), machine.lease_ms);
    let key = client.client_id.clone().unwrap_or_else(|| mac.0.to_vec());
    let (given, _) = world.book.give(&key, world.now_ms, lease_ms);
    if given != ip {
        return;
    }
    let request = words::dhcp_client(&client, DhcpMessage::Request);
    world.send(0, words::dhcp_from_client(mac, DhcpClaim { ciaddr: Some(ip), ..request }));
    let lease_s = u32::try_from(lease_ms / SECOND).unwrap_or(u32::MAX);
    world.send(5, words::dhcp_from_server(world.people.server(), mac, DhcpMessage::Ack, ip, lease_s));
    world.later(lease_ms / 2, Act::Renew(number, life));
}

/// Duplicate address detection for each address that it makes (RFC 4862), and a question for routers.
fn join_six(world: &mut World, number: usize) {
    let mac = world.machine(number).mac;
    let stable = interface_id(mac);
    let own = address(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), stable);
    let mut addresses = vec![own];
    // Routers and devices without a user have one address for each prefix.
    let is_private = matches!(world.machine(number).sort, Sort::Laptop | Sort::Desktop | Sort::Phone | Sort::Guest);
    for prefix in PREFIXES {
        addresses.push(address(prefix, stable));
        if is_private {
            addresses.push(address(prefix, world.rng.number()));
        }
    }
    for (ip, ms) in addresses.iter().zip((20..).step_by(150)) {
        world.hold(number, (*ip).into());
        world.send(ms, words::ndp(mac, *ip, NdpClaim::Dad));
    }
    world.machine_mut(number).sixes.clone_from(&addresses);
    world.send(1100, words::ndp(mac, own, NdpClaim::RouterSolicit));
    for (ip, ms) in addresses.into_iter().zip((2000..).step_by(400)) {
        solicit(world, mac, ip, ms);
    }
}

/// Asks for the router by one of its addresses.
fn solicit(world: &mut World, mac: Mac, ip: Ipv6Addr, ms: u64) {
    let router = world.people.routers[0];
    let (router_mac, router_ip) = (world.machine(router).mac, link_local(world.machine(router).mac));
    world.send(ms, words::ndp(mac, ip, NdpClaim::Solicit { target: router_ip.into() }));
    world.send(ms + 1, words::advert(router_mac, router_ip, true));
}

/// The stable half of a station's IPv6 addresses.
pub fn interface_id(mac: Mac) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/// A station's link-local address.
pub fn link_local(mac: Mac) -> Ipv6Addr {
    address(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), interface_id(mac))
}

/// It announces its names, twice.
pub fn announce_names(world: &mut World, number: usize, ms: u64) {
    let machine = world.machine(number);
    let Some(ip) = machine.ip else { return };
    let (mac, name, instance) = (machine.mac, machine.mdns.clone(), machine.instance.clone());
    let netbios = machine.words.name.clone().filter(|_| machine.netbios);
    let model = machine.model;
    let text = |text: &str| Text::new(text.as_bytes());
    for again in [ms, ms + 1000] {
        if let Some(name) = &name {
            let claim = MdnsClaim::Address { name: text(name), addr: ip.into() };
            world.send(again, words::mdns(mac, ip.into(), claim));
        }
        if let Some((instance, name)) = instance.as_ref().zip(name.as_ref()) {
            let claim = MdnsClaim::Srv { name: text(instance), target: text(name), port: 5000 };
            world.send(again, words::mdns(mac, ip.into(), claim));
        }
        if let Some((model, name)) = model.zip(name.as_ref()) {
            let owner = name.replace(".local", "._device-info._tcp.local");
            let claim = MdnsClaim::Txt { name: text(&owner), txt: vec![text(&format!("model={model}"))] };
            world.send(again, words::mdns(mac, ip.into(), claim));
        }
        if let Some(name) = &netbios {
            world.send(again + 100, words::netbios(mac, ip, name));
        }
    }
}

/// Some of what a machine sends in a few minutes.
pub fn chat(world: &mut World, number: usize, life: u32) {
    let machine = world.machine(number);
    if machine.life != life || !machine.online {
        return;
    }
    let next = 4 * MINUTE + world.rng.below(6 * MINUTE);
    world.later(next, Act::Chat(number, life));
    if world.machine(number).asleep {
        return;
    }
    if number == world.people.cluster {
        return speak_for_cluster(world, number);
    }
    if let Some(ip) = world.machine(number).ip {
        chat_four(world, number, ip);
    }
    chat_six(world, number);
}

fn chat_four(world: &mut World, number: usize, ip: Ipv4Addr) {
    let mac = world.machine(number).mac;
    match world.rng.below(10) {
        0..6 => {
            let frames = 1 + world.rng.below(500);
            world.send(0, words::presence(mac, ip.into(), frames));
        }
        6..8 => {
            world.send(0, words::arp(mac, ArpOperation::Request, ip, GATEWAY));
            world.send(1, words::arp(GATEWAY_MAC, ArpOperation::Reply, GATEWAY, ip));
        }
        8 => {
            world.send(0, words::arp(GATEWAY_MAC, ArpOperation::Request, GATEWAY, ip));
            world.send(1, words::arp(mac, ArpOperation::Reply, ip, GATEWAY));
        }
        _ if world.machine(number).netbios => world.send(0, words::llmnr(mac, ip, "wpad")),
        _ if world.machine(number).mdns.is_some() && world.rng.one_in(4) => announce_names(world, number, 0),
        _ => world.send(0, words::frame(mac, ip.into())),
    }
    let fixed = world.machine(number).fixed.len() as u64;
    if fixed > 1 {
        let other = usize::try_from(world.rng.below(fixed)).unwrap_or(0);
        let ip = world.machine(number).fixed[other];
        world.send(5, words::arp(mac, ArpOperation::Reply, ip, GATEWAY));
    }
    if number == world.people.proxy {
        let behind = Ipv4Addr::new(10, 20, 0, 220 + u8::try_from(world.rng.below(20)).unwrap_or(0));
        world.send(5, words::arp(mac, ArpOperation::Reply, behind, GATEWAY));
    }
}

fn chat_six(world: &mut World, number: usize) {
    let machine = world.machine(number);
    let (mac, sort, addresses) = (machine.mac, machine.sort, machine.sixes.clone());
    if addresses.is_empty() || world.rng.one_in(2) {
        return;
    }
    let which = usize::try_from(world.rng.below(addresses.len() as u64)).unwrap_or(0);
    let ip = addresses[which];
    match world.rng.below(3) {
        0 => solicit(world, mac, ip, 0),
        _ => {
            let frames = 1 + world.rng.below(300);
            world.send(0, words::presence(mac, ip.into(), frames));
        }
    }
    // A temporary address is made anew each day (RFC 8981).
    if matches!(sort, Sort::Laptop | Sort::Desktop | Sort::Phone) && world.rng.one_in(100) {
        let prefix = PREFIXES[usize::try_from(world.rng.below(2)).unwrap_or(0)];
        let temporary = address(prefix, world.rng.number());
        world.hold(number, temporary.into());
        world.machine_mut(number).sixes.push(temporary);
        world.send(20, words::ndp(mac, temporary, NdpClaim::Dad));
        solicit(world, mac, temporary, 1500);
    }
}

/// The machines of a cluster answer with its MAC and send from their own (Microsoft network load balancing, unicast).
fn speak_for_cluster(world: &mut World, number: usize) {
    let ip = world.machine(number).fixed[0];
    let [a, b, c, d] = ip.octets();
    let frame_mac = Mac([2, 1, a, b, c, d]);
    let reply = words::arp(Mac([2, 0xbf, a, b, c, d]), ArpOperation::Reply, ip, GATEWAY);
    world.send(0, sensor_core::inventory::sighting::Sighting { frame_mac, ..reply });
}

/// A group's active member sends its messages; IPv6 routers advertise.
pub fn speak(world: &mut World, group: Group) {
    let minutes = if group == Group::Vrrp { 5 } else { 10 };
    world.later(minutes * MINUTE, Act::Speak(group));
    let active = world.active[&group];
    match group {
        Group::Bond => {}
        Group::Hsrp => {
            let [one, other] = world.people.hsrp;
            let leader = [one, other][active];
            claim_virtual(world, leader, HSRP_MAC, HSRP_IP);
            let (ip, standby) = (world.machine(leader).fixed[0], [other, one][active]);
            let (standby_mac, standby_ip) = (world.machine(standby).mac, world.machine(standby).fixed[0]);
            let virtual_macs = [HSRP_MAC];
            world.send(0, words::redundancy(HSRP_MAC, ip, Protocol::Hsrp, 5, HSRP_IP, &virtual_macs));
            world.send(9, words::redundancy(standby_mac, standby_ip, Protocol::Hsrp, 5, HSRP_IP, &virtual_macs));
        }
        Group::Vrrp => {
            let leader = world.people.routers[active];
            claim_virtual(world, leader, GATEWAY_MAC, GATEWAY);
            let ip = world.machine(leader).fixed[0];
            world.send(0, words::redundancy(GATEWAY_MAC, ip, Protocol::Vrrp, 10, GATEWAY, &[GATEWAY_MAC]));
            for router in world.people.routers {
                let mac = world.machine(router).mac;
                world.send(20, words::router_advert(mac, link_local(mac), 1800, &PREFIXES, &[RDNSS]));
            }
        }
        Group::Shared => {
            let leader = world.people.shared[active];
            let (mac, ip) = (world.machine(leader).mac, world.machine(leader).fixed[0]);
            world.hold(leader, SHARED_IP.into());
            let group_mac = Mac([0, 0, 0x5e, 0, 1, 51]);
            world.send(0, words::redundancy(mac, ip, Protocol::Vrrp, 51, SHARED_IP, &[group_mac]));
            world.send(7, words::arp(mac, ArpOperation::Request, SHARED_IP, GATEWAY));
        }
    }
}

fn claim_virtual(world: &mut World, leader: usize, mac: Mac, ip: Ipv4Addr) {
    world.hold_as(leader, mac, ip.into());
    world.send(3, words::announcement(mac, ip));
}

/// Another member takes over.
pub fn fail_over(world: &mut World, group: Group) {
    let old = world.active[&group];
    world.active.insert(group, 1 - old);
    let members = match group {
        Group::Bond => world.people.bond,
        Group::Hsrp => world.people.hsrp,
        Group::Vrrp => world.people.routers,
        Group::Shared => world.people.shared,
    };
    let (old, new) = (members[old], members[1 - old]);
    match group {
        Group::Bond => {
            world.leave(old);
            join(world, new);
        }
        Group::Hsrp => world.release(old, HSRP_IP.into()),
        Group::Vrrp => world.release(old, GATEWAY.into()),
        Group::Shared => {
            world.release(old, SHARED_IP.into());
            let mac = world.machine(new).mac;
            for ms in [1, 500, 1000] {
                world.send(ms, words::announcement(mac, SHARED_IP));
            }
        }
    }
    world.later(10, Act::Speak(group));
}

/// A computer falls asleep; the sleep proxy announces its address as its own, and answers for it.
pub fn sleep_by_proxy(world: &mut World, number: usize) {
    let Some(ip) = world.machine(number).ip else { return };
    world.leave(number);
    let proxy = world.people.sleep_proxy;
    let mac = world.machine(proxy).mac;
    world.hold(proxy, ip.into());
    for ms in [100, 600] {
        world.send(ms, words::announcement(mac, ip));
    }
}

/// A station asks for every address of the network, one after the other.
pub fn scan(world: &mut World, number: usize, in_ms: u64) {
    let (mac, ip) = (world.machine(number).mac, world.machine(number).fixed[0]);
    for step in 0..1022_u64 {
        let host = u16::try_from(step + 1).unwrap_or(1).to_be_bytes();
        let target = Ipv4Addr::new(10, 20, host[0], host[1]);
        world.send(in_ms + step * 10, words::arp(mac, ArpOperation::Request, ip, target));
    }
}

/// The answers to a question of the sensor.
pub fn answer(world: &mut World, probe: &Probe) {
    let ip = probe.ip;
    let holders = world.holders.get(&ip).cloned().unwrap_or_default();
    match &probe.question {
        Question::Arp { to } | Question::ConflictCheck { to } => {
            let target = if matches!(probe.question, Question::Arp { .. }) { OWN_IP } else { Ipv4Addr::UNSPECIFIED };
            for (number, mac) in holders {
                if let IpAddr::V4(four) = ip
                    && (*to == Mac::BROADCAST || *to == mac || *to == world.machine(number).mac)
                {
                    reply(world, words::arp(mac, ArpOperation::Reply, four, target));
                }
            }
        }
        Question::Ndp { to } => {
            for (_, mac) in holders {
                if let IpAddr::V6(six) = ip
                    && to.is_none_or(|to| to == mac)
                {
                    reply(world, words::advert(mac, six, false));
                }
            }
        }
        Question::Echo => {
            resolve(world, ip, &holders);
            let awake = holders.iter().any(|(number, _)| world.machine(*number).echo && !world.machine(*number).asleep);
            if awake {
                let rtt = Duration::from_millis(2);
                socket(world, ip, 30, Answer::Echo { rtt, hop_limit: Some(64) });
            }
        }
        Question::Connect { ports } | Question::Knock { ports } => {
            resolve(world, ip, &holders);
            let owner = holders.first().map(|(number, _)| *number);
            for &port in ports.iter() {
                let machine =
                    owner.map(|number| world.machine(number)).filter(|machine| machine.tcp && !machine.asleep);
                let (ms, state) = match machine {
                    Some(machine) if machine.open.contains(&port) => (34, PortState::Open),
                    Some(_) => (33, PortState::Closed),
                    None => (1000, PortState::Silent),
                };
                let rtt = Duration::from_millis(ms);
                socket(world, ip, ms, Answer::Port { port, state, banner: None, rtt });
            }
        }
        Question::Ptr => socket(world, ip, 3, Answer::Ptr { name: None, confirmed: false }),
        Question::AllNodes | Question::Discover | Question::Mdns | Question::Nbns | Question::Snmp => {}
    }
}

/// Before it sends, the sensor's own kernel resolves the neighbour, and the holder of the address answers.
fn resolve(world: &mut World, ip: IpAddr, holders: &[(usize, Mac)]) {
    for &(_, mac) in holders {
        match ip {
            IpAddr::V4(ip) => reply(world, words::arp(mac, ArpOperation::Reply, ip, OWN_IP)),
            IpAddr::V6(ip) => reply(world, words::advert(mac, ip, false)),
        }
    }
}

/// A frame that answers: it reaches the sensor itself, and may also come through the mirror port.
fn reply(world: &mut World, sighting: sensor_core::inventory::sighting::Sighting) {
    let ms = 1 + world.rng.below(20);
    if world.rng.one_in(10) {
        world.later(ms + 1, Act::Answer(Box::new(sighting.clone())));
    }
    world.later(ms, Act::Answer(Box::new(sighting)));
}

fn socket(world: &mut World, ip: IpAddr, ms: u64, answer: Answer) {
    let sighting = words::word(Mac::ZERO, Some(ip), Claim::Answer(Box::new(answer)));
    world.later(ms, Act::Answer(Box::new(sighting)));
}

/// A single message of a client to a DHCP server.
pub fn discover(world: &mut World, ms: u64, mac: Mac, client: &ClientWords) {
    world.send(ms, words::dhcp_from_client(mac, words::dhcp_client(client, DhcpMessage::Discover)));
}
