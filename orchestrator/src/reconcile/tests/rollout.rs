//! Replacing containers behind the gateway: the new one first, and back again where it fails.

use compose_schema::model::{Deploy, Duration, Healthcheck, Mount, Port, Service, UpdateConfig};
use insta::assert_snapshot;

use super::super::up::{broken_off, plan as plan_up, way_back};
use super::scene::{Scene, service, with_env, with_volume};
use crate::backend::State;
use crate::backend::memory::Behaviour;
use crate::reconcile::action::Action;
use crate::reconcile::lifecycle;
use crate::reconcile::version::Version;

/// `app`, to which the gateway routes; the engine in memory has none, which makes its steps pass.
fn routed(app: Service) -> Scene {
    let mut scene = Scene::new(&[("app", app)]);
    scene.options.routed = ["app".to_owned()].into();
    scene
}

fn update(service: Service, config: UpdateConfig) -> Service {
    let deploy = Deploy { update_config: Some(config), ..Deploy::default() };
    Service { deploy: Some(Box::new(deploy)), ..service }
}

fn change(scene: &mut Scene) {
    let app = scene.project.services.get_mut("app").unwrap();
    *app = with_env(app.clone(), &[("VERSION", "2")]);
}

/// The plan with the ids of containers that are there cut out.
async fn text(scene: &Scene) -> String {
    let mut text = scene.text().await;
    for container in scene.engine.snapshot().values() {
        text = text.replace(&container.id[..12], "OLD");
    }
    text
}

