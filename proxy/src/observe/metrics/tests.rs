#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::series::{Kind, Total};
use super::*;

fn options(text: &[&str]) -> statics::Metrics {
    let flags: Vec<String> = text.iter().map(|flag| (*flag).to_owned()).collect();
    let sources = statics::Sources { flags: &flags, ..statics::Sources::default() };
    statics::StaticConfig::read(&sources).unwrap().0.metrics
}

#[test]
fn workers_count_for_themselves_and_are_summed() {
    let scope = Scope::new(None, 2, 2);
    let kind = Kind { code: 200, method: "GET", protocol: "http" };
    let bounds = [0.1, 0.5];
    for (worker, milliseconds) in [(0, 50), (1, 100), (1, 300), (2, 900)] {
        scope.kind(kind).add(worker, Duration::from_millis(milliseconds), 3, 7, &bounds);
    }
    let total = Total { requests: 4, received: 12, sent: 28, nanoseconds: 1_350_000_000, buckets: vec![2, 1] };
    assert_eq!(scope.kind(kind).total(), total);
    assert_eq!(scope.requests.len(), 1);
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let metrics = Metrics::default();
    assert!(!metrics.print().contains("traefik_"));
    metrics.set(Some(&options(&["--metrics.prometheus.buckets=0.25,5", "--metrics.prometheus.addrouterslabels"])), 1);
    let registry = metrics.registry().unwrap();
    let open = registry.opened("web");
    let kind = Kind { code: 404, method: "GET", protocol: "http" };
    let router = registry.scope(&registry.routers, "r@file", Some("a\"b@file"));
    router.kind(kind).add(0, Duration::from_millis(250), 1, 2, &registry.options.buckets);
    router.tls.get_or_insert("TLS_X", || "TLS_X".to_owned(), || ("1.3", AtomicU64::new(9)));
    let mut text = String::new();
    text::print(&mut text, &registry, &Known::default(), 3, 1_700_000_000);
    let labels = r#"code="404",method="GET",protocol="http",router="r@file",service="a\"b@file""#;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        [
            "traefik_config_last_reload_success 1700000000".to_owned(),
            "traefik_config_reloads_total 3".to_owned(),
            r#"traefik_open_connections{entrypoint="web",protocol="TCP"} 1"#.to_owned(),
            format!(r#"traefik_router_request_duration_seconds_bucket{{{labels},le="0.25"}} 1"#),
            format!(r#"traefik_router_request_duration_seconds_bucket{{{labels},le="5"}} 1"#),
            format!(r#"traefik_router_request_duration_seconds_bucket{{{labels},le="+Inf"}} 1"#),
            format!("traefik_router_request_duration_seconds_sum{{{labels}}} 0.25"),
            format!("traefik_router_request_duration_seconds_count{{{labels}}} 1"),
            format!("traefik_router_requests_bytes_total{{{labels}}} 1"),
            r#"traefik_router_requests_tls_total{router="r@file",service="a\"b@file",tls_cipher="TLS_X",tls_version="1.3"} 9"#
                .to_owned(),
            format!("traefik_router_requests_total{{{labels}}} 1"),
            format!("traefik_router_responses_bytes_total{{{labels}}} 2"),
        ]
    );
    drop(open);
    assert!(metrics.print().contains("traefik_open_connections{entrypoint=\"web\",protocol=\"TCP\"} 0\n"));
    assert!(metrics.print().contains("\nprocess_resident_memory_bytes "));
}
