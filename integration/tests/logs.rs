//! `stack logs`: nothing lost, nothing repeated, newcomers joined.

use integration::Scenario;

use crate::lifecycle::TWO_SERVICES;

#[test]
fn logs_of_all_or_one_service() {
    let Some(s) = Scenario::new("logs") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let all = s.stack(["logs"]).ok();
    assert_eq!(unpadded(&all.stdout), ["db-1 | db started", "web-1 | web started"], "{all}");
    assert_eq!(unpadded(&s.stack(["logs", "web"]).ok().stdout), ["web-1 | web started"]);
    assert_eq!(s.stack(["logs", "--no-log-prefix", "db"]).ok().stdout, "db started\n");
    let coloured = s.stack(["--ansi", "always", "logs"]).ok();
    assert!(coloured.stdout.contains("\u{1b}["), "{coloured}");
    let _ = s.stack(["logs", "nobody"]).exits(1).says("nobody");
}

/// Lines in order of the alphabet, with the prefixes' padding taken out.
fn unpadded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn followed_logs_survive_restarts_and_take_in_newcomers() {
    let Some(s) = Scenario::new("follow") else { return };
    s.compose_file(
        r#"
services:
  web:
    image: busybox:stable
    command: ["sh", "-c", "trap 'echo going; exit 0' TERM; echo coming; sleep 1000 & wait"]
"#,
    );
    let _ = s.stack(["up", "-d"]).ok();
    let mut logs = s.stack_in_background(["logs", "-f"]);
    logs.until_it_says("coming");
    let starts = |logs: &integration::Background, wanted: usize| {
        integration::holds_within(std::time::Duration::from_secs(20), || {
            (logs.text().matches("coming").count() >= wanted).then_some(())
        })
        .unwrap_or_else(|| panic!("expected {wanted} starts in\n{}", logs.text()));
    };
    let _ = s.stack(["restart", "web"]).ok();
    starts(&logs, 2);
    let _ = s.stack(["up", "-d", "--scale", "web=2"]).ok();
    starts(&logs, 3);
    let _ = s.stack(["up", "-d", "--scale", "web=2", "--force-recreate"]).ok();
    starts(&logs, 5);
    let _ = s.stack(["stop"]).ok();
    integration::eventually("the last words", || (logs.text().matches("going").count() >= 5).then_some(()));
    let text = logs.text();
    assert_eq!((text.matches("coming").count(), text.matches("going").count()), (5, 5), "nothing twice:\n{text}");
}
