//! Whole loads of small folders: extends, include, merging, tags, selection, and what hostile files cost.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{LoadOptions, Loaded, load};

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn options(folder: &TempDir, files: &[&str]) -> LoadOptions {
    LoadOptions {
        files: files.iter().map(Into::into).collect(),
        project_name: Some("test".to_owned()),
        ..LoadOptions::new(folder.path().to_path_buf(), [("HOST".to_owned(), "host".to_owned())].into())
    }
}

fn loaded(files: &[(&str, &str)], named: &[&str]) -> Loaded {
    let folder = folder(files);
    load(&options(&folder, named)).unwrap_or_else(|failure| {
        let messages: Vec<_> = failure.diagnostics.iter().map(|d| d.render(&failure.sources, false)).collect();
        unreachable!("{}", messages.join("\n"))
    })
}

/// The messages of a load that fails, each with its code and place.
fn errors(files: &[(&str, &str)], named: &[&str]) -> Vec<String> {
    let folder = folder(files);
    let failure = load(&options(&folder, named)).unwrap_err();
    let place = |label: &crate::diagnostic::Label| {
        let (source, line, column) = failure.sources.locate(label.span).unwrap();
        format!(" {}:{line}:{column}", source.path.display())
    };
    failure
        .diagnostics
        .iter()
        .map(|d| format!("{} {}{}", d.code.0, d.message, d.primary.as_ref().map(place).unwrap_or_default()))
        .collect()
}

#[test]
fn files_are_laid_over_one_another() {
    let base = "services:\n  a: {image: x, environment: {A: 1, B: 2}, command: [a], ports: ['80:80'], volumes: ['/one:/data']}\n";
    let over = "services:\n  a: {environment: [B=3], command: b, ports: ['80:80', '81:81'], volumes: ['/two:/data']}\n";
    let a = &loaded(&[("a.yaml", base), ("b.yaml", over)], &["a.yaml", "b.yaml"]).project.services["a"];
    assert_eq!(a.environment.get("A").unwrap().as_deref(), Some("1"));
    assert_eq!(a.environment.get("B").unwrap().as_deref(), Some("3"));
    assert_eq!(a.command.as_deref(), Some(["b".to_owned()].as_slice()));
    assert_eq!(a.ports.len(), 2);
    assert_eq!(a.volumes.iter().map(|mount| mount.source.as_str()).collect::<Vec<_>>(), ["/two"]);
}

#[test]
fn a_key_without_a_value_takes_nothing_away() {
    let base = "services:\n  a: {image: x, hostname: h, cap_add: [A], deploy: {replicas: 2}, networks: {n: {aliases: [b]}}}\nnetworks: {n: {driver: d}}\n";
    let over = "services:\n  a: {hostname: , cap_add: null, deploy: ~, networks: [n]}\nnetworks: {n: {driver: null}}\n";
    let project = loaded(&[("a.yaml", base), ("b.yaml", over)], &["a.yaml", "b.yaml"]).project;
    let a = &project.services["a"];
    assert_eq!((a.hostname.as_str(), a.cap_add.len()), ("h", 1));
    assert_eq!(a.deploy.as_ref().unwrap().replicas, Some(2));
    assert_eq!(a.networks["n"].as_ref().unwrap().aliases, ["b"]);
    assert_eq!(project.networks["n"].driver, "d");
    let found = errors(&[("a.yaml", base), ("b.yaml", "services:\n")], &["a.yaml", "b.yaml"]);
    assert_eq!(found, ["E0502 `services` must be a mapping, not nothing b.yaml:1:9"]);
}

