//! A capture like that of an office: 98 % TCP and UDP between the hosts, 2 % ARP, DHCP and mDNS. The same bytes every
//! time.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Frames in the capture.
pub(crate) const FRAMES: u32 = 1_000_000;
/// Hosts that speak in it.
pub(crate) const HOSTS: u32 = 5_000;

/// Writes the capture, unless it is there already.
pub(crate) fn write(path: &Path) -> io::Result<()> {
    if path.metadata().is_ok_and(|meta| meta.len() > 0) {
        return Ok(());
    }
    let partial = path.with_extension("part");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&partial)?);
    // The classic header: microseconds, little endian, Ethernet (draft-ietf-opsawg-pcap).
    out.write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])?;
    let mut random = Random(0x5eed);
    let mut frame = Vec::with_capacity(1514);
    for number in 0..FRAMES {
        frame.clear();
        let host = random.below(HOSTS);
        match random.below(1000) {
            0..10 => arp(&mut frame, host, random.below(HOSTS)),
            10..14 => dhcp(&mut frame, host),
            14..20 => mdns(&mut frame, host),
            _ => conversation(&mut frame, host, random.below(HOSTS), &mut random),
        }
        let seconds = 1_700_000_000 + number / 1000;
        let length = (frame.len() as u32).to_le_bytes();
        out.write_all(&seconds.to_le_bytes())?;
        out.write_all(&(number % 1000 * 1000).to_le_bytes())?;
        out.write_all(&length)?;
        out.write_all(&length)?;
        out.write_all(&frame)?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(partial, path)
}

/// xorshift64*: enough for spreading frames over hosts.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % u64::from(limit)) as u32
    }
}

fn mac(host: u32) -> [u8; 6] {
    let [_, a, b, c] = host.to_be_bytes();
    [0x00, 0x14, 0x22, a, b, c]
}

fn ip(host: u32) -> [u8; 4] {
    let [_, _, b, c] = host.to_be_bytes();
    [10, 20, b, c.max(1)]
}

pub(crate) fn ethernet(frame: &mut Vec<u8>, to: [u8; 6], from: [u8; 6], ethertype: u16) {
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&ethertype.to_be_bytes());
}

pub(crate) fn arp(frame: &mut Vec<u8>, host: u32, target: u32) {
    ethernet(frame, [0xff; 6], mac(host), 0x0806);
    frame.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend_from_slice(&mac(host));
    frame.extend_from_slice(&ip(host));
    frame.extend_from_slice(&[0; 6]);
    frame.extend_from_slice(&ip(target));
    frame.resize(60, 0);
}

pub(crate) fn ipv4(frame: &mut Vec<u8>, protocol: u8, from: [u8; 4], to: [u8; 4], payload: usize) {
    let total = (20 + payload) as u16;
    let start = frame.len();
    frame.extend_from_slice(&[0x45, 0]);
    frame.extend_from_slice(&total.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0, if to[0] >= 224 { 255 } else { 64 }, protocol, 0, 0]);
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&to);
    let sum: u32 = frame[start..].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
}

pub(crate) fn udp(frame: &mut Vec<u8>, ports: [u16; 2], payload: &[u8]) {
    frame.extend_from_slice(&ports[0].to_be_bytes());
    frame.extend_from_slice(&ports[1].to_be_bytes());
    frame.extend_from_slice(&(8 + payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(payload);
}

pub(crate) fn dhcp(frame: &mut Vec<u8>, host: u32) {
    let mut message = vec![0; 236];
    message[..4].copy_from_slice(&[1, 1, 6, 0]);
    message[4..8].copy_from_slice(&host.to_be_bytes());
    message[12..16].copy_from_slice(&ip(host));
    message[28..34].copy_from_slice(&mac(host));
    message.extend_from_slice(&[99, 130, 83, 99, 53, 1, 3, 12, 8]);
    message.extend_from_slice(format!("host{host:04}").as_bytes());
    message.extend_from_slice(&[60, 8]);
    message.extend_from_slice(b"MSFT 5.0");
    message.extend_from_slice(&[55, 8, 1, 3, 6, 15, 31, 33, 43, 44, 61, 7, 1]);
    message.extend_from_slice(&mac(host));
    message.push(255);
    message.resize(300, 0);
    ethernet(frame, [0xff; 6], mac(host), 0x0800);
    ipv4(frame, 17, ip(host), [255; 4], 8 + message.len());
    udp(frame, [68, 67], &message);
}

pub(crate) fn mdns(frame: &mut Vec<u8>, host: u32) {
    let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0];
    let label = format!("host{host:04}");
    message.push(label.len() as u8);
    message.extend_from_slice(label.as_bytes());
    message.extend_from_slice(b"\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04");
    message.extend_from_slice(&ip(host));
    // A pointer to the name at offset 12, then PTR to a service instance.
    message.extend_from_slice(b"\x04_ssh\x04_tcp\x05local\0\0\x0c\0\x01\0\0\x11\x94\0\x0b\x08");
    message.extend_from_slice(label.as_bytes());
    message.extend_from_slice(&[0xc0, 43]);
    ethernet(frame, [0x01, 0, 0x5e, 0, 0, 0xfb], mac(host), 0x0800);
    ipv4(frame, 17, ip(host), [224, 0, 0, 251], 8 + message.len());
    udp(frame, [5353, 5353], &message);
}

fn conversation(frame: &mut Vec<u8>, from: u32, to: u32, random: &mut Random) {
    ethernet(frame, mac(to), mac(from), 0x0800);
    let ports = [40_000 + random.below(20_000) as u16, 443];
    let payload = vec![0xa5; random.below(400) as usize];
    if random.below(4) == 0 {
        ipv4(frame, 17, ip(from), ip(to), 8 + payload.len());
        udp(frame, ports, &payload);
    } else {
        ipv4(frame, 6, ip(from), ip(to), 20 + payload.len());
        frame.extend_from_slice(&ports[0].to_be_bytes());
        frame.extend_from_slice(&ports[1].to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend_from_slice(&payload);
    }
}

/// A TCP segment without addresses.
pub(crate) fn tcp(frame: &mut Vec<u8>, ports: [u16; 2], flags: u8, payload: &[u8]) {
    ethernet(frame, [0; 6], [0; 6], 0x0800);
    ipv4(frame, 6, [0; 4], [0; 4], 20 + payload.len());
    frame.extend_from_slice(&ports[0].to_be_bytes());
    frame.extend_from_slice(&ports[1].to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend_from_slice(payload);
}
