//! A live capture: ports, each in its mode, drained by one loop.

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
use crate::capture::nic::{DisabledOffloads, Offload};
use crate::capture::options::{Accounts, Method, Mode, Options, Port, PortStatus, Role};
use crate::capture::packet::PacketSocket;
use crate::capture::port_life::{Action, CaptureState, LinkState, PortChange, PortLife, PortView};
use crate::capture::presence::Seen;
use crate::capture::promisc::Promiscuous;
use crate::capture::watched::{Watched, words};
use crate::capture::xdp::{Attached, Xdp};
use sensor_core::types::{Frame, Iface, Segment, Timestamp};

/// After a drain that found something the program may hold wake-ups back for a while: look again after this.
const PAUSE_BUSY: Duration = Duration::from_millis(20);
/// Look at least this often, whatever was or was not told.
const PAUSE_QUIET: Duration = Duration::from_secs(1);

/// Interfaces are looked at this often, also when the kernel tells of no change.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A change of addresses comes in several parts.
const ADDRESSES_BURST: u32 = 16;

/// A running capture. Dropping it detaches everything and leaves no trace on the interfaces.
pub struct Live {
    xdp: Option<Xdp>,
    captures: Vec<PortCapture>,
    options: Options,
    /// Counters of sockets that were closed.
    gone: Counters,
    notes: Vec<String>,
    watched: Vec<Watched>,
    own: Vec<[u64; 2]>,
    changes: Vec<PortChange>,
    /// Absent where a sandbox forbids it: then a change is found by looking.
    links: Option<LinkMonitor>,
    /// What is told of addresses.
    addresses: Option<LinkMonitor>,
    /// When the bucket of [`ADDRESSES_BURST`] looks at addresses, one a second, is full: a flood of changes costs no more.
    addresses_full_at: Instant,
    /// Ends `readable` when nothing else does.
    pause: Pin<Box<Sleep>>,
    look_at: Instant,
    /// The last drain stopped at its limit.
    more: bool,
    /// Which source the next drain starts with, so that a loud one does not starve the others.
    turn: usize,
}

/// A port and what listens for it.
struct PortCapture {
    port: Port,
    life: PortLife,
    mode: Mode,
    /// In packet mode, while it is attached.
    socket: Option<PacketSocket>,
    promiscuous: Option<Promiscuous>,
    disabled: Option<DisabledOffloads>,
}

/// What an attach gives.
struct Attachment {
    index: u32,
    mode: Mode,
    socket: Option<PacketSocket>,
    promiscuous: Option<Promiscuous>,
    disabled: Option<DisabledOffloads>,
}

