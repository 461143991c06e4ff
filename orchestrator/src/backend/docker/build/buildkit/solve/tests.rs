#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use compose_schema::model::{Build, Bytes, Ulimit};

use super::{Folder, prepare};
use crate::backend::docker::build::Failure;
use crate::backend::docker::transport::Call;
use crate::backend::{BuildSecret, BuildSpec, Labels, Progress, ProgressSink, SecretValue};

const CALL: Call<'_> = Call { name: "build image", object: "app", limit: None };

fn silent() -> ProgressSink {
    Arc::new(|_| {})
}

fn spec(folder: &std::path::Path) -> BuildSpec {
    let context = folder.to_str().unwrap().to_owned();
    let build = Build { context, dockerfile_inline: "FROM x".to_owned(), ..Build::default() };
    BuildSpec { build, tag: "app".to_owned(), ..BuildSpec::default() }
}

#[tokio::test]
async fn a_section_becomes_the_frontends_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(folder.path());
    spec.labels = Labels::from([("com.docker.compose.service".to_owned(), "app".to_owned())]);
    spec.platform = "linux/arm64".to_owned();
    let build = &mut spec.build;
    build.args = [("A", Some("1")), ("B", None), ("C", None)]
        .map(|(k, v)| (k.to_owned(), v.map(str::to_owned)))
        .into_iter()
        .collect();
    build.target = "prod".to_owned();
    build.no_cache = true;
    build.pull = true;
    build.network = "host".to_owned();
    build.privileged = true;
    build.entitlements = vec!["security.insecure".to_owned()];
    build.shm_size = Bytes(1024);
    build.ulimits.insert("nofile".to_owned(), Ulimit { soft: 1, hard: 2, ..Ulimit::default() });
    build.extra_hosts.insert("db".to_owned(), vec!["10.0.0.1".to_owned(), "::1".to_owned()]);
    build.tags = vec!["app:2".to_owned()];
    build.cache_from = vec!["old:1".to_owned(), "type=registry,ref=cache/x".to_owned()];
    build.cache_to = vec!["type=inline".to_owned()];
    build.provenance = "mode=max".to_owned();
    build.sbom = "true".to_owned();
    build.additional_contexts.insert("other".to_owned(), folder.path().to_str().unwrap().to_owned());
    build.additional_contexts.insert("base".to_owned(), "docker-image://busybox".to_owned());
    let environment = BTreeMap::from([("B".to_owned(), "2".to_owned())]);
    let (request, provider) = prepare(CALL, &spec, &environment, Failure::default(), &silent()).await.unwrap();
    let attributes: BTreeMap<_, _> = request.frontend_attrs.into_iter().collect();
    let imports: serde_json::Value = serde_json::from_str(attributes.get("cache-imports").unwrap()).unwrap();
    assert_eq!(
        imports,
        serde_json::json!([
            { "Type": "registry", "Attrs": { "ref": "old:1" } },
            { "Type": "registry", "Attrs": { "ref": "cache/x" } },
        ])
    );
    let shown: Vec<String> = attributes
        .iter()
        .filter(|(name, _)| *name != "cache-imports")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        shown,
        [
            "add-hosts=db=10.0.0.1,db=::1",
            "attest:provenance=mode=max",
            "attest:sbom=",
            "build-arg:A=1",
            "build-arg:B=2",
            "cache-from=old:1,cache/x",
            "context:base=docker-image://busybox",
            "context:other=local:other",
            "filename=Dockerfile",
            "force-network-mode=host",
            "image-resolve-mode=pull",
            "label:com.docker.compose.service=app",
            "no-cache=",
            "platform=linux/arm64",
            "shm-size=1024",
            "target=prod",
            "ulimit=nofile=1:2",
        ]
    );
    assert_eq!(request.entitlements, ["network.host", "security.insecure"]);
    let exporter = request.exporters.first().unwrap();
    assert_eq!((exporter.r#type.as_str(), exporter.attrs.get("name").unwrap().as_str()), ("moby", "app,app:2"));
    assert_eq!(request.exporter_attrs_deprecated, exporter.attrs);
    let caches = request.cache.unwrap();
    assert_eq!(caches.exports.first().unwrap().r#type, "inline");
    assert_eq!(provider.folders.keys().collect::<Vec<_>>(), ["context", "dockerfile", "other"]);
    assert!(matches!(provider.folders.get("dockerfile"), Some(Folder::Made(_))));
    assert_ne!(request.r#ref, request.session);
}

#[tokio::test]
async fn a_dockerfile_may_be_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("app")).unwrap();
    std::fs::write(folder.path().join("My.Dockerfile"), "FROM x").unwrap();
    let mut spec = spec(&folder.path().join("app"));
    spec.build.dockerfile_inline.clear();
    spec.build.dockerfile = "../My.Dockerfile".to_owned();
    let (request, provider) = prepare(CALL, &spec, &BTreeMap::new(), Failure::default(), &silent()).await.unwrap();
    assert_eq!(request.frontend_attrs.get("filename").unwrap(), "My.Dockerfile");
    let Some(Folder::Real(found)) = provider.folders.get("dockerfile") else { unreachable!("it is a folder") };
    assert_eq!(found, folder.path());
}

#[tokio::test]
async fn a_context_that_the_engine_fetches_is_only_named() {
    let mut spec = spec(std::path::Path::new("/"));
    spec.build.context = "https://example.org/app.git#main".to_owned();
    let (request, provider) = prepare(CALL, &spec, &BTreeMap::new(), Failure::default(), &silent()).await.unwrap();
    assert_eq!(request.frontend_attrs.get("context").unwrap(), "https://example.org/app.git#main");
    assert_eq!(request.frontend_attrs.get("dockerfilekey").unwrap(), "dockerfile");
    assert_eq!(provider.folders.keys().collect::<Vec<_>>(), ["dockerfile"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display();
    let refused = async |change: &dyn Fn(&mut Build)| {
        let mut spec = spec(folder.path());
        change(&mut spec.build);
        prepare(CALL, &spec, &BTreeMap::new(), Failure::default(), &silent()).await.err().unwrap().message
    };
    assert_eq!(refused(&|build| build.context = "/nowhere".to_owned()).await, "there is no folder /nowhere to build");
    assert_eq!(
        refused(&|build| build.dockerfile_inline.clear()).await,
        format!("there is no Dockerfile at {here}/Dockerfile")
    );
    assert_eq!(
        refused(&|build| build.cache_to = vec!["type=local".to_owned()]).await,
        "`build.cache_to`: a cache of type `local` needs `dest=FOLDER`"
    );
    assert_eq!(
        refused(&|build| build.cache_from = vec!["ref=x".to_owned()]).await,
        "`build.cache_from`: `ref=x` has no `type`"
    );
    assert_eq!(
        refused(&|build| {
            build.additional_contexts.insert("base".to_owned(), "/nowhere".to_owned());
        })
        .await,
        "there is no folder /nowhere to be the context `base`"
    );
}

#[tokio::test]
async fn a_secret_that_is_not_there_fails_before_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let with = async |path: std::path::PathBuf| {
        let mut spec = spec(folder.path());
        spec.secrets = vec![BuildSecret { id: "key".to_owned(), value: SecretValue::File(path) }];
        prepare(CALL, &spec, &BTreeMap::new(), Failure::default(), &silent()).await.err().map(|error| error.message)
    };
    let file = folder.path().join("key.txt");
    let missing = with(file.clone()).await.unwrap();
    let place = format!("cannot read secret `key` from {}: ", file.display());
    assert!(missing.starts_with(&place) && missing.contains("No such file"), "{missing}");
    let folder_path = folder.path().to_path_buf();
    assert_eq!(
        with(folder_path.clone()).await.unwrap(),
        format!("cannot read secret `key` from {}: it is a folder", folder_path.display())
    );
    std::fs::write(&file, "x").unwrap();
    assert_eq!(with(file).await, None);
}

#[tokio::test]
async fn another_builder_that_the_environment_names_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let told = async |pairs: &[(&str, &str)]| {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let progress: ProgressSink = Arc::new(move |progress| sink.lock().unwrap().push(progress));
        prepare(CALL, &spec(folder.path()), &environment, Failure::default(), &progress).await.ok().unwrap();
        heard.lock().unwrap().clone()
    };
    let warning = "`BUILDX_BUILDER` asks for the builder `fast`; images are built by the engine's own";
    assert_eq!(told(&[("BUILDX_BUILDER", "fast")]).await, [Progress::Warning(warning.to_owned())]);
    for fine in [&[][..], &[("BUILDX_BUILDER", "default")], &[("BUILDX_BUILDER", "ctx"), ("DOCKER_CONTEXT", "ctx")]] {
        assert_eq!(told(fine).await, []);
    }
}
