//! Which routers a request misses only just, and by what.

use serde::{Deserialize, Serialize};

use crate::config::near::within;
use crate::route::{Route, RoutingTable};
use crate::rule::{Candidate, Verdict};

/// Characters in which hosts differ that may be meant for the same.
const A_LITTLE: usize = 2;
/// How far a router is that is for any host: near to nothing in particular.
const ANY_HOST: u8 = 4;

/// A router that a request misses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Near {
    /// Its qualified name; empty where none is near.
    pub router: String,
    /// What is different, as a person reads it.
    pub reason: String,
}

/// The routers that come nearest to a request which none takes, the nearest first; never empty.
pub(crate) fn misses(table: &RoutingTable, entry_point: &str, tls: bool, request: &Candidate<'_>) -> Vec<Near> {
    let mut found: Vec<(u8, Near)> = table
        .routes()
        .iter()
        .filter_map(|route| {
            let (distance, reason) = miss(route, entry_point, tls, request)?;
            Some((distance, Near { router: route.name.clone(), reason }))
        })
        .collect();
    if found.iter().all(|(distance, _)| *distance >= ANY_HOST) {
        found.extend(similar_host(table, request).map(|near| (0, near)));
    }
    // Of equals the first wins, as it would have won the request.
    found.sort_by_key(|(distance, _)| *distance);
    if found.is_empty() {
        let reason = if request.host.is_empty() {
            "the request names no host".to_owned()
        } else {
            format!("no router names the host `{}`", request.host)
        };
        found.push((0, Near { router: String::new(), reason }));
    }
    found.into_iter().map(|(_, near)| near).take(5).collect()
}

