//! Files that never end, are no files, or name each other.

use super::Case;

fn include(file: &str) -> Case {
    Case::new(format!("include: ['{file}']\nservices: {{a: {{image: x}}}}\n"))
}

#[test]
fn only_regular_files_are_read() {
    for file in ["/dev/zero", "/dev/random", "/dev/tty", "/", "pipe", "loop", "none"] {
        let case = || include(file).pipe("pipe").link("loop", "loop");
        case().fails("E0101");
        let case = Case::service(&format!("env_file: '{file}'")).pipe("pipe").link("loop", "loop");
        case.fails("E0206");
        let case = Case::service(&format!("label_file: '{file}'")).pipe("pipe").link("loop", "loop");
        case.fails("E0206");
        let case = Case::new(format!("services: {{a: {{extends: {{file: '{file}', service: b}}}}}}\n"));
        case.pipe("pipe").link("loop", "loop").fails("E0101");
    }
    for name in ["http://x/y.yaml", "https://x/y.git", "oci://x/y", "git@x:y"] {
        include(name).fails("E0308");
    }
}

#[test]
fn env_files_of_the_project_do_not_hold_it_up() {
    let named = |file: &str| {
        let mut case = Case::service("hostname: h").pipe("pipe");
        case.arguments = Vec::new();
        case.file("outer.yaml", format!("include: [{{path: compose.yaml, env_file: '{file}'}}]\n"))
    };
    for file in ["/dev/zero", "pipe", "none"] {
        let case = named(file);
        std::fs::rename(case.path("outer.yaml"), case.path("docker-compose.override.yml")).unwrap();
        let outcome = case.run();
        assert_ne!(outcome.code, 0);
        assert!(outcome.message.contains("error[E"), "{}", outcome.message);
    }
    Case::service("hostname: h").pipe(".env").passes();
}

#[test]
fn circles_end() {
    include("compose.yaml").fails("E0306");
    include("b.yaml").file("b.yaml", "include: [compose.yaml]\n").fails("E0306");
    include("link.yaml").link("link.yaml", "compose.yaml").run();
    include("d/d/d/compose.yaml").link("d", ".").run();
    Case::new("services: {a: {extends: a}}\n").fails("E0304");
    Case::new("services: {a: {extends: b}, b: {extends: a}}\n").fails("E0304");
    let across = "services: {a: {extends: {file: b.yaml, service: b}}}\n";
    Case::new(across).file("b.yaml", "services: {b: {extends: {file: compose.yaml, service: a}}}\n").fails("E0304");
    Case::new("services: {a: {image: x, depends_on: [a]}}\n").run();
    for attribute in ["links: [X]", "volumes_from: [X]", "network_mode: 'service:X'", "depends_on: [X]"] {
        let [to_b, to_a] = ["b", "a"].map(|name| attribute.replace('X', name));
        let outcome = Case::new(format!("services: {{a: {{image: x, {to_b}}}, b: {{image: x, {to_a}}}}}\n")).run();
        assert_ne!(outcome.code, 0, "{attribute}");
    }
}

#[test]
fn many_files_are_read_once() {
    let mut case = Case::new("include: [f0.yaml, f0.yaml]\n");
    for n in 0..22 {
        let text = format!("include: [f{0}.yaml, f{0}.yaml]\nservices: {{s{n}: {{image: x}}}}\n", n + 1);
        case = case.file(&format!("f{n}.yaml"), text);
    }
    case.file("f22.yaml", "services: {last: {image: x}}\n").passes();
}

#[test]
fn what_does_not_exist_is_named() {
    for attribute in
        ["depends_on: [b]", "networks: [b]", "volumes: ['bb:/b']", "secrets: [b]", "configs: [b]", "extends: b"]
    {
        let outcome = Case::service(attribute).run();
        assert!(outcome.code != 0 && outcome.message.contains("error[E"), "{attribute}: {}", outcome.message);
    }
}
