//! One configuration of many projects: names that several projects use do not get into each other's way.
//!
//! A name that only one project defines stays what it is in Traefik (`app@docker`), so that projects can use each
//! other's middlewares. Where several define it, each gets its own (`app-PROJECT@docker`), and its references mean it.

use std::collections::{BTreeMap, BTreeSet};

use proxy::config::dynamic::{Configuration, Named};

use crate::edge::state::{Origin, Origins};

/// What one provider of one project brings; names are bare.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) project: String,
    pub(super) provider: &'static str,
    pub(super) configuration: Configuration,
}

/// Kinds of objects with names of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Router,
    Service,
    Middleware,
    Transport,
    TlsOptions,
    TcpRouter,
    TcpService,
    TcpMiddleware,
    TcpTransport,
    UdpRouter,
    UdpService,
}

/// Who defines a name.
type Definers<'a> = BTreeMap<(Kind, &'a str, String), BTreeSet<String>>;

/// Puts all parts together, names qualified; and where each router comes from.
pub(super) fn unite(parts: Vec<Part>) -> (Configuration, Origins) {
    let mut definers = Definers::new();
    for part in &parts {
        for (kind, name) in defined(&part.configuration) {
            definers.entry((kind, part.provider, name)).or_default().insert(part.project.clone());
        }
    }
    let (mut all, mut origins) = (Configuration::default(), Origins::new());
    for mut part in parts {
        let scope = Scope { definers: &definers, project: &part.project, provider: part.provider };
        scope.references(&mut part.configuration);
        let udp = part.configuration.udp.routers.keys().map(|name| ("udp", format!("{name}@{}", part.provider), name));
        let tcp = part.configuration.tcp.routers.keys().map(|name| ("tcp", scope.global(Kind::TcpRouter, name), name));
        let routers =
            part.configuration.http.routers.keys().map(|name| ("http", scope.global(Kind::Router, name), name));
        origins.extend(routers.chain(tcp).chain(udp).map(|(kind, global, name)| {
            let (project, provider) = (part.project.clone(), part.provider.to_owned());
            (format!("{kind} {global}"), Origin { project, provider, name: name.clone() })
        }));
        let http = part.configuration.http;
        scope.define(Kind::Router, http.routers, &mut all.http.routers);
        scope.define(Kind::Service, http.services, &mut all.http.services);
        scope.define(Kind::Middleware, http.middlewares, &mut all.http.middlewares);
        scope.define(Kind::Transport, http.servers_transports, &mut all.http.servers_transports);
        let tcp = part.configuration.tcp;
        scope.define(Kind::TcpRouter, tcp.routers, &mut all.tcp.routers);
        scope.define(Kind::TcpService, tcp.services, &mut all.tcp.services);
        scope.define(Kind::TcpMiddleware, tcp.middlewares, &mut all.tcp.middlewares);
        scope.define(Kind::TcpTransport, tcp.servers_transports, &mut all.tcp.servers_transports);
        let udp = part.configuration.udp;
        scope.define(Kind::UdpRouter, udp.routers, &mut all.udp.routers);
        scope.define(Kind::UdpService, udp.services, &mut all.udp.services);
        let tls = part.configuration.tls;
        all.tls.certificates.extend(tls.certificates);
        for (name, options) in tls.options {
            // `default` is one for all; the first project's holds.
            let name = if name == "default" { name } else { scope.global(Kind::TlsOptions, &name) };
            all.tls.options.entry(name).or_insert(options);
        }
        for (name, store) in tls.stores {
            all.tls.stores.entry(name).or_insert(store);
        }
    }
    (all, origins)
}

fn defined(configuration: &Configuration) -> Vec<(Kind, String)> {
    let (http, tcp, udp) = (&configuration.http, &configuration.tcp, &configuration.udp);
    let of =
        |kind: Kind, names: Vec<&String>| names.into_iter().map(move |name| (kind, name.clone())).collect::<Vec<_>>();
    [
        of(Kind::Router, http.routers.keys().collect()),
        of(Kind::Service, http.services.keys().collect()),
        of(Kind::Middleware, http.middlewares.keys().collect()),
        of(Kind::Transport, http.servers_transports.keys().collect()),
        of(Kind::TlsOptions, configuration.tls.options.keys().collect()),
        of(Kind::TcpRouter, tcp.routers.keys().collect()),
        of(Kind::TcpService, tcp.services.keys().collect()),
        of(Kind::TcpMiddleware, tcp.middlewares.keys().collect()),
        of(Kind::TcpTransport, tcp.servers_transports.keys().collect()),
        of(Kind::UdpRouter, udp.routers.keys().collect()),
        of(Kind::UdpService, udp.services.keys().collect()),
    ]
    .concat()
}

