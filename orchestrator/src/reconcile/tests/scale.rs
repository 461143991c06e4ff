//! Numbers of containers, orphans, services that the gateway stands in for.

use insta::assert_snapshot;

use super::scene::{Scene, service, with_env};

#[tokio::test]
async fn up_and_down_again() {
    let mut scene = Scene::new(&[("app", service("app"))]);
    scene.up().await;
    scene.selection.scale.insert("app".to_owned(), 3);
    assert_snapshot!(scene.text().await, @r"
    #1 create container demo-app-2: one more is wanted
    #2 start demo-app-2 (#1) <- #1
    #3 create container demo-app-3: one more is wanted
    #4 start demo-app-3 (#3) <- #3
    ");
    scene.up().await;
    scene.engine.vanish("demo-app-2");
    assert_snapshot!(scene.text().await, @r"
    #1 create container demo-app-4: one more is wanted
    #2 start demo-app-4 (#1) <- #1
    ");
    scene.selection.scale.insert("app".to_owned(), 1);
    assert_snapshot!(scene.text().await, @r"
    #1 stop demo-app-3: scaled to 1
    #2 remove demo-app-3 <- #1
    ");
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running"]);
}

#[tokio::test]
async fn too_many_stale_ones_go_first() {
    let mut scene = Scene::new(&[("app", service("app"))]);
    scene.up().await;
    scene.project.services.insert("app".to_owned(), with_env(service("app"), &[("A", "1")]));
    scene.selection.scale.insert("app".to_owned(), 2);
    scene.options.recreate = crate::reconcile::up::Recreate::Never;
    scene.up().await;
    scene.options.recreate = crate::reconcile::up::Recreate::Diverged;
    scene.selection.scale.insert("app".to_owned(), 1);
    let text = scene.text().await;
    assert_snapshot!(text, @r"
    #1 stop demo-app-1: scaled to 1
    #2 remove demo-app-1 <- #1
    ");
}

#[tokio::test]
async fn orphans_are_named_and_removed_on_request() {
    let mut scene = Scene::new(&[("app", service("app")), ("old", service("old"))]);
    scene.up().await;
    scene.project.services.remove("old");
    assert_snapshot!(scene.text().await, @r"
    warning: found orphan containers ([demo-old-1]) for this project; if a service was removed or renamed in the compose file, `--remove-orphans` cleans them up
    nothing to do
    ");
    scene.options.remove_orphans = true;
    assert_snapshot!(scene.text().await, @r"
    #1 stop demo-old-1: no service of the files owns it
    #2 remove demo-old-1 <- #1
    ");
}

#[tokio::test]
async fn another_folder_s_project_is_left_alone() {
    let mut scene = Scene::new(&[("theirs", service("app"))]);
    scene.up().await;
    scene.project.working_dir = "/srv/elsewhere".into();
    let theirs = scene.project.services.remove("theirs").unwrap();
    scene.project.services.insert("ours".to_owned(), theirs);
    scene.options.remove_orphans = true;
    assert_snapshot!(scene.text().await, @r"
    warning: project `demo` has containers from another folder, `/srv/demo`; services of the same name are taken over, others are left alone; `-p NAME` gives this project a name of its own
    #1 create container demo-ours-1: it does not exist
    #2 start demo-ours-1 (#1) <- #1
    ");
}

#[tokio::test]
async fn adopted_services_are_stopped_and_not_run() {
    let mut scene = Scene::new(&[("app", service("app")), ("traefik", service("traefik:v3"))]);
    scene.up().await;
    scene.selection.adopted.insert("traefik".to_owned());
    assert_snapshot!(scene.text().await, @r"
    #1 stop demo-traefik-1: the built-in gateway stands in for `traefik`
    #2 remove demo-traefik-1 <- #1
    ");
    scene.up().await;
    assert_snapshot!(scene.text().await, @"nothing to do");
}
