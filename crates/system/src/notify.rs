//! Notifies the service manager (`sd_notify(3)`): a datagram to the socket in NOTIFY_SOCKET, if there is one.

use std::ffi::OsStr;
use std::io;

/// The state that is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState<'a> {
    /// All listeners accept connections.
    Ready,
    /// The configuration is being reloaded.
    Reloading,
    Stopping,
    /// One line of text for the user.
    Status(&'a str),
}

/// Notifies the service manager without waiting. `false` where there is none.
///
/// # Errors
/// The socket in NOTIFY_SOCKET cannot be written to.
pub fn notify(state: ServiceState<'_>) -> io::Result<bool> {
    match std::env::var_os("NOTIFY_SOCKET") {
        Some(socket) if !socket.is_empty() => send(&socket, &line(state)).map(|()| true),
        _ => Ok(false),
    }
}

fn line(state: ServiceState<'_>) -> String {
    match state {
        ServiceState::Ready => "READY=1".to_owned(),
        ServiceState::Reloading => "RELOADING=1".to_owned(),
        ServiceState::Stopping => "STOPPING=1".to_owned(),
        ServiceState::Status(text) => format!("STATUS={}", text.replace(['\n', '\r'], " ")),
    }
}

#[cfg(unix)]
fn send(name: &OsStr, line: &str) -> io::Result<()> {
    use std::os::unix::net::UnixDatagram;
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(line.as_bytes(), &address(name)?)?;
    Ok(())
}

/// A path, or "@name" in the abstract namespace of Linux.
#[cfg(unix)]
fn address(name: &OsStr) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::unix::net::SocketAddr;
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        if let Some(name) = name.as_bytes().strip_prefix(b"@") {
            return SocketAddr::from_abstract_name(name);
        }
    }
    SocketAddr::from_pathname(name)
}

#[cfg(not(unix))]
fn send(_name: &OsStr, _line: &str) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).expect("a datagram");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn every_state_reaches_the_manager_on_a_path_or_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).expect("a socket");
        let name = format!("privet-notify-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("a name");
        let by_name = UnixDatagram::bind_addr(&abstract_name).expect("a socket");
        let at = format!("@{name}");
        for (state, wanted) in [
            (ServiceState::Ready, "READY=1"),
            (ServiceState::Stopping, "STOPPING=1"),
            (ServiceState::Status("one\nREADY=1"), "STATUS=one READY=1"),
        ] {
            send(path.as_os_str(), &line(state)).expect("sent");
            assert_eq!(received(&by_path), wanted);
            send(OsStr::new(&at), &line(state)).expect("sent");
            assert_eq!(received(&by_name), wanted);
        }
    }

    #[test]
    fn a_missing_manager_is_an_error_at_once() {
        assert!(send(OsStr::new("/nonexistent/notify"), "READY=1").is_err());
    }
}
