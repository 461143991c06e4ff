//! Pulls and builds, and images that cannot be had or run.

use compose_schema::model::Build;
use insta::assert_snapshot;

use super::scene::{Scene, service};
use crate::backend::ImageInfo;
use crate::error::CommandError;
use crate::reconcile::Plan;
use crate::reconcile::execute::Executor;
use crate::reconcile::up::{self, PullPolicy};
use crate::ui::progress::tests::captured;

fn built() -> compose_schema::model::Service {
    let mut service = service("");
    service.build = Some(Box::new(Build { context: "/srv/demo".to_owned(), ..Build::default() }));
    service
}

#[tokio::test]
async fn each_container_waits_for_its_own_image_only() {
    let mut scene = Scene::new(&[("app", built()), ("db", service("db"))]);
    let mut web = service("nginx");
    web.pull_policy = "missing".to_owned();
    scene.project.services.insert("web".to_owned(), web);
    scene.engine.add_to_registry(ImageInfo { tags: vec!["nginx".to_owned()], ..ImageInfo::default() });
    assert_snapshot!(scene.text().await, @r"
    #1 build image demo-app: image is not here
    #2 pull image nginx: image is not here
    #3 create network demo_default: it does not exist
    #4 create container demo-app-1 <- #1 #3: it does not exist
    #5 start demo-app-1 (#4) <- #4
    #6 create container demo-db-1 <- #3: it does not exist
    #7 start demo-db-1 (#6) <- #6
    #8 create container demo-web-1 <- #2 #3: it does not exist
    #9 start demo-web-1 (#8) <- #8
    ");
    scene.up().await;
    assert_snapshot!(scene.text().await, @"nothing to do");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_built() {
    let mut app = built();
    app.image = "mine:1".to_owned();
    app.pull_policy = "always".to_owned();
    let mut scene = Scene::new(&[]);
    scene.project = super::scene::project(&[("app", app)]);
    scene.up().await;
    let built = scene.engine.changes().iter().filter(|change| change.starts_with("build image")).count();
    assert_eq!(built, 1);
    scene.up().await;
    let again = scene.engine.changes().iter().filter(|change| change.starts_with("build image")).count();
    assert_eq!(again, 1, "the one that is here is used");
}

/// A service that is built from a folder, into an image of a name.
fn built_from(context: &str, image: &str) -> compose_schema::model::Service {
    let mut service = service(image);
    service.build = Some(Box::new(Build { context: context.to_owned(), ..Build::default() }));
    service
}

#[tokio::test]
async fn builds_of_one_image_that_differ_are_done_one_after_the_other() {
    let services = [("a", built_from("/a", "mine:1")), ("b", built_from("/b", "mine:1")), ("c", service("mine:1"))];
    let scene = Scene { project: super::scene::project(&services), ..Scene::new(&[]) };
    let plan = scene.plan().await;
    let images: Vec<String> = plan.to_string().lines().skip(1).take(2).map(str::to_owned).collect();
    assert_snapshot!(images.join("\n"), @r"
    #1 build image mine:1: image is not here
    #2 build image mine:1 <- #1: image is not here
    ");
    assert!(plan.to_string().contains("create container demo-a-1 <- #2 #3"), "{plan}");
    let said = "services `a` (compose.yaml:13) and `b` (compose.yaml:13) build image `mine:1` in different ways: both are built, and \
         all that run it get the one of `b`; give each an `image` of its own";
    assert_eq!(plan.notices, [said]);
    let plan = up::builds(&scene.desired()).unwrap();
    assert_eq!((plan.len(), plan.notices.as_slice()), (2, &[said.to_owned()][..]));
    // Those that agree are one.
    let services = [("a", built_from("/a", "mine:1")), ("b", built_from("/a", "mine:1"))];
    let scene = Scene { project: super::scene::project(&services), ..Scene::new(&[]) };
    let plan = up::builds(&scene.desired()).unwrap();
    assert_eq!((plan.len(), plan.notices.len()), (1, 0));
}

#[tokio::test]
async fn a_build_of_no_folder_is_refused_before_anything_is_done() {
    let scene = Scene { project: super::scene::project(&[("app", built_from("", "mine:1"))]), ..Scene::new(&[]) };
    let error = up::plan(&scene.desired(), &scene.observe().await, &scene.options).unwrap_err();
    assert_eq!(up::builds(&scene.desired()).unwrap_err(), error);
    let error = CommandError::from(error);
    assert_snapshot!(error.message, @"cannot build service `app`: its `build.context` is empty (compose.yaml:14)");
    assert_snapshot!(error.hints.join("\n"), @"write the folder to build, `.` for that of the compose file; a variable in it may be unset");
    // An image that is here is run all the same.
    scene.engine.add_image_named("mine:1");
    assert!(up::plan(&scene.desired(), &scene.observe().await, &scene.options).is_ok());
}

#[tokio::test]
async fn what_may_not_be_built_is_said() {
    let mut scene = Scene { project: super::scene::project(&[("app", built_from("/a", "mine:1"))]), ..Scene::new(&[]) };
    scene.options.no_build = true;
    let plan = scene.plan().await;
    let error: CommandError = scene.execute(&plan).await.into_result(&plan, Some(&scene.desired())).unwrap_err();
    assert_snapshot!(error.hints.join("\n"), @"leave `--no-build` out, or build it before: `stack build app`");
}

/// What a plan's execution shows.
async fn shown(scene: &Scene, plan: &Plan, quiet_build: bool) -> String {
    let (reporter, text) = captured();
    let executor = Executor { reporter, quiet_build, ..super::scene::executor(&scene.engine) };
    let _ = executor.execute(plan).await;
    text().lines().filter(|line| line.contains("Image ")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_word_for_an_image_is_how_it_came() {
    let mut app = built_from("/a", "mine:1");
    app.pull_policy = "always".to_owned();
    let scene = Scene { project: super::scene::project(&[("app", app)]), ..Scene::new(&[]) };
    assert_snapshot!(shown(&scene, &scene.plan().await, false).await, @r"
     Image mine:1  Pulling
     Image mine:1 | building mine:1
     Image mine:1  Built
    ");
    assert_snapshot!(shown(&scene, &scene.plan().await, false).await, @r"
     Image mine:1  Pulling
     Image mine:1  Present
    ");
}

#[tokio::test]
async fn a_quiet_build_only_says_that_it_is_done() {
    let scene = Scene::new(&[("app", built())]);
    assert_snapshot!(shown(&scene, &scene.plan().await, true).await, @" Image demo-app  Built");
}

#[tokio::test]
async fn pull_leaves_out_what_policies_forbid() {
    let with = |mut service: compose_schema::model::Service, policy: &str| {
        service.pull_policy = policy.to_owned();
        service
    };
    let services = [
        ("always", with(service("always:1"), "always")),
        ("built", built_from("/a", "built:1")),
        ("latest", with(service("latest"), "missing")),
        ("missing", with(service("missing:1"), "if_not_present")),
        ("nameless", built()),
        ("never", with(service("never:1"), "never")),
        ("same", service("built:1")),
    ];
    let scene = Scene { project: super::scene::project(&services), ..Scene::new(&[]) };
    for image in ["always:1", "latest", "missing:1"] {
        scene.engine.add_image_named(image);
    }
    let desired = scene.desired();
    let pulls = async |policy: Option<PullPolicy>, skip_buildable: bool| {
        let mut observed = crate::reconcile::Observed::default();
        let names = up::images_to_pull_if_missing(&desired, policy);
        observed.look_up_images(&*scene.engine, &names).await.unwrap();
        let plan = up::pulls(&desired, &observed, policy, skip_buildable);
        let rest = plan.unchanged.iter().map(|(image, word)| format!("{image}: {word}"));
        plan.steps().map(|(_, step)| step.action.to_string()).chain(rest).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(pulls(None, false).await, @r"
    pull image always:1
    pull image latest
    pull image built:1
    Image missing:1: Present
    Image never:1: Skipped
    Image demo-nameless: Skipped
    ");
    assert_snapshot!(pulls(Some(PullPolicy::Missing), true).await, @r"
    pull image latest
    pull image never:1
    pull image built:1
    Image always:1: Present
    Image missing:1: Present
    Image built:1: Skipped
    Image demo-nameless: Skipped
    ");
    assert_eq!(pulls(Some(PullPolicy::Never), false).await.matches("Skipped").count(), 7);
}

#[tokio::test]
async fn images_that_decide_come_first() {
    let mut scene = Scene::new(&[("app", built())]);
    scene.up().await;
    scene.options.build = true;
    let first = up::images_first(&scene.desired(), &scene.observe().await, &scene.options).unwrap();
    assert_snapshot!(first.to_string(), @"#1 build image demo-app: asked for");
    assert!(scene.execute(&first).await.is_success());
    scene.options.settled.insert("demo-app".to_owned());
    let text = scene.text().await.replace(&scene.engine.snapshot()["demo-app-1"].id[..12], "OLD");
    assert_snapshot!(text, @r"
    #1 keep the image before as stack-previous/demo:app: for `stack rollback`
    #2 create container OLD_demo-app-1: image `demo-app` has changed
    #3 stop demo-app-1 <- #2
    #4 remove demo-app-1 <- #3
    #5 rename #2 to demo-app-1 <- #4
    #6 start demo-app-1 (#2) <- #2 #5
    ");
}

#[tokio::test]
async fn an_image_that_another_service_builds_is_not_pulled() {
    let mut builder = built();
    builder.image = "mine:1".to_owned();
    let scene = Scene::new(&[]);
    let mut scene = Scene { project: super::scene::project(&[("a", service("mine:1")), ("b", builder)]), ..scene };
    assert_snapshot!(scene.text().await, @r"
    #1 build image mine:1: image is not here
    #2 create network demo_default: it does not exist
    #3 create container demo-a-1 <- #1 #2: it does not exist
    #4 start demo-a-1 (#3) <- #3
    #5 create container demo-b-1 <- #1 #2: it does not exist
    #6 start demo-b-1 (#5) <- #5
    ");
    scene.options.no_build = true;
    scene.options.pull = Some(PullPolicy::Never);
    let error = up::plan(&scene.desired(), &scene.observe().await, &scene.options).unwrap_err();
    assert_snapshot!(error, @"image `mine:1` of service `a` is not here, and `--no-build` forbids to build it (compose.yaml:13)");
    assert_snapshot!(CommandError::from(error).hints.join("\n"), @"leave `--no-build` out, or build it before: `stack build b`");
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_named_with_its_place() {
    let scene = Scene::new(&[]);
    let scene = Scene { project: super::scene::project(&[("web", service("nope:1"))]), ..scene };
    let plan = scene.plan().await;
    let error: CommandError = scene.execute(&plan).await.into_result(&plan, Some(&scene.desired())).unwrap_err();
    assert_snapshot!(error.message, @r"
    cannot pull image `nope:1` of service `web` (compose.yaml:13): manifest for nope:1 not found: manifest unknown
      done: Network demo_default
      not done: create container demo-web-1
    ");
    assert_snapshot!(error.hints.join("\n"), @"check the name; a private image needs `docker login`; an image of your own needs `build:` or `docker load` (`nope:1`)");
}

#[tokio::test]
async fn an_image_for_another_machine_is_refused() {
    let scene = Scene::new(&[("web", service("web:1"))]);
    scene.engine.add_image(ImageInfo {
        tags: vec!["web:1".to_owned()],
        platform: "linux/s390x".to_owned(),
        ..ImageInfo::default()
    });
    let mut observed = scene.observe().await;
    observed.engine.local = true;
    observed.emulated.clear();
    let error = up::plan(&scene.desired(), &observed, &scene.options).unwrap_err();
    assert_snapshot!(error, @"image `web:1` of service `web` is for `linux/s390x`, this engine runs `linux/amd64` (compose.yaml:13)");
}

#[tokio::test]
async fn external_things_have_to_exist() {
    let mut scene = Scene::new(&[("web", service("web:1"))]);
    let network = scene.project.networks.get_mut("default").unwrap();
    network.external = true;
    network.name = "shared".to_owned();
    let error = up::plan(&scene.desired(), &scene.observe().await, &scene.options).unwrap_err();
    assert_snapshot!(error, @"network `shared` is declared as external, but could not be found");
}

#[tokio::test]
async fn policies_that_bring_nothing_take_what_is_here() {
    for policy in ["refresh", "build"] {
        let mut web = service("nginx");
        web.pull_policy = policy.to_owned();
        let scene = Scene::new(&[("web", web.clone())]);
        let text = scene.text().await;
        assert!(text.contains("create container demo-web-1") && !text.contains("pull image"), "{policy}: {text}");
        let scene = Scene { project: super::scene::project(&[("web", web)]), ..Scene::new(&[]) };
        let plan = up::plan(&scene.desired(), &scene.observe().await, &scene.options);
        match policy {
            "build" => assert!(plan.unwrap_err().to_string().contains("no `build` section")),
            _ => assert!(plan.unwrap().to_string().contains("pull image nginx: image is not here")),
        }
    }
}

#[tokio::test]
async fn an_image_is_pulled_again_when_it_is_old() {
    let mut web = service("nginx");
    web.pull_policy = "every_1d12h".to_owned();
    let scene = Scene::new(&[("web", web)]);
    let now = jiff::Timestamp::now();
    let named = async |hours: i64| {
        let tagged = jiff::Timestamp::from_second(now.as_second() - hours * 3600).unwrap().to_string();
        let image = ImageInfo { tags: vec!["nginx".to_owned()], tagged, ..ImageInfo::default() };
        scene.engine.add_image(image);
        scene.text().await.lines().next().unwrap_or_default().to_owned()
    };
    assert_snapshot!(named(35).await, @"#1 create network demo_default: it does not exist");
    assert_snapshot!(named(37).await, @"#1 pull image nginx: it is older than its pull policy allows");
    assert_eq!(PullPolicy::parse("weekly"), Some(PullPolicy::Refresh(7 * 24 * 3600)));
    for word in ["every_", "every_1", "every_1y", "every_h", "every_99999999999999999999d", "sometimes"] {
        assert_eq!(PullPolicy::parse(word), None, "{word}");
    }
}
