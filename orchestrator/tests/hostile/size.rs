//! Large files, most of which are fine.

use super::Case;

fn services(line: impl Fn(usize) -> String, count: usize) -> String {
    std::iter::once("services:\n".to_owned())
        .chain((0..count).map(|n| format!("  s{n}: {{image: x{}}}\n", line(n))))
        .collect()
}

#[test]
fn large_projects_are_read() {
    Case::new(services(|_| String::new(), 10_000)).within(112, 1).passes();
    let chain = |n| if n == 0 { String::new() } else { format!(", depends_on: [s{}]", n - 1) };
    Case::new(services(chain, 10_000)).within(128, 1).passes();
    let dense = |n: usize| {
        let names: Vec<String> = (n.saturating_sub(50)..n).map(|n| format!("s{n}")).collect();
        format!(", depends_on: [{}]", names.join(", "))
    };
    Case::new(services(dense, 1000)).within(256, 3).passes();
}

#[test]
fn large_values_are_read() {
    let line = "x".repeat(10 << 20);
    Case::new(format!("x-a: {line}\nservices: {{a: {{image: x}}}}\n")).within(128, 1).passes();
    Case::new(format!("# {line}\nservices: {{a: {{image: x}}}}\n")).within(64, 1).passes();
    Case::new(format!("x-{}: 1\nservices: {{a: {{image: x}}}}\n", "k".repeat(2000))).run();
    let anchors: String = (0..100_000).map(|n| format!("  - &a{n} v\n")).collect();
    Case::new(format!("x-a:\n{anchors}services: {{a: {{image: x}}}}\n")).within(160, 2).passes();
    let environment: String = (0..100_000).map(|n| format!("      A{n}: v\n")).collect();
    Case::new(format!("services:\n  a:\n    image: x\n    environment:\n{environment}")).within(256, 3).passes();
    let escapes = "\\x41".repeat(1 << 20);
    Case::new(format!("x-a: \"{escapes}\"\nservices: {{a: {{image: x}}}}\n")).within(64, 1).passes();
}

#[test]
fn too_large_files_are_refused() {
    Case::new("#".repeat(20 << 20)).fails("E0101");
    Case::service("env_file: e").file("e", "#".repeat(20 << 20)).fails("E0206");
}

#[test]
fn ranges_of_ports_are_bounded_in_memory() {
    Case::service("ports: ['1-65535:1-65535']").within(128, 1).run();
    let many: Vec<String> = (0..200).map(|_| "'1-65535'".to_owned()).collect();
    let outcome = Case::service(&format!("ports: [{}]", many.join(", "))).within(400, 4).run();
    assert!(outcome.code == 0 || outcome.message.contains("error[E"), "{}", outcome.message);
}

#[test]
fn thousands_of_mistakes_are_told_in_few_words() {
    let line = |n| format!(", privileged: maybe{n}");
    let outcome = Case::new(services(line, 5000)).within(128, 2).run();
    assert_ne!(outcome.code, 0);
    assert!(outcome.message.contains("and 4900 messages more"), "{}", outcome.message);
}
