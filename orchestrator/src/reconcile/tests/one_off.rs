//! `run`.

use compose_schema::model::{Condition, Healthcheck};
use insta::assert_snapshot;

use super::scene::{Scene, after, service, with_volume};
use crate::labels;
use crate::reconcile::Selection;
use crate::reconcile::action::Action;
use crate::reconcile::up::{self, OneOff, Recreate, UpOptions};

async fn scene() -> Scene {
    let mut db = with_volume(service("db"), "data", "/data");
    db.healthcheck =
        Some(Box::new(Healthcheck { test: vec!["CMD".to_owned(), "true".to_owned()], ..Healthcheck::default() }));
    let mut scene = Scene::new(&[
        ("app", after(service("app"), &[("db", Condition::Healthy)])),
        ("db", db),
        ("other", service("other")),
    ]);
    scene.selection =
        Selection { services: vec!["app".to_owned()], scale: [("app".to_owned(), 1)].into(), ..Selection::default() };
    scene.options = UpOptions { recreate: Recreate::Never, ignore_orphans: true, ..UpOptions::default() };
    scene
}

fn container() -> OneOff {
    let text = |text: &str| text.to_owned();
    OneOff { service: text("app"), name: text("demo-app-run-1"), slug: text("1"), ..OneOff::default() }
}

#[tokio::test]
async fn what_the_service_needs_comes_first() {
    let scene = scene().await;
    let observed = scene.observe().await;
    let (plan, made) = up::one_off(&scene.desired(), &observed, &scene.options, &container()).unwrap();
    assert_snapshot!(plan.to_string(), @r"
    #1 create network demo_default: it does not exist
    #2 create volume demo_data: it does not exist
    #3 create container demo-db-1 <- #1 #2: it does not exist
    #4 start demo-db-1 (#3) <- #3
    #5 wait until db is healthy <- #4
    #6 create container demo-app-run-1 <- #1 #5
    ");
    let outcome = scene.execute(&plan).await;
    assert!(outcome.is_success() && outcome.made.contains_key(&made.unwrap()));
    // Neither it nor its service is touched by the next one.
    let (plan, _) = up::one_off(&scene.desired(), &scene.observe().await, &scene.options, &container()).unwrap();
    assert_snapshot!(plan.to_string(), @r"
    #1 wait until db is healthy
    #2 create container demo-app-run-1 <- #1
    ");
}

#[tokio::test]
async fn it_is_no_container_of_the_service() {
    let scene = scene().await;
    let (plan, made) = up::one_off(&scene.desired(), &scene.observe().await, &scene.options, &container()).unwrap();
    let Some(Action::Create(create)) = plan.step(made.unwrap()).map(|step| &step.action) else {
        unreachable!("the step makes a container")
    };
    let label = |name: &str| create.spec.labels.get(name).map(String::as_str);
    assert_eq!(label(labels::ONEOFF), Some("True"));
    assert_eq!(label(labels::SLUG), Some("1"));
    assert_eq!(label(labels::NUMBER), None);
    assert_eq!(create.spec.networks[0].aliases, ["demo-app-run-1"]);
}
