#![expect(clippy::unwrap_used, reason = "tests")]

use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::time::{Instant, sleep};

use super::*;

/// Listeners of a gateway without workers.
fn listeners(lookup: Lookup) -> (Listeners, watch::Receiver<Status>) {
    let (sender, status) = watch::channel(Status::default());
    (Listeners::new(lookup, sender), status)
}

fn entry(name: &str, address: &str) -> EntryPoint {
    EntryPoint::new(name, address)
}

fn reason(status: &watch::Receiver<Status>, name: &str) -> Option<String> {
    match status.borrow().listeners.get(name) {
        Some(Listener::Failed(reason)) => Some(reason.clone()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_answers_for_holds_nothing_up() {
    let (mut listeners, status) = listeners(Arc::new(|_, _| pending().boxed()));
    let (reply, mut tried) = oneshot::channel();
    let wanted = vec![entry("named", "slow.example:0"), entry("numbered", "127.0.0.1:0")];
    listeners.set(wanted, Inherited::default(), reply, &[]);
    assert!(matches!(status.borrow().listeners.get("numbered"), Some(Listener::Bound(_))), "at once");
    assert!(tried.try_recv().is_err(), "the other has not been tried yet");
    let began = Instant::now();
    let found = listeners.looked_up().await;
    assert_eq!(began.elapsed().as_secs(), LOOKUP_LIMIT.as_secs());
    listeners.found(found, &[]);
    assert_eq!(tried.try_recv(), Ok(()));
    let reason = reason(&status, "named").unwrap();
    assert_eq!(reason, "cannot find the address of `slow.example`: no answer in 5 s");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_again_after_longer_and_longer_pauses() {
    let (times, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let noted = Arc::clone(&times);
    let lookup: Lookup = Arc::new(move |_, port| {
        let noted = Arc::clone(&noted);
        async move {
            noted.lock().unwrap().push(began.elapsed().as_secs());
            match noted.lock().unwrap().len() {
                9 => Ok(([127, 0, 0, 1], port).into()),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }
        .boxed()
    });
    let (mut listeners, status) = listeners(lookup);
    let (reply, tried) = oneshot::channel();
    listeners.set(vec![entry("named", "later.example:0")], Inherited::default(), reply, &[]);
    assert!(!listeners.may_bind(), "nothing is tried before the address is found");
    for _ in 0..9 {
        let found = listeners.looked_up().await;
        listeners.found(found, &[]);
    }
    tried.await.unwrap();
    assert_eq!(*times.lock().unwrap(), [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    assert!(matches!(status.borrow().listeners.get("named"), Some(Listener::Bound(_))));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_taken_is_tried_again_while_its_host_is_looked_up() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (times, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let noted = Arc::clone(&times);
    let lookup: Lookup = Arc::new(move |_, port| {
        let noted = Arc::clone(&noted);
        async move {
            noted.lock().unwrap().push(began.elapsed().as_secs());
            Ok(([127, 0, 0, 1], port).into())
        }
        .boxed()
    });
    let (mut listeners, status) = listeners(lookup);
    let (reply, _) = oneshot::channel();
    listeners.set(vec![entry("named", &format!("here.example:{port}"))], Inherited::default(), reply, &[]);
    for _ in 0..4 {
        let found = listeners.looked_up().await;
        listeners.found(found, &[]);
        assert!(listeners.may_bind(), "every second");
        assert!(reason(&status, "named").is_some());
    }
    assert_eq!(*times.lock().unwrap(), [0, 10, 20, 30]);
    drop(taken);
    listeners.bind(&[]);
    assert!(matches!(status.borrow().listeners.get("named"), Some(Listener::Bound(_))));
    let found = listeners.looked_up().await;
    listeners.found(found, &[]);
    assert!(
        matches!(status.borrow().listeners.get("named"), Some(Listener::Bound(_))),
        "what comes late changes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_up_for_another_address_counts_for_nothing() {
    let (mut listeners, status) = listeners(Arc::new(|_, _| async { Err(io::ErrorKind::NotFound.into()) }.boxed()));
    let set = |listeners: &mut Listeners, address: &str| {
        let (reply, _) = oneshot::channel();
        listeners.set(vec![entry("web", address)], Inherited::default(), reply, &[]);
    };
    set(&mut listeners, "old.example:0");
    let found = listeners.looked_up().await;
    set(&mut listeners, "new.example:0");
    listeners.found(found, &[]);
    assert_eq!(reason(&status, "web"), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_wanted_is_no_longer_looked_up() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let lookup: Lookup = Arc::new(move |_, _| {
        counted.fetch_add(1, Relaxed);
        async { Err(io::ErrorKind::NotFound.into()) }.boxed()
    });
    let (mut listeners, status) = listeners(lookup);
    let (reply, _) = oneshot::channel();
    listeners.set(vec![entry("named", "gone.example:0")], Inherited::default(), reply, &[]);
    let found = listeners.looked_up().await;
    listeners.found(found, &[]);
    let (reply, tried) = oneshot::channel();
    listeners.set(Vec::new(), Inherited::default(), reply, &[]);
    tried.await.unwrap();
    tokio::select! {
        _ = listeners.looked_up() => unreachable!("nobody asks for it"),
        () = sleep(Duration::from_secs(600)) => {}
    }
    assert!(status.borrow().listeners.is_empty());
}

#[tokio::test]
async fn what_is_no_address_is_said_and_not_tried_again() {
    let (mut listeners, status) = listeners(Arc::new(|_, _| pending().boxed()));
    let (reply, tried) = oneshot::channel();
    listeners.set(vec![entry("wrong", "nonsense")], Inherited::default(), reply, &[]);
    tried.await.unwrap();
    assert!(!listeners.may_bind());
    let reason = reason(&status, "wrong").unwrap();
    assert_eq!(reason, "`nonsense` is not an address: expected `host:port` or `:port`");
}
