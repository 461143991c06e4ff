//! Traefik's dynamic configuration: what is routed where, as written in dynamic files, in labels, and by the agent.
//!
//! Field names serialize in camelCase, the spelling of Traefik's documentation. A field that is absent has the default that Traefik
//! documents; the [`Default`] of each type is that default. Written out, empty collections and absent options are left out.
//!
//! Reading people's files and labels goes through a decoder that is forgiving as Traefik is (case of keys, `"80"` for a number).
//! Specification: Traefik v3 documentation, "Dynamic configuration" of the file provider.

mod files;
mod http;
mod identity;
mod middleware;
mod tcp;
mod tls;
mod transport;
mod udp;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use http::*;
pub use identity::*;
pub use middleware::*;
pub use tcp::*;
pub use tls::*;
pub use transport::*;
pub use udp::*;

/// Name to object, in the order of the names.
pub type Named<T> = BTreeMap<String, T>;

/// The whole dynamic configuration of one provider, or of all providers merged.
///
/// In the configuration of one provider names are bare (`app`); merged ones are qualified (`app@docker`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Configuration {
    /// HTTP routers, services, middlewares and transports.
    #[serde(skip_serializing_if = "is_default")]
    pub http: HttpConfiguration,
    /// TCP routers, services, middlewares and transports.
    #[serde(skip_serializing_if = "is_default")]
    pub tcp: TcpConfiguration,
    /// UDP routers and services.
    #[serde(skip_serializing_if = "is_default")]
    pub udp: UdpConfiguration,
    /// Certificates, TLS options and certificate stores.
    #[serde(skip_serializing_if = "is_default")]
    pub tls: TlsConfiguration,
}

impl Configuration {
    /// Whether nothing at all is configured.
    pub fn is_empty(&self) -> bool {
        is_default(self)
    }
}

/// For `skip_serializing_if`: whether a value says nothing beyond the default.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For `skip_serializing_if` on flags that are off by default.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
pub(crate) const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests;
