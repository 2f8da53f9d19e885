//! How much the inventory keeps. Every table has a limit, an eviction rule (the one unseen for longest) and a counter.

/// Table limits, in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Hosts, and stations.
    pub hosts_max: usize,
    /// Bindings.
    pub bindings_max: usize,
    /// Bindings that one station holds at present; IPv6 privacy addresses stop here.
    pub bindings_per_station_max: usize,
    /// Holders remembered for one binding.
    pub holders_max: usize,
    /// Names of one host and source.
    pub names_max: usize,
    /// Services of one host.
    pub services_max: usize,
    /// What one host showed of its system, of one sort.
    pub prints_max: usize,
    /// Leases.
    pub leases_max: usize,
    /// Roles.
    pub roles_max: usize,
    /// Oddities told.
    pub told_max: usize,
    /// Addresses with what probes found out about them.
    pub asked_max: usize,
    /// TCP ports remembered for one address, open or not.
    pub ports_max: usize,
    /// Stations joined to hosts or parted from them.
    pub joins_max: usize,
    /// Ports of switches and routers that speak on a segment.
    pub neighbours_max: usize,
    /// Addresses whose move is being explained, or whose holders quarrel.
    pub disputes_max: usize,
}

impl Default for Limits {
    /// Room for a /16 with IPv6, in less than 100 MiB.
    fn default() -> Self {
        Self {
            hosts_max: 65_536,
            bindings_max: 262_144,
            bindings_per_station_max: 64,
            holders_max: 32,
            names_max: 8,
            services_max: 64,
            prints_max: 4,
            leases_max: 65_536,
            roles_max: 1024,
            told_max: 16_384,
            asked_max: 65_536,
            ports_max: 64,
            joins_max: 16_384,
            neighbours_max: 1024,
            disputes_max: 1024,
        }
    }
}
