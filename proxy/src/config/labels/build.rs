//! Routers and services of one container, with everything that labels leave to be guessed.

use super::address::{Place, join};
use super::decode::{self, Decoded, ServerLabels};
use super::merge::merge;
use super::{Container, Problem, constraint, lost};
use crate::config::dynamic::{
    Configuration, LoadBalancer, Router, Server, Service, TcpLoadBalancer, TcpServer, TcpService, UdpLoadBalancer,
    UdpServer, UdpService,
};
use crate::config::statics::DockerProvider;
use crate::config::template::{self, normalize};
use crate::template::Value;

pub(super) fn build(containers: &[Container], options: &DockerProvider) -> (Configuration, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut parts = Vec::new();
    for container in containers {
        match one(container, containers, options, &mut problems) {
            Ok(Some(part)) => parts.push((container.name.clone(), part)),
            Ok(None) => {}
            Err((reason, hint)) => problems.push(Problem {
                container: container.name.clone(),
                label: String::new(),
                reason: format!("{reason}; the container is not routed"),
                hint,
            }),
        }
    }
    let configuration = merge(parts, &mut problems);
    (configuration, problems)
}

type Refusal = (String, Option<String>);

fn one(
    container: &Container,
    all: &[Container],
    options: &DockerProvider,
    problems: &mut Vec<Problem>,
) -> Result<Option<Configuration>, Refusal> {
    let settings = decode::settings(&container.labels).map_err(|error| (error.message, error.hint))?;
    let counts = settings.enable.unwrap_or(options.exposed_by_default)
        && constraint::matches(&options.constraints, &container.labels).map_err(|reason| (reason, None))?;
    let running = container.state == "running";
    let unhealthy = !container.health.is_empty() && container.health != "healthy" && container.health != "none";
    let waits = !running || (unhealthy && !options.allow_empty_services);
    if !counts || (waits && !settings.allow_non_running) {
        return Ok(None);
    }
    let mut decoded = decode::configuration(&container.labels);
    for lost in &decoded.lost {
        let what = if lost.kind.is_empty() { "label" } else { lost.kind };
        problems.push(Problem {
            container: container.name.clone(),
            label: lost.place.clone(),
            reason: format!("{}; the {what} is not used", lost.error.message),
            hint: lost.error.hint.clone(),
        });
    }
    lost::drop_dependents(&mut decoded, &container.name, problems);
    if !decoded.lost.is_empty() && decoded.configuration == Configuration::default() {
        // Made from nothing but defaults, a route would not be what the labels meant.
        return Ok(None);
    }
    for ignored in std::mem::take(&mut decoded.ignored) {
        problems.push(Problem {
            container: container.name.clone(),
            label: ignored,
            reason: "has no form as a label and is not in force".to_owned(),
            hint: Some("write it into a dynamic file".to_owned()),
        });
    }
    let place = Place { container, all, options, network: settings.network.as_deref() };
    let name = service_name(container);
    let reachable = running && !unhealthy;
    let mut has_other = false;
    has_other |= tcp(&mut decoded, &name, &place, reachable, problems)?;
    has_other |= udp(&mut decoded, &name, &place, reachable, problems)?;
    http(&mut decoded, &name, &place, reachable, has_other, problems)?;
    Ok(Some(decoded.configuration))
}

/// `SERVICE-PROJECT` of a compose container, else the container's own name.
fn service_name(container: &Container) -> String {
    let label = |key: &str| container.labels.get(key).filter(|value| !value.is_empty());
    match (label("com.docker.compose.service"), label("com.docker.compose.project")) {
        (Some(service), Some(project)) => normalize(&format!("{service}_{project}")),
        _ => normalize(&container.name),
    }
}

fn refused(service: &str, reason: &str) -> Refusal {
    (format!("service \"{service}\" error: {reason}"), None)
}

/// What the default rule is filled in with.
fn model<'a>(name: &str, container: &Container, options: &'a DockerProvider) -> template::Context<'a> {
    let labels = container.labels.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let entries = [
        ("Name", Value::from(name)),
        ("ContainerName", Value::from(container.name.as_str())),
        ("Labels", Value::Map(labels.collect())),
    ];
    template::Context {
        root: Value::Record(entries.map(|(name, value)| (name.to_owned(), value)).into()),
        environment: &options.environment,
        split_is_go: false,
        labels_are_texts: true,
    }
}

