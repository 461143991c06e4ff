//! Metrics as text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;

use super::series::{Kind, Scope, Total};
use super::{Certificate, Known, Registry};

/// One name with its lines.
struct Family<'a> {
    out: &'a mut String,
    name: String,
}

impl<'a> Family<'a> {
    fn begin(out: &'a mut String, name: String, kind: &str, help: &str) -> Self {
        // Writing to a string does not fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Self { out, name }
    }

    /// A line `name{labels} value`; the labels are in the order of their names.
    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.out.push_str(&self.name);
        self.out.push_str(suffix);
        for (position, (label, text)) in labels.iter().enumerate() {
            self.out.push(if position == 0 { '{' } else { ',' });
            self.out.push_str(label);
            self.out.push_str("=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.out.push_str("\\\\"),
                    '"' => self.out.push_str("\\\""),
                    '\n' => self.out.push_str("\\n"),
                    other => self.out.push(other),
                }
            }
            self.out.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.out, "{end} {value}");
    }
}

/// What the names of one level are made of.
struct Level {
    name: &'static str,
    /// Help texts of: duration, bytes of requests, TLS, requests, bytes of answers.
    help: [&'static str; 5],
}

const ENTRY_POINT: Level = Level {
    name: "entrypoint",
    help: [
        "How long it took to process the request on an entrypoint, partitioned by status code, protocol, and method.",
        "The total size of requests in bytes handled by an entrypoint, partitioned by status code, protocol, and method.",
        "How many HTTP requests with TLS processed on an entrypoint, partitioned by TLS Version and TLS cipher Used.",
        "How many HTTP requests processed on an entrypoint, partitioned by status code, protocol, and method.",
        "The total size of responses in bytes handled by an entrypoint, partitioned by status code, protocol, and method.",
    ],
};
const ROUTER: Level = Level {
    name: "router",
    help: [
        "How long it took to process the request on a router, partitioned by service, status code, protocol, and method.",
        "The total size of requests in bytes handled by a router, partitioned by service, status code, protocol, and method.",
        "How many HTTP requests with TLS are processed on a router, partitioned by service, TLS Version, and TLS cipher Used.",
        "How many HTTP requests are processed on a router, partitioned by service, status code, protocol, and method.",
        "The total size of responses in bytes handled by a router, partitioned by service, status code, protocol, and method.",
    ],
};
const SERVICE: Level = Level {
    name: "service",
    help: [
        "How long it took to process the request on a service, partitioned by status code, protocol, and method.",
        "The total size of requests in bytes received by a service, partitioned by status code, protocol, and method.",
        "How many HTTP requests with TLS processed on a service, partitioned by TLS version and TLS cipher.",
        "How many HTTP requests processed on a service, partitioned by status code, protocol, and method.",
        "The total size of responses in bytes returned by a service, partitioned by status code, protocol, and method.",
    ],
};

/// Prints everything but what concerns the process.
pub(super) fn print(out: &mut String, registry: &Registry, known: &Known, reloads: u64, last_reload: u64) {
    let name = |name: &str| format!("traefik_{name}");
    Family::begin(out, name("config_last_reload_success"), "gauge", "Last config reload success").line(
        "",
        &[],
        last_reload,
    );
    Family::begin(out, name("config_reloads_total"), "counter", "Config reloads").line("", &[], reloads);
    level(out, registry, &ENTRY_POINT, &registry.entry_points.sorted());
    let open = registry.open.sorted();
    if !open.is_empty() {
        let help = "How many open connections exist, by entryPoint and protocol";
        let mut family = Family::begin(out, name("open_connections"), "gauge", help);
        for (entry_point, count) in open {
            family.line("", &[("entrypoint", &entry_point), ("protocol", "TCP")], count.load(Relaxed));
        }
    }
    level(out, registry, &ROUTER, &registry.routers.sorted());
    let services = registry.services.sorted();
    level(out, registry, &SERVICE, &services);
    let retried: Vec<_> = services.iter().filter(|(_, scope)| scope.retries.load(Relaxed) > 0).collect();
    if !retried.is_empty() {
        let mut family = Family::begin(
            out,
            name("service_retries_total"),
            "counter",
            "How many request retries happened on a service.",
        );
        for (service, scope) in retried {
            family.line("", &[("service", service)], scope.retries.load(Relaxed));
        }
    }
    if registry.options.services && !known.checked.is_empty() {
        let help = "service server is up, described by gauge value of 0 or 1.";
        let mut family = Family::begin(out, name("service_server_up"), "gauge", help);
        for (service, server) in &known.checked {
            family.line("", &[("service", service), ("url", &server.url)], u8::from(server.is_healthy()));
        }
    }
    if !known.certificates.is_empty() {
        let mut family = Family::begin(out, name("tls_certs_not_after"), "gauge", "Certificate expiration timestamp");
        for certificate in &known.certificates {
            let Certificate { common_name, serial, names, not_after } = certificate;
            family.line("", &[("cn", common_name), ("sans", names), ("serial", serial)], not_after);
        }
    }
}

/// Prints the five families of a level, with a line or more for each kind of request.
fn level(out: &mut String, registry: &Registry, level: &Level, scopes: &[(String, Arc<Scope>)]) {
    let all: Vec<(Labels<'_>, Kind, Total)> = scopes
        .iter()
        .flat_map(|(name, scope)| {
            let labels = Labels { level: level.name, name, service: scope.service.as_deref() };
            scope.requests.sorted().into_iter().map(move |(kind, counters)| (labels, kind, counters.total()))
        })
        .collect();
    if all.is_empty() {
        return;
    }
    let [duration, received, tls, requests, sent] = level.help;
    let name = |rest: &str| format!("traefik_{}_{rest}", level.name);
    let mut family = Family::begin(out, name("request_duration_seconds"), "histogram", duration);
    for (labels, kind, total) in &all {
        let mut below = 0;
        for (bound, count) in registry.options.buckets.iter().zip(&total.buckets) {
            below += count;
            labels.write(&mut family, "_bucket", *kind, &[("le", &bound.to_string())], below);
        }
        labels.write(&mut family, "_bucket", *kind, &[("le", "+Inf")], total.requests);
        let seconds = std::time::Duration::from_nanos(total.nanoseconds).as_secs_f64();
        labels.write(&mut family, "_sum", *kind, &[], seconds);
        labels.write(&mut family, "_count", *kind, &[], total.requests);
    }
    let mut family = Family::begin(out, name("requests_bytes_total"), "counter", received);
    for (labels, kind, total) in &all {
        labels.write(&mut family, "", *kind, &[], total.received);
    }
    let encrypted: Vec<_> = scopes.iter().filter(|(_, scope)| scope.tls.len() > 0).collect();
    if !encrypted.is_empty() {
        let mut family = Family::begin(out, name("requests_tls_total"), "counter", tls);
        for (scope_name, scope) in encrypted {
            for (cipher, found) in scope.tls.sorted() {
                let (version, count) = &*found;
                let mut labels = vec![(level.name, scope_name.as_str())];
                labels.extend(scope.service.as_deref().map(|service| ("service", service)));
                labels.extend([("tls_cipher", cipher.as_str()), ("tls_version", version)]);
                family.line("", &labels, count.load(Relaxed));
            }
        }
    }
    let mut family = Family::begin(out, name("requests_total"), "counter", requests);
    if registry.options.header_labels.is_empty() {
        for (labels, kind, total) in &all {
            labels.write(&mut family, "", *kind, &[], total.requests);
        }
    } else {
        for (scope_name, scope) in scopes {
            let labels = Labels { level: level.name, name: scope_name, service: scope.service.as_deref() };
            for ((kind, values), count) in scope.labelled.sorted() {
                let headers = registry.options.header_labels.iter().map(|(label, _)| label.as_str());
                let extra: Vec<(&str, &str)> = headers.zip(values.iter().map(String::as_str)).collect();
                labels.write(&mut family, "", kind, &extra, count.load(Relaxed));
            }
        }
    }
    let mut family = Family::begin(out, name("responses_bytes_total"), "counter", sent);
    for (labels, kind, total) in &all {
        labels.write(&mut family, "", *kind, &[], total.sent);
    }
}

/// The labels of a scope.
#[derive(Clone, Copy)]
struct Labels<'a> {
    level: &'static str,
    name: &'a str,
    service: Option<&'a str>,
}

impl Labels<'_> {
    fn write(
        self,
        family: &mut Family<'_>,
        suffix: &str,
        kind: Kind,
        extra: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        let code = kind.code.to_string();
        let mut labels = vec![
            ("code", code.as_str()),
            ("method", kind.method),
            ("protocol", kind.protocol),
            (self.level, self.name),
        ];
        labels.extend(self.service.map(|service| ("service", service)));
        labels.extend(extra.iter().filter(|(label, _)| *label != "le"));
        labels.sort_by_key(|(label, _)| *label);
        labels.extend(extra.iter().filter(|(label, _)| *label == "le"));
        family.line(suffix, &labels, value);
    }
}

/// What is told of a certificate; `None` if it cannot be read.
pub(super) fn certificate(key: &CertifiedKey) -> Option<Certificate> {
    let (_, parsed) = x509_parser::parse_x509_certificate(key.cert.first()?).ok()?;
    let mut names: Vec<String> = Vec::new();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(dns) => Some((*dns).to_owned()),
            _ => None,
        }));
    }
    names.sort_unstable();
    Some(Certificate {
        common_name: parsed
            .subject()
            .iter_common_name()
            .next()
            .and_then(|cn| cn.as_str().ok())
            .unwrap_or_default()
            .to_owned(),
        serial: parsed.serial.to_string(),
        names: names.join(","),
        not_after: parsed.validity().not_after.timestamp(),
    })
}
