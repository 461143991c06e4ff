//! DNS challenges: who makes the records.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use integration::{NameServer, Pebble, free_port};

use super::Gateway;

#[test]
fn dns_records_are_made_by_updates() {
    let scenario = "dns_records_are_made_by_updates";
    let names = NameServer::start("d.test", "acme.key", b"a shared secret");
    let (http, tls) = (free_port(), free_port());
    let Some(pebble) = Pebble::start_at(scenario, http, tls, &[], Some(&names.address())) else { return };
    let setup = Gateway { folder: tempfile::tempdir().unwrap(), http, tls, pebble };
    let tls = "{ certResolver: update, domains: [{ main: d.test, sans: ['*.d.test'] }] }";
    setup.routes(&[("wild", "Host(`d.test`) || HostRegexp(`^.+\\.d\\.test$`)", tls)]);
    let acme = "--certificatesresolvers.update.acme";
    let flags = [
        format!("{acme}.caserver={}", setup.pebble.directory()),
        format!("{acme}.cacertificates={}", setup.pebble.server_certificate().display()),
        format!("{acme}.storage={}", setup.path("acme.json")),
        format!("{acme}.dnschallenge.provider=rfc2136"),
        format!("{acme}.dnschallenge.resolvers={}", names.address()),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = names.address();
    let variables = |secret: &'static str| {
        [
            ("RFC2136_NAMESERVER", server.as_str()),
            ("RFC2136_TSIG_KEY", "Acme.key."),
            ("RFC2136_TSIG_ALGORITHM", "hmac-sha256."),
            ("RFC2136_TSIG_SECRET", secret),
            ("RFC2136_PROPAGATION_TIMEOUT", "20"),
            ("RFC2136_POLLING_INTERVAL", "1"),
        ]
    };
    // Another secret than the server's.
    let mut gateway = setup.start_in(&variables("YW5vdGhlciBzZWNyZXQ="), &flags);
    gateway.until_it_says("certificate not obtained");
    assert!(gateway.text().contains("NOTAUTH"), "{}", gateway.text());
    let (taken, refused, _) = names.counts();
    assert_eq!((taken, refused > 0), (0, true));
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(30)).code(), 0);
    fs::remove_file(setup.path("acme.json.attempts")).unwrap();

    let gateway = setup.start_in(&variables("YSBzaGFyZWQgc2VjcmV0"), &flags);
    setup.until_trusted("d.test", &gateway);
    setup.until_trusted("x.d.test", &gateway);
    assert_eq!(names.counts().0, 4, "two records are added, and removed");
    assert_eq!(names.counts().2, 0, "none is left");
}

/// A provider that keeps one TXT record a name, so that a name and its wildcard are proved one after the other.
#[test]
fn dns_records_are_made_by_a_provider() {
    let scenario = "dns_records_are_made_by_a_provider";
    let names = Arc::new(NameServer::start("me.duckdns.org", "unused", b"unused"));
    let (http, tls) = (free_port(), free_port());
    let Some(pebble) = Pebble::start_at(scenario, http, tls, &[], Some(&names.address())) else { return };
    let setup = Gateway { folder: tempfile::tempdir().unwrap(), http, tls, pebble };
    let tls = "{ certResolver: duck, domains: [{ main: me.duckdns.org, sans: ['*.me.duckdns.org'] }] }";
    setup.routes(&[("wild", "Host(`me.duckdns.org`) || HostRegexp(`^.+\\.me\\.duckdns\\.org$`)", tls)]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/update", listener.local_addr().unwrap());
    let told = Arc::new(Mutex::new(Vec::new()));
    let (zone, all) = (Arc::clone(&names), Arc::clone(&told));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            while reader.by_ref().lines().next().is_some_and(|field| !field.unwrap().is_empty()) {}
            let query = line.split([' ', '?']).nth(2).unwrap_or_default().to_owned();
            let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            let is_own = (value("domains"), value("token")) == (Some("me.duckdns.org"), Some("secret"));
            let text = value("txt").filter(|text| !text.is_empty());
            if is_own {
                zone.set_txt("_acme-challenge.me.duckdns.org", text.as_slice());
                all.lock().unwrap().push(text.is_some());
            }
            let body = if is_own { "OK" } else { "KO" };
            write!(reader.get_mut(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{body}").unwrap();
        }
    });
    let acme = "--certificatesresolvers.duck.acme";
    let flags = [
        format!("{acme}.caserver={}", setup.pebble.directory()),
        format!("{acme}.cacertificates={}", setup.pebble.server_certificate().display()),
        format!("{acme}.storage={}", setup.path("acme.json")),
        format!("{acme}.dnschallenge.provider=duckdns"),
        format!("{acme}.dnschallenge.resolvers={}", names.address()),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let token = setup.path("token");
    fs::write(&token, "secret\n").unwrap();
    let variables =
        [("DUCKDNS_TOKEN_FILE", token.as_str()), ("DUCKDNS_BASE_URL", &endpoint), ("DUCKDNS_POLLING_INTERVAL", "1")];
    let gateway = setup.start_in(&variables, &flags);
    setup.until_trusted("me.duckdns.org", &gateway);
    setup.until_trusted("x.me.duckdns.org", &gateway);
    assert_eq!(*told.lock().unwrap(), [true, false, true, false], "one record is made and removed before the next");
    assert!(!gateway.text().contains("secret"), "{}", gateway.text());
}
