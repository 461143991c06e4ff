//! The gateway's processes, certificates and privileges.

use std::process::Command;
use std::time::Duration;

use integration::engine::docker;
use integration::{Background, Curl, Scenario, eventually, free_port, run};

use crate::routed;

/// Serial number of the certificate that a name gets.
fn certificate(host: &str, port: u16, field: &str) -> String {
    let line = format!(
        "openssl s_client -connect 127.0.0.1:{port} -servername {host} </dev/null 2>/dev/null | openssl x509 -noout -{field}"
    );
    run(Command::new("bash").args(["-c", &line])).stdout
}

#[test]
fn without_a_certificate_the_gateway_makes_its_own() {
    let Some(s) = Scenario::new("owncert") else { return };
    let port = free_port();
    routed::write(&s, port, "own.example.com");
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served("own.example.com", port);
    let strict = Curl::to("https", "own.example.com", port, "/").send();
    assert!(strict.status == 0 && strict.error.contains("certificate"), "{strict:?}");
    assert!(!certificate("own.example.com", port, "subject").is_empty());
}

/// The program's functions lie in the order in which processes need them (`orchestrator/order.ld`): most of it is never touched.
#[test]
fn a_gateway_holds_little_of_the_program() {
    let program = integration::stack();
    if program.components().all(|part| part.as_os_str() != "release") {
        integration::engine::skip("a_gateway_holds_little_of_the_program", "it is about the release");
        return;
    }
    let address = format!("127.0.0.1:{}", free_port());
    let gateway =
        Background::start(Command::new(program).args(["gateway", &format!("--entrypoints.web.address={address}")]));
    eventually("the gateway listens", || std::net::TcpStream::connect(&address).ok());
    let status = || std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let resident = || {
        let status = status();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim_end_matches("kB").trim().parse::<u64>().unwrap()
    };
    // As much as it takes to start, which is over when nothing is added any more.
    let mut looks = [0; 10];
    let kibibytes = eventually("it has started", || {
        looks.rotate_left(1);
        looks[9] = resident();
        looks.iter().all(|look| *look == looks[9]).then_some(looks[9])
    });
    assert!(kibibytes < 13 * 1024, "{kibibytes} KiB at start:\n{}", status());
}

#[test]
fn certificates_are_reloaded_when_their_files_change() {
    let Some(s) = Scenario::new("certs") else { return };
    let (port, host) = (free_port(), "certs.example.com");
    s.hello_context("hello");
    s.compose_file(&routed::file(port, host).replace(
        &format!("    ports: [\"{port}:{port}\"]\n"),
        &format!("    ports: [\"{port}:{port}\"]\n    volumes: [\"./certs:/certs:ro\"]\n"),
    ));
    std::fs::copy(integration::scenario::repository().join("examples/01-webapp/certs.sh"), s.folder().join("certs.sh"))
        .unwrap();
    let make = || run(Command::new("./certs.sh").arg(host).current_dir(s.folder())).ok();
    let _ = make();
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served(host, port);
    let file = s.folder().join("certs/cert.pem");
    let trusted = || Curl::to("https", host, port, "/").trusting(&file).send();
    eventually("the folder's certificate is served", || (trusted().status == 200).then_some(()));
    let before = certificate(host, port, "serial");

    std::fs::remove_file(&file).unwrap();
    let _ = make();
    eventually("the new certificate is served", || (certificate(host, port, "serial") != before).then_some(()));
    let answer = trusted();
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn gateway_and_agent_survive_each_others_restarts() {
    let Some(s) = Scenario::alone("restarts") else { return };
    let (port, host) = (free_port(), "restarts.example.com");
    routed::write(&s, port, host);
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served(host, port);

    let _ = docker(["stop", "--time", "2", "stack-agent"]).ok();
    assert_eq!(routed::ask(host, port).status, 200, "without an agent the gateway serves what it knows");
    let _ = docker(["restart", "--time", "2", "stack-gateway"]).ok();
    routed::until_served(host, port);

    let _ = docker(["start", "stack-agent"]).ok();
    let _ = s.stack(["up", "-d", "--scale", "app=2"]).ok();
    eventually("the agent tells of the second replica", || {
        let names = [routed::ask(host, port), routed::ask(host, port)].map(|answer| routed::served_by(&answer));
        (names[0] != names[1]).then_some(())
    });
    let _ = docker(["kill", "stack-gateway"]).ok();
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served(host, port);
}

#[test]
fn who_faces_the_internet_has_no_socket_and_few_rights() {
    let Some(s) = Scenario::new("rights") else { return };
    let port = free_port();
    routed::write(&s, port, "rights.example.com");
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served("rights.example.com", port);
    let gateway = |format: &str| s.inspect("stack-gateway", format);
    let agent = |format: &str| s.inspect("stack-agent", format);
    assert!(!gateway("{{json .Mounts}}{{json .HostConfig.Binds}}").contains("docker.sock"));
    assert!(agent("{{json .Mounts}}{{json .HostConfig.Binds}}").contains("docker.sock"));
    assert_eq!(agent("{{.HostConfig.NetworkMode}}"), "none");
    for inspect in [&gateway as &dyn Fn(&str) -> String, &agent] {
        assert_eq!(inspect("{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}}"), "true false");
        assert_eq!(inspect("{{json .HostConfig.CapDrop}}"), "[\"ALL\"]");
        assert!(inspect("{{json .HostConfig.SecurityOpt}}").contains("no-new-privileges"));
    }
    let added = gateway("{{json .HostConfig.CapAdd}}").to_uppercase();
    assert!(added.contains("NET_BIND_SERVICE") && added.matches('"').count() == 2, "{added}");

    // What projects want, their variables and secrets with it, only the agent has.
    let volume = |format: &dyn Fn(&str) -> String| format("{{json .Mounts}}").contains("stack-projects");
    assert!(volume(&agent) && !volume(&gateway));
    let files = |container: &str| docker(["cp", &format!("{container}:/state/projects"), "-"]).text();
    assert!(files("stack-agent").contains(".json"));
    assert!(!files("stack-gateway").contains(".json"));
}

#[test]
fn the_gateway_runs_by_hand_with_traefiks_flags() {
    let Some(s) = Scenario::new("byhand") else { return };
    let (web, backend) = (free_port(), free_port());
    s.hello_context("hello");
    let _hello = Background::start(Command::new(s.folder().join("hello/hello")).env("PORT", backend.to_string()));
    s.write(
        "dynamic.yml",
        &format!(
            "http:\n  routers:\n    one: {{rule: 'Host(`hand.example.com`) && PathPrefix(`/x`)', service: one}}\n  services:\n    one: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{backend}'}}]}}}}\n"
        ),
    );
    let mut command = s.stack_command([
        "gateway",
        &format!("--entrypoints.web.address=127.0.0.1:{web}"),
        "--providers.file.filename=dynamic.yml",
        "--ping=true",
        "--ping.entrypoint=web",
    ]);
    let gateway = Background::start(&mut command);
    let ask = |path: &str| Curl::to("http", "hand.example.com", web, path).send();
    let answer = eventually("it answers", || Some(ask("/x/y")).filter(|answer| answer.status == 200));
    assert!(answer.body.contains("GET /x/y HTTP/1.1"), "{answer:?}");
    assert_eq!(ask("/other").body, "404 page not found\n");
    assert_eq!(ask("/ping").body, "OK");

    // A change of the file is taken up; a broken one is not, and the old one stays in force.
    let file = s.folder().join("dynamic.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("`/x`", "`/y`")).unwrap();
    eventually("the new route is in force", || (ask("/y").status == 200).then_some(()));
    assert_eq!(ask("/x").status, 404);

    let slow = Background::start(Command::new("curl").args([
        "--silent",
        "--resolve",
        &format!("hand.example.com:{web}:127.0.0.1"),
        &format!("http://hand.example.com:{web}/y"),
    ]));
    assert_eq!(slow.wait(Duration::from_secs(20)).code(), 0);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(20)).code(), 0, "a drained gateway ends well");
}

