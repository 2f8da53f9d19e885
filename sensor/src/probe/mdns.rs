//! mDNS questions to one host.
