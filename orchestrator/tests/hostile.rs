//! What hostile compose files cost: little time, little memory, and a message that quotes no secret.
//!
//! The list is that of inputs on which compose loaders are known to hang, to fill the memory or to print what they should not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Private memory that the process may have, in KiB.
const MEMORY: u32 = 64 << 10;
/// Bound for busy machines and unoptimized builds; the goal is a second.
const TIME: Duration = Duration::from_secs(10);
/// Longest message.
const MESSAGE: usize = 64 << 10;
const SECRET: &str = "hunter2-correct-horse";

/// What has to come out.
#[derive(Clone, Copy)]
enum Ends {
    /// It is loaded.
    Well,
    /// It is refused with this code.
    With(&'static str),
}

fn run(folder: &Path, case: &str, ends: Ends) {
    let began = Instant::now();
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -d {MEMORY}; exec \"$0\" -p test config -q"), env!("CARGO_BIN_EXE_stack")])
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let start: String = said.chars().take(500).collect();
    assert!(began.elapsed() < TIME, "{case} takes {:?}: {start}", began.elapsed());
    assert_eq!(output.status.signal(), None, "{case}: {start}");
    assert!(said.len() <= MESSAGE, "{case}: a message of {} bytes", said.len());
    assert!(!said.contains(['\u{1b}', '\0', '\u{202e}']), "{case}: raw control characters: {start:?}");
    assert!(!said.contains(SECRET) && !said.contains("root:"), "{case}: a secret is shown: {start}");
    match ends {
        Ends::Well => assert_eq!(output.status.code(), Some(0), "{case}: {start}"),
        Ends::With(code) => {
            assert_eq!(output.status.code(), Some(1), "{case}: {start}");
            assert!(said.contains(&format!("error[{code}]")), "{case}: wants {code}: {start}");
        }
    }
}

/// One compose file, as bytes.
fn check(case: &str, compose: impl AsRef<[u8]>, ends: Ends) {
    check_with(case, compose, &[], ends);
}

fn check_with(case: &str, compose: impl AsRef<[u8]>, files: &[(&str, &[u8])], ends: Ends) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("compose.yaml"), compose).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    run(folder.path(), case, ends);
}

fn service(attributes: &str) -> String {
    format!("services:\n  a:\n    image: x\n    {attributes}\n")
}

