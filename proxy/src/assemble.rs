//! From a static configuration and what its providers say to a gateway's options and updates.
//!
//! Specification: Traefik v3 documentation, "EntryPoints", "Ping", "API"; the routers that Traefik makes by itself are
//! those of its provider `internal`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::acme::Resolver;
use crate::config::dynamic::{
    Configuration, ForwardingTimeouts, HttpServersTransport, Middleware, Named, RedirectRegex, RedirectScheme, Router,
    StripPrefix,
};
use crate::config::statics::{CertificatesResolver, ServersTransport, StaticConfig};
use crate::entry_point::EntryPoint;
use crate::route::EntryPointModel;

/// Priorities of Traefik's own routers: above all that users can give, in this order.
pub(crate) const REDIRECT: i64 = i64::MAX - 1;
const INTERNAL: i64 = i64::MAX - 2;
const DASHBOARD: i64 = i64::MAX - 3;

/// The entry points that the gateway listens on.
pub fn entry_points(config: &StaticConfig) -> Vec<EntryPoint> {
    config.entry_points.iter().map(|(name, options)| EntryPoint::from_static(name, options)).collect()
}

/// The names of the entry points for datagrams.
pub fn udp_entry_points(config: &StaticConfig) -> Vec<String> {
    let points = config.entry_points.iter().filter(|(_, options)| options.is_udp());
    points.map(|(name, _)| name.clone()).collect()
}

/// What the entry points add to routers.
pub fn models(config: &StaticConfig) -> Vec<EntryPointModel> {
    let points = config.entry_points.iter().filter(|(_, options)| !options.is_udp());
    points
        .map(|(name, options)| EntryPointModel {
            name: name.clone(),
            as_default: options.as_default,
            strict_tls_options: options.strict_tls_options,
            middlewares: options.http.middlewares.clone(),
            tls: options.http.tls.clone(),
            observability: options.observability.clone(),
        })
        .collect()
}

/// The certificate resolvers, which keep their files where the options say; `environment` is what hook programs of DNS
/// challenges are found by.
pub fn resolvers(config: &StaticConfig, environment: &BTreeMap<String, String>) -> BTreeMap<String, Resolver> {
    let resolver = |(name, resolver): (&String, &CertificatesResolver)| {
        let options = resolver.acme.clone()?;
        let entry_point = options.http_challenge.as_ref().map(|challenge| challenge.entry_point.clone());
        let shared = |name: &String| config.entry_points.get(name).is_some_and(|point| point.allow_acme_by_pass);
        let resolver = Resolver {
            name: name.clone(),
            storage: PathBuf::from(&options.storage),
            import: None,
            reserved: entry_point.into_iter().filter(|name| !shared(name)).collect(),
            environment: Resolver::environment_of(&options, environment),
            options,
        };
        Some((name.clone(), resolver))
    };
    config.certificates_resolvers.iter().filter_map(resolver).collect()
}

