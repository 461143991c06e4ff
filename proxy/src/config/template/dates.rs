//! The functions of templates about times, with Go's layouts.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::template::{Value, time_as};

/// Calls a function; `None` where it is none of these.
pub(super) fn call(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let text = |at: &Value, layout: &str, zone: TimeZone| {
        Some(Ok(Value::Text(time_as(&moment(at)?.to_zoned_datetime(zone), layout))))
    };
    match (name, args) {
        ("now", []) => Some(Ok(Value::Time(Timestamp::now()))),
        ("date", [Value::Text(layout), at]) => text(at, layout, TimeZone::system()),
        ("dateInZone" | "date_in_zone", [Value::Text(layout), at, Value::Text(zone)]) => text(at, layout, named(zone)),
        ("htmlDate", [at]) => text(at, "2006-01-02", TimeZone::system()),
        ("htmlDateInZone", [at, Value::Text(zone)]) => text(at, "2006-01-02", named(zone)),
        ("unixEpoch", [at @ Value::Time(_)]) => Some(Ok(Value::Text(moment(at)?.as_second().to_string()))),
        ("dateModify" | "date_modify", [Value::Text(by), at @ Value::Time(_)]) => {
            let at = moment(at)?;
            // As "sprig": what is no duration changes nothing.
            let by = by.parse::<SignedDuration>().unwrap_or_default();
            Some(Ok(Value::Time(at.checked_add(by).unwrap_or(at))))
        }
        _ => None,
    }
}

/// The time that a value is: a time, or seconds since 1970.
fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Time(time) => Some(*time),
        Value::Number(seconds) => Timestamp::from_second(*seconds).ok(),
        _ => None,
    }
}

/// A zone by its name; UTC where there is no such zone.
fn named(zone: &str) -> TimeZone {
    if zone == "Local" { TimeZone::system() } else { TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
}