/// Seconds of processor time that a process has used.
fn processor_time(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0
}

#[test]
fn without_descriptors_it_waits_and_goes_on() {
    let port = free_port();
    // On one processor, for each has a listener of its own that complains.
    let mut gateway = Background::start(
        Command::new("prlimit").args(["--nofile=64:64", "taskset", "-c", "0"]).arg(integration::stack()).args([
            "gateway",
            "--ping",
            "--ping.entrypoint=web",
            &format!("--entrypoints.web.address=127.0.0.1:{port}"),
        ]),
    );
    let asks = || Curl::to("http", "localhost", port, "/ping").send().status;
    eventually("the gateway answers", || (asks() == 200).then_some(()));
    let open = || std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let held: Vec<_> = (0..200).map(|_| open()).collect();
    gateway.until_it_says("cannot accept connections for the moment");
    let before = processor_time(gateway.id());
    std::thread::sleep(Duration::from_secs(2));
    let used = processor_time(gateway.id()) - before;
    assert!(used < 0.5, "{used} s of 2 are spent on waiting");
    let complaints = gateway.text().matches("cannot accept").count();
    assert!(complaints < 60, "{complaints} lines");
    drop(held);
    eventually("the gateway answers again", || (asks() == 200).then_some(()));
}

#[test]
fn dynamic_files_alone_are_routed_with_their_templates_filled_in() {
    let Some(s) = Scenario::new("templates") else { return };
    let port = free_port();
    s.compose_file(&format!(
        r#"
services:
  traefik:
    image: traefik:v3
    command: ["--entrypoints.e{port}.address=:{port}", "--providers.file.directory=/dynamic"]
    ports: ["{port}:{port}"]
    environment: {{DOMAIN: example.com, APPS: "one,two"}}
    volumes: ["./dynamic:/dynamic:ro"]
  app:
    image: busybox:stable
    command: ["sh", "-c", "mkdir /www && echo app > /www/index.html && exec httpd -f -p 80 -h /www"]
    stop_signal: SIGKILL
"#
    ));
    let template = r#"
http:
  routers:
{{- range $name := split (env "APPS") "," }}
    {{ $name }}: {rule: 'Host(`{{ $name }}.{{ env "DOMAIN" }}`)', service: app}
{{- end }}
  services:
    app: {loadBalancer: {servers: [{url: "http://app:80"}]}}
"#;
    s.write("dynamic/apps.yml", template);
    let _ = s.stack(["up", "-d"]).ok();
    let ask = |host: &str| Curl::to("http", host, port, "/").send();
    let served = |host: &str| eventually("it is served", || Some(ask(host)).filter(|answer| answer.status == 200));
    assert_eq!((served("one.example.com").body.as_str(), served("two.example.com").body.as_str()), ("app\n", "app\n"));
    assert_eq!(ask("three.example.com").status, 404);

    // A mistake leaves what was read before in force, and is told with its line.
    s.write("dynamic/apps.yml", &template.replace("split (env", "splitt (env"));
    eventually("the mistake is told", || {
        let routes = s.stack(["routes"]);
        let told = "/dynamic/apps.yml: template: line 4: function `splitt` is not supported";
        format!("{routes}").contains(told).then_some(())
    });
    assert_eq!(ask("one.example.com").status, 200);
}
