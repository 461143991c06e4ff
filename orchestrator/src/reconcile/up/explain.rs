//! Names what changed between a container and its service.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::Container;
use crate::labels;
use crate::reconcile::desired::{Desired, DesiredService, at, fingerprint};
use crate::reconcile::observed::Observed;

/// Changes that are named; the rest are counted.
const NAMED: usize = 4;
/// What the path of a variable begins with.
const VARIABLE: &str = "environment.";

/// Attributes that a plan will call changed and whose places are not known yet, by service; [`DesiredService::places`] is for
/// them. Only of containers that were inspected, which are those to be replaced.
pub fn unplaced(desired: &Desired, observed: &Observed) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for container in observed.containers.iter().filter(|container| observed.details.contains_key(&container.id)) {
        let Some(name) = container.labels.get(labels::SERVICE) else { continue };
        let Some(service) = desired.services.get(name) else { continue };
        // The image and each variable of the environment bring their places along.
        let paths = changes(observed, service, container)
            .into_iter()
            .take(NAMED)
            .filter(|path| path != "image" && !path.starts_with(VARIABLE) && !service.places.contains_key(path));
        found.entry(name.clone()).or_default().extend(paths);
    }
    found.retain(|_, paths| !paths.is_empty());
    found
}

/// Paths of the attributes that differ between a container and its service.
fn changes(observed: &Observed, service: &DesiredService, container: &Container) -> Vec<String> {
    let label = container.labels.get(labels::STACK_CONFIG).map_or("", String::as_str);
    let changes = fingerprint::changed(label, &service.service);
    if changes.is_empty() { visible(observed, service, container) } else { changes }
}

/// What changed, in words: `environment.DEBUG: "0" -> "1" (compose.yaml:14)`.
pub(super) fn explain(observed: &Observed, service: &DesiredService, container: &Container) -> String {
    let changes = changes(observed, service, container);
    if changes.is_empty() {
        return "its configuration has changed (config-hash)".to_owned();
    }
    let more = changes.len().saturating_sub(NAMED);
    let mut words: Vec<String> =
        changes.iter().take(NAMED).map(|path| describe(observed, service, container, path)).collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

/// What a container of Docker Compose shows without our label.
fn visible(observed: &Observed, service: &DesiredService, container: &Container) -> Vec<String> {
    let mut paths = Vec::new();
    if container.image != service.image && !container.image.starts_with("sha256:") {
        paths.push("image".to_owned());
    }
    if let Some(detail) = observed.details.get(&container.id) {
        paths.extend(
            service
                .environment
                .iter()
                .filter(|variable| !detail.environment.contains(variable))
                .filter_map(|variable| Some(format!("{VARIABLE}{}", variable.split_once('=')?.0))),
        );
    }
    paths
}

fn describe(observed: &Observed, service: &DesiredService, container: &Container, path: &str) -> String {
    if path == "image" {
        return format!("image: `{}` -> `{}`{}", container.image, service.image, at(&service.image_place));
    }
    let Some(name) = path.strip_prefix(VARIABLE) else {
        return format!("{path} has changed{}", at(&service.places.get(path).cloned()));
    };
    let old = observed.details.get(&container.id).and_then(|detail| value(&detail.environment, name));
    let new = value(&service.environment, name);
    let place = at(&service.environment_places.get(name).cloned());
    let secret = [old, new].into_iter().flatten().any(|value| is_secret(name, value));
    match (old, new) {
        _ if secret => format!("{path} has changed{place}"),
        (Some(old), Some(new)) => format!("{path}: {old:?} -> {new:?}{place}"),
        (Some(old), None) => format!("{path}: {old:?} taken out"),
        (None, Some(new)) if observed.details.contains_key(&container.id) => format!("{path}: {new:?} added{place}"),
        _ => format!("{path} has changed{place}"),
    }
}

fn value<'a>(environment: &'a [String], name: &str) -> Option<&'a str> {
    environment.iter().find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='))
}

/// Values that must not be shown: by the variable's name, an address with a password in it, or what looks like a key.
fn is_secret(name: &str, value: &str) -> bool {
    const WORDS: [&str; 17] = [
        "PASS",
        "PWD",
        "TOKEN",
        "KEY",
        "SECRET",
        "CREDENTIAL",
        "AUTH",
        "SALT",
        "PRIVATE",
        "DSN",
        "CERT",
        "HASH",
        "SEED",
        "COOKIE",
        "SESSION",
        "WEBHOOK",
        "CONNECTION",
    ];
    let name = name.to_ascii_uppercase();
    let address_with_password = value.split_once("://").is_some_and(|(_, rest)| {
        rest.split('/').next().is_some_and(|authority| authority.contains('@') && authority.contains(':'))
    });
    WORDS.iter().any(|word| name.contains(word)) || address_with_password || looks_random(value)
}

/// A long word of letters and digits: tokens of services, keys, hashes. Names and paths have separators.
fn looks_random(value: &str) -> bool {
    const SHORTEST: usize = 20;
    value.contains("-----BEGIN ")
        || value.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
            word.len() >= SHORTEST
                && word.bytes().any(|byte| byte.is_ascii_digit())
                && word.bytes().any(|byte| byte.is_ascii_alphabetic())
        })
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_known_by_name_and_by_shape() {
        assert!(is_secret("POSTGRES_PASSWORD", "x"));
        assert!(is_secret("api_key", "x"));
        assert!(is_secret("DATABASE_URL", "postgres://user:pass@db:5432/mydb"));
        assert!(is_secret("STRIPE", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"));
        assert!(is_secret("LICENSE", "a -----BEGIN PRIVATE thing"));
        for (name, value) in [
            ("DATABASE_URL", "postgres://db:5432/a@b"),
            ("DEBUG", "1"),
            ("ALLOWED_HOSTS", "a-rather-long-name-2.example.test"),
            ("IMAGE", "registry.example.test:5000/team/application:2024-01-31"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }
}
