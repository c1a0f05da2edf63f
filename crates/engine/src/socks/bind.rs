//! BIND (RFC 1928, section 4): a client waits for one connection from a peer that it named, as FTP's active mode does.

use std::time::Duration;

use privet_connection_log::CloseReason;
use privet_http::{Ask, Refusal, Served, Ticket};
use privet_net::bind::WAIT;
use privet_net::{DialError, DialErrorKind};
use privet_policy::Target;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::parsed::Command;
use super::reject::say;
use super::road::{SocksRoad, still_holds};
use super::{Asker, Caller};

/// How often a BIND that waits looks whether its policy is still in force.
const LOOK: Duration = Duration::from_secs(1);

/// Decide, listen, first reply; one connection from the expected peer, second reply; then it is a tunnel.
pub async fn bind<R: SocksRoad>(
    mut caller: Caller,
    asker: &Asker,
    target: &Target,
    road: &R,
) -> Served {
    let ask = asker.ask(caller.dialect.protocol(), target);
    let generation = road.generation();
    let ticket = match road.decide(&ask).await {
        Ok(ticket) => ticket,
        Err(refusal) => return caller.refuse(&refusal, Command::Bind).await,
    };
    let bound = match road.bind(&ask, &ticket).await {
        Ok(bound) => bound,
        Err(refusal) => return caller.refuse(&refusal, Command::Bind).await,
    };
    if !say(
        &mut caller.client,
        &caller.dialect.granted(Some(bound.address())),
    )
    .await
    {
        return Served::Done;
    }
    let arrived = tokio::select! {
        arrived = timeout(WAIT, bound.accept()) => arrived.unwrap_or_else(|_| Err(nobody_came(target))),
        refusal = forbidden(road, generation, &ask, &ticket) => {
            return caller.refuse(&refusal, Command::Bind).await;
        }
        () = gone(&caller.client) => return Served::Done,
    };
    let (dialed, peer) = match arrived {
        Ok(arrived) => arrived,
        Err(error) => {
            road.refused(
                &ask,
                &ticket.why,
                CloseReason::Failed,
                Some(error.to_string()),
            );
            return caller.refuse(&Refusal::Failed(error), Command::Bind).await;
        }
    };
    if let Err(refusal) = still_holds(road, generation, &ask, &ticket).await {
        return caller.refuse(&refusal, Command::Bind).await;
    }
    let live = road.book(&ask, &ticket, &dialed);
    if !say(&mut caller.client, &caller.dialect.granted(Some(peer))).await {
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

fn nobody_came(target: &Target) -> DialError {
    DialError {
        kind: DialErrorKind::TimedOut,
        hop: None,
        text: format!(
            "nobody connected from {} in {} s",
            target.host,
            WAIT.as_secs()
        ),
    }
}

/// Ends once a reload forbids what was granted: where a kill switch came, the system may not greet a peer any more.
async fn forbidden<R: SocksRoad>(
    road: &R,
    mut generation: u64,
    ask: &Ask<'_>,
    ticket: &Ticket,
) -> Refusal {
    loop {
        sleep(LOOK).await;
        let now = road.generation();
        if let Err(refusal) = still_holds(road, generation, ask, ticket).await {
            return refusal;
        }
        generation = now;
    }
}

/// Ends when the client hangs up. What it sends early stays in the socket for the relay, and ends the watch.
async fn gone(client: &TcpStream) {
    let mut one = [0];
    match client.peek(&mut one).await {
        Ok(0) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}
