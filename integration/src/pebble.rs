//! A certificate authority that speaks ACME: Debian's pebble, with a DNS server that leads every name to this host.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::free_port;
use crate::command::{Background, run};
use crate::engine::{Peer, skip_without_peer};
use crate::wait::eventually;

/// A running authority; gone when dropped.
#[derive(Debug)]
pub struct Pebble {
    folder: TempDir,
    port: u16,
    management: u16,
    dns_management: u16,
    server: Background,
    _dns: Background,
}

impl Pebble {
    /// Starts one that looks for HTTP challenges at `http` and for TLS challenges at `tls`, and whose certificates are good
    /// for `lifetime` seconds; `None`, said aloud, where pebble is not installed.
    #[must_use]
    pub fn start(scenario: &str, http: u16, tls: u16, lifetime: u64) -> Option<Self> {
        Self::start_with(scenario, http, tls, &[("certificateValidityPeriod", lifetime.into())])
    }

    /// As [`Pebble::start`], with these options of pebble.
    #[must_use]
    pub fn start_with(scenario: &str, http: u16, tls: u16, options: &[(&str, Value)]) -> Option<Self> {
        Self::start_at(scenario, http, tls, options, None)
    }

    /// As [`Pebble::start_with`], with another DNS server to ask (`127.0.0.1:5300`), and a second root for chains.
    #[must_use]
    pub fn start_at(
        scenario: &str,
        http: u16,
        tls: u16,
        options: &[(&str, Value)],
        name_server: Option<&str>,
    ) -> Option<Self> {
        let installed = ["pebble", "pebble-challtestsrv", "openssl"].iter().all(|name| {
            Command::new("sh")
                .args(["-c", &format!("command -v {name}")])
                .output()
                .is_ok_and(|run| run.status.success())
        });
        if !installed {
            skip_without_peer(scenario, Peer::Pebble, "pebble is not installed (`apt-get install pebble`)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let made = run(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem"), "-subj", "/CN=pebble"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]));
        assert!(made.code() == 0, "{made}");
        let [port, management, dns, dns_management] = [(); 4].map(|()| free_port());
        let own = serde_json::json!({
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": path("cert.pem"),
            "privateKey": path("key.pem"),
            "httpPort": http,
            "tlsPort": tls,
            "ocspResponderURL": "",
        });
        let own = own.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
        let more = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let config = serde_json::json!({ "pebble": own.chain(more).collect::<serde_json::Map<_, _>>() });
        fs::write(path("pebble.json"), config.to_string()).expect("pebble's configuration");
        let local = |port: u16| format!("127.0.0.1:{port}");
        let dns_server = Background::start(Command::new("pebble-challtestsrv").args([
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-dns01",
            &local(dns),
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-management",
            &local(dns_management),
        ]));
        let server = Background::start(
            Command::new("pebble")
                .args(["-config", &path("pebble.json"), "-dnsserver", name_server.unwrap_or(&local(dns))])
                .env("PEBBLE_ALTERNATE_ROOTS", "1")
                .env("PEBBLE_VA_NOSLEEP", "1")
                // By default it refuses some requests by chance, and some of those a third time, which a test cannot expect.
                .env("PEBBLE_WFE_NONCEREJECT", "0"),
        );
        for port in [port, management, dns_management] {
            eventually("pebble listens", || TcpStream::connect(local(port)).ok());
        }
        Some(Self { folder, port, management, dns_management, server, _dns: dns_server })
    }

    /// URL of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.address())
    }

    /// The certificate of its own server, for those who are to trust it.
    #[must_use]
    pub fn server_certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The key of that certificate.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// The address of its server, `127.0.0.1:14000`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The root of what it issues, in a file.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.root_of_chain(0)
    }

    /// The root that one of its chains ends with, in a file: 0 for that of the usual chain, 1 for that of the other.
    #[must_use]
    pub fn root_of_chain(&self, number: u8) -> PathBuf {
        let path = self.folder.path().join(format!("root-{number}.pem"));
        if !path.exists() {
            let url = format!("https://127.0.0.1:{}/roots/{number}", self.management);
            let mut curl = Command::new("curl");
            let got = run(curl.args(["--silent", "--insecure", "--noproxy", "*", "--output"]).arg(&path).arg(url));
            assert!(got.code() == 0, "{got}");
        }
        path
    }

    /// Orders that it was given so far. It refuses every twentieth request at random, to be asked again with another nonce
    /// (RFC 8555 section 6.5): those are no orders.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.server.text().matches("Added order \"").count()
    }

    /// A URL to change its DNS with.
    #[must_use]
    pub fn dns(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.dns_management)
    }

    /// Freezes it, as if it were out of reach.
    pub fn stop(&self) {
        self.server.signal("STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.server.signal("CONT");
    }
}
