//! Good, bad, slow and crowding clients.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use compat::audit::{Audit, Status, kind};
use compat::control::frame::{self, MAX_BATCH, Role};
use compat::control::{ControlSocket, socket_path};
use nix::errno::Errno;

use super::*;

/// Answers the status, swallows rules, refuses the rest.
#[derive(Default)]
struct Echo {
    requests: usize,
    last: Option<Peer>,
}

const STATUS: Status = Status {
    mask: 0,
    enabled: 1,
    failure: 1,
    pid: 612,
    rate_limit: 0,
    backlog_limit: 8192,
    lost: 3,
    backlog: 0,
    feature_bitmap: 127,
    backlog_wait_time: 15000,
    backlog_wait_time_actual: Some(0),
};

impl Authority for Echo {
    fn request(&mut self, peer: &Peer, kind: u16, payload: &[u8]) -> Reply {
        self.requests += 1;
        self.last = Some(*peer);
        match kind {
            kind::GET => Reply::data(kind, STATUS.encode()),
            kind::LIST_RULES => Reply::list(kind, (0..5000u32).map(|at| at.to_le_bytes().to_vec())),
            kind::BATCH => Reply::value(payload.len() as u32),
            kind::PLAN => Reply::text(kind, &vec![b'x'; 1 << 20]),
            _ => Reply::refused(Errno::EINVAL),
        }
    }
}

struct Fixture {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

/// Runs `clients` in threads of their own beside a server with these limits.
fn with_server<T: Send + 'static>(
    limits: Limits,
    clients: impl FnOnce(PathBuf) -> T + Send + 'static,
) -> (T, Echo) {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Fixture { path: socket_path(directory.path()), _directory: directory };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut echo = Echo::default();
    let result = runtime.block_on(async {
        let (server, mut requests) = Server::bind(&fixture.path, limits).unwrap();
        let path = fixture.path.clone();
        let mut clients = tokio::task::spawn_blocking(move || clients(path));
        let result = loop {
            tokio::select! {
                Some(request) = requests.recv() => request.answer(&mut echo),
                result = &mut clients => break result.unwrap(),
            }
        };
        drop(server);
        result
    });
    assert!(!fixture.path.exists());
    (result, echo)
}

fn limits() -> Limits {
    Limits { user: nix::unistd::geteuid().as_raw(), ..Limits::default() }
}

fn short() -> Limits {
    Limits { time: Duration::from_millis(200), ..limits() }
}

/// The errno of the end frame that comes, if one does before the connection is closed.
fn last_words(mut stream: &UnixStream) -> Option<Errno> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut bytes = Vec::new();
    // A reset still leaves what was read before it.
    let _ = stream.read_to_end(&mut bytes);
    let number = bytes.last_chunk::<4>()?;
    Some(Errno::from_raw(-i32::from_le_bytes(*number)))
}

#[test]
fn requests_are_answered_one_after_the_other() {
    let ((), echo) = with_server(limits(), |path| {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        let mut socket = ControlSocket::connect(&path).unwrap();
        assert_eq!(socket.status().unwrap(), STATUS);
        assert_eq!(socket.list_rules().unwrap().len(), 5000);
        assert_eq!(socket.add_rule(b"x").unwrap_err().raw_os_error(), Some(22));
        assert_eq!(socket.text(kind::PLAN).unwrap().len(), 1 << 20);
        let largest = vec![0; MAX_BATCH];
        assert_eq!(socket.request(kind::BATCH, &largest).unwrap().value as usize, MAX_BATCH);
        assert_eq!(socket.status().unwrap(), STATUS);
    });
    assert_eq!(echo.requests, 6);
    let peer = echo.last.unwrap();
    assert_eq!(peer.pid, std::process::id());
    let own = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap();
    assert_eq!(peer.auid.to_string(), own("loginuid").trim());
    assert_eq!(peer.ses.to_string(), own("sessionid").trim());
}

#[test]
fn another_user_is_refused() {
    let others = Limits { user: limits().user + 1, ..limits() };
    let (errno, echo) = with_server(others, |path| {
        let error = ControlSocket::connect(&path).unwrap().status().unwrap_err();
        error.raw_os_error()
    });
    assert_eq!((errno, echo.requests), (Some(Errno::EPERM as i32), 0));
}

