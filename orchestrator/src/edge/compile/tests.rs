use std::collections::BTreeMap;

use proxy::config::labels::Endpoint;

use super::*;
use crate::backend::{self, State};
use crate::edge::adopt::{HostMount, Published};

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn seen(project: &str, service: &str, address: &str, own: &[(&str, &str)]) -> ObservedContainer {
    let mut all = labels(own);
    all.insert(crate::labels::PROJECT.to_owned(), project.to_owned());
    all.insert(crate::labels::SERVICE.to_owned(), service.to_owned());
    ObservedContainer {
        project: project.to_owned(),
        service: service.to_owned(),
        container: proxy::config::labels::Container {
            name: format!("{project}-{service}-1"),
            labels: all,
            ports: vec!["8080/tcp".to_owned()],
            networks: [(
                format!("{project}_default"),
                Endpoint { address: address.to_owned(), address6: String::new() },
            )]
            .into(),
            state: "running".to_owned(),
            ..Default::default()
        },
    }
}

fn adopted(project: &str, ports: &[(u16, u16)], flags: &[&str]) -> ProjectFile {
    ProjectFile {
        project: project.to_owned(),
        traefik: Some(Traefik {
            service: "traefik".to_owned(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            published: ports
                .iter()
                .map(|(published, target)| Published {
                    host_ip: String::new(),
                    published: *published,
                    target: *target,
                    protocol: "tcp".to_owned(),
                })
                .collect(),
            ..Traefik::default()
        }),
        ..ProjectFile::default()
    }
}

fn projects<const N: usize>(files: [ProjectFile; N]) -> BTreeMap<String, ProjectFile> {
    files.into_iter().map(|file| (file.project.clone(), file)).collect()
}

/// Router, its entry points, whether it is TLS, its service and middlewares.
fn routers(compiled: &Compiled) -> Vec<String> {
    let routers = &compiled.edge.dynamic.http.routers;
    routers
        .iter()
        .map(|(name, router)| {
            let tls = if router.tls.is_some() { " tls" } else { "" };
            let middlewares = router.middlewares.join(",");
            format!(
                "{name} [{}]{tls} {} -> {} {middlewares}",
                router.entry_points.join(" "),
                router.rule,
                router.service
            )
            .trim_end()
            .to_owned()
        })
        .collect()
}

fn servers(compiled: &Compiled, service: &str) -> Vec<String> {
    let balancer = compiled.edge.dynamic.http.services.get(service).and_then(|service| service.load_balancer.as_ref());
    balancer.map(|balancer| balancer.servers.iter().map(|server| server.url.clone()).collect()).unwrap_or_default()
}

const SECURE: [&str; 3] =
    ["--entrypoints.web.address=:80", "--entrypoints.websecure.address=:443", "--entrypoints.websecure.http.tls=true"];
const APP: [(&str, &str); 2] =
    [("traefik.http.routers.app.rule", "Host(`a.example`)"), ("traefik.http.routers.app.entrypoints", "websecure")];

#[test]
fn routers_get_the_published_ports_of_their_entry_points() {
    let all = projects([adopted("shop", &[(8443, 443)], &SECURE)]);
    let compiled = compile(&all, &[seen("shop", "app", "10.0.0.2", &APP)], None);
    assert_eq!(routers(&compiled), ["app@docker [:8443] tls Host(`a.example`) -> app-shop@docker"]);
    assert_eq!(servers(&compiled, "app-shop@docker"), ["http://10.0.0.2:8080"]);
    // `web` is not published: nobody could reach it.
    assert_eq!(compiled.edge.entry_points.keys().collect::<Vec<_>>(), [":8443"]);
    assert_eq!(compiled.urls.get("shop"), Some(&vec!["https://a.example:8443".to_owned()]));
    assert_eq!(compiled.edge.problems, BTreeMap::new());
}

#[test]
fn the_same_names_in_two_projects_stay_apart() {
    let other = [("traefik.http.routers.app.rule", "Host(`b.example`)"), APP[1]];
    let all = projects([adopted("one", &[(443, 443)], &SECURE), adopted("two", &[(443, 443)], &SECURE)]);
    let found = [seen("one", "app", "10.0.0.2", &APP), seen("two", "app", "10.0.1.2", &other)];
    let compiled = compile(&all, &found, None);
    assert_eq!(
        routers(&compiled),
        [
            "app-one@docker [:443] tls Host(`a.example`) -> app-one@docker",
            "app-two@docker [:443] tls Host(`b.example`) -> app-two@docker",
        ]
    );
}

#[test]
fn a_project_without_traefik_uses_what_others_have() {
    let compress = [("traefik.http.middlewares.small.compress", "true"), APP[0], APP[1]];
    let uses = [
        ("traefik.http.routers.b.rule", "Host(`b.example`)"),
        ("traefik.http.routers.b.entrypoints", "websecure,nowhere"),
        ("traefik.http.routers.b.middlewares", "small"),
    ];
    let all = projects([
        adopted("edge", &[(443, 443)], &SECURE),
        ProjectFile { project: "blog".to_owned(), ..ProjectFile::default() },
    ]);
    let found = [seen("edge", "app", "10.0.0.2", &compress), seen("blog", "b", "10.0.1.2", &uses)];
    let compiled = compile(&all, &found, None);
    assert_eq!(
        routers(&compiled),
        [
            "app@docker [:443] tls Host(`a.example`) -> app-edge@docker",
            "b@docker [:443] tls Host(`b.example`) -> b-blog@docker small@docker",
        ]
    );
    assert_eq!(
        compiled.edge.problems.get("blog"),
        Some(&vec!["router `b`: there is no entry point `nowhere`; there are `web`, `websecure`".to_owned()])
    );
}

#[test]
fn labels_alone_listen_on_the_usual_ports() {
    let services = [("app".to_owned(), labels(&APP[..1]))].into();
    let all = projects([ProjectFile { project: "p".to_owned(), services, ..ProjectFile::default() }]);
    let compiled = compile(&all, &[seen("p", "app", "10.0.0.2", &APP[..1])], None);
    assert_eq!(
        routers(&compiled),
        [
            "web-app@docker [:80] Host(`a.example`) -> app-p@docker",
            "websecure-app@docker [:443] tls Host(`a.example`) -> app-p@docker",
        ]
    );
    assert_eq!(compiled.edge.entry_points.keys().collect::<Vec<_>>(), [":443", ":80"]);
}

#[test]
fn a_service_without_a_container_is_known_and_has_no_server() {
    let services = [("app".to_owned(), labels(&APP[..1]))].into();
    let all = projects([ProjectFile { project: "p".to_owned(), services, ..ProjectFile::default() }]);
    let compiled = compile(&all, &[], None);
    assert_eq!(routers(&compiled).len(), 2);
    assert!(compiled.edge.dynamic.http.services.contains_key("app-p@docker"));
    assert_eq!(servers(&compiled, "app-p@docker"), Vec::<String>::new());
}

#[test]
fn nothing_is_listened_on_for_nobody() {
    let compiled = compile(&BTreeMap::new(), &[], None);
    assert_eq!(compiled.edge, EdgeConfiguration::default());
    // Labels that somebody else's Traefik reads.
    let all = projects([ProjectFile { project: "q".to_owned(), ..ProjectFile::default() }]);
    let compiled = compile(&all, &[seen("p", "app", "10.0.0.2", &APP[..1])], None);
    assert_eq!((routers(&compiled), compiled.edge.dynamic), (Vec::new(), Configuration::default()));
}

#[test]
fn a_redirection_names_the_port_of_this_host() {
    let flags = [SECURE[0], SECURE[1], SECURE[2], "--entrypoints.web.http.redirections.entrypoint.to=websecure"];
    let one = adopted("one", &[(80, 80), (8443, 443)], &flags);
    let alone = compile(&projects([one.clone()]), &[], None);
    assert_eq!(
        routers(&alone),
        ["web-to-websecure-one:80@internal [:80] HostRegexp(`^.+$`) -> noop@internal web-to-websecure-one:80@internal"]
    );
    let middleware = alone.edge.dynamic.http.middlewares.values().next().and_then(|one| one.redirect_scheme.clone());
    assert_eq!(middleware.map(|redirect| redirect.port), Some("8443".to_owned()));

    // Another project's plain routes on the same port stay.
    let plain =
        [("traefik.http.routers.p.rule", "Host(`plain.example`)"), ("traefik.http.routers.p.entrypoints", "web")];
    let both = projects([one, adopted("two", &[(80, 80)], &SECURE[..1])]);
    let found = [seen("one", "app", "10.0.0.2", &APP), seen("two", "p", "10.0.1.2", &plain)];
    assert!(
        routers(&compile(&both, &found, None))
            .iter()
            .any(|router| { router.starts_with("web-to-websecure-one:80@internal [:80] Host(`a.example`)") })
    );
}

#[test]
fn the_adopted_service_routes_but_not_to_itself() {
    let mut file = adopted("one", &[(443, 443)], &SECURE);
    if let Some(traefik) = &mut file.traefik {
        traefik.labels = labels(&[
            ("traefik.http.routers.dash.rule", "Host(`t.example`)"),
            ("traefik.http.routers.dash.service", "api@internal"),
            ("traefik.http.routers.dash.entrypoints", "websecure"),
            ("traefik.http.middlewares.auth.basicauth.users", "a:b"),
        ]);
    }
    let compiled = compile(&projects([file]), &[], None);
    assert_eq!(routers(&compiled), ["dash@docker [:443] tls Host(`t.example`) -> api@internal"]);
    assert!(compiled.edge.dynamic.http.middlewares.contains_key("auth@docker"));
    assert!(compiled.edge.dynamic.http.services.is_empty());
}

#[test]
fn a_network_may_be_called_as_in_the_compose_file() {
    let container = Container {
        id: "1".to_owned(),
        name: "p-app-1".to_owned(),
        labels: labels(&[
            (crate::labels::PROJECT, "p"),
            (crate::labels::SERVICE, "app"),
            ("traefik.docker.network", "back"),
            ("traefik.http.routers.app.rule", "Host(`a.example`)"),
            ("traefik.http.services.app.loadbalancer.server.port", "80"),
        ]),
        state: State::Running,
        networks: ["p_default", "p_back"]
            .iter()
            .zip(["10.0.0.2", "10.0.1.2"])
            .map(|(name, address)| {
                let endpoint = backend::Endpoint { ipv4: address.to_owned(), ..Default::default() };
                ((*name).to_owned(), endpoint)
            })
            .collect(),
        ..Container::default()
    };
    let seen = observe(&[container], &BTreeMap::new());
    let services = [("other".to_owned(), labels(&APP[..1]))].into();
    let listening = projects([ProjectFile { project: "q".to_owned(), services, ..ProjectFile::default() }]);
    let compiled = compile(&listening, &seen, None);
    assert_eq!(servers(&compiled, "app@docker"), ["http://10.0.1.2:80"]);
}

#[test]
fn what_the_adopted_service_serves_itself_goes_to_its_published_port() {
    let flags = [
        SECURE[0],
        SECURE[1],
        SECURE[2],
        "--ping",
        "--ping.entrypoint=web",
        "--api.insecure",
        "--accesslog.format=json",
        "--tracing.otlp.http.endpoint=http://app:4318/v1/traces",
        "--ping.terminatingstatuscode=204",
        "--serverstransport.insecureskipverify",
    ];
    let all = projects([adopted("one", &[(80, 80), (443, 443)], &flags)]);
    let compiled = compile(&all, &[seen("one", "app", "10.0.0.2", &APP)], None);
    assert_eq!(
        routers(&compiled),
        [
            "app@docker [:443] tls Host(`a.example`) -> app-one@docker",
            "ping@internal [:80] PathPrefix(`/ping`) -> ping@internal",
        ]
    );
    assert_eq!(compiled.edge.access_log.map(|log| log.format), Some("json".to_owned()));
    let tracing = compiled.edge.tracing.as_ref();
    assert_eq!(tracing.map(|tracing| tracing.otlp.http.endpoint.as_str()), Some("http://10.0.0.2:4318/v1/traces"));
    assert_eq!(
        compiled.edge.problems.get("one").and_then(|said| said.last()).map(String::as_str),
        Some("`ping.terminatingstatuscode` is not in force: all projects share the built-in gateway")
    );
    let services = &compiled.edge.dynamic.http.services;
    let transport = services.values().filter_map(|service| service.load_balancer.as_ref()).next();
    assert_eq!(transport.map(|balancer| balancer.servers_transport.as_str()), Some("default-one@docker"));
    assert!(compiled.edge.dynamic.http.servers_transports.contains_key("default-one@docker"));
}

#[test]
fn names_of_services_in_addresses_become_addresses_of_containers() {
    let folder = tempfile::tempdir().unwrap_or_else(|error| unreachable!("{error}"));
    let text = "http:\n  services:\n    app: {loadBalancer: {servers: [{url: 'http://app:8000/base'}, {url: 'http://a-db-1'}]}}\n    \
                other: {loadBalancer: {servers: [{url: 'http://example.com:80'}]}}\n  middlewares:\n    auth: {forwardAuth: {address: \
                'http://app:9091/verify?x=1'}}\n";
    let copies = folder.path().join("a/etc");
    let written = std::fs::create_dir_all(&copies).and_then(|()| std::fs::write(copies.join("dynamic.yml"), text));
    assert!(written.is_ok(), "{written:?}");
    let file =
        adopted("a", &[(80, 80)], &["--entrypoints.web.address=:80", "--providers.file.filename=/etc/dynamic.yml"]);
    let stopped = {
        let mut stopped = seen("a", "app", "10.0.0.9", &[]);
        stopped.container.state = "exited".to_owned();
        stopped
    };
    let all = [
        seen("a", "app", "10.0.0.2", &[]),
        seen("a", "app", "10.0.0.3", &[]),
        seen("a", "db", "10.0.0.4", &[]),
        seen("b", "app", "10.0.1.2", &[]),
        stopped,
    ];
    let mut files = Files::new(folder.path().to_path_buf());
    let compiled = compile(&projects([file]), &all, Some(&mut files));
    let http = &compiled.edge.dynamic.http;
    let urls = |name: &str| -> Vec<&str> {
        let balancer = http.services.get(name).and_then(|service| service.load_balancer.as_ref());
        balancer.into_iter().flat_map(|balancer| &balancer.servers).map(|server| server.url.as_str()).collect()
    };
    assert_eq!(urls("app@file"), ["http://10.0.0.2:8000/base", "http://10.0.0.3:8000/base", "http://10.0.0.4"]);
    assert_eq!(urls("other@file"), ["http://example.com:80"]);
    let auth = http.middlewares.get("auth@file").and_then(|middleware| middleware.forward_auth.as_ref());
    assert_eq!(auth.map(|auth| auth.address.as_str()), Some("http://10.0.0.2:9091/verify?x=1"));
}

#[test]
fn tcp_routers_get_the_addresses_of_their_entry_points() {
    let tcp = [
        ("traefik.tcp.routers.db.rule", "HostSNI(`db.example`)"),
        ("traefik.tcp.routers.db.entrypoints", "websecure"),
        ("traefik.tcp.routers.db.tls.passthrough", "true"),
        ("traefik.tcp.routers.db.middlewares", "few"),
        ("traefik.tcp.middlewares.few.inflightconn.amount", "2"),
        ("traefik.tcp.services.db.loadbalancer.server.port", "5432"),
    ];
    let all = projects([adopted("one", &[(80, 80), (8443, 443)], &SECURE)]);
    let compiled = compile(&all, &[seen("one", "db", "10.0.0.2", &tcp), seen("two", "db", "10.0.1.2", &tcp)], None);
    let tcp = &compiled.edge.dynamic.tcp;
    let routers: Vec<_> = tcp
        .routers
        .iter()
        .map(|(name, router)| {
            (name.as_str(), router.entry_points.join(","), router.service.as_str(), router.middlewares.join(","))
        })
        .collect();
    assert_eq!(
        routers,
        [
            ("db-one@docker", ":8443".to_owned(), "db-one@docker", "few-one@docker".to_owned()),
            ("db-two@docker", ":8443".to_owned(), "db-two@docker", "few-two@docker".to_owned()),
        ]
    );
    let address = |name: &str| {
        let balancer = tcp.services.get(name).and_then(|service| service.load_balancer.as_ref());
        balancer.and_then(|balancer| balancer.servers.first()).map(|server| server.address.as_str())
    };
    assert_eq!((address("db-one@docker"), address("db-two@docker")), (Some("10.0.0.2:5432"), Some("10.0.1.2:5432")));
    assert!(tcp.middlewares.contains_key("few-one@docker"));
}

#[test]
fn datagrams_and_http3_come_in_at_ports_that_are_published_over_udp() {
    let udp = [
        ("traefik.udp.routers.names.entrypoints", "dns"),
        ("traefik.udp.services.names.loadbalancer.server.port", "5353"),
    ];
    let flags =
        ["--entrypoints.websecure.http3", "--entrypoints.dns.address=:53/udp", "--entrypoints.dns.udp.timeout=9s"];
    let flags: Vec<&str> = SECURE.iter().copied().chain(flags).collect();
    let published = |port: u16, target: u16| Published {
        host_ip: String::new(),
        published: port,
        target,
        protocol: "udp".to_owned(),
    };
    let mut file = adopted("one", &[(80, 80), (443, 443), (8443, 443)], &flags);
    let containers = [seen("one", "names", "10.0.0.2", &udp)];
    let compiled = compile(&projects([file.clone()]), &containers, None);
    assert_eq!(
        compiled.edge.problems.get("one").map(Vec::as_slice),
        Some(
            [
                "router `names`: no published port leads to entry point `dns` (:53/udp)".to_owned(),
                "entry point `websecure`: no HTTP/3, since its port is not published over UDP too (`443:443/udp`)"
                    .to_owned(),
            ]
            .as_slice()
        )
    );
    if let Some(traefik) = &mut file.traefik {
        traefik.published.extend([published(443, 443), published(8443, 443), published(5300, 53)]);
    }
    let compiled = compile(&projects([file]), &containers, None);
    assert_eq!(compiled.edge.problems.get("one"), None);
    let points: Vec<_> = compiled
        .edge
        .entry_points
        .iter()
        .map(|(name, options)| (name.as_str(), options.http3.is_some(), options.is_udp()))
        .collect();
    assert_eq!(
        points,
        [(":443", true, false), (":5300/udp", false, true), (":80", false, false), (":8443", true, false)]
    );
    let all = &compiled.edge.dynamic.udp;
    let router = all.routers.get("names@docker").map(|router| (router.entry_points.join(","), router.service.as_str()));
    assert_eq!(router, Some((":5300/udp".to_owned(), "names@docker")));
    let balancer = all.services.get("names@docker").and_then(|service| service.load_balancer.as_ref());
    let server = balancer.and_then(|balancer| balancer.servers.first()).map(|server| server.address.as_str());
    assert_eq!(server, Some("10.0.0.2:5353"));
}

#[test]
fn resolvers_are_their_projects() {
    let acme = |name: &str, more: &[&str]| {
        let flags: Vec<String> =
            more.iter().map(|flag| format!("--certificatesresolvers.{name}.acme.{flag}")).collect();
        flags
    };
    let file = |project: &str, port: u16, mounts: &[(&str, &str)], acme: Vec<String>| {
        let mut file = adopted(
            project,
            &[(port, 80), (port + 1, 443)],
            &["--entrypoints.web.address=:80", "--entrypoints.tls.address=:443"],
        );
        if let Some(traefik) = &mut file.traefik {
            traefik.flags.extend(acme);
            traefik.mounts = mounts
                .iter()
                .map(|(host, container)| HostMount { host: host.into(), container: container.into(), writable: true })
                .collect();
        }
        file
    };
    let one = [
        acme(
            "le",
            &["httpchallenge.entrypoint=web", "storage=/letsencrypt/acme.json", "cacertificates=/letsencrypt/ca.pem"],
        ),
        acme("own", &["dnschallenge.provider=exec"]),
        acme("update", &["dnschallenge.provider=rfc2136"]),
    ];
    let mut first = file("one", 8000, &[("/srv/le", "/letsencrypt")], one.concat());
    if let Some(traefik) = &mut first.traefik {
        let variables =
            [("RFC2136_NAMESERVER", "ns.test"), ("RFC2136_TSIG_SECRET_FILE", "/letsencrypt/key"), ("SECRET", "x")];
        traefik.environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    }
    let files = projects([first, file("two", 9000, &[], acme("le", &["tlschallenge=true"]))]);
    let route = |project: &str, service: &str, resolver: &str| {
        seen(
            project,
            service,
            "10.0.0.1",
            &[
                (&format!("traefik.http.routers.{service}.rule"), &format!("Host(`{service}.test`)")),
                (&format!("traefik.http.routers.{service}.tls.certresolver"), resolver),
            ],
        )
    };
    let all = [route("one", "a", "le"), route("two", "b", "le"), route("two", "c", "own"), route("three", "d", "le")];
    let mut read = Files::new(PathBuf::from("/nowhere"));
    let compiled = compile(&files, &all, Some(&mut read));
    let named: Vec<String> = compiled
        .edge
        .dynamic
        .http
        .routers
        .iter()
        .filter_map(|(name, router)| Some(format!("{name} {}", router.tls.as_ref()?.cert_resolver)))
        .collect();
    assert_eq!(named, ["a@docker le-one", "b@docker le-two", "c@docker own", "d@docker le-one"]);
    let resolver = |name: &str| compiled.edge.resolvers.get(name).cloned().unwrap_or_default();
    let le = resolver("le-one");
    assert_eq!(le.name, "le", "its name in the storage");
    assert_eq!(le.storage, PathBuf::from("/certificates/one/letsencrypt/acme.json"));
    assert_eq!(le.import, Some(PathBuf::from("/nowhere/one/letsencrypt/acme.json")));
    assert_eq!(le.reserved, [":8000"]);
    assert_eq!(le.options.ca_certificates, ["/nowhere/one/letsencrypt/ca.pem"]);
    assert_eq!(resolver("le-two").storage, PathBuf::from("/certificates/two/acme.json"));
    assert_eq!(resolver("le-two").import, None);
    assert!(resolver("own").options.obstacle().is_some());
    let update = resolver("update");
    assert_eq!(update.options.obstacle(), None);
    let variable = |name: &str| update.environment.get(name).map(String::as_str);
    assert_eq!(variable("RFC2136_NAMESERVER"), Some("ns.test"));
    assert_eq!(variable("RFC2136_TSIG_SECRET_FILE"), Some("/nowhere/one/letsencrypt/key"), "the copy");
    assert_eq!(
        compiled.edge.problems.get("one"),
        Some(&vec![
            "certificate resolver `own`: DNS challenges by `exec` are not in force: there is nothing but `stack` where the \
             gateway runs, so that no hook program can; use another provider (`httpreq` hands records to a server), `httpChallenge` or \
             `tlsChallenge`, or run the gateway by hand (`stack gateway`)"
                .to_owned()
        ])
    );
}

#[test]
fn one_that_is_not_healthy_yet_leaves_its_service_without_a_server() {
    let port = ("traefik.http.services.app.loadbalancer.server.port", "8080");
    let rule = ("traefik.http.routers.app.rule", "Host(`a.test`)");
    for (health, servers) in [("starting", 0), ("unhealthy", 0), ("healthy", 1)] {
        let mut app = seen("one", "app", "10.0.0.1", &[rule, port]);
        app.container.health = health.to_owned();
        let compiled =
            compile(&projects([adopted("one", &[(8000, 80)], &["--entrypoints.web.address=:80"])]), &[app], None);
        let service = compiled.edge.dynamic.http.services.get("app@docker");
        let balancer = service.and_then(|service| service.load_balancer.as_ref());
        assert_eq!(balancer.map(|balancer| balancer.servers.len()), Some(servers), "{health}");
    }
}

#[test]
fn a_container_in_the_network_of_another_is_reached_there() {
    let container = |id: &str, network: Option<(&str, &str)>, own: BTreeMap<String, String>| Container {
        id: id.to_owned(),
        name: id.to_owned(),
        state: State::Running,
        labels: own,
        networks: network
            .map(|(name, ipv4)| {
                (name.to_owned(), backend::Endpoint { ipv4: ipv4.to_owned(), ..backend::Endpoint::default() })
            })
            .into_iter()
            .collect(),
        ..Container::default()
    };
    let own = labels(&[
        (crate::labels::PROJECT, "shop"),
        (crate::labels::SERVICE, "app"),
        ("traefik.http.services.app.loadbalancer.server.port", "8080"),
        APP[0],
        APP[1],
    ]);
    let all = projects([adopted("shop", &[(443, 443)], &SECURE)]);
    for (vpn, more, wanted) in [
        (Some(("shop_default", "10.0.0.9")), None, "http://10.0.0.9:8080"),
        (Some(("host", "")), None, "http://127.0.0.1:8080"),
        // One that shares the network of another itself.
        (None, Some(("vpn", "container:tunnel")), "http://10.0.0.7:8080"),
    ] {
        // Whoever holds the network has no labels.
        let found = [
            container("app", None, own.clone()),
            container("vpn", vpn, BTreeMap::new()),
            container("tunnel", Some(("other", "10.0.0.7")), BTreeMap::new()),
        ];
        let modes = labels(&[Some(("app", "container:vpn")), more].into_iter().flatten().collect::<Vec<_>>());
        let compiled = compile(&all, &observe(&found, &modes), None);
        assert_eq!(servers(&compiled, "app@docker"), [wanted]);
        assert_eq!(compiled.edge.problems, BTreeMap::new());
    }
}
