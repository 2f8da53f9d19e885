//! The sightings log's lines of what switches and routers tell each other.

use sensor_core::wire;
use sensor_core::wire::membership;
use sensor_core::wire::redundancy;
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::export::sightings::{put, text};
use sensor_core::types::Packet;

pub(super) fn lldp(line: &mut Map<String, Value>, message: &wire::lldp::Message) {
    for (key, id) in [("chassis", &message.chassis), ("port", &message.port)] {
        put(line, &format!("{key}_subtype"), id.subtype);
        put(line, key, text(&id.value.text()));
    }
    put(line, "ttl", message.ttl_s);
    let mut some = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| put(line, key, value));
    some("system_name", message.system_name.as_ref().map(text));
    some("system_desc", message.system_description.as_ref().map(text));
    some("port_desc", message.port_description.as_ref().map(text));
    some("mgmt", addresses(&message.management));
    some("pvid", message.port_vlan.map(Value::from));
    some("capabilities", message.capabilities.map(|capabilities| capabilities.supported.into()));
    some("enabled", message.capabilities.map(|capabilities| capabilities.enabled.into()));
    let Some(med) = &message.med else { return };
    some("med_class", med.class.map(Value::from));
    some("hardware", med.hardware.as_ref().map(text));
    some("firmware", med.firmware.as_ref().map(text));
    some("software", med.software.as_ref().map(text));
    some("serial", med.serial.as_ref().map(text));
    some("manufacturer", med.manufacturer.as_ref().map(text));
    some("model", med.model.as_ref().map(text));
    some("asset", med.asset.as_ref().map(text));
}

pub(super) fn cdp(line: &mut Map<String, Value>, message: &wire::cdp::Message) {
    let mut some = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| put(line, key, value));
    some("device_id", message.device_id.as_ref().map(text));
    some("port", message.port.as_ref().map(text));
    some("ttl", Some(message.ttl_s.into()));
    some("platform", message.platform.as_ref().map(text));
    some("software", message.software.as_ref().map(text));
    some("addresses", addresses(&message.addresses));
    some("mgmt", addresses(&message.management));
    some("native_vlan", message.native_vlan.map(Value::from));
    some("voip_vlan", message.voip_vlan.map(Value::from));
    some("capabilities", message.capabilities.map(Value::from));
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
    let mut some = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| put(line, key, value));
    some("state", message.state.map(|state| state.name().into()));
    some("priority", message.priority.map(Value::from));
    some("addresses", addresses(&message.addresses));
    let macs: Vec<Value> = message.virtual_macs.iter().map(|mac| mac.to_string().into()).collect();
    some("virtual_macs", (!macs.is_empty()).then(|| macs.into()));
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
