//! What the files of others hold is never shown.

use super::{Case, SECRET};

#[test]
fn files_that_are_no_compose_files_are_not_quoted() {
    for text in [
        format!("root:{SECRET}:19000:0:99999:7:::\nuser:*:1:2:3\n"),
        format!("{SECRET}: {SECRET}\n"),
        format!("- {SECRET}\n- [{SECRET}\n"),
        format!("{SECRET}\n"),
        format!("PASSWORD={SECRET}\n\tx\n"),
        format!("a: '{SECRET}\n"),
        format!("{SECRET}\u{0}{SECRET}"),
    ] {
        let including = |how: &str| Case::new(how).file("outside/shadow", &text).link("link.yaml", "outside/shadow");
        for how in [
            "include: [link.yaml]\n",
            "include: [outside/shadow]\n",
            "services: {a: {extends: {file: link.yaml, service: a}}}\n",
        ] {
            assert_ne!(including(how).run().code, 0);
        }
        let mut named = including("services: {}\n");
        named.arguments = Vec::new();
        std::fs::rename(named.path("outside/shadow"), named.path("compose.override.yml")).unwrap();
        assert_ne!(named.run().code, 0);
    }
}

#[test]
fn lines_of_env_files_are_not_quoted() {
    for text in [
        format!("A={SECRET}\n{SECRET} = \n"),
        format!("{SECRET} {SECRET}\n"),
        format!("A B={SECRET}\n"),
        format!("A=\"{SECRET}\n"),
        format!("A=${{{SECRET}\n"),
        format!("A=${{1{SECRET}}}\n"),
        format!("{SECRET}!=1\n"),
        format!("A=1\u{0}{SECRET}\n"),
        format!("={SECRET}\n"),
    ] {
        for attribute in ["env_file: e", "env_file: [{path: e, format: raw}]", "label_file: e"] {
            Case::service(attribute).file("e", &text).run();
        }
        Case::service("hostname: h").file(".env", &text).run();
    }
    let bytes = [b"A=".as_slice(), SECRET.as_bytes(), b"\xff\n"].concat();
    Case::service("env_file: e").file("e", &bytes).fails("E0102");
    Case::service("hostname: h").file(".env", &bytes).fails("E0102");
}
