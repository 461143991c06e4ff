//! What else may be the reason for an error: containers and labels that the gateway does not see.

use compose_schema::suggest;
use proxy::inspect::{Explanation, Outcome};

use crate::backend::{Container, Health, State};
use crate::cli::routes::place::{Place, Projects};
use crate::edge::ask::Answer;

/// Hints for a request that no router takes, or whose service has no server that gets requests.
pub(super) fn of(explanation: &Explanation, answer: &Answer, place: &Place, projects: &Projects) -> Vec<String> {
    let mut hints = Vec::new();
    if explanation.router.is_some() {
        if let Some(service) =
            explanation.service.as_ref().filter(|service| service.kind != "internal" && service.count().0 == 0)
        {
            hints.extend(no_server(service.count().1, place, projects));
        }
    } else if explanation.stopped.is_none() {
        hints.extend(labels(explanation, projects));
        hints.extend(answer.background.problems.values().flatten().cloned());
    }
    hints
}

fn no_server(servers: usize, place: &Place, projects: &Projects) -> Vec<String> {
    let containers: Vec<&Container> = projects.containers(&place.project, &place.service).collect();
    if containers.is_empty() {
        let service = if place.service.is_empty() { String::new() } else { format!(" `{}`", place.service) };
        return if servers > 0 || place.project.is_empty() {
            Vec::new()
        } else {
            vec![format!("the service{service} has no container: `stack up -d` starts one")]
        };
    }
    let hint = |container: &Container| {
        let why = if container.health().is_some_and(|health| health != Health::Healthy) {
            ": it gets no request until its health check passes"
        } else if container.state == State::Running {
            ": the gateway knows no address or port of it (`traefik.docker.network`, `loadbalancer.server.port`)"
        } else {
            ": it gets no request"
        };
        format!("container `{}` is {}{why}", container.name, condition(container))
    };
    containers.into_iter().map(hint).collect()
}

/// A container's state and health in a few words.
pub(super) fn condition(container: &Container) -> String {
    match (container.state, container.health()) {
        (State::Running, Some(Health::Healthy)) => "healthy".to_owned(),
        (State::Running, Some(Health::Unhealthy)) => "not healthy".to_owned(),
        (State::Running, Some(Health::Starting)) => "not healthy yet".to_owned(),
        (State::Running, None) => "running".to_owned(),
        (State::Paused, _) => "paused".to_owned(),
        (State::Restarting, _) => "restarting".to_owned(),
        _ => "not running".to_owned(),
    }
}

/// Labels that name the host that is asked for and that no router came of.
fn labels(explanation: &Explanation, projects: &Projects) -> Vec<String> {
    let host = explanation.question.host.as_str();
    let known = explanation.considered.iter().any(|one| {
        one.outcome != Outcome::Disabled
            && one.verdicts.iter().any(|verdict| verdict.fits && verdict.matcher.starts_with("Host("))
    });
    if host.is_empty() || known {
        return Vec::new();
    }
    let mut hints = Vec::new();
    for (project, service, key, value) in projects.labels() {
        let named = value.to_ascii_lowercase().contains(&format!("`{host}`"));
        if !named {
            continue;
        }
        let place = projects.label_place(project, service, key).map(|place| format!(" ({place})")).unwrap_or_default();
        let start = key.split('.').next().unwrap_or_default();
        let rest = key.get(start.len()..).unwrap_or_default().to_ascii_lowercase();
        if !start.eq_ignore_ascii_case("traefik") {
            if suggest::nearest(start, ["traefik"]).is_some() {
                hints.push(format!("label `{key}` of `{service}`{place} does not begin with `traefik.`"));
            }
        } else if !(rest.starts_with(".http.routers.") && rest.ends_with(".rule")) {
            hints.push(format!(
                "label `{key}` of `{service}`{place} names the host, but is no `traefik.http.routers.NAME.rule`"
            ));
        } else {
            let enabled = projects
                .labels()
                .find(|(p, s, k, _)| *p == project && *s == service && k.eq_ignore_ascii_case("traefik.enable"));
            let why = match enabled {
                Some((_, _, _, value)) if !value.eq_ignore_ascii_case("true") => {
                    format!("`traefik.enable` is `{value}`")
                }
                Some(_) => "see what the gateway says of this project below".to_owned(),
                None => "`traefik.enable=true` is missing where `providers.docker.exposedByDefault` is off".to_owned(),
            };
            hints.push(format!("label `{key}` of `{service}`{place} names the host, but no router came of it: {why}"));
        }
    }
    hints
}

/// The host in a server's URL or address, without brackets.
pub(super) fn host_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let authority = after.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_servers() {
        assert_eq!(host_of("http://10.0.0.2:80/x"), "10.0.0.2");
        assert_eq!(host_of("http://[fd00::2]:80"), "fd00::2");
        assert_eq!(host_of("10.0.0.2:5432"), "10.0.0.2");
    }

    #[test]
    fn conditions_are_told_in_words() {
        let of = |state: State, status: &str| {
            condition(&Container { state, status: status.to_owned(), ..Container::default() })
        };
        assert_eq!(of(State::Running, "Up 2 minutes (unhealthy)"), "not healthy");
        assert_eq!(of(State::Running, "Up 2 seconds (health: starting)"), "not healthy yet");
        assert_eq!(of(State::Running, "Up 2 seconds"), "running");
        assert_eq!(of(State::Exited, "Exited (1) 2 seconds ago"), "not running");
    }
}
