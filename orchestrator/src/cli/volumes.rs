//! `stack volumes`

use std::collections::BTreeSet;
use std::process::ExitCode;

use proxy::template::Value;

use super::format::{Format, Listing, Row, record};
use super::scope::Scope;
use super::{Context, block_on};
use crate::backend::VolumeInfo;
use crate::error::Result;
use crate::ui::output;
use crate::ui::style::printable;

/// List the project's volumes
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only names
    #[arg(short, long)]
    quiet: bool,
    /// How to print
    #[arg(long, value_name = "table|raw|json|TEMPLATE", default_value = "table")]
    format: String,
    /// Only volumes that these services use
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// What a listing does not tell is `N/A`, as Docker has it.
const UNKNOWN: &str = "N/A";

/// Titles of fields in tables.
const TITLES: [(&str, &str); 10] = [
    ("Availability", "AVAILABILITY"),
    ("Driver", "DRIVER"),
    ("Group", "GROUP"),
    ("Labels", "LABELS"),
    ("Links", "LINKS"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Name", "VOLUME NAME"),
    ("Scope", "SCOPE"),
    ("Size", "SIZE"),
    ("Status", "STATUS"),
];

/// What `--format raw` stands for.
const RAW: &str = "name: {{.Name}}\ndriver: {{.Driver}}\n";

/// One volume with Docker's names of fields.
fn fields(volume: &VolumeInfo) -> Value {
    let labels = volume.labels.iter().map(|(name, value)| format!("{name}={value}"));
    record([
        ("Availability", UNKNOWN.into()),
        ("Driver", volume.driver.as_str().into()),
        ("Group", UNKNOWN.into()),
        ("Labels", Value::Text(labels.collect::<Vec<_>>().join(","))),
        ("Links", UNKNOWN.into()),
        ("Mountpoint", volume.mountpoint.as_str().into()),
        ("Name", volume.name.as_str().into()),
        ("Scope", volume.scope.as_str().into()),
        ("Size", UNKNOWN.into()),
        ("Status", UNKNOWN.into()),
    ])
}

/// Prints the list.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let format = Format::parse(&args.format, Some(RAW))?;
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
    let text = if args.quiet {
        volumes.iter().map(|volume| format!("{}\n", printable(&volume.name))).collect()
    } else {
        let row = |volume| Row { fields: fields(volume), labels: Some(&volume.labels) };
        format.text(&Listing {
            columns: &["Driver", "Name"],
            titles: &TITLES,
            rows: volumes.iter().map(row).collect(),
        })?
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
