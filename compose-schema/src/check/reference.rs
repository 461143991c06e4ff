//! Whatever a service refers to is there.

use super::Check;
use crate::codes::check::{UNDEFINED_RESOURCE, UNDEFINED_SERVICE};
use crate::diagnostic::Diagnostic;
use crate::model::Service;
use crate::source::Span;
use crate::suggest;

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        services(check, name, service);
        for network in service.networks.keys() {
            let at = check.place(&["services", name, "networks", network]);
            if network.starts_with("x-") {
                let message = format!("service `{name}` cannot name the network `{network}`: such keys are extensions");
                check.error(UNDEFINED_RESOURCE, message, at, "");
            } else if !project.networks.contains_key(network) {
                undefined(check, name, "network", network, at, project.networks.keys());
            }
        }
        for (index, mount) in service.volumes.iter().enumerate() {
            let at = check.item(&["services", name, "volumes"], index);
            if mount.kind == "volume" && !mount.source.is_empty() && !project.volumes.contains_key(&mount.source) {
                undefined(check, name, "volume", &mount.source, at, project.volumes.keys());
            }
        }
        let build_secrets = service.build.iter().flat_map(|build| &build.secrets);
        for (index, secret) in build_secrets.enumerate() {
            if !project.secrets.contains_key(&secret.source) {
                let at = check.item(&["services", name, "build", "secrets"], index);
                undefined(check, name, "secret", &secret.source, at, project.secrets.keys());
            }
        }
        for (index, secret) in service.secrets.iter().enumerate() {
            if !project.secrets.contains_key(&secret.source) {
                let at = check.item(&["services", name, "secrets"], index);
                undefined(check, name, "secret", &secret.source, at, project.secrets.keys());
            }
        }
        for (index, config) in service.configs.iter().enumerate() {
            if !project.configs.contains_key(&config.source) {
                let at = check.item(&["services", name, "configs"], index);
                undefined(check, name, "config", &config.source, at, project.configs.keys());
            }
        }
        for model in service.models.keys().filter(|model| !project.models.contains_key(*model)) {
            let at = check.place(&["services", name, "models", model]);
            undefined(check, name, "model", model, at, project.models.keys());
        }
    }
}

fn services(check: &mut Check<'_>, name: &str, service: &Service) {
    let project = check.project;
    for (dependency, how) in &service.depends_on {
        let disabled = project.disabled_services.get(dependency);
        if project.services.contains_key(dependency) || (disabled.is_some() && !how.required) {
            continue;
        }
        let at = check.place(&["services", name, "depends_on", dependency]);
        let message = format!("service `{name}` depends on undefined service `{dependency}`");
        let mut found = Diagnostic::error(UNDEFINED_SERVICE, message).at(at, "");
        if let Some(disabled) = disabled {
            let there = check.place(&["services", dependency]);
            let profiles = disabled.profiles.join("`, `");
            found.message = format!("service `{name}` depends on `{dependency}`, which no active profile switches on");
            found = found
                .also(there, "only with its profiles")
                .hint(format!("its profiles are `{profiles}`: use `--profile`"));
        } else if let Some(meant) = suggest::nearest(dependency, project.services.keys().map(String::as_str)) {
            found = found.hint(format!("did you mean `{meant}`?"));
        }
        check.push(found);
    }
    // Normalizing makes it a dependency.
    if let Some(target) = service.network_mode.strip_prefix("service:")
        && !service.depends_on.contains_key(target)
        && !project.services.contains_key(target)
    {
        let at = check.place(&["services", name, "network_mode"]);
        let message = format!("service `{name}` joins the network of undefined service `{target}`");
        check.error(UNDEFINED_SERVICE, message, at, "");
    }
    for (context, target) in service.build.iter().flat_map(|build| &build.additional_contexts) {
        let Some(target) = target.strip_prefix("service:") else { continue };
        let problem = match project.services.get(target) {
            None => "undefined",
            Some(service) if service.build.is_none() => "a service without `build`:",
            Some(_) => continue,
        };
        let at = check.place(&["services", name, "build", "additional_contexts", context]);
        let message = format!("service `{name}` has the build context `{context}` of {problem} `{target}`");
        check.error(UNDEFINED_SERVICE, message, at, "");
    }
}

fn undefined<'a>(
    check: &mut Check<'_>,
    service: &str,
    kind: &str,
    name: &str,
    at: Span,
    known: impl Iterator<Item = &'a String>,
) {
    let message = format!("service `{service}` refers to undefined {kind} `{name}`");
    let found = check.error(UNDEFINED_RESOURCE, message, at, "");
    match suggest::nearest(name, known.map(String::as_str)) {
        Some(meant) => found.hints.push(format!("did you mean `{meant}`?")),
        None if kind == "volume" && name.contains('/') => {
            found.hints.push("a path of the host needs `type: bind`".to_owned());
        }
        None => found.hints.push(format!("declare it under `{kind}s:` at the top level")),
    }
}
