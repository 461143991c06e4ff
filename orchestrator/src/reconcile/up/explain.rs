//! Names what changed between a container and its service.

use crate::backend::Container;
use crate::labels;
use crate::reconcile::desired::{DesiredService, at, fingerprint};
use crate::reconcile::observed::Observed;

/// Changes that are named; the rest are counted.
const NAMED: usize = 4;

fn changed(container: &Container, service: &DesiredService) -> Vec<String> {
    let label = container.labels.get(labels::STACK_CONFIG).map_or("", String::as_str);
    fingerprint::changed(label, &service.service)
}

/// What changed, in words: `environment.DEBUG: "0" -> "1" (compose.yaml:14)`.
pub(super) fn explain(observed: &Observed, service: &DesiredService, container: &Container) -> String {
    let mut changes: Vec<String> = changed(container, service);
    if changes.is_empty() {
        changes = visible(observed, service, container);
    }
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
                .filter_map(|variable| Some(format!("environment.{}", variable.split_once('=')?.0))),
        );
    }
    paths
}

fn describe(observed: &Observed, service: &DesiredService, container: &Container, path: &str) -> String {
    if path == "image" {
        return format!("image: `{}` -> `{}`{}", container.image, service.image, at(&service.image_place));
    }
    let Some(name) = path.strip_prefix("environment.") else { return format!("{path} has changed") };
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

/// Values that must not be shown: by the variable's name, or an address with a password in it.
fn is_secret(name: &str, value: &str) -> bool {
    const WORDS: [&str; 8] = ["PASS", "PWD", "TOKEN", "KEY", "SECRET", "CREDENTIAL", "AUTH", "SALT"];
    let name = name.to_ascii_uppercase();
    let address_with_password = value.split_once("://").is_some_and(|(_, rest)| {
        rest.split('/').next().is_some_and(|authority| authority.contains('@') && authority.contains(':'))
    });
    WORDS.iter().any(|word| name.contains(word)) || address_with_password
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_known_by_name_and_by_shape() {
        assert!(is_secret("POSTGRES_PASSWORD", "x"));
        assert!(is_secret("api_key", "x"));
        assert!(is_secret("DATABASE_URL", "postgres://user:pass@db:5432/mydb"));
        assert!(!is_secret("DATABASE_URL", "postgres://db:5432/a@b"));
        assert!(!is_secret("DEBUG", "1"));
    }
}
