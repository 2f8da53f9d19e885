//! Live capture on several ports, each in its own mode.

use std::future::{Future as _, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sensor_ebpf::abi::{Class, Counters};
use tokio::time::{Instant, Sleep, sleep};

use crate::capture::error::CaptureError;
use crate::capture::iface;
use crate::capture::iface::changes;
use crate::capture::iface::changes::LinkMonitor;
use crate::capture::nic;
use crate::capture::nic::DisabledOffloads;
use crate::capture::options::{Accounts, Method, Mode, Options, Port, PortRole, PortStatus};
use crate::capture::packet::PacketSocket;
use crate::capture::port_life::{CaptureState, LinkState, PortAction, PortChange, PortLife, PortView};
use crate::capture::presence::Seen;
use crate::capture::promisc::Promiscuous;
use crate::capture::watched::Watching;
use crate::capture::xdp::{Attached, Xdp};
use sensor_core::types::{Frame, Segment, Timestamp};

/// Pause after a drain that found frames: the XDP program may hold wake-ups back for so long.
const PAUSE_BUSY: Duration = Duration::from_millis(20);
/// Maximum time between two drains, even without a wake-up.
const PAUSE_QUIET: Duration = Duration::from_secs(1);

/// Interval at which interfaces are polled, even without a notification.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Burst of the rate limit on address changes: one change causes several notifications.
const ADDRESSES_BURST: u32 = 16;

/// A running capture. Dropping it detaches from all interfaces and restores their settings.
pub struct Live {
    xdp: Option<Xdp>,
    captures: Vec<PortCapture>,
    options: Options,
    /// Counters of sockets that were closed.
    gone: Counters,
    notes: Vec<String>,
    watching: Watching,
    changes: Vec<PortChange>,
    /// `None` where a sandbox forbids netlink sockets: changes are then found by polling.
    links: Option<LinkMonitor>,
    /// Notifications about addresses; `None` as for `links`.
    addresses: Option<LinkMonitor>,
    /// When the token bucket for address changes ([`ADDRESSES_BURST`], one a second) is full again.
    addresses_full_at: Instant,
    /// Ends `readable` when no other source does.
    pause: Pin<Box<Sleep>>,
    look_at: Instant,
    /// Whether the last drain stopped at its limit.
    more: bool,
    /// The source that the next drain starts with, so that a busy one does not starve the others.
    turn: usize,
}

/// A port and the resources that capture on it.
struct PortCapture {
    port: Port,
    life: PortLife,
    mode: Mode,
    /// The socket, in packet mode while the port is attached.
    socket: Option<PacketSocket>,
    promiscuous: Option<Promiscuous>,
    disabled: Option<DisabledOffloads>,
}

/// The resources of an attached port.
struct Attachment {
    index: u32,
    mode: Mode,
    socket: Option<PacketSocket>,
    promiscuous: Option<Promiscuous>,
    disabled: Option<DisabledOffloads>,
}

impl Live {
    /// Starts to capture on all ports, or fails. To be called inside a tokio runtime with its I/O and time drivers.
    ///
    /// With [`Method::Auto`] a port falls back from mode to mode, and a note says why. A missing privilege is an error,
    /// not a reason to fall back.
    pub fn open(ports: &[Port], options: &Options) -> Result<Self, CaptureError> {
        for port in ports {
            iface::index(port.iface)?;
        }
        // Opened before anything is attached, so that no later change is missed.
        let (links, addresses) = (LinkMonitor::open(changes::LINKS).ok(), LinkMonitor::open(changes::ADDRESSES).ok());
        let mut notes = Vec::new();
        let mut xdp = load(ports, options, &mut notes)?;
        let now = Instant::now();
        let mut captures = Vec::new();
        for &port in ports {
            let Attachment { index, mode, socket, promiscuous, disabled } =
                open_port(xdp.as_mut(), port, options, &mut notes)?;
            captures.push(PortCapture {
                port,
                life: PortLife::new(port.iface, index, now),
                mode,
                socket,
                promiscuous,
                disabled,
            });
        }
        Ok(Self {
            xdp: xdp.filter(Xdp::is_used),
            captures,
            options: *options,
            gone: Counters::default(),
            notes,
            watching: Watching::default(),
            changes: Vec::new(),
            links,
            addresses,
            addresses_full_at: now,
            pause: Box::pin(sleep(Duration::ZERO)),
            look_at: now,
            more: false,
            turn: 0,
        })
    }

    /// Status of the ports, in the order they were given.
    pub fn ports(&self) -> Vec<PortStatus> {
        let status = |capture: &PortCapture| PortStatus {
            iface: capture.port.iface,
            role: capture.port.role,
            mode: capture.mode,
            promiscuous: capture.promiscuous.is_some(),
            state: capture.life.state().clone(),
            socket_full: capture.socket.as_ref().map_or(0, PacketSocket::dropped),
        };
        self.captures.iter().map(status).collect()
    }

    /// Whether every port receives frames.
    pub fn all_active(&self) -> bool {
        self.captures.iter().all(|capture| matches!(capture.life.state(), CaptureState::Active { .. }))
    }

    /// Messages for the operator about the start of the capture, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Changes of the ports since the last call; rate-limited, see [`crate::capture::port_life`].
    pub fn take_changes(&mut self) -> Vec<PortChange> {
        std::mem::take(&mut self.changes)
    }

    /// Completes when [`Live::drain`] should be called: frames are waiting, an interface changed, or one second has
    /// passed. Cancel-safe.
    pub async fn readable(&mut self) -> Result<(), CaptureError> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Receives up to `frames_max` frames from the kernel and passes the harvested ones to `sink`; `boot_to_wall_ns` is
    /// [`crate::clock::Clock::boot_to_wall_ns`]. Returns whether more may be waiting.
    ///
    /// It also detaches from removed interfaces and attaches to new ones; that is no error, and [`Live::take_changes`]
    /// reports it. A change of addresses is reported before any frame: they decide whether a frame's sender is local.
    pub fn drain(
        &mut self,
        boot_to_wall_ns: i64,
        frames_max: usize,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> Result<bool, CaptureError> {
        if self.take_address_changes(Instant::now()) {
            self.more = true;
            return Ok(true);
        }
        let sources = self.captures.len() + 1;
        let mut left = frames_max;
        let mut more = false;
        for source in 0..sources {
            // Source 0 is XDP. Each source gets an equal share of the limit; what one does not use goes to the later
            // ones.
            let share = left.div_ceil(sources - source);
            let taken = match (source + self.turn) % sources {
                0 => self.xdp.as_mut().map_or(0, |xdp| xdp.drain(boot_to_wall_ns, share, sink)),
                capture => match &mut self.captures[capture - 1].socket {
                    Some(socket) => socket.drain(share, sink)?,
                    None => 0,
                },
            };
            left -= taken;
            more |= taken == share && share > 0;
        }
        self.turn = (self.turn + 1) % sources;
        let found = left < frames_max;
        self.more = more;
        let now = Instant::now();
        self.pause.as_mut().reset(now + if found { PAUSE_BUSY } else { PAUSE_QUIET });
        self.follow(now);
        Ok(self.more)
    }

    /// Sets what is looked at.
    pub fn watch(&mut self, watching: Watching) -> Result<(), CaptureError> {
        self.watching = watching;
        self.update_watched()
    }

    /// What is looked at.
    pub fn watching(&self) -> &Watching {
        &self.watching
    }

    /// Writes the watched prefixes again: an interface that comes back has another number.
    fn update_watched(&mut self) -> Result<(), CaptureError> {
        for socket in self.captures.iter_mut().filter_map(|capture| capture.socket.as_mut()) {
            socket.watch(&self.watching);
        }
        let fail = |source| CaptureError::Socket { iface: "XDP watched prefixes".into(), call: "map update", source };
        self.xdp.as_mut().map_or(Ok(()), |xdp| xdp.watch(&self.watching).map_err(fail))
    }

    /// Reports the stations that sent frames of any kind since the last call. Packet sockets report theirs as frames.
    pub fn presence(
        &mut self,
        now: Timestamp,
        boot_to_wall_ns: i64,
        out: &mut dyn FnMut(Seen),
    ) -> Result<(), CaptureError> {
        let fail = |source| CaptureError::Socket { iface: "XDP presence".into(), call: "map look-up", source };
        self.xdp.as_mut().map_or(Ok(()), |xdp| xdp.presence(now, boot_to_wall_ns, out).map_err(fail))
    }

    /// To be called before an address is probed: its next claim passes the repeat gate even if it is a repeat.
    pub fn forget(&mut self, segment: Segment, ip: IpAddr) {
        if let Some(xdp) = &mut self.xdp {
            xdp.forget(segment, ip);
        }
        for capture in self.captures.iter_mut().filter(|capture| capture.port.iface == segment.iface) {
            if let Some(socket) = &mut capture.socket {
                socket.forget(segment, ip);
            }
        }
    }

    /// Counters since the start, summed over CPUs and sockets. Frames dropped by a full packet socket have no class:
    /// they are `lost` of class `Other`.
    pub fn counters(&self) -> Result<Counters, CaptureError> {
        let mut sum = self.gone;
        if let Some(xdp) = &self.xdp {
            sum.add(&xdp.counters()?);
        }
        for socket in self.sockets() {
            sum.add(&socket.counters());
        }
        Ok(sum)
    }

    /// The counters in total, of each CPU and of the sockets.
    pub fn accounts(&self) -> Result<Accounts, CaptureError> {
        let closed = self.gone.lost[Class::Other as usize];
        Ok(Accounts {
            total: self.counters()?,
            cpus: self.xdp.as_ref().map_or(Ok(Vec::new()), Xdp::cpus)?,
            undeliverable: self.xdp.as_ref().map_or([0; Class::COUNT], Xdp::skipped),
            socket_full: closed + self.sockets().map(PacketSocket::dropped).sum::<u64>(),
        })
    }

    /// Detaches and returns the final counters. Frames that were not drained before count as lost.
    pub fn close(mut self) -> Result<Counters, CaptureError> {
        let xdp = self.xdp.take().map(Xdp::close).transpose()?;
        let mut sum = self.counters()?;
        if let Some(counters) = xdp {
            sum.add(&counters);
        }
        Ok(sum)
    }

    fn sockets(&self) -> impl Iterator<Item = &PacketSocket> {
        self.captures.iter().filter_map(|capture| capture.socket.as_ref())
    }

    /// Receives notifications about addresses. Returns whether there was any.
    fn take_address_changes(&mut self, now: Instant) -> bool {
        let is_changed = self.may_take_address_changes(now)
            && self.addresses.as_mut().is_some_and(|addresses| addresses.take(&mut Vec::new()));
        if is_changed {
            self.addresses_full_at = self.addresses_full_at.max(now) + LOOK_EVERY;
            self.changes.retain(|changes| *changes != PortChange::Addresses);
            self.changes.push(PortChange::Addresses);
        }
        is_changed
    }

    fn may_take_address_changes(&self, now: Instant) -> bool {
        self.addresses_full_at <= now + LOOK_EVERY * (ADDRESSES_BURST - 1)
    }

    /// Reads the interfaces' states when they may have changed, and attaches or detaches ports accordingly.
    fn follow(&mut self, now: Instant) {
        let mut removed = Vec::new();
        let is_changed = self.links.as_mut().is_some_and(|links| links.take(&mut removed));
        if !is_changed && now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        for capture in 0..self.captures.len() {
            self.follow_one(capture, &removed, now);
            self.captures[capture].life.take_changes(now, &mut self.changes);
        }
    }

    fn follow_one(&mut self, capture: usize, removed: &[u32], now: Instant) {
        // At most three steps: detach, attach, read the new state.
        for turn in 0..3 {
            // A removed interface may be back with the same number, so it counts as removed in the first step only.
            let removed = if turn == 0 { removed } else { &[] };
            let view = self.view(capture, removed);
            match (self.captures[capture].life.look(view, now), view.named) {
                (PortAction::Attach, Some(named)) => self.attach(capture, named, now),
                (PortAction::Detach, _) => self.detach(capture),
                _ => return,
            }
        }
    }

    fn view(&self, capture: usize, removed: &[u32]) -> PortView {
        let PortCapture { port, life, mode, socket, .. } = &self.captures[capture];
        let is_whole = |index: u32| match (mode, socket) {
            (Mode::Packet, Some(socket)) => socket.is_bound(),
            (Mode::Packet, None) => false,
            // Assumed to be attached when the kernel does not report it.
            _ => iface::link::has_xdp(index).unwrap_or(true),
        };
        let held = life.held().filter(|index| !removed.contains(index));
        let held = held.and_then(iface::look_at).filter(|link| is_whole(link.index));
        PortView { named: iface::look(port.iface), held }
    }

    fn attach(&mut self, capture: usize, named: LinkState, now: Instant) {
        let port = self.captures[capture].port;
        // Notes about offloads were reported at the start.
        match open_port(self.xdp.as_mut(), port, &self.options, &mut Vec::new()) {
            Ok(Attachment { index, mode, socket, promiscuous, disabled }) => {
                let capture = &mut self.captures[capture];
                (capture.mode, capture.socket, capture.promiscuous, capture.disabled) =
                    (mode, socket, promiscuous, disabled);
                capture.life.attached(index);
                // On an error only harvested protocols are captured until the list changes.
                drop(self.update_watched());
            }
            Err(error) => self.captures[capture].life.failed(named, error.to_string(), now),
        }
    }

    fn detach(&mut self, capture: usize) {
        let capture = &mut self.captures[capture];
        if let Some(socket) = capture.socket.take() {
            self.gone.add(&socket.counters());
        }
        if let Some(xdp) = &mut self.xdp {
            xdp.release(capture.port.iface);
        }
        capture.promiscuous = None;
        capture.disabled = None;
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CaptureError>> {
        let fail = |name: &str, source| {
            Poll::Ready(Err(CaptureError::Socket { iface: name.to_owned(), call: "epoll", source }))
        };
        if self.more {
            return Poll::Ready(Ok(()));
        }
        // All sources are polled, so that each of them wakes this task.
        let mut woken = self.pause.as_mut().poll(cx).is_ready();
        if let Some(xdp) = &self.xdp {
            match xdp.poll_woken(cx) {
                Poll::Ready(Err(error)) => return fail("XDP ring", error),
                ready => woken |= ready.is_ready(),
            }
        }
        for capture in &self.captures {
            let Some(socket) = &capture.socket else { continue };
            match socket.poll_woken(cx) {
                Poll::Ready(Err(error)) => return fail(capture.port.iface.as_str(), error),
                ready => woken |= ready.is_ready(),
            }
        }
        let addresses = self.may_take_address_changes(Instant::now()).then_some(&mut self.addresses);
        for monitor in [Some(&mut self.links), addresses].into_iter().flatten() {
            match monitor.as_ref().map(|links| links.poll_woken(cx)) {
                // Without notifications, changes are found by polling.
                Some(Poll::Ready(Err(_))) => (*monitor, woken) = (None, true),
                Some(ready) => woken |= ready.is_ready(),
                None => {}
            }
        }
        if woken { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

/// Loads the XDP programs; `None` when packet sockets were requested or are the fallback.
fn load(ports: &[Port], options: &Options, notes: &mut Vec<String>) -> Result<Option<Xdp>, CaptureError> {
    if options.method == Method::Packet {
        return Ok(None);
    }
    match Xdp::load(ports, options) {
        Ok(xdp) => Ok(Some(xdp)),
        Err(error @ CaptureError::Refused { .. }) if options.method == Method::Auto => {
            notes.push(format!("{error} (done: this capture uses packet sockets)"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Attaches to the interface with the port's name and configures it for the port's role; undoes everything on an error.
fn open_port(
    mut xdp: Option<&mut Xdp>,
    port: Port,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Attachment, CaptureError> {
    let index = iface::index(port.iface)?;
    let (mode, socket) = attach(xdp.as_deref_mut(), port, index, options, notes)?;
    let promiscuous = match port.role {
        PortRole::Host => None,
        PortRole::Mirror => match Promiscuous::hold(port.iface, index) {
            Ok(held) => Some(held),
            Err(error) => {
                if let Some(xdp) = xdp {
                    xdp.detach(index);
                }
                return Err(error);
            }
        },
    };
    let disabled = nic::offloads(port.iface, index, mode, options, notes);
    Ok(Attachment { index, mode, socket, promiscuous, disabled })
}

fn attach(
    xdp: Option<&mut Xdp>,
    port: Port,
    index: u32,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<(Mode, Option<PacketSocket>), CaptureError> {
    let modes: &[Mode] = match options.method {
        Method::Auto => &[Mode::Driver, Mode::Generic],
        Method::Driver => &[Mode::Driver],
        Method::Generic => &[Mode::Generic],
        Method::Packet => &[],
    };
    let iface = port.iface.as_str();
    if let Some(xdp) = xdp {
        match xdp.attach(port, index, modes)? {
            Attached::Yes(mode, None) => return Ok((mode, None)),
            Attached::Yes(mode, Some(error)) => {
                let mode_name = mode.name();
                notes.push(format!("{iface}: no XDP in the driver ({error}); {mode_name} mode is used"));
                return Ok((mode, None));
            }
            Attached::No(_, error) if options.method == Method::Auto => {
                notes.push(format!("{iface}: no XDP ({error}); a packet socket is used"));
            }
            Attached::No(mode, source) => {
                return Err(CaptureError::Unsupported { iface: iface.to_owned(), mode: mode.name(), source });
            }
        }
    }
    Ok((Mode::Packet, Some(PacketSocket::open(port, index, options)?)))
}
