#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Address, DEFAULT_SOCKET, TlsFiles};
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
    assert_eq!(with_host("ssh://me@box:2222").unwrap(), Address::Ssh { host: words, socket: None });
    let host = vec!["--".to_owned(), "box".to_owned()];
    assert_eq!(with_host("ssh://box").unwrap(), Address::Ssh { host: host.clone(), socket: None });
    let socket = Some("/run/user/1000/docker.sock".to_owned());
    let found = with_host("ssh://box/run/user/1000/docker.sock").unwrap();
    assert_eq!(found, Address::Ssh { host, socket });
    assert_eq!(found.to_string(), "ssh://box/run/user/1000/docker.sock");
}

#[test]
fn hosts_that_make_no_sense_are_refused() {
    let hosts = [
        "docker.sock",
        "unix://",
        "ftp://x",
        "ssh://-oProxyCommand=x",
        "ssh://a/b;reboot",
        "ssh://a:b",
        "tcp://",
        "tcp://a/b",
        "https://x",
    ];
    for host in hosts {
        assert_eq!(with_host(host).unwrap_err().kind, ErrorKind::Invalid, "{host}");
    }
}

#[test]
fn certificates_are_where_the_environment_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let find = |more: &[(&str, &str)]| {
        let mut all = environment(&[("DOCKER_HOST", "tcp://engine.test"), ("DOCKER_CERT_PATH", path)]);
        all.extend(environment(more));
        Address::find(&all)
    };
    assert_eq!(find(&[]).unwrap(), Address::Tcp("engine.test:2375".to_owned()), "certificates alone ask for nothing");
    let error = find(&[("DOCKER_TLS_VERIFY", "1")]).unwrap_err();
    assert!(error.message.starts_with("`DOCKER_TLS_VERIFY` is set, but there is no `ca.pem` in "), "{error}");
    let files = TlsFiles { authority: None, own: None, verify: false };
    let found = find(&[("DOCKER_TLS", "1")]).unwrap();
    assert_eq!(found, Address::Tls { host: "engine.test:2376".to_owned(), files });
    for name in ["ca.pem", "cert.pem"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let error = find(&[("DOCKER_TLS_VERIFY", "1")]).unwrap_err();
    assert!(error.message.ends_with("has `cert.pem`, but no `key.pem`"), "{error}");
    std::fs::write(folder.path().join("key.pem"), "").unwrap();
    let file = |name: &str| folder.path().join(name);
    let own = Some((file("cert.pem"), file("key.pem")));
    let files = TlsFiles { authority: Some(file("ca.pem")), own, verify: true };
    let found = find(&[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_HOST", "tcp://engine.test:99")]).unwrap();
    assert_eq!(found, Address::Tls { host: "engine.test:99".to_owned(), files });
    let found = find(&[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_HOST", "unix:///x.sock")]).unwrap();
    assert_eq!(found, Address::Unix("/x.sock".into()), "a socket of this host needs none");
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
            .starts_with("find engine nope: there is no docker context of this name in ")
    );
}

#[test]
fn a_configuration_that_may_name_a_context_is_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let found = || Address::find(&environment(&[("DOCKER_CONFIG", &home)]));
    assert_eq!(found().unwrap(), Address::Unix(DEFAULT_SOCKET.into()), "there is none");
    let file = folder.path().join("config.json");
    std::fs::write(&file, " \n").unwrap();
    assert_eq!(found().unwrap(), Address::Unix(DEFAULT_SOCKET.into()), "it is empty");
    std::fs::write(&file, r#"{"currentContext": "prod"#).unwrap();
    assert!(found().unwrap_err().to_string().contains(&file.display().to_string()), "it is half written");
    let elsewhere = environment(&[("DOCKER_CONFIG", &home), ("DOCKER_HOST", "unix:///run/other.sock")]);
    assert_eq!(Address::find(&elsewhere).unwrap(), Address::Unix("/run/other.sock".into()), "it is not asked for");
}

#[test]
fn contexts_have_certificates_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let named = environment(&[("DOCKER_CONFIG", path), ("DOCKER_CONTEXT", "far"), ("DOCKER_TLS_VERIFY", "1")]);
    write_context(folder.path(), "far", "tcp://far.test:2376");
    let plain = Address::Tcp("far.test:2376".to_owned());
    assert_eq!(Address::find(&named).unwrap(), plain, "the environment's TLS is not the context's");
    let digest = std::fs::read_dir(folder.path().join("contexts/meta")).unwrap().next().unwrap().unwrap().file_name();
    let material = folder.path().join("contexts/tls").join(digest).join("docker");
    std::fs::create_dir_all(&material).unwrap();
    std::fs::write(material.join("ca.pem"), "").unwrap();
    let files = TlsFiles { authority: Some(material.join("ca.pem")), own: None, verify: true };
    assert_eq!(Address::find(&named).unwrap(), Address::Tls { host: "far.test:2376".to_owned(), files });
}
