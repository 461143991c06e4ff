#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn balance(kind: Kind, weights: &[u64]) -> Balance {
    let member = |(port, weight): (usize, &u64)| Member {
        server: Arc::new(Server::new(&format!("http://127.0.0.1:{}", port + 1), false).unwrap()),
        weight: *weight,
        fenced: false,
    };
    Balance::new(kind, weights.iter().enumerate().map(member).collect())
}

/// The servers at these places.
fn tried<const N: usize>(indices: [usize; N]) -> Tried {
    let mut tried = Tried::default();
    indices.into_iter().for_each(|index| tried.add(index));
    tried
}

fn counts(balance: &Balance, requests: usize) -> Vec<usize> {
    let mut counts = vec![0; balance.servers.len()];
    for _ in 0..requests {
        counts[balance.pick(&tried([]), CLIENT).unwrap()] += 1;
    }
    counts
}

#[test]
fn the_unhealthy_and_the_tried_are_passed_over() {
    for kind in [Kind::RoundRobin, Kind::TwoChoices, Kind::Rendezvous, Kind::LeastTime] {
        let balance = balance(kind, &[1, 1]);
        let cookie = balance.servers[0].cookie.clone();
        assert_eq!(balance.by_cookie(&cookie), Some(0));
        balance.servers[0].set_healthy(false);
        assert!((0..4).all(|_| balance.pick(&tried([]), CLIENT) == Some(1)), "{kind:?}");
        assert_eq!(balance.pick(&tried([1]), CLIENT), None);
        assert_eq!(balance.by_cookie(&cookie), None);
        assert!(balance.is_up() && !balance.has_other(&tried([1])));
    }
}

#[test]
fn the_suspect_come_last() {
    let balance = balance(Kind::RoundRobin, &[1, 1]);
    balance.servers[0].suspect();
    assert!((0..4).all(|_| balance.pick(&tried([]), CLIENT) == Some(1)));
    assert_eq!(balance.pick(&tried([1]), CLIENT), Some(0));
    balance.servers[0].trust();
    assert_ne!(balance.pick(&tried([]), CLIENT), balance.pick(&tried([]), CLIENT));
}

#[test]
fn weights_count_but_for_two_choices() {
    assert_eq!(counts(&balance(Kind::RoundRobin, &[3, 1, 0]), 8), [6, 2, 0]);
    assert_eq!(counts(&balance(Kind::LeastTime, &[3, 1, 0]), 8), [6, 2, 0]);
    let two = counts(&balance(Kind::TwoChoices, &[3, 1, 0]), 3000);
    assert!(two.iter().all(|count| (900..1100).contains(count)), "{two:?}");
    assert_eq!(balance(Kind::RoundRobin, &[0]).pick(&tried([]), CLIENT), None);
    let out = balance(Kind::RoundRobin, &[0, 1]);
    assert_eq!(out.by_cookie(&out.servers[0].cookie), None, "one without weight is no server at all");
}

#[test]
fn who_is_fenced_keeps_its_own() {
    let server = Arc::new(Server::new("http://127.0.0.1:1", false).unwrap());
    let cookie = server.cookie.clone();
    let balance = Balance::new(Kind::TwoChoices, vec![Member { server, weight: 1, fenced: true }]);
    assert_eq!((balance.pick(&tried([]), CLIENT), balance.by_cookie(&cookie)), (None, Some(0)));
}

#[test]
fn of_two_the_idler_one() {
    let balance = balance(Kind::TwoChoices, &[1, 1, 1]);
    let busy: Vec<_> = (0..3).map(|_| balance.begin(1)).collect();
    assert_eq!(counts(&balance, 300)[1], 0);
    drop(busy);
    assert!(counts(&balance, 300)[1] > 50);
}

#[test]
fn the_soonest_is_fast_and_idle() {
    let balance = balance(Kind::LeastTime, &[1, 1]);
    balance.note(0, Some(Duration::from_millis(10)), true);
    balance.note(1, Some(Duration::from_millis(25)), true);
    assert_eq!(counts(&balance, 10), [10, 0]);
    let _busy = (balance.begin(0), balance.begin(0));
    assert_eq!(counts(&balance, 10), [0, 10]);
}

#[test]
fn of_many_servers_each_is_tried_once() {
    let balance = balance(Kind::RoundRobin, &[1; 150]);
    let mut tried = Tried::default();
    for _ in 0..150 {
        assert!(balance.has_other(&tried));
        let index = balance.pick(&tried, CLIENT).unwrap();
        assert!(!tried.contains(index));
        tried.add(index);
    }
    assert!(!balance.has_other(&tried) && balance.pick(&tried, CLIENT).is_none());
}
