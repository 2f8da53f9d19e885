//! The sensor's sightings log and events in the other decoder's kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::Context;
use serde_json::{Map, Value};

use super::fact::{Facts, MOVES, VLANS, spell};

/// The facts in a sightings log and the events beside it.
pub fn facts(sightings: &str, events: &str) -> anyhow::Result<Facts> {
    let mut facts = Facts::default();
    for line in sightings.lines() {
        let line: Map<String, Value> = serde_json::from_str(line).with_context(|| format!("sighting {line}"))?;
        sighting(&line, &mut facts).with_context(|| format!("sighting {line:?}"))?;
    }
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for line in events.lines() {
        let event: Map<String, Value> = serde_json::from_str(line).with_context(|| format!("event {line}"))?;
        if let Some(fact) = moved(&event) {
            let number = numbers.entry(fact.clone()).or_default();
            *number += 1;
            add(&mut facts, MOVES, format!("{fact} {number}"));
        }
    }
    Ok(facts)
}

fn add(facts: &mut Facts, kind: &str, fact: String) {
    facts.entry(kind.to_owned()).or_default().insert(fact);
}

/// Takes these fields of a line under new names; a field that is absent stays absent.
fn pick(line: &Map<String, Value>, fields: &[(&str, &str)]) -> Map<String, Value> {
    fields.iter().filter_map(|(from, to)| Some(((*to).to_owned(), line.get(*from)?.clone()))).collect()
}

const BINDING: &[(&str, &str)] = &[("mac", "mac"), ("ip", "ip"), ("vlan", "vlan")];

const CDP: &[(&str, &str)] = &[
    ("mac", "mac"),
    ("vlan", "vlan"),
    ("device_id", "device_id"),
    ("port", "port"),
    ("software", "software"),
    ("platform", "platform"),
    ("native_vlan", "native_vlan"),
    ("addresses", "addresses"),
];

const LLDP: &[(&str, &str)] = &[
    ("mac", "mac"),
    ("vlan", "vlan"),
    ("chassis_subtype", "chassis_subtype"),
    ("chassis", "chassis"),
    ("port_subtype", "port_subtype"),
    ("port", "port"),
    ("ttl", "ttl"),
    ("port_desc", "port_desc"),
    ("system_name", "system_name"),
    ("system_desc", "system_desc"),
    ("mgmt", "mgmt"),
    ("pvid", "pvid"),
];

fn sighting(line: &Map<String, Value>, facts: &mut Facts) -> anyhow::Result<()> {
    // The independent decoder has no such kinds; p0f reads SYNs (`cargo xtask prints`).
    if matches!(word(line, "source")?, "served" | "syn" | "syn-ack" | "traffic") {
        return Ok(());
    }
    let vlans = line.get("vlan").and_then(Value::as_array).context("no VLANs")?;
    vlans.iter().for_each(|id| add(facts, VLANS, id.to_string()));
    if line.contains_key("malformed") {
        return Ok(());
    }
    match word(line, "source")? {
        "arp" => arp(line, facts)?,
        "cdp" => add(facts, "cdp", spell(&pick(line, CDP))),
        "dhcp" => add(facts, "dhcp", dhcp(line)?),
        "lldp" => add(facts, "lldp", spell(&pick(line, LLDP))),
        "dhcpv6" => add(facts, "dhcpv6", dhcpv6(line)?),
        "llmnr" if line.contains_key("addr") => {
            add(facts, "llmnr", spell(&pick(line, &[("name", "name"), ("addr", "addr"), ("mac", "mac")])));
        }
        // The other decoder reports LLMNR addresses only, and neither WS-Discovery nor single frames.
        "llmnr" | "served" | "syn" | "syn-ack" | "traffic" | "wsd" => {}
        "mdns" => mdns(line, facts)?,
        "nbns" => nbns(line, facts)?,
        "ndp" => ndp(line, facts)?,
        // The other decoder was not asked about these.
        "carp" | "glbp" | "hsrp" | "igmp" | "mld" | "stp" | "vrrp" => {}
        "ssdp" => add(facts, "ssdp", ssdp(line)?),
        other => anyhow::bail!("source {other}"),
    }
    Ok(())
}

