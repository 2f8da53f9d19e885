//! A web server that records what is posted to it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

use super::namespace::Namespace;

/// A running server; dropping it ends it and closes its connections.
pub struct Recorder {
    address: SocketAddr,
    posts: Posts,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Post {
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// What was posted, in order; several servers, one after the other, may fill one.
pub type Posts = Arc<Mutex<Vec<Post>>>;

impl Recorder {
    /// Listens in the namespace, on this port of its loopback (0: any).
    pub fn start(namespace: &Namespace, port: u16, posts: &Posts) -> anyhow::Result<Self> {
        let listener = namespace.enter(|| TcpListener::bind(("127.0.0.1", port)).context("bind"))?;
        listener.set_nonblocking(true)?;
        let (address, over) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (posts, over) = (Arc::clone(posts), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Ok((stream, _)) => {
                            let (posts, over) = (Arc::clone(&posts), Arc::clone(&over));
                            std::thread::spawn(move || drop(serve(stream, &posts, &over)));
                        }
                        Err(_) => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
            }
        });
        Ok(Self { address, posts: Arc::clone(posts), over, thread: Some(thread) })
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What was posted so far.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().expect("no server panicked").clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// One connection, many requests. When the server has ended, no request is taken any more.
fn serve(stream: TcpStream, posts: &Posts, over: &AtomicBool) -> anyhow::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        anyhow::ensure!(stream.read_line(&mut line)? > 0, "closed");
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            anyhow::ensure!(stream.read_line(&mut line)? > 0, "closed");
            match line.trim_end().split_once(": ") {
                Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
                None => break,
            }
        }
        let length = headers.get("content-length").context("a length")?.parse()?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        anyhow::ensure!(!over.load(Ordering::Relaxed), "over");
        posts.lock().expect("no server panicked").push(Post { headers, body: String::from_utf8(body)? });
        stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}