#[tokio::test]
async fn the_new_one_serves_before_the_old_one_ends() {
    let mut scene = routed(service("app"));
    scene.up().await;
    change(&mut scene);
    assert_snapshot!(text(&scene).await, @r#"
    #1 create container OLD_demo-app-1: environment.VERSION: "2" added (compose.yaml:14)
    #2 start demo-app-1 (#1) <- #1
    #3 wait until app is running or healthy <- #2
    #4 route to demo-app-1 (#1) <- #3
    #5 remove demo-app-1 (#1) again <- #1 #2! #3! #4!: it has not come up, the old one goes on serving
    #6 take demo-app-1 out of the routes, 30 s for what is under way <- #4
    #7 stop demo-app-1 <- #6
    #8 remove demo-app-1 <- #7
    #9 rename #1 to demo-app-1 <- #8
    "#);
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running"]);
    assert_snapshot!(text(&scene).await, @"nothing to do");
}

#[tokio::test]
async fn one_that_fails_is_removed_again() {
    for behaviour in [Behaviour::Exit(3), Behaviour::Unhealthy] {
        let test = vec!["CMD".to_owned(), "true".to_owned()];
        let check = Healthcheck { test, ..Healthcheck::default() };
        let mut scene = routed(Service { healthcheck: Some(Box::new(check)), ..service("app") });
        scene.up().await;
        let before = scene.engine.snapshot()["demo-app-1"].id.clone();
        change(&mut scene);
        scene.engine.behave("app", behaviour);
        let plan = scene.plan().await;
        let drains = |step: &crate::reconcile::plan::Step| match &step.action {
            Action::Discard { drain, .. } => *drain,
            _ => None,
        };
        // It may be in the routes when it fails.
        let drained: Vec<_> = plan.steps().filter_map(|(_, step)| drains(step)).collect();
        assert_eq!(drained, [std::time::Duration::from_secs(30)]);
        let outcome = scene.execute(&plan).await;
        let error = outcome.into_result(&plan, Some(&scene.desired())).unwrap_err();
        assert!(error.message.contains("exited (3)") || error.message.contains("is unhealthy"), "{}", error.message);
        assert_eq!(error.hints, Vec::<String>::new(), "the log of that name is another container's");
        assert_eq!(scene.containers(), ["demo-app-1 Running"]);
        assert_eq!(scene.engine.snapshot()["demo-app-1"].id, before);
    }
}

#[tokio::test]
async fn what_only_one_can_have_ends_first_and_the_plan_says_so() {
    let port = Port { target: 80, published: "8080".to_owned(), ..Port::default() };
    let bind =
        Mount { kind: "bind".to_owned(), source: "/srv/app".to_owned(), target: "/app".to_owned(), ..Mount::default() };
    for (service, reason) in [
        (Service { container_name: "app".to_owned(), ..service("app") }, "it has a `container_name`"),
        (Service { ports: vec![port], ..service("app") }, "it publishes a port of the host"),
        (with_volume(service("app"), "data", "/data"), "it writes into a volume"),
        (Service { volumes: vec![bind], ..service("app") }, "it writes into a volume"),
    ] {
        let mut scene = routed(service);
        scene.up().await;
        change(&mut scene);
        let plan = text(&scene).await;
        assert!(plan.contains(&format!("; the old one ends first: {reason}")), "{plan}");
        assert!(plan.contains("2 s for what is under way") && !plan.contains("route to"), "{plan}");
    }
}

#[tokio::test]
async fn the_order_that_the_file_asks_for() {
    let order = |order: &str| UpdateConfig { order: order.to_owned(), ..UpdateConfig::default() };
    let mut scene = routed(update(service("app"), order("stop-first")));
    scene.up().await;
    change(&mut scene);
    let plan = text(&scene).await;
    assert!(!plan.contains("route to") && !plan.contains("the old one ends first"), "{plan}");

    let mut scene = Scene::new(&[("app", update(with_volume(service("app"), "data", "/data"), order("start-first")))]);
    scene.up().await;
    change(&mut scene);
    assert_snapshot!(text(&scene).await, @r#"
    #1 create container OLD_demo-app-1: environment.VERSION: "2" added (compose.yaml:14)
    #2 start demo-app-1 (#1) <- #1
    #3 wait until app is running or healthy <- #2
    #4 remove demo-app-1 (#1) again <- #1 #2! #3!: it has not come up, the old one goes on serving
    #5 stop demo-app-1 <- #3
    #6 remove demo-app-1 <- #5
    #7 rename #1 to demo-app-1 <- #6
    "#);
}

#[tokio::test]
async fn replicas_are_replaced_in_batches() {
    let config = UpdateConfig {
        parallelism: Some(1),
        delay: Duration(2_000_000),
        monitor: Duration(3_000_000),
        ..UpdateConfig::default()
    };
    let mut scene = routed(Service { scale: Some(2), ..update(service("app"), config.clone()) });
    scene.up().await;
    change(&mut scene);
    assert_snapshot!(text(&scene).await, @r#"
    #1 create container OLD_demo-app-1: environment.VERSION: "2" added (compose.yaml:14)
    #2 start demo-app-1 (#1) <- #1
    #3 wait until app is running or healthy <- #2
    #4 route to demo-app-1 (#1) <- #3
    #5 watch demo-app-1 (#1) for 3ms <- #4
    #6 remove demo-app-1 (#1) again <- #1 #2! #3! #4! #5!: it has not come up, the old one goes on serving
    #7 take demo-app-1 out of the routes, 30 s for what is under way <- #5
    #8 stop demo-app-1 <- #7
    #9 remove demo-app-1 <- #8
    #10 rename #1 to demo-app-1 <- #9
    #11 pause for 2ms <- #10: between batches of `update_config`
    #12 create container OLD_demo-app-2 <- #11: environment.VERSION: "2" added (compose.yaml:14)
    #13 start demo-app-2 (#12) <- #12
    #14 wait until app is running or healthy <- #13
    #15 route to demo-app-2 (#12) <- #14
    #16 watch demo-app-2 (#12), demo-app-1 (#1) for 3ms <- #15
    #17 remove demo-app-2 (#12) again <- #12 #13! #14! #15! #16!: it has not come up, the old one goes on serving
    #18 take demo-app-2 out of the routes, 30 s for what is under way <- #16
    #19 stop demo-app-2 <- #18
    #20 remove demo-app-2 <- #19
    #21 rename #12 to demo-app-2 <- #20
    "#);
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-app-2 Running"]);

    // The first failure ends it: the second replica is not touched.
    let app = scene.project.services.get_mut("app").unwrap();
    *app = with_env(app.clone(), &[("VERSION", "3")]);
    scene.engine.behave("app", Behaviour::Exit(1));
    let before: Vec<String> = scene.engine.snapshot().values().map(|container| container.id.clone()).collect();
    let plan = scene.plan().await;
    assert!(!scene.execute(&plan).await.is_success());
    let after: Vec<String> = scene.engine.snapshot().values().map(|container| container.id.clone()).collect();
    assert_eq!(before, after);
}

#[tokio::test]
async fn later_batches_go_on_only_while_earlier_ones_serve() {
    let plan = async |order: &str, failure_action: &str, monitor: i64| {
        let config = UpdateConfig {
            parallelism: Some(1),
            order: order.to_owned(),
            failure_action: failure_action.to_owned(),
            monitor: Duration(monitor),
            ..UpdateConfig::default()
        };
        let mut scene = routed(Service { scale: Some(3), ..update(service("app"), config) });
        scene.up().await;
        change(&mut scene);
        let looks = |line: &&str| line.contains(" watch ") || line.contains(" look at ");
        let lines: Vec<String> = text(&scene).await.lines().filter(looks).map(str::to_owned).collect();
        lines
    };
    assert_eq!(
        plan("", "", 0).await,
        ["#14 look at demo-app-1 (#1) again <- #13", "#24 look at demo-app-1 (#1), demo-app-2 (#10) again <- #23",]
    );
    assert_eq!(
        plan("stop-first", "", 3_000_000).await,
        [
            "#8 watch demo-app-1 (#1) for 3ms <- #7",
            "#16 watch demo-app-2 (#9), demo-app-1 (#1) for 3ms <- #15",
            "#24 watch demo-app-3 (#17), demo-app-1 (#1), demo-app-2 (#9) for 3ms <- #23",
        ]
    );
    assert_eq!(plan("", "continue", 0).await, Vec::<String>::new());
}

/// Three replicas, replaced one after another, the last of which does not come up; what is left of them then.
async fn last_of_three_fails(failure_action: &str, order: &str) -> Scene {
    let config = UpdateConfig {
        parallelism: Some(1),
        failure_action: failure_action.to_owned(),
        order: order.to_owned(),
        ..UpdateConfig::default()
    };
    let mut scene = routed(Service { scale: Some(3), ..update(service("app"), config) });
    scene.up().await;
    let app = scene.project.services.get_mut("app").unwrap();
    *app = with_env(app.clone(), &[("RELEASE", "second")]);
    scene.up().await;
    change(&mut scene);
    let passing = format!("{}_demo-app-3", &scene.engine.snapshot()["demo-app-3"].id[..12]);
    scene.engine.behave(if order == "stop-first" { "demo-app-3" } else { &passing }, Behaviour::Exit(1));
    scene
}

/// The configurations that the containers took the place of.
fn releases_before(scene: &Scene) -> Vec<String> {
    let before = |container: &crate::backend::Container| Version::before(container).expect("a version before");
    scene.engine.snapshot().values().map(|it| before(it).labels[crate::labels::CONFIG_HASH].clone()).collect()
}

/// Variables of all running replicas.
async fn versions(scene: &Scene) -> Vec<bool> {
    let labels: Vec<_> = scene.engine.snapshot().values().map(|it| (it.state, it.labels.clone())).collect();
    let new = &scene.desired().services["app"];
    let hash = crate::reconcile::desired::references::config_hash(&new.service, &std::collections::BTreeMap::new());
    assert!(labels.iter().all(|(state, _)| *state == State::Running), "{labels:?}");
    labels.iter().map(|(_, labels)| labels[crate::labels::CONFIG_HASH] == hash).collect()
}

#[tokio::test]
async fn a_service_whose_later_batch_fails_goes_back_as_a_whole() {
    for order in ["start-first", "stop-first"] {
        let scene = last_of_three_fails("rollback", order).await;
        let before = releases_before(&scene);
        let (observed, plan) = (scene.observe().await, scene.plan().await);
        let outcome = scene.execute(&plan).await;
        let broken = broken_off(&scene.desired(), &observed, &plan, &outcome);
        assert_eq!(broken.len(), 1);
        let broken = broken.first().expect("one service fails");
        assert!(broken.goes_back && broken.new.starts_with(&["demo-app-1".to_owned(), "demo-app-2".to_owned()]));
        scene.engine.behave("demo-app-3", Behaviour::Run);
        let (desired, options) =
            way_back(broken, &scene.desired(), &scene.observe().await, &scene.options).expect("a way back");
        let engine: crate::backend::Engine = scene.engine.clone();
        let observed = crate::reconcile::up::observe(&engine, &desired, &options).await.unwrap();
        let back = plan_up(&desired, &observed, &options).unwrap();
        assert!(scene.execute(&back).await.is_success());
        assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-app-2 Running", "demo-app-3 Running"]);
        assert_eq!(versions(&scene).await, [false; 3], "{order}");
        assert_eq!(releases_before(&scene), before, "`stack rollback` leads where it would have led");
        assert!(scene.text().await.contains("environment.VERSION"), "the next `up` tries again");
    }
}

#[tokio::test]
async fn a_pause_leaves_both_versions_and_says_which_is_which() {
    let scene = last_of_three_fails("pause", "").await;
    let (observed, plan) = (scene.observe().await, scene.plan().await);
    let outcome = scene.execute(&plan).await;
    let broken = broken_off(&scene.desired(), &observed, &plan, &outcome);
    assert_eq!(broken.len(), 1);
    let broken = broken.first().expect("one service fails");
    assert!(!broken.goes_back);
    assert_eq!(broken.state().as_deref(), Some("  service `app`: demo-app-1, demo-app-2 new, demo-app-3 as before"),);
    assert_eq!(versions(&scene).await, [true, true, false]);
}

#[tokio::test]
async fn a_replacement_that_was_broken_off_is_taken_up_again() {
    let mut scene = routed(service("app"));
    scene.up().await;
    change(&mut scene);
    let plan = scene.plan().await;
    let calls = scene.engine.calls().len();
    // Created and started; then `stack` is killed.
    scene.engine.fail_from(calls + 4);
    assert!(!scene.execute(&plan).await.is_success());
    scene.engine.fail_from(usize::MAX);
    assert_eq!(scene.engine.snapshot().len(), 2, "{:?}", scene.containers());
    let again = text(&scene).await;
    assert!(again.starts_with("#1 wait until app is running or healthy\n#2 route to demo-app-1 <- #1\n"), "{again}");
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running"]);
    assert_snapshot!(text(&scene).await, @"nothing to do");
}

#[tokio::test]
async fn restarts_go_one_after_another_where_others_serve() {
    let labels = [("traefik.enable".to_owned(), "true".to_owned())].into();
    let scene = Scene::new(&[("app", Service { scale: Some(2), labels, ..service("app") })]);
    scene.up().await;
    let mut observed = scene.observe().await;
    observed.gateway = true;
    assert!(observed.containers.iter().all(|container| container.state == State::Running));
    let plan = lifecycle::restart(&observed, Some(&scene.project), &[], None, false);
    assert_snapshot!(plan.to_string(), @r"
    #1 take demo-app-1 out of the routes, 30 s for what is under way
    #2 restart demo-app-1 <- #1?
    #3 wait until app is running or healthy <- #2
    #4 route to demo-app-1 <- #3
    #5 take demo-app-2 out of the routes, 30 s for what is under way <- #4
    #6 restart demo-app-2 <- #5?
    #7 wait until app is running or healthy <- #6
    #8 route to demo-app-2 <- #7
    ");
    let plan = lifecycle::stop(&observed, Some(&scene.project), &[], None);
    assert_snapshot!(plan.to_string(), @r"
    #1 take demo-app-1, demo-app-2 out of the routes, 2 s for what is under way
    #2 stop demo-app-1 <- #1?
    #3 stop demo-app-2 <- #1?
    #4 route to demo-app-1, demo-app-2 <- #2? #3?
    ");
}

#[tokio::test]
async fn what_is_not_obeyed_is_said_when_something_is_replaced() {
    let config = UpdateConfig { max_failure_ratio: 0.5, ..UpdateConfig::default() };
    let mut app = update(service("app"), config);
    if let Some(deploy) = &mut app.deploy {
        deploy.rollback_config = Some(UpdateConfig::default());
    }
    let mut scene = routed(app);
    scene.up().await;
    assert_eq!(scene.plan().await.notices, Vec::<String>::new());
    change(&mut scene);
    let notices = scene.plan().await.notices;
    assert!(notices.iter().any(|notice| notice.contains("`rollback_config` has no effect")), "{notices:?}");
    assert!(notices.iter().any(|notice| notice.contains("`update_config.max_failure_ratio`")), "{notices:?}");
}
