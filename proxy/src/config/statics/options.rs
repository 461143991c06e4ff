//! Every static option by name.

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// `true` or `false`; the name alone is true.
    Bool,
    /// A whole number.
    Number,
    /// A duration.
    Duration,
    /// Several texts, separated by commas.
    List,
    /// A group of options that can be switched on as such.
    Group,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It is in force.
    Used,
    /// Nothing is lost without it.
    Idle,
    /// It is not in force, which a warning says.
    Missing,
    /// It is not in force, and going on without it would open something.
    Refused,
}

use Kind::{Bool, Duration, Group, List, Number, Text};
use Support::{Idle, Missing, Refused, Used};

/// One option: its path (`*` is a free name, a last `**` anything below, and the group itself), what it takes, what becomes of it.
pub(super) struct Spec {
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) support: Support,
}

const fn spec(path: &'static str, kind: Kind, support: Support) -> Spec {
    Spec { path, kind, support }
}

/// Traefik v3.7's options. Free-path entries stand last: the exact ones win.
pub(super) const OPTIONS: &[Spec] = &[
    spec("entryPoints.*", Group, Used),
    spec("entryPoints.*.address", Text, Used),
    spec("entryPoints.*.asDefault", Bool, Used),
    spec("entryPoints.*.allowACMEByPass", Bool, Used),
    spec("entryPoints.*.reusePort", Bool, Idle),
    spec("entryPoints.*.transport.lifeCycle.graceTimeOut", Duration, Used),
    spec("entryPoints.*.transport.lifeCycle.requestAcceptGraceTimeout", Duration, Used),
    spec("entryPoints.*.transport.respondingTimeouts.readTimeout", Duration, Used),
    spec("entryPoints.*.transport.respondingTimeouts.writeTimeout", Duration, Used),
    spec("entryPoints.*.transport.respondingTimeouts.idleTimeout", Duration, Used),
    spec("entryPoints.*.transport.keepAliveMaxTime", Duration, Used),
    spec("entryPoints.*.transport.keepAliveMaxRequests", Number, Used),
    spec("entryPoints.*.forwardedHeaders.insecure", Bool, Used),
    spec("entryPoints.*.forwardedHeaders.trustedIPs", List, Used),
    spec("entryPoints.*.forwardedHeaders.connection", List, Used),
    spec("entryPoints.*.forwardedHeaders.notAppendXForwardedFor", Bool, Used),
    spec("entryPoints.*.http.redirections.entryPoint.to", Text, Used),
    spec("entryPoints.*.http.redirections.entryPoint.scheme", Text, Used),
    spec("entryPoints.*.http.redirections.entryPoint.permanent", Bool, Used),
    spec("entryPoints.*.http.redirections.entryPoint.priority", Number, Used),
    spec("entryPoints.*.http.middlewares", List, Used),
    spec("entryPoints.*.http", Group, Used),
    spec("entryPoints.*.http.tls", Group, Used),
    spec("entryPoints.*.http.tls.domains", Group, Used),
    spec("entryPoints.*.http.tls.options", Text, Used),
    spec("entryPoints.*.http.tls.certResolver", Text, Used),
    spec("entryPoints.*.http.tls.domains.*.main", Text, Used),
    spec("entryPoints.*.http.tls.domains.*.sans", List, Used),
    spec("entryPoints.*.http.encodeQuerySemicolons", Bool, Used),
    spec("entryPoints.*.http.sanitizePath", Bool, Used),
    spec("entryPoints.*.http.maxHeaderBytes", Number, Used),
    spec("entryPoints.*.http.underscoreHeadersStrategy", Text, Used),
    spec("entryPoints.*.http.aliasHeadersStrategy", Text, Used),
    spec("entryPoints.*.http.encodedCharacters.allowEncodedSlash", Bool, Used),
    spec("entryPoints.*.http.encodedCharacters.allowEncodedBackSlash", Bool, Used),
    spec("entryPoints.*.http.encodedCharacters.allowEncodedNullCharacter", Bool, Used),
    spec("entryPoints.*.http.encodedCharacters.allowEncodedSemicolon", Bool, Used),
    spec("entryPoints.*.http.encodedCharacters.allowEncodedPercent", Bool, Used),
    spec("entryPoints.*.http.encodedCharacters.allowEncodedQuestionMark", Bool, Used),
    spec("entryPoints.*.http.encodedCharacters.allowEncodedHash", Bool, Used),
    spec("entryPoints.*.http2.maxConcurrentStreams", Number, Used),
    spec("entryPoints.*.http2.maxDecoderHeaderTableSize", Number, Used),
    spec("entryPoints.*.http2.maxEncoderHeaderTableSize", Number, Missing),
    spec("entryPoints.*.http3", Group, Used),
    spec("entryPoints.*.http3.advertisedPort", Number, Used),
    spec("entryPoints.*.proxyProtocol", Group, Used),
    spec("entryPoints.*.proxyProtocol.insecure", Bool, Used),
    spec("entryPoints.*.proxyProtocol.trustedIPs", List, Used),
    spec("entryPoints.*.udp.timeout", Duration, Used),
    spec("entryPoints.*.observability.accessLogs", Bool, Used),
    spec("entryPoints.*.observability.metrics", Bool, Used),
    spec("entryPoints.*.observability.tracing", Bool, Used),
    spec("entryPoints.*.observability.**", Text, Missing),
    spec("providers.providersThrottleDuration", Duration, Idle),
    spec("providers.docker", Group, Used),
    spec("providers.docker.exposedByDefault", Bool, Used),
    spec("providers.docker.defaultRule", Text, Used),
    spec("providers.docker.constraints", Text, Used),
    spec("providers.docker.network", Text, Used),
    spec("providers.docker.useBindPortIP", Bool, Used),
    spec("providers.docker.allowEmptyServices", Bool, Used),
    spec("providers.docker.endpoint", Text, Used),
    spec("providers.docker.watch", Bool, Idle),
    spec("providers.docker.httpClientTimeout", Duration, Idle),
    spec("providers.docker.username", Text, Missing),
    spec("providers.docker.password", Text, Missing),
    spec("providers.docker.tls.**", Text, Missing),
    spec("providers.file.filename", Text, Used),
    spec("providers.file.directory", Text, Used),
    spec("providers.file.watch", Bool, Used),
    spec("providers.file.debugLogGeneratedTemplate", Bool, Idle),
    spec("api", Group, Used),
    spec("api.insecure", Bool, Used),
    spec("api.dashboard", Bool, Used),
    spec("api.basePath", Text, Used),
    spec("api.debug", Bool, Missing),
    spec("api.disableDashboardAd", Bool, Idle),
    spec("api.dashboardName", Text, Idle),
    spec("ping", Group, Used),
    spec("ping.entryPoint", Text, Used),
    spec("ping.manualRouting", Bool, Used),
    spec("ping.terminatingStatusCode", Number, Used),
    spec("accessLog", Group, Used),
    spec("accessLog.filePath", Text, Used),
    spec("accessLog.format", Text, Used),
    spec("accessLog.bufferingSize", Number, Idle),
    // There is no other output that would take its place.
    spec("accessLog.dualOutput", Bool, Idle),
    spec("accessLog.filters.statusCodes", List, Used),
    spec("accessLog.filters.retryAttempts", Bool, Used),
    spec("accessLog.filters.minDuration", Duration, Used),
    spec("accessLog.addInternals", Bool, Used),
    spec("accessLog.fields.defaultMode", Text, Used),
    spec("accessLog.fields.names.*", Text, Used),
    spec("accessLog.fields.queryParameters.defaultMode", Text, Used),
    spec("accessLog.fields.headers.defaultMode", Text, Used),
    spec("accessLog.fields.headers.names.*", Text, Used),
    spec("accessLog.otlp.**", Text, Missing),
    spec("log", Group, Used),
    spec("log.level", Text, Used),
    spec("log.format", Text, Used),
    spec("log.noColor", Bool, Idle),
    spec("log.filePath", Text, Missing),
    spec("log.maxSize", Number, Missing),
    spec("log.maxAge", Number, Missing),
    spec("log.maxBackups", Number, Missing),
    spec("log.compress", Bool, Missing),
    spec("log.otlp.**", Text, Missing),
    spec("serversTransport.insecureSkipVerify", Bool, Used),
    spec("serversTransport.rootCAs", List, Used),
    spec("serversTransport.maxIdleConnsPerHost", Number, Used),
    spec("serversTransport.forwardingTimeouts.dialTimeout", Duration, Used),
    spec("serversTransport.forwardingTimeouts.responseHeaderTimeout", Duration, Used),
    spec("serversTransport.forwardingTimeouts.idleConnTimeout", Duration, Used),
    spec("serversTransport.spiffe.**", Text, Refused),
    spec("tcpServersTransport.**", Text, Missing),
    spec("certificatesResolvers.*", Group, Used),
    spec("certificatesResolvers.*.acme", Group, Used),
    spec("certificatesResolvers.*.acme.email", Text, Used),
    spec("certificatesResolvers.*.acme.caServer", Text, Used),
    spec("certificatesResolvers.*.acme.storage", Text, Used),
    spec("certificatesResolvers.*.acme.keyType", Text, Used),
    spec("certificatesResolvers.*.acme.profile", Text, Used),
    spec("certificatesResolvers.*.acme.preferredChain", Text, Used),
    spec("certificatesResolvers.*.acme.emailAddresses", List, Used),
    // No certificate asked for here has a common name.
    spec("certificatesResolvers.*.acme.disableCommonName", Bool, Idle),
    spec("certificatesResolvers.*.acme.certificatesDuration", Number, Used),
    spec("certificatesResolvers.*.acme.certificateTimeout", Duration, Idle),
    spec("certificatesResolvers.*.acme.clientTimeout", Duration, Idle),
    spec("certificatesResolvers.*.acme.clientResponseHeaderTimeout", Duration, Idle),
    spec("certificatesResolvers.*.acme.caCertificates", List, Used),
    spec("certificatesResolvers.*.acme.caSystemCertPool", Bool, Used),
    spec("certificatesResolvers.*.acme.caServerName", Text, Used),
    spec("certificatesResolvers.*.acme.eab.kid", Text, Used),
    spec("certificatesResolvers.*.acme.eab.hmacEncoded", Text, Used),
    spec("certificatesResolvers.*.acme.httpChallenge", Group, Used),
    spec("certificatesResolvers.*.acme.httpChallenge.entryPoint", Text, Used),
    spec("certificatesResolvers.*.acme.httpChallenge.delay", Duration, Used),
    spec("certificatesResolvers.*.acme.tlsChallenge", Group, Used),
    spec("certificatesResolvers.*.acme.tlsChallenge.delay", Duration, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge", Group, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.provider", Text, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.delayBeforeCheck", Duration, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.propagation", Group, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.propagation.delayBeforeChecks", Duration, Used),
    // A hook program returns when the record can be seen: nothing else is asked.
    spec("certificatesResolvers.*.acme.dnsChallenge.resolvers", List, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.disablePropagationCheck", Bool, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.propagation.disableChecks", Bool, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.propagation.disableANSChecks", Bool, Used),
    spec("certificatesResolvers.*.acme.dnsChallenge.propagation.requireAllRNS", Bool, Used),
    spec("certificatesResolvers.*.tailscale", Group, Missing),
    spec("global.checkNewVersion", Bool, Idle),
    spec("global.sendAnonymousUsage", Bool, Idle),
    spec("global.notAppendXForwardedFor", Bool, Used),
    spec("core.defaultRuleSyntax", Text, Used),
    spec("core.strictTLSOptions", Bool, Used),
    spec("experimental.**", Text, Missing),
    spec("hostResolver.**", Text, Missing),
    spec("metrics.addInternals", Bool, Used),
    spec("metrics.prometheus", Group, Used),
    spec("metrics.prometheus.buckets", List, Used),
    spec("metrics.prometheus.addEntryPointsLabels", Bool, Used),
    spec("metrics.prometheus.addRoutersLabels", Bool, Used),
    spec("metrics.prometheus.addServicesLabels", Bool, Used),
    spec("metrics.prometheus.entryPoint", Text, Used),
    spec("metrics.prometheus.manualRouting", Bool, Used),
    spec("metrics.prometheus.headerLabels.*", Text, Used),
    spec("metrics.**", Text, Missing),
    spec("ocsp.**", Text, Missing),
    spec("ocsp", Group, Missing),
    spec("spiffe.**", Text, Refused),
    spec("tracing", Group, Used),
    spec("tracing.addInternals", Bool, Used),
    spec("tracing.serviceName", Text, Used),
    spec("tracing.resourceAttributes.*", Text, Used),
    spec("tracing.sampleRate", Text, Used),
    spec("tracing.capturedRequestHeaders", List, Used),
    spec("tracing.capturedResponseHeaders", List, Used),
    spec("tracing.safeQueryParams", List, Used),
    spec("tracing.otlp", Group, Used),
    spec("tracing.otlp.http", Group, Used),
    spec("tracing.otlp.http.endpoint", Text, Used),
    spec("tracing.otlp.http.headers.*", Text, Used),
    spec("tracing.otlp.http.tls.ca", Text, Used),
    spec("tracing.otlp.http.tls.cert", Text, Used),
    spec("tracing.otlp.http.tls.key", Text, Used),
    spec("tracing.otlp.http.tls.insecureSkipVerify", Bool, Used),
    spec("tracing.**", Text, Missing),
    spec("providers.precedence", List, Missing),
    spec("providers.swarm", Group, Missing),
    spec("providers.swarm.**", Text, Missing),
    spec("providers.consul.**", Text, Missing),
    spec("providers.consulCatalog.**", Text, Missing),
    spec("providers.ecs.**", Text, Missing),
    spec("providers.etcd.**", Text, Missing),
    spec("providers.http.**", Text, Missing),
    spec("providers.kubernetesCRD", Group, Missing),
    spec("providers.kubernetesCRD.**", Text, Missing),
    spec("providers.kubernetesGateway", Group, Missing),
    spec("providers.kubernetesGateway.**", Text, Missing),
    spec("providers.kubernetesIngress", Group, Missing),
    spec("providers.kubernetesIngress.**", Text, Missing),
    spec("providers.kubernetesIngressNGINX", Group, Missing),
    spec("providers.kubernetesIngressNGINX.**", Text, Missing),
    spec("providers.knative.**", Text, Missing),
    spec("providers.nomad.**", Text, Missing),
    spec("providers.plugin.**", Text, Missing),
    spec("providers.redis.**", Text, Missing),
    spec("providers.rest", Group, Missing),
    spec("providers.rest.**", Text, Missing),
    spec("providers.zooKeeper.**", Text, Missing),
];

/// The option that a path means, and the path in its right spelling. Names compare without case, as in Traefik.
pub(super) fn find(path: &[String]) -> Option<(&'static Spec, Vec<String>)> {
    OPTIONS.iter().find_map(|option| spelled(option.path, path).map(|path| (option, path)))
}

fn spelled(pattern: &str, path: &[String]) -> Option<Vec<String>> {
    let mut spelling = Vec::with_capacity(path.len());
    let mut parts = path.iter();
    for wanted in pattern.split('.') {
        match wanted {
            "**" => spelling.extend(parts.by_ref().cloned()),
            "*" => spelling.push(parts.next()?.clone()),
            name => {
                parts.next().filter(|part| part.eq_ignore_ascii_case(name))?;
                spelling.push(name.to_owned());
            }
        }
    }
    parts.next().is_none().then_some(spelling)
}

/// The option that a mistyped path most likely means, spelled with its free names.
pub(super) fn near(path: &[String]) -> Option<String> {
    let written = path.join(".");
    let spelled = OPTIONS
        .iter()
        .filter(|option| !option.path.ends_with("**"))
        .map(|option| {
            let names = option.path.split('.').enumerate().map(|(index, name)| match name {
                "*" => path.get(index).map_or("NAME", String::as_str),
                name => name,
            });
            names.collect::<Vec<_>>().join(".")
        })
        .collect::<Vec<_>>();
    crate::config::near::nearest(&written, spelled.iter().map(String::as_str)).map(str::to_owned)
}
