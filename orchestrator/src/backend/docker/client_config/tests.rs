#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

async fn variables(config: &str, engine: &str) -> Result<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let environment = [("DOCKER_CONFIG".to_owned(), folder.path().to_str().unwrap().to_owned())].into();
    let found = proxy_variables(&environment, engine).await?;
    Ok(found.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

#[tokio::test]
async fn proxies_are_those_of_the_engine() {
    let config = r#"{"auths": {}, "proxies": {
        "default": {"httpProxy": "http://proxy:3128", "noProxy": "localhost,.internal"},
        "tcp://other:2375": {"allProxy": "socks5://proxy"}
    }}"#;
    assert_eq!(
        variables(config, "unix:///var/run/docker.sock").await.unwrap(),
        [
            "HTTP_PROXY=http://proxy:3128",
            "NO_PROXY=localhost,.internal",
            "http_proxy=http://proxy:3128",
            "no_proxy=localhost,.internal"
        ]
    );
    assert_eq!(
        variables(config, "tcp://other:2375").await.unwrap(),
        ["ALL_PROXY=socks5://proxy", "all_proxy=socks5://proxy"]
    );
    assert_eq!(variables("{}", "unix:///x").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_file_is_named() {
    let error = variables("{", "unix:///x").await.unwrap_err();
    assert!(error.object.ends_with("config.json"), "{error:?}");
}
