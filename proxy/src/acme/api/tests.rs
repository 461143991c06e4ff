//! Against a small server that answers as providers do, and remembers what it was asked.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Mutex;

use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A server whose answers are the first that fit: beginning of method and target, status, body.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: &'static [(&'static str, u16, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let request = loop {
                    let mut piece = [0; 4096];
                    let length = stream.read(&mut piece).await.unwrap();
                    bytes.extend_from_slice(&piece[..length]);
                    let text = String::from_utf8(bytes.clone()).unwrap();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim();
                    if body.len() == field("content-length:").parse().unwrap_or(0) {
                        let own = ["authorization:", "x-auth-email:", "x-auth-key:"].map(field).join(" ");
                        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
                        break [line, own.trim(), body].map(str::to_owned);
                    }
                };
                let found = answers.iter().find(|(start, ..)| request[0].starts_with(start));
                let (_, status, body) = found.unwrap_or(&("", 404, "{}"));
                all.lock().unwrap().push(request.join(" | "));
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        Self { address, asked }
    }

    /// What it was asked since this was called for the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn variables(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn proof() -> Proof {
    Proof {
        domain: "a.example.org".to_owned(),
        token: "tok".to_owned(),
        key_authorization: "tok.thumb".to_owned(),
        value: "digest".to_owned(),
    }
}

/// The record at a provider that is `server`; nobody is asked whether it can be seen.
async fn record(provider: &str, all: &[(&str, &str)], server: &Server) -> Result<Record, String> {
    let mut environment = variables(all);
    environment.insert("LEGO_DISABLE_CNAME_SUPPORT".to_owned(), "true".to_owned());
    let mut settings = Settings::read(provider, &environment)?;
    let base = match &mut settings.provider {
        Provider::Cloudflare(own) => &mut own.base,
        Provider::DigitalOcean(own) => &mut own.base,
        Provider::DuckDns(own) => &mut own.base,
        Provider::Gandi(own) => &mut own.base,
        Provider::Hetzner(own) => &mut own.base,
        Provider::HttpReq(own) => &mut own.base,
        Provider::Ovh(own) => &mut own.base,
    };
    server.address.clone_into(base);
    let mut challenge = DnsChallenge { provider: provider.to_owned(), ..DnsChallenge::default() };
    challenge.propagation.disable_checks = true;
    Record::at(settings, trusting(RootCertStore::empty()).unwrap(), &challenge, &proof()).await
}

/// Makes the record and removes it; what was asked for that, in three parts.
async fn asked(provider: &str, all: &[(&str, &str)], server: &Server) -> [Vec<String>; 3] {
    let record = record(provider, all, server).await.unwrap();
    let found = server.asked();
    record.present().await.unwrap();
    let added = server.asked();
    record.cleanup().await.unwrap();
    [found, added, server.asked()]
}

