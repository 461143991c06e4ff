//! The small project behind the gateway that many scenarios use.

use integration::{Answer, Curl, Scenario, eventually};

/// A compose file: Traefik with one TLS entry point on `port`, and `app`, the program of examples/02-hello, routed by `host`.
pub(crate) fn file(port: u16, host: &str) -> String {
    format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command:
      - "--providers.docker=true"
      - "--entrypoints.e{port}.address=:{port}"
      - "--entrypoints.e{port}.http.tls=true"
    ports: ["{port}:{port}"]
  app:
    build: ./hello
    environment:
      GREETING: ${{GREETING:-hello}}
    labels:
      - "traefik.http.routers.app.rule=Host(`{host}`)"
      - "traefik.http.routers.app.entrypoints=e{port}"
"#
    )
}

/// Writes it, with the program's build context.
pub(crate) fn write(scenario: &Scenario, port: u16, host: &str) {
    scenario.compose_file(&file(port, host));
    scenario.hello_context("hello");
}

/// A request whose certificate is not looked at.
pub(crate) fn ask(host: &str, port: u16) -> Answer {
    Curl::to("https", host, port, "/").with("--insecure").send()
}

/// Asks until the answer is 200.
pub(crate) fn until_served(host: &str, port: u16) -> Answer {
    let mut last = Answer::default();
    let found = integration::holds_within(std::time::Duration::from_secs(30), || {
        last = ask(host, port);
        (last.status == 200).then(|| last.clone())
    });
    found.unwrap_or_else(|| panic!("https://{host}:{port}/ is not served: {last:?}"))
}

/// Asks until the answer is another status than 200.
pub(crate) fn until_unserved(host: &str, port: u16) -> Answer {
    eventually("the route is gone", || {
        let answer = ask(host, port);
        (answer.status != 200).then_some(answer)
    })
}

/// The host name in the program's answer.
pub(crate) fn served_by(answer: &Answer) -> String {
    answer.body.lines().next().unwrap_or_default().rsplit(' ').next().unwrap_or_default().to_owned()
}
