//! Opens an engine's doors, and keeps the TCP ones as the configuration in force wants them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use privet_engine::Engine;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::doors::serve::Door;
use crate::doors::tcp;
#[cfg(unix)]
use crate::doors::unix;
use crate::guard::Guard;
use crate::metrics;
use crate::system_proxy::{SwitchError, SystemProxy};
use crate::token::{TOKEN_FILE, Token, TokenError};

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[cfg(unix)]
    #[error(transparent)]
    Socket(#[from] unix::SocketError),
    #[error(
        "cannot open the control port {address}: {source}{held}; choose another under [control]"
    )]
    Port {
        address: SocketAddr,
        source: io::Error,
        /// ", held by NAME (pid N)", where it is known.
        held: String,
    },
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// All doors of one engine.
pub struct Doors {
    api: Api,
    data_dir: PathBuf,
    socket: Option<Door>,
    http: Port,
    metrics: Port,
    closing: CancellationToken,
    /// The token was made just now, and its owner has to be told.
    pub new_token: Option<Arc<Token>>,
}

/// A TCP door and what the configuration says of it.
#[derive(Default)]
struct Port {
    wanted: Option<SocketAddr>,
    open: Option<(SocketAddr, Door)>,
}

/// The control socket, bound before the engine starts, so that a second engine notices the first before it touches anything.
#[cfg(unix)]
pub type Socket = unix::Bound;

impl Doors {
    /// Opens the socket, and the TCP doors that the configuration names.
    ///
    /// # Errors
    /// A port that is taken, a token that cannot be read or made.
    pub async fn open(
        engine: Engine,
        #[cfg(unix)] socket: Option<Socket>,
        data_dir: &Path,
    ) -> Result<Self, OpenError> {
        Self::open_with(
            engine,
            #[cfg(unix)]
            socket,
            data_dir,
            SystemProxy::none(),
        )
        .await
    }

    /// As [`Doors::open`], with the desktop's proxy to show and to switch.
    ///
    /// # Errors
    /// As [`Doors::open`].
    pub async fn open_with(
        engine: Engine,
        #[cfg(unix)] socket: Option<Socket>,
        data_dir: &Path,
        system_proxy: SystemProxy,
    ) -> Result<Self, OpenError> {
        let closing = CancellationToken::new();
        let api = Api::new(engine, closing.clone()).with_system_proxy(system_proxy);
        let mut doors = Self {
            data_dir: data_dir.to_owned(),
            #[cfg(unix)]
            socket: socket.map(|socket| socket.open(api.router())),
            #[cfg(not(unix))]
            socket: None,
            api,
            http: Port::default(),
            metrics: Port::default(),
            closing,
            new_token: None,
        };
        doors.follow().await?;
        Ok(doors)
    }

    /// The address of the TCP door, if it is open.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.open.as_ref().map(|(address, _)| *address)
    }

    /// Where metrics are, if they are anywhere.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics.open.as_ref().map(|(address, _)| *address)
    }

    /// Follows a changed `[control]`, to be called now and then; a port that cannot be opened is a problem that status shows.
    pub async fn follow_or_say(&mut self) {
        self.new_token = None;
        if let Err(error) = self.follow().await {
            self.api.engine.raise_problem(
                "control",
                &error.to_string(),
                "free the port, or name another under [control]",
            );
        }
        if self.new_token.take().is_some() {
            tracing::info!("the control port has a new token, in {TOKEN_FILE} in the data folder");
        }
        if let Err(error) = self.api.system_proxy.keep(&self.api.engine).await {
            tracing::warn!("the system proxy does not follow the listeners: {error}");
        }
    }

    /// Gives the desktop's proxy back: to be done before the listeners close.
    ///
    /// # Errors
    /// The desktop refuses; the next start tries again.
    pub async fn give_back(&self) -> Result<(), SwitchError> {
        match self.api.system_proxy.turn_off().await {
            Ok(_) | Err(SwitchError::NotOurs) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn follow(&mut self) -> Result<(), OpenError> {
        let control = self.api.engine.config().control.clone();
        if self.http.wanted != control.http {
            self.http.open = None;
            let opened = match control.http {
                Some(address) => match self.guarded() {
                    Ok(router) => open(address, router).await.map(Some),
                    Err(error) => Err(error),
                },
                None => Ok(None),
            };
            // Only now, whatever came of it: who is cancelled on the way tries again, who failed does not each second.
            self.http.wanted = control.http;
            self.http.open = opened?;
        }
        if self.metrics.wanted != control.metrics {
            self.metrics.open = None;
            let opened = match control.metrics {
                Some(address) => {
                    let router = metrics::router(self.api.engine.clone(), self.api.started_ms);
                    open(address, router).await.map(Some)
                }
                None => Ok(None),
            };
            self.metrics.wanted = control.metrics;
            self.metrics.open = opened?;
        }
        Ok(())
    }

    fn guarded(&mut self) -> Result<Router, OpenError> {
        let (token, new) = Token::read_or_make(&self.data_dir)?;
        let token = Arc::new(token);
        if new {
            self.new_token = Some(token.clone());
        }
        Ok(self.api.guarded_router(Guard::new(token)))
    }

    /// Closes all doors: event streams end, calls in flight are answered.
    pub async fn close(self) {
        self.closing.cancel();
        let doors = [
            self.socket,
            self.http.open.map(|(_, door)| door),
            self.metrics.open.map(|(_, door)| door),
        ];
        for door in doors.into_iter().flatten() {
            door.close().await;
        }
    }
}

async fn open(address: SocketAddr, router: Router) -> Result<(SocketAddr, Door), OpenError> {
    let failed = |source: io::Error| {
        let holder = (source.kind() == io::ErrorKind::AddrInUse)
            .then(|| privet_system::who_listens(address))
            .flatten();
        OpenError::Port {
            address,
            held: holder.map_or_else(String::new, |app| {
                format!(", held by {} (pid {})", app.name, app.pid)
            }),
            source,
        }
    };
    let listener = tcp::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((bound, tcp::open(listener, router)))
}
