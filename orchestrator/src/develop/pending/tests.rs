#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use notify::event::{AccessKind, CreateKind, DataChange, Flag, ModifyKind, RemoveKind};

use super::*;

const MADE: EventKind = EventKind::Create(CreateKind::File);
const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
const REMOVED: EventKind = EventKind::Remove(RemoveKind::File);

fn event(kind: EventKind, path: &str) -> Event {
    Event::new(kind).add_path(path.into())
}

#[test]
fn a_batch_is_due_after_the_quiet() {
    let (mut pending, start) = (Pending::default(), Instant::now());
    assert_eq!(pending.due(), None);
    pending.note(&event(WRITTEN, "/a"), start, |_| true);
    assert_eq!(pending.due(), Some(start + QUIET));
    pending.note(&event(WRITTEN, "/a"), start + QUIET / 2, |_| true);
    assert_eq!(pending.due(), Some(start + QUIET / 2 + QUIET));
    // A file that is written all the time does not keep the others from being seen.
    for step in 1..20 {
        pending.note(&event(WRITTEN, "/a"), start + QUIET / 2 * step, |_| true);
    }
    assert_eq!(pending.due(), Some(start + PATIENCE));
    assert_eq!(pending.take().paths, BTreeMap::from([("/a".into(), false)]));
    assert_eq!((pending.due(), pending.take()), (None, Changes::default()));
}

#[test]
fn what_does_not_matter_delays_nothing() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    pending.note(&event(WRITTEN, "/log"), now, |path| !path.ends_with("log"));
    pending.note(&event(EventKind::Access(AccessKind::Any), "/a"), now, |_| true);
    assert_eq!(pending.due(), None);
}

#[test]
fn the_first_event_says_whether_a_file_is_new() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    for (kind, path) in [(MADE, "/new"), (WRITTEN, "/new"), (REMOVED, "/old"), (MADE, "/old")] {
        pending.note(&event(kind, path), now, |_| true);
    }
    assert_eq!(pending.take().paths, BTreeMap::from([("/new".into(), true), ("/old".into(), false)]));
}

#[test]
fn lost_events_are_a_change() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    pending.note(&Event::new(EventKind::Other).set_flag(Flag::Rescan), now, |_| false);
    assert_eq!(pending.due().unwrap(), now + QUIET);
    assert!(pending.take().lost);
}
