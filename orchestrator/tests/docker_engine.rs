//! The Docker backend on a real engine. Where none answers, or where no static busybox is installed, each test says
//! so and passes. What is made is named after the process and taken away again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says why it was skipped, and is told by the environment where the engine is"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use compose_schema::model::{Build, Bytes as Size, Mount, Network, Service, Volume};
use futures_util::StreamExt;
use orchestrator::backend::docker::{Address, Docker, connect};
use orchestrator::backend::{
    Attachment, Backend, BuildSpec, ContainerSpec, Engine, ErrorKind, ExecSpec, LabelFilter, LogOptions, NetworkSpec,
    Progress, ProgressSink, State, Stream, VolumeSpec,
};
use tokio::io::AsyncWriteExt;

const BUSYBOX: &str = "/bin/busybox";

/// An engine, and the image all tests run: busybox and nothing else.
struct Ground {
    engine: Engine,
    name: String,
    image: String,
}

fn silent() -> ProgressSink {
    Arc::new(|_| {})
}

fn build(folder: &std::path::Path, tag: &str) -> BuildSpec {
    let build = Build { context: folder.to_str().unwrap().to_owned(), ..Build::default() };
    BuildSpec { build, tag: tag.to_owned(), ..BuildSpec::default() }
}

impl Ground {
    async fn prepare(test: &str) -> Option<Self> {
        let engine = connect(&std::env::vars().collect()).unwrap();
        if let Err(error) = engine.info().await {
            eprintln!("skipped: {error}");
            return None;
        }
        if !PathBuf::from(BUSYBOX).exists() {
            eprintln!("skipped: {BUSYBOX} is not installed (Debian: busybox-static)");
            return None;
        }
        let name = format!("o1-{test}-{}", std::process::id());
        let image = format!("{name}:latest");
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(BUSYBOX, folder.path().join("busybox")).unwrap();
        let dockerfile =
            "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let id = engine.build(&build(folder.path(), &image), silent()).await.unwrap();
        assert!(id.starts_with("sha256:"), "{id}");
        Some(Self { engine, name, image })
    }

    fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("o1.test".to_owned(), self.name.clone())])
    }

    fn filter(&self) -> LabelFilter {
        LabelFilter(vec![("o1.test".to_owned(), Some(self.name.clone()))])
    }

    fn spec(&self, suffix: &str, script: &str) -> ContainerSpec {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        ContainerSpec {
            name: format!("{}-{suffix}", self.name),
            image: self.image.clone(),
            labels: self.labels(),
            service: Service { command: Some(command), ..Service::default() },
            ..ContainerSpec::default()
        }
    }

    async fn clean(self) {
        for container in self.engine.containers(&self.filter()).await.unwrap() {
            self.engine.remove_container(&container.id, true).await.unwrap();
        }
        for network in self.engine.networks(&self.filter()).await.unwrap() {
            self.engine.remove_network(&network.id).await.unwrap();
        }
        for volume in self.engine.volumes(&self.filter()).await.unwrap() {
            self.engine.remove_volume(&volume.name).await.unwrap();
        }
        self.engine.remove_image(&self.image).await.unwrap();
    }
}