fn word<'a>(line: &'a Map<String, Value>, key: &str) -> anyhow::Result<&'a str> {
    line.get(key).and_then(Value::as_str).with_context(|| format!("no {key}"))
}

fn arp(line: &Map<String, Value>, facts: &mut Facts) -> anyhow::Result<()> {
    let binding = spell(&pick(line, BINDING));
    let operation = word(line, "op")?;
    if operation == "conflict-check" {
        add(facts, "arp_probe", binding);
        return Ok(());
    }
    if operation == "gratuitous" {
        add(facts, "arp_gratuitous", binding.clone());
    }
    if let Some(frame_mac) = line.get("frame_mac") {
        let mut mismatch = pick(line, BINDING);
        mismatch.insert("frame_mac".to_owned(), frame_mac.clone());
        add(facts, "arp_mismatch", spell(&mismatch));
    }
    add(facts, "arp", binding);
    Ok(())
}

fn dhcp(line: &Map<String, Value>) -> anyhow::Result<String> {
    let mut record = pick(
        line,
        &[
            ("mac", "mac"),
            ("vlan", "vlan"),
            ("hostname", "hostname"),
            ("vendor_class", "vendor_class"),
            ("parameters", "param_list"),
            ("requested_ip", "requested_ip"),
            ("server", "server_id"),
            ("client_id", "client_id"),
            ("fqdn", "fqdn"),
            ("ciaddr", "ciaddr"),
            ("yiaddr", "yiaddr"),
            ("giaddr", "giaddr"),
        ],
    );
    let message = match line.get("type").context("no type")? {
        Value::String(name) => name.to_uppercase(),
        number => number.to_string(),
    };
    record.insert("type".to_owned(), message.into());
    Ok(spell(&record))
}

fn dhcpv6(line: &Map<String, Value>) -> anyhow::Result<String> {
    let mut record = pick(
        line,
        &[
            ("mac", "mac"),
            ("ip", "ip"),
            ("vlan", "vlan"),
            ("client_duid", "client_duid"),
            ("server_duid", "server_duid"),
            ("fqdn", "fqdn"),
            ("vendor_class", "vendor_class"),
            ("relay", "relay"),
        ],
    );
    // A relayed message comes from the relay's MAC, which the other decoder leaves out.
    if line.contains_key("relay") {
        record.shift_remove("mac");
        record.shift_remove("ip");
    }
    let message = match line.get("type").context("no type")? {
        Value::String(name) => name.to_uppercase(),
        number => number.to_string(),
    };
    if matches!(message.as_str(), "REPLY" | "REQUEST" | "RENEW" | "REBIND" | "CONFIRM")
        && let Some(addresses) = line.get("addresses").and_then(Value::as_array)
    {
        let addresses: BTreeSet<&str> = addresses.iter().filter_map(Value::as_str).collect();
        record.insert("addresses".to_owned(), addresses.into_iter().collect());
    }
    record.insert("type".to_owned(), message.into());
    Ok(spell(&record))
}

fn nbns(line: &Map<String, Value>, facts: &mut Facts) -> anyhow::Result<()> {
    let fields = [("name", "name"), ("suffix", "suffix"), ("group", "group"), ("mac", "mac")];
    let mut record = pick(line, &fields);
    let (kind, from) = match word(line, "record")? {
        "address" => ("nbns", "addr"),
        "status" => ("nbns_status", "ip"),
        "goodbye" | "query" => return Ok(()),
        other => anyhow::bail!("NetBIOS record {other}"),
    };
    record.extend(pick(line, &[(from, "addr")]));
    add(facts, kind, spell(&record));
    Ok(())
}

fn ssdp(line: &Map<String, Value>) -> anyhow::Result<String> {
    let mut record = pick(
        line,
        &[
            ("mac", "mac"),
            ("ip", "ip"),
            ("server", "server"),
            ("location", "location"),
            ("usn", "usn"),
            ("nt", "nt"),
            ("nts", "nts"),
            ("st", "st"),
            ("user_agent", "user_agent"),
        ],
    );
    record.insert("kind".to_owned(), word(line, "kind")?.to_uppercase().into());
    Ok(spell(&record))
}