/// All providers' configurations as one, names qualified, with the routers of the static configuration.
pub fn merge(
    config: &StaticConfig,
    providers: impl IntoIterator<Item = (&'static str, Configuration)>,
) -> Configuration {
    let mut all = Configuration::default();
    for (provider, mut found) in providers {
        use_default_syntax(config, &mut found);
        qualify(provider, found.http.routers, &mut all.http.routers);
        qualify(provider, found.http.services, &mut all.http.services);
        qualify(provider, found.http.middlewares, &mut all.http.middlewares);
        qualify(provider, found.http.servers_transports, &mut all.http.servers_transports);
        qualify(provider, found.tcp.routers, &mut all.tcp.routers);
        qualify(provider, found.tcp.services, &mut all.tcp.services);
        qualify(provider, found.tcp.middlewares, &mut all.tcp.middlewares);
        qualify(provider, found.tcp.servers_transports, &mut all.tcp.servers_transports);
        qualify(provider, found.udp.routers, &mut all.udp.routers);
        qualify(provider, found.udp.services, &mut all.udp.services);
        all.tls.certificates.extend(found.tls.certificates);
        // `default` is one for all providers.
        for (name, options) in found.tls.options {
            let name = if name == "default" { name } else { format!("{name}@{provider}") };
            all.tls.options.insert(name, options);
        }
        all.tls.stores.extend(found.tls.stores);
    }
    let mut internal = internal(config);
    all.http.routers.append(&mut internal.http.routers);
    all.http.middlewares.append(&mut internal.http.middlewares);
    use_default_transport(config, "default@internal", &mut all);
    all
}

/// Makes routers that say no rule syntax of their own use the static configuration's (`core.defaultRuleSyntax`).
pub fn use_default_syntax(config: &StaticConfig, configuration: &mut Configuration) {
    let default = &config.core.default_rule_syntax;
    let http = configuration.http.routers.values_mut().map(|router| &mut router.rule_syntax);
    let tcp = configuration.tcp.routers.values_mut().map(|router| &mut router.rule_syntax);
    http.chain(tcp).filter(|syntax| syntax.is_empty()).for_each(|syntax| syntax.clone_from(default));
}

/// Makes services that name no transport of their own use the static configuration's (`serversTransport`), under that
/// name; nothing changes where it says nothing.
pub fn use_default_transport(config: &StaticConfig, name: &str, configuration: &mut Configuration) {
    let default = &config.servers_transport;
    if *default == ServersTransport::default() {
        return;
    }
    let timeouts = &default.forwarding_timeouts;
    let transport = HttpServersTransport {
        insecure_skip_verify: default.insecure_skip_verify,
        root_cas: default.root_cas.clone(),
        max_idle_conns_per_host: i64::try_from(default.max_idle_conns_per_host).unwrap_or(i64::MAX),
        forwarding_timeouts: Some(ForwardingTimeouts {
            dial_timeout: timeouts.dial_timeout,
            response_header_timeout: timeouts.response_header_timeout,
            idle_conn_timeout: timeouts.idle_conn_timeout,
            ..ForwardingTimeouts::default()
        }),
        ..HttpServersTransport::default()
    };
    let mut used = false;
    let balancers = configuration.http.services.values_mut().filter_map(|service| service.load_balancer.as_mut());
    for balancer in balancers.filter(|balancer| balancer.servers_transport.is_empty()) {
        balancer.servers_transport = name.to_owned();
        used = true;
    }
    if used {
        configuration.http.servers_transports.insert(name.to_owned(), transport);
    }
}

fn qualify<T>(provider: &str, from: Named<T>, to: &mut Named<T>) {
    to.extend(from.into_iter().map(|(name, object)| (format!("{name}@{provider}"), object)));
}

/// Ping, API and redirections, as routers; names are qualified.
pub fn internal(config: &StaticConfig) -> Configuration {
    let mut all = Configuration::default();
    let mut middlewares = Named::new();
    let mut router = |name: &str, entry_point: &str, rule: &str, service: &str, middlewares: &[&str], priority: i64| {
        let router = Router {
            entry_points: vec![entry_point.to_owned()],
            rule: rule.to_owned(),
            service: service.to_owned(),
            middlewares: middlewares.iter().map(|name| (*name).to_owned()).collect(),
            priority,
            ..Router::default()
        };
        all.http.routers.insert(format!("{name}@internal"), router);
    };
    if let Some(ping) = config.ping.as_ref().filter(|ping| !ping.manual_routing) {
        router("ping", &ping.entry_point, "PathPrefix(`/ping`)", "ping@internal", &[], i64::MAX);
    }
    if let Some(metrics) = config.metrics.prometheus.as_ref().filter(|metrics| !metrics.manual_routing) {
        router("prometheus", &metrics.entry_point, "PathPrefix(`/metrics`)", "prometheus@internal", &[], i64::MAX);
    }
    if let Some(api) = config.api.as_ref().filter(|api| api.insecure) {
        let rule = format!("PathPrefix(`{}/api`)", api.base_path.trim_end_matches('/'));
        router("api", "traefik", &rule, "api@internal", &[], INTERNAL);
        if api.dashboard {
            let base = api.base_path.trim_end_matches('/');
            let used = ["dashboard_redirect@internal", "dashboard_stripprefix@internal"];
            router("dashboard", "traefik", &format!("PathPrefix(`{base}/`)"), "dashboard@internal", &used, DASHBOARD);
            let redirect = RedirectRegex {
                regex: format!(r"^(https?:\/\/(\[[\w:.]+\]|[\w\._-]+)(:\d+)?{base})\/(?:dashboard)?$"),
                replacement: "${1}/dashboard/".to_owned(),
                permanent: true,
            };
            let strip = StripPrefix {
                prefixes: vec![format!("{base}/dashboard/"), format!("{base}/dashboard")],
                ..StripPrefix::default()
            };
            let [first, second] = used.map(str::to_owned);
            middlewares.insert(first, Middleware { redirect_regex: Some(redirect), ..Middleware::default() });
            middlewares.insert(second, Middleware { strip_prefix: Some(strip), ..Middleware::default() });
        }
    }
    for (name, options) in &config.entry_points {
        let Some(to) = options.http.redirections.as_ref().and_then(|to| to.entry_point.as_ref()) else { continue };
        let Some(port) = target_port(config, &to.to) else { continue };
        let object = format!("{name}-to-{}", to.to.trim_start_matches(':'));
        let middleware = format!("redirect-{object}@internal");
        let priority = to.priority.unwrap_or(REDIRECT);
        router(&object, name, "HostRegexp(`^.+$`)", "noop@internal", &[&middleware], priority);
        let redirect = RedirectScheme { scheme: to.scheme.clone(), port, permanent: to.permanent };
        middlewares.insert(middleware, Middleware { redirect_scheme: Some(redirect), ..Middleware::default() });
    }
    all.http.middlewares = middlewares;
    all
}

/// The port that a redirection leads to: of an entry point, or as it is written (`:443`).
fn target_port(config: &StaticConfig, to: &str) -> Option<String> {
    match to.strip_prefix(':') {
        Some(port) => Some(port.to_owned()),
        None => config.entry_points.get(to)?.host_port().map(|(_, port)| port.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::dynamic::TcpRouter;
    use crate::config::dynamic::{LoadBalancer, Service};
    use crate::config::statics::Sources;

    fn config(flags: &[&str]) -> StaticConfig {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        StaticConfig::read(&Sources { flags: &flags, ..Sources::default() })
            .map(|(config, _)| config)
            .unwrap_or_default()
    }

    #[test]
    fn names_are_qualified_by_their_provider() {
        let mut found = Configuration::default();
        found.http.routers.insert("a".to_owned(), Router::default());
        let all = merge(&StaticConfig::default(), [("file", found)]);
        assert_eq!(all.http.routers.keys().collect::<Vec<_>>(), ["a@file"]);
    }

    #[test]
    fn routers_use_the_rule_syntax_of_the_static_configuration() {
        let mut found = Configuration::default();
        let router = |syntax: &str| Router { rule_syntax: syntax.to_owned(), ..Router::default() };
        found.http.routers.extend([("a".to_owned(), router("")), ("b".to_owned(), router("v3"))]);
        found.tcp.routers.insert("t".to_owned(), TcpRouter::default());
        let all = merge(&config(&["--core.defaultrulesyntax=v2", "--ping"]), [("file", found)]);
        let syntax: Vec<_> =
            all.http.routers.iter().map(|(name, router)| (name.as_str(), router.rule_syntax.as_str())).collect();
        assert_eq!(syntax, [("a@file", "v2"), ("b@file", "v3"), ("ping@internal", "")]);
        assert_eq!(all.tcp.routers.values().map(|router| router.rule_syntax.as_str()).collect::<Vec<_>>(), ["v2"]);
    }

    #[test]
    fn services_use_the_transport_of_the_static_configuration() {
        let mut found = Configuration::default();
        let service = || Service { load_balancer: Some(LoadBalancer::default()), ..Service::default() };
        found.http.services.insert("a".to_owned(), service());
        let all = merge(&config(&["--serverstransport.insecureskipverify"]), [("file", found.clone())]);
        let transport = all.http.servers_transports.get("default@internal");
        assert_eq!(transport.map(|transport| transport.insecure_skip_verify), Some(true));
        let balancer = all.http.services.get("a@file").and_then(|service| service.load_balancer.as_ref());
        assert_eq!(balancer.map(|balancer| balancer.servers_transport.as_str()), Some("default@internal"));
        assert!(merge(&config(&[]), [("file", found)]).http.servers_transports.is_empty());
    }

    #[test]
    fn resolvers_reserve_the_entry_points_of_their_challenges() {
        let config = config(&[
            "--entrypoints.web.address=:80",
            "--entrypoints.open.address=:81",
            "--entrypoints.open.allowacmebypass=true",
            "--certificatesresolvers.a.acme.httpchallenge.entrypoint=web",
            "--certificatesresolvers.a.acme.dnschallenge.provider=cloudflare",
            "--certificatesresolvers.a.acme.storage=/a.json",
            "--certificatesresolvers.b.acme.httpchallenge.entrypoint=open",
        ]);
        let environment = BTreeMap::from(
            ["EXEC_PATH", "CF_DNS_API_TOKEN", "CFX_Y", "CLOUDFLARE_TTL", "SECRET"].map(|name| (name, "x")),
        );
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let found = resolvers(&config, &environment);
        let reserved = |name: &str| found.get(name).map(|resolver| resolver.reserved.clone());
        assert_eq!(reserved("a"), Some(vec!["web".to_owned()]));
        assert_eq!(reserved("b"), Some(vec![]));
        let a = found.get("a").cloned().unwrap_or_default();
        assert_eq!(a.storage, PathBuf::from("/a.json"));
        assert_eq!(
            a.environment.keys().collect::<Vec<_>>(),
            ["CF_DNS_API_TOKEN", "CLOUDFLARE_TTL"],
            "of its own provider"
        );
    }

    #[test]
    fn nothing_of_the_gateway_is_served_unasked() {
        let all = internal(&config(&["--entrypoints.web.address=:80"]));
        assert_eq!(all.http.routers.keys().collect::<Vec<_>>(), Vec::<&String>::new());
        let all = internal(&config(&["--entrypoints.web.address=:80", "--api"]));
        assert_eq!(
            all.http.routers.keys().collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "a router has to be written for it"
        );
    }

    #[test]
    fn what_traefik_routes_by_itself() {
        let all = internal(&config(&[
            "--entrypoints.web.address=:80",
            "--entrypoints.websecure.address=:443",
            "--entrypoints.web.http.redirections.entrypoint.to=websecure",
            "--ping",
            "--metrics.prometheus",
            "--api.insecure",
        ]));
        assert_eq!(
            all.http.routers.keys().collect::<Vec<_>>(),
            ["api@internal", "dashboard@internal", "ping@internal", "prometheus@internal", "web-to-websecure@internal"]
        );
        let redirect = all.http.middlewares.get("redirect-web-to-websecure@internal").cloned().unwrap_or_default();
        assert_eq!(redirect.redirect_scheme.map(|redirect| redirect.port), Some("443".to_owned()));
    }
}