#[test]
fn values_are_taken_or_refused_as_by_docker_compose() {
    let service = |attribute: &str| format!("services:\n  a:\n    image: x\n    {attribute}\n");
    for attribute in [
        r#"deploy: {resources: {limits: {pids: "5"}}}"#,
        r#"environment: {"A ": 1}"#,
        r#"labels: ["a =1"]"#,
        r#"group_add: [1, "1"]"#,
        r#"ports: ["[::1]:80:80"]"#,
        r#"ports: ["80-81-90"]"#,
        r#"cpus: "1_000.5""#,
    ] {
        loaded(&[("compose.yaml", &service(attribute))], &[]);
    }
    for (attribute, message) in [
        (
            r#"environment: ["A =1"]"#,
            "E0513 `services.a.environment`: the name of `A` ends with a space compose.yaml:4:19",
        ),
        (
            r#"build: {context: ., args: ["A =1"]}"#,
            "E0513 `services.a.build.args`: the name of `A` ends with a space compose.yaml:4:32",
        ),
        (
            r#"group_add: ["1", 1]"#,
            "E0505 `services.a.group_add` has the same item twice, at 0 and 1 compose.yaml:4:22",
        ),
        (
            r#"ports: ["::1:80:80"]"#,
            "E0507 `services.a.ports` has the entry `::1:80:80`: `::1` is an IPv6 address without brackets compose.yaml:4:13",
        ),
        (
            "ports: [{target: 80, published: 80.0}]",
            "E0513 `services.a.ports.0.published`: must be a string, not a number with a fraction compose.yaml:4:37",
        ),
    ] {
        assert_eq!(errors(&[("compose.yaml", &service(attribute))], &[]), [message]);
    }
}

#[test]
fn more_values_are_refused_as_by_docker_compose() {
    let service = |attribute: &str| format!("services:\n  a:\n    image: x\n    {attribute}\n");
    for (attribute, message) in [
        (
            "extra_hosts: {'a:b': 1.1.1.1}",
            "E0513 `services.a.extra_hosts`: `a:b` is not the name of a host compose.yaml:4:26",
        ),
        (
            "extra_hosts: {b=: 1.1.1.1}",
            "E0513 `services.a.extra_hosts`: `b=` is not the name of a host compose.yaml:4:23",
        ),
        ("gpus: [{count: 9223372036854775808}]", "E0513 `services.a.gpus.0.count`: is too large compose.yaml:4:20"),
        (
            "ports: [{target: 1, published: 9223372036854775808}]",
            "E0513 `services.a.ports.0.published`: is too large compose.yaml:4:36",
        ),
        ("shm_size: 1e310", "E0513 `services.a.shm_size`: `1e310` is not a size compose.yaml:4:15"),
        (
            "volumes: [{type: bind, target: /x}]\n    profiles: [off]",
            "E0609 service `a` has a bind mount at `/x` without a source compose.yaml:4:15",
        ),
    ] {
        assert_eq!(errors(&[("compose.yaml", &service(attribute))], &[]), [message]);
    }
    let secret = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {file: f, driver_opts: {a: 1, b: 1.5}}}\n";
    let refused = ["E0513 `secrets.s.driver_opts`: `b` must be a string or a whole number compose.yaml:2:47"];
    assert_eq!(errors(&[("compose.yaml", secret)], &[]), refused);
    let include = "include: [{path: [b.yaml, null]}]\n";
    let refused = ["E0305 `path` of `include` must be text, not nothing compose.yaml:1:27"];
    assert_eq!(
        errors(&[("compose.yaml", include), ("b.yaml", "services: {a: {image: x}}")], &["compose.yaml"]),
        refused
    );
    let extending = "services: {a: {extends: {file: b.yaml, service: a}}}\n";
    let base = "services: {a: {image: x, ports: '80', env_file: 1}}\n";
    let refused = [
        "E0513 `services.a.ports` must be a list, not text b.yaml:1:33",
        "E0513 `services.a.env_file` must be a list, not a number b.yaml:1:49",
    ];
    assert_eq!(errors(&[("compose.yaml", extending), ("b.yaml", base)], &["compose.yaml"]), refused);
}

#[test]
fn what_is_not_implied_is_checked_as_well() {
    let folder = folder(&[("compose.yaml", "services: {a: {image: x, network_mode: 'service:b'}}\n")]);
    let options = LoadOptions { normalize: false, ..options(&folder, &[]) };
    let failure = load(&options).unwrap_err();
    assert_eq!(failure.diagnostics[0].message, "service `a` joins the network of undefined service `b`");
    let text = "services: {a: {image: x, volumes: [{type: bind, target: /x}]}}\n";
    fs::write(folder.path().join("compose.yaml"), text).unwrap();
    assert!(load(&LoadOptions { consistency: false, ..options.clone() }).is_err(), "there is no path to make absolute");
    assert!(load(&LoadOptions { resolve_paths: false, ..options }).is_ok());
}

