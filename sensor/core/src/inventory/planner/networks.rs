//! Networks that come and go: the policy changes while the sensor runs.

use crate::inventory::planner::agenda::Agenda;
use crate::inventory::planner::policy::Policy;
use crate::inventory::planner::servers;
use crate::inventory::planner::state::{LeftNetwork, Planner, buckets, sweeps};
use crate::types::Timestamp;

/// Networks that are remembered after they left the policy.
const LEFT_NETWORKS_MAX: usize = 16;

impl Planner {
    /// Replaces the policy. Targets that may still be asked keep their turn, and buckets and sweeps of networks that
    /// stay go on as they were.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) {
        self.tick(now);
        let now = self.clock.now();
        let before = self.permit.set_policy(policy).networks;
        let policy = self.permit.policy();
        let index = |network| policy.networks.iter().position(|new| new == network);
        let indices: Vec<Option<usize>> = before.iter().map(index).collect();
        let buckets = std::mem::replace(&mut self.networks, buckets(policy));
        let mut sweeps = std::mem::replace(&mut self.sweeps, sweeps(&self.permit, self.key, now));
        let mut sweep_of = |index| Some(sweeps.swap_remove(sweeps.iter().position(|sweep| sweep.network == index)?));
        let left = before.into_iter().zip(buckets).enumerate();
        let left = left.map(|(index, (network, bucket))| LeftNetwork { network, bucket, sweep: sweep_of(index) });
        let mut left_networks: Vec<LeftNetwork> = left.chain(std::mem::take(&mut self.left_networks)).collect();
        for (index, network) in policy.networks.iter().enumerate() {
            let Some(at) = left_networks.iter().position(|left| left.network == *network) else { continue };
            let LeftNetwork { bucket, sweep, .. } = left_networks.remove(at);
            self.networks[index] = bucket;
            let new = self.sweeps.iter_mut().find(|new| new.network == index);
            if let (Some(new), Some(sweep)) = (new, sweep) {
                *new = sweep;
                new.network = index;
            }
        }
        left_networks.truncate(LEFT_NETWORKS_MAX);
        self.left_networks = left_networks;
        self.agenda = Agenda::new(self.networks.len());
        for address in self.targets.addresses() {
            let index = self.network_of(address);
            match (index, self.targets.get_mut(&address)) {
                (Some(index), Some(target)) => {
                    let wait = target.change_network(index, indices[target.network] == Some(index), now);
                    self.agenda.put(address, index, &mut target.wait, wait);
                }
                _ => drop(self.targets.remove(&address)),
            }
        }
        self.checks =
            std::mem::take(&mut self.checks).into_iter().filter(|(at, _)| self.network_of(*at).is_some()).collect();
        servers::renew(&mut self.searches, &self.permit, self.key, now);
        self.resume_at = None;
    }
}
