//! Reverse DNS and forward confirmation by the network's own name servers.
