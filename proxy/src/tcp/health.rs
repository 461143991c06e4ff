//! Active health checks of TCP services: each server is connected to at once and then at an interval; where a text is to be
//! sent or expected, that is done too. The first failure takes it out, the first success puts it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use crate::config::dynamic::TcpServerHealthCheck;

use super::service::{Target, connect};
use crate::upstream::transport::Transport;

/// What is known of a server. Kept across configurations.
#[derive(Debug)]
pub(super) struct Health(AtomicBool);

impl Default for Health {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Health {
    /// Whether it gets connections.
    pub(super) fn is_good(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// What an earlier check found counts no more.
    pub(super) fn forget(&self) {
        self.0.store(true, Relaxed);
    }
}

/// The health check of one service.
#[derive(Debug)]
pub(crate) struct Check {
    service: String,
    config: TcpServerHealthCheck,
    targets: Vec<Target>,
    transport: Arc<Transport>,
}

impl Check {
    /// A check of the servers of a service.
    pub(super) fn new(
        service: &str,
        config: &TcpServerHealthCheck,
        targets: Vec<Target>,
        transport: Arc<Transport>,
    ) -> Self {
        Self { service: service.to_owned(), config: config.clone(), targets, transport }
    }

    /// Starts asking in the current runtime. Ends when the set is dropped.
    pub(crate) fn start(&self, tasks: &mut JoinSet<()>) {
        for target in &self.targets {
            let (service, config) = (self.service.clone(), self.config.clone());
            tasks.spawn(watch(service, config, target.clone(), Arc::clone(&self.transport)));
        }
    }
}

async fn watch(service: String, config: TcpServerHealthCheck, target: Target, transport: Arc<Transport>) {
    let positive = |given: Duration, otherwise| if given.is_zero() { otherwise } else { given };
    let interval = positive(config.interval.to_std(), Duration::from_secs(30));
    let unhealthy_interval = config.unhealthy_interval.map_or(interval, |given| positive(given.to_std(), interval));
    let limit = positive(config.timeout.to_std(), Duration::from_secs(5));
    let asked = Target { address: with_port(&target.address, config.port), ..target.clone() };
    loop {
        let result = match tokio::time::timeout(limit, probe(&config, &asked, &transport)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer for {} ms", limit.as_millis())),
        };
        let healthy = result.is_ok();
        if target.health.0.swap(healthy, Relaxed) != healthy {
            match result {
                Ok(()) => tracing::info!(service, server = target.address, "TCP server is healthy again"),
                Err(reason) => {
                    tracing::warn!(
                        service,
                        server = target.address,
                        reason,
                        "TCP server is not healthy: it gets no more connections"
                    );
                }
            }
        }
        tokio::time::sleep(if healthy { interval } else { unhealthy_interval }).await;
    }
}

async fn probe(config: &TcpServerHealthCheck, target: &Target, transport: &Transport) -> Result<(), String> {
    let mut stream = connect(target, transport).await.map_err(|error| error.to_string())?;
    if !config.send.is_empty() {
        let sent = async {
            stream.write_all(config.send.as_bytes()).await?;
            stream.flush().await
        };
        sent.await.map_err(|error| format!("nothing can be sent: {error}"))?;
    }
    if config.expect.is_empty() {
        return Ok(());
    }
    let mut answer = vec![0; config.expect.len()];
    stream.read_exact(&mut answer).await.map_err(|error| format!("it sends less than is expected: {error}"))?;
    if answer == config.expect.as_bytes() { Ok(()) } else { Err("it sends something else than is expected".to_owned()) }
}

/// The address with another port, if one is given.
fn with_port(address: &str, port: i64) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    match u16::try_from(port).ok().filter(|port| *port > 0) {
        Some(port) => format!("{host}:{port}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_may_have_a_port_of_its_own() {
        assert_eq!(with_port("db:5432", 0), "db:5432");
        assert_eq!(with_port("db:5432", 8008), "db:8008");
        assert_eq!(with_port("[::1]:5432", 8008), "[::1]:8008");
    }
}
