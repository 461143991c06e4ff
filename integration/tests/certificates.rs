//! Certificates by themselves, from a real authority (Debian's pebble).

mod dns;

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use integration::engine::docker;
use integration::scenario::stack;
use integration::{Answer, Background, Curl, NameServer, Pebble, Scenario, Suggestions, eventually, free_port};
use serde_json::Value;
use tempfile::TempDir;

use crate::routed;

const YEAR: u64 = 365 * 86_400;

/// A gateway run by hand, with resolvers `le` (HTTP challenge), `alpn` (TLS challenge) and `dns` (hook program).
struct Gateway {
    folder: TempDir,
    http: u16,
    tls: u16,
    pebble: Pebble,
}

impl Gateway {
    fn prepare(scenario: &str, lifetime: u64) -> Option<Self> {
        let (http, tls) = (free_port(), free_port());
        let pebble = Pebble::start(scenario, http, tls, lifetime)?;
        Some(Self { folder: tempfile::tempdir().unwrap(), http, tls, pebble })
    }

    /// One whose authority takes accounts only that it knows already.
    fn prepare_for_known_accounts(scenario: &str, kid: &str, key: &str) -> Option<Self> {
        let (http, tls) = (free_port(), free_port());
        let options = [
            ("externalAccountBindingRequired", true.into()),
            ("externalAccountMACKeys", serde_json::json!({ kid: key })),
        ];
        let pebble = Pebble::start_with(scenario, http, tls, &options)?;
        Some(Self { folder: tempfile::tempdir().unwrap(), http, tls, pebble })
    }

    /// Writes routers: name, rule, TLS settings.
    fn routes(&self, routers: &[(&str, &str, &str)]) {
        let routers: String = routers
            .iter()
            .map(|(name, rule, tls)| format!("    {name}: {{ rule: '{rule}', service: ping@internal, tls: {tls} }}\n"))
            .collect();
        let folder = self.folder.path().join("dynamic");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("routes.yml"), format!("http:\n  routers:\n{routers}")).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn start(&self) -> Background {
        self.start_with(&[])
    }

    fn start_with(&self, more: &[&str]) -> Background {
        self.start_in(&[], more)
    }

    /// With these variables and flags beside the usual ones.
    fn start_in(&self, environment: &[(&str, &str)], more: &[&str]) -> Background {
        self.start_at(&self.pebble.directory(), environment, more)
    }

    /// With the directory of the authority there.
    fn start_at(&self, directory: &str, environment: &[(&str, &str)], more: &[&str]) -> Background {
        let (http, tls) = (self.http, self.tls);
        let mut flags = vec![
            "--log.level=INFO".to_owned(),
            "--ping.manualrouting=true".to_owned(),
            format!("--providers.file.directory={}", self.path("dynamic")),
            format!("--entrypoints.web.address=127.0.0.1:{http}"),
            "--entrypoints.web.http.redirections.entrypoint.to=websecure".to_owned(),
            format!("--entrypoints.websecure.address=127.0.0.1:{tls}"),
        ];
        let challenges = [
            ("le", "httpchallenge.entrypoint=web"),
            ("alpn", "tlschallenge=true"),
            ("dns", "dnschallenge.provider=exec"),
        ];
        for (name, challenge) in challenges {
            let acme = format!("--certificatesresolvers.{name}.acme");
            flags.extend([
                format!("{acme}.email=me@example.com"),
                format!("{acme}.caserver={directory}"),
                format!("{acme}.cacertificates={}", self.pebble.server_certificate().display()),
                format!("{acme}.storage={}", self.path("acme.json")),
                format!("{acme}.{challenge}"),
            ]);
        }
        flags.extend(more.iter().map(|flag| (*flag).to_owned()));
        let mut command = Command::new(stack());
        command.arg("gateway").args(flags).env("EXEC_PATH", self.path("hook")).envs(environment.iter().copied());
        Background::start(&mut command)
    }

    /// Whether `name` shows a certificate that the authority gave.
    fn is_trusted(&self, name: &str) -> bool {
        Curl::to("https", name, self.tls, "/").trusting(&self.pebble.root()).send().status == 200
    }

