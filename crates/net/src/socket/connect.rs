//! Connects to the first address that answers, and reports why none did.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};

use super::race::{Race, RaceStep};
use crate::DialErrorKind;

/// From the first SYN until an address answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that vanished is noticed, and devices on the way keep the connection, long before the idle timeout.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Races the addresses (RFC 8305) and closes the losers. Returns the most informative error.
pub(super) async fn connect_first(addresses: &[SocketAddr]) -> Result<TcpStream, DialErrorKind> {
    let connected = match addresses {
        [only] => tokio::time::timeout(CONNECT_TIMEOUT, pin!(one(*only)))
            .await
            .map(|result| result.map_err(|error| kind_of(&error))),
        _ => tokio::time::timeout(CONNECT_TIMEOUT, Box::pin(race(addresses))).await,
    };
    connected.unwrap_or(Err(DialErrorKind::TimedOut))
}

async fn one(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    SockRef::from(&socket).set_tcp_keepalive(&KEEPALIVE)?;
    socket.connect(address).await
}

async fn race(addresses: &[SocketAddr]) -> Result<TcpStream, DialErrorKind> {
    let mut race = Race::new(addresses);
    let mut running: FuturesUnordered<Attempt> = FuturesUnordered::new();
    let mut worst: Option<DialErrorKind> = None;
    loop {
        let ended = match race.next(Instant::now()) {
            RaceStep::Start(address) => {
                running.push(Box::pin(one(address)));
                continue;
            }
            RaceStep::WaitUntil(at) => tokio::time::timeout_at(at.into(), running.next())
                .await
                .ok()
                .flatten(),
            RaceStep::WaitForEnd => running.next().await,
            RaceStep::AllFailed => return Err(worst.unwrap_or(DialErrorKind::NameNotFound)),
        };
        match ended {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => {
                race.failed();
                worst = more_telling(worst, kind_of(&error));
            }
            None => {}
        }
    }
}

/// A refusal shows that the host is up; an unreachable network says least.
fn more_telling(so_far: Option<DialErrorKind>, new: DialErrorKind) -> Option<DialErrorKind> {
    let rank = |kind| match kind {
        DialErrorKind::Exhausted => 5,
        DialErrorKind::Refused => 4,
        DialErrorKind::TimedOut => 3,
        DialErrorKind::HostUnreachable => 2,
        _ => 1,
    };
    match so_far {
        Some(old) if rank(old) >= rank(new) => Some(old),
        _ => Some(new),
    }
}

/// What an error of `connect(2)` means. Linux reports an expired TTL as an unreachable host.
fn kind_of(error: &io::Error) -> DialErrorKind {
    if is_exhausted(error) {
        return DialErrorKind::Exhausted;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => DialErrorKind::Refused,
        io::ErrorKind::HostUnreachable => DialErrorKind::HostUnreachable,
        io::ErrorKind::TimedOut => DialErrorKind::TimedOut,
        // EACCES and EPERM: a local firewall forbids it. EAFNOSUPPORT, EADDRNOTAVAIL: the machine has no such family, or no
        // address or free port in it; another address may work.
        _ => DialErrorKind::NetworkUnreachable,
    }
}

/// Whether the system is out of file descriptors or memory: another address would fail too.
#[cfg(unix)]
pub fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

#[cfg(not(unix))]
pub fn is_exhausted(error: &io::Error) -> bool {
    const WSAEMFILE: i32 = 10024;
    const WSAENOBUFS: i32 = 10055;
    matches!(error.raw_os_error(), Some(WSAEMFILE | WSAENOBUFS))
}

/// The end of the sentence for a failed connect: "... refused the connection".
pub(super) fn sentence(kind: DialErrorKind) -> &'static str {
    match kind {
        DialErrorKind::Refused => "refused the connection",
        DialErrorKind::HostUnreachable => "cannot be reached (no route to the host)",
        DialErrorKind::TimedOut => "did not answer in time",
        DialErrorKind::NameNotFound => "has no address",
        DialErrorKind::Exhausted => "was not tried: this machine is out of file descriptors",
        _ => "cannot be reached (no network to it)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn errors_of_connect_are_distinguished() {
        use rustix::io::Errno;
        for (errno, kind) in [
            (Errno::CONNREFUSED, DialErrorKind::Refused),
            (Errno::NETUNREACH, DialErrorKind::NetworkUnreachable),
            (Errno::HOSTUNREACH, DialErrorKind::HostUnreachable),
            (Errno::TIMEDOUT, DialErrorKind::TimedOut),
            (Errno::MFILE, DialErrorKind::Exhausted),
            (Errno::ADDRNOTAVAIL, DialErrorKind::NetworkUnreachable),
            (Errno::ACCESS, DialErrorKind::NetworkUnreachable),
        ] {
            assert_eq!(kind_of(&io::Error::from(errno)), kind, "{errno:?}");
        }
    }

    #[test]
    fn a_refusal_tells_more_than_silence_and_silence_more_than_no_network() {
        let mut worst = None;
        for kind in [
            DialErrorKind::NetworkUnreachable,
            DialErrorKind::TimedOut,
            DialErrorKind::Refused,
            DialErrorKind::HostUnreachable,
        ] {
            worst = more_telling(worst, kind);
        }
        assert_eq!(worst, Some(DialErrorKind::Refused));
    }

    #[tokio::test]
    async fn a_dead_first_address_does_not_keep_the_second_from_answering() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let dead = {
            let gone = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
            gone.local_addr().unwrap()
        };
        let stream = connect_first(&[dead, live]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), live);
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
        assert_eq!(
            connect_first(&[dead]).await.unwrap_err(),
            DialErrorKind::Refused
        );
        assert_eq!(
            connect_first(&[]).await.unwrap_err(),
            DialErrorKind::NameNotFound
        );
    }
}
