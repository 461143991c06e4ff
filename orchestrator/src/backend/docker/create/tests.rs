#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use compose_schema::model::{
    BindOptions, BlkioConfig, Bytes, Deploy, DeviceMapping, DeviceRequest, Duration, Healthcheck, Logging, Mount, Port,
    Resource, Resources, RestartPolicy, Service, ServiceNetwork, ThrottleDevice, TmpfsOptions, Ulimit, VolumeOptions,
};
use serde_json::{Value, json};

use super::{TranslateError, translate};
use crate::backend::{Attachment, ContainerSpec};

const OLD: (u32, u32) = (1, 41);
const NEW: (u32, u32) = (1, 49);

fn of(service: Service) -> ContainerSpec {
    ContainerSpec { name: "p-web-1".to_owned(), image: "web".to_owned(), service, ..ContainerSpec::default() }
}

fn body(spec: &ContainerSpec, api: (u32, u32)) -> Value {
    translate(spec, api).unwrap().body
}

fn host(service: Service, api: (u32, u32)) -> Value {
    body(&of(service), api).get("HostConfig").unwrap().clone()
}

fn warnings(service: Service, api: (u32, u32)) -> Vec<String> {
    translate(&of(service), api).unwrap().warnings
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn mount(kind: &str, source: &str, target: &str) -> Mount {
    Mount { kind: kind.to_owned(), source: source.to_owned(), target: target.to_owned(), ..Mount::default() }
}

#[test]
fn a_plain_service_says_little() {
    let spec = ContainerSpec {
        environment: words(&["A=1", "B"]),
        labels: BTreeMap::from([("l".to_owned(), "v".to_owned())]),
        ..of(Service { command: Some(words(&["sleep", "1"])), ..Service::default() })
    };
    assert_eq!(
        body(&spec, OLD),
        json!({
            "AttachStdout": true, "AttachStderr": true, "Image": "web", "Cmd": ["sleep", "1"], "Env": ["A=1", "B"],
            "Labels": {"l": "v"}, "HostConfig": {"NetworkMode": "none"}
        })
    );
}

#[test]
fn empty_commands_and_missing_ones_differ() {
    let empty = body(&of(Service { entrypoint: Some(Vec::new()), ..Service::default() }), OLD);
    assert_eq!(empty.get("Entrypoint"), Some(&json!([])));
    assert_eq!(empty.get("Cmd"), None);
}

#[test]
fn old_engines_join_one_network_at_a_time() {
    let attachment = |network: &str, mac: &str| Attachment {
        network: network.to_owned(),
        aliases: words(&["web", "p-web-1"]),
        options: ServiceNetwork {
            mac_address: mac.to_owned(),
            ipv4_address: "10.0.0.5".to_owned(),
            ..ServiceNetwork::default()
        },
    };
    let spec = ContainerSpec {
        networks: vec![attachment("front", "02:00:00:00:00:01"), attachment("back", "")],
        ..of(Service::default())
    };
    let old = translate(&spec, OLD).unwrap();
    assert_eq!(
        old.body.get("NetworkingConfig"),
        Some(&json!({"EndpointsConfig": {
            "front": {"Aliases": ["web", "p-web-1"], "IPAMConfig": {"IPv4Address": "10.0.0.5"}}
        }}))
    );
    assert_eq!(old.body.get("MacAddress"), Some(&json!("02:00:00:00:00:01")));
    assert_eq!(old.body.pointer("/HostConfig/NetworkMode"), Some(&json!("front")));
    assert_eq!(old.later.iter().map(|later| later.network.as_str()).collect::<Vec<_>>(), ["back"]);
    let new = translate(&spec, NEW).unwrap();
    assert!(new.later.is_empty());
    assert_eq!(new.body.get("MacAddress"), None);
    assert_eq!(
        new.body.pointer("/NetworkingConfig/EndpointsConfig/front/MacAddress"),
        Some(&json!("02:00:00:00:00:01"))
    );
    assert!(new.body.pointer("/NetworkingConfig/EndpointsConfig/back").is_some());
}

#[test]
fn ports_are_exposed_and_bound() {
    let service = Service {
        expose: words(&["3000-3001", "53/udp"]),
        ports: vec![
            Port {
                target: 80,
                published: "8080".to_owned(),
                host_ip: "127.0.0.1".to_owned(),
                protocol: "tcp".into(),
                ..Port::default()
            },
            Port { target: 80, published: "8081".to_owned(), protocol: "tcp".into(), ..Port::default() },
            Port { target: 443, protocol: "tcp".into(), ..Port::default() },
        ],
        ..Service::default()
    };
    let body = body(&of(service), OLD);
    assert_eq!(
        body.get("ExposedPorts"),
        Some(&json!({"3000/tcp": {}, "3001/tcp": {}, "443/tcp": {}, "53/udp": {}, "80/tcp": {}}))
    );
    assert_eq!(
        body.pointer("/HostConfig/PortBindings"),
        Some(&json!({
            "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostPort": "8081"}],
            "443/tcp": [{"HostPort": ""}]
        }))
    );
}

