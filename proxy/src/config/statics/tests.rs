#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use super::*;
use crate::config::dynamic::RouterTls;

fn flags(flags: &[&str]) -> Result<(StaticConfig, Vec<Problem>), Vec<Problem>> {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    StaticConfig::read(&Sources { flags: &flags, ..Sources::default() })
}

fn said(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_flags_of_an_ordinary_traefik() {
    let (config, problems) = flags(&[
        "--providers.docker=true",
        "--providers.docker.exposedbydefault=false",
        "--entryPoints.web.address=:80",
        "--entrypoints.web.http.redirections.entryPoint.to=websecure",
        "--entrypoints.websecure.address",
        ":443",
        "--entrypoints.websecure.http.tls=true",
        "--entrypoints.websecure.forwardedHeaders.trustedIPs=10.0.0.0/8,127.0.0.1",
        "--ping",
        "--accesslog=true",
        "--log.level=\"DEBUG\"",
        "-api.insecure",
    ])
    .unwrap();
    assert_eq!(said(&problems), Vec::<String>::new());
    assert!(!config.providers.docker.as_ref().unwrap().exposed_by_default);
    assert_eq!(config.entry_points.keys().collect::<Vec<_>>(), ["traefik", "web", "websecure"]);
    let secure = config.entry_points.get("websecure").unwrap();
    assert_eq!(secure.host_port(), Some(("", 443)));
    assert_eq!(secure.http.tls, Some(RouterTls::default()));
    assert_eq!(secure.forwarded_headers.trusted_ips, ["10.0.0.0/8", "127.0.0.1"]);
    let redirect =
        config.entry_points.get("web").unwrap().http.redirections.as_ref().unwrap().entry_point.as_ref().unwrap();
    assert_eq!((redirect.to.as_str(), redirect.scheme.as_str(), redirect.permanent), ("websecure", "https", true));
    assert_eq!(config.log.level, "DEBUG");
    assert!(config.access_log.is_some() && config.api.unwrap().insecure);
}

#[test]
fn a_file_wins_and_reads_lists() {
    let text = "entryPoints:\n  web:\n    address: \":80\"\n    http:\n      tls:\n        domains:\n          - main: a.example\n            sans: [b.example, c.example]\nproviders:\n  file:\n    directory: /etc/traefik/dynamic\n";
    let (config, problems) = StaticConfig::read(&Sources {
        flags: &["--nonsense".to_owned()],
        file: Some((Path::new("traefik.yml"), text)),
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(said(&problems), ["`--nonsense`: flags count for nothing beside the file `traefik.yml`, as in Traefik"]);
    let domains = &config.entry_points.get("web").unwrap().http.tls.as_ref().unwrap().domains;
    assert_eq!(domains.first().unwrap().main, "a.example");
    assert_eq!(domains.first().unwrap().sans, ["b.example", "c.example"]);
    assert_eq!(config.providers.file.unwrap().path(), Some(Path::new("/etc/traefik/dynamic")));
}

#[test]
fn options_of_all_entry_points_are_options_of_each() {
    let (config, problems) = flags(&[
        "--entrypoints.web.address=:80",
        "--entrypoints.web.http",
        "--global.notappendxforwardedfor",
        "--core.stricttlsoptions=true",
        "--accesslog.dualoutput",
        "--providers.consul",
        "--hostresolver=true",
    ])
    .unwrap();
    let web = config.entry_points.get("web").unwrap();
    assert!(web.strict_tls_options && web.forwarded_headers.not_append_x_forwarded_for);
    assert_eq!(
        said(&problems),
        [
            "`--providers.consul`: `providers.consul` is not supported yet and not in force",
            "`--hostresolver`: `hostResolver` is not supported yet and not in force",
        ]
    );
}

#[test]
fn the_environment_counts_without_flags() {
    let environment = BTreeMap::from([
        ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS".to_owned(), ":8000".to_owned()),
        ("PATH".to_owned(), "/bin".to_owned()),
    ]);
    let (config, _) = StaticConfig::read(&Sources { environment: Some(&environment), ..Sources::default() }).unwrap();
    assert_eq!(config.entry_points.get("web").unwrap().host_port(), Some(("", 8000)));
}

#[test]
fn without_an_entry_point_there_is_http() {
    let (config, _) = flags(&["--providers.docker"]).unwrap();
    assert_eq!(config.default_entry_points(), ["http"]);
}

#[test]
fn what_is_not_in_force_is_said() {
    let (_, problems) = flags(&["--hostresolver.resolvdepth=5"]).unwrap();
    assert_eq!(
        said(&problems),
        ["`--hostresolver.resolvdepth`: `hostResolver.resolvdepth` is not supported yet and not in force"]
    );
}

#[test]
fn a_certificate_resolver() {
    let (config, problems) = flags(&[
        "--certificatesresolvers.le.acme.email=me@example.com",
        "--certificatesresolvers.le.acme.storage=/letsencrypt/acme.json",
        "--certificatesresolvers.le.acme.httpchallenge.entrypoint=web",
        "--certificatesresolvers.le.acme.keytype=RSA4096",
        "--certificatesresolvers.alpn.acme.tlschallenge=true",
        "--certificatesresolvers.off.acme.tlschallenge=false",
        "--certificatesresolvers.cloud.acme.dnschallenge.provider=route53",
        "--certificatesresolvers.le.acme.preferredchain=Other",
    ])
    .unwrap();
    assert_eq!(
        said(&problems),
        [
            "certificatesResolvers.cloud.acme: DNS provider `route53` is not supported; use `rfc2136`, `exec`, `cloudflare`, `digitalocean`, `duckdns`, `gandiv5`, `hetzner`, `hetznerv1`, `httpreq`, `ovh`, `httpChallenge` or `tlsChallenge`; `httpreq` hands records to a server of your own, `exec` to a program; this resolver obtains no certificate",
            "certificatesResolvers.off.acme: no challenge is chosen; set `httpChallenge.entryPoint`, `tlsChallenge` or `dnsChallenge.provider`; this resolver obtains no certificate",
        ]
    );
    let acme = |name: &str| config.certificates_resolvers.get(name).unwrap().acme.clone().unwrap();
    let le = acme("le");
    assert_eq!((le.email.as_str(), le.storage.as_str()), ("me@example.com", "/letsencrypt/acme.json"));
    assert_eq!(le.preferred_chain, "Other");
    assert_eq!(le.http_challenge.as_ref().unwrap().entry_point, "web");
    assert_eq!(le.key(), Ok(KeyType::Rsa4096));
    assert_eq!(acme("alpn").key(), Ok(KeyType::P256));
    assert_eq!(acme("alpn").tls_challenge, Some(TlsChallenge::default()));
    assert_eq!(acme("off").tls_challenge, None);
}

#[test]
fn what_would_open_something_is_refused_and_a_slip_explained() {
    let problems = flags(&["--spiffe.workloadapiaddr=10.0.0.1", "--entrypoint.web.address=:80"]).unwrap_err();
    assert_eq!(
        said(&problems),
        [
            "`--spiffe.workloadapiaddr`: `spiffe.workloadapiaddr` is not supported yet, and going on without it would not be safe; take it out to go on without it",
            "`--entrypoint.web.address`: Traefik has no such option; did you mean `entryPoints.web.address`?",
        ]
    );
    assert_eq!(
        said(&flags(&["--api.insecure=perhaps"]).unwrap_err()),
        ["`--api.insecure`: takes `true` or `false`, not `perhaps`"]
    );
    assert_eq!(
        said(&flags(&["--entrypoints.web.address=443"]).unwrap_err()),
        ["entryPoints.web.address: `443` is no address, write for example `:443` or `127.0.0.1:8080`"]
    );
}

#[test]
fn metrics_for_prometheus() {
    let (config, problems) = flags(&[
        "--metrics.prometheus=true",
        "--metrics.prometheus.buckets=0.1,0.5",
        "--metrics.prometheus.headerlabels.who=X-Who",
        "--metrics.addinternals",
    ])
    .unwrap();
    assert_eq!(said(&problems), Vec::<String>::new());
    let prometheus = config.metrics.prometheus.as_ref().unwrap();
    assert_eq!(prometheus.bounds(), [0.1, 0.5]);
    assert_eq!(prometheus.header_labels.get("who").map(String::as_str), Some("X-Who"));
    assert!(config.metrics.add_internals && config.entry_points.contains_key("traefik"));
    for (flag, message) in [
        ("buckets=0.5,0.1", "metrics.prometheus.buckets: takes ascending numbers such as `0.1,0.3,1.2`, not `0.5,0.1`"),
        ("buckets=x", "metrics.prometheus.buckets: takes ascending numbers such as `0.1,0.3,1.2`, not `x`"),
        ("headerlabels.code=X", "metrics.prometheus.headerLabels.code: `code` cannot be the name of a label"),
        ("headerlabels.a=X Y", "metrics.prometheus.headerLabels.a: `X Y` is no name of a header"),
    ] {
        assert_eq!(said(&flags(&[&format!("--metrics.prometheus.{flag}")]).unwrap_err()), [message]);
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let web = "--entrypoints.web.address=:80";
    for (flag, place, value) in [
        (
            "--entrypoints.web.forwardedheaders.trustedips=10.0.0.0/8,bad",
            "web.forwardedHeaders.trustedIPs",
            "not `bad`",
        ),
        ("--entrypoints.web.proxyprotocol.trustedips=10.0.0.0/33", "web.proxyProtocol.trustedIPs", "10.0.0.0/33"),
        ("--entrypoints.web.proxyprotocol=true", "web.proxyProtocol", "`trustedIPs`"),
        ("--api.basepath=x/", "api.basePath", "not `x/`"),
        ("--core.defaultrulesyntax=v9", "core.defaultRuleSyntax", "not `v9`"),
        ("--entrypoints.web.http.underscoreheadersstrategy=drop", "underscoreHeadersStrategy", "not `drop`"),
        ("--metrics.prometheus.buckets=2,1", "metrics.prometheus.buckets", "not `2,1`"),
    ] {
        let said = said(&flags(&[web, flag]).unwrap_err());
        assert!(said.len() == 1 && said.iter().all(|text| text.contains(place) && text.contains(value)), "{said:?}");
    }
    let fine = [
        "--entrypoints.web.proxyprotocol.insecure",
        "--entrypoints.web.forwardedheaders.trustedips=127.0.0.1,::1/128",
        "--core.defaultrulesyntax=v2",
    ];
    for flag in fine {
        assert!(flags(&[web, flag]).is_ok(), "{flag}");
    }
}

#[test]
fn a_name_in_flags_is_the_same_in_any_letters() {
    let (config, _) = flags(&[
        "--entryPoints.webSecure.address=:443",
        "--entrypoints.websecure.http.tls=true",
        "--entrypoints.Web.address=:80",
    ])
    .unwrap();
    assert_eq!(config.entry_points.keys().collect::<Vec<_>>(), ["Web", "webSecure"]);
    assert!(config.entry_points.get("webSecure").unwrap().http.tls.is_some());
}
