//! Times as Go writes them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// How Go prints a time.
pub(super) fn printed(time: Timestamp) -> String {
    time_as(&time.to_zoned_datetime(TimeZone::system()), "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// A piece of a layout, and how what it stands for is written.
type Piece = (&'static str, fn(&ZonedDateTime) -> String);

/// The pieces of a layout that stand for something, longer ones before those that they begin with, in the order of a search.
const PIECES: [Piece; 31] = [
    ("January", |time| time.strftime("%B").to_string()),
    ("Jan", |time| time.strftime("%b").to_string()),
    ("Monday", |time| time.strftime("%A").to_string()),
    ("Mon", |time| time.strftime("%a").to_string()),
    ("MST", |time| time.strftime("%Z").to_string()),
    ("002", |time| format!("{:03}", time.day_of_year())),
    ("01", |time| format!("{:02}", time.month())),
    ("02", |time| format!("{:02}", time.day())),
    ("03", |time| format!("{:02}", hour_of_twelve(time))),
    ("04", |time| format!("{:02}", time.minute())),
    ("05", |time| format!("{:02}", time.second())),
    ("06", |time| format!("{:02}", time.year().rem_euclid(100))),
    ("15", |time| format!("{:02}", time.hour())),
    ("1", |time| time.month().to_string()),
    ("2006", |time| format!("{:04}", time.year())),
    ("2", |time| time.day().to_string()),
    ("_2006", |time| format!("_{:04}", time.year())),
    ("__2", |time| format!("{:3}", time.day_of_year())),
    ("_2", |time| format!("{:2}", time.day())),
    ("3", |time| hour_of_twelve(time).to_string()),
    ("4", |time| time.minute().to_string()),
    ("5", |time| time.second().to_string()),
    ("PM", |time| if time.hour() < 12 { "AM" } else { "PM" }.to_owned()),
    ("pm", |time| if time.hour() < 12 { "am" } else { "pm" }.to_owned()),
    ("-07:00", |time| time.strftime("%:z").to_string()),
    ("-0700", |time| time.strftime("%z").to_string()),
    ("-07", |time| time.strftime("%z").to_string().chars().take(3).collect()),
    ("Z07:00", |time| zulu(time, "%:z")),
    ("Z0700", |time| zulu(time, "%z")),
    (".000", |time| format!(".{:03}", time.subsec_nanosecond() / 1_000_000)),
    (".999999999", |time| fraction(time)),
];

fn hour_of_twelve(time: &ZonedDateTime) -> i8 {
    match time.hour() % 12 {
        0 => 12,
        hour => hour,
    }
}

fn zulu(time: &ZonedDateTime, offset: &str) -> String {
    if time.offset().is_zero() { "Z".to_owned() } else { time.strftime(offset).to_string() }
}

fn fraction(time: &ZonedDateTime) -> String {
    match time.subsec_nanosecond() {
        0 => String::new(),
        nanoseconds => format!(".{nanoseconds:09}").trim_end_matches('0').to_owned(),
    }
}

/// A time as a layout of Go's package `time` shows it.
pub fn time_as(time: &ZonedDateTime, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        // `Jan` and `Mon` of longer words are letters.
        let is_word = |piece: &str, after: &str| {
            !matches!(piece, "Jan" | "Mon") || !after.starts_with(|next: char| next.is_ascii_lowercase())
        };
        let found = PIECES.iter().find_map(|(piece, show)| {
            rest.strip_prefix(piece).filter(|after| is_word(piece, after)).map(|after| (show(time), after))
        });
        let (shown, after) = found.unwrap_or_else(|| (first.to_string(), rest.strip_prefix(first).unwrap_or_default()));
        out.push_str(&shown);
        rest = after;
    }
    out
}
