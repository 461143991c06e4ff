//! `stack rollback`

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::up::{Prepared, Work};
use super::{Context, block_on};
use crate::backend::{Container, Engine};
use crate::error::{CommandError, Result};
use crate::reconcile::observed::Observed;
use crate::reconcile::up::UpOptions;
use crate::reconcile::version::Version;
use crate::reconcile::{Selection, desired};

/// Return to the version of services that was replaced last
///
/// Image and configuration are those of the containers that were there before; networks, and the content of secrets and
/// configs that are no files of the host, are today's. A second time leads back again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services
    #[arg(value_name = "SERVICE", required = true)]
    services: Vec<String>,
}

/// Replaces the containers of the services by those that they took the place of, as `up` replaces containers.
///
/// # Errors
/// A service without such a version; see also [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let loaded = context.load(&context.load_options(&args.services))?;
    let project = &loaded.project;
    for name in &args.services {
        let Some(service) = project.services.get(name) else {
            return Err(super::scope::no_such_service(name, project.services.keys().map(String::as_str)));
        };
        if let Some(other) = desired::references::parents(service).first() {
            return Err(CommandError::new(format!("service `{name}` shares with `{other}`: it cannot go back alone"))
                .hint("change the files back, and run `stack up`"));
        }
    }
    let selection = Selection { services: args.services.clone(), no_dependencies: true, ..Selection::default() };
    let options = UpOptions { ignore_orphans: true, ..UpOptions::default() };
    let work = Work { selection, options, adopt: true, yes: false, ask: false, route: true };
    let mut prepared = Prepared::new(context, loaded, work)?;
    block_on(async move {
        let observed = prepared.runner.observe().await?;
        prepared.runner.watch_signals()?;
        let versions = versions(&prepared.runner.engine, &observed, &args.services).await?;
        for (name, service) in &mut prepared.desired.services {
            // How many there are is no part of a version.
            service.replicas = u32::try_from(observed.of_service(name).count()).unwrap_or(u32::MAX);
        }
        prepared.go_back(versions).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The versions before of the containers of services, by the containers' ids.
///
/// # Errors
/// A service none of whose containers has one that could be made again.
async fn versions(engine: &Engine, observed: &Observed, services: &[String]) -> Result<BTreeMap<String, Version>> {
    let mut found = BTreeMap::new();
    for service in services {
        let containers: Vec<&Container> = observed.of_service(service).collect();
        let before: Vec<_> = containers
            .iter()
            .filter_map(|container| Some((container.id.clone(), Version::before(container)?)))
            .collect();
        if before.is_empty() {
            let why = if containers.is_empty() { "has no container" } else { "has no version before this one" };
            return Err(CommandError::new(format!("service `{service}` {why}"))
                .hint("a version is kept from the first `stack up` on that replaces its containers"));
        }
        for (_, version) in &before {
            if engine.image(&version.image_id).await?.is_none() {
                return Err(CommandError::new(format!(
                    "the image of the version before of service `{service}` is gone: `{}` ({})",
                    version.image, version.image_id
                ))
                .hint("pull or build it again, change the files back, and run `stack up`"));
            }
        }
        found.extend(before);
    }
    Ok(found)
}
