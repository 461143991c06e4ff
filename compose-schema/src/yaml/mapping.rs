//! A mapping of a YAML document. Most have few entries and a tree may have a hundred thousand of them, so a small one is a
//! list and nothing else; only a large one is given an index.

use std::hash::{BuildHasher, RandomState};
use std::{iter, slice};

use hashbrown::HashTable;

use super::Entry;

/// Up to here the keys are compared one after the other.
const FEW: usize = 16;

/// Entries in order of writing. Keys are text in the compose language; each keeps the place where it is written.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    entries: Vec<(String, Entry)>,
    index: Option<Box<Index>>,
}

/// The keys and entries of a [`Mapping`].
pub type Iter<'a> = iter::Map<slice::Iter<'a, (String, Entry)>, fn(&'a (String, Entry)) -> (&'a String, &'a Entry)>;

/// The keys and entries of a [`Mapping`], which may be changed.
pub type IterMut<'a> =
    iter::Map<slice::IterMut<'a, (String, Entry)>, fn(&'a mut (String, Entry)) -> (&'a String, &'a mut Entry)>;

/// Where the entry of a key is in the list.
#[derive(Debug, Clone, Default)]
struct Index {
    places: HashTable<usize>,
    hasher: RandomState,
}

impl Index {
    fn of(entries: &[(String, Entry)]) -> Self {
        let mut index = Self { places: HashTable::with_capacity(entries.len()), hasher: RandomState::new() };
        for place in 0..entries.len() {
            index.add(entries, place);
        }
        index
    }

    fn hash(&self, entries: &[(String, Entry)], place: usize) -> u64 {
        self.hasher.hash_one(entries.get(place).map(|(key, _)| key.as_str()))
    }

    fn add(&mut self, entries: &[(String, Entry)], place: usize) {
        let hash = self.hash(entries, place);
        let hasher = &self.hasher;
        self.places
            .insert_unique(hash, place, |&place| hasher.hash_one(entries.get(place).map(|(key, _)| key.as_str())));
    }

    fn place(&self, entries: &[(String, Entry)], key: &str) -> Option<usize> {
        let same = |&place: &usize| entries.get(place).is_some_and(|(other, _)| other == key);
        self.places.find(self.hasher.hash_one(Some(key)), same).copied()
    }
}

impl Mapping {
    /// Without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.place(&self.entries, key),
            None => self.entries.iter().position(|(other, _)| other == key),
        }
    }

    /// The entry of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(self.place(key)?).map(|(_, entry)| entry)
    }

    /// The entry of a key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        let place = self.place(key)?;
        self.entries.get_mut(place).map(|(_, entry)| entry)
    }

    /// Whether the key has an entry.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Sets the entry of a key, at its place if it has one, else at the end; returns what it was.
    pub fn insert(&mut self, key: String, entry: Entry) -> Option<Entry> {
        match self.get_mut(&key) {
            Some(known) => Some(std::mem::replace(known, entry)),
            None => {
                self.push(key, entry);
                None
            }
        }
    }

    /// The entry of a key, which is made and added at the end if there is none.
    #[expect(clippy::indexing_slicing, reason = "an entry is at its place")]
    pub fn get_or_insert_with(&mut self, key: &str, entry: impl FnOnce() -> Entry) -> &mut Entry {
        let place = match self.place(key) {
            Some(place) => place,
            None => self.push(key.to_owned(), entry()),
        };
        &mut self.entries[place].1
    }

    /// Takes an entry out; the others keep their order.
    pub fn shift_remove(&mut self, key: &str) -> Option<Entry> {
        let (_, entry) = self.entries.remove(self.place(key)?);
        self.moved();
        Some(entry)
    }

    /// Keeps the entries for which `keep` says so, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&String, &mut Entry) -> bool) {
        self.entries.retain_mut(|(key, entry)| keep(key, entry));
        self.moved();
    }

    /// The entries are at other places now.
    fn moved(&mut self) {
        if let Some(index) = &mut self.index {
            **index = Index::of(&self.entries);
        }
    }

    /// Gives memory back that further entries would have taken.
    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Adds an entry whose key is new; returns its place.
    fn push(&mut self, key: String, entry: Entry) -> usize {
        let place = self.entries.len();
        self.entries.push((key, entry));
        match &mut self.index {
            Some(index) => index.add(&self.entries, place),
            None if place >= FEW => self.index = Some(Box::new(Index::of(&self.entries))),
            None => {}
        }
        place
    }

    /// The keys and entries in order.
    pub fn iter(&self) -> Iter<'_> {
        self.entries.iter().map(|(key, entry)| (key, entry))
    }

    /// The keys and entries in order.
    pub fn iter_mut(&mut self) -> IterMut<'_> {
        self.entries.iter_mut().map(|(key, entry)| (key, entry))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> + Clone {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The entries in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Entry> + Clone {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// The entries in order.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Entry> {
        self.entries.iter_mut().map(|(_, entry)| entry)
    }
}

impl IntoIterator for Mapping {
    type Item = (String, Entry);
    type IntoIter = std::vec::IntoIter<(String, Entry)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = (&'a String, &'a Entry);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Mapping {
    type Item = (&'a String, &'a mut Entry);
    type IntoIter = IterMut<'a>;

    fn into_iter(self) -> IterMut<'a> {
        self.iter_mut()
    }
}

impl FromIterator<(String, Entry)> for Mapping {
    /// Of several entries with one key the last counts, at the place of the first.
    fn from_iter<I: IntoIterator<Item = (String, Entry)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut mapping = Self { entries: Vec::with_capacity(entries.size_hint().0), index: None };
        for (key, entry) in entries {
            mapping.insert(key, entry);
        }
        mapping
    }
}

impl PartialEq for Mapping {
    /// The order of the entries does not count.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, entry)| other.get(key) == Some(entry))
    }
}

#[cfg(test)]
mod tests;