#[test]
fn encodings() {
    let good = "services:\n  a:\n    image: x\n";
    check("byte order mark", format!("\u{feff}{good}"), Ends::Well);
    check("CRLF", good.replace('\n', "\r\n"), Ends::Well);
    check("no last newline", good.trim_end(), Ends::Well);
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(good.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    check("UTF-16", utf16, Ends::Well);
    check("invalid UTF-8", b"services:\n  a: {image: \"\xff\xfe\"}\n", Ends::With("E0102"));
    check("overlong UTF-8", b"services:\n  a: {image: \"\xc0\xaf\"}\n", Ends::With("E0102"));
    check("NUL", b"services:\n  a: {image: \"\0\"}\n", Ends::With("E0102"));
    check("escape character", b"services:\n  \"\x1b[31m\": {image: x}\n", Ends::With("E0102"));
    check("escaped escape character in a name", "services:\n  \"\\e[31m\": {image: x}\n", Ends::With("E0506"));
    check("bidi override in a name", "services:\n  \"a\u{202e}b\": {image: x}\n", Ends::With("E0506"));
    check("tab as indentation", "services:\n\ta: {image: x}\n", Ends::With("E0103"));
    check("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x00", Ends::With("E0102"));
    check("nothing", "", Ends::With("E0111"));
    check("a list", "- a\n", Ends::With("E0110"));
}

#[test]
fn aliases_and_nesting() {
    let mut laughs = "x-a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (one, next) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        laughs.push_str(&format!("x-{next}: &{next} [{}]\n", vec![format!("*{one}"); 9].join(", ")));
    }
    check("billion laughs", format!("{laughs}services: {{a: {{image: x, labels: *i}}}}\n"), Ends::With("E0106"));
    check("billion laughs, unused", format!("{laughs}services: {{a: {{image: x}}}}\n"), Ends::With("E0106"));
    check("merge with itself", "services:\n  a: &a\n    image: x\n    <<: *a\n", Ends::With("E0106"));
    check("alias of nothing", "services: {a: *nothing}\n", Ends::With("E0106"));
    check("flow nesting", format!("services: {}\n", "[".repeat(10_000)), Ends::With("E0107"));
    check("a million brackets", format!("services: {}\n", "[".repeat(1_000_000)), Ends::With("E0107"));
    check("map nesting", format!("services: {}\n", "{a: ".repeat(10_000)), Ends::With("E0107"));
    let block: String = (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check("block nesting", format!("x-a:\n{block}"), Ends::With("E0107"));
    check("unknown tag", "services: {a: !!python/object {image: x}}\n", Ends::Well);
    check("duplicate key", "services: {a: {image: x, image: y}}\n", Ends::With("E0104"));
}

#[test]
fn sizes() {
    check("a line of 10 MB", service(&format!("hostname: {}", "a".repeat(10_000_000))), Ends::Well);
    check("a comment of 15 MB", format!("#{}\n{}", "c".repeat(15_000_000), service("init: true")), Ends::Well);
    check("17 MB", format!("#{}\n", "c".repeat(17 << 20)), Ends::With("E0101"));
    check("a key of 2 KB", service(&format!("labels: {{{}: x}}", "k".repeat(2000))), Ends::With("E0103"));
    // Each port is an entry of its own, with its long form.
    check("ten thousand ports", service("ports: ['20001-30000:20001-30000']"), Ends::Well);
    let variables: String = (0..20_000).map(|n| format!("      V{n}: x\n")).collect();
    check("20,000 variables", service(&format!("environment:\n{variables}")), Ends::Well);
}

#[test]
fn cycles_and_files() {
    check("depends on itself", service("depends_on: [a]"), Ends::With("E0604"));
    check("extends itself", service("extends: a"), Ends::With("E0304"));
    check("includes itself", "include: [compose.yaml]\nservices: {}\n", Ends::With("E0306"));
    for device in ["/dev/zero", "/dev", "/dev/stdin"] {
        check(
            "include of no file",
            format!("include: [{device}]\nservices: {{a: {{image: x}}}}\n"),
            Ends::With("E0101"),
        );
        check("env_file that is no file", service(&format!("env_file: {device}")), Ends::With("E0206"));
    }
    check("include from elsewhere", "include: ['https://example.com/x.git']\n", Ends::With("E0308"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("compose.yaml"), "include: [loop.yaml]\n").unwrap();
    std::os::unix::fs::symlink("loop.yaml", folder.path().join("loop.yaml")).unwrap();
    run(folder.path(), "a link to itself", Ends::With("E0101"));
    fs::remove_file(folder.path().join("loop.yaml")).unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join("loop.yaml")).status().unwrap();
    assert!(made.success());
    run(folder.path(), "a pipe", Ends::With("E0101"));
}

#[test]
fn secrets_stay_unseen() {
    let secret = format!("PASSWORD {SECRET}=1\n");
    check_with("a wrong .env", service("init: true"), &[(".env", secret.as_bytes())], Ends::With("E0205"));
    check_with("a wrong env file", service("env_file: s"), &[("s", secret.as_bytes())], Ends::With("E0205"));
    let list = format!("{SECRET}\n");
    check_with("a secret as a compose file", "include: [s]\n", &[("s", list.as_bytes())], Ends::With("E0110"));
    let pair = format!("root:x:0:0\npassword: {SECRET}\n");
    check_with("a password file as a compose file", "include: [s]\n", &[("s", pair.as_bytes())], Ends::With("E0103"));
}

#[test]
fn variables() {
    let doubling: String = (1..40).map(|n| format!("V{n}=${{V{0}}}${{V{0}}}\n", n - 1)).collect();
    let env = format!("V0=aaaaaaaaaa\n{doubling}");
    check_with("variables that double", service("hostname: ${V39}"), &[(".env", env.as_bytes())], Ends::With("E0205"));
    let nested = format!("hostname: {}{}", "${A:-".repeat(5000), "}".repeat(5000));
    check("variables 5000 deep", service(&nested), Ends::With("E0204"));
    check("a variable without an end", service("hostname: ${A"), Ends::With("E0201"));
    check_with("a variable of itself", service("hostname: ${A}"), &[(".env", b"A=${A}\n")], Ends::Well);
}

#[test]
fn values() {
    for port in ["70000", "-1", "80; rm -rf /", ":::::", "1-70000", "[::1:80"] {
        check(port, service(&format!("ports: ['{port}']")), Ends::With("E0507"));
    }
    check("a negative size", service("mem_limit: '-1m'"), Ends::With("E0513"));
    check("an endless duration", service(&format!("stop_grace_period: {}s", "9".repeat(20))), Ends::With("E0513"));
    check("a name that is a path", "services: {../a: {image: x}}\n", Ends::With("E0506"));
    check("a name of 300 bytes", format!("services: {{{}: {{image: x}}}}\n", "a".repeat(300)), Ends::Well);
}
