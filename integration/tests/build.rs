//! Builds by the engine's BuildKit: secrets, caches, keys, named contexts, and what is said when they fail.

use std::os::unix::net::UnixListener;
use std::process::Command;

use integration::Scenario;
use integration::command::run;
use integration::engine::{docker, skip};

/// Whether the engine's API is at least this.
fn engine_has(minor: u32) -> bool {
    let version = docker(["version", "--format", "{{.Server.APIVersion}}"]).ok().stdout;
    version.trim().split_once('.').and_then(|(_, found)| found.parse::<u32>().ok()).unwrap_or(0) >= minor
}

#[test]
fn steps_get_secrets_and_caches_that_are_not_in_the_image() {
    let Some(s) = Scenario::new("buildkit") else { return };
    s.compose_file(
        r#"
services:
  app:
    build:
      context: context
      secrets: [token, {source: password, target: short}]
      args: {GREETING: hello}
      extra_hosts: ["other:10.1.2.3"]
      tags: ["${COMPOSE_PROJECT_NAME}-again:1"]
secrets:
  token: {file: ./token.txt}
  password: {environment: PASSWORD}
"#,
    );
    s.write("token.txt", "of a file");
    s.write(
        "context/Dockerfile",
        r#"FROM busybox:stable
ARG GREETING
RUN --mount=type=secret,id=token --mount=type=secret,id=short \
    wc -c /run/secrets/token /run/secrets/short > /lengths && echo $GREETING > /greeting && grep other /etc/hosts
RUN --mount=type=cache,target=/cache touch /cache/kept && ls /cache > /listing
COPY . /files/
COPY li* /links/
"#,
    );
    s.write("context/.dockerignore", "left\n!left/kept\n*.md\n");
    s.write("context/left/out", "o");
    s.write("context/left/kept", "k");
    s.write("context/read.md", "m");
    s.write("context/real/file", "f");
    std::os::unix::fs::symlink("real/file", s.folder().join("context/link")).unwrap();
    let build = || run(s.stack_command(["build"]).env("PASSWORD", "12345678")).ok();
    let _ = build().says("RUN --mount=type=cache");
    let image = format!("{}-app", s.project);
    let show = |script: &str| docker(["run", "--rm", &image, "sh", "-c", script]).ok().stdout;
    assert_eq!(show("cat /greeting /listing; awk '{print $1}' /lengths"), "hello\nkept\n9\n8\n17\n");
    assert_eq!(show("find /run/secrets /cache -type f -size +0c 2>/dev/null | wc -l"), "0\n");
    assert_eq!(
        show("cd /files && find . -type f -o -type l | sort"),
        "./.dockerignore\n./Dockerfile\n./left/kept\n./link\n./real/file\n"
    );
    assert_eq!(show("cat /links/link"), "f");
    // The second time everything is there already.
    let _ = build().says("CACHED");
    let _ = docker(["image", "inspect", &format!("{}-again:1", s.project)]).ok();
    let _ = docker(["image", "rm", "-f", &image, &format!("{}-again:1", s.project)]).ok();
}

#[test]
fn a_failing_build_says_what_it_printed() {
    let Some(s) = Scenario::new("buildfails") else { return };
    s.compose_file(
        r#"
services:
  app:
    build:
      context: .
      dockerfile_inline: |
        FROM busybox:stable
        RUN --mount=type=tmpfs,target=/t echo about to fail; exit 3
  gone:
    build:
      context: .
      secrets: [nothing]
      dockerfile_inline: |
        FROM busybox:stable
        RUN --mount=type=secret,id=nothing,required=true true
secrets:
  nothing: {file: ./nothing.txt}
"#,
    );
    let failed = s.stack(["build", "app"]).exits(1);
    let place = if engine_has(42) { "\n  Dockerfile:2: RUN --mount" } else { "\n  [2/2] RUN --mount" };
    let _ = failed.says("exit code: 3").says(place).says("\n  | about to fail");
    let _ = s.stack(["build", "gone"]).exits(1).says("cannot read secret `nothing`").says("nothing.txt: No such file");
    let classic = run(s.stack_command(["build", "app"]).env("DOCKER_BUILDKIT", "0")).exits(1);
    let _ = classic.says("dockerfile_inline:2: `RUN --mount` needs BuildKit");
}

#[test]
fn an_agents_keys_are_passed_on() {
    let Some(s) = Scenario::new("buildssh") else { return };
    s.compose_file(
        r#"
services:
  app:
    build:
      context: .
      dockerfile_inline: |
        FROM python:3.12-slim
        ARG ONCE
        RUN --mount=type=ssh,required=true python3 -c "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); s.sendall(b'hello'); print('answer:', s.recv(100))"
"#,
    );
    let socket = s.folder().join("agent");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 5];
            if stream.read_exact(&mut buffer).is_ok() {
                buffer.reverse();
                let _ = stream.write_all(&buffer);
            }
        }
    });
    let once = format!("ONCE={}", s.project);
    let mut command = s.stack_command(["build", "--ssh", "default", "--build-arg", &once]);
    let _ = run(command.env("SSH_AUTH_SOCK", &socket)).ok().says("answer: b'olleh'");
    let _ = docker(["image", "rm", "-f", &format!("{}-app", s.project)]).ok();
    let _ = run(s.stack_command(["build", "--ssh=default"]).env_remove("SSH_AUTH_SOCK"))
        .exits(1)
        .says("`SSH_AUTH_SOCK` names none");
}

