//! The objects of a configuration with their states, as the API shows them.

use serde_json::{Map, Value, json};

use super::{Features, by_name, put, values};
use crate::config::dynamic::Named;
use crate::inspect::service::{ServerSeen, ServerState};
use crate::inspect::{CertificateSeen, Inspector, Report, RouteSeen};
use crate::route::{provider_of, qualify};

/// What is shown of one look at the gateway.
pub(super) struct Objects<'a> {
    looking: &'a Inspector,
    report: Report,
}

impl<'a> Objects<'a> {
    pub(super) fn new(looking: &'a Inspector) -> Self {
        Self { looking, report: looking.report() }
    }

    /// All objects of a kind (`http/routers`), by name; `None` for a kind that there is not.
    pub(super) fn all(&self, kind: &str) -> Option<Vec<Value>> {
        let configuration = &self.looking.configuration;
        let (protocol, _) = kind.split_once('/').unwrap_or((kind, ""));
        Some(match kind {
            "http/routers" => self.http_routers(),
            "tcp/routers" => self.stream_routers("tcp", &configuration.tcp.routers),
            "udp/routers" => self.stream_routers("udp", &configuration.udp.routers),
            "http/services" => self.services(protocol, &configuration.http.services),
            "tcp/services" => self.services(protocol, &configuration.tcp.services),
            "udp/services" => self.services(protocol, &configuration.udp.services),
            "http/middlewares" => self.middlewares(protocol, &configuration.http.middlewares),
            "tcp/middlewares" => self.middlewares(protocol, &configuration.tcp.middlewares),
            "certificates" => self.certificates(),
            _ => return None,
        })
    }

    fn routes(&self, protocol: &str) -> impl Iterator<Item = &RouteSeen> {
        self.report.routes.iter().filter(move |route| route.protocol == protocol)
    }

    fn http_routers(&self) -> Vec<Value> {
        let Some(snapshot) = self.looking.snapshot() else { return Vec::new() };
        let mut routes: Vec<_> = snapshot.table.routes().iter().collect();
        routes.sort_by(|a, b| a.name.cmp(&b.name));
        let shown = |route: &crate::route::Route| {
            let mut value = json!(route.router);
            // As in Traefik: what holds where no options are named.
            if let Some(tls) = value.get_mut("tls").filter(|tls| tls.get("options").is_none()) {
                put(tls, "options", json!("default"));
            }
            if route.priority != 0 {
                put(&mut value, "priority", json!(route.priority));
            }
            put(&mut value, "priorityStr", json!(route.priority.to_string()));
            let verbosity = route.router.observability.as_ref().map(|observed| observed.trace_verbosity.as_str());
            let observed = json!({
                "accessLogs": route.is_logged(),
                "metrics": route.is_measured(),
                "tracing": route.is_traced(),
                "traceVerbosity": verbosity.filter(|text| !text.is_empty()).unwrap_or("minimal"),
            });
            put(&mut value, "observability", observed);
            if !route.middlewares.is_empty() {
                put(&mut value, "middlewares", json!(route.middlewares));
            }
            if route.provider() == "internal" {
                put(&mut value, "ruleSyntax", json!("default"));
            }
            put(&mut value, "status", json!(route.status()));
            let mut using = route.using.clone();
            using.sort();
            if !using.is_empty() {
                put(&mut value, "using", json!(using));
            }
            if !route.errors().is_empty() {
                put(&mut value, "error", json!(route.errors()));
            }
            put(&mut value, "name", json!(route.name));
            put(&mut value, "provider", json!(route.provider()));
            value
        };
        routes.into_iter().map(shown).collect()
    }

    fn stream_routers<T: serde::Serialize>(&self, protocol: &str, routers: &Named<T>) -> Vec<Value> {
        let snapshot = self.looking.snapshot();
        let shown = |route: &RouteSeen| {
            let mut value = json!(routers.get(&route.name)?);
            let using = snapshot.as_ref().map_or(&[][..], |snapshot| match protocol {
                "tcp" => snapshot.tcp.using(&route.name),
                _ => snapshot.udp.using(&route.name),
            });
            if protocol == "tcp" && route.entry_points.is_empty() && !using.is_empty() {
                put(&mut value, "entryPoints", json!(using));
            }
            if protocol == "tcp" {
                // As in Traefik, which does not look at what is on no entry point.
                let priority = if using.is_empty() { 0 } else { route.priority };
                if priority != 0 {
                    put(&mut value, "priority", json!(priority));
                }
                put(&mut value, "priorityStr", json!(priority.to_string()));
            }
            if !route.middlewares.is_empty() {
                put(&mut value, "middlewares", json!(route.middlewares));
            }
            put(&mut value, "status", json!(route.status));
            if !using.is_empty() {
                put(&mut value, "using", json!(using));
            }
            if !route.errors.is_empty() {
                put(&mut value, "error", json!(route.errors));
            }
            put(&mut value, "name", json!(route.name));
            put(&mut value, "provider", json!(provider_of(&route.name)));
            Some(value)
        };
        self.routes(protocol).filter_map(shown).collect()
    }

