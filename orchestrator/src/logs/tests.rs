#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::cursor::Cursor;
use super::lines::Lines;
use super::{Item, Logs, Request};
use crate::backend::memory::{Fault, Memory};
use crate::backend::{Backend, ContainerSpec, Engine, ExecSpec, LogRecord, Stream};
use crate::labels;

fn record(nanos: u32, text: &str) -> LogRecord {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    LogRecord { stream: Stream::Stdout, time: format!("2026-01-02T03:04:05.{nanos:09}Z"), bytes }
}

#[test]
fn a_resumed_log_repeats_nothing_and_loses_nothing() {
    let mut cursor = Cursor::default();
    let seen =
        [record(200_000_000, "a"), record(200_000_000, "a"), record(150_000_000, "late"), record(300_000_000, "b")];
    assert!(seen.iter().all(|record| cursor.admits(record)));
    assert_eq!(cursor.resume().unwrap(), "2026-01-02T03:04:05.200000000Z");
    let again = [
        (record(200_000_000, "a"), false),
        (record(200_000_000, "a"), false),
        (record(250_000_000, "written late by the other stream"), true),
        (record(300_000_000, "b"), false),
        (record(300_000_000, "b"), true),
        (record(400_000_000, "c"), true),
    ];
    for (record, new) in again {
        assert_eq!(cursor.admits(&record), new, "{record:?}");
    }
}

#[test]
fn lines_are_put_together() {
    let mut lines = Lines::default();
    let text = |(_, _, text): super::lines::Line| String::from_utf8(text.to_vec()).unwrap();
    let mut push = |record: LogRecord| {
        let mut complete = Vec::new();
        lines.push(record, |line| complete.push(text(line)));
        complete
    };
    assert_eq!(push(record(1, "whole\n")), ["whole"]);
    assert!(push(record(2, "two ")).is_empty());
    assert_eq!(push(record(3, "pieces\nand\nmore")), ["two pieces", "and"]);
    assert_eq!(lines.rest().into_iter().map(text).collect::<Vec<_>>(), ["more"]);
    assert!(lines.rest().is_empty());
}

async fn container(engine: &Memory, name: &str, service: &str) {
    let labels = [(labels::PROJECT, "p"), (labels::SERVICE, service), (labels::NUMBER, "1"), (labels::ONEOFF, "False")];
    let spec = ContainerSpec {
        name: name.to_owned(),
        image: "app".to_owned(),
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>(),
        ..ContainerSpec::default()
    };
    engine.create_container(&spec).await.unwrap();
    engine.start_container(name).await.unwrap();
}

fn request(follow: bool) -> Request {
    Request { project: "p".to_owned(), follow, ..Request::default() }
}

/// Reads `count` items, or to the end.
async fn shown(logs: &mut Logs, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < count {
        match logs.next().await {
            Some(Ok(Item::Line { source, text, .. })) => {
                found.push(format!("{}: {}", source.label, String::from_utf8_lossy(&text)));
            }
            Some(Ok(Item::Exited { source, code, .. })) => found.push(format!("{} exited {code}", source.label)),
            Some(Ok(Item::Warning(text) | Item::Note(text))) => found.push(text),
            Some(Err(error)) => found.push(error.to_string()),
            None => break,
        }
    }
    found
}

async fn engine() -> (Arc<Memory>, Engine) {
    let memory = Memory::new();
    memory.add_image_named("app");
    let engine: Engine = memory.clone();
    (memory, engine)
}

#[tokio::test]
async fn the_past_is_merged_by_time() {
    let (memory, engine) = engine().await;
    container(&memory, "p-web-1", "web").await;
    container(&memory, "p-db-1", "db").await;
    memory.print("p-web-1", Stream::Stdout, "one\n");
    memory.print("p-db-1", Stream::Stderr, "two\n");
    memory.print("p-web-1", Stream::Stdout, "three, unfinished");
    let mut logs = Logs::open(&engine, request(false)).await.unwrap();
    assert_eq!(shown(&mut logs, 9).await, ["web-1: one", "db-1: two", "web-1: three, unfinished"]);
    let mut logs = Logs::open(&engine, Request { services: vec!["db".to_owned()], ..request(false) }).await.unwrap();
    assert_eq!(shown(&mut logs, 9).await, ["db-1: two"]);
    let mut logs = Logs::open(&engine, Request { tail: Some(1), ..request(false) }).await.unwrap();
    assert_eq!(shown(&mut logs, 9).await, ["db-1: two", "web-1: three, unfinished"]);
}

