//! One client connection: which protocol it speaks (`detect`), its TLS (`handshake`), and watching over it until it ends (`watch`).

mod detect;
mod handshake;
mod watch;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::listen;
use crate::tcp::{Beginning, Ends, TcpRoute};
use crate::timeout::with_timeout;
use crate::worker::{Open, Worker};

use super::exchange::{Client, TlsSession};
use super::http1::{self, Channel};
use super::http2::Http2;
use super::meter::{Meter, Metered};
use detect::{First, Postgres, first_bytes};
use watch::{Http1, LINGER, Protocol, ReadReadiness, Watched};

/// Serves a connection until it ends, is too slow, or `drain` asks for its end.
///
/// Most connections are idle most of the time: each step has a place of its own in memory, which goes when the step is over.
pub(crate) async fn serve(
    mut stream: TcpStream,
    mut peer: SocketAddr,
    entry: Arc<EntryPoint>,
    worker: Arc<Worker>,
    drain: CancellationToken,
    open: Open,
) {
    if let Some(proxied) = &entry.proxied {
        match with_timeout(entry.limits.header, listen::proxied::read(&mut stream)).await {
            Some(Ok(Some(client))) if proxied.trusts(peer.ip()) => peer = client,
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(client = %peer, %error, "connection closed");
                return;
            }
            None => {
                tracing::debug!(client = %peer, "connection closed: its first bytes took too long");
                return;
            }
        }
    }
    let tcp = worker.view.load().snapshot.tcp.entry(&entry.name).cloned();
    let client = peer.ip().to_canonical();
    if let Some(route) = tcp.as_ref().and_then(|tcp| tcp.early(client)) {
        return Box::pin(carry(route, stream, peer)).await;
    }
    let has_tls = tcp.as_ref().is_some_and(|tcp| tcp.has_tls());
    let postgres = if has_tls { Postgres::Detected } else { Postgres::Ignored };
    let Some(first) = first_bytes(&stream, &entry, &drain, postgres).await else { return };
    if !matches!(first, First::Tls | First::Postgres)
        && let Some(route) = tcp.as_ref().and_then(|tcp| tcp.plain(client))
    {
        return Box::pin(carry(route, stream, peer)).await;
    }
    let connection = Connection { peer, entry, worker, drain, open };
    match first {
        First::Tls => match tcp.filter(|tcp| tcp.has_tls()) {
            Some(tcp) => Box::pin(connection.tls_or_tcp(stream, &tcp)).await,
            None => match stream.local_addr() {
                Ok(local) => connection.tls(stream, local).await,
                Err(error) => tracing::debug!(client = %connection.peer, %error, "connection closed"),
            },
        },
        First::Postgres => {
            if let Some(tcp) = tcp {
                Box::pin(connection.postgres(stream, &tcp)).await;
            }
        }
        First::Http2 => connection.http2(stream, None, Meter::new()).await,
        First::Http1 => connection.http1(stream, None, Meter::new()).await,
    }
}

/// Carries a connection without TLS to where its TCP router says.
async fn carry(route: &TcpRoute, stream: TcpStream, peer: SocketAddr) {
    // A client that is gone already has no address any more.
    if let Ok(local) = stream.local_addr() {
        route.serve(stream, Ends { peer, local }, Beginning::Client).await;
    }
}

struct Connection {
    peer: SocketAddr,
    entry: Arc<EntryPoint>,
    worker: Arc<Worker>,
    drain: CancellationToken,
    /// A tunnel that it becomes outlives this.
    open: Open,
}

impl Connection {
    fn client(&self, tls: Option<TlsSession>, meter: &Arc<Meter>) -> Arc<Client> {
        let ip = self.peer.ip().to_canonical();
        Arc::new(Client {
            peer: self.peer,
            ip_value: HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("")),
            trusted: self.entry.forwarded.trusts(ip),
            tls: tls.map(Arc::new),
            entry: Arc::clone(&self.entry),
            worker: Arc::clone(&self.worker),
            meter: Arc::clone(meter),
        })
    }

    fn http1<S: ReadReadiness + Unpin + Send + 'static>(
        self,
        stream: S,
        tls: Option<TlsSession>,
        meter: Arc<Meter>,
    ) -> impl Future<Output = ()> {
        let client = self.client(tls, &meter);
        let channel = Arc::new(Channel::new(stream, Arc::clone(&meter)));
        async move {
            loop {
                // Without a request it needs none of what there is for one.
                let served = Box::pin(http1::serve(Arc::clone(&channel), Arc::clone(&client), self.open.clone()));
                let mut served = Http1 { served, meter: Arc::clone(&meter) };
                if let Watched::Over = self.watch(Pin::new(&mut served), &meter, Protocol::Http1).await {
                    return;
                }
                drop(served);
                if channel.rest() && !self.wait_for_data(&channel, &meter).await {
                    // Its client has gone, or is no longer waited for.
                    let _ = with_timeout(LINGER, channel.shutdown()).await;
                    return;
                }
            }
        }
    }

    fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        tls: Option<TlsSession>,
        meter: Arc<Meter>,
    ) -> impl Future<Output = ()> {
        let client = self.client(tls, &meter);
        let mut served = Box::pin(Http2::new(Metered::new(stream, Arc::clone(&meter)), client, &self.entry));
        async move {
            self.watch(served.as_mut(), &meter, Protocol::Http2).await;
        }
    }
}
