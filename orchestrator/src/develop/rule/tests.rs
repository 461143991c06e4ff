#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use compose_schema::model::Develop;

use super::*;

fn watch(action: &str, path: &Path) -> WatchRule {
    WatchRule {
        action: action.to_owned(),
        path: path.display().to_string(),
        target: "/srv/app/".to_owned(),
        ..WatchRule::default()
    }
}

fn service(rules: Vec<WatchRule>) -> Service {
    Service { develop: Some(Box::new(Develop { watch: rules, ..Develop::default() })), ..Service::default() }
}

fn project(service: Service) -> Project {
    Project { services: [("app".to_owned(), service)].into(), ..Project::default() }
}

fn rule(rule: WatchRule) -> Rule {
    Rules::of(&project(service(vec![rule])), &[], true).unwrap().rules.remove(0)
}

fn refused(service: Service) -> String {
    Rules::of(&project(service), &[], true).unwrap_err().message
}

#[test]
fn a_rule_covers_its_folder_but_for_what_is_ignored() {
    let folder = Path::new("/srv/src");
    let rule = rule(WatchRule {
        ignore: vec!["*.tmp".into(), "node_modules/".into(), "#draft".into()],
        ..watch("sync", folder)
    });
    for path in ["/srv/src", "/srv/src/a", "/srv/src/deep/a.tmp", "/srv/src/.gitignore"] {
        assert!(rule.covers(Path::new(path)), "{path}");
    }
    let others = [
        "/srv/srcs/a",
        "/srv/src/a.tmp",
        "/srv/src/#draft",
        "/srv/src/node_modules/x/y.js",
        "/srv/src/deep/.git/HEAD",
        "/srv/src/.git",
        "/srv/src/a~",
        "/srv/src/deep/.a.swp",
        "/srv/src/4913",
        "/srv/src/.idea/workspace.xml",
        "/srv/src/.#lock",
        "/srv/src/#auto#",
        "/srv/src/x___jb_tmp___",
    ];
    for path in others {
        assert!(!rule.covers(Path::new(path)), "{path}");
    }
    let backup = self::rule(watch("sync", Path::new("/old~/.git/src")));
    assert!(backup.covers(Path::new("/old~/.git/src/a")), "the folder was named in the file");
    assert!(rule.shuns(Path::new("/srv/src/node_modules")) && rule.shuns(Path::new("/srv")));
    assert!(!rule.shuns(folder) && !rule.shuns(Path::new("/srv/src/deep")));
}

#[test]
fn include_chooses_and_ignore_wins() {
    let include = vec!["**/*.py".to_owned(), "static".to_owned()];
    let rule = rule(WatchRule { include, ignore: vec!["**/test_*".into()], ..watch("sync", Path::new("/s")) });
    for (path, expected) in [
        ("/s/a.py", true),
        ("/s/x/a.py", true),
        ("/s/static/a.css", true),
        ("/s/a.js", false),
        ("/s/x/test_a.py", false),
    ] {
        assert_eq!(rule.covers(Path::new(path)), expected, "{path}");
    }
    assert!(!rule.shuns(Path::new("/s/x")), "what it includes may be in there");
}

#[test]
fn the_build_contexts_patterns_count() {
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path();
    fs::write(context.join(".dockerignore"), "*\n!src\nsrc/*.log\n").unwrap();
    let build = Build { context: context.display().to_string(), ..Build::default() };
    let with = |build: Build| {
        let service = Service { build: Some(Box::new(build)), ..service(vec![watch("rebuild", context)]) };
        Rules::of(&project(service), &[], true).unwrap().rules.remove(0)
    };
    let rule = with(build.clone());
    let sources = Rules::of(
        &project(Service { build: Some(Box::new(build.clone())), ..service(vec![watch("rebuild", context)]) }),
        &[],
        true,
    )
    .unwrap()
    .sources;
    assert_eq!(sources, [".dockerignore", "Dockerfile.dockerignore"].map(|name| context.join(name)).into());
    assert!(rule.covers(&context.join("src/a")));
    assert!(!rule.covers(&context.join("README")) && !rule.covers(&context.join("src/a.log")));
    fs::write(context.join("Dev.dockerignore"), "src\n").unwrap();
    let rule = with(Build { dockerfile: "Dev".to_owned(), ..build });
    assert!(rule.covers(&context.join("README")) && !rule.covers(&context.join("src/a")));
}

#[test]
fn places_in_the_container_are_absolute() {
    let folder = rule(watch("sync", Path::new("/s")));
    assert_eq!(folder.place(Path::new("/s/a/b")), "/srv/app/a/b");
    assert_eq!(folder.place(Path::new("/s")), "/srv/app");
    let other = rule(WatchRule { target: "etc/../a/./b".to_owned(), ..watch("sync", Path::new("/s")) });
    assert_eq!(other.place(Path::new("/s/x")), "/a/b/x");
    let root = rule(WatchRule { target: "/".to_owned(), ..watch("sync", Path::new("/s")) });
    assert_eq!(root.place(Path::new("/s")), "/");
}

