//! Values that have the right type and make no sense all the same.

use super::read::{Problem, Severity};
use super::{EntryPoint, Prometheus, StaticConfig};
use crate::networks::networks;

/// All mistakes of a configuration, each of which Traefik would not start with either.
pub(super) fn mistakes(config: &StaticConfig) -> Vec<Problem> {
    let entry_points = config.entry_points.iter().flat_map(|(name, point)| {
        entry_point(point).into_iter().map(move |(option, message)| (format!("entryPoints.{name}.{option}"), message))
    });
    let metrics = config.metrics.prometheus.iter().flat_map(prometheus);
    let metrics = metrics.map(|(option, message)| (format!("metrics.prometheus.{option}"), message));
    let rate = config.tracing.iter().filter(|tracing| tracing.rate().is_none()).map(|tracing| {
        ("tracing.sampleRate".to_owned(), format!("takes a number from 0 to 1, not `{}`", tracing.sample_rate))
    });
    let base = config.api.iter().map(|api| &api.base_path).filter(|base| !base.starts_with('/'));
    let base = base.map(|base| ("api.basePath".to_owned(), format!("takes a path such as `/traefik`, not `{base}`")));
    let syntax = Some(&config.core.default_rule_syntax).filter(|syntax| !["", "v2", "v3"].contains(&syntax.as_str()));
    let syntax =
        syntax.map(|syntax| ("core.defaultRuleSyntax".to_owned(), format!("takes `v2` or `v3`, not `{syntax}`")));
    entry_points
        .chain(metrics)
        .chain(rate)
        .chain(base)
        .chain(syntax)
        .map(|(place, message)| Problem { severity: Severity::Error, place, message })
        .collect()
}

/// Options of an entry point, and what is wrong with each.
fn entry_point(point: &EntryPoint) -> Vec<(String, String)> {
    let mut wrong: Vec<(&str, String)> = Vec::new();
    if point.host_port().is_none() {
        let address = &point.address;
        wrong.push(("address", format!("`{address}` is no address, write for example `:443` or `127.0.0.1:8080`")));
    }
    let (underscores, aliases) = (&point.http.underscore_headers_strategy, &point.http.alias_headers_strategy);
    for (option, strategy) in [("http.underscoreHeadersStrategy", underscores), ("http.aliasHeadersStrategy", aliases)]
    {
        if !["", "keep", "delete", "reject"].contains(&strategy.as_str()) {
            wrong.push((option, format!("takes `keep`, `delete` or `reject`, not `{strategy}`")));
        }
    }
    if !underscores.is_empty() && !aliases.is_empty() && underscores != aliases {
        let message =
            format!("`{aliases}` contradicts `{underscores}` of `underscoreHeadersStrategy`; take that one out");
        wrong.push(("http.aliasHeadersStrategy", message));
    }
    // What is believed of a peer must not hang on a slip of the pen.
    let proxied = point.proxy_protocol.as_ref();
    let lists = [
        ("forwardedHeaders.trustedIPs", Some(&point.forwarded_headers.trusted_ips)),
        ("proxyProtocol.trustedIPs", proxied.map(|proxied| &proxied.trusted_ips)),
    ];
    for (option, list) in lists {
        let bad = list.into_iter().flatten().filter(|text| networks(std::slice::from_ref(text)).is_err());
        for text in bad {
            wrong.push((option, format!("takes addresses and networks such as `10.0.0.0/8`, not `{text}`")));
        }
    }
    if proxied.is_some_and(|proxied| !proxied.insecure && proxied.trusted_ips.is_empty()) {
        let message = "nobody's PROXY lines would be believed; name the proxies in `trustedIPs`, such as `10.0.0.0/8`";
        wrong.push(("proxyProtocol", message.to_owned()));
    }
    wrong.into_iter().map(|(option, message)| (option.to_owned(), message)).collect()
}

/// Options of the metrics, and what is wrong with each.
fn prometheus(prometheus: &Prometheus) -> Vec<(String, String)> {
    let bounds = prometheus.bounds();
    let ascending = bounds.windows(2).all(|pair| pair.first() < pair.last());
    let fine = bounds.len() == prometheus.buckets.len() && ascending && bounds.iter().all(|bound| bound.is_finite());
    let buckets = (!fine).then(|| {
        let message = format!("takes ascending numbers such as `0.1,0.3,1.2`, not `{}`", prometheus.buckets.join(","));
        ("buckets".to_owned(), message)
    });
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let taken = ["code", "method", "protocol", "entrypoint", "router", "service"];
    let headers = prometheus.header_labels.iter().filter_map(move |(name, header)| {
        let message = if !is_label(name) || taken.contains(&name.as_str()) {
            format!("`{name}` cannot be the name of a label")
        } else if header.parse::<http::HeaderName>().is_err() {
            format!("`{header}` is no name of a header")
        } else {
            return None;
        };
        Some((format!("headerLabels.{name}"), message))
    });
    buckets.into_iter().chain(headers).collect()
}
