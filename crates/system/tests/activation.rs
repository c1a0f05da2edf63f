//! Sockets passed as the service manager passes them: by number, with variables, across an exec.
#![cfg(target_os = "linux")]

use std::process::Command;

use privet_system::activation::{ActivatedKind, ActivationError, take};

/// Set in the process that receives the sockets.
const INSIDE: &str = "PRIVET_TEST_ACTIVATED";

/// Binds two listeners as descriptors 3 and 4 and becomes the test: the process id stays the same.
const MANAGER: &str = "
import os, socket, sys
a, b = socket.socket(), socket.socket()
for s in (a, b):
    s.bind(('127.0.0.1', 0))
    s.listen()
ports = '%d,%d' % (a.getsockname()[1], b.getsockname()[1])
x, y = os.dup2(a.fileno(), 40), os.dup2(b.fileno(), 41)
os.dup2(x, 3)
os.dup2(y, 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2', LISTEN_FDNAMES='socks:pac', PRIVET_TEST_ACTIVATED=ports)
os.execv(sys.argv[1], sys.argv[1:])
";

/// Opens a file as descriptor 3 and becomes the test.
const MANAGER_WITH_A_FILE: &str = "
import os, sys
os.dup2(os.open('/dev/null', os.O_RDONLY), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', PRIVET_TEST_ACTIVATED='file')
os.execv(sys.argv[1], sys.argv[1:])
";

/// Runs the named test of this file in a process that `manager` prepared.
fn run_under(manager: &str, name: &str) {
    let output = Command::new("python3")
        .args(["-c", manager])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", name])
        .output()
        .expect("Python is installed");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{printed}"
    );
}

#[test]
fn a_file_passed_as_a_socket_is_an_error() {
    if std::env::var_os(INSIDE).is_none() {
        run_under(MANAGER_WITH_A_FILE, "a_file_passed_as_a_socket_is_an_error");
        return;
    }
    let error = take().expect_err("a file is no socket");
    assert!(matches!(error, ActivationError::NotListening(3)), "{error}");
}

#[test]
fn sockets_of_the_service_manager_are_taken_over_once_under_their_names() {
    let Ok(ports) = std::env::var(INSIDE) else {
        run_under(
            MANAGER,
            "sockets_of_the_service_manager_are_taken_over_once_under_their_names",
        );
        return;
    };
    let taken = take().expect("taken over");
    let found: Vec<(ActivatedKind, String)> = taken
        .iter()
        .map(|socket| (socket.kind, socket.address.port().to_string()))
        .collect();
    let ports: Vec<&str> = ports.split(',').collect();
    let wanted = [
        (ActivatedKind::Socks, ports[0].to_owned()),
        (ActivatedKind::Pac, ports[1].to_owned()),
    ];
    assert_eq!(found, wanted);
    for socket in &taken {
        std::net::TcpStream::connect(socket.address).expect("it listens");
    }
    assert!(take().is_ok_and(|again| again.is_empty()));
}

#[test]
fn the_limit_of_open_files_is_raised_to_the_hard_one() {
    let limit = privet_system::limits::raise_open_files();
    assert!(limit.now >= limit.before);
    let again = privet_system::limits::raise_open_files();
    assert_eq!((again.before, again.now), (limit.now, limit.now));
}