    fn services<T: serde::Serialize>(&self, protocol: &str, services: &Named<T>) -> Vec<Value> {
        let snapshot = self.looking.snapshot();
        let mut all: Vec<Value> = services
            .iter()
            .map(|(name, service)| {
                let users = self.routes(protocol).filter(|route| route.service == *name);
                let mut value = object(name, service, users);
                if let Some(snapshot) = snapshot.as_ref().filter(|_| protocol == "http") {
                    broken(&mut value, snapshot.broken_services.get(name));
                }
                let is_served = snapshot.as_ref().is_some_and(|snapshot| match protocol {
                    // Traefik completes what it begins to build.
                    "http" => snapshot.served_services.contains(name) || snapshot.broken_services.contains_key(name),
                    _ => snapshot.tcp.is_served(name),
                });
                if is_served {
                    values::complete(&mut value, name);
                }
                values::without_zero(&mut value);
                if let Some(servers) = self.server_status(protocol, name) {
                    put(&mut value, "serverStatus", servers);
                }
                value
            })
            .collect();
        if protocol == "http" {
            let mut internal: Vec<&str> = self
                .routes("http")
                .map(|route| route.service.as_str())
                .filter(|name| name.ends_with("@internal"))
                .chain(["noop@internal"])
                .collect();
            internal.sort_unstable();
            internal.dedup();
            for name in internal {
                let users = self.routes(protocol).filter(|route| route.service == name);
                let mut value = object(name, &json!({}), users);
                if let Some(fields) = value.as_object_mut() {
                    fields.remove("type");
                }
                all.push(value);
            }
            all.sort_by(|a, b| a.get("name").and_then(Value::as_str).cmp(&b.get("name").and_then(Value::as_str)));
        }
        all
    }

    /// How servers are, where that is known: `UP` or `DOWN` by URL. Without a check they are `UP`, if somebody may ask them.
    fn server_status(&self, protocol: &str, name: &str) -> Option<Value> {
        let configuration = &self.looking.configuration;
        match protocol {
            "http" => {
                configuration.http.services.get(name)?.load_balancer.as_ref()?;
                let snapshot = self.looking.snapshot()?;
                let servers = self.looking.http_service(&snapshot, name).servers;
                let is_built = servers.iter().any(|server| {
                    snapshot.servers.keys().any(|(service, url, _)| service == name && *url == server.url)
                });
                is_built.then_some(())?;
                let word = |state| if state == ServerState::Down { "DOWN" } else { "UP" };
                let told = |server: ServerSeen| (values::url(&server.url), json!(word(server.state)));
                Some(Value::Object(servers.into_iter().map(told).collect()))
            }
            "tcp" => {
                let balancer = configuration.tcp.services.get(name)?.load_balancer.as_ref()?;
                let snapshot = self.looking.snapshot().filter(|snapshot| snapshot.tcp.is_served(name))?;
                let is_down = |address: &str| snapshot.tcp.is_down(name, address);
                let word = |address: &str| json!(if is_down(address) { "DOWN" } else { "UP" });
                let servers = balancer.servers.iter().map(|server| (server.address.clone(), word(&server.address)));
                Some(Value::Object(servers.collect()))
            }
            _ => None,
        }
    }

    fn middlewares<T: serde::Serialize>(&self, protocol: &str, middlewares: &Named<T>) -> Vec<Value> {
        let snapshot = self.looking.snapshot();
        let reason = |name: &String| {
            let snapshot = snapshot.as_ref()?;
            let broken =
                if protocol == "http" { &snapshot.broken_middlewares } else { &snapshot.tcp.broken_middlewares };
            broken.get(name)
        };
        let shown = |(name, middleware): (&String, &T)| {
            let users = self.routes(protocol).filter(|route| route.middlewares.iter().any(|used| used == name));
            let mut value = object(name, middleware, users);
            broken(&mut value, reason(name));
            without_secrets(&mut value);
            values::without_zero(&mut value);
            if let Some(retry) = value.get_mut("retry").filter(|retry| retry.get("maxRequestBodyBytes").is_none()) {
                put(retry, "maxRequestBodyBytes", json!(crate::middleware::RETRIED_BODY));
            }
            let members = value.pointer_mut("/chain/middlewares").and_then(Value::as_array_mut);
            for member in members.into_iter().flatten() {
                *member = json!(qualify(member.as_str().unwrap_or_default(), provider_of(name)));
            }
            value
        };
        middlewares.iter().map(shown).collect()
    }