#[tokio::test]
async fn a_container_with_networks_volumes_and_limits() {
    let Some(ground) = Ground::prepare("life").await else { return };
    let engine = &ground.engine;
    let mut events = engine.events(&ground.filter()).await.unwrap();
    for network in ["front", "back"] {
        let network = Network { name: format!("{}-{network}", ground.name), ..Network::default() };
        engine.create_network(&NetworkSpec { network, labels: ground.labels() }).await.unwrap();
    }
    let again = Network { name: format!("{}-front", ground.name), ..Network::default() };
    let spec = NetworkSpec { network: again, labels: ground.labels() };
    assert_eq!(engine.create_network(&spec).await.unwrap_err().kind, ErrorKind::Conflict);
    let volume = Volume { name: format!("{}-data", ground.name), ..Volume::default() };
    engine.create_volume(&VolumeSpec { volume, labels: ground.labels() }).await.unwrap();

    let mut spec = ground.spec("a", "echo out; echo err >&2; exec sleep 1000");
    let attachment = |network: &str| Attachment {
        network: format!("{}-{network}", ground.name),
        aliases: vec!["web".to_owned()],
        ..Attachment::default()
    };
    spec.networks = vec![attachment("front"), attachment("back")];
    spec.mounts = vec![Mount {
        kind: "volume".to_owned(),
        source: format!("{}-data", ground.name),
        target: "/data".to_owned(),
        ..Mount::default()
    }];
    spec.service.mem_limit = Size(64 * 1024 * 1024);
    spec.service.pids_limit = 50;
    spec.environment = vec!["GREETING=hello".to_owned()];
    let (id, warnings) = engine.create_container(&spec).await.unwrap();
    assert!(warnings.iter().all(|warning| warning.contains("swap")), "{warnings:?}");
    assert_eq!(engine.create_container(&spec).await.unwrap_err().kind, ErrorKind::Conflict);
    engine.start_container(&id).await.unwrap();
    engine.start_container(&id).await.unwrap();

    let listed = engine.containers(&ground.filter()).await.unwrap();
    let [container] = listed.as_slice() else { panic_with(&listed) };
    assert_eq!((container.name.as_str(), container.state), (spec.name.as_str(), State::Running));
    assert_eq!(container.networks.len(), 2);
    assert!(container.networks.values().all(|endpoint| !endpoint.ipv4.is_empty()));
    assert_eq!(container.mounts.first().unwrap().name, format!("{}-data", ground.name));
    let network = format!("{}-front", ground.name);
    assert_eq!(engine.remove_network(&network).await.unwrap_err().kind, ErrorKind::Conflict);

    let limits = ExecSpec {
        command: ["sh", "-c", "echo $GREETING; cat >&2; exit 7"].map(str::to_owned).to_vec(),
        stdin: true,
        ..ExecSpec::default()
    };
    let mut session = engine.exec(&id, &limits).await.unwrap();
    session.input.write_all(b"from stdin").await.unwrap();
    session.input.shutdown().await.unwrap();
    let parts: Vec<_> = session.output.map(Result::unwrap).collect().await;
    assert_eq!(parts, [(Stream::Stdout, Bytes::from("hello\n")), (Stream::Stderr, Bytes::from("from stdin"))]);
    assert_eq!(engine.exec_exit_code(&session.id).await.unwrap(), Some(7));

    let waiter = tokio::spawn({
        let (engine, id) = (Arc::clone(engine), id.clone());
        async move { engine.wait_container(&id).await }
    });
    engine.kill_container(&id, "SIGKILL").await.unwrap();
    assert_eq!(waiter.await.unwrap().unwrap(), 137);
    let detail = engine.container(&spec.name).await.unwrap();
    assert_eq!((detail.exit_code, detail.summary.state), (137, State::Exited));
    let log: Vec<_> = engine.logs(&id, &LogOptions::default()).await.unwrap().map(Result::unwrap).collect().await;
    let mut texts: Vec<_> = log.iter().map(|record| (record.stream, record.bytes.clone())).collect();
    texts.sort_by_key(|(stream, _)| *stream == Stream::Stderr);
    assert_eq!(texts, [(Stream::Stdout, Bytes::from("out\n")), (Stream::Stderr, Bytes::from("err\n"))]);
    let last = LogOptions { since: log.last().map(|record| record.time.clone()), ..LogOptions::default() };
    assert_eq!(engine.logs(&id, &last).await.unwrap().count().await, 1);

    engine.remove_container(&id, true).await.unwrap();
    engine.remove_container(&id, true).await.unwrap();
    assert_eq!(engine.container(&id).await.unwrap_err().kind, ErrorKind::NotFound);
    let mut actions = Vec::new();
    while actions.last().is_none_or(|action| action != "destroy") {
        let event = events.next().await.unwrap().unwrap();
        actions.push(event.action);
    }
    for expected in ["create", "start", "kill", "die", "destroy"] {
        assert!(actions.iter().any(|action| action == expected), "{expected} in {actions:?}");
    }
    ground.clean().await;
}

fn panic_with<T: std::fmt::Debug>(value: &T) -> ! {
    std::panic::panic_any(format!("{value:?}"))
}

#[tokio::test]
async fn a_terminal_and_its_input() {
    let Some(ground) = Ground::prepare("tty").await else { return };
    let engine = &ground.engine;
    let mut spec = ground.spec("t", "read -r line; printf '\\001%s' \"$line\"");
    spec.service.tty = true;
    spec.service.stdin_open = true;
    let (id, _) = engine.create_container(&spec).await.unwrap();
    let mut session = engine.attach_container(&id, true, None).await.unwrap();
    engine.start_container(&id).await.unwrap();
    engine.resize_container(&id, 40, 100).await.unwrap();
    session.input.write_all(b"typed\n").await.unwrap();
    let output: Vec<u8> =
        session.output.map(Result::unwrap).flat_map(|(_, bytes)| futures_util::stream::iter(bytes)).collect().await;
    let text = String::from_utf8(output).unwrap();
    assert!(text.ends_with("\u{1}typed"), "{text:?}");
    let log: Vec<_> = engine.logs(&id, &LogOptions::default()).await.unwrap().map(Result::unwrap).collect().await;
    assert!(log.last().unwrap().bytes.ends_with(b"\x01typed"), "{log:?}");
    assert!(log.iter().all(|record| record.time.starts_with("20")), "{log:?}");
    ground.clean().await;
}