    fn until_trusted(&self, name: &str, gateway: &Background) {
        let found = integration::holds_within(Duration::from_secs(60), || self.is_trusted(name).then_some(()));
        assert!(found.is_some(), "`{name}` has no certificate of the authority:\n{}", gateway.text());
    }
}

fn stored(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn certificates_are_obtained_and_kept() {
    let Some(setup) = Gateway::prepare("certificates_are_obtained_and_kept", YEAR) else { return };
    setup.routes(&[
        ("http", "Host(`a.test`) || Host(`b.test`)", "{ certResolver: le }"),
        ("same", "Host(`b.test`) && PathPrefix(`/x`)", "{ certResolver: le }"),
        ("alpn", "Host(`c.test`)", "{ certResolver: alpn }"),
        ("wild", "HostRegexp(`^.+\\.d\\.test$`)", "{ certResolver: dns, domains: [{ main: '*.d.test' }] }"),
        ("covered", "Host(`x.d.test`)", "{ certResolver: le }"),
    ]);
    let hook = format!(
        "#!/bin/sh\nname=$2 value=$3\ncase $1 in\npresent) curl -s -d \"{{\\\"host\\\":\\\"$name\\\",\\\"value\\\":\\\"$value\\\"}}\" {};;\ncleanup) curl -s -d \"{{\\\"host\\\":\\\"$name\\\"}}\" {};;\nesac\n",
        setup.pebble.dns("/set-txt"),
        setup.pebble.dns("/clear-txt"),
    );
    fs::write(setup.path("hook"), hook).unwrap();
    Command::new("chmod").args(["+x", &setup.path("hook")]).status().unwrap();

    let gateway = setup.start();
    for name in ["a.test", "b.test", "c.test", "x.d.test"] {
        setup.until_trusted(name, &gateway);
    }
    let orders = setup.pebble.orders();
    assert!(
        (3..=4).contains(&orders),
        "one order for each set of names, one more where `x.d.test` came first: {orders}"
    );
    let storage = setup.folder.path().join("acme.json");
    let names = |resolver: &str| stored(&storage)[resolver]["Certificates"][0]["domain"].clone();
    assert_eq!(names("le"), serde_json::json!({ "main": "a.test", "sans": ["b.test"] }));
    assert_eq!(names("alpn"), serde_json::json!({ "main": "c.test" }));
    assert_eq!(names("dns"), serde_json::json!({ "main": "*.d.test" }));
    let mode = Command::new("stat").args(["-c", "%a"]).arg(&storage).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&mode.stdout).trim(), "600");
    let unknown = Curl::to("http", "a.test", setup.http, "/.well-known/acme-challenge/x").send();
    assert_eq!(unknown.status, 404, "no router sees it: {unknown:?}");
    assert_eq!(Curl::to("http", "a.test", setup.http, "/x").send().status, 301);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(30)).code(), 0);

    // What is stored is used at once, without the authority.
    setup.pebble.stop();
    let gateway = setup.start();
    for name in ["a.test", "b.test", "c.test", "x.d.test"] {
        setup.until_trusted(name, &gateway);
    }
    setup.pebble.go_on();
    for name in ["a.test", "b.test", "c.test", "x.d.test"] {
        setup.until_trusted(name, &gateway);
    }
    assert_eq!(setup.pebble.orders(), orders, "nothing is asked for again:\n{}", gateway.text());
}

#[test]
fn certificates_are_renewed_in_time() {
    // Two thirds of a lifetime of 12 seconds are over after 8.
    let Some(setup) = Gateway::prepare("certificates_are_renewed_in_time", 12) else { return };
    setup.routes(&[("http", "Host(`a.test`)", "{ certResolver: le }")]);
    let mut gateway = setup.start();
    setup.until_trusted("a.test", &gateway);
    let storage = setup.folder.path().join("acme.json");
    let first = stored(&storage)["le"]["Certificates"][0]["certificate"].clone();
    gateway.until_it_says("certificate renewed");
    setup.until_trusted("a.test", &gateway);
    let all = stored(&storage)["le"]["Certificates"].as_array().unwrap().clone();
    assert_eq!(all.len(), 1, "the new one takes the place of the old one");
    assert_ne!(all[0]["certificate"], first);
}

