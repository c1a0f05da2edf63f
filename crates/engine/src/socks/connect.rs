//! CONNECT: decide, dial, book, answer. What remains is two sockets for the relay.

use privet_connection_log::CloseReason;
use privet_http::Served;
use privet_policy::Target;

use super::parsed::Command;
use super::reject::say;
use super::road::{SocksRoad, still_holds};
use super::{Asker, Caller};

pub async fn connect<R: SocksRoad>(
    mut caller: Caller,
    asker: &Asker,
    target: &Target,
    road: &R,
) -> Served {
    let ask = asker.ask(caller.dialect.protocol(), target);
    let generation = road.generation();
    let ticket = match road.decide(&ask).await {
        Ok(ticket) => ticket,
        Err(refusal) => return caller.refuse(&refusal, Command::Connect).await,
    };
    let dialed = match road.dial(&ask, &ticket, false).await {
        Ok(dialed) => dialed,
        Err(refusal) => return caller.refuse(&refusal, Command::Connect).await,
    };
    if let Err(refusal) = still_holds(road, generation, &ask, &ticket).await {
        return caller.refuse(&refusal, Command::Connect).await;
    }
    let live = road.book(&ask, &ticket, &dialed);
    let granted = caller.dialect.granted(dialed.local);
    if !say(&mut caller.client, &granted).await {
        live.close(CloseReason::Broken, None);
        return Served::Done;
    }
    Served::Tunnel {
        client: caller.client,
        ahead: caller.ahead,
        dialed,
        live,
    }
}
