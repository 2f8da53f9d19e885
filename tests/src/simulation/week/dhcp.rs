//! The DHCP server's leases. A client keeps its address while no other client got it; when
//! no address is left that was never leased, the one whose lease ended first is used again.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The leases.
#[derive(Debug)]
pub struct Book {
    /// Addresses never given, the next one last.
    fresh: Vec<Ipv4Addr>,
    /// The client of each address, and when its lease ends.
    given: BTreeMap<Ipv4Addr, (Vec<u8>, u64)>,
    /// Each client's last address.
    known: BTreeMap<Vec<u8>, Ipv4Addr>,
    /// The next client without an address gets this one.
    pub forced: Option<Ipv4Addr>,
}

impl Book {
    /// Nothing was given yet.
    pub fn new(pool: impl Iterator<Item = Ipv4Addr>) -> Self {
        let mut fresh: Vec<_> = pool.collect();
        fresh.reverse();
        Self { fresh, given: BTreeMap::new(), known: BTreeMap::new(), forced: None }
    }

    /// The address of a client from now on, and whether it had that before.
    pub fn give(&mut self, client: &[u8], now_ms: u64, lease_ms: u64) -> (Ipv4Addr, bool) {
        let is_his = |ip: &Ipv4Addr| self.given.get(ip).is_some_and(|(owner, _)| owner == client);
        let before = self.known.get(client).copied().filter(is_his);
        let ip = before.or_else(|| self.forced.take()).or_else(|| self.fresh.pop()).unwrap_or_else(|| self.oldest());
        self.given.insert(ip, (client.to_vec(), now_ms + lease_ms));
        self.known.insert(client.to_vec(), ip);
        (ip, before.is_some())
    }

    fn oldest(&self) -> Ipv4Addr {
        *self.given.iter().min_by_key(|(_, (_, until))| *until).expect("the pool is not empty").0
    }

    /// An address that was never leased and never will be.
    pub fn withhold(&mut self) -> Ipv4Addr {
        self.fresh.remove(0)
    }
}
