#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use super::*;
use crate::backend::Stream;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn entry(number: usize) -> String {
    let stream = if number.is_multiple_of(2) { "stdout" } else { "stderr" };
    format!(
        "{{\"log\":\"line {number} \\u003c\\n\",\"stream\":\"{stream}\",\"time\":\"2026-01-02T03:04:05.{number:06}Z\"}}\n"
    )
}

fn entries(range: std::ops::Range<usize>) -> String {
    range.map(entry).collect()
}

/// A log in its folder.
fn log(temporary: &Path) -> PathBuf {
    let folder = temporary.join(ID);
    fs::create_dir(&folder).unwrap();
    folder.join(format!("{ID}-json.log"))
}

async fn lines(files: Vec<Part>, options: &LogOptions) -> Vec<LogRecord> {
    records(files, Window::of(options).unwrap()).map(|record| record.unwrap()).collect().await
}

#[tokio::test]
async fn rotated_files_are_one_log() {
    let temporary = tempfile::tempdir().unwrap();
    let path = log(temporary.path());
    let older = |number: usize| path.with_extension(format!("log.{number}"));
    fs::write(older(2), entries(0..9000)).unwrap();
    fs::write(older(1), format!("{}\0\0\0\nnot an entry\n", entries(9000..18000))).unwrap();
    // The last entry is still being written.
    fs::write(&path, format!("{}{}", entries(18000..20000), &entry(20000)[..20])).unwrap();
    let found = lines(open(ID, &path).unwrap(), &LogOptions::default()).await;
    assert_eq!(found.len(), 20000);
    for (number, record) in found.iter().enumerate() {
        assert_eq!(record.bytes, format!("line {number} <\n"));
        assert_eq!(record.time, format!("2026-01-02T03:04:05.{number:06}000Z"));
        assert_eq!(record.stream, if number.is_multiple_of(2) { Stream::Stdout } else { Stream::Stderr });
    }
    let text = |text: &str| Some(text.to_owned());
    let part = LogOptions {
        since: text("2026-01-02T03:04:05.000100Z"),
        until: text("1767323045.0002"),
        ..LogOptions::default()
    };
    let found = lines(open(ID, &path).unwrap(), &part).await;
    assert_eq!(found.len(), 101);
    assert_eq!(found.first().unwrap().bytes, "line 100 <\n");
}

#[test]
fn what_is_unusual_is_left_to_the_engine() {
    let temporary = tempfile::tempdir().unwrap();
    let path = log(temporary.path());
    assert!(open(ID, &path).is_none(), "not there");
    fs::write(&path, entries(0..100)).unwrap();
    assert!(open(ID, &path).is_none(), "too small to be worth it");
    fs::write(&path, entries(0..20000)).unwrap();
    assert!(open(ID, &path).is_some());
    let other = "f".repeat(64);
    assert!(open(&other, &path).is_none(), "of another container");
    fs::write(path.with_extension("log.1.gz"), "").unwrap();
    assert!(open(ID, &path).is_none(), "compressed");
    fs::remove_file(path.with_extension("log.1.gz")).unwrap();
    fs::rename(&path, temporary.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(temporary.path().join("elsewhere"), &path).unwrap();
    assert!(open(ID, &path).is_none(), "a link");
    let relative = LogOptions { since: Some("10m".to_owned()), ..LogOptions::default() };
    assert_eq!(Window::of(&relative), None);
}
