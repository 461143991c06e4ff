//! Entry points that send everything to another one (`http.redirections`).

use std::collections::{BTreeMap, BTreeSet};

use proxy::config::dynamic::{Configuration, Middleware, RedirectScheme, Router};

use super::entrances::{Entrances, Listener};
use super::names::Part;
use super::{Adopted, hosts};
use crate::edge::state::{Origin, Origins};

/// Traefik's priority for such routers: above all that users can give.
const PRIORITY: i64 = i64::MAX - 1;

/// The routers and middlewares of all redirections, and where they come from.
///
/// On a listener of one project alone everything is redirected, as in Traefik. Where projects share a listener, each
/// redirects its own hosts, so that the others' plain routes stay.
pub(super) fn configuration(adopted: &BTreeMap<&str, Adopted<'_>>, parts: &[Part]) -> (Configuration, Origins) {
    let (mut all, mut origins) = (Configuration::default(), Origins::new());
    let users = users(adopted, parts);
    for (project, own) in adopted {
        let entrances = Entrances::of(project, own);
        for (name, options) in &own.config.entry_points {
            let Some(to) = options.http.redirections.as_ref().and_then(|to| to.entry_point.as_ref()) else { continue };
            let Some(port) = target_port(&entrances, &to.to) else { continue };
            for listener in entrances.listeners_of(name) {
                let key = listener.name();
                let shared = users.get(&key).is_some_and(|users| users.iter().any(|user| user != project));
                let rule = if shared { own_hosts(project, parts) } else { "HostRegexp(`^.+$`)".to_owned() };
                if rule.is_empty() {
                    continue;
                }
                let object = format!("{name}-to-{}-{project}{key}@internal", to.to.trim_start_matches(':'));
                let redirect =
                    RedirectScheme { scheme: to.scheme.clone(), port: port.to_string(), permanent: to.permanent };
                let middleware = Middleware { redirect_scheme: Some(redirect), ..Middleware::default() };
                all.http.middlewares.insert(object.clone(), middleware);
                let router = Router {
                    entry_points: vec![key],
                    middlewares: vec![object.clone()],
                    service: "noop@internal".to_owned(),
                    rule,
                    priority: to.priority.unwrap_or(PRIORITY),
                    ..Router::default()
                };
                let origin = Origin {
                    project: (*project).to_owned(),
                    provider: "internal".to_owned(),
                    name: format!("entryPoints.{name}.http.redirections"),
                };
                origins.insert(format!("http {object}"), origin);
                all.http.routers.insert(object, router);
            }
        }
    }
    (all, origins)
}

/// What Traefik routes by itself, without its redirections: those are made here, for the listeners of this host.
pub(super) fn without(mut internal: Configuration) -> Configuration {
    internal.http.routers.retain(|_, router| router.service != "noop@internal");
    let used = |name: &String| internal.http.routers.values().any(|router| router.middlewares.contains(name));
    internal.http.middlewares.retain(|name, _| used(name));
    internal
}

/// The port of this host that leads to the entry point: clients have to be told that one, whatever its port inside is.
fn target_port(entrances: &Entrances, to: &str) -> Option<u16> {
    match to.strip_prefix(':') {
        Some(port) => port.parse().ok(),
        None => entrances.listeners_of(to).first().map(|listener: &Listener| listener.port),
    }
}

/// Projects with a Traefik service that have plain routers on each listener, and those that redirect it.
fn users<'a>(adopted: &BTreeMap<&'a str, Adopted<'_>>, parts: &'a [Part]) -> BTreeMap<String, BTreeSet<&'a str>> {
    let mut users: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    // Projects without a Traefik service of their own live with what the others' does, as they would behind Traefik.
    for part in parts.iter().filter(|part| adopted.contains_key(part.project.as_str())) {
        for router in part.configuration.http.routers.values().filter(|router| router.tls.is_none()) {
            for listener in &router.entry_points {
                users.entry(listener.clone()).or_default().insert(&part.project);
            }
        }
    }
    for (project, own) in adopted {
        let entrances = Entrances::of(project, own);
        for (name, options) in &own.config.entry_points {
            if options.http.redirections.as_ref().is_some_and(|to| to.entry_point.is_some()) {
                for listener in entrances.listeners_of(name) {
                    users.entry(listener.name()).or_default().insert(project);
                }
            }
        }
    }
    users
}

fn own_hosts(project: &str, parts: &[Part]) -> String {
    let own = parts.iter().filter(|part| part.project == project);
    let names: BTreeSet<String> =
        own.flat_map(|part| part.configuration.http.routers.values()).flat_map(|router| hosts(&router.rule)).collect();
    names.iter().map(|name| format!("Host(`{name}`)")).collect::<Vec<_>>().join(" || ")
}
