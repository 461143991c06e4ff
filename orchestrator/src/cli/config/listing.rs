//! The parts of a project that `stack config` lists, one a line.

use std::collections::{BTreeMap, BTreeSet};

use compose_schema::emit::json;
use compose_schema::emit::value::{Fields, Value};
use compose_schema::interpolate::{self, Variable};
use compose_schema::{LoadOptions, graph, hash};

use super::{Args, Format};
use crate::cli::Context;
use crate::error::Result;

/// The listing that the flags ask for, if any; the first in Docker Compose's order where several are asked for.
///
/// # Errors
/// Files that cannot be loaded, services that do not exist.
pub(super) fn print(context: &Context, args: &Args) -> Result<Option<String>> {
    // What env files hold is in none of these, so they need not be there.
    let project = |names: &[String]| {
        let options = LoadOptions { resolve_environment: false, ..lenient(context, args, names) };
        args.load(names, &options).map(|loaded| loaded.project)
    };
    let listing = if args.services {
        if args.no_interpolate {
            let tree = args.model(context)?.tree;
            let services = tree.get("services").and_then(|services| services.as_mapping());
            lines(
                services.into_iter().flat_map(|services| services.keys().map(String::as_str)).collect::<BTreeSet<_>>(),
            )
        } else {
            lines(graph::order(&project(&[])?))
        }
    } else if args.volumes {
        lines(project(&[])?.volumes.keys())
    } else if args.networks {
        lines(project(&[])?.networks.keys())
    } else if args.models {
        lines(project(&[])?.models.values().map(|model| &model.model))
    } else if let Some(services) = args.hash.as_ref().filter(|services| !services.is_empty()) {
        hashes(context, args, services)?
    } else if args.profiles {
        let project = project(&args.names)?;
        let services = project.services.values().chain(project.disabled_services.values());
        lines(services.flat_map(|service| &service.profiles).collect::<BTreeSet<_>>())
    } else if args.images {
        let project = project(&args.names)?;
        let image = |(name, service): (&String, &compose_schema::model::Service)| match service.image.as_str() {
            "" => built_image(&project.name, name, context.global.compatibility),
            image => image.to_owned(),
        };
        lines(project.services.iter().map(image))
    } else if args.variables {
        let found = interpolate::variables(&args.model(context)?.tree);
        if args.format()? == Format::Json { variables_json(&found) } else { variables_table(&found) }
    } else if args.environment {
        let project = args.load(&args.names, &lenient(context, args, &args.names))?.project;
        let shown = project.environment.iter().filter(|_| !args.quiet);
        lines(shown.map(|(name, value)| format!("{name}={value}")))
    } else {
        return Ok(None);
    };
    Ok(Some(listing))
}

/// The load options of a listing: names of containers, which it does not show, may be there twice.
fn lenient(context: &Context, args: &Args, names: &[String]) -> LoadOptions {
    LoadOptions { unique_containers: false, ..args.options(context, names) }
}

/// The name of an image that is built and has none of its own.
fn built_image(project: &str, service: &str, compatibility: bool) -> String {
    let separator = if compatibility { '_' } else { '-' };
    format!("{project}{separator}{service}")
}

fn lines<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().fold(String::new(), |lines, item| lines + item.as_ref() + "\n")
}

fn hashes(context: &Context, args: &Args, services: &str) -> Result<String> {
    // Docker Compose hashes services here whose env files are not read and whose label files are forgotten; `up` hashes env
    // files read, and label files as well as what is in them.
    let options = LoadOptions { resolve_environment: false, ..lenient(context, args, &[]) };
    let mut loaded = args.load(&[], &options)?;
    let project = &mut loaded.project;
    for service in project.services.values_mut() {
        service.labels_read_from.clear();
        for (name, value) in service.environment.iter_mut().filter(|(_, value)| value.is_none()) {
            *value = project.environment.get(name).cloned();
        }
    }
    let project = &loaded.project;
    let names: BTreeSet<&str> = if services == "*" {
        project.services.keys().map(String::as_str).collect()
    } else {
        services.split(',').collect()
    };
    let mut listing = String::new();
    for name in names {
        let service = project.services.get(name).ok_or_else(|| super::no_such_service(name, &loaded))?;
        listing.push_str(&format!("{name} {}\n", hash::service(service)));
    }
    Ok(listing)
}

/// Docker Compose's table: columns of twenty characters, or three more than the longest cell.
fn variables_table(variables: &BTreeMap<String, Variable>) -> String {
    let header = ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"].map(str::to_owned);
    let rows = variables.values().map(|variable| {
        [variable.name.clone(), variable.required.to_string(), variable.default.clone(), variable.alternative.clone()]
    });
    let rows: Vec<[String; 4]> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count() + 3).max().unwrap_or(0).max(20)
    };
    let widths = [width(0), width(1), width(2)];
    let mut table = String::new();
    for [name, required, default, alternative] in &rows {
        let [first, second, third] = widths;
        table.push_str(&format!("{name:first$}{required:second$}{default:third$}{alternative}\n"));
    }
    table
}

fn variables_json(variables: &BTreeMap<String, Variable>) -> String {
    let text = |text: &str| Value::Text(text.to_owned());
    let entries = variables.iter().map(|(name, variable)| {
        let fields = vec![
            ("Name", text(&variable.name)),
            ("DefaultValue", text(&variable.default)),
            ("PresenceValue", text(&variable.alternative)),
            ("Required", Value::Bool(variable.required)),
        ];
        (name.clone(), Value::Struct(Fields { fields, ..Fields::default() }))
    });
    json::pretty(&Value::Map(entries.collect()), 4) + "\n\n"
}

#[cfg(test)]
mod tests {
    use super::built_image;

    #[test]
    fn images_without_a_name_have_the_project_s() {
        assert_eq!(built_image("shop", "web", false), "shop-web");
        assert_eq!(built_image("shop", "web", true), "shop_web");
    }
}
