//! What is made, kept and replaced, and why.

use compose_schema::model::{Condition, Network};
use insta::assert_snapshot;

use super::scene::{Scene, after, service, with_env, with_volume};
use crate::backend::memory::Fault;
use crate::backend::{Backend, ErrorKind};
use crate::labels;
use crate::reconcile::action::Action;
use crate::reconcile::plan::Step;
use crate::reconcile::up::Recreate;
use crate::reconcile::version::Version;

fn webapp() -> Vec<(&'static str, compose_schema::model::Service)> {
    vec![
        ("app", after(with_env(service("app:1"), &[("DEBUG", "0")]), &[("db", Condition::Started)])),
        ("db", with_volume(service("postgres:16"), "data", "/var/lib/postgresql/data")),
    ]
}

#[tokio::test]
async fn first_up_makes_everything() {
    let scene = Scene::new(&webapp());
    assert_snapshot!(scene.text().await, @r"
    #1 create network demo_default: it does not exist
    #2 create volume demo_data: it does not exist
    #3 create container demo-db-1 <- #1 #2: it does not exist
    #4 start demo-db-1 (#3) <- #3
    #5 create container demo-app-1 <- #1: it does not exist
    #6 start demo-app-1 (#5) <- #4 #5
    ");
}

#[tokio::test]
async fn a_network_and_a_volume_of_one_name_are_both_waited_for() {
    let scene = Scene::new(&[("db", with_volume(service("postgres:16"), "default", "/data"))]);
    assert_snapshot!(scene.text().await, @r"
    #1 create network demo_default: it does not exist
    #2 create volume demo_default: it does not exist
    #3 create container demo-db-1 <- #1 #2: it does not exist
    #4 start demo-db-1 (#3) <- #3
    ");
}

#[tokio::test]
async fn second_up_reads_three_lists_and_changes_nothing() {
    let scene = Scene::new(&webapp());
    scene.up().await;
    scene.engine.reset_calls();
    assert_snapshot!(scene.text().await, @"nothing to do");
    let calls: Vec<&str> = scene.engine.calls().iter().map(|call| call.call).collect();
    assert_eq!(calls, ["list containers", "list networks", "list volumes"]);
}

#[tokio::test]
async fn changed_environment_names_the_variable() {
    let mut scene = Scene::new(&webapp());
    scene.up().await;
    let app = scene.project.services.get_mut("app").unwrap();
    *app = with_env(app.clone(), &[("DEBUG", "1"), ("DB_PASSWORD", "hidden")]);
    let text = scene.text().await.replace(&scene.engine.snapshot()["demo-app-1"].id[..12], "OLD");
    assert_snapshot!(text, @r#"
    #1 create container OLD_demo-app-1: environment.DB_PASSWORD has changed (compose.yaml:14), environment.DEBUG: "0" -> "1" (compose.yaml:14)
    #2 stop demo-app-1 <- #1
    #3 remove demo-app-1 <- #2
    #4 rename #1 to demo-app-1 <- #3
    #5 start demo-app-1 (#1) <- #1 #4
    "#);
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-db-1 Running"]);
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn a_version_that_was_replaced_can_be_had_again() {
    let mut scene = Scene::new(&webapp());
    scene.up().await;
    let changed = with_env(scene.project.services["app"].clone(), &[("DEBUG", "1")]);
    scene.project.services.insert("app".to_owned(), changed);
    scene.up().await;
    let now = scene.engine.snapshot()["demo-app-1"].clone();
    assert!(Version::before(&scene.engine.snapshot()["demo-db-1"]).is_none(), "it has replaced nothing");
    let before = Version::before(&now).unwrap();
    scene.options.versions.insert(now.id.clone(), before);
    let text = scene.text().await.replace(&now.id[..12], "OLD");
    assert_snapshot!(text, @r"
    #1 create container OLD_demo-app-1: back to the version before, with image `app:1`
    #2 stop demo-app-1 <- #1
    #3 remove demo-app-1 <- #2
    #4 rename #1 to demo-app-1 <- #3
    #5 start demo-app-1 (#1) <- #1 #4
    ");
    scene.up().await;
    scene.options.versions.clear();
    let again = scene.engine.snapshot()["demo-app-1"].clone();
    assert_ne!(again.labels[labels::CONFIG_HASH], now.labels[labels::CONFIG_HASH]);
    assert_eq!(Version::before(&again).unwrap().labels[labels::CONFIG_HASH], now.labels[labels::CONFIG_HASH]);
    let text = scene.text().await;
    assert!(text.contains("environment.DEBUG"), "the file brings its own version again: {text}");
}

#[tokio::test]
async fn one_that_somebody_renamed_keeps_its_name() {
    let scene = Scene::new(&webapp());
    scene.up().await;
    scene.engine.rename_container("demo-app-1", "other").await.unwrap();
    assert_snapshot!(scene.text().await, @"nothing to do");
    let passing = format!("{}_demo-app-1", "0123456789ab");
    scene.engine.rename_container("other", &passing).await.unwrap();
    assert_snapshot!(scene.text().await, @"#1 rename 0123456789ab_demo-app-1 to demo-app-1: left over from a replacement");
}

#[tokio::test]
async fn moved_tag_replaces_the_container() {
    let scene = Scene::new(&webapp());
    scene.up().await;
    scene.engine.add_image_named("app:1");
    let text = scene.text().await;
    assert!(text.contains("image `app:1` has changed"), "{text}");
    assert!(!text.contains("db"), "{text}");
}

#[tokio::test]
async fn force_and_never() {
    let mut scene = Scene::new(&webapp());
    scene.up().await;
    scene.selection.services = vec!["app".to_owned()];
    scene.options.recreate = Recreate::Force;
    let text = scene.text().await;
    assert!(text.contains("_demo-app-1: asked for") && !text.contains("demo-db-1"), "{text}");
    scene.options.recreate = Recreate::Never;
    scene.project.services.get_mut("app").unwrap().image = "app:2".to_owned();
    scene.engine.add_image_named("app:2");
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn anonymous_volumes_are_carried_over_unless_renewed() {
    let mut scene = Scene::new(&[("db", with_volume(service("postgres:16"), "", "/data"))]);
    scene.up().await;
    let volume = scene.engine.snapshot()["demo-db-1"].mounts[0].name.clone();
    scene.options.recreate = Recreate::Force;
    scene.up().await;
    assert_eq!(scene.engine.snapshot()["demo-db-1"].mounts[0].name, volume);
    scene.options.renew_anonymous_volumes = true;
    scene.up().await;
    assert_ne!(scene.engine.snapshot()["demo-db-1"].mounts[0].name, volume);
}

/// Makes the default network another one.
fn change_network(scene: &mut Scene) {
    let network = Network { name: "demo_default".to_owned(), internal: true, ..Network::default() };
    scene.project.networks.insert("default".to_owned(), network);
}

#[tokio::test]
async fn containers_stay_when_their_network_is_made_anew() {
    let mut scene = Scene::new(&webapp());
    scene.up().await;
    change_network(&mut scene);
    let ids = |scene: &Scene| scene.engine.snapshot().values().map(|found| found.id.clone()).collect::<Vec<_>>();
    let before = ids(&scene);
    assert_snapshot!(scene.text().await, @r"
    #1 stop demo-app-1: `demo_default` is made anew
    #2 disconnect demo-app-1 from demo_default <- #1
    #3 stop demo-db-1 <- #1: `demo_default` is made anew
    #4 disconnect demo-db-1 from demo_default <- #3
    #5 remove network demo_default <- #2 #4: its definition has changed
    #6 create network demo_default <- #5
    #7 connect demo-db-1 to demo_default <- #6
    #8 start demo-db-1 <- #3 #7
    #9 connect demo-app-1 to demo_default <- #6
    #10 start demo-app-1 <- #1 #8 #9
    ");
    scene.up().await;
    assert_eq!(ids(&scene), before);
    let app = scene.engine.snapshot()["demo-app-1"].clone();
    let networks = scene.engine.all_networks();
    assert_eq!(app.networks["demo_default"].network_id, networks[0].id);
    assert_eq!(app.networks.len(), 1);
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn what_changes_with_its_network_is_replaced_and_what_is_replaced_ends_first() {
    let mut scene = Scene::new(&webapp());
    scene.options.routed = ["app".to_owned()].into();
    scene.up().await;
    change_network(&mut scene);
    let app = scene.project.services.get_mut("app").unwrap();
    *app = with_env(app.clone(), &[("DEBUG", "1")]);
    let text = scene.text().await.replace(&scene.engine.snapshot()["demo-app-1"].id[..12], "OLD");
    assert_snapshot!(text, @r#"
    #1 take demo-app-1 out of the routes, 2 s for what is under way
    #2 stop demo-app-1 <- #1: environment.DEBUG: "0" -> "1" (compose.yaml:14)
    #3 disconnect demo-app-1 from demo_default <- #2
    #4 stop demo-db-1 <- #2: `demo_default` is made anew
    #5 disconnect demo-db-1 from demo_default <- #4
    #6 remove network demo_default <- #3 #5: its definition has changed
    #7 create network demo_default <- #6
    #8 connect demo-db-1 to demo_default <- #7
    #9 start demo-db-1 <- #4 #8
    #10 create container OLD_demo-app-1 <- #7: environment.DEBUG: "0" -> "1" (compose.yaml:14)
    #11 remove demo-app-1 <- #2 #9 #10
    #12 rename #10 to demo-app-1 <- #11
    #13 start demo-app-1 (#10) <- #9 #10 #12
    "#);
    scene.up().await;
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn what_shares_with_a_container_that_is_stopped_is_stopped_with_it() {
    let mut side = after(service("side:1"), &[("app", Condition::Started)]);
    side.network_mode = "service:app".to_owned();
    side.networks.clear();
    let mut scene = Scene::new(&[("app", service("app:1")), ("side", side)]);
    scene.options.routed = ["app".to_owned()].into();
    scene.up().await;
    change_network(&mut scene);
    assert_snapshot!(scene.text().await, @r"
    #1 stop demo-side-1: it shares with `app`, which is stopped
    #2 take demo-app-1 out of the routes, 2 s for what is under way <- #1
    #3 stop demo-app-1 <- #2: `demo_default` is made anew
    #4 disconnect demo-app-1 from demo_default <- #3
    #5 remove network demo_default <- #4: its definition has changed
    #6 create network demo_default <- #5
    #7 connect demo-app-1 to demo_default <- #6
    #8 start demo-app-1 <- #3 #7
    #9 route to demo-app-1 <- #8
    #10 start demo-side-1 <- #1 #8
    ");
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-side-1 Running"]);
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn nothing_is_lost_with_a_network_that_cannot_be_made_anew() {
    let mut scene = Scene::new(&[("db", with_volume(service("postgres:16"), "", "/data"))]);
    scene.up().await;
    let before = scene.engine.snapshot()["demo-db-1"].clone();
    change_network(&mut scene);
    let plan = scene.plan().await;
    let is_made = |step: &Step| matches!(step.action, Action::CreateNetwork(_));
    let number = plan.steps().position(|(_, step)| is_made(step)).unwrap() + 1;
    scene.engine.reset_calls();
    scene.engine.fail_call(number, Fault::Before(ErrorKind::Engine));
    scene.execute(&plan).await;
    scene.engine.reset_calls();
    assert_eq!(scene.engine.snapshot()["demo-db-1"].id, before.id, "it waits for its network");
    scene.up().await;
    let after = scene.engine.snapshot()["demo-db-1"].clone();
    assert_eq!(after.id, before.id);
    assert_eq!(scene.containers(), ["demo-db-1 Running"]);
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn changed_volume_is_kept_with_a_word_and_made_anew_on_request() {
    let mut scene = Scene::new(&webapp());
    scene.up().await;
    scene.project.volumes.get_mut("data").unwrap().driver_opts.insert("type".to_owned(), "tmpfs".to_owned());
    assert_snapshot!(scene.text().await, @r"
    warning: volume `demo_data` exists, but its definition under `volumes.data` has changed; it is kept as it is, because a new one would lose the data
    nothing to do
    ");
    scene.options.recreate_volumes.insert("data".to_owned());
    assert_snapshot!(scene.text().await, @r"
    #1 stop demo-db-1: `demo_data` is made anew
    #2 remove demo-db-1 <- #1
    #3 remove volume demo_data <- #2: its definition has changed, and its data may be lost
    #4 create volume demo_data <- #3
    #5 create container demo-db-1 <- #2 #4: `demo_data` is made anew
    #6 start demo-db-1 (#5) <- #5
    ");
}

#[tokio::test]
async fn missing_network_is_made_and_joined_again() {
    let scene = Scene::new(&webapp());
    scene.up().await;
    for name in ["demo-app-1", "demo-db-1"] {
        scene.engine.exit(name, 0);
    }
    scene.engine.remove_network("demo_default").await.unwrap();
    assert_snapshot!(scene.text().await, @r"
    #1 create network demo_default: it does not exist
    #2 disconnect demo-db-1 from demo_default <- #1: the network it was in is gone
    #3 connect demo-db-1 to demo_default <- #1 #2
    #4 start demo-db-1 <- #3: it has ended
    #5 disconnect demo-app-1 from demo_default <- #1: the network it was in is gone
    #6 connect demo-app-1 to demo_default <- #1 #5
    #7 start demo-app-1 <- #4 #6: it has ended
    ");
    scene.up().await;
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn shared_namespace_follows_its_parent() {
    let mut sidecar = after(service("side:1"), &[("app", Condition::Started)]);
    sidecar.network_mode = "service:app".to_owned();
    sidecar.networks.clear();
    sidecar.depends_on.get_mut("app").unwrap().restart = true;
    let mut scene = Scene::new(&[("app", service("app:1")), ("side", sidecar)]);
    scene.up().await;
    assert_snapshot!(scene.text().await, @"nothing to do");
    let app = scene.project.services.get_mut("app").unwrap();
    *app = with_env(app.clone(), &[("A", "1")]);
    let containers = scene.engine.snapshot();
    let text = scene
        .text()
        .await
        .replace(&containers["demo-app-1"].id[..12], "OLD-APP")
        .replace(&containers["demo-side-1"].id[..12], "OLD-SIDE");
    assert_snapshot!(text, @r#"
    #1 create container OLD-APP_demo-app-1: environment.A: "1" added (compose.yaml:14)
    #2 stop demo-side-1 <- #1: `app` is replaced, and it asks to be restarted with it
    #3 stop demo-app-1 <- #1 #2
    #4 remove demo-app-1 <- #3
    #5 rename #1 to demo-app-1 <- #4
    #6 start demo-app-1 (#1) <- #1 #5
    #7 create container OLD-SIDE_demo-side-1 <- #1: it shares with `app`, which gets a new container
    #8 remove demo-side-1 <- #2 #6 #7
    #9 rename #7 to demo-side-1 <- #8
    #10 start demo-side-1 (#7) <- #6 #7 #9
    "#);
    scene.up().await;
    assert_snapshot!(scene.text().await, @"nothing to do");
    let detail = scene.engine.container("demo-side-1").await.unwrap();
    assert_eq!(detail.network_mode, format!("container:{}", scene.engine.snapshot()["demo-app-1"].id));
}
