//! All routers, with what a person wants to know about each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CertificateSeen, Inspector, Origin, ServiceSeen};
use crate::config::dynamic::TcpRouter;
use crate::observe::traffic::Answers;
use crate::route::{Route, Status, qualify};
use crate::rule::priority::of_tcp;
use crate::snapshot::Snapshot;

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Report {
    /// The routers: HTTP in the order of matching, then TCP, then UDP.
    pub routes: Vec<RouteSeen>,
    /// The services that routers lead to, by kind of router and name (`http app@docker`).
    pub services: BTreeMap<String, ServiceSeen>,
    /// Answers to requests that no router takes.
    pub unrouted: Answers,
}

/// A router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteSeen {
    /// `http`, `tcp` or `udp`.
    pub protocol: String,
    /// Qualified name.
    pub name: String,
    /// Its rule.
    pub rule: String,
    /// Its entry points.
    pub entry_points: Vec<String>,
    /// Higher wins.
    pub priority: i64,
    /// TLS settings; absent where it answers without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<RouteTls>,
    /// Qualified names of its middlewares, in their order.
    pub middlewares: Vec<String>,
    /// Qualified name of its service.
    pub service: String,
    /// `enabled`, `warning` or `disabled`.
    pub status: String,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// The router that takes all of its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadowed_by: Option<String>,
    /// Answers so far.
    pub answers: Answers,
}

/// TLS of a router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteTls {
    /// The server ends TLS.
    pub passthrough: bool,
    /// TLS options; empty for the default ones.
    pub options: String,
    /// Certificate resolver; empty for none.
    pub resolver: String,
    /// What is shown for each host of the rule; for none in particular where it names none.
    pub certificates: Vec<Shown>,
}

/// The certificate of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Shown {
    /// The host; empty for clients that name none, or another one.
    pub host: String,
    /// Where the certificate comes from.
    pub origin: Origin,
    /// Its end, RFC 3339.
    pub not_after: String,
    /// Whole days until then.
    pub days_left: i64,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
}

impl Inspector {
    /// Looks at everything. Empty when the gateway has gone on to another configuration in this very moment.
    pub fn report(&self) -> Report {
        let Some(snapshot) = self.snapshot() else { return Report::default() };
        let table = &snapshot.table;
        let (answers, unrouted) = self.traffic(table.routes().len());
        let shadows = table.shadowed();
        let mut report = Report { unrouted, ..Report::default() };
        for ((route, answers), shadow) in table.routes().iter().zip(answers).zip(shadows) {
            let shadowed_by = shadow.and_then(|position| table.routes().get(position)).map(|by| by.name.clone());
            report.routes.push(RouteSeen { answers, shadowed_by, ..self.http_route(&snapshot, route) });
            let key = format!("http {}", route.service);
            report.services.entry(key).or_insert_with(|| self.http_service(&snapshot, &route.service));
        }
        for (name, router) in &self.configuration.tcp.routers {
            let route = self.tcp_route(&snapshot, name, router);
            let service = self.tcp_service(&route.service, 0);
            report.services.entry(format!("tcp {}", route.service)).or_insert(service);
            report.routes.push(route);
        }
        for (name, router) in &self.configuration.udp.routers {
            let service = qualify(&router.service, crate::route::provider_of(name));
            let object = format!("UDP router `{name}`");
            let works = self.problems.iter().all(|problem| problem.object != object);
            let (status, errors) = self.state(&object, works);
            report.services.entry(format!("udp {service}")).or_insert(self.udp_service(&service, 0));
            report.routes.push(RouteSeen {
                protocol: "udp".to_owned(),
                name: name.clone(),
                entry_points: router.entry_points.clone(),
                service,
                status,
                errors,
                ..RouteSeen::default()
            });
        }
        report
    }

    fn http_route(&self, snapshot: &Snapshot, route: &Route) -> RouteSeen {
        let tls = route.tls.as_ref().map(|tls| RouteTls {
            passthrough: false,
            options: tls.options.clone(),
            resolver: tls.cert_resolver.clone(),
            certificates: self.shown(snapshot, &route.hosts()),
        });
        RouteSeen {
            protocol: "http".to_owned(),
            name: route.name.clone(),
            rule: route.router.rule.clone(),
            entry_points: route.router.entry_points.clone(),
            priority: route.priority,
            tls,
            middlewares: route.middlewares.clone(),
            service: route.service.clone(),
            status: match route.status() {
                Status::Enabled => "enabled",
                Status::Warning => "warning",
                Status::Disabled => "disabled",
            }
            .to_owned(),
            errors: route.errors().to_vec(),
            ..RouteSeen::default()
        }
    }

    fn tcp_route(&self, snapshot: &Snapshot, name: &str, router: &TcpRouter) -> RouteSeen {
        let provider = crate::route::provider_of(name);
        let (status, errors) = self.state(&format!("TCP router `{name}`"), snapshot.tcp.serves(name));
        let tls = router.tls.as_ref().map(|tls| {
            let hosts = crate::rule::TcpRule::parse(&router.rule).map(|rule| rule.hosts()).unwrap_or_default();
            let hosts: Vec<String> = hosts.into_iter().filter(|host| host != "*").collect();
            RouteTls {
                passthrough: tls.passthrough,
                options: tls.options.clone(),
                resolver: tls.cert_resolver.clone(),
                certificates: if tls.passthrough { Vec::new() } else { self.shown(snapshot, &hosts) },
            }
        });
        RouteSeen {
            protocol: "tcp".to_owned(),
            name: name.to_owned(),
            rule: router.rule.clone(),
            entry_points: router.entry_points.clone(),
            priority: of_tcp(router.priority, &router.rule),
            tls,
            middlewares: router.middlewares.iter().map(|used| qualify(used, provider)).collect(),
            service: qualify(&router.service, provider),
            status,
            errors,
            ..RouteSeen::default()
        }
    }

    /// State and errors of an object of which the compiler has told what is wrong.
    fn state(&self, object: &str, works: bool) -> (String, Vec<String>) {
        let errors = self.problems.iter().filter(|problem| problem.object == object);
        let errors: Vec<String> = errors.map(|problem| problem.reason.clone()).collect();
        let status = match (works, errors.is_empty()) {
            (true, true) => "enabled",
            (true, false) => "warning",
            (false, _) => "disabled",
        };
        (status.to_owned(), errors)
    }

    fn shown(&self, snapshot: &Snapshot, hosts: &[String]) -> Vec<Shown> {
        let shown = |host: &str| {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            let CertificateSeen { origin, not_after, days_left, fingerprint, .. } =
                self.certificate_for(snapshot, Some(&name));
            Shown { host: host.to_owned(), origin, not_after, days_left, fingerprint }
        };
        if hosts.is_empty() { vec![shown("")] } else { hosts.iter().map(|host| shown(host)).collect() }
    }
}
