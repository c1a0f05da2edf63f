//! The handshake up to the request: greeting, method, login. Its order is the order of the code, so that no request is
//! looked at before the client is let in.

use std::net::IpAddr;
use std::sync::Arc;

use fast_socks5::ReplyError;
use fast_socks5::consts::{SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE, SOCKS5_VERSION};
use privet_gateway::Gateway;

use super::parsed::Fault;
use super::read_buffer::Inbox;
use super::reply::{self, Bytes, Dialect};
use super::v4;
use super::v5::{self, LOGIN_VERSION, Method, Wish};

const LOGIN_GRANTED: [u8; 2] = [LOGIN_VERSION, 0];
const LOGIN_REJECTED: [u8; 2] = [LOGIN_VERSION, 1];

/// What a client wants, and as whom.
pub struct Head {
    pub dialect: Dialect,
    pub wish: Wish,
    /// The name it logged in with; `None` where no logins are asked.
    pub user: Option<Arc<str>>,
}

/// Why there will be no request.
pub enum Stop {
    /// The client went away.
    Gone,
    /// It sent what is no message of this protocol at this place.
    Fault(Fault),
    /// It is told so, and closed.
    Say(Bytes),
}

/// Reads a SOCKS4 or SOCKS5 handshake; the first byte is there already.
pub async fn read<R: Gateway>(
    inbox: &mut Inbox,
    client: IpAddr,
    gateway: &R,
) -> Result<Head, Stop> {
    match inbox.held().first() {
        Some(&v4::VERSION) => read_v4(inbox, gateway).await,
        _ => read_v5(inbox, client, gateway).await,
    }
}

/// SOCKS4 cannot log in: where logins are asked it is refused once its request is read.
async fn read_v4<R: Gateway>(inbox: &mut Inbox, gateway: &R) -> Result<Head, Stop> {
    let rejected = || Stop::Say(Dialect::V4.rejected(ReplyError::ConnectionNotAllowed));
    let wish = match inbox.take(v4::request).await {
        Ok(wish) => wish,
        Err(Stop::Fault(_)) => return Err(rejected()),
        Err(stop) => return Err(stop),
    };
    if gateway.requires_authentication() {
        return Err(rejected());
    }
    Ok(Head {
        dialect: Dialect::V4,
        wish,
        user: None,
    })
}

async fn read_v5<R: Gateway>(inbox: &mut Inbox, client: IpAddr, gateway: &R) -> Result<Head, Stop> {
    let requires_authentication = gateway.requires_authentication();
    let method = match inbox.take(v5::greeting).await {
        Ok(greeting) => greeting.choose(requires_authentication),
        Err(Stop::Fault(Fault::NoMethods)) => Method::Unacceptable,
        Err(stop) => return Err(stop),
    };
    let user = match method {
        Method::Unacceptable => {
            return Err(say(&[SOCKS5_VERSION, SOCKS5_AUTH_METHOD_NOT_ACCEPTABLE]));
        }
        Method::NoLogin => {
            inbox.say(&[SOCKS5_VERSION, method.code()]).await?;
            None
        }
        Method::Login => {
            inbox.say(&[SOCKS5_VERSION, method.code()]).await?;
            log_in(inbox, client, requires_authentication, gateway).await?
        }
    };
    match inbox.take(v5::request).await {
        Ok(wish) => Ok(Head {
            dialect: Dialect::V5,
            wish,
            user,
        }),
        Err(Stop::Fault(fault)) => Err(Stop::Say(
            Dialect::V5.rejected(reply::code_for_fault(fault)),
        )),
        Err(stop) => Err(stop),
    }
}

/// RFC 1929. Where no logins are asked any is taken, and no name is booked: nobody vouches for it.
async fn log_in<R: Gateway>(
    inbox: &mut Inbox,
    client: IpAddr,
    requires_authentication: bool,
    gateway: &R,
) -> Result<Option<Arc<str>>, Stop> {
    let (login, used) = match inbox.wait(v5::login).await {
        Ok(login) => login,
        Err(Stop::Fault(_)) => return Err(say(&LOGIN_REJECTED)),
        Err(stop) => return Err(stop),
    };
    let user = if requires_authentication {
        let (name, password) = (login.name(inbox.held()), login.password(inbox.held()));
        gateway.authenticate(client, name, password).await
    } else {
        None
    };
    inbox.wipe(used);
    if requires_authentication && user.is_none() {
        return Err(say(&LOGIN_REJECTED));
    }
    inbox.say(&LOGIN_GRANTED).await?;
    Ok(user)
}

fn say(message: &[u8]) -> Stop {
    Stop::Say(Bytes::from_slice(message))
}
