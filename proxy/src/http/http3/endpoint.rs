//! An entry point's endpoint: which connections are let in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use quinn::{Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TokioRuntime, TransportConfig};
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::listen::succession::Datagrams;
use crate::tls::quic::ByName;
use crate::worker::Worker;

use super::socket::{SharedSocket, names};
use super::{Arrival, Handshake};

/// Handshakes under way from which on clients must prove their address first (RFC 9000 section 8.1.2): whoever sends with a false one
/// takes nothing any more.
const RETRY_FROM: usize = 128;
/// A connection that is silent for this long is probed, and closed when it stays silent as long again.
const SILENCE: Duration = Duration::from_secs(30);
/// Streams in one direction at once: control, QPACK's two, and some to spare (RFC 9114 section 6.2).
const UNIDIRECTIONAL: u32 = 8;
/// Windows for request bodies.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of answers that one connection keeps until they are acknowledged.
const SEND_WINDOW: u64 = 1024 * 1024;
/// Bytes of one connection's handshake that are kept out of order.
const HANDSHAKE_BUFFER: usize = 32 * 1024;

/// Serves HTTP/3 on a socket until `stop`, and then until the last connection has ended.
///
/// # Errors
/// The socket cannot be used.
pub(crate) async fn serve(
    datagrams: Datagrams,
    entry: Arc<ArcSwap<EntryPoint>>,
    worker: Arc<Worker>,
    stop: CancellationToken,
) -> io::Result<()> {
    let lookup = {
        let worker = Arc::clone(&worker);
        move |name: Option<&str>| worker.view.load().snapshot.policy.terms_of(name).clone()
    };
    let tls = ByName::new(Box::new(lookup)).ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
    let plain = ServerConfig::with_crypto(Arc::new(tls));
    let mut key = [0; 8];
    aws_lc_rs::rand::fill(&mut key).map_err(io::Error::other)?;
    let key = u64::from_ne_bytes(key);
    let mut own = EndpointConfig::default();
    own.cid_generator(move || names(key));
    let socket = Arc::new(SharedSocket::new(datagrams, key)?);
    let endpoint = Endpoint::new_with_abstract_socket(own, Some(plain.clone()), socket, Arc::new(TokioRuntime))?;
    let handshakes = Arc::new(AtomicUsize::new(0));
    let mut options = entry.load_full();
    let mut config = Arc::new(configured(&plain, &options));
    // Its own, so that connections of this worker wait on nothing that other workers touch.
    let drain = stop.child_token();
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = drain.cancelled() => break,
        };
        let Some(incoming) = incoming else { break };
        if !Arc::ptr_eq(&options, &entry.load()) {
            options = entry.load_full();
            config = Arc::new(configured(&plain, &options));
        }
        let (peer, proven) = (incoming.remote_address(), incoming.remote_address_validated());
        if !proven && handshakes.load(Relaxed) >= RETRY_FROM {
            // One that cannot be asked again says nothing either.
            if let Err(error) = incoming.retry() {
                error.into_incoming().ignore();
            }
            continue;
        }
        // An address that is not proven may be somebody else's, who is not to lose his places by it.
        let Some(place) = worker.shared.admit(proven.then(|| peer.ip())) else {
            tracing::debug!(client = %peer, "connection refused: too many are open");
            incoming.refuse();
            continue;
        };
        let arrival = Arrival {
            incoming,
            config: Arc::clone(&config),
            entry: Arc::clone(&options),
            worker: Arc::clone(&worker),
            drain: drain.clone(),
            place,
            handshake: Handshake::new(&handshakes),
        };
        worker.tasks.spawn(arrival.serve());
    }
    endpoint.set_server_config(None);
    endpoint.wait_idle().await;
    Ok(())
}

/// `plain` with the limits of an entry point.
fn configured(plain: &ServerConfig, entry: &EntryPoint) -> ServerConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(entry.max_concurrent_streams.into())
        .max_concurrent_uni_streams(UNIDIRECTIONAL.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(CONNECTION_WINDOW.into())
        .send_window(SEND_WINDOW)
        .crypto_buffer_size(HANDSHAKE_BUFFER)
        .keep_alive_interval(Some(SILENCE))
        .max_idle_timeout(IdleTimeout::try_from(2 * SILENCE).ok())
        .datagram_receive_buffer_size(None);
    let mut config = plain.clone();
    config.transport_config(Arc::new(transport));
    config
}
