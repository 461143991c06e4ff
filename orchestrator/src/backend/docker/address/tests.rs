#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Address;
use crate::backend::ErrorKind;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_host(host: &str) -> crate::backend::Result<Address> {
    Address::find(&environment(&[("DOCKER_HOST", host)]))
}

#[test]
fn hosts_in_all_their_forms() {
    assert_eq!(Address::find(&BTreeMap::new()).unwrap(), Address::Unix(PathBuf::from("/var/run/docker.sock")));
    assert_eq!(with_host("unix:///run/x.sock").unwrap(), Address::Unix(PathBuf::from("/run/x.sock")));
    assert_eq!(with_host("tcp://10.0.0.1").unwrap(), Address::Tcp("10.0.0.1:2375".to_owned()));
    assert_eq!(with_host("tcp://[::1]:99/").unwrap(), Address::Tcp("[::1]:99".to_owned()));
    assert_eq!(with_host("tcp://[::1]").unwrap(), Address::Tcp("[::1]:2375".to_owned()));
    let words = ["-l", "me", "-p", "2222", "--", "box"].map(str::to_owned).to_vec();
    assert_eq!(with_host("ssh://me@box:2222").unwrap(), Address::Ssh(words));
    assert_eq!(with_host("ssh://box").unwrap(), Address::Ssh(vec!["--".to_owned(), "box".to_owned()]));
}

#[test]
fn hosts_that_make_no_sense_are_refused() {
    for host in ["docker.sock", "unix://", "ftp://x", "ssh://-oProxyCommand=x", "ssh://a/b", "ssh://a:b"] {
        assert_eq!(with_host(host).unwrap_err().kind, ErrorKind::Invalid, "{host}");
    }
    let tls = environment(&[("DOCKER_HOST", "tcp://x:2376"), ("DOCKER_TLS_VERIFY", "1")]);
    let error = Address::find(&tls).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("DOCKER_TLS_VERIFY"), "{error}");
}

/// The folder's name is the SHA-256 of the context's.
fn write_context(folder: &Path, name: &str, host: &str) {
    use sha2::Digest;
    let digest: String = sha2::Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let meta = folder.join("contexts/meta").join(digest);
    std::fs::create_dir_all(&meta).unwrap();
    let text = format!(
        r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
    );
    std::fs::write(meta.join("meta.json"), text).unwrap();
}

#[test]
fn contexts_are_read_from_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write_context(folder.path(), "rootless", "unix:///run/user/1000/docker.sock");
    write_context(folder.path(), "other", "unix:///other.sock");
    std::fs::write(folder.path().join("config.json"), r#"{"currentContext":"rootless","auths":{}}"#).unwrap();
    let current = environment(&[("DOCKER_CONFIG", path)]);
    assert_eq!(Address::find(&current).unwrap(), Address::Unix(PathBuf::from("/run/user/1000/docker.sock")));
    let named = environment(&[("DOCKER_CONFIG", path), ("DOCKER_CONTEXT", "other")]);
    assert_eq!(Address::find(&named).unwrap(), Address::Unix(PathBuf::from("/other.sock")));
    let host =
        environment(&[("DOCKER_CONFIG", path), ("DOCKER_CONTEXT", "other"), ("DOCKER_HOST", "unix:///host.sock")]);
    assert_eq!(Address::find(&host).unwrap(), Address::Unix(PathBuf::from("/host.sock")));
    let unknown = environment(&[("DOCKER_CONFIG", path), ("DOCKER_CONTEXT", "nope")]);
    assert!(
        Address::find(&unknown)
            .unwrap_err()
            .to_string()
            .starts_with("find engine nope: the docker context cannot be read")
    );
}
