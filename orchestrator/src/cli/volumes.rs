//! `stack volumes`

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde::Serialize;

use super::format::{Fields, Format, fields};
use super::scope::Scope;
use super::{Context, block_on, to_json};
use crate::backend::VolumeInfo;
use crate::error::Result;
use crate::ui::output;
use crate::ui::style::printable;
use crate::ui::table::table;

/// List the project's volumes
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only names
    #[arg(short, long)]
    quiet: bool,
    /// How to print
    #[arg(long, value_name = "table|json|TEMPLATE", default_value = "table")]
    format: String,
    /// Only volumes that these services use
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// What a listing does not tell is `N/A`, as Docker has it.
const UNKNOWN: &str = "N/A";

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    availability: &'a str,
    driver: &'a str,
    group: &'a str,
    labels: String,
    links: &'a str,
    mountpoint: &'a str,
    name: &'a str,
    scope: &'a str,
    size: &'a str,
    status: &'a str,
}

impl<'a> Row<'a> {
    fn new(volume: &'a VolumeInfo) -> Self {
        let labels = volume.labels.iter().map(|(name, value)| format!("{name}={value}"));
        Self {
            availability: UNKNOWN,
            driver: &volume.driver,
            group: UNKNOWN,
            labels: labels.collect::<Vec<_>>().join(","),
            links: UNKNOWN,
            mountpoint: &volume.mountpoint,
            name: &volume.name,
            scope: &volume.scope,
            size: UNKNOWN,
            status: UNKNOWN,
        }
    }
}

/// Prints the list.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let format = Format::parse(&args.format)?;
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    let volumes = block_on(async {
        let mut volumes = engine.volumes(&scope.filter()).await?;
        if !args.services.is_empty() {
            let used = used(&scope, &scope.containers(&engine, &args.services, false).await?, &args.services);
            volumes.retain(|volume| used.contains(&volume.name));
        }
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    })?;
    let text = match format {
        _ if args.quiet => volumes.iter().map(|volume| format!("{}\n", printable(&volume.name))).collect(),
        Format::Table => {
            let titles = ["DRIVER", "VOLUME NAME"].map(str::to_owned);
            let rows = volumes.iter().map(|volume| [volume.driver.clone(), volume.name.clone()]);
            table(&std::iter::once(titles).chain(rows).collect::<Vec<_>>(), 10, 3)
        }
        Format::Json => {
            volumes.iter().map(|volume| Ok(format!("{}\n", to_json(&Row::new(volume))?))).collect::<Result<String>>()?
        }
        Format::Template(template) => {
            let rows = volumes.iter().map(|volume| fields(&Row::new(volume))).collect::<Result<Vec<_>>>()?;
            let rows = rows.iter().zip(&volumes).map(|(row, volume)| Fields { row, labels: Some(&volume.labels) });
            template.text(&rows.collect::<Vec<_>>(), &[("Name", "VOLUME NAME")])?
        }
    };
    output::stdout(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Engine names of the volumes of services: those that containers have, and those of the files.
fn used(scope: &Scope, containers: &[crate::backend::Container], services: &[String]) -> BTreeSet<String> {
    let mounted = containers.iter().flat_map(|container| &container.mounts).map(|mount| mount.name.clone());
    let written = scope.project().into_iter().flat_map(|project| {
        let services = services.iter().filter_map(|name| project.services.get(name));
        let keys = services.flat_map(|service| &service.volumes).map(|mount| &mount.source);
        keys.filter_map(|key| project.volumes.get(key)).map(|volume| volume.name.clone())
    });
    mounted.chain(written).collect()
}
