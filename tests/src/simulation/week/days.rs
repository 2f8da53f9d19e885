//! What machines do by day and by night: when they come, go, rest and wake.

use sensor_core::inventory::sighting::scan::ScanTarget;

use super::calendar::{DAY, HOUR, MINUTE};
use super::hosts::Sort;
use super::world::{Act, Deed, Group, World};
use super::{talk, words};

/// Tuesday and Thursday night.
const FAIL_OVERS: [(u64, Group); 8] = [
    (DAY + 3 * HOUR, Group::Vrrp),
    (3 * DAY + 22 * HOUR, Group::Vrrp),
    (2 * DAY + 10 * HOUR, Group::Hsrp),
    (DAY + 14 * HOUR, Group::Shared),
    (4 * DAY + 9 * HOUR, Group::Shared),
    (DAY + 11 * HOUR, Group::Bond),
    (3 * DAY + 12 * HOUR, Group::Bond),
    (5 * DAY + 12 * HOUR, Group::Bond),
];

/// Makes the plans of a day, at its midnight.
pub fn dawn(world: &mut World, day: u64) {
    if day == 0 {
        for (at_ms, group) in FAIL_OVERS {
            world.plan(at_ms, Act::FailOver(group));
        }
    }
    let is_weekend = day >= 5;
    let docked = world.people.docked.clone();
    for number in 0..world.people.machines.len() {
        match world.machine(number).sort {
            // Machines that come later belong to incidents.
            _ if number >= world.people.residents && world.machine(number).came_on.is_none() => {}
            Sort::Laptop if docked.iter().any(|(_, card)| *card == number) => {}
            Sort::Laptop => laptop(world, day, number, is_weekend),
            Sort::Desktop => desktop(world, day, number, is_weekend),
            Sort::Phone => phone(world, day, number, is_weekend),
            Sort::Printer => printer(world, day, number, is_weekend),
            _ if day == 0 => settle(world, number),
            _ => {}
        }
    }
    if day > 0 {
        nightly_scan(world);
    }
    redirects(world);
}

/// Machines that are always on join within the first twenty minutes.
fn settle(world: &mut World, number: usize) {
    let at_ms = world.rng.below(20 * MINUTE);
    if number != world.people.bond[1] {
        world.later(at_ms, Act::Join(number));
    }
}

fn between(world: &mut World, from: u64, to: u64) -> u64 {
    from + world.rng.below(to - from)
}

/// Half past seven to half past six, with a break; two of them stand on docking stations in between.
fn laptop(world: &mut World, day: u64, number: usize, is_weekend: bool) {
    let is_here = day == 0 || if is_weekend { world.rng.one_in(20) } else { !world.rng.one_in(7) };
    if !is_here {
        return;
    }
    let comes = between(world, 15 * HOUR / 2, 19 * HOUR / 2);
    let goes = between(world, 33 * HOUR / 2, 37 * HOUR / 2);
    let card = world.people.docked.iter().find(|(laptop, _)| *laptop == number).map(|(_, card)| *card);
    world.later(comes, Act::Join(number));
    world.later(goes, Act::Leave(number));
    if let Some(card) = card {
        let docks = comes + 20 * MINUTE;
        let undocks = goes - 20 * MINUTE;
        world.later(docks, Act::Leave(number));
        world.later(docks + 3000, Act::Join(card));
        world.later(undocks, Act::Leave(card));
        world.later(undocks + 3000, Act::Join(number));
    } else if world.rng.one_in(2) {
        let noon = between(world, 12 * HOUR, 13 * HOUR);
        let back = noon + between(world, 20 * MINUTE, 90 * MINUTE);
        world.later(noon, Act::Leave(number));
        world.later(back, Act::Join(number));
    }
}

/// As laptops, without a break; some are never switched off, and for some a proxy speaks while they sleep.
fn desktop(world: &mut World, day: u64, number: usize, is_weekend: bool) {
    let is_proxied = world.people.proxied.contains(&number);
    if number.is_multiple_of(5) && !is_proxied {
        if day == 0 {
            settle(world, number);
        }
        return;
    }
    if is_weekend || day > 0 && world.rng.one_in(10) {
        return;
    }
    let comes = between(world, 15 * HOUR / 2, 19 * HOUR / 2);
    let goes = between(world, 33 * HOUR / 2, 37 * HOUR / 2);
    world.later(comes, Act::Join(number));
    world.later(goes, if is_proxied { Act::SleepByProxy(number) } else { Act::Leave(number) });
}

/// It comes and goes with its owner, and is away now and then.
fn phone(world: &mut World, day: u64, number: usize, is_weekend: bool) {
    let is_here = day == 0 || if is_weekend { world.rng.one_in(10) } else { !world.rng.one_in(8) };
    if !is_here {
        return;
    }
    let mut at = between(world, 15 * HOUR / 2, 19 * HOUR / 2);
    world.later(at, Act::Join(number));
    for _ in 0..world.rng.below(3) {
        at += between(world, 90 * MINUTE, 150 * MINUTE);
        world.later(at, Act::Leave(number));
        at += between(world, 10 * MINUTE, 45 * MINUTE);
        world.later(at, Act::Join(number));
    }
    at += between(world, 60 * MINUTE, 90 * MINUTE);
    let goes = at.max(between(world, 16 * HOUR, 19 * HOUR));
    world.later(goes, Act::Leave(number));
}

/// It sleeps most of the time, and is awake for ten minutes now and then.
fn printer(world: &mut World, day: u64, number: usize, is_weekend: bool) {
    if day == 0 {
        settle(world, number);
    }
    for _ in 0..if is_weekend { 0 } else { 2 + world.rng.below(3) } {
        let wakes = between(world, 8 * HOUR, 18 * HOUR);
        world.later(wakes, Act::Wake(number, true));
        world.later(wakes + 10 * MINUTE, Act::Wake(number, false));
    }
}

/// A router tells hosts, several times a day, that the other one is nearer to some destination.
fn redirects(world: &mut World) {
    let [router, hop] = [0, 1].map(|place| world.machine(world.people.routers[place]).mac);
    for _ in 0..4 {
        let at = between(world, HOUR, 22 * HOUR);
        let (from, to) = (talk::link_local(router).into(), talk::link_local(hop).into());
        world.send(at, words::redirect(router, from, to, Some(hop)));
    }
}

/// The scanner that the owner has listed asks for every address, at two in the morning.
fn nightly_scan(world: &mut World) {
    let scanner = world.people.scanner;
    talk::scan(world, scanner, 2 * HOUR);
    let mac = world.machine(scanner).mac;
    world.later(2 * HOUR + 5000, Act::Deed(Deed::Scan(mac, ScanTarget::Neighbour(None))));
}
