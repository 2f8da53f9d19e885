//! Performs what is due in the network.

use super::world::{Act, World};
use super::{days, talk};

/// Performs what a machine or a group of routers does.
pub(super) fn act(world: &mut World, act: Act) {
    match act {
        Act::Answer(_) | Act::Deed(_) | Act::Frame(_) => {}
        Act::Chat(number, life) => talk::chat(world, number, life),
        Act::Dawn(day) => days::dawn(world, day),
        Act::FailOver(group) => talk::fail_over(world, group),
        Act::Force(ip) => world.book.forced = Some(ip),
        Act::Join(number) => talk::join(world, number),
        Act::Leave(number) => world.leave(number),
        Act::Rename(number, name) => world.machine_mut(number).words.name = Some(name),
        Act::Renew(number, life) => talk::renew(world, number, life),
        Act::Serve(number, port, true) => drop(world.machine_mut(number).open.insert(port)),
        Act::Serve(number, port, false) => drop(world.machine_mut(number).open.remove(&port)),
        Act::SleepByProxy(number) => talk::sleep_by_proxy(world, number),
        Act::Speak(group) => talk::speak(world, group),
        Act::Vouch(number, ip, true) => world.hold(number, ip),
        Act::Vouch(number, ip, false) => world.release(number, ip),
        Act::Wake(number, is_awake) => {
            world.machine_mut(number).asleep = !is_awake;
            if is_awake {
                talk::announce_names(world, number, 100);
            }
        }
    }
}