#[tokio::test(start_paused = true)]
async fn ends_that_nobody_saw_are_told() {
    let (memory, engine) = engine().await;
    container(&memory, "p-old-1", "old").await;
    let old = engine.container("p-old-1").await.unwrap().started_at;
    memory.exit("p-old-1", 1);
    container(&memory, "p-quick-1", "quick").await;
    let quick = engine.container("p-quick-1").await.unwrap().started_at;
    assert!(old < quick, "{old} {quick}");
    memory.print("p-quick-1", Stream::Stdout, "bye");
    memory.exit("p-quick-1", 5);
    container(&memory, "p-web-1", "web").await;
    let request = Request { ended_since: Some(quick), ..request(true) };
    let mut logs = Logs::open(&engine, request.clone()).await.unwrap();
    assert_eq!(shown(&mut logs, 2).await, ["quick-1: bye", "quick-1 exited 5"]);
    memory.start_container("p-quick-1").await.unwrap();
    memory.exit("p-quick-1", 6);
    memory.exit("p-web-1", 0);
    let mut ends = shown(&mut logs, 9).await;
    ends.sort();
    assert_eq!(ends, ["quick-1 exited 6", "web-1 exited 0"]);
    let mut logs = Logs::open(&engine, request).await.unwrap();
    let ends = shown(&mut logs, 9).await;
    assert!(ends.contains(&"quick-1 exited 6".to_owned()), "also where nothing runs any more: {ends:?}");
}