    fn certificates(&self) -> Vec<Value> {
        let shown = |seen: CertificateSeen| {
            json!({
                "name": seen.fingerprint,
                "sans": seen.names,
                "notAfter": seen.not_after,
                "notBefore": seen.not_before,
                "serialNumber": seen.serial,
                "commonName": seen.common_name,
                "issuerCN": seen.issuer,
                "version": "v3",
                "keyType": seen.key_type,
                "keySize": seen.key_bits,
                "signatureAlgorithm": seen.signature,
                "certFingerprint": seen.fingerprint,
                "publicKeyFingerprint": seen.key_fingerprint,
                "status": if seen.days_left < 0 { "disabled" } else if seen.days_left < 14 { "warning" } else { "enabled" },
            })
        };
        let mut all: Vec<Value> = self.looking.certificates().into_iter().map(shown).collect();
        all.sort_by(|a, b| a.get("name").and_then(Value::as_str).cmp(&b.get("name").and_then(Value::as_str)));
        all
    }

    /// Numbers of objects, and how many of them do not work.
    pub(super) fn overview(&self, features: Features) -> Value {
        let counted = |kind: &str| {
            let all = self.all(kind).unwrap_or_default();
            let state = |wanted: &str| {
                all.iter().filter(|value| value.get("status").and_then(Value::as_str) == Some(wanted)).count()
            };
            json!({ "total": all.len(), "warnings": state("warning"), "errors": state("disabled") })
        };
        let section = |protocol: &str, kinds: &[&str]| -> Value {
            let parts = kinds.iter().map(|kind| ((*kind).to_owned(), counted(&format!("{protocol}/{kind}"))));
            Value::Object(parts.collect::<Map<_, _>>())
        };
        let providers: std::collections::BTreeSet<String> = self
            .report
            .routes
            .iter()
            .map(|route| provider_of(&route.name))
            .filter(|provider| !matches!(*provider, "" | "internal"))
            .map(|provider| {
                let (first, rest) = provider.split_at_checked(1).unwrap_or(("", provider));
                format!("{}{rest}", first.to_ascii_uppercase())
            })
            .collect();
        json!({
            "http": section("http", &["routers", "services", "middlewares"]),
            "tcp": section("tcp", &["routers", "services", "middlewares"]),
            "udp": section("udp", &["routers", "services"]),
            "certificates": counted("certificates"),
            "features": {
                "tracing": if features.tracing { "OTLP" } else { "" },
                "metrics": if features.metrics { "Prometheus" } else { "" },
                "accessLog": features.access_log,
            },
            "providers": providers,
        })
    }

    /// Everything at once, by name.
    pub(super) fn raw(&self) -> Value {
        let kinds = [
            ("routers", "http/routers"),
            ("middlewares", "http/middlewares"),
            ("services", "http/services"),
            ("tcpRouters", "tcp/routers"),
            ("tcpMiddlewares", "tcp/middlewares"),
            ("tcpServices", "tcp/services"),
            ("udpRouters", "udp/routers"),
            ("udpServices", "udp/services"),
        ];
        let parts = kinds.iter().filter_map(|(name, kind)| {
            let all = self.all(kind)?;
            (!all.is_empty()).then(|| ((*name).to_owned(), by_name(&all)))
        });
        Value::Object(parts.collect())
    }

    /// What the dashboard shows.
    pub(super) fn stack(&self, version: &str, started: &str) -> Value {
        json!({
            "version": version,
            "started": started,
            "routes": self.report.routes,
            "services": self.report.services,
            "unrouted": self.report.unrouted,
            "certificates": self.looking.certificates(),
            "problems": self.looking.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

fn object<'r>(name: &str, object: &impl serde::Serialize, users: impl Iterator<Item = &'r RouteSeen>) -> Value {
    let mut value = json!(object);
    let kind = value.as_object().and_then(|fields| fields.keys().next().map(|kind| kind.to_ascii_lowercase()));
    put(&mut value, "type", json!(kind.unwrap_or_default()));
    put(&mut value, "status", json!("enabled"));
    let mut users: Vec<&str> = users.map(|route| route.name.as_str()).collect();
    users.sort_unstable();
    if !users.is_empty() {
        put(&mut value, "usedBy", json!(users));
    }
    put(&mut value, "name", json!(name));
    put(&mut value, "provider", json!(provider_of(&qualify(name, ""))));
    value
}

/// Says why an object does not work.
fn broken(value: &mut Value, reason: Option<&String>) {
    if let Some(reason) = reason {
        put(value, "status", json!("disabled"));
        put(value, "error", json!([reason]));
    }
}

/// Takes passwords and their hashes away: whoever may look at routes need not be able to guess passwords.
fn without_secrets(middleware: &mut Value) {
    for kind in ["basicAuth", "digestAuth"] {
        let users = middleware.get_mut(kind).and_then(|auth| auth.get_mut("users")).and_then(Value::as_array_mut);
        for user in users.into_iter().flatten() {
            let name = user.as_str().and_then(|user| user.split_once(':')).map(|(name, _)| name);
            *user = json!(format!("{}:xxxx", name.unwrap_or_default()));
        }
    }
    if let Some(redis) = middleware.pointer_mut("/rateLimit/redis").and_then(Value::as_object_mut) {
        redis.remove("password");
    }
}
