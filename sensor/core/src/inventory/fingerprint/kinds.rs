//! The kinds of hosts that are told apart.

/// Every kind by its written name, in alphabetical order.
pub const KINDS: [&str; 20] = [
    "access-point",
    "appliance",
    "camera",
    "computer",
    "console",
    "hypervisor",
    "iot",
    "nas",
    "phone",
    "printer",
    "router",
    "scanner",
    "server",
    "speaker",
    "switch",
    "tablet",
    "tv",
    "virtual-machine",
    "voip-phone",
    "watch",
];
