//! The memory of failures: when a name may be asked for again, across restarts.
//!
//! Authorities count: Let's Encrypt takes five failed validations for a name in an hour, 300 orders of an account in three
//! hours, and gives five certificates for the same names in a week. What is remembered here stays well below, whatever restarts, changes of configuration and sets of names
//! do. An attempt counts as failed from its beginning on, so that a crash in the middle of it counts too.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

const HOUR: i64 = 3600;
const WEEK: i64 = 7 * 24 * HOUR;
/// Pause after the first failure; it doubles with each.
const FIRST: i64 = 300;
/// The longest pause.
const LONGEST: i64 = 6 * HOUR;
/// Pause after the authority was out of reach for the first time; it doubles too.
const FIRST_UNREACHED: i64 = 30;
/// The longest of those.
const LONGEST_UNREACHED: i64 = HOUR;
/// Attempts for a name in one hour.
const PER_HOUR: usize = 4;
/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 500;
/// Orders at one authority in three hours.
const ORDERS: usize = 240;
/// Certificates for the same names in a week, those not counted that take the place of one that was about to expire.
const PER_WEEK: usize = 4;

/// What is known of one storage's attempts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attempts {
    #[serde(skip)]
    path: PathBuf,
    /// By authority and name.
    names: BTreeMap<String, Record>,
    /// Times of orders by authority.
    orders: BTreeMap<String, Vec<i64>>,
    /// Times at which a certificate was issued, by authority and all its names.
    issued: BTreeMap<String, Vec<i64>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    /// Failures in a row.
    failures: u32,
    /// How often in a row the authority was out of reach.
    unreached: u32,
    /// Attempts of the last hour.
    times: Vec<i64>,
    /// Not before this time.
    next: i64,
    /// Why the last attempt failed, for people.
    reason: String,
}

impl Attempts {
    /// Reads what is remembered beside a storage. What makes no sense or cannot be read is forgotten, but for the hour that
    /// it may have been about.
    pub(super) fn open(storage: &Path, now: i64) -> Self {
        let mut name = storage.as_os_str().to_owned();
        name.push(".attempts");
        let path = PathBuf::from(name);
        let lost = || Self { orders: [(String::new(), vec![now])].into(), ..Self::default() };
        let found = match file::read(&path).map(|text| text.as_deref().map(serde_json::from_slice::<Self>)) {
            Ok(None) => Self::default(),
            Ok(Some(Ok(found))) => found,
            Ok(Some(Err(error))) => {
                tracing::warn!(%error, file = %path.display(), "the memory of failed attempts is damaged; nothing is tried for a while");
                lost()
            }
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "the memory of failed attempts cannot be read; nothing is tried for a while");
                lost()
            }
        };
        Self { path, ..found }
    }

    /// Where and what to write.
    pub(super) fn serialized(&self) -> io::Result<(PathBuf, Vec<u8>)> {
        Ok((self.path.clone(), serde_json::to_vec_pretty(self)?))
    }

    /// The earliest time at which `names` may be asked of `authority`; `renewal` where a certificate for them is about to
    /// expire.
    pub(super) fn earliest(&self, authority: &str, names: &[String], renewal: bool, now: i64) -> i64 {
        let by_name = names.iter().filter_map(|name| self.names.get(&key(authority, name))).map(|record| {
            // A clock that was wrong must not stop everything for years.
            record.next.min(now + LONGEST).max(when_free(&record.times, now, HOUR, PER_HOUR))
        });
        let orders = self.orders.get(authority).map_or(0, |times| when_free(times, now, 3 * HOUR, ORDERS));
        let lost = self.orders.get("").map_or(0, |times| when_free(times, now, HOUR, 1));
        let issued = self.issued.get(&set(authority, names)).filter(|_| !renewal);
        let issued = issued.map_or(0, |times| when_free(times, now, WEEK, PER_WEEK));
        by_name.chain([orders, lost, issued]).max().unwrap_or_default()
    }

    /// How often in a row `authority` has refused one of the names, or it was not proved.
    pub(super) fn failures(&self, authority: &str, names: &[String]) -> u32 {
        let records = names.iter().filter_map(|name| self.names.get(&key(authority, name)));
        records.map(|record| record.failures).max().unwrap_or_default()
    }

    /// An attempt begins; `random` between -1 and 1 spreads the next one.
    pub(super) fn begin(&mut self, authority: &str, names: &[String], now: i64, random: f64) {
        let recent = |times: &mut Vec<i64>, span: i64| times.retain(|time| (now - span..=now).contains(time));
        self.names.retain(|_, record| record.next + 24 * HOUR > now);
        for name in names {
            let record = self.names.entry(key(authority, name)).or_default();
            recent(&mut record.times, HOUR);
            record.times.push(now);
            record.failures = record.failures.saturating_add(1);
            record.next = now + pause(FIRST, LONGEST, record.failures, random);
        }
        let orders = self.orders.entry(authority.to_owned()).or_default();
        recent(orders, 3 * HOUR);
        orders.push(now);
    }

    /// The attempt was a success.
    pub(super) fn succeed(&mut self, authority: &str, names: &[String], now: i64) {
        for name in names {
            self.names.remove(&key(authority, name));
        }
        for times in self.issued.values_mut() {
            times.retain(|time| (now - WEEK..=now).contains(time));
        }
        self.issued.retain(|_, times| !times.is_empty());
        self.issued.entry(set(authority, names)).or_default().push(now);
    }

    /// Why an attempt failed.
    pub(super) fn note(&mut self, authority: &str, names: &[String], reason: &str) {
        for name in names {
            if let Some(record) = self.names.get_mut(&key(authority, name)) {
                record.reason = reason.chars().take(LONGEST_REASON).collect();
            }
        }
    }

    /// The attempt came to nothing before anything was validated: the authority was out of reach, or has too much to do.
    pub(super) fn unreached(&mut self, authority: &str, names: &[String], now: i64, random: f64) {
        for name in names {
            let record = self.names.entry(key(authority, name)).or_default();
            record.times.pop();
            record.failures = record.failures.saturating_sub(1);
            record.unreached = record.unreached.saturating_add(1);
            record.next = now + pause(FIRST_UNREACHED, LONGEST_UNREACHED, record.unreached, random);
        }
    }

    /// The authority wants to be left alone until `time`.
    pub(super) fn postpone(&mut self, authority: &str, names: &[String], time: i64) {
        for name in names {
            let record = self.names.entry(key(authority, name)).or_default();
            record.next = record.next.max(time);
        }
    }
}