/// The codes and messages of warnings.
fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(|d| format!("{} {}", d.code.0, d.message)).collect()
}

#[test]
fn what_is_no_form_of_a_mapping_takes_nothing_away() {
    let base = "services:\n  b: {image: y}\n  a: {image: x, networks: [n], depends_on: [b], build: {context: c}}\nnetworks: {n: }\n";
    for (over, warning) in [
        ("networks: x", "W0301 `services.a.networks` is text here and a mapping there: what is here is ignored"),
        (
            "depends_on: 10",
            "W0301 `services.a.depends_on` is a number here and a mapping there: what is here is ignored",
        ),
        ("build: [a]", "W0301 `services.a.build` is a list here and a mapping there: what is here is ignored"),
    ] {
        let over = format!("services: {{a: {{{over}}}}}\n");
        let loaded = loaded(&[("a.yaml", base), ("b.yaml", &over)], &["a.yaml", "b.yaml"]);
        let a = &loaded.project.services["a"];
        assert!(a.networks.contains_key("n") && a.depends_on.contains_key("b"), "{over}");
        assert!(a.build.as_ref().unwrap().context.ends_with("/c"), "{over}");
        assert_eq!(warnings(&loaded), [warning]);
    }
}

#[test]
fn values_that_are_no_text_become_text_where_a_later_file_adds_them() {
    let base = "services: {a: {image: x, environment: {q: w}, labels: {q: w}}}\n";
    let over =
        "services: {a: {environment: {C: [null], F: [{a: 1.5}]}, labels: {d: {b: [1, null], a: true}, e: 2020-1-2}}}\n";
    let loaded = loaded(&[("a.yaml", base), ("b.yaml", over)], &["a.yaml", "b.yaml"]);
    let a = &loaded.project.services["a"];
    assert_eq!(a.environment["C"].as_deref(), Some("<nil>"));
    assert_eq!(a.environment["F"].as_deref(), Some("map[a:1.5]"));
    assert_eq!(a.labels["d"], "map[a:true b:[1 <nil>]]");
    assert_eq!(a.labels["e"], "2020-01-02 00:00:00 +0000 UTC");
    assert_eq!(
        warnings(&loaded),
        [
            "W0302 `services.a.environment.C` is nothing, which becomes the text `<nil>`",
            "W0302 `services.a.environment.F` is a mapping, which becomes the text `map[a:1.5]`",
            "W0302 `services.a.labels.d` is a mapping, which becomes the text `map[a:true b:[1 <nil>]]`",
        ]
    );
}

#[test]
fn a_later_file_puts_a_wrong_boolean_right() {
    let base = "services:\n  a: {image: x, attach: '-', env_file: [{path: x.env, required: '80'}]}\n";
    let over = "services: {a: {attach: false, env_file: [{path: x.env, required: 'no'}]}}\n";
    let project = loaded(&[("a.yaml", base), ("b.yaml", over)], &["a.yaml", "b.yaml"]).project;
    assert_eq!(project.services["a"].attach, Some(false));
    assert_eq!(
        errors(&[("a.yaml", base)], &["a.yaml"]),
        [
            "E0203 `services.a.attach` must be `true` or `false`, not `-` a.yaml:2:25",
            "E0203 `services.a.env_file[0].required` must be `true` or `false`, not `80` a.yaml:2:65",
        ]
    );
}

#[test]
fn options_of_address_management_are_not_kept() {
    let text = "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {ipam: {options: {foo: bar}}}}\n";
    let loaded = loaded(&[("compose.yaml", text)], &[]);
    assert!(!crate::emit::yaml(&loaded.project).contains("foo"));
    assert_eq!(warnings(&loaded), ["W0301 `networks.n.ipam.options` is not given to the engine"]);
}

