//! What a service has answered in the last seconds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::super::expression::{Call, Value};

/// Seconds that count.
const LENGTH: usize = 10;
/// Latencies are counted in steps of a twentieth: near enough for a threshold.
const STEP: f64 = 1.05;

/// One second's answers.
#[derive(Debug, Default)]
struct Second {
    /// Which second it is, counted from the start.
    number: u64,
    total: u32,
    network_errors: u32,
    statuses: BTreeMap<u16, u32>,
    /// By logarithm.
    latencies: BTreeMap<i32, u32>,
}

/// The last seconds.
#[derive(Debug)]
pub(super) struct Window {
    start: Instant,
    seconds: [Second; LENGTH],
}

impl Default for Window {
    fn default() -> Self {
        Self { start: Instant::now(), seconds: Default::default() }
    }
}

impl Window {
    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs()
    }

    pub(super) fn record(&mut self, status: StatusCode, latency: Duration, now: Instant) {
        let number = self.number(now);
        let Some(second) = self.seconds.get_mut(place(number)) else { return };
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        second.total += 1;
        if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) {
            second.network_errors += 1;
        }
        *second.statuses.entry(status.as_u16()).or_default() += 1;
        let milliseconds = (latency.as_secs_f64() * 1000.0).max(0.001);
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm of milliseconds is small")]
        let step = milliseconds.log(STEP).round() as i32;
        *second.latencies.entry(step).or_default() += 1;
    }

    /// The value of a function of the expression.
    pub(super) fn value(&self, call: &Call, now: Instant) -> Value {
        let number = self.number(now);
        let recent = |second: &&Second| second.number + LENGTH as u64 > number;
        let seconds: Vec<&Second> = self.seconds.iter().filter(recent).collect();
        let arg = |index: usize| call.args.get(index).copied().unwrap_or_default();
        Value::Number(match call.name.as_str() {
            "NetworkErrorRatio" => {
                ratio(sum(&seconds, |second| second.network_errors), sum(&seconds, |second| second.total))
            }
            "ResponseCodeRatio" => {
                let within = |low: f64, high: f64| {
                    let codes = seconds.iter().flat_map(|second| &second.statuses);
                    codes.filter(|(code, _)| (low..high).contains(&f64::from(**code))).map(|(_, count)| *count).sum()
                };
                ratio(within(arg(0), arg(1)), within(arg(2), arg(3)))
            }
            _ => quantile(&seconds, arg(0)).trunc(),
        })
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number % LENGTH as u64).unwrap_or_default()
}

fn sum(seconds: &[&Second], of: impl Fn(&Second) -> u32) -> u32 {
    seconds.iter().map(|second| of(second)).sum()
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

/// The latency in milliseconds below which so many per cent of the answers came.
fn quantile(seconds: &[&Second], percent: f64) -> f64 {
    let mut all: BTreeMap<i32, u32> = BTreeMap::new();
    for (step, count) in seconds.iter().flat_map(|second| &second.latencies) {
        *all.entry(*step).or_default() += count;
    }
    let wanted = f64::from(all.values().sum::<u32>()) * percent / 100.0;
    let mut seen = 0.0;
    for (step, count) in &all {
        seen += f64::from(*count);
        if seen >= wanted {
            return STEP.powi(*step);
        }
    }
    0.0
}
