use indexmap::IndexMap;
use proptest::prelude::*;

use super::*;
use crate::source::{SourceId, Span};
use crate::yaml::{Node, Value};

fn entry(number: i128) -> Entry {
    let span = Span { source: SourceId(0), start: 0, end: 0 };
    Entry { key: span, node: Node::new(Value::Int(number), span) }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u8, i128),
    OrInsert(u8, i128),
    Remove(u8),
    KeepBelow(i128),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..60u8, 0..100i128).prop_map(|(key, number)| Step::Insert(key, number)),
        3 => (0..60u8, 0..100i128).prop_map(|(key, number)| Step::OrInsert(key, number)),
        2 => (0..60u8).prop_map(Step::Remove),
        1 => (50..100i128).prop_map(Step::KeepBelow),
    ]
}

fn below(entry: &Entry, limit: i128) -> bool {
    matches!(entry.node.value, Value::Int(number) if number < limit)
}

proptest! {
    /// Small or large, with or without index, it is what a map in order of insertion is.
    #[test]
    fn it_is_a_map_in_order_of_insertion(steps in proptest::collection::vec(step(), 0..200)) {
        let mut mapping = Mapping::new();
        let mut model: IndexMap<String, Entry> = IndexMap::new();
        for step in steps {
            match step {
                Step::Insert(key, number) => {
                    let key = key.to_string();
                    prop_assert_eq!(mapping.insert(key.clone(), entry(number)), model.insert(key, entry(number)));
                }
                Step::OrInsert(key, number) => {
                    let key = key.to_string();
                    let known = mapping.get_or_insert_with(&key, || entry(number)).clone();
                    prop_assert_eq!(&known, &*model.entry(key).or_insert_with(|| entry(number)));
                }
                Step::Remove(key) => {
                    let key = key.to_string();
                    prop_assert_eq!(mapping.shift_remove(&key), model.shift_remove(&key));
                }
                Step::KeepBelow(limit) => {
                    mapping.retain(|_, entry| below(entry, limit));
                    model.retain(|_, entry| below(entry, limit));
                }
            }
            prop_assert!(mapping.iter().eq(model.iter()));
            for key in 0..60u8 {
                prop_assert_eq!(mapping.get(&key.to_string()), model.get(&key.to_string()));
            }
        }
    }
}
