//! Connections to services on loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream as Visitor};
use std::thread::JoinHandle;

use crate::probe::tcp::*;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(2);

/// A service for one connection, which `serve` handles; the thread returns its result.
fn service<T: Send + 'static>(serve: impl FnOnce(Visitor) -> T + Send + 'static) -> (TcpTarget, JoinHandle<T>) {
    let listener = TcpListener::bind((LOCAL, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let thread = std::thread::spawn(move || serve(listener.accept().expect("a visitor").0));
    (TcpTarget { ip: LOCAL, port, scope: None }, thread)
}

/// Reads to the end of the connection: the data, or the error of a reset.
fn end_of_visit(mut visitor: Visitor) -> Result<Vec<u8>, ErrorKind> {
    let mut received = Vec::new();
    visitor.read_to_end(&mut received).map(|_| received).map_err(|error| error.kind())
}

async fn ask(target: TcpTarget) -> PortAnswer {
    connect(target, PATIENCE, &Permits::new(8)).await.expect("this box can ask")
}

/// Checks the banner of a service with this greeting, which receives no data and a clean close.
async fn check(greeting: &'static [u8], expected: Option<&str>) {
    let (target, service) = service(move |mut visitor| {
        visitor.write_all(greeting).expect("a greeting");
        end_of_visit(visitor)
    });
    let answer = ask(target).await;
    assert_eq!(answer.state, PortState::Open);
    assert_eq!(answer.banner.map(|text| text.escaped()).as_deref(), expected);
    assert_eq!(service.join().expect("the service ends"), Ok(Vec::new()));
}

#[tokio::test]
async fn greetings() {
    check(b"SSH-2.0-OpenSSH_9.2p1\r\n", Some("SSH-2.0-OpenSSH_9.2p1")).await;
    check(b"220 ready\r\nand more\r\n", Some("220 ready")).await;
    check(b"\xff\xfb\x01\xff\xfb\x03", Some("\\xff\\xfb\\x01\\xff\\xfb\\x03")).await;
    check(b"", None).await;
}

#[tokio::test]
async fn a_slow_greeting_is_awaited() {
    let (target, service) = service(|mut visitor| {
        std::thread::sleep(Duration::from_millis(300));
        visitor.write_all(b"220 at ").and_then(|()| visitor.write_all(b"last\r\n")).expect("a greeting");
        end_of_visit(visitor)
    });
    assert_eq!(ask(target).await.banner, Some(Text::new(b"220 at last")));
    assert_eq!(service.join().expect("the service ends"), Ok(Vec::new()));
}

#[tokio::test]
async fn an_endless_greeting_is_not_read() {
    let (target, service) = service(|mut visitor| {
        // The service sends more than is read, so the close is a reset.
        let _ = visitor.write_all(&vec![b'x'; 1 << 20]);
    });
    let begin = Instant::now();
    let answer = ask(target).await;
    assert_eq!(answer.banner, Some(Text::new(&[b'x'; 255])));
    assert!(begin.elapsed() < GREETING + CLOSE_TIMEOUT + PATIENCE);
    service.join().expect("the service ends");
}

#[tokio::test]
async fn a_port_that_closes_at_once() {
    let (target, service) = service(drop);
    assert_eq!(ask(target).await.state, PortState::Open);
    service.join().expect("the service ends");
}

#[tokio::test]
async fn closed_ports() {
    for ip in [LOCAL, Ipv6Addr::LOCALHOST.into()] {
        // Bound without a listener, so that no other process opens the port.
        let Ok(socket) = TcpSocket::new_v4().and_then(|v4| if ip == LOCAL { Ok(v4) } else { TcpSocket::new_v6() })
        else {
            continue;
        };
        if socket.bind((ip, 0).into()).is_err() {
            assert_ne!(ip, LOCAL, "a machine may lack IPv6, but not IPv4");
            continue;
        }
        let port = socket.local_addr().expect("an address").port();
        let answer = ask(TcpTarget { ip, port, scope: None }).await;
        assert_eq!((answer.state, answer.banner), (PortState::Closed, None));
        assert!(answer.rtt < PATIENCE);
    }
}

/// A listener with a full queue drops further connections, as a packet filter does.
#[tokio::test]
async fn a_silent_port() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((LOCAL, 0).into()).expect("a port");
    let listener = socket.listen(1).expect("a listener");
    let target = TcpTarget { ip: LOCAL, port: listener.local_addr().expect("an address").port(), scope: None };
    let short = Duration::from_millis(100);
    let mut waiting = Vec::new();
    for _ in 0..4 {
        if let Ok(Ok(stream)) = timeout(short, TcpStream::connect(address(target))).await {
            waiting.push(stream);
        }
    }
    let answer = connect(target, short, &Permits::new(8)).await.expect("this box can ask");
    assert_eq!((answer.state, answer.banner), (PortState::Silent, None));
    assert!(answer.rtt >= short);
}

#[tokio::test]
async fn checking_a_port_sends_nothing_and_closes_cleanly() {
    let (target, service) = service(|mut visitor| {
        visitor.write_all(b"SSH-2.0-x\r\n").expect("a greeting");
        end_of_visit(visitor)
    });
    let answer = check_port(target, PATIENCE, &Permits::new(8)).await.expect("this box can ask");
    assert_eq!((answer.state, answer.banner), (PortState::Open, None));
    assert_eq!(service.join().expect("the service ends"), Ok(Vec::new()));
}

#[test]
fn printers() {
    let printers: Vec<u16> = (0..=u16::MAX).filter(|port| is_printer(*port)).collect();
    assert_eq!(printers, [515, 631, 9100, 9101, 9102, 9103, 9104, 9105, 9106, 9107]);
}

/// Environment variable of the child process that runs under a low limit.
const LOW_LIMIT: &str = "SENSOR_TEST_LOW_LIMIT";

/// Forty concurrent connections with twenty descriptors: some wait, none is lost.
#[test]
fn connections_wait_for_free_descriptors() {
    if std::env::var_os(LOW_LIMIT).is_some() {
        return with_few_descriptors();
    }
    // In a process of its own, because the limit applies to the whole process.
    let name = "probe::tcp::tests::connections_wait_for_free_descriptors";
    let child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([name, "--exact", "--nocapture"])
        .env(LOW_LIMIT, "1")
        .output()
        .expect("a child");
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

fn with_few_descriptors() {
    let listener = TcpListener::bind((LOCAL, 0)).expect("a port");
    let target = TcpTarget { ip: LOCAL, port: listener.local_addr().expect("an address").port(), scope: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let limit = libc::rlimit { rlim_cur: 20, rlim_max: 20 };
    // SAFETY: the kernel reads one `rlimit` through a pointer to one.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    assert_eq!(Permits::new(1000).size(), 8);
    let permits = std::sync::Arc::new(Permits::for_test(40));
    runtime.block_on(async {
        let questions: Vec<_> = (0..40)
            .map(|_| {
                let permits = permits.clone();
                tokio::spawn(async move { check_port(target, PATIENCE, &permits).await })
            })
            .collect();
        for question in questions {
            let answer = question.await.expect("no panic").expect("this box can ask");
            assert_eq!(answer.state, PortState::Open);
        }
    });
    assert!(permits.shortage_total() > 0);
}
