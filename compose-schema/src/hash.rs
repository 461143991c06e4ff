//! Docker Compose's own configuration hashes, so that live projects are taken over without recreating anything.
//!
//! Each is the SHA-256 of the model's JSON as Go writes it, in hex.

use sha2::{Digest, Sha256};

use crate::emit;
use crate::model::{Network, Service, Volume};

/// The value of `com.docker.compose.config-hash` for a service's containers.
#[must_use]
pub fn service(service: &Service) -> String {
    let mut service = service.clone();
    // What can change without new containers.
    service.build = None;
    service.pull_policy.clear();
    service.scale = None;
    if let Some(deploy) = &mut service.deploy {
        deploy.replicas = None;
    }
    service.depends_on.clear();
    service.profiles.clear();
    // Read, but not taken out: Docker Compose hashes their paths and what is in them.
    service.label_file.append(&mut service.labels_read_from);
    hex(&emit::compact(&service))
}

/// The value of `com.docker.compose.config-hash` for a network.
#[must_use]
pub fn network(network: &Network) -> String {
    hex(&emit::compact(network))
}

/// The value of `com.docker.compose.config-hash` for a volume.
#[must_use]
pub fn volume(volume: &Volume) -> String {
    let mut volume = volume.clone();
    if volume.driver.is_empty() {
        "local".clone_into(&mut volume.driver);
    }
    hex(&emit::compact(&volume))
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::model::{Duration, Service};

    #[test]
    fn equals_docker_compose() {
        let service = Service {
            image: "postgres".to_owned(),
            networks: [("default".to_owned(), None)].into(),
            stop_grace_period: Some(Duration(60_000_000_000)),
            scale: Some(3),
            ..Service::default()
        };
        assert_eq!(super::service(&service), "011de46075e67be9efe98bfcfaca666ae6ae6bf9fdd57e1d43ffa2d4716c37c9");
    }
}
