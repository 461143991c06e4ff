//! Order, conditions, one-shots, hooks, files.

use std::time::Duration;

use compose_schema::model::{Condition, FileObject, FileReference, Healthcheck, Hook, Service};
use insta::assert_snapshot;

use super::scene::{Scene, after, service};
use crate::backend::Health;
use crate::backend::memory::Behaviour;
use crate::error::Kind;
use crate::labels;

fn healthy(mut service: Service) -> Service {
    let test = vec!["CMD".to_owned(), "true".to_owned()];
    service.healthcheck = Some(Box::new(Healthcheck { test, ..Healthcheck::default() }));
    service
}

fn migrated() -> Vec<(&'static str, Service)> {
    let app = after(service("app"), &[("db", Condition::Healthy), ("migrate", Condition::CompletedSuccessfully)]);
    let migrate = after(service("app"), &[("db", Condition::Healthy)]);
    vec![("app", app), ("db", healthy(service("db"))), ("migrate", migrate)]
}

#[tokio::test]
async fn waits_are_shared_and_come_before_the_start() {
    let scene = Scene::new(&migrated());
    assert_snapshot!(scene.text().await, @r"
    #1 create network demo_default: it does not exist
    #2 create container demo-db-1 <- #1: it does not exist
    #3 start demo-db-1 (#2) <- #2
    #4 create container demo-migrate-1 <- #1: it does not exist
    #5 wait until db is healthy <- #3
    #6 start demo-migrate-1 (#4) <- #4 #5
    #7 create container demo-app-1 <- #1: it does not exist
    #8 wait until migrate has completed <- #6
    #9 start demo-app-1 (#7) <- #5 #7 #8
    ");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_that_ends_is_followed_by_another() {
    let scene = Scene::new(&migrated());
    scene.engine.behave("db", Behaviour::Starting);
    scene.engine.behave("migrate", Behaviour::Exit(0));
    let plan = scene.plan().await;
    let meanwhile = async {
        // One step after the other: each of these is a moment of virtual time later.
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.engine.end_events();
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.engine.set_health("demo-db-1", Health::Healthy);
    };
    let began = tokio::time::Instant::now();
    let (outcome, ()) = tokio::join!(scene.execute(&plan), meanwhile);
    assert!(outcome.is_success());
    assert!(began.elapsed() < Duration::from_secs(3), "it was the event, not the look from time to time");
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-db-1 Running", "demo-migrate-1 Exited"]);
}

#[tokio::test(start_paused = true)]
async fn streams_of_events_that_end_are_followed_by_others_as_long_as_they_last() {
    for (lasting, comes_up) in [(Duration::from_secs(8), true), (Duration::from_millis(400), false)] {
        let scene = Scene::new(&migrated());
        scene.engine.behave("db", Behaviour::Starting);
        scene.engine.behave("migrate", Behaviour::Exit(0));
        let plan = scene.plan().await;
        let meanwhile = async {
            for _ in 0..8 {
                tokio::time::sleep(lasting).await;
                scene.engine.end_events();
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            scene.engine.set_health("demo-db-1", Health::Healthy);
        };
        let (outcome, ()) = tokio::join!(scene.execute(&plan), meanwhile);
        assert_eq!(outcome.is_success(), comes_up, "streams that lasted {lasting:?}");
    }
}

#[tokio::test]
async fn a_completed_one_shot_runs_again_only_for_someone_who_starts() {
    let scene = Scene::new(&migrated());
    scene.engine.behave("migrate", Behaviour::Exit(0));
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-db-1 Running", "demo-migrate-1 Exited"]);
    assert_snapshot!(scene.text().await, @"nothing to do");
    scene.engine.exit("demo-app-1", 1);
    assert_snapshot!(scene.text().await, @r"
    #1 wait until db is healthy
    #2 start demo-migrate-1 <- #1: it has ended
    #3 wait until migrate has completed <- #2
    #4 start demo-app-1 <- #1 #3: it has ended
    ");
}

#[tokio::test]
async fn optional_dependency_is_only_waited_for() {
    let mut app = after(service("app"), &[("db", Condition::Healthy)]);
    app.depends_on.get_mut("db").unwrap().required = false;
    let scene = Scene::new(&[("app", app), ("db", healthy(service("db")))]);
    scene.engine.behave("db", Behaviour::Unhealthy);
    let plan = scene.plan().await;
    assert_snapshot!(plan.to_string(), @r"
    #1 create network demo_default: it does not exist
    #2 create container demo-db-1 <- #1: it does not exist
    #3 start demo-db-1 (#2) <- #2
    #4 create container demo-app-1 <- #1: it does not exist
    #5 wait until db is healthy <- #3
    #6 start demo-app-1 (#4) <- #4 #5?
    ");
    let outcome = scene.execute(&plan).await;
    assert!(outcome.is_success());
    assert_eq!(outcome.tolerated.len(), 1);
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-db-1 Running"]);
}

#[tokio::test]
async fn without_dependencies_and_with_final_waits() {
    let mut scene = Scene::new(&migrated());
    scene.selection.services = vec!["app".to_owned()];
    scene.selection.no_dependencies = true;
    scene.options.wait = true;
    assert_snapshot!(scene.text().await, @r"
    #1 create network demo_default: it does not exist
    #2 create container demo-app-1 <- #1: it does not exist
    #3 start demo-app-1 (#2) <- #2
    #4 wait until app is running or healthy <- #3
    ");
    let label = |scene: &Scene| scene.desired().services["app"].labels[labels::DEPENDS_ON].clone();
    assert_eq!(label(&scene), "");
    scene.selection.no_dependencies = false;
    assert_ne!(label(&scene), "");
}

#[tokio::test]
async fn hooks_and_files_have_their_place() {
    let hook = |word: &str| Hook { command: Some(vec![word.to_owned()]), ..Hook::default() };
    let mut app = service("app");
    app.post_start = vec![hook("warm"), hook("tell")];
    app.pre_stop = vec![hook("drain")];
    app.secrets = vec![FileReference { source: "token".to_owned(), ..FileReference::default() }];
    let mut scene = Scene::new(&[("app", app)]);
    let token = FileObject { content: "s3cret".to_owned(), ..FileObject::default() };
    scene.project.secrets.insert("token".to_owned(), token);
    assert_snapshot!(scene.text().await, @r"
    #1 create network demo_default: it does not exist
    #2 create container demo-app-1 <- #1: it does not exist
    #3 copy /run/secrets/token into demo-app-1 (#2) <- #2
    #4 start demo-app-1 (#2) <- #2 #3
    #5 run post_start hook `warm` in demo-app-1 (#2) <- #4
    #6 run post_start hook `tell` in demo-app-1 (#2) <- #5
    ");
    scene.up().await;
    assert_eq!(scene.engine.archives("demo-app-1").len(), 1);
    scene.project.secrets.get_mut("token").unwrap().content = "another".to_owned();
    let text = scene.text().await.replace(&scene.engine.snapshot()["demo-app-1"].id[..12], "OLD");
    assert_snapshot!(text, @r"
    #1 create container OLD_demo-app-1: the content of a secret or config has changed
    #2 run pre_stop hook `drain` in demo-app-1 <- #1
    #3 stop demo-app-1 <- #2
    #4 remove demo-app-1 <- #3
    #5 rename #1 to demo-app-1 <- #4
    #6 copy /run/secrets/token into demo-app-1 (#1) <- #1 #5
    #7 start demo-app-1 (#1) <- #1 #5 #6
    #8 run post_start hook `warm` in demo-app-1 (#1) <- #7
    #9 run post_start hook `tell` in demo-app-1 (#1) <- #8
    ");
}

#[tokio::test]
async fn what_fails_stops_only_what_depends_on_it() {
    let scene = Scene::new(&[
        ("app", after(service("app"), &[("db", Condition::Healthy)])),
        ("db", healthy(service("db"))),
        ("other", service("other")),
    ]);
    scene.engine.behave("db", Behaviour::Unhealthy);
    let plan = scene.plan().await;
    let outcome = scene.execute(&plan).await;
    let error = outcome.into_result(&plan, Some(&scene.desired())).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert_snapshot!(error.message, @r"
    dependency failed to start: container `demo-db-1` is unhealthy: probe failed
      done: Network demo_default, Container demo-db-1, Container demo-other-1
      not done: start demo-app-1
    ");
    assert_eq!(scene.containers(), ["demo-app-1 Created", "demo-db-1 Running", "demo-other-1 Running"]);
}

#[tokio::test]
async fn health_arrives_as_an_event() {
    let scene =
        Scene::new(&[("app", after(service("app"), &[("db", Condition::Healthy)])), ("db", healthy(service("db")))]);
    scene.engine.behave("db", Behaviour::Starting);
    let plan = scene.plan().await;
    let engine = scene.engine.clone();
    let becoming_healthy = async {
        // As soon as the wait has subscribed.
        while !engine.calls().iter().any(|call| call.call == "watch events") {
            tokio::task::yield_now().await;
        }
        engine.set_health("demo-db-1", Health::Healthy);
    };
    let (outcome, ()) = tokio::join!(scene.execute(&plan), becoming_healthy);
    assert!(outcome.is_success());
    let inspections = scene.engine.calls().iter().filter(|call| call.call == "inspect container").count();
    assert!(inspections <= 3, "{inspections}");
}
