//! One entry point, listening or trying to.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::entry_point::EntryPoint;
use crate::gateway::Inherited;
use crate::gateway::worker_thread::{Accept, Socket, WorkerThread};
use crate::listen::succession::{Bequest, Datagrams, Legacy};
use crate::listen::{BindError, bind, same_place, share};

/// Pauses before a host is looked up once more: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// An entry point. When it is dropped nothing is accepted any more, and its connections are asked to end.
pub(super) struct Entry {
    pub(super) options: Arc<ArcSwap<EntryPoint>>,
    stop: CancellationToken,
    /// The host to look up and the port there, where the address is not in the configuration.
    pub(super) named: Option<(String, u16)>,
    /// Whether its host has been looked up, with whatever outcome.
    pub(super) was_looked_up: bool,
    /// How often in a row that has failed.
    pub(super) failures: u32,
    /// The look-up that is under way.
    pub(super) looking: Option<AbortHandle>,
    /// Where it is to listen, as soon as that is known.
    pub(super) address: Option<SocketAddr>,
    /// Where it listens.
    pub(super) bound: Option<SocketAddr>,
    /// Ends HTTP/3, where it is served.
    http3: Option<CancellationToken>,
    /// The worker that has what only one can have.
    worker: usize,
    /// Copies of the sockets that the workers accept from: what a successor is given.
    pub(super) listeners: Vec<TcpListener>,
    /// The same for datagrams, of UDP routers or of HTTP/3.
    pub(super) legacy: Option<Legacy>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(looking) = &self.looking {
            looking.abort();
        }
    }
}

impl Entry {
    pub(super) fn new(options: EntryPoint, worker: usize) -> Self {
        Self {
            options: Arc::new(ArcSwap::from_pointee(options)),
            stop: CancellationToken::new(),
            named: None,
            was_looked_up: false,
            failures: 0,
            looking: None,
            address: None,
            bound: None,
            http3: None,
            worker,
            listeners: Vec::new(),
            legacy: None,
        }
    }

    /// Whether it has been tried to listen.
    pub(super) fn was_tried(&self) -> bool {
        self.named.is_none() || self.was_looked_up
    }

    /// Whether something that is to be listened on is not, and it is known where.
    pub(super) fn may_bind(&self) -> bool {
        match self.bound {
            None => self.address.is_some(),
            Some(_) => self.http3.is_none() && self.options.load().http3.is_some(),
        }
    }

    /// How long to wait before its host is looked up once more, after failures.
    pub(super) fn pause(&self) -> Duration {
        PAUSES.0.saturating_mul(2_u32.saturating_pow(self.failures.saturating_sub(1))).min(PAUSES.1)
    }

    /// Goes on with other options for the same address.
    pub(super) fn change(&mut self, options: EntryPoint) {
        if options.http3.is_none()
            && let Some(stop) = self.http3.take()
        {
            stop.cancel();
            self.legacy = None;
        }
        self.publish(options);
    }

    /// Puts options into force. Clients are told of HTTP/3 where it is served.
    fn publish(&self, mut options: EntryPoint) {
        if let (Some(http3), Some(_), Some(bound)) = (&options.http3, &self.http3, self.bound) {
            options.http3 = Some(http3.served(bound.port()));
        }
        self.options.store(Arc::new(options));
    }

    /// Listens at its address, with sockets that were inherited where they are for it. Returns where it is bound.
    ///
    /// # Errors
    /// The address is taken or may not be bound.
    pub(super) fn listen(
        &mut self,
        workers: &[WorkerThread],
        inherited: &mut Inherited,
    ) -> Result<SocketAddr, BindError> {
        let Some(address) = self.address else { return Err(BindError::Address(self.options.load().address.clone())) };
        let bound = if self.options.load().udp.is_some() {
            self.listen_for_datagrams(address, workers, &mut inherited.datagrams)?
        } else {
            self.listen_for_connections(address, workers, &mut inherited.listeners)?
        };
        self.bound = Some(bound);
        Ok(bound)
    }

    fn listen_for_connections(
        &mut self,
        address: SocketAddr,
        workers: &[WorkerThread],
        inherited: &mut Vec<TcpListener>,
    ) -> Result<SocketAddr, BindError> {
        let (bound, listeners) = listening(address, workers.len(), inherited)?;
        // One that cannot be copied serves all the same; only a successor cannot have it.
        self.listeners = listeners.iter().filter_map(|listener| listener.try_clone().ok()).collect();
        // There may be more sockets than workers, where a gateway with more has given them.
        for (thread, listener) in workers.iter().cycle().zip(listeners) {
            let (entry, stop) = (Arc::clone(&self.options), self.stop.clone());
            thread.accept(Accept { socket: Socket::Tcp(listener), entry, stop });
        }
        Ok(bound)
    }

    /// Has its worker take datagrams for UDP routers.
    fn listen_for_datagrams(
        &mut self,
        address: SocketAddr,
        workers: &[WorkerThread],
        inherited: &mut Vec<Bequest>,
    ) -> Result<SocketAddr, BindError> {
        let Some(thread) = workers.get(self.worker) else { return Ok(address) };
        let (address, datagrams, legacy) = Datagrams::at(address, inherited, thread.runtime())?;
        self.legacy = Some(legacy);
        let (entry, stop) = (Arc::clone(&self.options), self.stop.clone());
        thread.accept(Accept { socket: Socket::Udp(datagrams), entry, stop });
        Ok(address)
    }

    /// Serves HTTP/3 where it is wanted and not served yet: at the address where it is bound, over UDP. `None` where there is
    /// nothing to do.
    pub(super) fn listen_for_http3(
        &mut self,
        workers: &[WorkerThread],
        inherited: &mut Vec<Bequest>,
    ) -> Option<Result<SocketAddr, BindError>> {
        let options = self.options.load_full();
        let address = self.bound.filter(|_| options.http3.is_some() && self.http3.is_none())?;
        let thread = workers.get(self.worker)?;
        let (datagrams, legacy) = match Datagrams::at(address, inherited, thread.runtime()) {
            Ok((_, datagrams, legacy)) => (datagrams, legacy),
            Err(error) => return Some(Err(error)),
        };
        let stop = self.stop.child_token();
        self.http3 = Some(stop.clone());
        self.legacy = Some(legacy);
        thread.accept(Accept { socket: Socket::Http3(datagrams), entry: Arc::clone(&self.options), stop });
        self.publish((*options).clone());
        Some(Ok(address))
    }
}

/// Sockets for as many workers, of those that were given where they are for the same address.
fn listening(
    address: SocketAddr,
    count: usize,
    given: &mut Vec<TcpListener>,
) -> Result<(SocketAddr, Vec<TcpListener>), BindError> {
    let mut listeners: Vec<_> =
        given.extract_if(.., |listener| listener.local_addr().is_ok_and(|at| same_place(at, address))).collect();
    if let Some(at) = listeners.first().and_then(|listener| listener.local_addr().ok()) {
        let missing = count.saturating_sub(listeners.len());
        listeners.extend(share(at, missing).map_err(|source| BindError::Bind { address: at, source })?);
    } else {
        listeners = bind(address, count)?;
    }
    let bound = listeners.first().and_then(|listener| listener.local_addr().ok()).unwrap_or(address);
    Ok((bound, listeners))
}
