//! A client's HTTP/3 connection (RFC 9114): QUIC is `quinn`'s, frames are `h3`'s; what limits, ends and answers requests is here.
//!
//! An entry point has one endpoint, on one worker: all packets of a connection come to it, also when the client's address changes on
//! the way (RFC 9000 section 9), which the kernel's spreading of packets by address would not ensure. While one gateway takes over
//! from another, both send from that socket, and the newer one reads it for both (`socket.rs`).

mod endpoint;
pub(crate) mod frames;
mod link;
mod request;
mod socket;
pub(crate) mod upload;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use h3::error::Code;
use http::HeaderValue;
use quinn::{Connection, Incoming, VarInt};
use rustls_pki_types::CertificateDer;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::timeout::with_timeout;
use crate::tls::quic::Agreed;
use crate::worker::{ConnectionPermit, Worker};

use super::exchange::{Client, TlsSession};
use super::meter::{Exceeded, Meter};

pub(crate) use endpoint::serve as serve_endpoint;

/// Most bytes of a header list, as for HTTP/2.
const MAX_HEADER_LIST: usize = 64 * 1024;
/// How long a connection without a request under way goes on after it is asked to end.
const LINGER: Duration = Duration::from_secs(1);
/// Streams that were opened before the client knew that the connection ends, and are still served.
const LATECOMERS: usize = 64;
/// Requests that break off before their head is complete, before the connection is closed.
const MOST_MISTAKES: usize = 1024;

type Server = h3::server::Connection<link::Link, Bytes>;

/// A connection that is being made, and what it takes with it.
struct Arrival {
    incoming: Incoming,
    config: Arc<quinn::ServerConfig>,
    entry: Arc<EntryPoint>,
    worker: Arc<Worker>,
    drain: CancellationToken,
    place: ConnectionPermit,
    /// Counted as long as the handshake goes on.
    handshake: Handshake,
}

/// A handshake under way.
struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Arrival {
    /// Serves the connection until it ends, or `drain` asks for its end.
    async fn serve(self) {
        let Self { incoming, config, entry, worker, drain, mut place, handshake } = self;
        let peer = incoming.remote_address();
        let proven = incoming.remote_address_validated();
        let Ok(connecting) = incoming.accept_with(config) else { return };
        let connection = match with_timeout(entry.limits.handshake, connecting).await {
            Some(Ok(connection)) => connection,
            Some(Err(error)) => {
                tracing::debug!(client = %peer, %error, "QUIC handshake failed");
                return;
            }
            None => {
                tracing::debug!(client = %peer, "QUIC handshake took too long");
                return;
            }
        };
        drop(handshake);
        if !proven {
            // Whoever answers from an address has it: only now may it count against the address.
            drop(place);
            place = match worker.shared.admit(Some(peer.ip())) {
                Some(place) => place,
                None => {
                    tracing::debug!(client = %peer, "connection refused: too many are open");
                    return connection.close(code(Code::H3_EXCESSIVE_LOAD), b"");
                }
            };
        }
        let _place = place;
        let _opened = worker.shared.metrics.registry().map(|registry| registry.opened(&entry.name));
        let Some(tls) = session(&connection) else { return };
        let session = Arc::new(tls);
        let (link, accepted) = link::Link::new(&connection);
        let most_headers = MAX_HEADER_LIST.min(entry.max_header_bytes);
        let served = h3::server::builder()
            // Lists above the limit, though not far above, get an answer of ours.
            .max_field_section_size(u64::try_from(most_headers).unwrap_or(u64::MAX).saturating_mul(4))
            .send_grease(false)
            .build(link)
            .await;
        match served {
            Ok(server) => {
                let client = new_client(&connection, &session, &entry, &worker, &Meter::new());
                Serving { connection, session, client, accepted, most_headers }.run(server, &drain).await;
            }
            Err(error) => tracing::debug!(client = %peer, %error, "HTTP/3 connection failed"),
        }
    }
}

/// What the handshake agreed on.
fn session(connection: &Connection) -> Option<TlsSession> {
    let agreed = connection.handshake_data()?.downcast::<Agreed>().ok()?;
    let certificates = connection.peer_identity().and_then(|certificates| certificates.downcast().ok());
    let certificates: Vec<CertificateDer<'static>> = certificates.map_or_else(Vec::new, |certificates| *certificates);
    let Agreed { terms, cipher } = *agreed;
    Some(TlsSession { terms, version: "1.3", cipher, certificates: certificates.into() })
}

