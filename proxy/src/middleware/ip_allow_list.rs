//! `ipAllowList`: lets only some addresses pass.

use http::{Response, StatusCode};
use ipnet::IpNet;

use crate::config::dynamic::IpAllowList as Config;
use crate::http::body::Body;
use crate::http::error_response::status_text;
use crate::http::exchange::Exchange;
use crate::networks;

use super::source::Address;

/// Who may pass, and the answer to others.
#[derive(Debug, Clone)]
pub(crate) struct IpAllowList {
    networks: Vec<IpNet>,
    address: Address,
    status: StatusCode,
}

impl IpAllowList {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        if config.source_range.is_empty() {
            return Err("sourceRange is empty, IPAllowLister not created".to_owned());
        }
        let code = if config.reject_status_code == 0 { 403 } else { config.reject_status_code };
        let status = u16::try_from(code)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok())
            .filter(|status| status.canonical_reason().is_some())
            .ok_or_else(|| format!("invalid HTTP status code {code}"))?;
        Ok(Self {
            networks: networks::networks(&config.source_range)
                .map_err(|error| format!("cannot parse CIDRs [{}]: {error}", config.source_range.join(" ")))?,
            address: Address::new(config.ip_strategy.as_ref())?,
            status,
        })
    }

    pub(crate) fn request(&self, exchange: &Exchange) -> Option<Response<Body>> {
        let address = self.address.of(exchange);
        let allowed = networks::parse(&address).is_some_and(|ip| self.networks.iter().any(|net| net.contains(&ip)));
        (!allowed).then(|| status_text(self.status))
    }
}
