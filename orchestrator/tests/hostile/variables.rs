//! `${...}` and `.env`.

use super::Case;

#[test]
fn mistakes_are_told() {
    for text in ["${A", "${}", "${1}", "${A:?needed}", "${a-b-${}"] {
        let outcome = Case::service(&format!("hostname: '{text}'")).run();
        assert!(outcome.code != 0 && outcome.message.contains("error[E"), "{text}: {}", outcome.message);
    }
    Case::service("hostname: '$$A'").passes();
}

#[test]
fn depth_and_growth_are_bounded() {
    let deep = format!("{}x{}", "${A:-".repeat(5000), "}".repeat(5000));
    Case::service(&format!("hostname: '{deep}'")).fails("E0204");
    let bomb: String = (0..34)
        .map(|n| if n == 0 { "A0=xxxxxxxx\n".into() } else { format!("A{n}=${{A{0}}}${{A{0}}}\n", n - 1) })
        .collect();
    let outcome = Case::service("hostname: $A33").file(".env", bomb).run();
    assert_ne!(outcome.code, 0);
    let large = format!("A={}\n", "x".repeat(500_000));
    let uses: String = (0..400).map(|n| format!("  x{n}: \"$A\"\n")).collect();
    let outcome =
        Case::new(format!("services: {{a: {{image: x}}}}\nx-a:\n{uses}")).file(".env", large).within(200, 2).run();
    assert_ne!(outcome.code, 0);
}

#[test]
fn variables_may_name_themselves() {
    Case::service("hostname: $A").file(".env", "A=$A\n").passes();
    Case::service("hostname: $A").file(".env", "A=$B\nB=$A\n").passes();
    Case::service("hostname: $A").file(".env", "\u{feff}A=b\r\nB=c\r\n").passes();
}

#[test]
fn many_unset_variables_are_told_in_few_words() {
    let names: String = (0..200_000).map(|n| format!("$A{n} ")).collect();
    Case::service(&format!("hostname: '{names}'")).within(200, 2).passes();
    let lines: String = (0..20_000).map(|n| format!("      A{n}: $B{n}\n")).collect();
    Case::new(format!("services:\n  a:\n    image: x\n    environment:\n{lines}")).within(200, 2).passes();
}