#[test]
fn a_key_in_a_file_reaches_the_build_by_an_agent() {
    let Some(s) = Scenario::new("buildkey") else { return };
    let made =
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(s.folder().join("key")));
    if made.code() != 0 {
        skip("buildkey", "a key needs OpenSSH's client");
        return;
    }
    // Asks the agent for its keys (RFC draft "SSH Agent Protocol", section 4.4), and shows how many it has.
    s.compose_file(
        r#"
services:
  app:
    build:
      context: .
      ssh: ["mine=./key"]
      dockerfile_inline: |
        FROM python:3.12-slim
        ARG ONCE
        RUN --mount=type=ssh,id=mine,required=true python3 -c "import os, socket, struct; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); s.sendall(bytes([0, 0, 0, 1, 11])); a = s.recv(9, socket.MSG_WAITALL); print('answer', a[4], 'with', struct.unpack('>I', a[5:])[0], 'key')"
"#,
    );
    let once = format!("ONCE={}", s.project);
    let _ = s.stack(["build", "--build-arg", &once]).ok().says("answer 12 with 1 key");
    s.write("key", "no key");
    let _ = s.stack(["build"]).exits(1).says("`build.ssh` (`mine`): ").says("cannot be used: ");
}

#[test]
fn a_build_begins_with_another_services_image() {
    let Some(s) = Scenario::new("buildbase") else { return };
    s.compose_file(
        r#"
services:
  web:
    build:
      context: .
      additional_contexts: {base: "service:base", more: ./more}
      dockerfile_inline: |
        FROM base
        COPY --from=more file /
  base:
    build:
      context: .
      dockerfile_inline: |
        FROM busybox:stable
        RUN echo from the base > /base
"#,
    );
    s.write("more/file", "from the folder\n");
    if !engine_has(42) {
        let _ = s
            .stack(["build", "web"])
            .exits(1)
            .says("`build.additional_contexts` needs Docker 23.0 (API 1.42) or newer");
        let _ = docker(["image", "rm", "-f", &format!("{}-base", s.project)]).ok();
        skip("a_build_begins_with_another_services_image", "named contexts need API 1.42");
        return;
    }
    // Only `web` is asked for: its base is built, too.
    let _ = s.stack(["build", "web"]).ok();
    let (web, base) = (format!("{}-web", s.project), format!("{}-base", s.project));
    let shown = docker(["run", "--rm", &web, "cat", "/base", "/file"]).ok().stdout;
    assert_eq!(shown, "from the base\nfrom the folder\n");
    s.write("compose.check.yaml", "services:\n  bad:\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM busybox:stable as x\n        RUN true\n");
    if engine_has(48) {
        let _ = s.stack(["-f", "compose.check.yaml", "build", "--check"]).exits(1).says("FromAsCasing");
        let _ = s.stack(["build", "--check", "base"]).ok();
    }
    let _ = docker(["image", "rm", "-f", &web, &base]).ok();
}

#[test]
fn a_cache_in_a_folder_is_read() {
    let Some(s) = Scenario::new("buildcache") else { return };
    let image = format!("{}-app", s.project);
    let file = |caches: &str| {
        s.compose_file(&format!(
            r#"
services:
  app:
    build:
      context: .
      {caches}
      dockerfile_inline: |
        FROM busybox:stable
        RUN echo {} > /made
"#,
            s.project
        ));
    };
    // An image with a cache within, in the layout that caches in folders have.
    file("cache_to: [type=inline]");
    let _ = s.stack(["build"]).ok();
    let _ = docker(["save", "-o", &s.folder().join("image.tar").to_string_lossy(), &image]).ok();
    let script = r#"
import hashlib, json, os, tarfile
image = tarfile.open("image.tar")
os.makedirs("cache/blobs/sha256")
def put(kind, data):
    digest = hashlib.sha256(data).hexdigest()
    with open("cache/blobs/sha256/" + digest, "wb") as file:
        file.write(data)
    return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}
