//! `stack port`

use std::process::ExitCode;

use super::ps::ports::host;
use super::scope::Scope;
use super::{Context, block_on, flags};
use crate::error::{CommandError, Result};
use crate::ui::output;
use crate::ui::style::printable;

/// Print where a port of a service is published
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of the container, where the service has several
    #[arg(long, value_name = "N", value_parser = flags::index, allow_negative_numbers = true)]
    index: Option<u32>,
    /// tcp, udp or sctp
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: String,
    /// Service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Port in the container
    #[arg(value_name = "PORT")]
    port: String,
}

impl Args {
    /// The number and the protocol; `53/udp` is understood.
    fn wanted(&self) -> Result<(u16, String)> {
        let (number, protocol) = self.port.split_once('/').unwrap_or((&self.port, &self.protocol));
        let number = number.parse().map_err(|_| {
            CommandError::new(format!("`{}` is not a port", printable(&self.port))).hint("write a number up to 65535")
        })?;
        Ok((number, protocol.to_lowercase()))
    }
}

/// Prints the address.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let (number, protocol) = args.wanted()?;
    let scope = Scope::find(context, std::slice::from_ref(&args.service))?;
    let engine = context.engine()?;
    let container = block_on(scope.running(&engine, &args.service, args.index))?;
    let mut published = container.ports.iter().filter(|port| port.published > 0);
    if let Some(port) = published.find(|port| port.target == number && port.protocol == protocol) {
        output::stdout(&format!("{}:{}\n", host(&port.host_ip), port.published))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut ports: Vec<String> = container
        .ports
        .iter()
        .filter(|port| port.published > 0)
        .map(|port| format!("{}/{}", port.target, port.protocol))
        .collect();
    ports.sort();
    ports.dedup();
    let error = CommandError::new(format!("port {number}/{protocol} of container {} is not published", container.name));
    Err(if ports.is_empty() {
        error.hint("`ports:` in the compose file publishes it")
    } else {
        error.hint(format!("published are: {}", ports.join(", ")))
    })
}
