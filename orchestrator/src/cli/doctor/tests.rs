use std::net::IpAddr;

use super::check::all;
use super::facts::{Attempt, Certificate, Disk, Edge, Facts, Project, Question, Resolved};
use super::{Severity, text};
use crate::backend::{Container, EngineInfo, MountPoint, PublishedPort, State, VolumeInfo};
use crate::edge::state::Status;
use crate::labels;

const DAY: i64 = 24 * 3600;

fn container(name: &str, state: State, status: &str) -> Container {
    let labels = [(labels::PROJECT.to_owned(), "web".to_owned())];
    Container {
        id: name.to_owned(),
        name: name.to_owned(),
        state,
        status: status.to_owned(),
        labels: labels.into(),
        ..Container::default()
    }
}

fn well() -> Facts {
    let info = EngineInfo {
        address: "unix:///var/run/docker.sock".to_owned(),
        local: true,
        version: "27.0.1".to_owned(),
        api: (1, 46),
        platform: "linux/amd64".to_owned(),
    };
    let edge = |name: &str| {
        let mut container = container(name, State::Running, "Up 2 days");
        container.labels = [("stack.role", "x"), ("stack.version", "0.1.0")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        container
    };
    let status = Status { listening: vec!["0.0.0.0:443".to_owned()], ..Status::default() };
    Facts {
        version: "0.1.0".to_owned(),
        now: 1_000_000_000,
        engine: Some(Ok(info)),
        clock: Some(1),
        disk: Some(Disk { path: "/var/lib/docker".to_owned(), free: 60 << 30, total: 100 << 30, files: Some((9, 10)) }),
        project: Some(Ok(Project { name: "web".to_owned(), routed: true, ..Project::default() })),
        edge: Edge {
            gateway: Some(edge("stack-gateway")),
            agent: Some(edge("stack-agent")),
            current: true,
            status: Some(status),
        },
        ports: [("0.0.0.0:443".to_owned(), None)].into(),
        names: [("a.test".to_owned(), Resolved::To(vec![(IpAddr::from([192, 0, 2, 1]), true)]))].into(),
        certificates: vec![Certificate {
            project: "web".to_owned(),
            names: vec!["a.test".to_owned()],
            begins: 1_000_000_000 - 30 * DAY,
            ends: 1_000_000_000 + 60 * DAY,
        }],
        containers: vec![container("web-app-1", State::Running, "Up 2 days (healthy)")],
        ..Facts::default()
    }
}

/// All but what is well.
fn bad(facts: &Facts) -> String {
    let mut found = all(facts);
    found.retain(|finding| finding.severity != Severity::Ok);
    text(&found)
}

#[test]
fn all_is_well() {
    insta::assert_snapshot!(text(&all(&well())), @r"
    ok       engine        Docker 27.0.1 (API 1.46) at unix:///var/run/docker.sock
    ok       project       `web` can be read
    ok       clock         the engine's clock and this host's agree
    ok       disk          60GiB of 100GiB are free at /var/lib/docker
    ok       gateway       runs, version 0.1.0
    ok       ports         the gateway listens on 0.0.0.0:443
    ok       names         `a.test` leads to this host (192.0.2.1)
    ok       certificates  the one for a.test (`web`) ends in 60 days
    ");
}

#[test]
fn an_engine_that_does_not_answer_is_all_there_is_to_say() {
    let error = ("cannot reach the engine".to_owned(), "is it running?".to_owned());
    let facts =
        Facts { engine: Some(Err(error)), project: Some(Err("a.yml:1: no\nmore".to_owned())), ..Facts::default() };
    insta::assert_snapshot!(text(&all(&facts)), @r"
    error    engine        cannot reach the engine
                         -> is it running?
    error    project       a.yml:1: no
                         -> `stack config -q` shows all that is wrong, and where
    ");
}

#[test]
fn host_and_engine() {
    let mut facts = well();
    facts.clock = Some(-95);
    facts.disk = Some(Disk { path: "/d".to_owned(), free: 100 << 20, total: 100 << 30, files: None });
    facts.ports = [(":80".to_owned(), Some("it is in use by nginx (pid 7)".to_owned()))].into();
    insta::assert_snapshot!(bad(&facts), @r"
    error    disk          100MiB of 100GiB are free at /d
                         -> `docker system df` shows what takes the place, `docker image prune -a` removes images that nobody uses
    error    ports         the gateway could not listen on :80: it is in use by nginx (pid 7)
                         -> stop what holds it, or give the entry point another port
    warning  clock         the engine's clock is 95 s behind this host's
                         -> let both hosts take their time from the network (`timedatectl set-ntp true`)
    ");
    facts = well();
    facts.disk = Some(Disk { path: "/d".to_owned(), free: 60 << 30, total: 100 << 30, files: Some((0, 1000)) });
    insta::assert_snapshot!(bad(&facts), @r"
    error    disk          only 0 of 1000 files can still be made at /d
                         -> `docker system df` shows what takes the place, `docker image prune -a` removes images that nobody uses
    ");
}

#[test]
fn gateway_and_agent() {
    let mut facts = well();
    facts.edge.agent = None;
    facts.edge.current = false;
    if let Some(gateway) = &mut facts.edge.gateway {
        gateway.state = State::Exited;
        gateway.status = "Exited (1) 2 minutes ago".to_owned();
    }
    insta::assert_snapshot!(bad(&facts), @r"
    error    gateway       the gateway does not run (Exited (1) 2 minutes ago)
                         -> `stack up -d` brings it back; `docker logs stack-gateway` may say why it ended
    error    gateway       the agent is gone
                         -> `stack up -d` brings it back; `docker logs stack-agent` may say why it ended
    ");
    facts = well();
    facts.edge.current = false;
    if let Some(status) = &mut facts.edge.status {
        status.unreached = ["172.18.0.2:80".to_owned()].into();
        status.project_problems = [("web".to_owned(), vec!["router `a` is lost".to_owned()])].into();
    }
    insta::assert_snapshot!(bad(&facts), @r"
    warning  gateway       it is of another build (0.1.0) than this `stack` (0.1.0)
                         -> `stack up -d` replaces it, in a moment without connections
    warning  gateway       router `a` is lost
    warning  gateway       it has not reached the server 172.18.0.2:80 yet
                         -> does it listen on all addresses (0.0.0.0), at the port that the label names?
    ");
    facts.edge = Edge::default();
    insta::assert_snapshot!(bad(&facts), @r"
    error    gateway       the project runs and asks for the gateway, but there is none
                         -> `stack up -d` starts it
    ");
}

#[test]
fn names_and_certificates() {
    let mut facts = well();
    let (own, other) = ((IpAddr::from([192, 0, 2, 1]), true), (IpAddr::from([198, 51, 100, 7]), false));
    facts.names = [
        ("half.test".to_owned(), Resolved::To(vec![own, other])),
        ("far.test".to_owned(), Resolved::To(vec![other])),
        ("none.test".to_owned(), Resolved::Failed("Name or service not known".to_owned())),
    ]
    .into();
    if let Some(certificate) = facts.certificates.first_mut() {
        certificate.ends = facts.now + 3 * DAY;
    }
    facts.attempts = ["a.test", "b.test"]
        .map(|name| Attempt {
            project: "web".to_owned(),
            name: name.to_owned(),
            failures: 3,
            reason: "no DNS record (dns)".to_owned(),
            next: facts.now + 1200,
        })
        .into();
    insta::assert_snapshot!(bad(&facts), @r"
    error    certificates  none was obtained for b.test (`web`), 3 times in a row: no DNS record (dns); it is tried again in 20 minutes
                         -> `docker logs stack-gateway` says more
    warning  names         `half.test` leads to 192.0.2.1, 198.51.100.7, some of which are no addresses of this host
                         -> a forgotten AAAA record makes certificates and visitors fail: each address has to lead here
    warning  names         `none.test` leads nowhere: Name or service not known
                         -> add an A or AAAA record for `none.test` that leads to the gateway's host, or a line in /etc/hosts
    warning  certificates  the one for a.test (`web`) ends in 3 days and was not renewed
                         -> `docker logs stack-gateway` says more
    warning  certificates  none was obtained for a.test (`web`), 3 times in a row: no DNS record (dns); it is tried again in 20 minutes
                         -> `docker logs stack-gateway` says more
    note     names         `far.test` leads to 198.51.100.7, which is no address of this host
                         -> right behind a router or a balancer that hands on to this host; else change the record
    ");
}

#[test]
fn containers_of_the_project() {
    let mut facts = well();
    let port = |published: u16, target: u16, ip: &str| PublishedPort {
        host_ip: ip.to_owned(),
        published,
        target,
        protocol: "tcp".to_owned(),
    };
    let mut db = container("web-db-1", State::Running, "Up (unhealthy)");
    db.ports = vec![port(5432, 5432, "0.0.0.0"), port(5432, 5432, "::"), port(5433, 5432, "127.0.0.1")];
    let mut app = container("web-app-1", State::Restarting, "Restarting (1) 2 seconds ago");
    app.ports = vec![port(8080, 80, "0.0.0.0")];
    app.labels.insert("traefik.enable".to_owned(), "true".to_owned());
    let socket = "/var/run/docker.sock".to_owned();
    app.mounts = vec![MountPoint { kind: "bind".to_owned(), source: socket, ..MountPoint::default() }];
    let mut stranger = container("other-1", State::Restarting, "Restarting");
    stranger.labels.insert(labels::PROJECT.to_owned(), "other".to_owned());
    facts.containers = vec![db, app, stranger];
    let own = [(labels::PROJECT.to_owned(), "web".to_owned())].into();
    facts.volumes = vec![VolumeInfo { name: "web_old".to_owned(), labels: own, ..VolumeInfo::default() }];
    insta::assert_snapshot!(bad(&facts), @r"
    error    containers    `web-db-1` is unhealthy
                         -> `docker inspect web-db-1` shows what its check said; `x-stack: {restart-unhealthy: true}` restarts it
    error    containers    `web-app-1` ends again and again (Restarting (1) 2 seconds ago)
                         -> `docker logs web-app-1` says why
    warning  socket        `web-app-1` has the engine's socket (/var/run/docker.sock): whoever breaks in there is root on this host
                         -> take it out where it can be done without, else put a proxy before it that lets few calls through
    warning  exposed       `web-db-1` publishes PostgreSQL (port 5432) to every network of this host, past its firewall
                         -> write `127.0.0.1:5432:5432`, or take it out: services of the project need no `ports`
    warning  exposed       `web-app-1` is behind the gateway, and port 8080 leads past it
                         -> take `ports` out: the gateway reaches the container without
    note     volumes       `web_old` is not in the files any more, and no container has it
                         -> `docker volume rm web_old` removes it and its data
    ");
}

#[test]
fn what_got_no_answer_is_said_and_nothing_is_made_of_it() {
    let mut facts = well();
    let own = [(labels::PROJECT.to_owned(), "web".to_owned())].into();
    facts.volumes = vec![VolumeInfo { name: "web_old".to_owned(), labels: own, ..VolumeInfo::default() }];
    facts.containers = Vec::new();
    facts.edge = Edge::default();
    facts.unanswered = [Question::Containers, Question::Gateway].map(|one| (one, "no time".to_owned())).into();
    insta::assert_snapshot!(bad(&facts), @r"
    error    engine        it does not say how it is with its containers: no time
                         -> what depends on that was not looked at; try again
    error    engine        it does not say how it is with the gateway: no time
                         -> what depends on that was not looked at; try again
    ");
}

#[test]
fn a_host_without_a_project() {
    let mut facts = well();
    facts.project = None;
    facts.edge = Edge::default();
    facts.volumes = vec![VolumeInfo { name: "x".to_owned(), ..VolumeInfo::default() }];
    facts.ports =
        [(":80".to_owned(), Some("it is in use by nginx (pid 7)".to_owned())), (":443".to_owned(), None)].into();
    insta::assert_snapshot!(bad(&facts), @r"
    note     project       there is no compose file here
    note     ports         the gateway could not listen on :80: it is in use by nginx (pid 7)
    note     volumes       1 volumes of this engine are used by no container
                         -> `docker volume ls -f dangling=true` lists them
    ");
}