fn mdns(line: &Map<String, Value>, facts: &mut Facts) -> anyhow::Result<()> {
    let told = word(line, "record")?;
    let sender = match told {
        "query" => "mdns_querier",
        _ => "mdns_responder",
    };
    add(facts, sender, spell(&pick(line, BINDING)));
    // A goodbye has the fields of the record that ends; they show which record that is.
    let has = |key| line.contains_key(key);
    let (kind, fields): (&str, &[_]) = match told {
        "query" => return Ok(()),
        _ if has("addr") => ("mdns_a", &[("name", "name"), ("addr", "addr")]),
        _ if has("port") => ("mdns_srv", &[("name", "instance"), ("target", "target"), ("port", "port")]),
        _ if has("target") => ("mdns_reverse", &[("name", "name"), ("target", "host")]),
        _ if has("instance") => ("mdns_service", &[("name", "type"), ("instance", "instance")]),
        _ if has("txt") => ("mdns_txt", &[("name", "name"), ("txt", "txt")]),
        _ => ("mdns_type", &[("name", "type")]),
    };
    let mut record = pick(line, fields);
    record.insert("mac".to_owned(), word(line, "mac")?.into());
    if told == "goodbye" {
        record.insert("record".to_owned(), kind.into());
        add(facts, "mdns_goodbye", spell(&record));
    } else {
        add(facts, kind, spell(&record));
    }
    Ok(())
}

fn ndp(line: &Map<String, Value>, facts: &mut Facts) -> anyhow::Result<()> {
    let binding = spell(&pick(line, BINDING));
    let in_own_frame = !line.contains_key("frame_mac");
    match word(line, "op")? {
        "advert" => {
            // The log does not say whether the address came from the option; without one it is the frame's.
            if in_own_frame {
                add(facts, "ndp_na_no_option", binding.clone());
            }
            add(facts, "ndp", binding);
        }
        "dad" => add(facts, "ndp_dad", binding),
        "redirect" => {}
        "router-advert" => {
            let mut router = pick(line, &[("ip", "ip"), ("lifetime", "lifetime"), ("vlan", "vlan")]);
            let frame_mac = line.get("frame_mac").or(line.get("mac")).context("no MAC")?;
            router.insert("mac".to_owned(), frame_mac.clone());
            add(facts, "ndp_router", spell(&router));
            for prefix in line.get("prefixes").and_then(Value::as_array).into_iter().flatten() {
                let mut record = pick(line, &[("ip", "router"), ("vlan", "vlan")]);
                record.insert("prefix".to_owned(), prefix.clone());
                add(facts, "ndp_prefix", spell(&record));
            }
            add(facts, "ndp", binding);
        }
        "solicit" => add(facts, "ndp", binding),
        other => anyhow::bail!("NDP operation {other}"),
    }
    Ok(())
}

