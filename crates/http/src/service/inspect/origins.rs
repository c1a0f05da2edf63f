//! TLS with inspected origins, and what is remembered of their certificates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use privet_net::{Connected, Stream};
use privet_policy::Target;
use privet_tls::Alpn;
use privet_tls::inspection::{CertificateFault, OriginError, OriginTls};
use tokio::io::empty;

use crate::service::OriginProtocol;

/// How long an acceptable certificate is not judged again where no connection is opened.
const GOOD_FOR: Duration = Duration::from_secs(300);
/// How long a certificate that is not acceptable is not asked for again.
const BAD_FOR: Duration = Duration::from_secs(30);
/// The most origins that are remembered.
const MOST: usize = 4096;
/// The limit for a whole handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Connects to origins by TLS, and remembers for minutes what was found: an answer from the cache then needs no connection.
pub struct Origins {
    tls: OriginTls,
    known: Mutex<HashMap<OriginKey, Known>>,
}

/// Pool key and target: another route may meet another certificate.
type OriginKey = (u64, Target);

struct Known {
    check: OriginCheck,
    until: Instant,
}

/// The result of checking an origin's certificate.
#[derive(Debug, Clone)]
pub enum OriginCheck {
    Good(OriginProtocol),
    Bad(Arc<[CertificateFault]>),
}

impl Origins {
    pub fn new(tls: OriginTls) -> Self {
        Self {
            tls,
            known: Mutex::default(),
        }
    }

    /// What is remembered of an origin under the key of its pooled connections.
    pub fn check(&self, key: u64, target: &Target) -> Option<OriginCheck> {
        let known = self.lock();
        let found = known.get(&(key, target.clone()))?;
        (Instant::now() < found.until).then(|| found.check.clone())
    }

    /// Runs the handshake on a new connection to the target, and remembers what was found.
    ///
    /// # Errors
    /// [`OriginError`].
    pub(super) async fn connect(
        &self,
        key: u64,
        target: &Target,
        mut connected: Connected,
        alpn: &[Alpn],
    ) -> Result<(Connected, OriginProtocol), OriginError> {
        let started = Instant::now();
        let placeholder = Stream::Boxed(Box::pin(empty()));
        let stream = std::mem::replace(&mut connected.stream, placeholder);
        let host = target.host.to_string();
        let deadline = tokio::time::Instant::now() + HANDSHAKE;
        let stream = match self.tls.connect(stream, &host, alpn, deadline).await {
            Ok(stream) => stream,
            Err(error) => {
                if let OriginError::Certificate(faults) = &error {
                    self.remember(key, target, OriginCheck::Bad(faults.as_slice().into()));
                }
                return Err(error);
            }
        };
        let protocol = match stream.alpn() {
            Some(Alpn::H2) => OriginProtocol::Http2,
            _ => OriginProtocol::Http1,
        };
        // A connection that offered HTTP/1.1 only says nothing about HTTP/2.
        if alpn.contains(&Alpn::H2) {
            self.remember(key, target, OriginCheck::Good(protocol));
        }
        let took = started.elapsed();
        connected.timings.tls = Some(connected.timings.tls.unwrap_or_default() + took);
        connected.alpn = stream.alpn();
        connected.stream = Stream::Boxed(Box::pin(stream));
        Ok((connected, protocol))
    }

    fn remember(&self, key: u64, target: &Target, check: OriginCheck) {
        let now = Instant::now();
        let lasts = match check {
            OriginCheck::Good(_) => GOOD_FOR,
            OriginCheck::Bad(_) => BAD_FOR,
        };
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, known| now < known.until);
        }
        if known.len() >= MOST {
            known.clear();
        }
        let until = now + lasts;
        known.insert((key, target.clone()), Known { check, until });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OriginKey, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
