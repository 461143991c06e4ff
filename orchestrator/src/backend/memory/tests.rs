#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use compose_schema::model::{Healthcheck, Mount, Network, Service};
use futures_util::StreamExt;

use super::{Behaviour, Fault, Memory};
use crate::backend::{
    Attachment, Backend, ContainerSpec, ErrorKind, Health, LabelFilter, LogOptions, NetworkSpec, State, Stream,
};

fn spec(name: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: "app".to_owned(),
        labels: BTreeMap::from([("com.docker.compose.service".to_owned(), "app".to_owned())]),
        networks: vec![Attachment { network: "net".to_owned(), ..Attachment::default() }],
        ..ContainerSpec::default()
    }
}

async fn engine() -> Arc<Memory> {
    let engine = Memory::new();
    engine.add_image_named("app");
    let network = Network { name: "net".to_owned(), ..Network::default() };
    engine.create_network(&NetworkSpec { network, ..NetworkSpec::default() }).await.unwrap();
    engine
}

#[tokio::test]
async fn a_life_has_the_events_of_a_real_engine() {
    let engine = engine().await;
    let filter = LabelFilter(vec![("com.docker.compose.service".to_owned(), Some("app".to_owned()))]);
    let events = engine.events(&filter).await.unwrap();
    let mut made = spec("app-1");
    made.service.healthcheck = Some(Box::new(Healthcheck { test: vec!["CMD".to_owned()], ..Healthcheck::default() }));
    let (id, _) = engine.create_container(&made).await.unwrap();
    engine.start_container(&id).await.unwrap();
    assert_eq!(engine.container("app-1").await.unwrap().health, Some(Health::Healthy));
    engine.stop_container(&id, None).await.unwrap();
    engine.remove_container(&id, true).await.unwrap();
    let actions: Vec<String> = events.take(7).map(|event| event.unwrap().action).collect().await;
    assert_eq!(actions, ["create", "start", "health_status: healthy", "kill", "die", "stop", "destroy"]);
}

#[tokio::test]
async fn names_images_and_networks_must_fit() {
    let engine = engine().await;
    engine.create_container(&spec("app-1")).await.unwrap();
    assert_eq!(engine.create_container(&spec("app-1")).await.unwrap_err().kind, ErrorKind::Conflict);
    let unknown = ContainerSpec { image: "nowhere".to_owned(), ..spec("app-2") };
    assert_eq!(engine.create_container(&unknown).await.unwrap_err().kind, ErrorKind::NotFound);
    engine.start_container("app-1").await.unwrap();
    assert_eq!(engine.remove_network("net").await.unwrap_err().kind, ErrorKind::Conflict);
    engine.stop_container("app-1", None).await.unwrap();
    engine.remove_network("net").await.unwrap();
    assert_eq!(engine.start_container("app-1").await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn faults_come_before_or_after_the_effect() {
    let engine = engine().await;
    engine.reset_calls();
    engine.fail_call(1, Fault::Before(ErrorKind::Engine));
    engine.fail_call(2, Fault::After(ErrorKind::Timeout));
    engine.fail_from(4);
    assert_eq!(engine.create_container(&spec("a")).await.unwrap_err().kind, ErrorKind::Engine);
    assert!(engine.snapshot().is_empty());
    assert_eq!(engine.create_container(&spec("a")).await.unwrap_err().kind, ErrorKind::Timeout);
    assert_eq!(engine.snapshot().len(), 1);
    engine.start_container("a").await.unwrap();
    assert_eq!(engine.stop_container("a", None).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(engine.changes(), ["create container a", "create container a", "start container a", "stop container a"]);
}

#[tokio::test]
async fn behaviours_decide_what_a_start_leads_to() {
    let engine = engine().await;
    engine.behave("app", Behaviour::Exit(3));
    engine.create_container(&spec("app-1")).await.unwrap();
    engine.start_container("app-1").await.unwrap();
    assert_eq!(engine.wait_container("app-1").await.unwrap(), 3);
    engine.behave("app-1", Behaviour::Refuse(ErrorKind::PortTaken, "port is already allocated".to_owned()));
    let refused = engine.start_container("app-1").await.unwrap_err();
    assert_eq!((refused.kind, refused.message.as_str()), (ErrorKind::PortTaken, "port is already allocated"));
    assert_eq!(engine.snapshot().get("app-1").unwrap().state, State::Exited);
}

#[tokio::test]
async fn a_followed_log_ends_with_the_container() {
    let engine = engine().await;
    engine.create_container(&spec("app-1")).await.unwrap();
    engine.start_container("app-1").await.unwrap();
    engine.print("app-1", Stream::Stdout, "one\n");
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let log = engine.logs("app-1", &options).await.unwrap();
    engine.print("app-1", Stream::Stderr, "two\n");
    engine.exit("app-1", 0);
    let lines: Vec<_> = log.map(|record| record.unwrap().bytes).collect().await;
    assert_eq!(lines, ["one\n", "two\n"]);
}

#[tokio::test]
async fn anonymous_volumes_go_with_their_container() {
    let engine = engine().await;
    let anonymous = Mount { kind: "volume".to_owned(), target: "/data".to_owned(), ..Mount::default() };
    let named = Mount { source: "named".to_owned(), target: "/named".to_owned(), ..anonymous.clone() };
    let made = ContainerSpec { mounts: vec![anonymous, named], service: Service::default(), ..spec("app-1") };
    engine.create_container(&made).await.unwrap();
    assert_eq!(engine.all_volumes().len(), 2);
    assert_eq!(engine.remove_volume("named").await.unwrap_err().kind, ErrorKind::Conflict);
    engine.remove_container("app-1", true).await.unwrap();
    assert_eq!(engine.all_volumes().len(), 1);
}