#[tokio::test]
async fn cloudflare_is_told() {
    let server = Server::start(&[
        (
            "GET /zones?name=example.org",
            200,
            r#"{"success":true,"result":[{"id":"z2","name":"sub.example.org"},{"id":"z1","name":"example.org"}]}"#,
        ),
        ("GET /zones?name=", 200, r#"{"success":true,"result":[]}"#),
        (
            "GET /zones/z1/dns_records",
            200,
            r#"{"result":[{"id":"r1","content":"\"digest\""},{"id":"r2","content":"other"},{"id":"r3","content":"digest"}]}"#,
        ),
        ("POST /zones/z1/dns_records", 200, r#"{"success":true,"result":{"id":"r1"}}"#),
        ("DELETE /zones/z1/dns_records/", 200, r#"{"result":{"id":"r1"}}"#),
    ])
    .await;
    let [found, added, removed] = asked(
        "cloudflare",
        &[("CF_DNS_API_TOKEN", "write"), ("CLOUDFLARE_ZONE_API_TOKEN", "look"), ("CLOUDFLARE_TTL", "300")],
        &server,
    )
    .await;
    let names = ["_acme-challenge.a.example.org", "a.example.org", "example.org"];
    assert_eq!(found, names.map(|name| format!("GET /zones?name={name} | Bearer look | ")));
    assert_eq!(
        added,
        [
            r#"POST /zones/z1/dns_records | Bearer write | {"content":"\"digest\"","name":"_acme-challenge.a.example.org","ttl":300,"type":"TXT"}"#
        ]
    );
    assert_eq!(
        removed,
        [
            "GET /zones/z1/dns_records?type=TXT&name=_acme-challenge.a.example.org&per_page=100 | Bearer write | ",
            "DELETE /zones/z1/dns_records/r1 | Bearer write | ",
            "DELETE /zones/z1/dns_records/r3 | Bearer write | ",
        ]
    );
    let account = [("CF_API_EMAIL", "me@example.org"), ("CF_API_KEY", "key"), ("CF_DNS_API_TOKEN", "unused")];
    let [found, ..] = asked("cloudflare", &account, &server).await;
    assert_eq!(found[2], "GET /zones?name=example.org | me@example.org key | ");
}

#[tokio::test]
async fn cloudflare_says_why_not() {
    let server = Server::start(&[
        ("GET /zones?name=a.example.org", 200, r#"{"result":[{"id":"z1","name":"a.example.org"}]}"#),
        ("GET /zones?name=", 200, r#"{"result":[]}"#),
        (
            "POST /zones/z1",
            400,
            r#"{"success":false,"errors":[{"code":81058,"message":"An identical record already exists."}]}"#,
        ),
    ])
    .await;
    record("cloudflare", &[("CF_DNS_API_TOKEN", "t")], &server).await.unwrap().present().await.unwrap();
    let server = Server::start(&[(
        "GET ",
        400,
        r#"{"errors":[{"code":6003,"message":"Invalid request headers","error_chain":[{"code":6103,"message":"Invalid format"}]}]}"#,
    )])
    .await;
    let reason = record("cloudflare", &[("CF_DNS_API_TOKEN", "t")], &server).await.unwrap_err();
    assert_eq!(reason, "it answers 400 Bad Request: Invalid request headers (6003): Invalid format (6103)");
    let server = Server::start(&[("GET ", 200, r#"{"result":[]}"#)]).await;
    let reason = record("cloudflare", &[("CF_DNS_API_TOKEN", "t")], &server).await.unwrap_err();
    assert_eq!(reason, "it has no zone for `_acme-challenge.a.example.org` that these credentials may see");
    let server = Server::start(&[("GET ", 200, "<html>")]).await;
    let reason = record("cloudflare", &[("CF_DNS_API_TOKEN", "t")], &server).await.unwrap_err();
    assert!(reason.starts_with("its answer is not understood: "), "{reason}");
}

#[tokio::test]
async fn digitalocean_is_told() {
    let server = Server::start(&[
        (
            "GET /v2/domains/example.org/records",
            200,
            r#"{"domain_records":[{"id":7,"data":"digest"},{"id":8,"data":"x"}]}"#,
        ),
        ("GET /v2/domains/example.org", 200, r#"{"domain":{"name":"example.org"}}"#),
        ("POST /v2/domains/example.org/records", 201, "{}"),
        ("DELETE /v2/domains/example.org/records/7", 204, ""),
    ])
    .await;
    let [found, added, removed] = asked("digitalocean", &[("DO_AUTH_TOKEN", "t")], &server).await;
    assert_eq!(found.len(), 3);
    assert_eq!(
        added,
        [
            r#"POST /v2/domains/example.org/records | Bearer t | {"data":"digest","name":"_acme-challenge.a","ttl":30,"type":"TXT"}"#
        ]
    );
    assert_eq!(
        removed,
        [
            "GET /v2/domains/example.org/records?type=TXT&name=_acme-challenge.a.example.org&per_page=200 | Bearer t | ",
            "DELETE /v2/domains/example.org/records/7 | Bearer t | ",
        ]
    );
    let server =
        Server::start(&[("GET ", 401, r#"{"id":"Unauthorized","message":"Unable to authenticate you"}"#)]).await;
    let reason = record("digitalocean", &[("DO_AUTH_TOKEN", "t")], &server).await.unwrap_err();
    assert_eq!(reason, "it answers 401 Unauthorized: Unable to authenticate you");
}

#[tokio::test]
async fn hetzner_is_told_and_its_actions_are_waited_for() {
    let server = Server::start(&[
        ("GET /zones/example.org", 200, r#"{"zone":{"id":1,"name":"example.org"}}"#),
        (
            "POST /zones/example.org/rrsets/_acme-challenge.a/TXT/actions/add",
            201,
            r#"{"action":{"id":3,"status":"running"}}"#,
        ),
        ("GET /actions/3", 200, r#"{"action":{"id":3,"status":"success","error":null}}"#),
        (
            "POST /zones/example.org/rrsets/_acme-challenge.a/TXT/actions/remove",
            404,
            r#"{"error":{"code":"not_found","message":"RRSet not found"}}"#,
        ),
    ])
    .await;
    let [found, added, removed] = asked("hetzner", &[("HETZNER_API_TOKEN", "t")], &server).await;
    assert_eq!(found.len(), 3);
    assert_eq!(
        added,
        [
            r#"POST /zones/example.org/rrsets/_acme-challenge.a/TXT/actions/add_records | Bearer t | {"records":[{"value":"\"digest\""}],"ttl":120}"#,
            "GET /actions/3 | Bearer t | ",
        ]
    );
    assert_eq!(removed.len(), 1);
    let server = Server::start(&[
        ("GET /zones/", 200, "{}"),
        ("POST /", 201, r#"{"action":{"id":3,"status":"error","error":{"code":"x","message":"no room"}}}"#),
    ])
    .await;
    let failure =
        record("hetznerv1", &[("HETZNER_API_TOKEN", "t")], &server).await.unwrap().present().await.unwrap_err();
    assert_eq!(
        (failure.reason.as_str(), &*failure.hint),
        (
            "DNS provider `hetznerv1`: the TXT record of `_acme-challenge.a.example.org` was not added: its action \
             `add_records` failed: no room",
            "look at the variables `HETZNER_*` of the gateway, and at what the provider says of them"
        )
    );
}

#[tokio::test]
async fn gandi_keeps_what_others_have_put_there() {
    let server = Server::start(&[
        (
            "GET /domains/example.org/records/_acme-challenge.a/TXT",
            200,
            r#"{"rrset_values":["\"other\"","\"digest\""]}"#,
        ),
        ("GET /domains/example.org", 200, "{}"),
        ("PUT /domains/example.org/records/_acme-challenge.a/TXT", 201, "{}"),
    ])
    .await;
    let [_, added, removed] = asked("gandiv5", &[("GANDIV5_PERSONAL_ACCESS_TOKEN", "t")], &server).await;
    let put = |values: &str| {
        format!(
            r#"PUT /domains/example.org/records/_acme-challenge.a/TXT | Bearer t | {{"rrset_ttl":300,"rrset_values":[{values}]}}"#
        )
    };
    assert_eq!(added[1], put(r#""\"other\"","\"digest\"""#));
    assert_eq!(removed[1], put(r#""\"other\"""#));
    // The last one takes the set with it.
    let server = Server::start(&[
        ("GET /domains/example.org/records/", 404, "{}"),
        ("GET /domains/example.org", 200, "{}"),
        ("PUT /domains/example.org/records/", 201, "{}"),
        ("DELETE /domains/example.org/records/", 204, ""),
    ])
    .await;
    let [_, _, removed] = asked("gandiv5", &[("GANDIV5_API_KEY", "k")], &server).await;
    assert_eq!(removed[1], "DELETE /domains/example.org/records/_acme-challenge.a/TXT | Apikey k | ");
}

#[tokio::test]
async fn duckdns_has_one_record() {
    let server =
        Server::start(&[("GET /?domains=me.duckdns.org&token=t-1&clear=", 200, "OK"), ("GET /?", 200, "KO")]).await;
    let mut record = record("duckdns", &[("DUCKDNS_TOKEN", "t-1")], &server).await.unwrap();
    assert!(record.stands_alone());
    let failure = record.present().await.unwrap_err();
    assert!(
        failure.reason.ends_with("`_acme-challenge.a.example.org` is not below `duckdns.org`"),
        "{}",
        failure.reason
    );
    record.txt.name = "_acme-challenge.x.me.duckdns.org".to_owned();
    record.present().await.unwrap();
    record.cleanup().await.unwrap();
    let own = "GET /?domains=me.duckdns.org&token=t-1&clear=";
    assert_eq!(server.asked(), [format!("{own}false&txt=digest |  | "), format!("{own}true&txt= |  | ")]);
    record.txt.name = "_acme-challenge.you.duckdns.org".to_owned();
    let failure = record.present().await.unwrap_err();
    assert!(failure.reason.ends_with("it answers KO: the account of `DUCKDNS_TOKEN` has no name `you.duckdns.org`"));
    assert!(!failure.reason.contains("t-1"), "a secret is told");
}

#[tokio::test]
async fn servers_of_ones_own_take_legos_requests() {
    let server = Server::start(&[("POST /present", 200, ""), ("POST /cleanup", 200, "")]).await;
    let endpoint = ("HTTPREQ_ENDPOINT", server.address.as_str());
    let [found, added, removed] = asked("httpreq", &[endpoint], &server).await;
    assert_eq!(found, Vec::<String>::new());
    let body = r#"{"fqdn":"_acme-challenge.a.example.org.","value":"digest"}"#;
    assert_eq!(added, [format!("POST /present |  | {body}")]);
    assert_eq!(removed, [format!("POST /cleanup |  | {body}")]);
    let raw = [endpoint, ("HTTPREQ_MODE", "RAW"), ("HTTPREQ_USERNAME", "me"), ("HTTPREQ_PASSWORD", "pass")];
    let [_, added, _] = asked("httpreq", &raw, &server).await;
    let body = r#"{"domain":"a.example.org","keyAuth":"tok.thumb","token":"tok"}"#;
    assert_eq!(added, [format!("POST /present | Basic bWU6cGFzcw== | {body}")]);
}

#[tokio::test]
async fn ovh_is_told_with_signatures() {
    let server = Server::start(&[
        ("GET /auth/time", 200, "1700000000"),
        ("GET /domain/zone/example.org/record?", 200, "[5,6]"),
        ("GET /domain/zone/example.org/record/5", 200, r#"{"target":"\"digest\""}"#),
        ("GET /domain/zone/example.org/record/6", 200, r#"{"target":"other"}"#),
        ("GET /domain/zone/example.org", 200, "{}"),
        ("GET /domain/zone/", 403, r#"{"message":"This call has not been granted"}"#),
        ("POST /domain/zone/example.org/", 200, "null"),
        ("DELETE /domain/zone/example.org/record/5", 200, "null"),
    ])
    .await;
    let keys = [("OVH_APPLICATION_KEY", "a"), ("OVH_APPLICATION_SECRET", "s"), ("OVH_CONSUMER_KEY", "c")];
    let [found, added, removed] = asked("ovh", &keys, &server).await;
    assert_eq!(found.iter().filter(|line| line.starts_with("GET /domain/zone/")).count(), 3);
    assert_eq!(
        added,
        [
            "GET /auth/time |  | ",
            r#"POST /domain/zone/example.org/record |  | {"fieldType":"TXT","subDomain":"_acme-challenge.a","target":"digest","ttl":120}"#,
            "GET /auth/time |  | ",
            "POST /domain/zone/example.org/refresh |  | ",
        ]
    );
    let changes: Vec<&String> = removed.iter().filter(|line| !line.starts_with("GET ")).collect();
    assert_eq!(
        changes,
        ["DELETE /domain/zone/example.org/record/5 |  | ", "POST /domain/zone/example.org/refresh |  | "]
    );
    let token = [("OVH_ACCESS_TOKEN", "t"), ("OVH_ENDPOINT", "ovh-ca")];
    let [_, added, _] = asked("ovh", &token, &server).await;
    assert_eq!(added[1], "POST /domain/zone/example.org/refresh | Bearer t | ");
}

#[tokio::test]
async fn a_provider_that_says_nothing_is_not_waited_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { address: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
    let all = [("DO_AUTH_TOKEN", "t"), ("DO_HTTP_TIMEOUT", "1")];
    assert_eq!(record("digitalocean", &all, &server).await.unwrap_err(), "no answer within 1 s");
}

#[test]
fn what_is_missing_or_invalid_is_told_by_its_name() {
    let told = |provider: &str, all: &[(&str, &str)]| Settings::read(provider, &variables(all)).unwrap_err();
    for (provider, all, expected) in [
        ("cloudflare", &[][..], "set `CLOUDFLARE_DNS_API_TOKEN` or `CF_DNS_API_TOKEN`"),
        ("cloudflare", &[("CF_API_EMAIL", "me")], "set `CLOUDFLARE_DNS_API_TOKEN` or `CF_DNS_API_TOKEN`"),
        (
            "cloudflare",
            &[("CF_DNS_API_TOKEN", "t"), ("CLOUDFLARE_TTL", "60")],
            "`CLOUDFLARE_TTL` is 60, and the provider takes 120 at least",
        ),
        ("cloudflare", &[("CF_DNS_API_TOKEN", "a\u{7f}")], "`CF_DNS_API_TOKEN` cannot be sent in a header"),
        (
            "cloudflare",
            &[("CF_DNS_API_TOKEN_FILE", "/nowhere/token")],
            "`CF_DNS_API_TOKEN_FILE`: `/nowhere/token`: there is no such file",
        ),
        ("digitalocean", &[], "set `DO_AUTH_TOKEN`"),
        ("duckdns", &[], "set `DUCKDNS_TOKEN`"),
        ("duckdns", &[("DUCKDNS_TOKEN", "a&b")], "`DUCKDNS_TOKEN` takes a token of letters, digits and `-`"),
        ("gandiv5", &[], "set `GANDIV5_PERSONAL_ACCESS_TOKEN`"),
        ("hetzner", &[], "set `HETZNER_API_TOKEN`"),
        (
            "hetzner",
            &[("HETZNER_API_KEY", "k")],
            "`HETZNER_API_KEY` is of the DNS console that Hetzner has switched off: move the zone to its Cloud console, and \
             set `HETZNER_API_TOKEN` to a token made there",
        ),
        ("httpreq", &[], "set `HTTPREQ_ENDPOINT`"),
        (
            "httpreq",
            &[("HTTPREQ_ENDPOINT", "dns.example")],
            "`HTTPREQ_ENDPOINT` takes a URL (`https://dns.example/`), not `dns.example`",
        ),
        ("ovh", &[("OVH_APPLICATION_KEY", "a")], "set `OVH_APPLICATION_SECRET` or `OVH_ACCESS_TOKEN`"),
        (
            "ovh",
            &[("OVH_ENDPOINT", "ovh-mars"), ("OVH_ACCESS_TOKEN", "t")],
            "`OVH_ENDPOINT` takes a URL (`https://dns.example/`), not `ovh-mars`",
        ),
        (
            "duckdns",
            &[("DUCKDNS_TOKEN", "t"), ("DUCKDNS_POLLING_INTERVAL", "soon")],
            "`DUCKDNS_POLLING_INTERVAL` takes a number of seconds, not `soon`",
        ),
    ] {
        assert_eq!(told(provider, all), expected, "{provider} {all:?}");
    }
    let found = Settings::read("gandiv5", &variables(&[("GANDIV5_API_KEY", "k")])).unwrap();
    assert_eq!((found.timing.propagation.as_secs(), found.timing.polling.as_secs()), (1200, 20));
    assert_eq!(propagation_seconds("cloudflare", &variables(&[("CLOUDFLARE_PROPAGATION_TIMEOUT", "300")])), Some(300));
    for (provider, names) in [
        ("cloudflare", &["CF_DNS_API_TOKEN", "CF_ZONE_API_TOKEN"][..]),
        ("cloudflare", &["CF_API_EMAIL", "CF_API_KEY"]),
        ("digitalocean", &["DO_AUTH_TOKEN"]),
        ("duckdns", &["DUCKDNS_TOKEN"]),
        ("gandiv5", &["GANDIV5_API_KEY"]),
        ("hetzner", &["HETZNER_API_TOKEN"]),
        ("ovh", &["OVH_APPLICATION_KEY", "OVH_APPLICATION_SECRET", "OVH_CONSUMER_KEY"]),
    ] {
        let all: Vec<_> = names.iter().map(|name| (*name, "s3cr3t")).collect();
        let found = Settings::read(provider, &variables(&all)).unwrap();
        assert!(!format!("{found:?}").contains("s3cr3t"), "{provider}: a secret is shown");
    }
}

#[test]
fn names_are_those_within_the_zone() {
    let zone = Zone { name: "example.org".to_owned(), id: String::new() };
    assert_eq!(zone.host("_acme-challenge.a.example.org"), "_acme-challenge.a");
    assert_eq!(zone.host("example.org"), "@");
}