fn new_client(
    connection: &Connection,
    session: &Arc<TlsSession>,
    entry: &Arc<EntryPoint>,
    worker: &Arc<Worker>,
    meter: &Arc<Meter>,
) -> Arc<Client> {
    let peer = connection.remote_address();
    let ip = peer.ip().to_canonical();
    Arc::new(Client {
        peer,
        ip_value: HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("")),
        trusted: entry.forwarded.trusts(ip),
        tls: Some(Arc::clone(session)),
        entry: Arc::clone(entry),
        worker: Arc::clone(worker),
        meter: Arc::clone(meter),
    })
}

fn code(code: Code) -> VarInt {
    VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX)
}

/// A connection that is being served.
struct Serving {
    connection: Connection,
    session: Arc<TlsSession>,
    client: Arc<Client>,
    accepted: link::Slot,
    most_headers: usize,
}

impl Serving {
    async fn run(mut self, mut server: Server, drain: &CancellationToken) {
        // Dropped with this future, and all requests with it: a client that is gone needs no answers.
        let mut requests: JoinSet<bool> = JoinSet::new();
        let mut mistakes = 0;
        let meter = Arc::clone(&self.client.meter);
        let limits = self.client.entry.limits;
        let mut alarm = std::pin::pin!(tokio::time::sleep_until(Instant::now()));
        let mut drained = std::pin::pin!(drain.cancelled());
        let (mut open, mut draining, mut may_end) = (true, false, false);
        while !(may_end && requests.is_empty()) {
            tokio::select! {
                biased;
                Some(ended) = requests.join_next() => {
                    mistakes += usize::from(!matches!(ended, Ok(true)));
                    if mistakes > MOST_MISTAKES {
                        tracing::debug!(client = %self.client.peer, "client connection closed: too many broken requests");
                        return self.connection.close(code(Code::H3_EXCESSIVE_LOAD), b"");
                    }
                }
                accepted = server.accept(), if open => match accepted {
                    Ok(Some(resolver)) => {
                        self.follow();
                        let stopped = link::take(&self.accepted);
                        let client = Arc::clone(&self.client);
                        requests.spawn(request::serve(client, resolver, stopped, self.most_headers));
                    }
                    // The client opens no more streams.
                    Ok(None) => (open, may_end) = (false, true),
                    Err(error) => {
                        tracing::debug!(client = %self.client.peer, %error, "client connection ended");
                        return;
                    }
                },
                () = alarm.as_mut() => match meter.check(&limits, true) {
                    _ if draining => {
                        may_end = true;
                        alarm.as_mut().reset(Instant::now() + Duration::from_secs(60));
                    }
                    Err(Exceeded::KeepAlive) => {
                        draining = true;
                        self.say_goodbye(&mut server).await;
                        alarm.as_mut().reset(Instant::now() + LINGER);
                    }
                    Ok(next) => alarm.as_mut().reset(next),
                    // Neither is measured here: heads and answers have timers of their own.
                    Err(Exceeded::Header | Exceeded::WriteStall) => {
                        alarm.as_mut().reset(Instant::now() + Duration::from_secs(1));
                    }
                },
                () = drained.as_mut(), if !draining => {
                    draining = true;
                    self.say_goodbye(&mut server).await;
                    alarm.as_mut().reset(Instant::now() + LINGER);
                }
            }
        }
        // All answers have reached the client: nothing is lost.
        self.connection.close(code(Code::H3_NO_ERROR), b"");
    }

    /// GOAWAY, after which requests that were on their way are still taken (RFC 9114 section 5.2).
    async fn say_goodbye(&self, server: &mut Server) {
        if let Err(error) = server.shutdown(LATECOMERS).await {
            tracing::debug!(client = %self.client.peer, %error, "a client cannot be asked to leave");
        }
    }

    /// Requests come from where the client is now: rules and lists of addresses must not go by where it was.
    fn follow(&mut self) {
        if self.connection.remote_address() != self.client.peer {
            let Client { entry, worker, meter, .. } = &*self.client;
            self.client = new_client(&self.connection, &self.session, entry, worker, meter);
        }
    }
}
