//! CONNECT: the way is opened, the client is told, and the connection is handed on as a tunnel.

use bytes::Bytes;
use privet_connection_log::CloseReason;

use super::ask::{ask, filled};
use super::refuse;
use super::serve::{Connection, Next};
use crate::road::Road;

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

impl<R: Road> Connection<'_, R> {
    pub(super) async fn connect(&mut self) -> Next {
        let work = self.work.get();
        let Some(ask) = ask(self.ends, &work.head, &work.url, &work.page, &self.user) else {
            return Next::Close;
        };
        let opened = match self.road.decide(&ask).await {
            Ok(ticket) => match Box::pin(self.road.dial(&ask, &ticket, false)).await {
                Ok(dialed) => Ok((self.road.book(&ask, &ticket, &dialed), dialed)),
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        let (live, dialed) = match opened {
            Ok(opened) => opened,
            Err(refusal) => return self.refuse(refusal).await,
        };
        let ahead = filled(&self.inbound)
            .get(work.head.len..)
            .map(Bytes::copy_from_slice)
            .unwrap_or_default();
        self.inbound = None;
        self.work.give_back();
        if !refuse::send(&mut self.client, ESTABLISHED).await {
            live.close(CloseReason::Broken, Some("the client went away".into()));
            return Next::Close;
        }
        Next::Tunnel {
            ahead,
            dialed: Box::new(dialed),
            live,
        }
    }
}
