#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use compose_schema::LoadOptions;

use super::*;
use crate::reconcile::Selection;

const FILE: &str = r#"
name: shop
services:
  app:
    image: registry.test/app:1
    build:
      context: context
      args: {A: "$${x} <&>", B: , C: }
      target: final
      tags: ["registry.test/app:2"]
      cache_to: ["type=registry,ref=x"]
      ssh: [default, "k=/key"]
      secrets: [file, {source: variable, target: short}]
      shm_size: 64m
      privileged: true
      entitlements: [network.host]
      ulimits: {nofile: {soft: 1, hard: 2}, nproc: 5}
      extra_hosts: ["a:1.2.3.4"]
      additional_contexts: {base: "service:base"}
      provenance: "mode=max"
      sbom: true
  base:
    platform: linux/arm64
    build: {context: context, dockerfile_inline: "FROM a\nENV B=$${c} $$d"}
  far: {build: "https://example.com/a.git#main", image: far}
secrets: {file: {file: ./s}, variable: {environment: V}}
"#;

/// What the real Docker Compose 2.40.3 prints for it.
const BAKED: &str = r#"{
  "group": {
    "default": {
      "targets": [
        "app",
        "base",
        "far"
      ]
    }
  },
  "target": {
    "app": {
      "context": "FOLDER/context",
      "contexts": {
        "base": "target:base"
      },
      "dockerfile": "FOLDER/context/Dockerfile",
      "args": {
        "A": "$${x} \u003c\u0026\u003e",
        "C": "set"
      },
      "labels": {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "app",
        "com.docker.compose.version": "2.40.3"
      },
      "tags": [
        "registry.test/app:2",
        "registry.test/app:1"
      ],
      "cache-to": [
        "type=registry,ref=x"
      ],
      "target": "final",
      "secret": [
        "id=file,type=file,src=FOLDER/s",
        "id=short,type=env,env=V"
      ],
      "ssh": [
        "default=",
        "k=/key"
      ],
      "shm-size": "67108864",
      "ulimits": [
        "nofile=1:2",
        "nproc=5"
      ],
      "entitlements": [
        "network.host",
        "security.insecure"
      ],
      "extra-hosts": {
        "a": "1.2.3.4"
      },
      "output": [
        "type=registry"
      ],
      "attest": [
        "type=provenance,mode=max",
        "type=sbom"
      ]
    },
    "base": {
      "context": "FOLDER/context",
      "dockerfile-inline": "FROM a\nENV B=$${c} $d",
      "labels": {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "base",
        "com.docker.compose.version": "2.40.3"
      },
      "tags": [
        "shop-base"
      ],
      "platforms": [
        "linux/arm64"
      ],
      "output": [
        "type=docker"
      ]
    },
    "far": {
      "context": "https://example.com/a.git#main",
      "dockerfile": "Dockerfile",
      "labels": {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "far",
        "com.docker.compose.version": "2.40.3"
      },
      "tags": [
        "far"
      ],
      "output": [
        "type=registry"
      ]
    }
  }
}
"#;

#[test]
fn builds_are_printed_as_docker_compose_prints_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(folder.join("context")).unwrap();
    std::fs::write(folder.join("compose.yaml"), FILE).unwrap();
    let environment = BTreeMap::from([("C".to_owned(), "set".to_owned()), ("V".to_owned(), "secret".to_owned())]);
    let loaded = compose_schema::load(&LoadOptions::new(folder.clone(), environment.clone())).unwrap();
    let desired = |services: &[&str]| {
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection { services, no_dependencies: true, ..Selection::default() };
        Desired::new(&loaded.project, &selection, &|_| None).unwrap()
    };
    let text = file(&loaded.project, &desired(&[]), &environment, true).unwrap();
    assert_eq!(text.replace(&folder.display().to_string(), "FOLDER"), BAKED);
    let text = file(&loaded.project, &desired(&["app"]), &environment, false).unwrap();
    assert!(
        text.contains("\"base\": {") && text.contains("type=docker") && !text.contains("type=registry\""),
        "{text}"
    );
}
