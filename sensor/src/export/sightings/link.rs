//! What switches and routers announce to each other: LLDP, CDP, spanning tree, IGMP and MLD, redundancy protocols.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::export::sightings::fields::{put, put_some, text};
use sensor_core::types::Packet;
use sensor_core::wire::{self, membership, redundancy};

pub(super) fn lldp(line: &mut Map<String, Value>, message: &wire::lldp::Message) {
    for (key, id) in [("chassis", &message.chassis), ("port", &message.port)] {
        put(line, &format!("{key}_subtype"), id.subtype);
        put(line, key, text(&id.value.text()));
    }
    put(line, "ttl", message.ttl_s);
    put_some(line, "system_name", message.system_name.as_ref().map(text));
    put_some(line, "system_desc", message.system_description.as_ref().map(text));
    put_some(line, "port_desc", message.port_description.as_ref().map(text));
    put_some(line, "mgmt", addresses(&message.management));
    put_some(line, "pvid", message.port_vlan);
    put_some(line, "capabilities", message.capabilities.map(|capabilities| capabilities.supported));
    put_some(line, "enabled", message.capabilities.map(|capabilities| capabilities.enabled));
    let Some(med) = &message.med else { return };
    put_some(line, "med_class", med.class);
    put_some(line, "hardware", med.hardware.as_ref().map(text));
    put_some(line, "firmware", med.firmware.as_ref().map(text));
    put_some(line, "software", med.software.as_ref().map(text));
    put_some(line, "serial", med.serial.as_ref().map(text));
    put_some(line, "manufacturer", med.manufacturer.as_ref().map(text));
    put_some(line, "model", med.model.as_ref().map(text));
    put_some(line, "asset", med.asset.as_ref().map(text));
}

pub(super) fn cdp(line: &mut Map<String, Value>, message: &wire::cdp::Message) {
    put_some(line, "device_id", message.device_id.as_ref().map(text));
    put_some(line, "port", message.port.as_ref().map(text));
    put_some(line, "ttl", Some(message.ttl_s));
    put_some(line, "platform", message.platform.as_ref().map(text));
    put_some(line, "software", message.software.as_ref().map(text));
    put_some(line, "addresses", addresses(&message.addresses));
    put_some(line, "mgmt", addresses(&message.management));
    put_some(line, "native_vlan", message.native_vlan);
    put_some(line, "voip_vlan", message.voip_vlan);
    put_some(line, "capabilities", message.capabilities);
}

pub(super) fn stp(line: &mut Map<String, Value>, message: &wire::stp::Message) {
    if let Some(configuration) = &message.configuration {
        put(line, "root", configuration.root.to_string());
        put(line, "bridge", configuration.bridge.to_string());
        put(line, "cost", configuration.root_cost);
        put(line, "port", configuration.port);
    }
    put(line, "topology_change", message.is_topology_change());
}

pub(super) fn membership(line: &mut Map<String, Value>, message: &membership::Message) {
    let operation = match message.operation {
        membership::Operation::Leave => "leave",
        membership::Operation::Query => "query",
        membership::Operation::Report => "report",
    };
    put(line, "op", operation);
    let groups = if message.operation == membership::Operation::Leave { &message.left } else { &message.groups };
    put(line, "groups", list(groups));
    if message.operation == membership::Operation::Report && !message.left.is_empty() {
        put(line, "left", list(&message.left));
    }
}

pub(super) fn redundancy(line: &mut Map<String, Value>, message: &redundancy::Message) {
    put(line, "group", message.group);
    put_some(line, "state", message.state.map(|state| state.name()));
    put_some(line, "priority", message.priority);
    put_some(line, "addresses", addresses(&message.addresses));
    let macs: Vec<Value> = message.virtual_macs.iter().map(|mac| mac.to_string().into()).collect();
    put_some(line, "virtual_macs", Some(macs).filter(|macs| !macs.is_empty()));
}

pub(super) fn membership_source(protocol: membership::Protocol) -> &'static str {
    match protocol {
        membership::Protocol::Igmp => "igmp",
        membership::Protocol::Mld => "mld",
    }
}

/// The protocol of a message that could not be read, as far as its header tells.
pub(super) fn source_of(packet: Option<&Packet>) -> &'static str {
    match packet.map(|packet| (packet.protocol, redundancy::Protocol::of(packet))) {
        Some((_, Some(protocol))) => protocol.name(),
        Some((2, None)) => "igmp",
        Some((58, None)) => "mld",
        _ => "traffic",
    }
}

fn addresses(addresses: &[IpAddr]) -> Option<Value> {
    (!addresses.is_empty()).then(|| list(addresses))
}

fn list(addresses: &[IpAddr]) -> Value {
    addresses.iter().map(IpAddr::to_string).collect()
}
