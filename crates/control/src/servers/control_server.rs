//! Opens the servers of one engine, and reopens the TCP ones when their addresses in the configuration change.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use privet_engine::Engine;
use tokio_util::sync::CancellationToken;

use crate::auth::guard::Guard;
use crate::auth::token::{TOKEN_FILE, Token, TokenError};
use crate::servers::http::Server;
use crate::servers::tcp;
#[cfg(unix)]
use crate::servers::unix;
use crate::state::ApiState;
use crate::system_proxy::{SwitchError, SystemProxyControl};
use crate::{metrics, router};

#[derive(Debug, thiserror::Error)]
pub enum ControlServerError {
    #[cfg(unix)]
    #[error(transparent)]
    Socket(#[from] unix::SocketError),
    #[error(
        "cannot open the control port {address}: {source}{holder}; choose another under [control]"
    )]
    Port {
        address: SocketAddr,
        source: io::Error,
        /// ", held by NAME (pid N)", if it is known.
        holder: String,
    },
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The servers of one engine: the control socket, `[control] http` and `[control] metrics`.
pub struct ControlServer {
    state: ApiState,
    data_dir: PathBuf,
    socket: Option<Server>,
    http: TcpPort,
    metrics: TcpPort,
    closing: CancellationToken,
    /// The token was created just now, and has to be shown to the user.
    pub new_token: Option<Arc<Token>>,
}

/// A TCP server, and its address in the configuration.
#[derive(Default)]
struct TcpPort {
    configured: Option<SocketAddr>,
    open: Option<(SocketAddr, Server)>,
}

/// The control socket. It is bound before the engine starts, so that a second engine fails before it touches anything.
#[cfg(unix)]
pub type ControlSocket = unix::BoundSocket;

impl ControlServer {
    /// Serves on the socket, and opens the TCP servers of the configuration.
    ///
    /// # Errors
    /// A port is in use, or the token cannot be read or created.
    pub async fn open(
        engine: Engine,
        #[cfg(unix)] socket: Option<ControlSocket>,
        data_dir: &Path,
        system_proxy: SystemProxyControl,
    ) -> Result<Self, ControlServerError> {
        let closing = CancellationToken::new();
        let state = ApiState::new(engine, closing.clone()).with_system_proxy(system_proxy);
        let mut server = Self {
            data_dir: data_dir.to_owned(),
            #[cfg(unix)]
            socket: socket.map(|socket| socket.serve(router::router(&state))),
            #[cfg(not(unix))]
            socket: None,
            state,
            http: TcpPort::default(),
            metrics: TcpPort::default(),
            closing,
            new_token: None,
        };
        server.follow_config().await?;
        Ok(server)
    }

    /// The address of the API on TCP, if it is open.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.open.as_ref().map(|(address, _)| *address)
    }

    /// The address of the metrics, if they are open.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics.open.as_ref().map(|(address, _)| *address)
    }

    /// Follows a changed configuration; to be called regularly. A port that cannot be opened becomes a problem in the status.
    pub async fn follow(&mut self) {
        self.new_token = None;
        if let Err(error) = self.follow_config().await {
            self.state.engine.raise_problem(
                "control",
                &error.to_string(),
                "free the port, or name another under [control]",
            );
        }
        if self.new_token.take().is_some() {
            tracing::info!("the control port has a new token, in {TOKEN_FILE} in the data folder");
        }
        let state = &self.state;
        if let Err(error) = state.system_proxy.follow_listeners(&state.engine).await {
            tracing::warn!("the system proxy does not follow the listeners: {error}");
        }
    }

    /// Restores the desktop's proxy settings. To be called before the listeners close.
    ///
    /// # Errors
    /// The desktop refuses; the next start tries again.
    pub async fn restore_system_proxy(&self) -> Result<(), SwitchError> {
        match self.state.system_proxy.turn_off().await {
            Ok(_) | Err(SwitchError::NotManaged) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn follow_config(&mut self) -> Result<(), ControlServerError> {
        let control = self.state.engine.config().control.clone();
        if self.http.configured != control.http {
            self.http.open = None;
            self.state.login_codes.set_page(None);
            let opened = match control.http {
                Some(address) => match self.guarded_router() {
                    Ok(router) => open(address, router).await.map(Some),
                    Err(error) => Err(error),
                },
                None => Ok(None),
            };
            // Set after the await, and also on failure: a cancelled call tries again, a failed one does not every second.
            self.http.configured = control.http;
            self.http.open = opened?;
            self.state.login_codes.set_page(self.http());
        }
        if self.metrics.configured != control.metrics {
            self.metrics.open = None;
            let opened = match control.metrics {
                Some(address) => {
                    let state = &self.state;
                    let router = metrics::router(state.engine.clone(), state.started_ms);
                    open(address, router).await.map(Some)
                }
                None => Ok(None),
            };
            self.metrics.configured = control.metrics;
            self.metrics.open = opened?;
        }
        Ok(())
    }

    fn guarded_router(&mut self) -> Result<Router, ControlServerError> {
        let (token, is_new) = Token::read_or_create(&self.data_dir)?;
        let token = Arc::new(token);
        if is_new {
            self.new_token = Some(token.clone());
        }
        Ok(router::guarded_router(&self.state, Guard::new(token)))
    }

    /// Closes all servers: event streams end, running calls are answered.
    pub async fn close(self) {
        self.closing.cancel();
        let servers = [
            self.socket,
            self.http.open.map(|(_, server)| server),
            self.metrics.open.map(|(_, server)| server),
        ];
        for server in servers.into_iter().flatten() {
            server.close().await;
        }
    }
}

async fn open(
    address: SocketAddr,
    router: Router,
) -> Result<(SocketAddr, Server), ControlServerError> {
    let failed = |source: io::Error| {
        let holder = (source.kind() == io::ErrorKind::AddrInUse)
            .then(|| privet_system::who_listens(address))
            .flatten();
        ControlServerError::Port {
            address,
            holder: holder.map_or_else(String::new, |app| {
                format!(", held by {} (pid {})", app.name, app.pid)
            }),
            source,
        }
    };
    let listener = tcp::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((bound, tcp::serve(listener, router)))
}
