#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proxy::config::statics::{FileProvider, StaticConfig};

use super::*;
use crate::edge::adopt::Traefik;

const RULE: &str = "http: {routers: {r: {rule: 'Host(`a.test`)', service: s}}}";

fn traefik(containers: &[&str]) -> Traefik {
    let mount = |path: &&str| HostMount { host: "/srv".into(), container: (*path).into(), writable: false };
    Traefik { service: "proxy".to_owned(), mounts: containers.iter().map(mount).collect(), ..Traefik::default() }
}

fn adopted(traefik: &Traefik, file: Option<FileProvider>) -> Adopted<'_> {
    let mut config = StaticConfig::default();
    config.providers.file = file;
    Adopted { traefik, config }
}

#[test]
fn names_of_files_lead_to_their_copies_where_there_are_some() {
    let traefik = traefik(&["/certs", "/etc/users"]);
    let own = adopted(&traefik, None);
    let mirror = Path::new("/state/files/p");
    for (name, copy) in [
        ("/certs/a.pem", "/state/files/p/certs/a.pem"),
        ("/etc/users", "/state/files/p/etc/users"),
        ("/certs-old/a.pem", "/certs-old/a.pem"),
        ("certs/a.pem", "certs/a.pem"),
        ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
        ("", ""),
    ] {
        let mut text = name.to_owned();
        rename(&own, mirror, [&mut text]);
        assert_eq!(text, copy);
    }
}

#[test]
fn folders_of_certificates_are_those_that_hold_some() {
    let root = tempfile::tempdir().unwrap();
    let traefik = traefik(&["/certs", "/conf", "/gone"]);
    for (folder, file) in [("certs", "a.pem"), ("conf", "a.yml")] {
        fs::create_dir(root.path().join(folder)).unwrap();
        fs::write(root.path().join(folder).join(file), "").unwrap();
    }
    assert_eq!(folders(&adopted(&traefik, None), root.path()), [root.path().join("certs")]);
}

#[test]
fn what_cannot_be_read_leaves_in_force_what_was() {
    let root = tempfile::tempdir().unwrap();
    let traefik = traefik(&["/conf"]);
    let provider = FileProvider { filename: "/conf/routes.yml".to_owned(), ..FileProvider::default() };
    let own = adopted(&traefik, Some(provider));
    let mut files = Files::new(root.path().to_owned());
    let read = |files: &mut Files| {
        let mut problems = Vec::new();
        let configuration = files.configuration("p", &own, &mut problems);
        (configuration.http.routers.len(), problems)
    };
    let (routers, problems) = read(&mut files);
    let missing = "there is no `/conf/routes.yml` for the dynamic configuration: mount it into the service `proxy`";
    assert_eq!((routers, problems), (0, vec![missing.to_owned()]));

    let copy = root.path().join("p/conf/routes.yml");
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::write(&copy, "{").unwrap();
    let (routers, problems) = read(&mut files);
    assert!(routers == 0 && problems.iter().any(|line| line.ends_with("(nothing of it is in force)")), "{problems:?}");
    fs::write(&copy, RULE).unwrap();
    assert_eq!(read(&mut files), (1, Vec::new()));
    fs::write(&copy, "{").unwrap();
    let (routers, problems) = read(&mut files);
    assert!(routers == 1 && problems.iter().any(|line| line.ends_with("(what was read before stays in force)")));
    assert!(problems.iter().all(|line| !line.contains(&root.path().display().to_string())), "{problems:?}");

    // Without a provider nothing is read, whatever lies there.
    let mut none = Vec::new();
    assert_eq!(files.configuration("p", &adopted(&traefik, None), &mut none), Configuration::default());
}
