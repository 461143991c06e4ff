#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use super::*;
use crate::backend::BuildPlaces;

const CALL: Call<'_> = Call { name: "build image", object: "app", limit: None };

fn spec(from: &[&str], to: &[&str]) -> BuildSpec {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    BuildSpec {
        build: Build { cache_from: list(from), cache_to: list(to), ..Build::default() },
        places: BuildPlaces {
            cache_from: Some("compose.yaml:7".to_owned()),
            cache_to: Some("compose.yaml:8".to_owned()),
            ..BuildPlaces::default()
        },
        ..BuildSpec::default()
    }
}

/// The caches, and what was warned about.
async fn caches(spec: &BuildSpec, environment: &[(&str, &str)]) -> (Result<Caches>, Vec<String>) {
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&said);
    let progress: ProgressSink = Arc::new(move |progress| {
        if let Progress::Warning(text) = progress {
            sink.lock().unwrap().push(text);
        }
    });
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let caches = Caches::of(CALL, spec, &environment, &progress).await;
    let said = said.lock().unwrap().clone();
    (caches, said)
}

#[tokio::test]
async fn a_cache_in_a_folder_is_found_by_its_tag() {
    let folder = tempfile::tempdir().unwrap();
    let index = r#"{"manifests": [
        {"digest": "sha256:aa", "annotations": {"org.opencontainers.image.ref.name": "latest"}},
        {"digest": "sha256:bb", "annotations": {"org.opencontainers.image.ref.name": "old"}}
    ]}"#;
    std::fs::write(folder.path().join("index.json"), index).unwrap();
    let src = folder.path().display();
    let from = [
        format!("type=local,src={src}"),
        format!("type=local,src={src},tag=old"),
        format!("type=local,src={src},digest=sha256:cc"),
        format!("type=local,src={src},tag=new"),
    ];
    let (found, said) = caches(&spec(&from.each_ref().map(String::as_str), &[]), &[]).await;
    let found = found.unwrap();
    let digests: Vec<&str> = found.options.imports.iter().map(|entry| entry.attrs["digest"].as_str()).collect();
    assert_eq!(digests, ["sha256:aa", "sha256:bb", "sha256:cc"]);
    assert_eq!(
        said,
        [format!("`build.cache_from` (compose.yaml:7): the cache in `{src}` has no `new`; the build does without")]
    );
    let mut attributes = BTreeMap::new();
    found.tell(&mut attributes);
    assert!(attributes["cache-imports"].contains(r#""Type":"local""#), "{attributes:?}");
}

#[tokio::test]
async fn a_cache_that_cannot_be_read_is_no_failure() {
    let (found, said) = caches(&spec(&["type=local,src=/nowhere", "old:1"], &["type=gha"]), &[]).await;
    let found = found.unwrap();
    assert_eq!(found.options.imports.len(), 1);
    assert!(found.options.exports.is_empty());
    assert_eq!(
        said,
        [
            "`build.cache_from` (compose.yaml:7): there is no cache in `/nowhere`: No such file or directory (os error 2); the build does without",
            "`build.cache_to` (compose.yaml:8): a cache of type `gha` is there on runners of GitHub only (`ACTIONS_RUNTIME_TOKEN` is not set); none is written",
        ]
    );
}

#[tokio::test]
async fn on_a_runner_its_cache_is_used() {
    let runner = [("ACTIONS_RUNTIME_TOKEN", "secret"), ("ACTIONS_CACHE_URL", "https://cache.example.com")];
    let spec = spec(&["type=gha,scope=main"], &["type=gha"]);
    let (found, said) = caches(&spec, &runner).await;
    let found = found.unwrap();
    assert_eq!(said, Vec::<String>::new());
    for entry in found.options.imports.iter().chain(&found.options.exports) {
        assert_eq!(
            (entry.attrs["token"].as_str(), entry.attrs["url"].as_str()),
            ("secret", "https://cache.example.com")
        );
    }
    let environment = BTreeMap::from(runner.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(written(&spec.build, &environment).collect::<Vec<_>>(), ["gha"]);
    assert_eq!(written(&spec.build, &BTreeMap::new()).count(), 0);
}

#[tokio::test]
async fn what_is_no_cache_is_refused_with_its_place() {
    let refused = async |from: &[&str], to: &[&str]| caches(&spec(from, to), &[]).await.0.unwrap_err().message;
    assert_eq!(
        refused(&["type=local"], &[]).await,
        "`build.cache_from` (compose.yaml:7): a cache of type `local` needs `src=FOLDER`"
    );
    assert_eq!(refused(&["ref=x"], &[]).await, "`build.cache_from` (compose.yaml:7): `ref=x` has no `type`");
    assert_eq!(
        refused(&["type=local,src"], &[]).await,
        "`build.cache_from` (compose.yaml:7): `src` of `type=local,src` is not `KEY=VALUE`"
    );
    assert_eq!(
        refused(&[], &["type=local"]).await,
        "`build.cache_to` (compose.yaml:8): a cache of type `local` needs `dest=FOLDER`"
    );
}

#[tokio::test]
async fn only_folders_of_caches_to_write_are_written_into() {
    let (found, _) = caches(&spec(&["type=local,src=a,digest=sha256:1"], &["type=local,dest=b"]), &[]).await;
    let stores = found.unwrap().stores;
    assert_eq!(stores.writable("local:b").unwrap(), std::path::PathBuf::from("b"));
    for other in ["local:a", "local:/etc"] {
        assert!(stores.writable(other).unwrap_err().message.contains("writes no cache"), "{other}");
    }
}
