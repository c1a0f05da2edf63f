//! The handshake up to the request: greeting, method, login, request, in the order of the code: no request is read before
//! the client is authenticated.

use std::net::IpAddr;
use std::sync::Arc;

use fast_socks5::ReplyError;
use fast_socks5::consts::{SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE, SOCKS5_VERSION};
use privet_gateway::Gateway;

use super::handshake_error::HandshakeError;
use super::parsed::ParseError;
use super::read_buffer::ReadBuffer;
use super::reply::{self, ReplyBytes, SocksVersion};
use super::v4;
use super::v5::{self, LOGIN_VERSION, Method, SocksRequest};

const LOGIN_GRANTED: [u8; 2] = [LOGIN_VERSION, 0];
const LOGIN_REJECTED: [u8; 2] = [LOGIN_VERSION, 1];

/// A complete handshake.
pub struct Handshake {
    pub version: SocksVersion,
    pub request: SocksRequest,
    /// The authenticated user; `None` where nobody has to log in.
    pub user: Option<Arc<str>>,
}

/// Reads a SOCKS4 or SOCKS5 handshake; the first byte is in the buffer.
pub async fn read<G: Gateway>(
    buffer: &mut ReadBuffer,
    client: IpAddr,
    gateway: &G,
) -> Result<Handshake, HandshakeError> {
    match buffer.bytes().first() {
        Some(&v4::VERSION) => read_v4(buffer, gateway).await,
        _ => read_v5(buffer, client, gateway).await,
    }
}

/// SOCKS4 has no login: where one is required the request is rejected.
async fn read_v4<G: Gateway>(
    buffer: &mut ReadBuffer,
    gateway: &G,
) -> Result<Handshake, HandshakeError> {
    let rejected = |fault: String| HandshakeError::Rejected {
        reply: SocksVersion::V4.rejected(ReplyError::ConnectionNotAllowed),
        fault,
    };
    let request = match buffer.take(v4::request).await {
        Ok(request) => request,
        Err(HandshakeError::Invalid(error)) => {
            return Err(rejected(format!("a SOCKS4 request with {error}")));
        }
        Err(error) => return Err(error),
    };
    if gateway.requires_authentication() {
        let fault = "this listener asks for a login, which SOCKS4 does not have: use SOCKS5";
        return Err(rejected(fault.to_owned()));
    }
    Ok(Handshake {
        version: SocksVersion::V4,
        request,
        user: None,
    })
}

async fn read_v5<G: Gateway>(
    buffer: &mut ReadBuffer,
    client: IpAddr,
    gateway: &G,
) -> Result<Handshake, HandshakeError> {
    let requires_authentication = gateway.requires_authentication();
    let method = match buffer.take(v5::greeting).await {
        Ok(greeting) => greeting.choose(requires_authentication),
        Err(HandshakeError::Invalid(ParseError::NoMethods)) => Method::Unacceptable,
        Err(error) => return Err(error),
    };
    let user = match method {
        Method::Unacceptable => {
            let fault = if requires_authentication {
                "a SOCKS5 greeting without the method username/password, which this listener asks for"
            } else {
                "a SOCKS5 greeting with no method that is understood here"
            };
            let reply = [SOCKS5_VERSION, SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE];
            return Err(rejected_with(&reply, fault));
        }
        Method::None => {
            buffer.send(&[SOCKS5_VERSION, method.code()]).await?;
            None
        }
        Method::Password => {
            buffer.send(&[SOCKS5_VERSION, method.code()]).await?;
            log_in(buffer, client, requires_authentication, gateway).await?
        }
    };
    match buffer.take(v5::request).await {
        Ok(request) => Ok(Handshake {
            version: SocksVersion::V5,
            request,
            user,
        }),
        Err(HandshakeError::Invalid(error)) => Err(HandshakeError::Rejected {
            reply: SocksVersion::V5.rejected(reply::code_for_parse_error(error)),
            fault: format!("a SOCKS5 request with {error}"),
        }),
        Err(error) => Err(error),
    }
}

/// RFC 1929. Where nobody has to log in any login is accepted and none is recorded, since nobody checked it.
async fn log_in<G: Gateway>(
    buffer: &mut ReadBuffer,
    client: IpAddr,
    requires_authentication: bool,
    gateway: &G,
) -> Result<Option<Arc<str>>, HandshakeError> {
    let (login, used) = match buffer.wait(v5::login).await {
        Ok(login) => login,
        Err(HandshakeError::Invalid(error)) => {
            return Err(rejected_with(
                &LOGIN_REJECTED,
                &format!("a SOCKS5 login with {error}"),
            ));
        }
        Err(error) => return Err(error),
    };
    let user = if requires_authentication {
        let (name, password) = (login.name(buffer.bytes()), login.password(buffer.bytes()));
        gateway.authenticate(client, name, password).await
    } else {
        None
    };
    buffer.wipe(used);
    if requires_authentication && user.is_none() {
        return Err(rejected_with(
            &LOGIN_REJECTED,
            "wrong user name or password",
        ));
    }
    buffer.send(&LOGIN_GRANTED).await?;
    Ok(user)
}

fn rejected_with(reply: &[u8], fault: &str) -> HandshakeError {
    HandshakeError::Rejected {
        reply: ReplyBytes::from_slice(reply),
        fault: fault.to_owned(),
    }
}
