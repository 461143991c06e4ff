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

#[test]
fn a_large_log_is_shown_whole() {
    let Some(s) = Scenario::new("largelog") else { return };
    s.compose_file(
        r#"
services:
  app:
    image: busybox:stable
    command: ["sh", "-c", "seq 60000 | sed 's/$$/ of a log that somebody reads/'; sleep 2; echo done >&2; sleep 1000"]
    stop_signal: SIGKILL
    logging: {driver: json-file, options: {max-size: 2m, max-file: "9"}}
"#,
    );
    let _ = s.stack(["up", "-d"]).ok();
    let id = s.container("app");
    let shown = || s.stack(["logs", "--no-log-prefix", "--timestamps"]).ok().stdout;
    // The engine reads both streams at a time: what is written last would come before the rest without a pause.
    integration::eventually("the whole log", || (shown().lines().count() == 60001).then_some(()));
    let engines = integration::engine::docker(["logs", "--timestamps", &id]).ok();
    let (ours, theirs) = (shown(), format!("{}{}", engines.stdout, engines.stderr));
    assert_eq!(ours.lines().count(), 60001);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert!(sorted(&ours) == sorted(&theirs), "it differs from what the engine says");
    let since = ours.lines().nth(30000).and_then(|line| line.split(' ').next()).unwrap_or_default();
    let part = s.stack(["logs", "--no-log-prefix", "--timestamps", "--since", since]).ok().stdout;
    assert!(ours.ends_with(&part) && part.contains("30001 of a log"), "{} lines", part.lines().count());
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

/// A program that counts aloud, in bursts, and says at its end how far it came. Each start has a name of its own.
const COUNTING: &str = r#"
services:
  app:
    image: busybox:stable
    stop_grace_period: 20s
    command:
      - sh
      - -c
      - |
        run=$$(cat /proc/sys/kernel/random/uuid); n=0
        trap 'echo "$$run end $$n"; exit 0' TERM
        while :; do n=$$((n + 1)); echo "$$run $$n"; [ $$((n % 40)) = 0 ] && sleep 0.05; done
"#;

#[test]
fn a_count_has_no_gap_and_no_repetition_over_restarts_and_a_recreation() {
    let Some(s) = Scenario::new("count") else { return };
    s.compose_file(COUNTING);
    let _ = s.stack(["up", "-d"]).ok();
    let mut logs = s.stack_in_background(["logs", "-f", "--no-log-prefix"]);
    let ends = |text: &str| text.matches(" end ").count();
    for (number, how) in
        [["restart", "app"], ["restart", "app"], ["up", "--force-recreate"], ["stop", "app"]].iter().enumerate()
    {
        logs.until_it_says(" 40\n");
        let detached = if how[0] == "up" { "-d" } else { "-t20" };
        let _ = s.stack([how[0], detached, how[1]]).ok();
        integration::eventually("the last words", || (ends(&logs.text()) > number).then_some(()));
    }
    let text = logs.text();
    let mut counts = std::collections::BTreeMap::<&str, (Vec<u64>, Option<u64>)>::new();
    for line in text.lines().filter(|line| !line.contains("exited with code")) {
        let words: Vec<&str> = line.split(' ').collect();
        let (seen, end) = counts.entry(words[0]).or_default();
        match words[1] {
            "end" => *end = words[2].parse().ok(),
            number => seen.push(number.parse().unwrap_or_else(|_| panic!("an odd line: {line}"))),
        }
    }
    assert_eq!(counts.len(), 4, "one count a start");
    for (run, (seen, end)) in counts {
        let all: Vec<u64> = (1..=seen.len() as u64).collect();
        assert_eq!(seen, all, "{run} has a gap, or a line twice");
        // The signal may come between counting and saying so.
        let (said, end) = (seen.len() as u64, end.expect("its last words"));
        assert!(said == end || said + 1 == end, "{run}: {said} lines, {end} counted");
    }
}
