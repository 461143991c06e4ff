#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The inputs that are kept of a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty(), "{}", folder.display());
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One way to change an input.
#[derive(Debug, Clone)]
enum Change {
    Put(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// A part of it once more.
    Repeat(Index, usize, usize),
    /// The rest is that of another one.
    Join(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Put(at, byte)),
        (place(), vec(select(b" \t\r\n:;,=&|!()`\"\\%{}0aA\0\xff\x80".to_vec()), 1..4))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (place(), 1..20_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (place(), 1..20_usize, 1..100_usize).prop_map(|(at, count, times)| Change::Repeat(at, count, times)),
        (place(), place()).prop_map(|(at, other)| Change::Join(at, other)),
    ]
}

fn changed(seeds: &[Vec<u8>], seed: Index, changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.get(seeds).clone();
    for change in changes {
        let here = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
        match change {
            Change::Put(at, byte) if !bytes.is_empty() => *at.get_mut(&mut bytes) = *byte,
            Change::Put(_, byte) => bytes.push(*byte),
            Change::Insert(at, more) => {
                let at = here(at, &bytes);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Remove(at, count) => {
                let at = here(at, &bytes);
                bytes.drain(at..bytes.len().min(at + count));
            }
            Change::Repeat(at, count, times) => {
                let at = here(at, &bytes);
                let part = bytes.iter().skip(at).take(*count).copied().collect::<Vec<_>>().repeat(*times);
                bytes.splice(at..at, part);
            }
            Change::Join(at, other) => {
                bytes.truncate(here(at, &bytes));
                let other = other.get(seeds);
                bytes.extend(other.iter().skip(bytes.len()));
            }
        }
    }
    bytes
}

/// Tries what is kept of a target, changes of that, and anything.
fn holds(target: &str, property: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| property(seed));
    // As many as `PROPTEST_CASES` says.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let inputs = prop_oneof![
        9 => (any::<Index>(), vec(change(), 1..8)).prop_map(move |(seed, changes)| changed(&seeds, seed, &changes)),
        1 => vec(any::<u8>(), 0..300),
    ];
    proptest!(config, |(input in inputs)| property(&input));
}

macro_rules! targets {
    ($($target:ident),*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];
        $(
        #[test]
        fn $target() {
            holds(stringify!($target), super::$target);
        }
        )*
    };
}

targets!(answer, chunked, dns, headers, hello, http2, http3, proxied, request, rule, template);

#[test]
fn every_target_is_listed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let readme = fs::read_to_string(fuzz.join("README.md")).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(fuzz.join("targets")).unwrap() {
        count += 1;
        let path = entry.unwrap().path();
        let target = path.file_stem().unwrap().to_str().unwrap();
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        assert!(readme.contains(&format!("`{target}`")), "{target}");
        assert!(TARGETS.contains(&target), "{target}");
    }
    assert_eq!(count, TARGETS.len());
}
