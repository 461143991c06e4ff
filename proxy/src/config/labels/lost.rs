//! What a mistake in one object costs the others: only what cannot do without that object.

use crate::config::dynamic::{Named, Router, TcpRouter};

use super::Problem;
use super::decode::Decoded;

/// Leaves out the routers that name an object that was left out, or would have been linked with it.
pub(super) fn drop_dependents(decoded: &mut Decoded, container: &str, problems: &mut Vec<Problem>) {
    if decoded.lost.is_empty() {
        return;
    }
    let mut http = std::mem::take(&mut decoded.configuration.http.routers);
    let unlinked = decoded.configuration.http.services.is_empty() && has_lost_any(decoded, "http.services");
    retain(&mut http, "http", container, problems, |router: &Router| {
        missing(decoded, "http", &router.service, &router.middlewares, unlinked)
    });
    decoded.configuration.http.routers = http;
    let mut tcp = std::mem::take(&mut decoded.configuration.tcp.routers);
    let unlinked = decoded.configuration.tcp.services.is_empty() && has_lost_any(decoded, "tcp.services");
    retain(&mut tcp, "tcp", container, problems, |router: &TcpRouter| {
        missing(decoded, "tcp", &router.service, &router.middlewares, unlinked)
    });
    decoded.configuration.tcp.routers = tcp;
    let mut udp = std::mem::take(&mut decoded.configuration.udp.routers);
    let unlinked = decoded.configuration.udp.services.is_empty() && has_lost_any(decoded, "udp.services");
    retain(&mut udp, "udp", container, problems, |router| missing(decoded, "udp", &router.service, &[], unlinked));
    decoded.configuration.udp.routers = udp;
}

fn has_lost_any(decoded: &Decoded, kind: &str) -> bool {
    let place = format!("traefik.{kind}.");
    decoded.lost.iter().any(|lost| lost.place.starts_with(&place))
}

/// What a router cannot do without, if it was left out.
fn missing(decoded: &Decoded, protocol: &str, service: &str, middlewares: &[String], unlinked: bool) -> Option<String> {
    let own = |name: &str| name.strip_suffix("@docker").unwrap_or(name).to_owned();
    if service.is_empty() && unlinked {
        return Some("the service it would be linked with".to_owned());
    }
    if !service.is_empty() && decoded.has_lost(&format!("{protocol}.services"), &own(service)) {
        return Some(format!("its service `{service}`"));
    }
    let lost = |name: &&String| decoded.has_lost(&format!("{protocol}.middlewares"), &own(name));
    middlewares.iter().find(lost).map(|name| format!("its middleware `{name}`"))
}

fn retain<T>(
    routers: &mut Named<T>,
    protocol: &str,
    container: &str,
    problems: &mut Vec<Problem>,
    missing: impl Fn(&T) -> Option<String>,
) {
    routers.retain(|name, router| {
        let Some(what) = missing(router) else { return true };
        problems.push(Problem {
            container: container.to_owned(),
            label: format!("traefik.{protocol}.routers.{name}"),
            reason: format!("{what} cannot be used; neither is the router"),
            hint: None,
        });
        false
    });
}