impl Live {
    /// Starts to capture on all ports or on none. To be called inside a tokio runtime with its I/O and time drivers.
    ///
    /// With [`Method::Auto`] a port falls back from mode to mode, and a note says why; for want of privilege nothing
    /// falls back.
    pub fn open(ports: &[Port], options: &Options) -> Result<Self, CaptureError> {
        for port in ports {
            iface::index(port.iface)?;
        }
        // Before anything is attached: no change from then on is missed.
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
            watched: Vec::new(),
            own: Vec::new(),
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

    /// The ports, in the order they were given.
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

    /// Whether every port hears.
    pub fn all_active(&self) -> bool {
        self.captures.iter().all(|capture| matches!(capture.life.state(), CaptureState::Active { .. }))
    }

    /// What the operator should know about how the capture started, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What became of the ports since the last call; bounded, see [`crate::capture::port_life`].
    pub fn take_changes(&mut self) -> Vec<PortChange> {
        std::mem::take(&mut self.changes)
    }

    /// Completes when it is time to drain: frames are waiting, an interface changed, or it is long enough since the last
    /// look. Cancelling it loses nothing.
    pub async fn readable(&mut self) -> Result<(), CaptureError> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Takes up to `frames_max` frames from the kernel and hands the harvested ones to `sink`; `boot_to_wall_ns` is
    /// [`crate::clock::Clock::boot_to_wall_ns`]. Answers whether more is waiting.
    ///
    /// It also follows the interfaces: one that goes is let go of, one that comes is attached to. None of that is an
    /// error; [`Live::take_changes`] tells of it. Of other addresses it tells before it hands out a frame: by them its sender may
    /// be at home.
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
            // Source 0 is XDP; a share of the limit each, and what is not used goes to those behind.
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

    /// Whom to hear besides the senders of harvested protocols (at most [`crate::capture::watched::WATCHED_MAX`] prefixes), and which
    /// addresses are the sensor's own: tunnels that end there are looked into.
    pub fn watch(&mut self, watched: &[Watched], own: &[IpAddr]) -> Result<(), CaptureError> {
        self.watched = watched.to_vec();
        self.own = own.iter().copied().map(words).collect();
        self.update_watched()
    }

    /// Interfaces have other numbers when they come back.
    fn update_watched(&mut self) -> Result<(), CaptureError> {
        for socket in self.captures.iter_mut().filter_map(|capture| capture.socket.as_mut()) {
            socket.watch(&self.watched, &self.own);
        }
        let fail = |source| CaptureError::Socket { iface: "XDP watched prefixes".into(), call: "map update", source };
        self.xdp.as_mut().map_or(Ok(()), |xdp| xdp.watch(&self.watched, &self.own).map_err(fail))
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
        for capture in self.captures.iter_mut().filter(|capture| capture.port.iface == segment.iface) {
            if let Some(socket) = &mut capture.socket {
                socket.forget(segment, ip);
            }
        }
    }

    /// Counters since the start, over all CPUs and sockets. Frames that a packet socket had no room for have no
    /// class: they are `lost` of class `Other`.
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

    /// The counters by who counted them.
    pub fn accounts(&self) -> Result<Accounts, CaptureError> {
        let closed = self.gone.lost[Class::Other as usize];
        Ok(Accounts {
            total: self.counters()?,
            cpus: self.xdp.as_ref().map_or(Ok(Vec::new()), Xdp::cpus)?,
            undeliverable: self.xdp.as_ref().map_or([0; Class::COUNT], Xdp::skipped),
            socket_full: closed + self.sockets().map(PacketSocket::dropped).sum::<u64>(),
        })
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

    fn sockets(&self) -> impl Iterator<Item = &PacketSocket> {
        self.captures.iter().filter_map(|capture| capture.socket.as_ref())
    }

    /// Takes what is told of addresses; whether there was any.
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

    /// Looks at the interfaces when there is a reason to, and does what their ports' lives want.
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
        // At most: let go, attach, look at what that gave.
        for turn in 0..3 {
            // What was removed may have come back under its old number before we looked.
            let removed = if turn == 0 { removed } else { &[] };
            let view = self.view(capture, removed);
            match (self.captures[capture].life.look(view, now), view.named) {
                (Action::Attach, Some(named)) => self.attach(capture, named, now),
                (Action::Detach, _) => self.detach(capture),
                _ => return,
            }
        }
    }

    fn view(&self, capture: usize, removed: &[u32]) -> PortView {
        let PortCapture { port, life, mode, socket, .. } = &self.captures[capture];
        let is_whole = |index: u32| match (mode, socket) {
            (Mode::Packet, Some(socket)) => socket.is_bound(),
            (Mode::Packet, None) => false,
            // A kernel that does not tell is believed.
            _ => iface::link::has_xdp(index).unwrap_or(true),
        };
        let held = life.held().filter(|index| !removed.contains(index));
        let held = held.and_then(iface::look_at).filter(|link| is_whole(link.index));
        PortView { named: iface::look(port.iface), held }
    }

    fn attach(&mut self, capture: usize, named: LinkState, now: Instant) {
        let port = self.captures[capture].port;
        // What is to be said about offloads was said at the start.
        match open_port(self.xdp.as_mut(), port, &self.options, &mut Vec::new()) {
            Ok(Attachment { index, mode, socket, promiscuous, disabled }) => {
                let capture = &mut self.captures[capture];
                (capture.mode, capture.socket, capture.promiscuous, capture.disabled) =
                    (mode, socket, promiscuous, disabled);
                capture.life.attached(index);
                // At worst only the harvested protocols are heard, until the list changes.
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
        // All sources are asked, so that every one of them wakes this task.
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
        for told in [Some(&mut self.links), addresses].into_iter().flatten() {
            match told.as_ref().map(|links| links.poll_woken(cx)) {
                // Without the kernel's word a change is found by looking.
                Some(Poll::Ready(Err(_))) => (*told, woken) = (None, true),
                Some(ready) => woken |= ready.is_ready(),
                None => {}
            }
        }
        if woken { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

/// The XDP programs, unless packet sockets were asked for or have to do.
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

/// Attaches to the interface that bears the port's name, and holds it as its role wants. All of it or nothing.
fn open_port(
    mut xdp: Option<&mut Xdp>,
    port: Port,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Attachment, CaptureError> {
    let index = iface::index(port.iface)?;
    let (mode, socket) = attach(xdp.as_deref_mut(), port, index, options, notes)?;
    let promiscuous = match port.role {
        Role::Host => None,
        Role::Mirror => match Promiscuous::hold(port.iface, index) {
            Ok(held) => Some(held),
            Err(error) => {
                if let Some(xdp) = xdp {
                    xdp.detach(index);
                }
                return Err(error);
            }
        },
    };
    let disabled = offloads(port.iface, index, mode, options, notes);
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

/// Offloads that change what is heard: named with what mends them, and switched off where the owner asked for it.
fn offloads(
    iface: Iface,
    index: u32,
    mode: Mode,
    options: &Options,
    notes: &mut Vec<String>,
) -> Option<DisabledOffloads> {
    let matters = |offload: &Offload| mode != Mode::Packet || offload.matters_to_sockets();
    let mut active: Vec<_> = nic::active(iface).into_iter().filter(matters).collect();
    let mut disabled = None;
    if options.fix_nic && !active.is_empty() {
        match DisabledOffloads::new(iface, index, &active) {
            Ok((switched, stuck)) => {
                let mended: Vec<_> = active.iter().filter(|offload| !stuck.contains(offload)).collect();
                notes.extend(
                    mended
                        .iter()
                        .map(|offload| format!("{iface}: done until the end: `{}`", offload.fix_command(iface))),
                );
                disabled = Some(switched);
                active = stuck;
            }
            Err(error) => notes.push(format!("{iface}: offloads cannot be switched: {error}")),
        }
    }
    notes.extend(
        active.iter().map(|offload| format!("{iface}: {}; `{}` mends it", offload.effect, offload.fix_command(iface))),
    );
    disabled
}
