#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use compose_schema::LoadOptions;

use super::{Scope, declared};
use crate::backend::memory::Memory;
use crate::backend::{Backend as _, ContainerSpec, Engine};
use crate::labels;

#[tokio::test]
async fn one_container_of_a_service() {
    let memory = Memory::new();
    memory.add_image_named("app");
    for number in ["1", "2", "3"] {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = BTreeMap::from([
            label(labels::PROJECT, "demo"),
            label(labels::SERVICE, "web"),
            label(labels::NUMBER, number),
            label(labels::ONEOFF, "False"),
        ]);
        let spec =
            ContainerSpec { name: format!("web-{number}"), image: "app".into(), labels, ..ContainerSpec::default() };
        memory.create_container(&spec).await.unwrap();
    }
    for name in ["web-2", "web-3"] {
        memory.start_container(name).await.unwrap();
    }
    let engine: Engine = memory;
    let scope = Scope { name: "demo".to_owned(), loaded: None, declared: BTreeSet::new() };
    let any = async |index| scope.any(&engine, "web", index).await.map(|found| found.name).map_err(|e| e.message);
    assert_eq!(any(None).await, Ok("web-2".to_owned()), "the lowest that runs");
    assert_eq!(any(Some(0)).await, Ok("web-2".to_owned()));
    assert_eq!(any(Some(1)).await, Ok("web-1".to_owned()), "one that does not run, where it is asked for");
    assert_eq!(any(Some(9)).await, Err("service \"web\" has no container #9".to_owned()));
    assert_eq!(scope.any(&engine, "wep", None).await.unwrap_err().hints, ["did you mean `web`?"]);
    let running = scope.running(&engine, "web", Some(1)).await.unwrap_err().message;
    assert_eq!(running, "service \"web\" is not running container #1");
}

#[test]
fn a_service_without_containers_is_no_mistake_where_files_declare_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("compose.yaml"), "services: {web: {image: a}, aside: {image: a, profiles: [x]}}")
        .unwrap();
    let options = LoadOptions {
        project_name: Some("demo".to_owned()),
        selected: vec!["web".to_owned()],
        ..LoadOptions::new(folder.path().to_owned(), BTreeMap::new())
    };
    let scope = Scope { name: "demo".to_owned(), loaded: None, declared: declared(&options) };
    let check = |name: &str| scope.check(&[name.to_owned()], &[]).map_err(|error| error.message);
    assert_eq!((check("web"), check("aside")), (Ok(()), Ok(())));
    assert_eq!(check("wep"), Err("no such service: wep".to_owned()));
    std::fs::write(folder.path().join("compose.yaml"), "services: [").unwrap();
    assert!(declared(&options).is_empty(), "what cannot be read declares nothing, and is no failure");
}
