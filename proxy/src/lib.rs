//! The HTTPS gateway: configuration and certificates in, a running gateway out.
//!
//! The crate knows neither Docker nor Compose nor the command line. It reads the configuration schema of Traefik (static options, dynamic
//! files, container labels) and serves it.

pub mod config;
pub mod route;
pub mod rule;
