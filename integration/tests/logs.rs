//! `stack logs`: nothing lost, nothing repeated, newcomers joined.

use integration::Scenario;

use crate::lifecycle::TWO_SERVICES;

#[test]
fn logs_of_all_or_one_service() {
    let Some(s) = Scenario::new("logs") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let all = s.stack(["logs"]).ok();
    let mut lines: Vec<&str> = all.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["db-1   | db started", "web-1  | web started"], "{all}");
    assert_eq!(s.stack(["logs", "web"]).ok().stdout, "web-1  | web started\n");
    assert_eq!(s.stack(["logs", "--no-log-prefix", "db"]).ok().stdout, "db started\n");
    let coloured = s.stack(["--ansi", "always", "logs"]).ok();
    assert!(coloured.stdout.contains("\u{1b}["), "{coloured}");
    let _ = s.stack(["logs", "nobody"]).exits(1).says("nobody");
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
    logs.until_it_says("web-1  | coming");
    let _ = s.stack(["restart", "web"]).ok();
    logs.until_it_says("web-1  | coming\nweb-1  | going\nweb-1  | coming");
    let _ = s.stack(["up", "-d", "--scale", "web=2"]).ok();
    logs.until_it_says("web-2  | coming");
    let _ = s.stack(["up", "-d", "--scale", "web=2", "--force-recreate"]).ok();
    logs.until_it_says("web-2  | coming\n");
    let said = integration::holds_within(std::time::Duration::from_secs(20), || {
        let text = logs.text();
        (text.matches("coming").count() == 5).then_some(text)
    });
    let text = said.unwrap_or_else(|| panic!("expected five starts in\n{}", logs.text()));
    assert_eq!(text.matches("going").count(), 3, "{text}");
}
