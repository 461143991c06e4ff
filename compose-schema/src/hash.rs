//! Docker Compose's own configuration hashes, so that live projects are taken over without recreating anything.

use crate::model::{Network, Service, Volume};

/// The value of `com.docker.compose.config-hash` for a service's containers, in hex.
#[must_use]
pub fn service(service: &Service) -> String {
    let _ = service;
    String::new()
}

/// The value of `com.docker.compose.config-hash` for a network, in hex.
#[must_use]
pub fn network(network: &Network) -> String {
    let _ = network;
    String::new()
}

/// The value of `com.docker.compose.config-hash` for a volume, in hex.
#[must_use]
pub fn volume(volume: &Volume) -> String {
    let _ = volume;
    String::new()
}
