//! All incidents: from Tuesday on, each at a random time, none near a restart. An incident has its own machines and
//! addresses, so that what is reported of them belongs to it.

use super::calendar::{DAY, HOUR, SECOND};
use super::hosts::Sort;
use super::plot::{Incident, Plot};
use super::world::{Act, Deed, World};

/// Plans all incidents, and the sensor's two restarts.
pub fn plant(world: &mut World) -> Vec<Incident> {
    let victims = (0..world.people.machines.len()).filter(|&number| world.machine(number).sort == Sort::Fixed);
    let mut plot = Plot { victims: victims.collect(), free: 171, incidents: Vec::new(), restarts: Vec::new(), world };
    plot.restarts();
    plot.newcomers();
    plot.guests();
    plot.replacements();
    plot.conflicts();
    plot.spoofs();
    plot.rogues();
    plot.dhcp_mischief();
    plot.scans();
    plot.redirects();
    plot.oddities();
    plot.deaths();
    plot.changes();
    plot.of_the_sensor();
    plot.incidents
}

impl Plot<'_> {
    fn restarts(&mut self) {
        for (day, is_in_order) in [(2, true), (4, false)] {
            let at_ms = day * DAY + self.world.rng.below(20 * HOUR);
            self.restarts.push(at_ms);
            let down_ms = 20 * SECOND + self.world.rng.below(60 * SECOND);
            self.world.plan(at_ms, Act::Deed(Deed::Restart(is_in_order, down_ms)));
        }
    }
}