/// RFC 9773: the authority says when to renew. One that says "at once" of every certificate gets no more orders than any other.
#[test]
fn certificates_are_renewed_when_the_authority_suggests_it() {
    let Some(setup) = Gateway::prepare("certificates_are_renewed_when_the_authority_suggests_it", YEAR) else {
        return;
    };
    setup.routes(&[("http", "Host(`a.test`)", "{ certResolver: le }")]);
    // Pebble knows no suggestions: a gateway before it leads questions for them elsewhere.
    let front = format!("127.0.0.1:{}", free_port());
    let suggestions = Suggestions::start(&setup.pebble.address(), &front);
    let dynamic = format!(
        "http:\n  routers:\n    own: {{ rule: 'PathRegexp(`^/(dir$|order-plz$|renewal-info/)`)', service: own, tls: {{}} }}\n    \
         pebble: {{ rule: 'PathPrefix(`/`)', service: pebble, tls: {{}} }}\n  services:\n    \
         own: {{ loadBalancer: {{ servers: [{{ url: 'http://{own}' }}] }} }}\n    \
         pebble: {{ loadBalancer: {{ serversTransport: any, servers: [{{ url: 'https://{pebble}' }}] }} }}\n  \
         serversTransports: {{ any: {{ insecureSkipVerify: true }} }}\n\
         tls: {{ stores: {{ default: {{ defaultCertificate: {{ certFile: '{certificate}', keyFile: '{key}' }} }} }} }}\n",
        own = suggestions.address,
        pebble = setup.pebble.address(),
        certificate = setup.pebble.server_certificate().display(),
        key = setup.pebble.server_key().display(),
    );
    fs::write(setup.path("front.yml"), dynamic).unwrap();
    let _front = Background::start(Command::new(stack()).args([
        "gateway",
        &format!("--providers.file.filename={}", setup.path("front.yml")),
        &format!("--entrypoints.front.address={front}"),
    ]));
    eventually("the gateway before pebble listens", || TcpStream::connect(&front).ok());

    let gateway = setup.start_at(&format!("https://{front}/dir"), &[], &[]);
    setup.until_trusted("a.test", &gateway);
    // The fourth certificate is the last one of this week.
    let renewed = || (gateway.text().matches("certificate renewed").count() == 3).then_some(());
    let done = integration::holds_within(Duration::from_secs(60), renewed);
    assert!(done.is_some(), "{:?}:\n{}", suggestions.noted(), gateway.text());
    eventually("it is asked about all four", || (suggestions.noted().asked.len() == 4).then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(setup.pebble.orders(), 4, "{}", gateway.text());
    let noted = suggestions.noted();
    assert_eq!(noted.replaced[..], noted.asked[..3], "each order names the certificate whose place it takes");
}

#[test]
fn failures_are_remembered_over_restarts() {
    let Some(setup) = Gateway::prepare("failures_are_remembered_over_restarts", YEAR) else { return };
    setup.routes(&[("lost", "Host(`lost.test`)", "{ certResolver: le }")]);
    // The name leads to an address where nothing answers.
    let record = Command::new("curl")
        .args(["-s", "-d", r#"{"host":"lost.test","addresses":["127.0.0.9"]}"#, &setup.pebble.dns("/add-a")])
        .status();
    assert!(record.unwrap().success());
    let mut gateway = setup.start();
    gateway.until_it_says("certificate not obtained");
    let text = gateway.text();
    for part in ["lost.test", "connection", "must be reachable from the internet", "next_attempt"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert_eq!(setup.pebble.orders(), 1);
    for _ in 0..3 {
        gateway.signal("TERM");
        assert_eq!(gateway.wait(Duration::from_secs(30)).code(), 0);
        gateway = setup.start();
        // A name that can be proved is: so the failed one had its turn too.
        setup.routes(&[
            ("lost", "Host(`lost.test`)", "{ certResolver: le }"),
            ("found", "Host(`found.test`)", "{ certResolver: le }"),
        ]);
        setup.until_trusted("found.test", &gateway);
    }
    assert_eq!(setup.pebble.orders(), 2, "the failed name is not asked for again so soon:\n{}", gateway.text());
}

#[test]
fn accounts_are_bound_to_those_that_the_authority_knows() {
    let (kid, key) = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");
    let name = "accounts_are_bound_to_those_that_the_authority_knows";
    let Some(setup) = Gateway::prepare_for_known_accounts(name, kid, key) else { return };
    setup.routes(&[
        ("http", "Host(`a.test`)", "{ certResolver: le }"),
        ("alpn", "Host(`b.test`)", "{ certResolver: alpn }"),
    ]);
    let eab = "--certificatesresolvers.le.acme.eab";
    let mut gateway = setup.start_with(&[&format!("{eab}.kid={kid}"), &format!("{eab}.hmacencoded={key}")]);
    setup.until_trusted("a.test", &gateway);
    gateway.until_it_says("set `eab.kid` and `eab.hmacEncoded` as the authority gave them");
    assert!(gateway.text().contains("b.test"), "{}", gateway.text());
}

/// HMAC-SHA256 by a name server that reads the standards for itself.
#[test]
fn the_chain_that_is_preferred_is_taken() {
    let Some(setup) = Gateway::prepare("the_chain_that_is_preferred_is_taken", YEAR) else { return };
    setup.routes(&[("http", "Host(`a.test`)", "{ certResolver: le }")]);
    let subject = Command::new("openssl")
        .args(["x509", "-noout", "-subject", "-nameopt", "multiline", "-in"])
        .arg(setup.pebble.root_of_chain(1))
        .output()
        .unwrap();
    let subject = String::from_utf8(subject.stdout).unwrap();
    let name = subject.lines().find_map(|line| line.trim().strip_prefix("commonName")).unwrap();
    let name = name.trim_start_matches([' ', '=']);
    let gateway = setup.start_with(&[&format!("--certificatesresolvers.le.acme.preferredchain={name}")]);
    let trusts = |number: u8| {
        let root = setup.pebble.root_of_chain(number);
        Curl::to("https", "a.test", setup.tls, "/").trusting(&root).send().status == 200
    };
    let found = integration::holds_within(Duration::from_secs(60), || trusts(1).then_some(()));
    assert!(found.is_some(), "the other chain is not shown:\n{}", gateway.text());
    assert!(!trusts(0), "the usual chain is shown");
}

/// What was tried, with the pauses over.
fn forget_pauses(path: &str) {
    let mut attempts = stored(Path::new(path));
    for record in attempts["names"].as_object_mut().unwrap().values_mut() {
        record["next"] = 0.into();
        record["times"] = serde_json::json!([]);
    }
    fs::write(path, attempts.to_string()).unwrap();
}

#[test]
fn what_has_failed_is_tried_at_the_test_system_first() {
    let scenario = "what_has_failed_is_tried_at_the_test_system_first";
    let Some(setup) = Gateway::prepare(scenario, YEAR) else { return };
    let Some(test_system) = Pebble::start(scenario, setup.http, setup.tls, YEAR) else { return };
    setup.routes(&[("lost", "Host(`lost.test`)", "{ certResolver: le }")]);
    let lead = |to: &str| {
        for pebble in [&setup.pebble, &test_system] {
            let record = format!(r#"{{"host":"lost.test","addresses":["{to}"]}}"#);
            let _ =
                Command::new("curl").args(["-s", "-d", r#"{"host":"lost.test"}"#, &pebble.dns("/clear-a")]).status();
            let set = Command::new("curl").args(["-s", "-d", &record, &pebble.dns("/add-a")]).status();
            assert!(set.unwrap().success());
        }
    };
    let trust = format!(
        "--certificatesresolvers.le.acme.cacertificates={},{}",
        setup.pebble.server_certificate().display(),
        test_system.server_certificate().display()
    );
    let url = test_system.directory();
    let run = || setup.start_in(&[("STACK_ACME_TRIAL", &url)], &[&trust]);
    let stop = |gateway: Background| {
        gateway.signal("TERM");
        assert_eq!(gateway.wait(Duration::from_secs(30)).code(), 0);
        forget_pauses(&setup.path("acme.json.attempts"));
    };
    lead("127.0.0.9");
    let mut gateway = run();
    gateway.until_it_says("certificate not obtained");
    assert_eq!((setup.pebble.orders(), test_system.orders()), (1, 0));
    stop(gateway);
    let mut gateway = run();
    gateway.until_it_says("the authority was not asked");
    assert_eq!((setup.pebble.orders(), test_system.orders()), (1, 1), "{}", gateway.text());
    stop(gateway);
    lead("127.0.0.1");
    let gateway = run();
    setup.until_trusted("lost.test", &gateway);
    assert_eq!((setup.pebble.orders(), test_system.orders()), (2, 2), "{}", gateway.text());
}

/// The gateway by hand has an authority for local names too.
#[test]
fn local_names_have_certificates_of_a_gateway_run_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let routes = "http:\n  routers:\n    local: { rule: 'Host(`app.localhost`) || Host(`127.0.0.1`)', service: ping@internal, tls: {} }\n";
    fs::write(path("routes.yml"), routes).unwrap();
    let port = free_port();
    let flags = [
        "--ping.manualrouting=true".to_owned(),
        format!("--providers.file.filename={}", path("routes.yml")),
        format!("--entrypoints.websecure.address=127.0.0.1:{port}"),
    ];
    let start = |authority: &str| {
        let mut command = Command::new(stack());
        Background::start(command.arg("gateway").args(&flags).env("STACK_LOCAL_AUTHORITY", authority))
    };
    let answers = |name: &str| {
        let root = folder.path().join("authority/root.pem");
        root.exists() && Curl::to("https", name, port, "/").trusting(&root).send().status == 200
    };
    let gateway = start(&path("authority"));
    for name in ["app.localhost", "127.0.0.1"] {
        let found = integration::holds_within(Duration::from_secs(20), || answers(name).then_some(()));
        assert!(found.is_some(), "`{name}` has no certificate of the local authority:\n{}", gateway.text());
    }
    let printed = Command::new(stack())
        .args(["trust", "--print"])
        .envs([("STACK_LOCAL_AUTHORITY", path("authority").as_str()), ("DOCKER_HOST", "unix:///nowhere")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&printed.stdout), fs::read_to_string(path("authority/root.pem")).unwrap());
    drop(gateway);
    let _without = start("off");
    eventually("it serves", || {
        (Curl::to("https", "app.localhost", port, "/").with("--insecure").send().status == 200).then_some(())
    });
    assert!(!answers("app.localhost"), "it is switched off");
}

#[test]
fn another_authority_is_asked_anew() {
    let Some(setup) = Gateway::prepare("another_authority_is_asked_anew", YEAR) else { return };
    let Some(other) = Pebble::start("another_authority_is_asked_anew", setup.http, setup.tls, YEAR) else { return };
    setup.routes(&[("http", "Host(`a.test`)", "{ certResolver: le }")]);
    let gateway = setup.start();
    setup.until_trusted("a.test", &gateway);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(30)).code(), 0);
    let setup = Gateway { pebble: other, ..setup };
    let gateway = setup.start();
    setup.until_trusted("a.test", &gateway);
    let all = stored(&setup.folder.path().join("acme.json"))["le"]["Certificates"].as_array().unwrap().len();
    assert_eq!(all, 1, "the new one takes the place of the old one");
}

#[test]
fn a_damaged_storage_is_kept() {
    let Some(setup) = Gateway::prepare("a_damaged_storage_is_kept", YEAR) else { return };
    setup.routes(&[("http", "Host(`a.test`)", "{ certResolver: le }")]);
    fs::write(setup.path("acme.json"), "{\"le\":{\"Account\"").unwrap();
    let mut gateway = setup.start();
    gateway.until_it_says("the storage of certificates is damaged and kept under another name");
    setup.until_trusted("a.test", &gateway);
    assert_eq!(fs::read_to_string(setup.path("acme.json.broken-1")).unwrap(), "{\"le\":{\"Account\"");
}

/// A project whose Traefik keeps its certificates in `mount`, beside a folder with the authority's own certificate.
fn project(scenario: &Scenario, pebble: &Pebble, (http, tls): (u16, u16), host: &str, mount: &str) {
    scenario.hello_context("hello");
    fs::create_dir_all(scenario.folder().join("authority")).unwrap();
    fs::copy(pebble.server_certificate(), scenario.folder().join("authority/root.txt")).unwrap();
    scenario.compose_file(&format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command:
      - "--providers.docker=true"
      - "--entrypoints.web{http}.address=:80"
      - "--entrypoints.secure{tls}.address=:443"
      - "--certificatesresolvers.le{tls}.acme.email=me@example.com"
      - "--certificatesresolvers.le{tls}.acme.caserver={directory}"
      - "--certificatesresolvers.le{tls}.acme.cacertificates=/authority/root.txt"
      - "--certificatesresolvers.le{tls}.acme.storage=/letsencrypt/acme.json"
      - "--certificatesresolvers.le{tls}.acme.httpchallenge.entrypoint=web{http}"
    ports: ["{http}:80", "{tls}:443"]
    volumes:
      - "./authority:/authority:ro"
      - "{mount}"
  app:
    build: ./hello
    labels:
      - "traefik.http.routers.app.rule=Host(`{host}`)"
      - "traefik.http.routers.app.entrypoints=secure{tls}"
      - "traefik.http.routers.app.tls.certresolver=le{tls}"
volumes:
  letsencrypt: {{}}
"#,
        directory = pebble.directory(),
    ));
}

fn until_served(pebble: &Pebble, host: &str, tls: u16) {
    let mut last = Answer::default();
    let found = integration::holds_within(Duration::from_secs(60), || {
        last = Curl::to("https", host, tls, "/").trusting(&pebble.root()).send();
        (last.status == 200).then_some(())
    });
    assert!(found.is_some(), "https://{host}:{tls}/: {last:?}\n{}", docker(["logs", "--tail", "50", "stack-gateway"]));
}

#[test]
fn labels_alone_bring_a_certificate_into_the_mounted_folder() {
    let Some(scenario) = Scenario::new("acme-folder") else { return };
    let (http, tls) = (free_port(), free_port());
    let Some(pebble) = Pebble::start("labels_alone_bring_a_certificate", http, tls, YEAR) else { return };
    let host = format!("{}.test", scenario.project);
    project(&scenario, &pebble, (http, tls), &host, "./letsencrypt:/letsencrypt");
    let _ = scenario.stack(["up", "-d"]).ok();
    until_served(&pebble, &host, tls);
    let path = scenario.folder().join("letsencrypt/acme.json");
    let main = eventually("the certificate is in the mounted folder", || {
        let text = fs::read(&path).ok()?;
        let storage: Value = serde_json::from_slice(&text).ok()?;
        Some(storage.as_object()?.values().next()?["Certificates"][0]["domain"]["main"].clone())
    });
    assert_eq!(main, host.as_str());
    assert_eq!(pebble.orders(), 1);

    let _ = scenario.stack(["down"]).ok();

    // Another project with that folder, as one that Traefik served before: it is taken over.
    let moved = Scenario::new("acme-moved").unwrap();
    fs::create_dir_all(moved.folder().join("letsencrypt")).unwrap();
    fs::copy(&path, moved.folder().join("letsencrypt/acme.json")).unwrap();
    project(&moved, &pebble, (http, tls), &host, "./letsencrypt:/letsencrypt");
    let _ = moved.stack(["up", "-d"]).ok();
    until_served(&pebble, &host, tls);
    assert_eq!(pebble.orders(), 1, "the certificate is taken from where it is kept");
}

#[test]
fn labels_alone_bring_a_certificate_into_a_mounted_file() {
    let Some(scenario) = Scenario::new("acme-file") else { return };
    let (http, tls) = (free_port(), free_port());
    let Some(pebble) = Pebble::start("labels_alone_bring_a_certificate_into_a_mounted_file", http, tls, YEAR) else {
        return;
    };
    let host = format!("{}.test", scenario.project);
    project(&scenario, &pebble, (http, tls), &host, "./acme.json:/letsencrypt/acme.json");
    scenario.write("acme.json", "");
    let _ = scenario.stack(["up", "-d"]).ok();
    until_served(&pebble, &host, tls);
    eventually("the certificate is in the mounted file", || {
        fs::read_to_string(scenario.folder().join("acme.json")).ok().filter(|text| text.contains(&host))
    });
}

#[test]
fn labels_alone_bring_a_certificate_into_a_volume() {
    let Some(scenario) = Scenario::new("acme-volume") else { return };
    let (http, tls) = (free_port(), free_port());
    let Some(pebble) = Pebble::start("labels_alone_bring_a_certificate_into_a_volume", http, tls, YEAR) else { return };
    let host = format!("{}.test", scenario.project);
    project(&scenario, &pebble, (http, tls), &host, "letsencrypt:/letsencrypt");
    let _ = scenario.stack(["up", "-d"]).ok().never_says("warning");
    until_served(&pebble, &host, tls);
    assert_eq!(scenario.owned("volume"), [format!("{}_letsencrypt", scenario.project)]);
    let _ = scenario.stack(["up", "-d"]).ok().never_says("warning");
    let kept = format!("/certificates/{}", scenario.project);
    let is_kept = || Command::new("docker").args(["cp", &format!("stack-gateway:{kept}"), "-"]).output().unwrap();
    assert!(is_kept().status.success(), "the gateway keeps it too");
    // Another project holds the gateway, so that it can be looked at.
    let other = Scenario::new("acme-other").unwrap();
    routed::write(&other, free_port(), "other.test");
    let _ = other.stack(["up", "-d"]).ok();
    let _ = scenario.stack(["down", "-v"]).ok();
    assert_eq!(scenario.owned("volume"), Vec::<String>::new());
    assert!(!is_kept().status.success(), "`-v` takes it away");
}

#[test]
fn local_names_have_certificates_of_the_local_authority() {
    let Some(scenario) = Scenario::new("local-names") else { return };
    let tls = free_port();
    let host = format!("{}.localhost", scenario.project);
    scenario.compose_file(&routed::file(tls, &host).replace("Host(`", "Host(`127.0.0.1`) || Host(`"));
    scenario.hello_context("hello");
    let _ = scenario.stack(["up", "-d"]).ok();
    let root = scenario.folder().join("root.pem");
    let printed = eventually("the authority is made", || {
        let run = scenario.stack(["trust", "--print"]);
        (run.code() == 0).then_some(run.stdout)
    });
    fs::write(&root, printed).unwrap();
    eventually("the name has a certificate", || {
        (Curl::to("https", &host, tls, "/").trusting(&root).send().status == 200).then_some(())
    });
    let by_address = Curl::to("https", "127.0.0.1", tls, "/").trusting(&root).send();
    assert_eq!(by_address.status, 200, "{by_address:?}");
}

/// The gateway is a container with nothing but `stack` in it; the key is a secret of the compose file.
#[test]
fn a_project_has_its_dns_records_made_by_updates() {
    let Some(scenario) = Scenario::new("acme-dns") else { return };
    let (http, tls) = (free_port(), free_port());
    let zone = format!("{}.test", scenario.project);
    let names = NameServer::start(&zone, "acme.key", b"a shared secret");
    let name = "a_project_has_its_dns_records_made_by_updates";
    let Some(pebble) = Pebble::start_at(name, http, tls, &[], Some(&names.address())) else { return };
    project(&scenario, &pebble, (http, tls), &format!("app.{zone}"), "./letsencrypt:/letsencrypt");
    let file = scenario.folder().join("docker-compose.yml");
    let text = fs::read_to_string(&file).unwrap();
    let (resolver, server) = (format!("--certificatesresolvers.le{tls}.acme"), names.address());
    let text = text
        .replace(
            &format!("{resolver}.httpchallenge.entrypoint=web{http}\""),
            &format!(
                "{resolver}.dnschallenge.provider=rfc2136\"\n      - \"{resolver}.dnschallenge.resolvers={server}\""
            ),
        )
        .replace(
            "    ports:",
            &format!(
                "    environment:\n      RFC2136_NAMESERVER: {server}\n      RFC2136_TSIG_KEY: acme.key\n      RFC2136_TSIG_ALGORITHM: hmac-sha256\n      RFC2136_TSIG_SECRET_FILE: /run/secrets/tsig\n      RFC2136_POLLING_INTERVAL: 1\n    secrets: [tsig]\n    ports:"
            ),
        )
        .replace("tls.certresolver=", &format!("tls.domains[0].main=*.{zone}\"\n      - \"traefik.http.routers.app.tls.certresolver="))
        + "secrets:\n  tsig: { file: ./tsig }\n";
    fs::write(&file, text).unwrap();
    fs::write(scenario.folder().join("tsig"), "YSBzaGFyZWQgc2VjcmV0\n").unwrap();
    let _ = scenario.stack(["up", "-d"]).ok();
    until_served(&pebble, &format!("app.{zone}"), tls);
    let (taken, refused, left) = names.counts();
    assert_eq!((taken, refused, left), (2, 0, 0), "one record is added, and removed");
}
