//! TCP services: servers that take turns, or services that do.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::upstream::balance::Turns;
use crate::upstream::dial::UpstreamStream;
use crate::upstream::reach;
use crate::upstream::transport::Transport;

use super::health::Health;
use super::proxy_protocol::Version;
use super::{Beginning, Ends, postgres};

/// What connections are carried to.
#[derive(Debug)]
pub(super) enum TcpService {
    /// Servers.
    Servers(Servers),
    /// Other services, in proportion to their weights.
    Weighted {
        turns: Turns,
        members: Vec<Arc<TcpService>>,
        /// Services without a healthy server are passed over.
        told: bool,
    },
}

/// Servers that take turns, and how they are connected to.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) turns: Turns,
    pub(super) targets: Vec<Target>,
    /// For TLS towards the servers, and how long a connection may take to make; no limit if zero.
    pub(super) transport: Arc<Transport>,
    /// Silence after which a connection is probed; `None` is never.
    pub(super) keep_alive: Option<Duration>,
    pub(super) proxy_protocol: Option<Version>,
    /// What one direction has left when the other has ended; `None` is any time.
    pub(super) termination_delay: Option<Duration>,
}

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Host and port.
    pub(super) address: String,
    /// Whether it is spoken to over TLS.
    pub(super) tls: bool,
    /// What its health check found.
    pub(super) health: Arc<Health>,
}

/// Why a connection cannot be carried on.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoServer {
    #[error("the service has no server")]
    None,
    #[error("no server of the service is healthy")]
    NotHealthy,
    #[error("cannot connect to {address}")]
    Failed {
        address: String,
        #[source]
        source: io::Error,
    },
}

impl TcpService {
    /// A connection to a server, and the time its directions may outlive each other. A server that does not take it is passed over
    /// for the next.
    ///
    /// # Errors
    /// There is no server, or none takes it; the error is the last one's.
    pub(super) async fn connect(
        &self,
        ends: Ends,
        beginning: Beginning,
    ) -> Result<(UpstreamStream, Option<Duration>), NoServer> {
        let servers = self.servers().ok_or(NoServer::None)?;
        let mut tried = vec![false; servers.targets.len()];
        let mut error = if servers.targets.is_empty() { NoServer::None } else { NoServer::NotHealthy };
        let is_good = |index: usize| servers.targets.get(index).is_some_and(|target| target.health.is_good());
        while let Some(index) = servers.turns.next(|index| tried.get(index) == Some(&false) && is_good(index)) {
            if let Some(tried) = tried.get_mut(index) {
                *tried = true;
            }
            let Some(target) = servers.targets.get(index) else { continue };
            match servers.dial(target, ends, beginning).await {
                Ok(stream) => return Ok((stream, servers.termination_delay)),
                Err(source) => error = NoServer::Failed { address: target.address.clone(), source },
            }
        }
        Err(error)
    }

    /// The servers whose turn it is. Services are built from the inside out, so that none contains itself.
    fn servers(&self) -> Option<&Servers> {
        match self {
            Self::Servers(servers) => Some(servers),
            Self::Weighted { turns, members, told } => {
                let serves = |member: &Arc<Self>| if *told { member.is_healthy() } else { member.servers_exist() };
                let index = turns.next(|index| members.get(index).is_some_and(serves))?;
                members.get(index)?.servers()
            }
        }
    }

    /// Whether any of its servers is healthy.
    fn is_healthy(&self) -> bool {
        match self {
            Self::Servers(servers) => servers.targets.iter().any(|target| target.health.is_good()),
            Self::Weighted { members, .. } => members.iter().any(|member| member.is_healthy()),
        }
    }

    fn servers_exist(&self) -> bool {
        match self {
            Self::Servers(servers) => !servers.targets.is_empty(),
            Self::Weighted { members, .. } => members.iter().any(|member| member.servers_exist()),
        }
    }
}

impl Servers {
    async fn dial(&self, target: &Target, ends: Ends, beginning: Beginning) -> io::Result<UpstreamStream> {
        let limit = self.transport.options.dial_timeout;
        let connecting = self.connect(target, ends, beginning);
        if limit.is_zero() {
            return connecting.await;
        }
        tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect(&self, target: &Target, ends: Ends, beginning: Beginning) -> io::Result<UpstreamStream> {
        let mut stream = open(target).await?;
        if let Some(silence) = self.keep_alive {
            SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(silence))?;
        }
        if let Some(version) = self.proxy_protocol {
            stream.write_all(&version.header(ends)).await?;
        }
        let mut stream = encrypt(target, stream, &self.transport).await?;
        if beginning == Beginning::Postgres {
            postgres::ask(&mut stream).await?;
        }
        Ok(stream)
    }
}

/// A connection to a server, with TLS where it is spoken to over TLS.
///
/// # Errors
/// It cannot be reached, or TLS cannot be agreed on.
pub(super) async fn connect(target: &Target, transport: &Transport) -> io::Result<UpstreamStream> {
    encrypt(target, open(target).await?, transport).await
}

async fn open(target: &Target) -> io::Result<TcpStream> {
    let stream = reach::connect(&target.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn encrypt(target: &Target, stream: TcpStream, transport: &Transport) -> io::Result<UpstreamStream> {
    if !target.tls {
        return Ok(UpstreamStream::Plain(stream));
    }
    let host = target.address.rsplit_once(':').map_or(target.address.as_str(), |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = transport.options.server_name.as_deref().unwrap_or(host).to_owned();
    let name = ServerName::try_from(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TlsConnector::from(Arc::clone(&transport.tls_http1)).connect(name, stream).await?;
    Ok(UpstreamStream::Tls(Box::new(stream)))
}