#[tokio::test(start_paused = true)]
async fn following_goes_on_across_restarts_and_newcomers() {
    let (memory, engine) = engine().await;
    container(&memory, "p-web-1", "web").await;
    memory.print("p-web-1", Stream::Stdout, "before\n");
    let mut logs = Logs::open(&engine, request(true)).await.unwrap();
    assert_eq!(shown(&mut logs, 1).await, ["web-1: before"]);
    memory.print("p-web-1", Stream::Stdout, "during\n");
    memory.print("p-web-1", Stream::Stdout, "last words");
    memory.kill_container("p-web-1", "SIGTERM").await.unwrap();
    assert_eq!(shown(&mut logs, 3).await, ["web-1: during", "web-1: last words", "web-1 exited 143"]);
    memory.start_container("p-web-1").await.unwrap();
    memory.print("p-web-1", Stream::Stdout, "again\n");
    assert_eq!(shown(&mut logs, 1).await, ["web-1: again"]);
    container(&memory, "p-db-1", "db").await;
    memory.print("p-db-1", Stream::Stdout, "hello\n");
    assert_eq!(shown(&mut logs, 1).await, ["db-1: hello"]);
    memory.kill_container("p-web-1", "SIGKILL").await.unwrap();
    memory.remove_container("p-web-1", false).await.unwrap();
    assert_eq!(shown(&mut logs, 1).await, ["web-1 exited 137"]);
    container(&memory, "p-web-1", "web").await;
    memory.print("p-web-1", Stream::Stdout, "recreated\n");
    assert_eq!(shown(&mut logs, 1).await, ["web-1: recreated"]);
    memory.exit("p-web-1", 0);
    memory.exit("p-db-1", 0);
    let mut ends = shown(&mut logs, 9).await;
    ends.sort();
    assert_eq!(ends, ["db-1 exited 0", "web-1 exited 0"], "and the stream ends with the last container");
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_those_that_run_on() {
    let (memory, engine) = engine().await;
    container(&memory, "p-web-1", "web").await;
    container(&memory, "p-db-1", "db").await;
    let mut logs = Logs::open(&engine, request(true)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    logs.end(vec!["db".to_owned()]);
    let start = tokio::time::Instant::now();
    memory.stop_container("p-web-1", None).await.unwrap();
    assert_eq!(shown(&mut logs, 9).await, ["web-1 exited 0"]);
    assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_with_the_last_one_that_is_awaited() {
    let (memory, engine) = engine().await;
    container(&memory, "p-tests-1", "tests").await;
    container(&memory, "p-db-1", "db").await;
    let awaited = Some(["tests".to_owned()].into());
    let mut logs = Logs::open(&engine, Request { awaited, ..request(true) }).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    memory.exit("p-tests-1", 6);
    assert_eq!(shown(&mut logs, 9).await, ["tests-1 exited 6"], "and not when `db` ends");
    // One that had ended before is not waited for either.
    let awaited = Some(["tests".to_owned()].into());
    let mut logs = Logs::open(&engine, Request { awaited, ..request(true) }).await.unwrap();
    assert!(shown(&mut logs, 9).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_who_was_stopped_is_waited_for() {
    for (stopped, left, lingers) in [(false, false, false), (true, false, true), (true, true, false)] {
        let (memory, engine) = engine().await;
        container(&memory, "p-web-1", "web").await;
        let mut logs = Logs::open(&engine, request(true)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        let start = tokio::time::Instant::now();
        if stopped {
            memory.stop_container("p-web-1", None).await.unwrap();
        } else {
            memory.exit("p-web-1", 0);
        }
        if left {
            logs.end(Vec::new());
        }
        assert_eq!(shown(&mut logs, 9).await, ["web-1 exited 0"]);
        let took = start.elapsed();
        assert_eq!(took >= std::time::Duration::from_secs(2), lingers, "{took:?}, {stopped}, {left}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_do_does_not_put_the_end_off() {
    let (memory, engine) = engine().await;
    container(&memory, "p-tests-1", "tests").await;
    container(&memory, "p-db-1", "db").await;
    let awaited = Some(["tests".to_owned()].into());
    let mut logs = Logs::open(&engine, Request { awaited, ..request(true) }).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    let checks = tokio::spawn({
        let memory = Arc::clone(&memory);
        async move {
            loop {
                let _ = memory.exec("p-db-1", &ExecSpec::default()).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
        }
    });
    let start = tokio::time::Instant::now();
    memory.stop_container("p-tests-1", None).await.unwrap();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), shown(&mut logs, 9)).await;
    checks.abort();
    assert_eq!(ended.unwrap(), ["tests-1 exited 0"]);
    assert!(start.elapsed() >= std::time::Duration::from_secs(2), "it may have been started again");
}

#[tokio::test]
async fn from_now_on_means_nothing_of_the_past() {
    let (memory, engine) = engine().await;
    container(&memory, "p-web-1", "web").await;
    memory.print("p-web-1", Stream::Stdout, "past\n");
    let mut logs = Logs::open(&engine, Request { tail: Some(0), stay: true, ..request(true) }).await.unwrap();
    memory.print("p-web-1", Stream::Stdout, "now\n");
    // Either before or after the reader found where the past ends: what it shows is never the past.
    memory.exit("p-web-1", 0);
    let found = shown(&mut logs, 1).await;
    assert!(found == ["web-1: now"] || found == ["web-1 exited 0"], "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_gone_is_no_end() {
    let (memory, engine) = engine().await;
    container(&memory, "p-web-1", "web").await;
    let mut logs = Logs::open(&engine, request(true)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    memory.stop_container("p-web-1", None).await.unwrap();
    assert_eq!(shown(&mut logs, 1).await, ["web-1 exited 0"]);
    memory.fail_from(1);
    let rest = shown(&mut logs, 9).await;
    assert!(rest.len() == 1 && rest[0].contains("injected fault"), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_breaks_down_is_told_of_and_not_waited_for() {
    let (memory, engine) = engine().await;
    container(&memory, "p-web-1", "web").await;
    container(&memory, "p-db-1", "db").await;
    memory.reset_calls();
    let reads_begin = {
        let logs = Logs::open(&engine, request(true)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        drop(logs);
        // The first two are of what is there already.
        let reads = memory.calls().into_iter().enumerate().filter(|(_, call)| call.call == "read logs");
        reads.map(|(index, _)| index + 1).nth(2).unwrap()
    };
    memory.reset_calls();
    memory.fail_call(reads_begin, Fault::Panic);
    let mut logs = Logs::open(&engine, request(true)).await.unwrap();
    let told = shown(&mut logs, 1).await;
    assert!(told[0].starts_with("the log of ") && told[0].contains("panicked"), "{told:?}");
    memory.exit("p-web-1", 1);
    memory.exit("p-db-1", 2);
    let mut ends = shown(&mut logs, 9).await;
    ends.sort();
    assert_eq!(ends, ["db-1 exited 2", "web-1 exited 1"], "and the stream ends");
}