struct Scope<'a> {
    definers: &'a Definers<'a>,
    project: &'a str,
    provider: &'static str,
}

impl Scope<'_> {
    /// The name of one of our own objects among all.
    fn global(&self, kind: Kind, name: &str) -> String {
        global(self.definers, kind, self.provider, name, self.project)
    }

    fn define<T>(&self, kind: Kind, from: Named<T>, to: &mut Named<T>) {
        to.extend(from.into_iter().map(|(name, object)| (self.global(kind, &name), object)));
    }

    /// What a reference means: our own object, else the only one of that name; else it stays as it is written.
    fn resolve(&self, kind: Kind, reference: &mut String) {
        if reference.is_empty() || (kind == Kind::TlsOptions && reference == "default") {
            return;
        }
        let (name, provider) = reference.rsplit_once('@').unwrap_or((reference.as_str(), self.provider));
        let Some((_, provider, _)) =
            self.definers.keys().find(|(other, found, key)| *other == kind && *found == provider && key == name)
        else {
            if !reference.contains('@') {
                *reference = format!("{reference}@{}", self.provider);
            }
            return;
        };
        let projects = self.definers.get(&(kind, *provider, name.to_owned()));
        let owner = projects.and_then(|projects| {
            if projects.contains(self.project) { Some(self.project) } else { projects.first().map(String::as_str) }
        });
        *reference = global(self.definers, kind, provider, name, owner.unwrap_or(self.project));
    }

    fn references(&self, configuration: &mut Configuration) {
        for router in configuration.http.routers.values_mut() {
            self.resolve(Kind::Service, &mut router.service);
            router.middlewares.iter_mut().for_each(|name| self.resolve(Kind::Middleware, name));
            if let Some(tls) = &mut router.tls {
                self.resolve(Kind::TlsOptions, &mut tls.options);
            }
        }
        for service in configuration.http.services.values_mut() {
            service.middlewares.iter_mut().for_each(|name| self.resolve(Kind::Middleware, name));
            if let Some(balancer) = &mut service.load_balancer {
                self.resolve(Kind::Transport, &mut balancer.servers_transport);
            }
            let weighted = service.weighted.iter_mut().flat_map(|weighted| &mut weighted.services);
            let hashed = service.highest_random_weight.iter_mut().flat_map(|hashed| &mut hashed.services);
            weighted.chain(hashed).for_each(|other| self.resolve(Kind::Service, &mut other.name));
            if let Some(mirroring) = &mut service.mirroring {
                self.resolve(Kind::Service, &mut mirroring.service);
                mirroring.mirrors.iter_mut().for_each(|other| self.resolve(Kind::Service, &mut other.name));
            }
            if let Some(failover) = &mut service.failover {
                self.resolve(Kind::Service, &mut failover.service);
                self.resolve(Kind::Service, &mut failover.fallback);
            }
        }
        for router in configuration.tcp.routers.values_mut() {
            self.resolve(Kind::TcpService, &mut router.service);
            router.middlewares.iter_mut().for_each(|name| self.resolve(Kind::TcpMiddleware, name));
            if let Some(tls) = &mut router.tls {
                self.resolve(Kind::TlsOptions, &mut tls.options);
            }
        }
        for service in configuration.tcp.services.values_mut() {
            if let Some(balancer) = &mut service.load_balancer {
                self.resolve(Kind::TcpTransport, &mut balancer.servers_transport);
            }
            let weighted = service.weighted.iter_mut().flat_map(|weighted| &mut weighted.services);
            weighted.for_each(|other| self.resolve(Kind::TcpService, &mut other.name));
        }
        for router in configuration.udp.routers.values_mut() {
            self.resolve(Kind::UdpService, &mut router.service);
        }
        for service in configuration.udp.services.values_mut() {
            let weighted = service.weighted.iter_mut().flat_map(|weighted| &mut weighted.services);
            weighted.for_each(|other| self.resolve(Kind::UdpService, &mut other.name));
        }
        for middleware in configuration.http.middlewares.values_mut() {
            if let Some(chain) = &mut middleware.chain {
                chain.middlewares.iter_mut().for_each(|name| self.resolve(Kind::Middleware, name));
            }
            if let Some(errors) = &mut middleware.errors {
                self.resolve(Kind::Service, &mut errors.service);
            }
        }
    }
}

fn global(definers: &Definers<'_>, kind: Kind, provider: &str, name: &str, project: &str) -> String {
    let known = definers.iter().find(|((other, found, key), _)| *other == kind && *found == provider && key == name);
    let several = known.is_some_and(|(_, projects)| projects.len() > 1);
    if several && !project.is_empty() { format!("{name}-{project}@{provider}") } else { format!("{name}@{provider}") }
}
