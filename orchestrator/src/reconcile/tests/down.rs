//! `down`, `stop`, `restart`, `rm`.

use compose_schema::model::Condition;
use insta::assert_snapshot;

use super::scene::{Scene, after, service, with_volume};
use crate::reconcile::lifecycle::{self, DownOptions, Images, RemoveOptions};

async fn running() -> Scene {
    let scene = Scene::new(&[
        ("app", after(service("app"), &[("db", Condition::Started)])),
        ("db", with_volume(service("db"), "data", "/data")),
        ("web", after(service("web"), &[("app", Condition::Started)])),
    ]);
    scene.up().await;
    scene
}

#[tokio::test]
async fn down_works_from_labels_in_reverse_order() {
    let scene = running().await;
    let plan = lifecycle::down(&scene.observe().await, "demo", None, &DownOptions::default());
    assert_snapshot!(plan.to_string(), @r"
    #1 stop demo-web-1
    #2 stop demo-app-1 <- #1
    #3 stop demo-db-1 <- #2
    #4 remove demo-app-1 <- #2
    #5 remove demo-db-1 <- #3
    #6 remove demo-web-1 <- #1
    #7 remove network demo_default <- #4 #5 #6
    ");
    assert!(scene.execute(&plan).await.is_success());
    assert!(scene.engine.snapshot().is_empty() && scene.engine.all_networks().is_empty());
    assert_eq!(scene.engine.all_volumes().len(), 1);
}

#[tokio::test]
async fn down_with_volumes_and_images() {
    let scene = running().await;
    let options = DownOptions { volumes: true, images: Some(Images::All), ..DownOptions::default() };
    let plan = lifecycle::down(&scene.observe().await, "demo", Some(&scene.project), &options);
    let text = plan.to_string();
    assert!(text.contains("remove volume demo_data") && text.contains("remove image db"), "{text}");
    assert!(text.contains("remove demo-db-1 with its volumes"), "{text}");
    assert!(scene.execute(&plan).await.is_success());
    assert!(scene.engine.all_volumes().is_empty());
}

#[tokio::test]
async fn down_of_one_service_leaves_its_dependents_and_the_network() {
    let scene = running().await;
    let options = DownOptions { services: vec!["app".to_owned()], ..DownOptions::default() };
    let plan = lifecycle::down(&scene.observe().await, "demo", Some(&scene.project), &options);
    assert_snapshot!(plan.to_string(), @r"
    #1 stop demo-app-1
    #2 remove demo-app-1 <- #1
    ");
}

#[tokio::test]
async fn nothing_to_take_down() {
    let scene = Scene::new(&[("app", service("app"))]);
    let plan = lifecycle::down(&scene.observe().await, "demo", Some(&scene.project), &DownOptions::default());
    assert!(plan.is_empty());
}

#[tokio::test]
async fn stop_restart_and_remove() {
    let mut scene = running().await;
    scene.project.services.get_mut("web").unwrap().depends_on.get_mut("app").unwrap().restart = true;
    let observed = scene.observe().await;
    let restart = lifecycle::restart(&observed, Some(&scene.project), &["app".to_owned()], None, false);
    assert_snapshot!(restart.to_string(), @r"
    #1 restart demo-app-1
    #2 restart demo-web-1 <- #1
    ");
    let stop = lifecycle::stop(&observed, Some(&scene.project), &["app".to_owned()], None);
    assert_snapshot!(stop.to_string(), @"#1 stop demo-app-1");
    assert!(scene.execute(&stop).await.is_success());
    let observed = scene.observe().await;
    let remove = lifecycle::remove(&observed, None, &[], RemoveOptions::default());
    assert_snapshot!(remove.to_string(), @"#1 remove demo-app-1");
    let everything = RemoveOptions { stop_first: true, volumes: true };
    let all = lifecycle::remove(&observed, None, &["app".to_owned(), "web".to_owned()], everything);
    assert_snapshot!(all.to_string(), @r"
    #1 stop demo-web-1
    #2 remove demo-app-1 with its volumes
    #3 remove demo-web-1 with its volumes <- #1
    ");
}
