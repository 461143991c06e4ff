//! An engine that fails, a client that is killed: the next `up` puts everything right, with nothing doubled.

use compose_schema::model::{Condition, Network, Service};

use super::scene::{Scene, after, service, with_env, with_volume};
use crate::backend::ErrorKind;
use crate::backend::memory::Fault;
use crate::reconcile::action::Action;

fn services(debug: &str) -> Vec<(&'static str, Service)> {
    vec![
        ("app", after(with_env(service("app"), &[("DEBUG", debug)]), &[("db", Condition::Started)])),
        ("db", with_volume(with_env(service("db"), &[("DEBUG", debug)]), "data", "/data")),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Before(ErrorKind),
    After,
    Killed,
}

const TROUBLES: [Trouble; 5] = [
    Trouble::Before(ErrorKind::Engine),
    Trouble::Before(ErrorKind::NotFound),
    Trouble::Before(ErrorKind::Conflict),
    Trouble::After,
    Trouble::Killed,
];

/// Runs `up` on a scene with trouble at call `number`; whether that call was reached.
async fn troubled(scene: &Scene, trouble: Trouble, number: usize) -> bool {
    scene.engine.reset_calls();
    match trouble {
        Trouble::Before(kind) => scene.engine.fail_call(number, Fault::Before(kind)),
        Trouble::After => scene.engine.fail_call(number, Fault::After(ErrorKind::Timeout)),
        Trouble::Killed => scene.engine.fail_from(number),
    }
    let engine: crate::backend::Engine = scene.engine.clone();
    let desired = scene.desired();
    if let Ok(observed) = crate::reconcile::up::observe(&engine, &desired, &scene.options).await {
        let plan = crate::reconcile::up::plan(&desired, &observed, &scene.options).unwrap();
        scene.execute(&plan).await;
    }
    let reached = scene.engine.calls().len() >= number;
    scene.engine.reset_calls();
    reached
}

async fn converges(scene: &Scene, context: &str) {
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-db-1 Running"], "{context}");
    assert_eq!(scene.engine.all_networks().len(), 1, "{context}");
    // One that an engine makes for a container is nobody's.
    let volumes = scene.engine.all_volumes();
    let owners = volumes.iter().map(|volume| volume.labels.get("com.docker.compose.project").map(String::as_str));
    assert_eq!(owners.collect::<Vec<_>>(), [Some("demo")], "{context}");
    let again = scene.text().await;
    assert_eq!(again, "nothing to do\n", "{context}");
}

#[tokio::test]
async fn first_up_recovers_from_trouble_at_every_call() {
    for trouble in TROUBLES {
        for number in 1.. {
            let scene = Scene::new(&services("0"));
            let reached = troubled(&scene, trouble, number).await;
            converges(&scene, &format!("{trouble:?} at call {number}")).await;
            if !reached {
                break;
            }
        }
    }
}

#[tokio::test]
async fn replacement_recovers_from_trouble_at_every_call() {
    for trouble in TROUBLES {
        for number in 1.. {
            let mut scene = Scene::new(&services("0"));
            scene.up().await;
            for (name, service) in services("1") {
                scene.project.services.insert(name.to_owned(), service);
            }
            let reached = troubled(&scene, trouble, number).await;
            converges(&scene, &format!("{trouble:?} at call {number}")).await;
            if !reached {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_network_made_anew_recovers_from_trouble_at_every_call() {
    for trouble in TROUBLES {
        for number in 1.. {
            let mut scene = Scene::new(&services("0"));
            scene.up().await;
            let network = Network { name: "demo_default".to_owned(), internal: true, ..Network::default() };
            scene.project.networks.insert("default".to_owned(), network);
            let ids =
                |scene: &Scene| scene.engine.snapshot().values().map(|found| found.id.clone()).collect::<Vec<_>>();
            let before = ids(&scene);
            let reached = troubled(&scene, trouble, number).await;
            let context = format!("{trouble:?} at call {number}");
            converges(&scene, &context).await;
            assert_eq!(ids(&scene), before, "{context}");
            let networks = scene.engine.all_networks();
            for container in scene.engine.snapshot().values() {
                let joined: Vec<&str> =
                    container.networks.values().map(|endpoint| endpoint.network_id.as_str()).collect();
                assert_eq!(joined, [networks[0].id.as_str()], "{context}");
            }
            if !reached {
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_was_killed_or_removed_comes_back() {
    let scene = Scene::new(&services("0"));
    scene.up().await;
    scene.engine.exit("demo-db-1", 137);
    scene.engine.vanish("demo-app-1");
    converges(&scene, "killed and removed").await;
}

#[tokio::test]
async fn one_left_over_makes_room_for_the_next_of_its_name() {
    let mut scene = Scene::new(&services("0"));
    scene.up().await;
    let change = |scene: &mut Scene, debug: &str| {
        for (name, service) in services(debug) {
            scene.project.services.insert(name.to_owned(), service);
        }
    };
    change(&mut scene, "1");
    // The new container of `db` is there, its old one cannot be stopped.
    let stop = scene.engine.clone();
    let plan = scene.plan().await;
    let before = plan.steps().position(|(_, step)| matches!(step.action, Action::Stop { .. })).unwrap();
    stop.reset_calls();
    stop.fail_from(before + 1);
    scene.execute(&plan).await;
    stop.reset_calls();
    let made = scene.containers().len();
    assert!(made > 2, "one is left over: {:?}", scene.containers());
    change(&mut scene, "2");
    let plan = scene.plan().await;
    for (id, step) in plan.steps() {
        let Action::Create(create) = &step.action else { continue };
        let holder = scene.engine.snapshot().get(&create.spec.name).map(|container| container.name.clone());
        let Some(holder) = holder else { continue };
        let needs = plan.needs(id);
        let removes = |step: &Action| matches!(step, Action::Remove { target, .. } if target.name() == holder);
        assert!(needs.iter().any(|(need, _)| plan.step(*need).is_some_and(|step| removes(&step.action))), "{plan}");
    }
    scene.up().await;
    assert_eq!(scene.containers(), ["demo-app-1 Running", "demo-db-1 Running"]);
}