#[tokio::test]
async fn builds_and_their_failures() {
    let Some(ground) = Ground::prepare("build").await else { return };
    let engine = &ground.engine;
    let folder = tempfile::tempdir().unwrap();
    let dockerfile = format!("FROM {}\nARG WHO\nCOPY hello /hello\nRUN echo built for $WHO >> /hello\n", ground.image);
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(folder.path().join("hello"), "hello\n").unwrap();
    let tag = format!("{}-app:latest", ground.name);
    let mut spec = build(folder.path(), &tag);
    spec.build.args.insert("WHO".to_owned(), Some("me".to_owned()));
    spec.build.tags.push(format!("{}-app:second", ground.name));
    spec.labels = ground.labels();
    let first = engine.build(&spec, silent()).await.unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink: ProgressSink = {
        let lines = Arc::clone(&lines);
        Arc::new(move |progress| {
            if let Progress::Line(line) = progress {
                lines.lock().unwrap().push(line);
            }
        })
    };
    assert_eq!(engine.build(&spec, sink).await.unwrap(), first);
    assert!(lines.lock().unwrap().iter().any(|line| line.ends_with("CACHED")), "{lines:?}");
    let image = engine.image(&format!("{}-app:second", ground.name)).await.unwrap().unwrap();
    assert_eq!(image.id, first);
    assert_eq!(image.labels.get("o1.test"), Some(&ground.name));
    assert!(image.platform_mismatch("linux/s390x").unwrap().contains("not for linux/s390x"));

    spec.build.dockerfile_inline = format!("FROM {}\nRUN echo about to fail; exit 3\n", ground.image);
    let error = engine.build(&spec, silent()).await.unwrap_err();
    assert!(error.message.contains("exit code: 3"), "{error}");
    assert!(error.message.contains("RUN echo about to fail; exit 3\n  | about to fail"), "{error}");

    let classic: BTreeMap<String, String> =
        std::env::vars().chain([("DOCKER_BUILDKIT".to_owned(), "0".to_owned())]).collect();
    let classic = connect(&classic).unwrap();
    let error = classic.build(&spec, silent()).await.unwrap_err();
    assert!(error.message.contains("returned a non-zero code: 3"), "{error}");
    assert!(error.message.contains("\n  Step 2/3 : RUN echo about to fail; exit 3\n  | about to fail"), "{error}");
    spec.build.dockerfile_inline = "FROM scratch\nRUN --mount=type=cache,target=/x true\n".to_owned();
    let error = classic.build(&spec, silent()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.starts_with("dockerfile_inline:2: `RUN --mount` needs BuildKit"), "{error}");

    engine.remove_image(&format!("{}-app:second", ground.name)).await.unwrap();
    engine.remove_image(&tag).await.unwrap();
    engine.remove_image(&tag).await.unwrap();
    ground.clean().await;
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let Some(ground) = Ground::prepare("none").await else { return };
    let engine = &ground.engine;
    let mut spec = ground.spec("x", "true");
    spec.image = "o1-nowhere:1".to_owned();
    let error = engine.create_container(&spec).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(engine.image("o1-nowhere:1").await.unwrap().is_none());
    assert!(engine.network("o1-nowhere").await.unwrap().is_none());
    assert!(engine.volume("o1-nowhere").await.unwrap().is_none());
    let mut other = ground.spec("y", "true");
    other.service.platform = "linux/s390x".to_owned();
    let error = engine.create_container(&other).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    assert!(error.message.contains("linux/s390x") && error.message.contains("linux/amd64"), "{error}");
    ground.clean().await;
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_named() {
    let nobody = Docker::new(Address::Unix(PathBuf::from("/nowhere/docker.sock")), BTreeMap::new());
    let error = nobody.unwrap().info().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert_eq!(
        error.to_string(),
        "cannot reach the Docker engine at unix:///nowhere/docker.sock: there is nothing there"
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_never_answers_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mute.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let keep = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let mute = Docker::new(Address::Unix(path), BTreeMap::new());
    let begun = tokio::time::Instant::now();
    let error = mute.unwrap().info().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.contains("did not answer within 60 seconds"), "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(60));
    keep.abort();
}
