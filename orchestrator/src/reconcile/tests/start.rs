//! `start` from labels.

use compose_schema::model::{Condition, Healthcheck};
use insta::assert_snapshot;

use super::scene::{Scene, after, service};
use crate::backend::Backend as _;
use crate::reconcile::lifecycle;

async fn stopped() -> Scene {
    let mut db = service("db");
    db.healthcheck =
        Some(Box::new(Healthcheck { test: vec!["CMD".to_owned(), "true".to_owned()], ..Healthcheck::default() }));
    let scene = Scene::new(&[
        ("app", after(service("app"), &[("db", Condition::Healthy), ("other", Condition::Started)])),
        ("db", db),
        ("other", service("other")),
        ("web", after(service("web"), &[("app", Condition::Started)])),
    ]);
    scene.up().await;
    let plan = lifecycle::stop(&scene.observe().await, None, &[], None);
    assert!(scene.execute(&plan).await.is_success());
    scene
}

#[tokio::test]
async fn those_depended_on_come_first_and_conditions_hold() {
    let scene = stopped().await;
    let plan = lifecycle::start(&scene.observe().await, &[], true, None);
    assert_snapshot!(plan.to_string(), @r"
    #1 start demo-other-1
    #2 start demo-db-1
    #3 wait until db is healthy <- #2
    #4 start demo-app-1 <- #1 #3
    #5 start demo-web-1 <- #4
    #6 wait until app is running or healthy <- #4
    #7 wait until db is running or healthy <- #2
    #8 wait until other is running or healthy <- #1
    #9 wait until web is running or healthy <- #5
    ");
    assert!(scene.execute(&plan).await.is_success());
    let plan = lifecycle::start(&scene.observe().await, &[], false, None);
    assert!(plan.is_empty(), "{plan}");
}

#[tokio::test]
async fn only_what_is_named_and_what_it_needs() {
    let scene = stopped().await;
    scene.engine.start_container("demo-other-1").await.unwrap();
    let plan = lifecycle::start(&scene.observe().await, &["app".to_owned()], false, None);
    assert_snapshot!(plan.to_string(), @r"
    #1 start demo-db-1
    #2 wait until db is healthy <- #1
    #3 start demo-app-1 <- #2
    ");
}
