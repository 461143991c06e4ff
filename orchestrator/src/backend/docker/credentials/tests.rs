#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::{Registry, for_all, for_registry};

fn decoded(header: Option<String>) -> Value {
    serde_json::from_slice(&URL_SAFE.decode(header.unwrap()).unwrap()).unwrap()
}

fn environment(folder: &std::path::Path, config: &str) -> BTreeMap<String, String> {
    std::fs::write(folder.join("config.json"), config).unwrap();
    let path = folder.to_str().unwrap().to_owned();
    BTreeMap::from([("DOCKER_CONFIG".to_owned(), path.clone()), ("PATH".to_owned(), format!("{path}:/usr/bin:/bin"))])
}

#[test]
fn images_come_from_registries() {
    for (image, registry) in [
        ("nginx", "https://index.docker.io/v1/"),
        ("library/nginx:1", "https://index.docker.io/v1/"),
        ("docker.io/nginx", "https://index.docker.io/v1/"),
        ("ghcr.io/a/b:1", "ghcr.io"),
        ("localhost/x", "localhost"),
        ("registry:5000/x", "registry:5000"),
    ] {
        assert_eq!(Registry::of_image(image).0, registry, "{image}");
    }
}

#[tokio::test]
async fn stored_passwords_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6czNjOnJldA=="},"https://ghcr.io/v2":{"auth":"YTpi"}}}"#;
    let environment = environment(folder.path(), config);
    let hub = for_registry(&environment, &Registry::of_image("nginx")).await.unwrap();
    assert_eq!(
        decoded(hub),
        json!({"username": "me", "password": "s3c:ret", "serveraddress": "https://index.docker.io/v1/"})
    );
    let other = for_registry(&environment, &Registry::of_image("ghcr.io/x/y")).await.unwrap();
    assert_eq!(decoded(other), json!({"username": "a", "password": "b", "serveraddress": "ghcr.io"}));
    assert_eq!(for_registry(&environment, &Registry::of_image("quay.io/x")).await.unwrap(), None);
    assert_eq!(decoded(for_all(&environment).await.unwrap()).as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn helpers_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("docker-credential-test");
    let script = "#!/bin/sh\nread -r server\ncase $server in\nknown.io) echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}';;\n*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n";
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let environment = environment(folder.path(), r#"{"auths":{},"credsStore":"test"}"#);
    let known = for_registry(&environment, &Registry::of_image("known.io/x")).await.unwrap();
    assert_eq!(decoded(known), json!({"identitytoken": "t", "serveraddress": "known.io"}));
    assert_eq!(for_registry(&environment, &Registry::of_image("unknown.io/x")).await.unwrap(), None);
}

#[tokio::test]
async fn a_broken_configuration_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path(), "{");
    let error = for_registry(&environment, &Registry::of_image("x")).await.unwrap_err().to_string();
    assert!(error.starts_with("read the client's configuration") && error.contains("config.json"), "{error}");
}