/// Names in an order of their own: authorities do not look at ours.
fn set(authority: &str, names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    key(authority, &names.join(" "))
}

fn key(authority: &str, name: &str) -> String {
    format!("{authority} {name}")
}

/// The pause after so many failures, spread by a tenth.
fn pause(first: i64, longest: i64, failures: u32, random: f64) -> i64 {
    let doubled = first.saturating_mul(1_i64.checked_shl(failures.saturating_sub(1).min(30)).unwrap_or(i64::MAX));
    let pause = i32::try_from(doubled.min(longest)).unwrap_or(i32::MAX);
    // Only ever longer: what is spread must not come closer together.
    let spread = f64::from(pause) * 0.05 * (random + 1.0);
    #[expect(clippy::cast_possible_truncation, reason = "at most a tenth of some hours")]
    let spread = spread as i64;
    i64::from(pause) + spread
}

/// When one more fits below `most` within `span`.
fn when_free(times: &[i64], now: i64, span: i64, most: usize) -> i64 {
    let mut recent: Vec<i64> = times.iter().copied().filter(|time| (now - span + 1..=now).contains(time)).collect();
    recent.sort_unstable();
    recent.len().checked_sub(most).and_then(|surplus| recent.get(surplus)).map_or(0, |oldest| oldest + span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Tries for `span` seconds, as often as it is allowed, and fails each time; the times.
    fn failing(attempts: &mut Attempts, sets: &[Vec<String>], span: i64, random: f64) -> Vec<i64> {
        let mut times = Vec::new();
        for now in 1_000_000..1_000_000 + span {
            for set in sets {
                if attempts.earliest("ca", set, false, now) <= now {
                    attempts.begin("ca", set, now, random);
                    times.push(now);
                }
            }
        }
        times
    }

    #[test]
    fn no_name_fails_five_times_in_an_hour() {
        for random in [-1.0, 0.0, 1.0] {
            let mut attempts = Attempts::default();
            let times = failing(&mut attempts, &[names(&["a", "b"]), names(&["a", "c"])], 24 * HOUR, random);
            assert!(times.len() > 5, "it is tried again: {times:?}");
            for (index, time) in times.iter().enumerate() {
                let within = times.iter().skip(index).filter(|later| **later < time + HOUR).count();
                assert!(within < 5, "{times:?}");
            }
        }
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let mut attempts = Attempts::default();
        let times = failing(&mut attempts, &[names(&["a"])], 48 * HOUR, -1.0);
        let pauses: Vec<i64> = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next - one).collect();
        assert_eq!(pauses.iter().take(4).copied().collect::<Vec<_>>(), [300, 600, 1200, 2400]);
        assert_eq!(pauses.last(), Some(&LONGEST));
    }

    #[test]
    fn orders_are_counted_for_an_authority() {
        let mut attempts = Attempts::default();
        let sets: Vec<_> = (0..400).map(|number| names(&[&format!("n{number}")])).collect();
        let mut made = 0;
        for set in &sets {
            if attempts.earliest("ca", set, false, 1000) <= 1000 {
                attempts.begin("ca", set, 1000, 0.0);
                attempts.succeed("ca", set, 1000);
                made += 1;
            }
        }
        assert_eq!(made, ORDERS);
        assert!(attempts.earliest("other", &names(&["n"]), false, 1000) <= 1000);
        assert_eq!(attempts.earliest("ca", &names(&["n"]), false, 1000), 1000 + 3 * HOUR);
    }

    #[test]
    fn the_same_names_are_not_had_again_and_again() {
        let (mut attempts, set) = (Attempts::default(), names(&["a", "b"]));
        for now in [1000, 2000, 3000, 4000] {
            assert!(attempts.earliest("ca", &names(&["b", "a"]), false, now) <= now);
            attempts.begin("ca", &set, now, 0.0);
            attempts.succeed("ca", &set, now);
        }
        assert_eq!(attempts.earliest("ca", &set, false, 5000), 1000 + WEEK, "whatever loses them");
        assert!(attempts.earliest("ca", &set, true, 5000) <= 5000, "what expires is renewed");
        assert!(attempts.earliest("ca", &names(&["a"]), false, 5000) <= 5000);
    }

    #[test]
    fn an_authority_out_of_reach_is_no_failed_validation() {
        let (mut attempts, set) = (Attempts::default(), names(&["a"]));
        attempts.begin("ca", &set, 1000, -1.0);
        attempts.unreached("ca", &set, 1000, -1.0);
        assert_eq!(attempts.earliest("ca", &set, false, 1001), 1030);
        attempts.begin("ca", &set, 1030, -1.0);
        attempts.unreached("ca", &set, 1030, -1.0);
        assert_eq!(attempts.earliest("ca", &set, false, 1031), 1090);
        attempts.postpone("ca", &set, 5000);
        assert_eq!(attempts.earliest("ca", &set, false, 1031), 5000);
    }

    #[test]
    fn it_survives_a_restart() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let storage = folder.path().join("acme.json");
        let mut attempts = Attempts::open(&storage, 1000);
        attempts.begin("ca", &names(&["a"]), 1000, 0.0);
        let (path, text) = attempts.serialized()?;
        file::replace(&path, &text)?;
        assert_eq!(Attempts::open(&storage, 1001), attempts);
        std::fs::write(&path, "{")?;
        assert!(Attempts::open(&storage, 1001).earliest("ca", &names(&["z"]), false, 1001) > 1001);
        std::fs::remove_file(&path)?;
        assert!(Attempts::open(&storage, 1001).earliest("ca", &names(&["z"]), false, 1001) <= 1001, "a first start");
        // As good as one that may not be read, which root may.
        std::fs::create_dir(&path)?;
        assert!(Attempts::open(&storage, 1001).earliest("ca", &names(&["z"]), false, 1001) > 1001);
        Ok(())
    }

    #[test]
    fn a_clock_that_was_wrong_does_not_stop_everything() {
        let (mut attempts, set) = (Attempts::default(), names(&["a"]));
        attempts.begin("ca", &set, 4_000_000_000, 0.0);
        assert!(attempts.earliest("ca", &set, false, 1_000_000) <= 1_000_000 + LONGEST);
    }
}
