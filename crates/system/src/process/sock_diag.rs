//! One question to the kernel: which socket is this TCP connection? (`sock_diag(7)`, an exact lookup, no dump.)

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// The kernel answers within microseconds or never.
const PATIENCE: Duration = Duration::from_millis(200);

const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
/// `struct inet_diag_msg`: where the state and the inode are, from the message's start.
const STATE_AT: usize = HEADER + 1;
const INODE_AT: usize = HEADER + 68;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const TCP_LISTEN: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// An open line to the kernel.
pub(super) struct SockDiag {
    line: OwnedFd,
    sequence: u32,
}

impl SockDiag {
    pub fn open() -> io::Result<Self> {
        let line = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(SOCK_DIAG),
        )?;
        set_socket_timeout(&line, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { line, sequence: 0 })
    }

    /// The inode of the socket whose own end is `own` and whose far end is `peer`; `None` if there is none, or its
    /// program has closed it.
    pub fn find(&mut self, own: SocketAddr, peer: SocketAddr) -> io::Result<Option<u32>> {
        self.sequence = self.sequence.wrapping_add(1);
        let Some(request) = request(self.sequence, own, peer) else {
            return Ok(None);
        };
        sendto(
            &self.line,
            &request,
            SendFlags::empty(),
            &SocketAddrNetlink::new(0, 0),
        )?;
        let mut answer = [0; 512];
        loop {
            let (_, length) = recv(&self.line, &mut answer[..], RecvFlags::empty())?;
            let answer = &answer[..length.min(512)];
            // A late answer to a question that timed out is passed over.
            if word(answer, 8) == Some(self.sequence) {
                return Ok(read(answer));
            }
        }
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

fn read(answer: &[u8]) -> Option<u32> {
    let kind = answer.get(4..6)?;
    if kind != SOCK_DIAG_BY_FAMILY.to_ne_bytes() {
        // NLMSG_ERROR: there is no such socket.
        return None;
    }
    // Where there is no such connection the kernel names a listener on its port.
    if answer.get(STATE_AT) == Some(&TCP_LISTEN) {
        return None;
    }
    let inode = word(answer, INODE_AT).filter(|inode| *inode != 0)?;
    Some(inode)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}