/// What keeps a request out of a router that is for its host, and how near that is.
fn miss(route: &Route, entry_point: &str, tls: bool, request: &Candidate<'_>) -> Option<(u8, String)> {
    if route.provider() == "internal" {
        return None;
    }
    let Some(rule) = route.rule() else {
        let names = !request.host.is_empty() && route.router.rule.to_ascii_lowercase().contains(request.host);
        return names.then(|| (2, format!("it is not in force: {}", route.errors().join("; "))));
    };
    let here = route.using.iter().any(|name| name == entry_point);
    if rule.hosts().is_empty() && (!here || route.tls.is_some() != tls) {
        return None;
    }
    let fits = rule.matches(request);
    if !route.is_enabled() {
        return fits.then(|| (0, format!("it is not in force: {}", route.errors().join("; "))));
    }
    if fits {
        return match (here, route.tls.is_some() == tls) {
            (true, true) => None,
            (true, false) if tls => Some((0, "it answers without TLS only".to_owned())),
            (true, false) => Some((0, "it answers over TLS only".to_owned())),
            (false, same) => {
                let over = match (same, tls) {
                    (true, _) => "",
                    (false, true) => ", without TLS",
                    (false, false) => ", over TLS",
                };
                Some((1, format!("it is on entry point {}{over}, not on `{entry_point}`", listed(&route.using))))
            }
        };
    }
    let blame = rule.to_blame(request);
    let about_host = |verdict: &Verdict| verdict.matcher.trim_start_matches('!').starts_with("Host");
    let other: Vec<&Verdict> = blame.iter().filter(|verdict| !about_host(verdict)).collect();
    // What differs in the host is told for the nearest host only.
    let first = other.first()?;
    let place = if here { String::new() } else { format!(" (and it is on {})", listed(&route.using)) };
    let distance = if here && route.tls.is_some() == tls { 1 } else { 3 };
    if rule.hosts().is_empty() {
        return Some((ANY_HOST, format!("`{}` does not fit: asked is `{}`{place}", first.matcher, first.asked)));
    }
    Some((distance, format!("`{}` does not fit: asked is `{}`{place}", first.matcher, first.asked)))
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A router whose host differs a little from the one asked for.
fn similar_host(table: &RoutingTable, request: &Candidate<'_>) -> Option<Near> {
    if request.host.is_empty() {
        return None;
    }
    let hosts: Vec<(String, &Route)> =
        table.routes().iter().flat_map(|route| route.hosts().into_iter().map(move |host| (host, route))).collect();
    let parent = request.host.split_once('.').map(|(_, parent)| parent).unwrap_or_default();
    let deeper = hosts.iter().find(|(host, _)| {
        host.strip_prefix("*.").is_some_and(|rest| parent != rest && parent.ends_with(&format!(".{rest}")))
    });
    if let Some((host, route)) = deeper {
        let reason = format!("it is for `{host}`, and a `*` stands for one label only: asked is `{}`", request.host);
        return Some(Near { router: route.name.clone(), reason });
    }
    let near = within(request.host, hosts.iter().map(|(host, _)| host.as_str()), A_LITTLE)?;
    let (host, route) = hosts.iter().find(|(host, _)| host == near)?;
    let reason = format!("its host differs a little: it is for `{host}`, asked is `{}`", request.host);
    Some(Near { router: route.name.clone(), reason })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use http::HeaderMap;

    use super::*;
    use crate::config::dynamic::{Configuration, Router, RouterTls};
    use crate::route::EntryPointModel;

    fn table() -> RoutingTable {
        let mut configuration = Configuration::default();
        for (name, rule, entry_point, tls) in [
            ("app", "Host(`app.test`) && PathPrefix(`/api`)", "web", false),
            ("secure", "Host(`secure.test`)", "websecure", true),
            ("wild", "Host(`*.wild.test`)", "web", false),
            ("broken", "Hst(`broken.test`)", "web", false),
            ("any", "PathPrefix(`/health`)", "web", false),
        ] {
            let router = Router {
                rule: rule.to_owned(),
                entry_points: vec![entry_point.to_owned()],
                tls: tls.then(RouterTls::default),
                service: "s".to_owned(),
                ..Router::default()
            };
            configuration.http.routers.insert(format!("{name}@docker"), router);
        }
        let models =
            ["web", "websecure"].map(|name| EntryPointModel { name: name.to_owned(), ..EntryPointModel::default() });
        RoutingTable::compile(&configuration, &models)
    }

    #[test]
    fn the_nearest_router_is_named_with_the_reason() {
        let (table, headers) = (table(), HeaderMap::new());
        for (host, entry_point, tls, expected) in [
            ("app.test", "web", false, "app@docker: `PathPrefix(`/api`)` does not fit: asked is `/x`"),
            (
                "ap.test",
                "web",
                false,
                "app@docker: its host differs a little: it is for `app.test`, asked is `ap.test`",
            ),
            ("else.example", "web", false, "any@docker: `PathPrefix(`/health`)` does not fit: asked is `/x`"),
            ("secure.test", "web", false, "secure@docker: it is on entry point `websecure`, over TLS, not on `web`"),
            ("secure.test", "websecure", false, "secure@docker: it answers over TLS only"),
            (
                "broken.test",
                "web",
                false,
                "broken@docker: it is not in force: error while parsing rule Hst(`broken.test`): parsing rule \
                 Hst(`broken.test`): unsupported function: Hst",
            ),
        ] {
            let request = Candidate {
                host,
                path: b"/x",
                method: "GET",
                headers: &headers,
                upgrade: None,
                query: b"",
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            let near = misses(&table, entry_point, tls, &request);
            let first = near.first().map(|near| format!("{}: {}", near.router, near.reason));
            assert_eq!(first.as_deref(), Some(expected), "{host}");
        }
    }

    #[test]
    fn hosts_that_look_alike_are_named() {
        let (table, headers) = (table(), HeaderMap::new());
        for (host, expected) in [
            ("secur.test", "its host differs a little: it is for `secure.test`, asked is `secur.test`"),
            ("a.b.wild.test", "it is for `*.wild.test`, and a `*` stands for one label only: asked is `a.b.wild.test`"),
            ("nothing.example", "no router names the host `nothing.example`"),
        ] {
            let request = Candidate {
                host,
                path: b"/health",
                method: "GET",
                headers: &headers,
                upgrade: None,
                query: b"",
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            // On an entry point on which no router for any host is.
            let similar = similar_host(&table, &request)
                .map_or_else(|| format!("no router names the host `{host}`"), |near| near.reason);
            assert_eq!(similar, expected);
        }
    }
}
