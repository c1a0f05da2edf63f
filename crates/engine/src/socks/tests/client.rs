//! The client's side of the protocol, byte by byte.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// `VER CMD RSV ATYP ADDR PORT` for a socket address or "name:port".
pub fn request(command: u8, target: &str) -> Vec<u8> {
    let mut bytes = vec![5, command, 0];
    bytes.extend(address(target));
    bytes
}

/// `ATYP ADDR PORT` for a socket address or "name:port".
pub fn address(target: &str) -> Vec<u8> {
    let (mut bytes, port) = match target.parse::<SocketAddr>() {
        Ok(SocketAddr::V4(at)) => ([&[1][..], &at.ip().octets()].concat(), at.port()),
        Ok(SocketAddr::V6(at)) => ([&[4][..], &at.ip().octets()].concat(), at.port()),
        Err(_) => {
            let (name, port) = target.rsplit_once(':').unwrap();
            let length = [3, name.len() as u8];
            (
                [&length[..], name.as_bytes()].concat(),
                port.parse().unwrap(),
            )
        }
    };
    bytes.extend(port.to_be_bytes());
    bytes
}

pub async fn read<const N: usize>(client: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Reads until the server closes; a reset fails the test.
pub async fn read_to_end(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Sends a greeting without a login and a request. Returns code and address (IPv4) of the reply.
pub async fn ask(client: &mut TcpStream, command: u8, target: &str) -> (u8, SocketAddr) {
    client.write_all(&[5, 1, 0]).await.unwrap();
    assert_eq!(read::<2>(client).await, [5, 0]);
    client.write_all(&request(command, target)).await.unwrap();
    reply(client).await
}

/// One SOCKS5 reply with an IPv4 address.
pub async fn reply(client: &mut TcpStream) -> (u8, SocketAddr) {
    let [version, code, reserved, kind, a, b, c, d, high, low] = read::<10>(client).await;
    assert_eq!((version, reserved, kind), (5, 0, 1));
    (
        code,
        SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))),
    )
}