/// `vlans|address kind` of an event about an IPv4 address with another MAC.
fn moved(event: &Map<String, Value>) -> Option<String> {
    let kind = event.get("kind")?.as_str()?;
    let ip: IpAddr = event.get("ip")?.as_str()?.parse().ok()?;
    if !matches!(kind, "changed-mac" | "flip-flop" | "reused-mac") || ip.is_ipv6() {
        return None;
    }
    let vlans = event
        .get("vlan")
        .and_then(Value::as_array)
        .map_or_else(|| "-".to_owned(), |ids| ids.iter().map(Value::to_string).collect::<Vec<_>>().join("."));
    Some(format!("{vlans}|{ip} {kind}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// The facts in a sightings line with `fields`, as `kind record` lines.
    fn check(fields: &str, expected: &[&str]) {
        let line = format!(r#"{{"vlan":[7],"mac":"a","ip":"10.0.0.1",{fields}}}"#);
        let facts = facts(&line, "").unwrap();
        let told =
            facts.iter().flat_map(|(kind, records)| records.iter().map(move |record| format!("{kind} {record}")));
        let told: Vec<String> = told.filter(|fact| fact != "vlans 7").collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn an_arp_announcement_is_a_binding_too() {
        let binding = r#"{"ip":"10.0.0.1","mac":"a","vlan":[7]}"#;
        check(
            r#""source":"arp","op":"gratuitous""#,
            &[&format!("arp {binding}"), &format!("arp_gratuitous {binding}")],
        );
        check(r#""source":"arp","op":"conflict-check""#, &[&format!("arp_probe {binding}")]);
    }

    #[test]
    fn a_router_is_known_by_its_frame() {
        check(
            r#""source":"ndp","op":"router-advert","frame_mac":"b","lifetime":9,"prefixes":["2001:db8::/64"]"#,
            &[
                r#"ndp {"ip":"10.0.0.1","mac":"a","vlan":[7]}"#,
                r#"ndp_prefix {"prefix":"2001:db8::/64","router":"10.0.0.1","vlan":[7]}"#,
                r#"ndp_router {"ip":"10.0.0.1","lifetime":9,"mac":"b","vlan":[7]}"#,
            ],
        );
    }

    #[test]
    fn a_goodbye_is_told_by_its_fields() {
        check(
            r#""source":"mdns","record":"goodbye","name":"x","port":80,"target":"y""#,
            &[
                r#"mdns_goodbye {"instance":"x","mac":"a","port":80,"record":"mdns_srv","target":"y"}"#,
                r#"mdns_responder {"ip":"10.0.0.1","mac":"a","vlan":[7]}"#,
            ],
        );
    }

    #[test]
    fn a_dhcp_type_is_a_name_or_a_number() {
        check(r#""source":"dhcp","type":"ack""#, &[r#"dhcp {"mac":"a","type":"ACK","vlan":[7]}"#]);
        check(r#""source":"dhcp","type":0"#, &[r#"dhcp {"mac":"a","type":"0","vlan":[7]}"#]);
    }

    #[test]
    fn a_relayed_dhcpv6_message_has_no_sender() {
        check(
            r#""source":"dhcpv6","type":"reply","addresses":["2001:db8::6","2001:db8::5"]"#,
            &[
                r#"dhcpv6 {"addresses":["2001:db8::5","2001:db8::6"],"ip":"10.0.0.1","mac":"a","type":"REPLY","vlan":[7]}"#,
            ],
        );
        check(
            r#""source":"dhcpv6","type":"solicit","relay":true,"addresses":["2001:db8::5"]"#,
            &[r#"dhcpv6 {"relay":true,"type":"SOLICIT","vlan":[7]}"#],
        );
    }

    #[test]
    fn a_netbios_name_has_an_address_or_is_its_nodes() {
        let name = r#""source":"nbns","name":"PC","suffix":"00","group":false"#;
        let fact = |addr| format!(r#"{{"addr":"{addr}","group":false,"mac":"a","name":"PC","suffix":"00"}}"#);
        check(&format!(r#"{name},"record":"address","addr":"10.0.0.5""#), &[&format!("nbns {}", fact("10.0.0.5"))]);
        check(&format!(r#"{name},"record":"status""#), &[&format!("nbns_status {}", fact("10.0.0.1"))]);
        check(&format!(r#"{name},"record":"query""#), &[]);
    }

    #[test]
    fn ssdp_and_llmnr() {
        check(
            r#""source":"ssdp","kind":"m-search","st":"x""#,
            &[r#"ssdp {"ip":"10.0.0.1","kind":"M-SEARCH","mac":"a","st":"x"}"#],
        );
        check(
            r#""source":"llmnr","record":"address","name":"pc","addr":"10.0.0.5""#,
            &[r#"llmnr {"addr":"10.0.0.5","mac":"a","name":"pc"}"#],
        );
        check(r#""source":"llmnr","record":"query","name":"pc""#, &[]);
        check(r#""source":"wsd","kind":"probe""#, &[]);
    }

    #[test]
    fn what_is_malformed_tells_no_fact() {
        check(r#""source":"arp","malformed":"truncated""#, &[]);
    }

    #[test]
    fn an_ipv4_address_with_another_mac_has_moved() {
        let event = |kind: &str, ip: &str| format!("{{\"kind\":\"{kind}\",\"ip\":\"{ip}\",\"vlan\":[1,2]}}\n");
        let events = [event("flip-flop", "10.0.0.1"), event("flip-flop", "10.0.0.1"), event("flip-flop", "fe80::1")];
        let facts = facts("", &(events.concat() + &event("new-host", "10.0.0.2"))).unwrap();
        let moves: Vec<&String> = facts[MOVES].iter().collect();
        assert_eq!(moves, ["1.2|10.0.0.1 flip-flop 1", "1.2|10.0.0.1 flip-flop 2"]);
    }
}