#[test]
fn trees_without_interpolation_are_docker_composes() {
    let model = |service: &str| {
        let text = format!("services:\n  b: {{image: y}}\n  a: {{image: x, {service}}}\n");
        let folder = folder(&[("compose.yaml", &text)]);
        let options = LoadOptions { interpolate: false, ..options(&folder, &[]) };
        super::load_model(&options).map(|model| crate::emit::tree_json(&model.tree).unwrap())
    };
    let json =
        model("command: [], cap_add: [], x-a: [], networks: {default: {aliases: []}}, volumes_from: [b]").unwrap();
    for expected in ["\"command\": null", "\"cap_add\": []", "\"x-a\": null", "\"aliases\": []", "\"restart\": false"] {
        assert!(json.contains(expected), "{expected} in {json}");
    }
    let json = model("develop: {watch: [{path: a, action: rebuild, ignore: x, include: y}]}").unwrap();
    assert!(json.contains("\"include\": [") && json.contains("\"ignore\": ["), "{json}");
    let json = model("volumes: ['${A:-b}:${C:-/d:e}:${X:-ro}']").unwrap();
    assert!(json.contains("\"source\": \"${A:-b}\"") && json.contains("\"target\": \"${C:-/d:e}\""), "{json}");
    for (refused, code) in [
        ("ulimits: {nofile: '${N}'}", "E0513"),
        ("build: {context: ., ulimits: {nofile: '${N}'}}", "E0513"),
        ("volumes: ['./a:/a:ro:z']", "E0508"),
        ("expose: [9223372036854775808]", "E0302"),
    ] {
        let failure = model(refused).unwrap_err();
        let codes: Vec<_> = failure.diagnostics.iter().map(|d| d.code.0).collect();
        assert_eq!(codes, [code], "{refused}");
    }
    let folder = folder(&[("compose.yaml", "services: {a: {extends: b}, b: 5}\n")]);
    let failure = super::load_model(&LoadOptions { interpolate: false, ..options(&folder, &[]) }).unwrap_err();
    assert_eq!(failure.diagnostics[0].message, "`services.b` must be a mapping, not a number");
    model("ulimits: {nofile: {soft: '${N}', hard: 5}}").unwrap();
    let json = model("devices: ['a:b:c:d']").unwrap();
    assert!(json.contains("\"source\": \"\"") && json.contains("\"permissions\": \"rwm\""), "{json}");
}

#[test]
fn names_of_containers_are_used_once_by_what_is_selected() {
    let text = "services:\n  a: {image: x, container_name: one}\n  b: {image: x, container_name: one, depends_on: [c]}\n  \
                c: {image: x, container_name: two}\n  d: {image: x, container_name: two}\n";
    let folder = folder(&[("compose.yaml", text)]);
    let found = |selected: &[&str], unique_containers: bool| {
        let selected = selected.iter().map(|&name| name.to_owned()).collect();
        let failure = load(&LoadOptions { selected, unique_containers, ..options(&folder, &[]) }).err();
        failure.into_iter().flat_map(|failure| failure.diagnostics).map(|found| found.message).collect::<Vec<_>>()
    };
    let ab = "services `a` and `b` have the same `container_name`";
    let cd = "services `c` and `d` have the same `container_name`";
    assert_eq!(found(&[], true), [ab, cd]);
    assert_eq!(found(&["a"], true), Vec::<String>::new());
    assert_eq!(found(&["b", "d"], true), [cd], "with what they depend on");
    assert_eq!(found(&[], false), Vec::<String>::new());
}

#[test]
fn empty_names_of_resources_are_none_but_for_those_who_print_them() {
    let text = "services: {a: {image: x, networks: [n], secrets: [s]}}\nnetworks: {n: {name: ''}}\n\
                secrets: {s: {name: '', external: true}}\n";
    let folder = folder(&[("compose.yaml", text)]);
    let names = |empty_names| {
        let project = load(&LoadOptions { empty_names, ..options(&folder, &[]) }).unwrap().project;
        (project.networks["n"].name.clone(), project.secrets["s"].name.clone())
    };
    assert_eq!(names(false), ("test_n".to_owned(), "s".to_owned()));
    assert_eq!(names(true), (String::new(), String::new()));
}

#[test]
fn the_name_of_a_project_that_is_not_normalized_is_as_it_is_written() {
    let folder = folder(&[("compose.yaml", "name: My${HOST}\nservices: {a: {image: x}}\n")]);
    let name = |normalize| {
        let options = LoadOptions { project_name: None, normalize, ..options(&folder, &[]) };
        load(&options).unwrap().project.name
    };
    assert_eq!((name(true), name(false)), ("myhost".to_owned(), "Myhost".to_owned()));
}

