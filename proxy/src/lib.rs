//! The HTTPS gateway: configuration and certificates in, a running gateway out.
//!
//! The crate knows neither Docker nor Compose nor the command line. It reads the configuration schema of Traefik (static options, dynamic
//! files, container labels) and serves it.

mod acme;
pub mod assemble;
mod chance;
pub mod config;
mod dns;
pub mod entry_point;
pub mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod gateway;
mod http;
pub mod inspect;
mod listen;
mod middleware;
mod networks;
pub mod observe;
mod pass_through;
mod response_guard;
pub mod route;
pub mod rule;
mod snapshot;
mod tcp;
pub mod template;
mod timeout;
mod tls;
mod udp;
mod upstream;
mod wire;
mod worker;

pub use acme::Resolver;
pub use entry_point::{ClientLimits, DeniedEncodings};
pub use listen::accept_from;
pub use snapshot::internal::{Handler, InternalAnswer};
pub use tls::client::outgoing as client_tls;
pub use tls::local::ROOT as LOCAL_ROOT;
pub use worker::ConnectionLimits;