fn http(
    decoded: &mut Decoded,
    name: &str,
    place: &Place<'_>,
    reachable: bool,
    has_other: bool,
    problems: &mut Vec<Problem>,
) -> Result<(), Refusal> {
    let http = &mut decoded.configuration.http;
    if has_other && http.routers.is_empty() && http.services.is_empty() && http.middlewares.is_empty() {
        return Ok(());
    }
    if http.services.is_empty() {
        let balancer = LoadBalancer::default();
        http.services.insert(name.to_owned(), Service { load_balancer: Some(balancer), ..Service::default() });
    }
    for (service_name, service) in &mut http.services {
        let labels = decoded.http.get(service_name).cloned().unwrap_or_default();
        let Some(balancer) = &mut service.load_balancer else {
            return Err(refused(service_name, "load-balancer is not defined"));
        };
        if !reachable {
            if balancer.servers.is_empty() && labels != ServerLabels::default() {
                balancer.servers.push(Server::default());
            }
            continue;
        }
        if balancer.servers.is_empty() {
            balancer.servers.push(Server::default());
        }
        for server in &mut balancer.servers {
            if !server.url.is_empty() {
                if labels != ServerLabels::default() {
                    return Err(refused(service_name, "defining scheme or port is not allowed when URL is defined"));
                }
                continue;
            }
            let (host, port) =
                place.find(labels.port.as_deref(), problems).map_err(|reason| refused(service_name, &reason))?;
            let scheme = labels.scheme.as_deref().filter(|scheme| !scheme.is_empty()).unwrap_or("http");
            server.url = format!("{scheme}://{}", join(&host, &port));
        }
    }
    let container = place.container;
    let problem = |label: &str, reason: String| Problem {
        container: container.name.clone(),
        label: label.to_owned(),
        reason,
        hint: None,
    };
    let services: Vec<String> = http.services.keys().cloned().collect();
    if http.routers.is_empty() {
        if container.labels.keys().any(|label| label.to_ascii_lowercase().starts_with("traefik.http.routers.")) {
            // Those that the labels describe were left out; one with the default rule was not meant.
            return Ok(());
        }
        if services.len() > 1 {
            problems.push(problem(
                "traefik.http.services",
                "too many services for a router to be made: name one in a router".to_owned(),
            ));
            return Ok(());
        }
        http.routers.insert(name.to_owned(), Router::default());
    }
    let mut lost = Vec::new();
    for (router_name, router) in &mut http.routers {
        if router.rule.is_empty() {
            match template::render(&place.options.default_rule, &model(name, container, place.options)) {
                Ok(rule) => router.rule = rule,
                Err(mistake) => {
                    problems.push(problem(router_name, format!("the default rule: {}", mistake.reason)));
                }
            }
            if router.rule.is_empty() {
                problems.push(problem(router_name, "undefined rule; the router is not used".to_owned()));
                lost.push(router_name.clone());
                continue;
            }
        }
        if router.service.is_empty() {
            match services.as_slice() {
                [only] => router.service.clone_from(only),
                _ => {
                    let reason = format!(
                        "cannot be linked automatically with multiple services ({}): name one",
                        services.join(", ")
                    );
                    problems.push(problem(router_name, reason));
                    lost.push(router_name.clone());
                }
            }
        }
    }
    http.routers.retain(|name, _| !lost.contains(name));
    Ok(())
}

/// TCP; tells whether the container has any.
fn tcp(
    decoded: &mut Decoded,
    name: &str,
    place: &Place<'_>,
    reachable: bool,
    problems: &mut Vec<Problem>,
) -> Result<bool, Refusal> {
    let tcp = &mut decoded.configuration.tcp;
    if tcp.routers.is_empty() && tcp.services.is_empty() {
        return Ok(false);
    }
    if tcp.services.is_empty() {
        let balancer = TcpLoadBalancer::default();
        tcp.services.insert(name.to_owned(), TcpService { load_balancer: Some(balancer), ..TcpService::default() });
    }
    for (service_name, service) in &mut tcp.services {
        let labels = decoded.tcp.get(service_name).cloned().unwrap_or_default();
        let Some(balancer) = &mut service.load_balancer else {
            return Err(refused(service_name, "load-balancer is not defined"));
        };
        if reachable && balancer.servers.is_empty() {
            balancer.servers.push(TcpServer::default());
        }
        for server in balancer.servers.iter_mut().filter(|_| reachable) {
            let (host, port) =
                place.find(labels.port.as_deref(), problems).map_err(|reason| refused(service_name, &reason))?;
            server.address = join(&host, &port);
        }
    }
    let services: Vec<String> = tcp.services.keys().cloned().collect();
    tcp.routers.retain(|router_name, router| {
        let reason = if router.rule.is_empty() {
            "empty rule; the router is not used"
        } else if let (true, [only]) = (router.service.is_empty(), services.as_slice()) {
            router.service.clone_from(only);
            return true;
        } else if router.service.is_empty() {
            "cannot be linked automatically with multiple services: name one"
        } else {
            return true;
        };
        problems.push(Problem {
            container: place.container.name.clone(),
            label: router_name.clone(),
            reason: reason.to_owned(),
            hint: None,
        });
        false
    });
    Ok(true)
}

/// UDP; tells whether the container has any.
fn udp(
    decoded: &mut Decoded,
    name: &str,
    place: &Place<'_>,
    reachable: bool,
    problems: &mut Vec<Problem>,
) -> Result<bool, Refusal> {
    let udp = &mut decoded.configuration.udp;
    if udp.routers.is_empty() && udp.services.is_empty() {
        return Ok(false);
    }
    if udp.services.is_empty() {
        let balancer = UdpLoadBalancer::default();
        udp.services.insert(name.to_owned(), UdpService { load_balancer: Some(balancer), ..UdpService::default() });
    }
    for (service_name, service) in &mut udp.services {
        let labels = decoded.udp.get(service_name).cloned().unwrap_or_default();
        let Some(balancer) = &mut service.load_balancer else {
            return Err(refused(service_name, "load-balancer is not defined"));
        };
        if reachable {
            let (host, port) =
                place.find(labels.port.as_deref(), problems).map_err(|reason| refused(service_name, &reason))?;
            balancer.servers = vec![UdpServer { address: join(&host, &port) }];
        }
    }
    let services: Vec<String> = udp.services.keys().cloned().collect();
    udp.routers.retain(|router_name, router| {
        match services.as_slice() {
            _ if !router.service.is_empty() => return true,
            [only] => {
                router.service.clone_from(only);
                return true;
            }
            _ => {}
        }
        problems.push(Problem {
            container: place.container.name.clone(),
            label: router_name.clone(),
            reason: "cannot be linked automatically with multiple services: name one".to_owned(),
            hint: None,
        });
        false
    });
    Ok(true)
}
