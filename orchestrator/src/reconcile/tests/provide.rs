//! Services that programs provide, and models.

use std::collections::BTreeMap;

use compose_schema::model::{Condition, Model, Provider, Service};

use super::scene::{Scene, after, service};
use crate::backend::Engine;
use crate::reconcile::Observed;
use crate::reconcile::lifecycle::{self, DownOptions};
use crate::reconcile::up;

fn provided(kind: &str) -> Service {
    Service {
        provider: Some(Box::new(Provider { kind: kind.to_owned(), ..Provider::default() })),
        ..Service::default()
    }
}

fn shop() -> Scene {
    let started = Condition::Started;
    let mut web = after(service("web:1"), &[("db", started)]);
    web.models.insert("my-llm".to_owned(), None);
    let mut scene =
        Scene::new(&[("cache", provided("redis")), ("db", after(provided("pg"), &[("cache", started)])), ("web", web)]);
    let model = Model { model: "ai/small".to_owned(), ..Model::default() };
    scene.project.models.insert("my-llm".to_owned(), model);
    scene
}

#[tokio::test]
async fn programs_come_first_and_have_no_containers() {
    let mut scene = shop();
    assert_eq!(
        scene.text().await,
        "#1 have `docker model` bring model ai/small\n\
         #2 ask `docker model` for its address\n\
         #3 have `redis` bring service cache\n\
         #4 have `pg` bring service db <- #3\n\
         #5 create network demo_default: it does not exist\n\
         #6 create container demo-web-1 <- #5: it does not exist\n\
         #7 start demo-web-1 (#6) <- #4 #6\n"
    );
    assert_eq!(
        up::provisions(&scene.desired()).to_string(),
        "#1 have `docker model` bring model ai/small\n\
         #2 ask `docker model` for its address\n\
         #3 have `redis` bring service cache\n\
         #4 have `pg` bring service db <- #3\n"
    );
    scene.options.provided = true;
    let plan = scene.plan().await;
    assert_eq!(plan.len(), 3, "{plan}");
}

#[tokio::test]
async fn what_programs_set_is_part_of_those_that_depend_on_them() {
    let mut scene = shop();
    scene.options.provided = true;
    let mut desired = scene.desired();
    let set =
        |value: &str| BTreeMap::from([("db".to_owned(), BTreeMap::from([("DB_URL".to_owned(), value.to_owned())]))]);
    desired.provide(&set("a"), Some("http://models/"));
    assert_eq!(desired.services["web"].environment, ["DB_URL=a", "MY_LLM_MODEL=ai/small", "MY_LLM_URL=http://models/"]);
    let engine: Engine = scene.engine.clone();
    let observed = up::observe(&engine, &desired, &scene.options).await.unwrap();
    let plan = up::plan(&desired, &observed, &scene.options).unwrap();
    scene.execute(&plan).await.into_result(&plan, None).map_err(|error| error.message).unwrap();

    // The same again changes nothing, another value does.
    let observed = up::observe(&engine, &desired, &scene.options).await.unwrap();
    assert!(up::plan(&desired, &observed, &scene.options).unwrap().is_empty());
    let mut changed = scene.desired();
    changed.provide(&set("b"), Some("http://models/"));
    let observed = up::observe(&engine, &changed, &scene.options).await.unwrap();
    let text = up::plan(&changed, &observed, &scene.options).unwrap().to_string();
    assert!(text.contains("environment.DB_URL: \"a\" -> \"b\""), "{text}");

    // Where programs are not asked, what the container has counts.
    let mut unasked = scene.desired();
    let (prefixes, names) = unasked.unasked(true).remove("web").unwrap();
    assert_eq!(prefixes, ["DB_"]);
    assert_eq!(names, ["MY_LLM_URL", "MY_LLM_MODEL"]);
    let id = observed.containers.first().unwrap().id.clone();
    let environment = engine.container(&id).await.unwrap().environment;
    unasked.remember("web", &prefixes, &names, &environment);
    let observed = up::observe(&engine, &unasked, &scene.options).await.unwrap();
    assert!(up::plan(&unasked, &observed, &scene.options).unwrap().is_empty());
    assert!(scene.desired().unasked(false).is_empty());
    scene.selection.services = vec!["web".to_owned()];
    scene.selection.no_dependencies = true;
    assert_eq!(scene.desired().unasked(false).len(), 1, "`--no-deps` leaves the provider out");
}

#[tokio::test]
async fn programs_take_away_what_they_brought() {
    let mut scene = shop();
    scene.options.provided = true;
    scene.up().await;
    let observed = Observed::project(&*scene.engine, "demo").await.unwrap();
    let down = |services: &[&str]| {
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        let options = DownOptions { services, ..DownOptions::default() };
        lifecycle::down(&observed, "demo", Some(&scene.project), &options).to_string()
    };
    assert_eq!(
        down(&[]),
        "#1 stop demo-web-1\n\
         #2 remove demo-web-1 <- #1\n\
         #3 have `pg` take service db away <- #2\n\
         #4 have `redis` take service cache away <- #2 #3\n\
         #5 remove network demo_default <- #2\n"
    );
    assert!(!down(&["web"]).contains("have "), "it stays for others");
    assert!(down(&["db"]).contains("have `pg` take service db away"));
}