#[test]
fn rules_that_cannot_be_followed_are_refused() {
    let path = Path::new("/s");
    assert_eq!(
        refused(service(vec![watch("rebuild", path)])),
        "can't watch service \"app\" with action rebuild without a build context"
    );
    let built = Service { build: Some(Box::new(Build::default())), ..service(vec![watch("rebuild", path)]) };
    let error = Rules::of(&project(built), &[], false).unwrap_err();
    assert_eq!(error.message, "--no-build is incompatible with watch action rebuild in service app");
    assert!(refused(service(vec![watch("sync+exec", path)])).contains("nothing to run"));
    assert!(refused(service(vec![watch("copy", path)])).contains("unknown action `copy`"));
    let everything = "service `app` has a watch rule for `/`, and the whole system cannot be watched";
    assert_eq!(refused(service(vec![watch("restart", Path::new("/"))])), everything);
    let missing = Rules::of(&Project::default(), &["web".to_owned()], true).unwrap_err();
    assert_eq!(missing.message, "no such service: web");
}

#[test]
fn what_a_bind_mount_shows_is_not_copied() {
    let mount = Mount { kind: "bind".into(), source: "/s".into(), target: "/srv/app".into(), ..Mount::default() };
    let rules = vec![watch("sync", Path::new("/s/a")), watch("restart", Path::new("/s/b"))];
    let found = Rules::of(&project(Service { volumes: vec![mount], ..service(rules) }), &[], true).unwrap();
    assert_eq!(found.rules.iter().map(|rule| rule.action).collect::<Vec<_>>(), [Action::Restart]);
    let said = "path '/s/a' also declared by a bind mount volume, this path won't be monitored!";
    assert!(found.warnings.iter().any(|warning| warning == said), "{:?}", found.warnings);
}

#[test]
fn the_old_key_for_the_first_sync_still_works() {
    let mut old = watch("sync", Path::new("/s"));
    let missing = "path '/s', watched for service `app`, is not there yet";
    old.extensions.insert("x-initialSync".to_owned(), true.into());
    let found = Rules::of(&project(service(vec![old])), &[], true).unwrap();
    assert!(found.rules.iter().all(|rule| rule.initial_sync));
    assert_eq!(
        found.warnings,
        [missing, "x-initialSync is DEPRECATED, please use the official `initial_sync` attribute"]
    );
}

#[test]
fn the_old_key_for_rules_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    fs::create_dir(folder.join("src")).unwrap();
    std::os::unix::fs::symlink("src", folder.join("link")).unwrap();
    let with = |text: &str, mut service: Service| {
        service.extensions.insert("x-develop".to_owned(), serde_json::from_str(text).unwrap());
        Rules::of(&Project { working_dir: folder.clone(), ..project(service) }, &[], true)
    };
    let text = r#"{"watch": [{"path": "./link", "action": "sync", "target": "/app", "ignore": ["*.log"]},
        {"path": ".", "action": "restart"}]}"#;
    let found = with(text, Service::default()).unwrap();
    let warning = "service `app`: x-develop is DEPRECATED, please use the official `develop` attribute";
    assert_eq!(found.warnings, [warning]);
    let shown: Vec<String> = found.rules.iter().map(ToString::to_string).collect();
    let here = folder.display();
    assert_eq!(shown, [format!("{here}/src: sync to app:/app"), format!("{here}: restart app")]);
    assert!(!found.rules.first().unwrap().covers(&folder.join("src/a.log")));
    let both = with(text, service(vec![watch("restart", &folder)])).unwrap();
    assert_eq!((both.rules.len(), both.warnings.as_slice()), (1, &[warning.to_owned()][..]));
    let error = with(r#"{"watch": "here"}"#, Service::default()).unwrap_err().message;
    assert!(error.starts_with("service `app`: `x-develop`: "), "{error}");
    let error = with(r#"{"watch": [{"action": "sync"}]}"#, Service::default()).unwrap_err().message;
    assert_eq!(error, "service `app`: `x-develop`: a rule has no `path`");
}

/// Rules for other tests: action, path, target of a service `app` that is built from nowhere.
pub(in crate::develop) fn rules(rules: &[(&str, &Path, &str)]) -> Vec<Rule> {
    let exec = Hook { command: Some(vec!["true".to_owned()]), ..Hook::default() };
    let rules = rules.iter().map(|(action, path, target)| WatchRule {
        target: (*target).to_owned(),
        exec: exec.clone(),
        initial_sync: true,
        ignore: vec!["ignored".to_owned()],
        ..watch(action, path)
    });
    let service = Service { build: Some(Box::new(Build::default())), ..service(rules.collect()) };
    Rules::of(&project(service), &[], true).unwrap().rules
}
