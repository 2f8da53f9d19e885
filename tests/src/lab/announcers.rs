//! Speakers of protocols for which Debian has no daemon that runs by itself in a namespace: an LLMNR responder, a UPnP
//! device, and clients. They send what RFC 4795, the UPnP Device Architecture and WS-Discovery prescribe.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::namespace::Namespace;

/// RFC 4795, section 2.
const LLMNR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 252), 5355);
/// UPnP Device Architecture, section 1.
const SSDP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), 1900);
/// WS-Discovery, section 2.4.
const WSD: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), 3702);

/// A responder that answers to one name for as long as it lives.
pub struct LlmnrResponder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LlmnrResponder {
    /// Answers questions for the A record of `name` with `ip`, from the host that has it.
    pub fn start(host: &Namespace, name: &'static str, ip: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = host.enter(|| {
            let socket = bound(LLMNR.port())?;
            socket.join_multicast_v4(LLMNR.ip(), &ip)?;
            socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            Ok(std::net::UdpSocket::from(socket))
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while !is_over.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
                if let Some(answer) = answer(&buffer[..len], name, ip) {
                    // A client that has gone needs no answer.
                    drop(socket.send_to(&answer, from));
                }
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for LlmnrResponder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A responder that panicked has nothing left to answer.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Asks the multicast group for a name's IPv4 address; returns whether there was an answer.
pub fn ask_llmnr(host: &Namespace, own: Ipv4Addr, name: &str) -> anyhow::Result<bool> {
    host.enter(|| {
        let socket = bound(0)?;
        socket.set_multicast_if_v4(&own)?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        let question = [&[0x4c, 0x4c, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &question(name)].concat();
        socket.send_to(&question, &SockAddr::from(LLMNR)).context("LLMNR question")?;
        Ok(std::net::UdpSocket::from(socket).recv_from(&mut [0; 512]).is_ok())
    })
}

/// Announces a device of this type to the multicast group, from SSDP's port.
pub fn notify_ssdp(host: &Namespace, own: Ipv4Addr, kind: &str) -> anyhow::Result<()> {
    host.enter(|| {
        let socket = bound(SSDP.port())?;
        socket.set_multicast_if_v4(&own)?;
        let message = format!(
            "NOTIFY * HTTP/1.1\r\nHOST: {SSDP}\r\nCACHE-CONTROL: max-age=1800\r\nLOCATION: http://{own}:5000/root.xml\r\n\
             NT: {kind}\r\nNTS: ssdp:alive\r\nSERVER: Lab/1 UPnP/1.1 lab/1\r\nUSN: uuid:lab::{kind}\r\n\r\n"
        );
        socket.send_to(message.as_bytes(), &SockAddr::from(SSDP)).context("SSDP notification")?;
        Ok(())
    })
}

/// Asks the multicast group for devices by WS-Discovery; returns whether there was an answer.
pub fn probe_wsd(host: &Namespace, own: Ipv4Addr) -> anyhow::Result<bool> {
    host.enter(|| {
        let socket = bound(0)?;
        socket.set_multicast_if_v4(&own)?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        let probe = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
            <soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\" \
            xmlns:wsa=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
            xmlns:wsdp=\"http://schemas.xmlsoap.org/ws/2006/02/devprof\" \
            xmlns:wsd=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><soap:Header>\
            <wsa:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</wsa:To>\
            <wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</wsa:Action>\
            <wsa:MessageID>urn:uuid:6f1bd0b0-7a6c-4d7b-9a3e-0d6a0c5e7f10</wsa:MessageID>\
            </soap:Header><soap:Body><wsd:Probe><wsd:Types>wsdp:Device</wsd:Types></wsd:Probe></soap:Body></soap:Envelope>";
        socket.send_to(probe.as_bytes(), &SockAddr::from(WSD)).context("WS-Discovery probe")?;
        Ok(std::net::UdpSocket::from(socket).recv_from(&mut [0; 4096]).is_ok())
    })
}

fn bound(port: u16) -> anyhow::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))?;
    Ok(socket)
}

/// The name, A, IN.
fn question(name: &str) -> Vec<u8> {
    let len = u8::try_from(name.len()).expect("a label of the lab is short");
    [&[len][..], name.as_bytes(), &[0, 0, 1, 0, 1]].concat()
}

fn answer(asked: &[u8], name: &str, ip: Ipv4Addr) -> Option<Vec<u8>> {
    let question = question(name);
    let is_asked = asked.len() >= 12 && asked[2] & 0x80 == 0 && asked[12..].eq_ignore_ascii_case(&question);
    // The name of the record points to the question's.
    let record = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4][..], &ip.octets()].concat();
    is_asked.then(|| [&asked[..2], &[0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0], &question, &record].concat())
}