#[test]
fn ports_are_the_same_only_where_they_are_written_the_same_way() {
    let ports = |list: &str| {
        let text = format!("services: {{a: {{image: x, ports: [{list}]}}}}\n");
        loaded(&[("compose.yaml", &text)], &[]).project.services["a"].ports.len()
    };
    assert_eq!(ports("'80:80', {target: 80, published: '80'}"), 1);
    assert_eq!(ports("'80:80', {target: 80, published: 80}"), 2);
    assert_eq!(ports("'80', {target: 80}"), 1);
    assert_eq!(ports("'80', {target: 80, published: ''}"), 2);
}

#[test]
fn kinds_that_differ_are_told_with_both_places() {
    let found = errors(
        &[("a.yaml", "services: {a: {image: x, cap_add: [A]}}\n"), ("b.yaml", "services: {a: {cap_add: {A: 1}}}\n")],
        &["a.yaml", "b.yaml"],
    );
    assert_eq!(found, ["E0301 `services.a.cap_add` is a mapping here and a list there b.yaml:1:25"]);
}

#[test]
fn tags_take_away_and_replace() {
    let base = "services:\n  a: {image: x, hostname: h, dns: [1.1.1.1]}\n  gone: {image: x}\n";
    let over = "services:\n  a: {hostname: !reset null, dns: !override [8.8.8.8]}\n  gone: !reset null\n";
    let project = loaded(&[("a.yaml", base), ("b.yaml", over)], &["a.yaml", "b.yaml"]).project;
    assert_eq!(project.services.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(project.services["a"].hostname, "");
    assert_eq!(project.services["a"].dns, ["8.8.8.8"]);
}

#[test]
fn services_extend_services_of_other_files() {
    let project = loaded(
        &[
            ("compose.yaml", "services:\n  app: {extends: {file: one/a.yaml, service: a}, environment: [B=2]}\n"),
            ("one/a.yaml", "services:\n  a: {extends: {file: ../two/b.yaml, service: b}, environment: {A: 1}}\n"),
            ("two/b.yaml", "services:\n  b: {extends: c}\n  c: {image: x, volumes: ['./data:/data']}\n"),
        ],
        &[],
    )
    .project;
    let app = &project.services["app"];
    assert_eq!(app.image, "x");
    assert_eq!(app.environment.len(), 2);
    assert!(app.volumes.first().unwrap().source.ends_with("/two/data"));
}

#[test]
fn circles_are_drawn() {
    let extends = "services:\n  a: {extends: b}\n  b: {extends: a}\n";
    assert_eq!(
        errors(&[("compose.yaml", extends)], &[]),
        [
            "E0304 services extend each other in a circle: a -> b -> a compose.yaml:2:16",
            "E0304 services extend each other in a circle: b -> a -> b compose.yaml:3:16",
        ]
    );
    let found =
        errors(&[("compose.yaml", "include: [a.yaml]\nservices: {}\n"), ("a.yaml", "include: [compose.yaml]\n")], &[]);
    assert_eq!(
        found,
        ["E0306 files include each other in a circle: compose.yaml -> a.yaml -> compose.yaml compose.yaml:1:11"]
    );
}

#[test]
fn included_projects_keep_their_folder_and_variables() {
    let project = loaded(
        &[
            ("compose.yaml", "include: [sub/compose.yaml]\nservices:\n  app: {image: x, hostname: '${A:-none}'}\n"),
            (".env", "B=root\n"),
            ("sub/.env", "A=sub\nB=sub\n"),
            ("sub/compose.yaml", "services:\n  db: {image: x, hostname: $A-$B, volumes: ['./v:/v']}\n"),
        ],
        &[],
    )
    .project;
    assert_eq!(project.services["app"].hostname, "none");
    assert_eq!(project.services["db"].hostname, "sub-root");
    assert!(project.services["db"].volumes.first().unwrap().source.ends_with("/sub/v"));
}

#[test]
fn include_refuses_conflicts_and_other_machines() {
    let conflict = errors(
        &[
            ("compose.yaml", "include: [i.yaml]\nservices: {a: {image: x}}\n"),
            ("i.yaml", "services: {a: {image: y}}\n"),
        ],
        &[],
    );
    assert_eq!(conflict, ["E0307 `services.a` is defined here and differently in an included file compose.yaml:2:12"]);
    let nothing = [("compose.yaml", "include: [null, b.yaml]\n"), ("b.yaml", "services: {a: {image: x}}\n")];
    assert!(loaded(&nothing, &["compose.yaml"]).project.services.contains_key("a"));
    let remote = errors(&[("compose.yaml", "include: ['oci://x/y']\nservices: {a: {image: x}}\n")], &[]);
    assert_eq!(remote, ["E0308 `oci://x/y` is on an OCI registry and is not fetched compose.yaml:1:11"]);
}

#[test]
fn several_mistakes_with_variables_are_told_at_once() {
    let text = "services:\n  a: {image: \"x${1}\", privileged: maybe}\n  b: {image: \"${B:?set it}\"}\n";
    assert_eq!(
        errors(&[("compose.yaml", text)], &[]),
        [
            "E0201 `${1}` is not a variable compose.yaml:2:16",
            "E0203 `services.a.privileged` must be `true` or `false`, not `maybe` compose.yaml:2:35",
            "E0202 required variable `B` is missing a value: set it compose.yaml:3:15",
        ]
    );
}

#[test]
fn an_unset_variable_is_told_once() {
    let loaded = loaded(&[("compose.yaml", "services:\n  a: {image: x, hostname: \"$U\", domainname: \"$U\"}\n")], &[]);
    let messages: Vec<_> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(messages, ["the variable `U` is not set and becomes empty text"]);
    assert_eq!(loaded.place(&["services", "a", "image"]).as_deref(), Some("compose.yaml:2"));
}

#[test]
fn files_that_are_not_compose_files_are_not_quoted() {
    for text in ["root:*:19000:0:99999:7:::\nsecret\n", "SECRET: hidden\n", "a: [hidden\n"] {
        let folder = folder(&[("compose.yaml", "include: [s.yaml]\nservices: {a: {image: x}}\n"), ("s.yaml", text)]);
        let failure = load(&options(&folder, &[])).unwrap_err();
        let shown: String = failure.diagnostics.iter().map(|d| d.render(&failure.sources, false)).collect();
        assert!(shown.contains("s.yaml:"), "{shown}");
        assert!(!shown.contains("hidden") && !shown.contains("secret") && !shown.contains("SECRET"), "{shown}");
    }
}

#[test]
fn hostile_projects_cost_little() {
    let fan: Vec<(String, String)> = (0..40)
        .map(|n| {
            (
                format!("f{n}.yaml"),
                format!("include: [f{0}.yaml, f{0}.yaml]\nservices: {{s{n}: {{image: x}}}}\n", n + 1),
            )
        })
        .chain([("f40.yaml".to_owned(), "services: {last: {image: x}}\n".to_owned())])
        .collect();
    let fan: Vec<(&str, &str)> = fan.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let many: String = std::iter::once("services:\n".to_owned())
        .chain((0..2000).map(|n| format!("  s{n}: {{image: x, ports: ['80'], depends_on: [s{}]}}\n", n + 1)))
        .chain(["  s2000: {image: x}\n".to_owned()])
        .collect();
    let started = Instant::now();
    assert_eq!(loaded(&fan, &["f0.yaml"]).project.services.len(), 41);
    assert_eq!(loaded(&[("compose.yaml", &many)], &[]).project.services.len(), 2001);
    for file in ["/dev/zero", "/"] {
        let text = format!("include: [{file}]\nservices: {{a: {{image: x}}}}\n");
        assert!(errors(&[("compose.yaml", &text)], &[]).first().unwrap().starts_with("E0101"));
        let text = format!("services: {{a: {{image: x, env_file: {file}}}}}\n");
        assert!(errors(&[("compose.yaml", &text)], &[]).first().unwrap().starts_with("E0206"));
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn what_has_no_effect_on_mounts_and_files_is_said() {
    let file = "services:
  a:
    image: x
    volumes:
      - {type: bind, source: /a, target: /a, bind: {propagation: rslave}}
      - data:/b:nocopy
      - data:/c:rslave
      - data:/e:z
      - {type: tmpfs, target: /d, volume: {subpath: x}}
    secrets: [s, {source: s, target: t, mode: 0400}, {source: e, uid: '5'}]
    configs: [{source: c, gid: '0'}, {source: text, mode: 0400}]
volumes: {data: {}}
secrets: {s: {file: s.txt}, e: {environment: HOME}}
configs: {c: {file: c.txt}, text: {content: x}}
";
    let folder = folder(&[("compose.yaml", file)]);
    let loaded = load(&options(&folder, &[])).unwrap();
    let said: Vec<(&str, &str)> =
        loaded.warnings.iter().map(|warning| (warning.code.0, warning.message.as_str())).collect();
    let owner = |what: &str, rest: &str| {
        format!("`{what}` of {rest} has no effect in service `a`: its file is mounted as it is")
    };
    let options = |target: &str, kind: &str, options: &str| {
        format!("the mount at `{target}` of service `a` is of type `{kind}`: its `{options}` options have no effect")
    };
    let expected = [
        ("W0607", options("/c", "volume", "bind")),
        ("W0607", options("/d", "tmpfs", "volume")),
        ("W0606", owner("mode", "secret `s`")),
        ("W0606", owner("gid", "config `c`")),
    ];
    assert_eq!(said, expected.each_ref().map(|(code, message)| (*code, message.as_str())));
}

#[test]
fn warnings_are_silenced_by_their_code() {
    let file = "services:\n  a: {image: x, command: a && b, environment: {A: '${NONE}'}}\n";
    let codes = |text: &str, allow: &[&str]| {
        let folder = folder(&[("compose.yaml", text)]);
        let allow = allow.iter().map(ToString::to_string).collect();
        let loaded = load(&LoadOptions { allow, ..options(&folder, &[]) }).unwrap();
        loaded.warnings.iter().map(|warning| warning.code.0).collect::<Vec<_>>()
    };
    assert_eq!(codes(file, &[]), ["W0601", "W0201"]);
    assert_eq!(codes(file, &["w0601"]), ["W0201"]);
    assert_eq!(codes(&format!("{file}x-stack: {{allow: [W0601, W0201]}}\n"), &[]), [""; 0]);
    assert_eq!(
        codes(&format!("{file}x-stack: {{allow: [W0601, E0104, 7], alow: []}}\n"), &["W0201"]),
        ["W0604", "W0604", "W0605"]
    );
    for (own, wanted) in [("drain: 5m", 0), ("drain: soon", 1), ("drain: 5", 1), ("drain: -1s", 1), ("train: 5m", 1)]
        .into_iter()
        .chain([("restart-unhealthy: true", 0), ("restart-unhealthy: 'false'", 0), ("restart-unhealthy: soon", 1)])
    {
        let text = format!("services:\n  a: {{image: x, x-stack: {{{own}}}}}\n");
        assert_eq!(codes(&text, &[]), vec!["W0605"; wanted], "{own}");
    }
}

#[test]
fn the_hash_of_a_password_is_known() {
    let hint = |label: &str| {
        let text = format!("services: {{a: {{image: x, labels: {{l: '{label}'}}}}}}\n");
        let folder = folder(&[("compose.yaml", &text)]);
        let loaded = load(&options(&folder, &[])).unwrap();
        loaded.warnings.first().map(|warning| warning.hints.join(" ")).unwrap_or_default()
    };
    assert!(hint("me:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/").contains("write each `$` of it as `$$`"));
    assert!(hint("me:$argon2id$v=19$abc").contains("write each `$` of it as `$$`"));
    assert!(hint("$NOBODY").contains("or give it a default"));
    assert_eq!(hint("me:$$apr1$$H6uskkkW$$IgXLP6ewTrSuBkTrqE8wj/"), "");
}

#[test]
fn a_service_is_selected_only_with_what_it_cannot_be_without() {
    let select = |required: bool| {
        let text = format!(
            "services: {{a: {{image: x, depends_on: {{z: {{condition: service_started, required: {required}}}}}}}}}\n"
        );
        let folder = folder(&[("compose.yaml", &text)]);
        let mut project = load(&LoadOptions { consistency: false, ..options(&folder, &[]) }).unwrap().project;
        crate::profile::select(&mut project, &["a".to_owned()]).map_err(|missing| missing.0)
    };
    assert_eq!((select(true), select(false)), (Err("z".to_owned()), Ok(())));
}
