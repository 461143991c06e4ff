//! What the gateway tells about itself.

pub mod access_log;
pub mod api;
mod dashboard;
pub(crate) mod metrics;
pub(crate) mod quota;
pub mod trace;
pub mod traffic;

/// Whether a router or its service is one of the gateway's own, of which little is told unless somebody asks for it.
pub(crate) fn is_internal(router: &str, service: &str) -> bool {
    router.ends_with("@internal") || service.ends_with("@internal")
}
