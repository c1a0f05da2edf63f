//! Asks the kernel for the client's socket of a TCP connection: `sock_diag(7)`, exact look-ups, no dump.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

use super::process_lookup::Connection;

/// The kernel answers within microseconds or not at all.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(200);
/// Requests sent with one system call. Their answers fit into a default receive buffer.
const REQUESTS_AT_ONCE: usize = 32;

const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
/// Offsets in the message that holds a `struct inet_diag_msg`.
const STATE_AT: usize = HEADER + 1;
const UID_AT: usize = HEADER + 64;
const INODE_AT: usize = HEADER + 68;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const TCP_LISTEN: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// The client's socket of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientSocket {
    pub inode: u32,
    /// The user that opened it.
    pub uid: u32,
}

/// A netlink socket.
pub(super) struct SockDiag {
    netlink: OwnedFd,
    sequence: u32,
}

impl SockDiag {
    pub fn open() -> io::Result<Self> {
        let netlink = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(SOCK_DIAG),
        )?;
        set_socket_timeout(&netlink, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        Ok(Self {
            netlink,
            sequence: 0,
        })
    }

    /// The client's socket of each connection, in their order; `None` where there is none on this machine, or its
    /// program has closed it.
    ///
    /// # Errors
    /// An error of the kernel, or a timeout. The socket must not be used again then.
    pub fn find(&mut self, connections: &[Connection]) -> io::Result<Vec<Option<ClientSocket>>> {
        let mut found = vec![None; connections.len()];
        let chunks = connections.chunks(REQUESTS_AT_ONCE);
        for (chunk, found) in chunks.zip(found.chunks_mut(REQUESTS_AT_ONCE)) {
            self.find_some(chunk, found)?;
        }
        Ok(found)
    }

    fn find_some(
        &mut self,
        connections: &[Connection],
        found: &mut [Option<ClientSocket>],
    ) -> io::Result<()> {
        let first = self.sequence.wrapping_add(1);
        let mut requests = Vec::with_capacity(connections.len() * REQUEST);
        let mut unanswered = 0;
        for (at, connection) in connections.iter().enumerate() {
            let sequence = first.wrapping_add(at as u32);
            if let Some(request) = request(sequence, connection.client, connection.local) {
                requests.extend_from_slice(&request);
                unanswered += 1;
            }
        }
        self.sequence = first.wrapping_add(connections.len() as u32);
        if unanswered == 0 {
            return Ok(());
        }
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.netlink, &requests, SendFlags::empty(), &kernel)?;
        let mut answer = [0; 512];
        while unanswered > 0 {
            let (_, length) = recv(&self.netlink, &mut answer[..], RecvFlags::empty())?;
            let answer = &answer[..length.min(512)];
            let Some(sequence) = word(answer, 8) else {
                continue;
            };
            // A sequence number before `first` is the late answer to a request that timed out.
            if let Some(found) = found.get_mut(sequence.wrapping_sub(first) as usize) {
                *found = read(answer);
                unanswered -= 1;
            }
        }
        Ok(())
    }
}

/// `nlmsghdr` and `inet_diag_req_v2`; `None` where the ends are of different families.
fn request(sequence: u32, own: SocketAddr, peer: SocketAddr) -> Option<[u8; REQUEST]> {
    let (own_ip, peer_ip) = (own.ip().to_canonical(), peer.ip().to_canonical());
    let family = match (own_ip, peer_ip) {
        (IpAddr::V4(_), IpAddr::V4(_)) => AF_INET,
        (IpAddr::V6(_), IpAddr::V6(_)) => AF_INET6,
        _ => return None,
    };
    let mut request = [0; REQUEST];
    let mut put = |at: usize, bytes: &[u8]| request[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(REQUEST as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &NLM_F_REQUEST.to_ne_bytes());
    put(8, &sequence.to_ne_bytes());
    put(16, &[family, IPPROTO_TCP]);
    // All states.
    put(20, &u32::MAX.to_ne_bytes());
    put(24, &own.port().to_be_bytes());
    put(26, &peer.port().to_be_bytes());
    for (at, ip) in [(28, own_ip), (44, peer_ip)] {
        match ip {
            IpAddr::V4(ip) => put(at, &ip.octets()),
            IpAddr::V6(ip) => put(at, &ip.octets()),
        }
    }
    // INET_DIAG_NOCOOKIE.
    put(64, &[0xff; 8]);
    Some(request)
}

fn read(answer: &[u8]) -> Option<ClientSocket> {
    let kind = answer.get(4..6)?;
    if kind != SOCK_DIAG_BY_FAMILY.to_ne_bytes() {
        // NLMSG_ERROR: there is no such socket.
        return None;
    }
    // Where there is no such connection the kernel names a listener on its port.
    if answer.get(STATE_AT) == Some(&TCP_LISTEN) {
        return None;
    }
    Some(ClientSocket {
        inode: word(answer, INODE_AT).filter(|inode| *inode != 0)?,
        uid: word(answer, UID_AT)?,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}
