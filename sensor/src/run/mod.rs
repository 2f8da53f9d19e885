//! The loop of `sensor run`: one `select!` over a closed set of things that can wake the sensor.

use crate::terminal::failure::Failure;
use sensor_core::inventory::sighting::Sighting;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::capture::error::CaptureError;
use crate::control::exchange::ControlSocket;
use crate::control::status::StatusSocket;
use crate::probe::prober::Prober;
use crate::run::sensor::Sensor;
use crate::run::world::World;
use crate::store::thread::Done;

/// Batches to the database, and what follows when they are saved.
mod commits;
/// Losses, silent ports, changed addresses: what limits or changes what is heard.
mod hearing;
/// Frames, answers and presence into the pipeline; questions out to the prober.
mod input;
/// The prefixes in which every frame counts as a sign of life.
pub mod local;
/// Events on their way from the database to the sinks.
pub mod outbox;
/// What becomes of the ports, as lines for the operator and as events.
mod ports;
/// What people ask of the running sensor: status, mutes, hosts, SIGHUP.
mod requests;
/// The sensor's state between two turns of the loop.
mod sensor;
/// The interfaces that ask, as they come and go.
pub mod speakers;
/// The sensor's figures, as event details and as a status line.
mod status;
/// Every handle to the world that the loop uses.
pub mod world;

/// Why the sensor woke.
enum Wake {
    /// A host answered through a socket.
    Answer(Box<Sighting>),
    /// The earliest deadline has come.
    Due,
    /// The capture has frames, or has failed.
    Frames(Result<(), CaptureError>),
    /// SIGHUP.
    Hangup,
    /// `sensor mute` or `sensor host` wants a change.
    Request(UnixStream, String),
    /// `sensor status` wants the figures.
    Status(UnixStream),
    /// SIGTERM or SIGINT.
    Stop,
    /// The database has finished a batch.
    Stored(Box<Done>),
}

/// The signals that the sensor acts on.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

/// Listens until it is told to stop.
pub async fn run(world: World) -> Result<(), Failure> {
    let mut signals = Signals::open()?;
    let mut sensor = Sensor::start(world)?;
    // Without systemd nobody waits for this, which is no error.
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    loop {
        match wake(&mut sensor, &mut signals).await {
            Wake::Answer(sighting) => sensor.take_answers(*sighting),
            Wake::Due => {}
            Wake::Frames(ready) => sensor.take_frames(ready)?,
            Wake::Hangup => sensor.reopen(),
            Wake::Request(stream, line) => sensor.obey(stream, &line),
            Wake::Status(stream) => sensor.send_status(stream),
            Wake::Stop => break,
            Wake::Stored(done) => sensor.stored(*done),
        }
        sensor.work()?;
    }
    drop(sd_notify::notify(&[sd_notify::NotifyState::Stopping]));
    tokio::select! {
        result = sensor.stop() => result,
        () = stop(&mut signals.interrupt, &mut signals.terminate) => {
            Err(Failure::Lost("stopped at once by a second signal; the last second may be missing".to_owned()))
        }
    }
}

/// Waits for the next thing to do. What comes first in this list is served first.
async fn wake(sensor: &mut Sensor, signals: &mut Signals) -> Wake {
    let due = sensor.next_due();
    let World { clock, capture, store, prober, status, control, .. } = &mut sensor.world;
    let wait = due.since(clock.now());
    let Signals { hangup, interrupt, terminate } = signals;
    tokio::select! {
        biased;
        () = stop(interrupt, terminate) => Wake::Stop,
        _ = hangup.recv() => Wake::Hangup,
        done = store.done(), if store.busy() => Wake::Stored(Box::new(done)),
        ready = capture.readable() => Wake::Frames(ready),
        stream = status_asked(status) => Wake::Status(stream),
        (stream, line) = request(control) => Wake::Request(stream, line),
        sighting = answer(prober) => Wake::Answer(Box::new(sighting)),
        () = tokio::time::sleep(wait) => Wake::Due,
    }
}

impl Signals {
    fn open() -> Result<Self, Failure> {
        let open = |kind, name| signal(kind).map_err(Failure::system(format!("cannot wait for {name}")));
        Ok(Self {
            hangup: open(SignalKind::hangup(), "SIGHUP")?,
            interrupt: open(SignalKind::interrupt(), "SIGINT")?,
            terminate: open(SignalKind::terminate(), "SIGTERM")?,
        })
    }
}

/// Ready when one of the signals to stop has come. Cancel-safe.
async fn stop(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// The next who wants the figures; for ever pending without a socket.
async fn status_asked(socket: &Option<StatusSocket>) -> UnixStream {
    match socket {
        Some(socket) => socket.asked().await,
        None => std::future::pending().await,
    }
}

/// The next request for a change; for ever pending without a socket.
async fn request(socket: &mut Option<ControlSocket>) -> (UnixStream, String) {
    match socket {
        Some(socket) => socket.request().await,
        None => std::future::pending().await,
    }
}

/// The prober's next answer; for ever pending without a prober.
async fn answer(prober: &mut Option<Prober>) -> Sighting {
    match prober {
        Some(prober) => prober.answer().await,
        None => std::future::pending().await,
    }
}