parts = json.load(image.extractfile("manifest.json"))[0]
docker = "application/vnd.docker."
manifest = put(docker + "distribution.manifest.v2+json", json.dumps({
    "schemaVersion": 2,
    "mediaType": docker + "distribution.manifest.v2+json",
    "config": put(docker + "container.image.v1+json", image.extractfile(parts["Config"]).read()),
    "layers": [put(docker + "image.rootfs.diff.tar", image.extractfile(layer).read()) for layer in parts["Layers"]],
}).encode())
manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
with open("cache/index.json", "w") as index:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, index)
"#;
    let _ = run(Command::new("python3").args(["-c", script]).current_dir(s.folder())).ok();
    file("cache_from: ['type=local,src=./cache', 'type=local,src=./nowhere', 'type=gha']");
    let said = s.stack(["build"]).ok();
    let line = said.stderr.lines().find(|line| line.contains("importing cache manifest from local"));
    let step = line.and_then(|line| line.split(' ').find(|word| word.starts_with('#'))).expect("the cache is read");
    assert!(said.stderr.contains(&format!("| {step} DONE")), "{said}");
    // What cannot be read is said, also where nothing else is; the builder's own words would be hidden.
    let said = s.stack(["build", "--quiet"]).ok();
    assert_eq!(said.stderr.lines().count(), 2, "{said}");
    let _ = said
        .says("warning: `build.cache_from` (docker-compose.yml:6): there is no cache in `./nowhere`: No such file")
        .says("warning: `build.cache_from` (docker-compose.yml:6): a cache of type `gha` is there on runners of GitHub only");
    let _ = docker(["image", "rm", "-f", &image]).ok();
}

#[test]
fn a_cache_is_written_into_a_folder() {
    let Some(s) = Scenario::new("cachefolder") else { return };
    let store = docker(["info", "--format", "{{json .DriverStatus}}"]).ok().stdout;
    if !store.contains("io.containerd.snapshotter") {
        skip(
            "cachefolder",
            "the engine does not keep its images in containerd (STACK_ENGINE_28_FLAGS='--feature containerd-snapshotter=true')",
        );
        return;
    }
    s.compose_file(&format!(
        r#"
services:
  app:
    build:
      context: .
      cache_to: ["type=local,dest=cache,mode=max"]
      cache_from: ["type=local,src=cache"]
      dockerfile_inline: |
        FROM busybox:stable
        RUN echo {} > /made
"#,
        s.project
    ));
    let _ = s.stack(["build"]).ok().says("there is no cache in `cache`");
    let list = s.folder().join("cache/index.json");
    let tags = || -> Vec<String> {
        let index: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&list).unwrap()).unwrap();
        let listed = index["manifests"].as_array().unwrap();
        listed.iter().map(|part| part["annotations"]["org.opencontainers.image.ref.name"].to_string()).collect()
    };
    assert_eq!(tags(), ["\"latest\""]);
    // Written over, and read.
    let _ = s.stack(["build"]).ok().says("importing cache manifest from local");
    assert_eq!(tags(), ["\"latest\""]);
    std::fs::write(&list, "{").unwrap();
    let said = s.stack(["build"]).exits(1).says("build.cache_to").says("its index.json cannot be read");
    assert_eq!(std::fs::read_to_string(&list).unwrap(), "{", "{said}");
    let _ = docker(["image", "rm", "-f", &format!("{}-app", s.project)]).ok();
}

#[test]
fn services_that_build_one_image_get_the_last_one() {
    let Some(s) = Scenario::new("buildrivals") else { return };
    let image = format!("{}-image:1", s.project);
    let service = |name: &str| {
        format!(
            "  {name}:\n    image: {image}\n    command: [cat, /made]\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM busybox:stable\n        RUN echo by {name} > /made\n"
        )
    };
    s.compose_file(&format!("services:\n{}{}", service("a"), service("b")));
    let said = s.stack(["up", "-d", "--quiet-build"]).ok();
    let _ =
        said.says("services `a` (docker-compose.yml:3) and `b` (docker-compose.yml:11) build image").never_says(" | #");
    for service in ["a", "b"] {
        let id = s.container(service);
        integration::eventually("it has printed", || {
            let printed = docker(["logs", &id]).ok().stdout;
            (printed == "by b\n").then_some(())
        });
    }
    let _ = s.stack(["down", "--rmi", "all"]).ok();
}

#[test]
fn what_cannot_be_pulled_is_a_failure_whoever_could_build_it() {
    let Some(s) = Scenario::new("pullbuildable") else { return };
    s.compose_file("services:\n  app:\n    image: localhost:1/nowhere/app:1\n    build: .\n");
    let hint = "hint: `stack build app` builds what cannot be pulled";
    let _ = s.stack(["pull"]).exits(1).says("cannot pull image `localhost:1/nowhere/app:1`").says(hint);
    let _ = s.stack(["pull", "--policy", "missing"]).exits(1);
    let _ = s.stack(["pull", "--ignore-pull-failures"]).ok().says("warning: cannot pull image").says(hint);
    let _ = s.stack(["pull", "--ignore-buildable"]).ok().never_says("cannot pull");
    let _ = s.stack(["pull", "--policy", "never"]).ok().never_says("cannot pull");
}
