//! YAML that other readers run away with.

use super::Case;

/// Values of which each is made of the one before it.
fn chain(length: usize, first: &str, next: impl Fn(String) -> String) -> String {
    let value = |n: usize| if n == 0 { first.to_owned() } else { next(format!("a{}", n - 1)) };
    (0..length).map(|n| format!("x-{n}: &a{n} {}\n", value(n))).collect()
}

#[test]
fn short_files_that_stand_for_much_cost_little() {
    let laughs = chain(12, "[l, l]", |before| format!("[{0}, {0}]", vec![format!("*{before}"); 5].join(", ")));
    assert!(laughs.len() < 1000);
    let doubled = chain(22, "{k: v}", |before| format!("{{a: *{before}, b: *{before}}}"));
    let merged = chain(30, "{k: v}", |before| format!("{{<<: [*{before}, *{before}], k-{before}: *{before}}}"));
    for bomb in [laughs, doubled, merged] {
        Case::new(format!("{bomb}services: {{a: {{image: x}}}}\n")).within(32, 1).fails("E0106");
    }
}

#[test]
fn values_that_contain_themselves_are_refused() {
    for (text, code) in [
        ("x-a: &a {<<: *a}\nservices: {a: {image: x}}\n", "E0106"),
        ("x-a: &a [*a]\nservices: {a: {image: x}}\n", "E0106"),
        ("services: &s {a: *s}\n", "E0106"),
        ("services: {a: *none}\n", "E0106"),
        ("x-a: &a 1\nservices: {a: {<<: *a, image: x}}\n", "E0109"),
    ] {
        Case::new(text).fails(code);
    }
}

#[test]
fn depth_is_bounded() {
    for depth in [10_000, 1_000_000] {
        Case::new(format!("x-a: {}{}\n", "[".repeat(depth), "]".repeat(depth))).fails("E0107");
        Case::new(format!("x-a: {}\n", "{a: ".repeat(depth))).fails("E0107");
    }
    Case::new(format!("x-a: {}\n", "[".repeat(100_000))).fails("E0107");
    Case::new(format!("x-a:\n  {}1\n", "- ".repeat(100_000))).fails("E0107");
    let block: String = (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    Case::new(block).fails("E0107");
    let aliases: String = (0..200)
        .map(|n| format!("x-{n}: &a{n} [{}]\n", if n == 0 { "1".into() } else { format!("*a{}", n - 1) }))
        .collect();
    Case::new(aliases).fails("E0107");
}

#[test]
fn keys_are_text_and_given_once() {
    for text in [
        "services: {}\nservices: {}\n",
        "services: {a: {image: x}, a: {image: y}}\n",
        "services: {a: {image: x, image: y}}\n",
    ] {
        Case::new(text).fails("E0104");
    }
    for text in ["services: {1: {image: x}}\n", "services: {[a, b]: {image: x}}\n", "services: {null: {image: x}}\n"] {
        Case::new(text).fails("E0105");
    }
}

#[test]
fn odd_values_end_with_a_message_or_are_taken() {
    for attributes in [
        "hostname: !unknown y",
        "hostname: !!python/object:os.system y",
        "hostname: !!binary aGk=",
        "hostname: NO",
        "stop_grace_period: 100000000000000000000s",
        "cpus: 1e999",
        "cpus: .nan",
        "mem_limit: -1",
        "mem_limit: 99999999999999999999999g",
        "ports: [70000]",
        "ports: ['-1']",
        "ports: ['80; rm -rf /']",
        "ports: [':::::']",
        "ports: ['1-65535:1-65534']",
        "ports: {a: b}",
        "volumes: [':::::']",
        "image: [x]",
        "environment: 5",
        "depends_on: {a: {condition: service_happy}}",
        "container_name: ../../etc",
        "scale: 999999999999",
    ] {
        let outcome = Case::service(attributes).run();
        assert!(outcome.code == 0 || outcome.message.contains("error[E"), "{attributes}: {}", outcome.message);
    }
    for path in ["../../..", "/", "none", "a\u{202e}b"] {
        for attribute in ["build: {context: 'X'}", "build: {context: ., dockerfile: 'X'}", "volumes: ['X:/a']"] {
            Case::service(&attribute.replace('X', path)).run();
        }
    }
    let long = "n".repeat(300);
    for name in [long.as_str(), "..", "-a"] {
        Case::new(format!("services: {{{name}: {{image: x}}}}\n")).run();
    }
    Case::new(format!("name: {long}\nservices: {{a: {{image: x}}}}\n")).run();
    for name in ["a/b", "", "naïve", "a b"] {
        let outcome = Case::new(format!("services: {{'{name}': {{image: x}}}}\n")).run();
        assert!(outcome.code != 0 && outcome.message.contains("error[E"), "{name}: {}", outcome.message);
    }
}