#[test]
fn binds_and_mounts() {
    let bind = BindOptions { create_host_path: true, selinux: "z".to_owned(), ..BindOptions::default() };
    let spec = ContainerSpec {
        mounts: vec![
            Mount { bind: Some(bind), read_only: true, ..mount("bind", "/srv", "/data") },
            mount("bind", "/may/be/made", "/y"),
            Mount { bind: Some(BindOptions::default()), ..mount("bind", "/must/exist", "/x") },
            mount("volume", "p_db", "/db"),
            Mount {
                bind: Some(BindOptions { selinux: "Z".to_owned(), ..BindOptions::default() }),
                ..mount("volume", "p_own", "/own")
            },
            Mount {
                volume: Some(VolumeOptions { nocopy: true, ..VolumeOptions::default() }),
                ..mount("volume", "p_n", "/n")
            },
            mount("volume", "", "/anonymous"),
            Mount {
                tmpfs: Some(TmpfsOptions { size: Bytes(1024), mode: 0o1777, ..TmpfsOptions::default() }),
                ..mount("tmpfs", "", "/tmp")
            },
        ],
        ..of(Service { tmpfs: words(&["/run", "/cache:size=1m"]), ..Service::default() })
    };
    let body = body(&spec, OLD);
    assert_eq!(
        body.pointer("/HostConfig/Binds"),
        Some(&json!(["/srv:/data:ro,z", "/may/be/made:/y:rw", "p_db:/db:rw", "p_own:/own:rw,Z"]))
    );
    assert_eq!(
        body.pointer("/HostConfig/Mounts"),
        Some(&json!([
            {"Target": "/x", "Source": "/must/exist", "Type": "bind"},
            {"Target": "/n", "Source": "p_n", "Type": "volume", "VolumeOptions": {"NoCopy": true}},
            {"Target": "/anonymous", "Type": "volume"},
            {"Target": "/tmp", "Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 1024, "Mode": 0o1777}}
        ]))
    );
    assert_eq!(body.pointer("/HostConfig/Tmpfs"), Some(&json!({"/run": "", "/cache": "size=1m"})));
}

#[test]
fn limits_of_deploy_win() {
    let service = Service {
        mem_limit: Bytes(1),
        cpus: 0.1,
        pids_limit: 5,
        ulimits: BTreeMap::from([
            ("nofile".to_owned(), Ulimit { soft: 1, hard: 2, single: 0 }),
            ("nproc".to_owned(), Ulimit { single: 7, ..Ulimit::default() }),
        ]),
        blkio_config: Some(Box::new(BlkioConfig {
            weight: 300,
            device_read_bps: vec![ThrottleDevice { path: "/dev/sda".to_owned(), rate: Bytes(1024) }],
            ..BlkioConfig::default()
        })),
        deploy: Some(Box::new(Deploy {
            resources: Resources {
                limits: Some(Resource { cpus: 0.3, memory: Bytes(64), ..Resource::default() }),
                reservations: Some(Resource { memory: Bytes(32), cpus: 0.1, ..Resource::default() }),
                ..Resources::default()
            },
            ..Deploy::default()
        })),
        ..Service::default()
    };
    assert_eq!(
        host(service.clone(), OLD),
        json!({
            "Memory": 64, "MemoryReservation": 32, "NanoCpus": 300_000_000, "PidsLimit": 5, "NetworkMode": "none",
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}, {"Name": "nproc", "Soft": 7, "Hard": 7}],
            "BlkioWeight": 300, "BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1024}]
        })
    );
    assert_eq!(
        warnings(service, OLD),
        ["`deploy.resources.reservations.cpus` is for Swarm; it has no effect on a single engine"]
    );
    assert_eq!(host(Service { cpus: 0.1, ..Service::default() }, OLD).get("NanoCpus"), Some(&json!(100_000_000)));
}

