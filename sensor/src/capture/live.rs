//! A live capture: ports, each in its mode, drained by one loop.

use std::future::{Future as _, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sensor_ebpf::abi::Counters;
use tokio::time::{Instant, Sleep, sleep};

use super::error::CaptureError;
use super::iface::{self, Facts};
use super::packet::{Drained, PacketSocket};
use super::presence::Seen;
use super::promisc::Promiscuous;
use super::watched::{Watched, words};
use super::xdp::{Attached, Xdp};
use super::{Method, Mode, Options, Port, PortStatus, Role};
use crate::types::{Frame, Segment, Timestamp};

/// After a drain that found something the program may hold wake-ups back for a while: look again after this.
const PAUSE_BUSY: Duration = Duration::from_millis(20);
/// Look at least this often, whatever was or was not told.
const PAUSE_QUIET: Duration = Duration::from_secs(1);

/// A running capture. Dropping it detaches everything and leaves no trace on the interfaces.
pub struct Live {
    xdp: Option<Xdp>,
    sockets: Vec<PacketSocket>,
    /// Counters of sockets whose interface is gone.
    gone: Counters,
    ports: Vec<PortStatus>,
    notes: Vec<String>,
    _promiscuous: Vec<Promiscuous>,
    /// Ends `readable` when nothing else does.
    pause: Pin<Box<Sleep>>,
    /// The last drain stopped at its limit.
    more: bool,
    /// Which source the next drain starts with, so that a loud one does not starve the others.
    turn: usize,
}

impl Live {
    /// Starts to capture on all ports or on none. To be called inside a tokio runtime with its I/O and time drivers.
    ///
    /// With [`Method::Auto`] a port falls back from mode to mode, and a note says why; for want of privilege nothing
    /// falls back.
    pub fn open(ports: &[Port], options: &Options) -> Result<Self, CaptureError> {
        let facts = ports.iter().map(|port| iface::facts(port.iface)).collect::<Result<Vec<_>, _>>()?;
        let mut live = Self {
            xdp: None,
            sockets: Vec::new(),
            gone: Counters::default(),
            ports: Vec::new(),
            notes: Vec::new(),
            _promiscuous: Vec::new(),
            pause: Box::pin(sleep(Duration::ZERO)),
            more: false,
            turn: 0,
        };
        let mut xdp = live.load(ports, options)?;
        for (&port, facts) in ports.iter().zip(&facts) {
            let mode = live.attach(xdp.as_mut(), port, facts, options)?;
            let promiscuous = port.role == Role::Mirror;
            if promiscuous {
                live._promiscuous.push(Promiscuous::hold(port.iface, facts.index)?);
            }
            live.ports.push(PortStatus { iface: port.iface, role: port.role, mode, promiscuous });
            live.note_offloads(port, mode, facts);
        }
        live.xdp = xdp.filter(Xdp::is_used);
        Ok(live)
    }

    /// The ports, in the order they were given.
    pub fn ports(&self) -> &[PortStatus] {
        &self.ports
    }

    /// What the operator should know about how the capture started, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Completes when it is time to drain: frames are waiting, or it is long enough since the last look.
    /// Cancelling it loses nothing.
    pub async fn readable(&mut self) -> Result<(), CaptureError> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Takes up to `frames_max` frames from the kernel and hands the harvested ones to `sink`; `boot_to_wall_ns` is
    /// [`crate::clock::Clock::boot_to_wall_ns`]. Answers whether more is waiting.
    ///
    /// [`CaptureError::Vanished`] is told once, after the frames of the interface were delivered; the other ports go
    /// on, so a caller may report it and drain again.
    pub fn drain(
        &mut self,
        boot_to_wall_ns: i64,
        frames_max: usize,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> Result<bool, CaptureError> {
        let sources = self.sockets.len() + 1;
        let mut left = frames_max;
        let mut more = false;
        let mut vanished = None;
        for source in 0..sources {
            // Source 0 is XDP; a share of the limit each, and what is not used goes to those behind.
            let share = left.div_ceil(sources - source);
            let taken = match (source + self.turn) % sources {
                0 => self.xdp.as_mut().map_or(0, |xdp| xdp.drain(boot_to_wall_ns, share, sink)),
                socket => match self.sockets[socket - 1].drain(share, sink)? {
                    Drained::Some(taken) => taken,
                    Drained::Vanished => {
                        vanished = Some(socket - 1);
                        0
                    }
                },
            };
            left -= taken;
            more |= taken == share && share > 0;
        }
        self.turn = (self.turn + 1) % sources;
        let found = left < frames_max;
        self.more = more;
        self.pause.as_mut().reset(Instant::now() + if found { PAUSE_BUSY } else { PAUSE_QUIET });
        if let Some(socket) = vanished {
            let socket = self.sockets.swap_remove(socket);
            self.gone.add(&socket.counters());
            return Err(CaptureError::Vanished { iface: socket.iface().as_str().to_owned() });
        }
        Ok(self.more)
    }

    /// Whom to hear besides the senders of harvested protocols (at most [`super::WATCHED_MAX`] prefixes), and which
    /// addresses are the sensor's own: tunnels that end there are looked into.
    pub fn watch(&mut self, watched: &[Watched], own: &[IpAddr]) -> Result<(), CaptureError> {
        let own: Vec<[u64; 2]> = own.iter().copied().map(words).collect();
        for socket in &mut self.sockets {
            socket.watch(watched, &own);
        }
        let fail = |source| CaptureError::Socket { iface: "XDP watched prefixes".into(), call: "map update", source };
        self.xdp.as_mut().map_or(Ok(()), |xdp| xdp.watch(watched, &own).map_err(fail))
    }

    /// Tells everybody who sent frames of any kind since the last call. What packet sockets heard of them was told as
    /// frames.
    pub fn presence(
        &mut self,
        now: Timestamp,
        boot_to_wall_ns: i64,
        out: &mut dyn FnMut(Seen),
    ) -> Result<(), CaptureError> {
        let fail = |source| CaptureError::Socket { iface: "XDP presence".into(), call: "map look-up", source };
        self.xdp.as_mut().map_or(Ok(()), |xdp| xdp.presence(now, boot_to_wall_ns, out).map_err(fail))
    }

    /// An address is about to be asked: its next claim is told even if it repeats what the kernel told before.
    pub fn forget(&mut self, segment: Segment, ip: IpAddr) {
        if let Some(xdp) = &mut self.xdp {
            xdp.forget(segment, ip);
        }
    }

    /// Counters since the start, over all CPUs and sockets. Frames that a packet socket had no room for have no
    /// class: they are `lost` of class `Other`.
    pub fn counters(&self) -> Result<Counters, CaptureError> {
        let mut sum = self.gone;
        if let Some(xdp) = &self.xdp {
            sum.add(&xdp.counters()?);
        }
        for socket in &self.sockets {
            sum.add(&socket.counters());
        }
        Ok(sum)
    }

    /// Detaches, and tells the final counters. What was not drained before counts as lost.
    pub fn close(mut self) -> Result<Counters, CaptureError> {
        let xdp = self.xdp.take().map(Xdp::close).transpose()?;
        let mut sum = self.counters()?;
        if let Some(counters) = xdp {
            sum.add(&counters);
        }
        Ok(sum)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CaptureError>> {
        let fail = |name: &str, source| {
            Poll::Ready(Err(CaptureError::Socket { iface: name.to_owned(), call: "epoll", source }))
        };
        if self.more {
            return Poll::Ready(Ok(()));
        }
        // All sources are asked, so that every one of them wakes this task.
        let mut woken = self.pause.as_mut().poll(cx).is_ready();
        if let Some(xdp) = &self.xdp {
            match xdp.poll_woken(cx) {
                Poll::Ready(Err(error)) => return fail("XDP ring", error),
                ready => woken |= ready.is_ready(),
            }
        }
        for socket in &self.sockets {
            match socket.poll_woken(cx) {
                Poll::Ready(Err(error)) => return fail(socket.iface().as_str(), error),
                ready => woken |= ready.is_ready(),
            }
        }
        if woken { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// The XDP programs, unless packet sockets were asked for or have to do.
    fn load(&mut self, ports: &[Port], options: &Options) -> Result<Option<Xdp>, CaptureError> {
        if options.method == Method::Packet {
            return Ok(None);
        }
        match Xdp::load(ports, options) {
            Ok(xdp) => Ok(Some(xdp)),
            Err(error @ CaptureError::Refused { .. }) if options.method == Method::Auto => {
                self.notes.push(format!("{error} (done: this capture uses packet sockets)"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn attach(
        &mut self,
        xdp: Option<&mut Xdp>,
        port: Port,
        facts: &Facts,
        options: &Options,
    ) -> Result<Mode, CaptureError> {
        let modes: &[Mode] = match options.method {
            Method::Auto => &[Mode::Driver, Mode::Generic],
            Method::Driver => &[Mode::Driver],
            Method::Generic => &[Mode::Generic],
            Method::Packet => &[],
        };
        let iface = port.iface.as_str();
        if let Some(xdp) = xdp {
            match xdp.attach(port, facts.index, modes)? {
                Attached::Yes(mode, None) => return Ok(mode),
                Attached::Yes(mode, Some(error)) => {
                    let mode_name = mode.name();
                    self.notes.push(format!("{iface}: no XDP in the driver ({error}); {mode_name} mode is used"));
                    return Ok(mode);
                }
                Attached::No(_, error) if options.method == Method::Auto => {
                    self.notes.push(format!("{iface}: no XDP ({error}); a packet socket is used"));
                }
                Attached::No(mode, source) => {
                    return Err(CaptureError::Unsupported { iface: iface.to_owned(), mode: mode.name(), source });
                }
            }
        }
        self.sockets.push(PacketSocket::open(port, facts.index, options.ring_bytes)?);
        Ok(Mode::Packet)
    }

    /// Offloads that change what is seen. They are never switched here: that would disturb the host.
    fn note_offloads(&mut self, port: Port, mode: Mode, facts: &Facts) {
        let iface = port.iface.as_str();
        if facts.strips_vlan && mode != Mode::Packet {
            self.notes.push(format!(
                "{iface}: the interface may take VLAN tags off before they are seen; `ethtool -K {iface} rxvlan off` keeps them"
            ));
        }
        if facts.merges {
            self.notes
                .push(format!("{iface}: the interface merges frames; `ethtool -K {iface} lro off` keeps them apart"));
        }
    }
}