#[test]
fn garbage_is_refused_and_the_server_lives() {
    let ((), echo) = with_server(limits(), |path| {
        let mut too_long = vec![0xff, 0xff, 0xff, 0x7f, 0xe8, 3, 1, 0];
        too_long.extend_from_slice(&[0; 4096]);
        let answer = compat::control::Reply::done().encode(1000);
        let http = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        for garbage in [vec![0; 8], vec![0xff; 100_000], too_long, answer, http] {
            let mut stream = UnixStream::connect(&path).unwrap();
            // It may be closed before all of it is written.
            let _ = stream.write_all(&garbage);
            assert_eq!(last_words(&stream), Some(Errno::EPROTO), "{:?}", &garbage[..8]);
        }
        let mut cut = UnixStream::connect(&path).unwrap();
        cut.write_all(&[9, 0, 0, 0, 0xe8]).unwrap();
        drop(cut);
        assert_eq!(ControlSocket::connect(&path).unwrap().status().unwrap(), STATUS);
    });
    assert_eq!(echo.requests, 1);
}

#[test]
fn slow_clients_are_closed_and_hold_up_nobody() {
    let ((), echo) = with_server(short(), |path| {
        let idle = UnixStream::connect(&path).unwrap();
        let mut slow = UnixStream::connect(&path).unwrap();
        slow.write_all(&[4, 0, 0, 0, 0xe8, 3, 1, 0]).unwrap();
        let begin = Instant::now();
        assert_eq!(ControlSocket::connect(&path).unwrap().status().unwrap(), STATUS);
        assert!(begin.elapsed() < Duration::from_secs(2));
        assert_eq!(last_words(&idle), None);
        // One byte at a time does not buy more time.
        let begin = Instant::now();
        while slow.write_all(b"x").is_ok() && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(120));
        }
        assert!(begin.elapsed() < Duration::from_secs(2));
    });
    assert_eq!(echo.requests, 1);
}

#[test]
fn a_client_that_takes_no_answer_is_closed() {
    let ((), _) = with_server(short(), |path| {
        let mut deaf = UnixStream::connect(&path).unwrap();
        let mut request = Vec::new();
        frame::write(&mut request, Role::Request, kind::PLAN, &[]).unwrap();
        // Far more answers than fit between the two.
        let asked = Instant::now();
        while deaf.write_all(&request).is_ok() && asked.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(asked.elapsed() < Duration::from_secs(5));
        assert_eq!(ControlSocket::connect(&path).unwrap().status().unwrap(), STATUS);
    });
}

#[test]
fn clients_beyond_the_limit_wait_until_another_leaves() {
    let ((), echo) = with_server(Limits { clients: 3, ..limits() }, |path| {
        let mut inside: Vec<_> = (0..3).map(|_| ControlSocket::connect(&path).unwrap()).collect();
        for client in &mut inside {
            assert_eq!(client.status().unwrap(), STATUS);
        }
        let (answered, answers) = std::sync::mpsc::channel();
        let outside: Vec<_> = (0..50)
            .map(|_| {
                let (path, answered) = (path.clone(), answered.clone());
                std::thread::spawn(move || {
                    let status = ControlSocket::connect(&path).unwrap().status();
                    answered.send(status.map_err(|error| error.to_string())).unwrap();
                })
            })
            .collect();
        assert!(answers.recv_timeout(Duration::from_millis(200)).is_err(), "all places are taken");
        inside.clear();
        for _ in &outside {
            assert_eq!(answers.recv_timeout(Duration::from_secs(5)).unwrap(), Ok(STATUS));
        }
    });
    assert_eq!(echo.requests, 53);
}

#[test]
fn only_a_left_over_socket_is_replaced() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = socket_path(directory.path());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    runtime.block_on(async {
        drop(Server::bind(&path, limits()).unwrap());
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Server::bind(&path, limits()), Err(BindError::Occupied(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        assert!(matches!(Server::bind(&path.join("x"), limits()), Err(BindError::Io { .. })));
    });
}