#[test]
fn devices_and_gpus() {
    let device = DeviceMapping { source: "/dev/fuse".to_owned(), ..DeviceMapping::default() };
    let cdi = DeviceMapping { source: "nvidia.com/gpu=all".to_owned(), ..DeviceMapping::default() };
    let gpu = DeviceRequest { driver: "nvidia".to_owned(), ..DeviceRequest::default() };
    let service = Service { devices: vec![device], gpus: vec![gpu], ..Service::default() };
    let found = host(service.clone(), OLD);
    assert_eq!(
        found.get("Devices"),
        Some(&json!([{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}]))
    );
    assert_eq!(
        found.get("DeviceRequests"),
        Some(&json!([{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]))
    );
    let service = Service { devices: vec![cdi], ..Service::default() };
    assert_eq!(
        host(service.clone(), NEW).get("DeviceRequests"),
        Some(&json!([{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]))
    );
    assert_eq!(
        translate(&of(service), OLD).unwrap_err(),
        TranslateError::Unsupported(
            "`devices: nvidia.com/gpu=all` needs Docker 25.0 (API 1.44); this engine has API 1.41".to_owned()
        )
    );
}

#[test]
fn restart_policies() {
    let restart = |word: &str| Service { restart: word.to_owned(), ..Service::default() };
    let policy = |service: Service| host(service, OLD).get("RestartPolicy").cloned();
    assert_eq!(policy(restart("")), None);
    assert_eq!(policy(restart("no")), Some(json!({"Name": "no"})));
    assert_eq!(policy(restart("on-failure:3")), Some(json!({"Name": "on-failure", "MaximumRetryCount": 3})));
    assert_eq!(policy(restart("unless-stopped")), Some(json!({"Name": "unless-stopped"})));
    let deploy = Deploy {
        restart_policy: Some(RestartPolicy {
            condition: "any".to_owned(),
            max_attempts: Some(3),
            ..RestartPolicy::default()
        }),
        ..Deploy::default()
    };
    let both = Service { deploy: Some(Box::new(deploy)), ..restart("no") };
    assert_eq!(policy(both.clone()), Some(json!({"Name": "always"})));
    assert_eq!(warnings(both, OLD), ["the number of restarts has an effect with `on-failure` only"]);
    assert_eq!(
        translate(&of(restart("sometimes")), OLD).unwrap_err(),
        TranslateError::Invalid(
            "`restart: sometimes` is not one of `no`, `always`, `on-failure`, `unless-stopped`".to_owned()
        )
    );
}

#[test]
fn health_checks_and_their_young_options() {
    let check = Healthcheck {
        test: words(&["CMD", "true"]),
        interval: Some(Duration(5_000_000_000)),
        start_interval: Some(Duration(1_000_000_000)),
        retries: Some(3),
        ..Healthcheck::default()
    };
    let service = Service { healthcheck: Some(Box::new(check)), ..Service::default() };
    assert_eq!(
        body(&of(service.clone()), OLD).get("Healthcheck"),
        Some(&json!({"Test": ["CMD", "true"], "Interval": 5_000_000_000_i64, "Retries": 3}))
    );
    assert_eq!(
        warnings(service.clone(), OLD),
        ["`healthcheck.start_interval` needs Docker 25.0 (API 1.44); this engine has API 1.41; it has no effect"]
    );
    assert_eq!(body(&of(service), NEW).pointer("/Healthcheck/StartInterval"), Some(&json!(1_000_000_000)));
    let off = Service {
        healthcheck: Some(Box::new(Healthcheck { disable: true, ..Healthcheck::default() })),
        ..Service::default()
    };
    assert_eq!(body(&of(off), OLD).get("Healthcheck"), Some(&json!({"Test": ["NONE"]})));
}

#[test]
fn everything_about_the_host() {
    let service = Service {
        cap_add: words(&["net_admin", "CAP_SYS_TIME"]),
        cap_drop: words(&["ALL"]),
        cgroup: "private".to_owned(),
        dns: words(&["1.1.1.1"]),
        extra_hosts: BTreeMap::from([("db".to_owned(), words(&["10.0.0.1", "::1"]))]),
        group_add: words(&["mail"]),
        init: Some(true),
        ipc: "shareable".to_owned(),
        logging: Some(Box::new(Logging {
            driver: "local".to_owned(),
            options: BTreeMap::from([("max-size".to_owned(), "1m".to_owned())]),
            ..Logging::default()
        })),
        oom_score_adj: -5,
        pid: "host".to_owned(),
        privileged: true,
        read_only: true,
        runtime: "runc".to_owned(),
        security_opt: words(&["no-new-privileges:true", "systempaths=unconfined", "label=disable"]),
        shm_size: Bytes(99),
        sysctls: BTreeMap::from([("net.core.somaxconn".to_owned(), "1024".to_owned())]),
        userns_mode: "host".into(),
        uts: "host".to_owned(),
        volumes_from: words(&["container:abc:ro", "def"]),
        network_mode: "host".into(),
        ..Service::default()
    };
    assert_eq!(
        host(service, OLD),
        json!({
            "CapAdd": ["CAP_NET_ADMIN", "CAP_SYS_TIME"], "CapDrop": ["ALL"], "CgroupnsMode": "private", "Dns": ["1.1.1.1"],
            "ExtraHosts": ["db:10.0.0.1", "db:::1"], "GroupAdd": ["mail"], "Init": true, "IpcMode": "shareable",
            "LogConfig": {"Type": "local", "Config": {"max-size": "1m"}}, "OomScoreAdj": -5, "PidMode": "host",
            "Privileged": true, "ReadonlyRootfs": true, "Runtime": "runc",
            "SecurityOpt": ["no-new-privileges:true", "label=disable"], "MaskedPaths": [], "ReadonlyPaths": [],
            "ShmSize": 99, "Sysctls": {"net.core.somaxconn": "1024"}, "UsernsMode": "host", "UTSMode": "host",
            "VolumesFrom": ["abc:ro", "def"], "NetworkMode": "host"
        })
    );
}

#[test]
fn stop_and_process_attributes() {
    let service = Service {
        hostname: "h".to_owned(),
        domainname: "d".to_owned(),
        user: "1000".to_owned(),
        tty: true,
        stdin_open: true,
        working_dir: "/w".to_owned(),
        stop_signal: "SIGINT".to_owned(),
        stop_grace_period: Some(Duration(90_000_000_000)),
        ..Service::default()
    };
    let found = body(&of(service), OLD);
    for (name, value) in [
        ("Hostname", json!("h")),
        ("Domainname", json!("d")),
        ("User", json!("1000")),
        ("Tty", json!(true)),
        ("OpenStdin", json!(true)),
        ("WorkingDir", json!("/w")),
        ("StopSignal", json!("SIGINT")),
        ("StopTimeout", json!(90)),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}");
    }
}
