//! Where each value of a project comes from, as text or JSON.

use compose_schema::origin::{self, Origin, VariableOrigin};
use compose_schema::{Sources, Span};
use serde_json::{Value, json};

use super::{Args, Format};
use crate::cli::Context;
use crate::error::{CommandError, Result};

/// One line for each value: place, path and value, where its variables come from.
///
/// # Errors
/// Files that cannot be loaded, services that do not exist.
pub(super) fn print(context: &Context, args: &Args) -> Result<String> {
    let options = args.options(context, &args.names);
    let loaded = args.load(&args.names, &options)?;
    let origins = origin::origins(&loaded, &options);
    if args.format()? == Format::Json {
        let list: Vec<Value> = origins.iter().map(|origin| entry(origin, &loaded.sources)).collect();
        let text = serde_json::to_string_pretty(&list);
        return text.map(|text| text + "\n").map_err(|error| CommandError::new(format!("cannot print JSON: {error}")));
    }
    let places: Vec<String> = origins.iter().map(|origin| place(origin.place, &loaded.sources)).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or_default();
    let mut lines = String::new();
    for (origin, place) in origins.iter().zip(places) {
        lines.push_str(&format!("{place:width$}  {}: {}", path(&origin.path), origin.value));
        let variables: Vec<String> =
            origin.variables.iter().map(|(name, from)| variable(name, *from, &loaded.sources)).collect();
        if !variables.is_empty() {
            lines.push_str(&format!("  ({})", variables.join(", ")));
        }
        lines.push('\n');
    }
    Ok(lines)
}

fn place(span: Option<Span>, sources: &Sources) -> String {
    match span.and_then(|span| sources.locate(span)) {
        Some((source, line, column)) => format!("{}:{line}:{column}", source.path.display()),
        None => "implied".to_owned(),
    }
}

fn variable(name: &str, from: VariableOrigin, sources: &Sources) -> String {
    match from {
        VariableOrigin::Environment => format!("{name} from the environment"),
        VariableOrigin::EnvFile(span) => match sources.locate(span) {
            Some((source, line, _)) => format!("{name} from {}:{line}", source.path.display()),
            None => name.to_owned(),
        },
        VariableOrigin::Unset => format!("{name} is not set"),
    }
}

/// `services.app.labels["traefik.enable"]`, `services.app.ports[0].target`.
fn path(keys: &[String]) -> String {
    let plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    keys.iter().fold(String::new(), |path, key| {
        if key.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{path}[{key}]")
        } else if !plain(key) {
            format!("{path}[{key:?}]")
        } else if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        }
    })
}

fn entry(origin: &Origin, sources: &Sources) -> Value {
    let located = |span: Span| match sources.locate(span) {
        Some((source, line, column)) => json!({ "file": source.path, "line": line, "column": column }),
        None => Value::Null,
    };
    let variables: Vec<Value> = origin
        .variables
        .iter()
        .map(|(name, from)| match from {
            VariableOrigin::Environment => json!({ "name": name, "from": "environment" }),
            VariableOrigin::EnvFile(span) => json!({ "name": name, "from": "file", "place": located(*span) }),
            VariableOrigin::Unset => json!({ "name": name, "from": "nowhere" }),
        })
        .collect();
    json!({
        "path": origin.path,
        "value": origin.value,
        "place": origin.place.map_or(Value::Null, located),
        "variables": variables,
    })
}
