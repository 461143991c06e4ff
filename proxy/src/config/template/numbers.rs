//! Functions that reckon.

use crate::template::Value;

/// Longest list of numbers.
const LONGEST: i64 = 100_000;

/// The numbers from zero up to, or down to, another, which is left out.
fn until(count: i64) -> Result<Vec<Value>, String> {
    steps(0, count, if count < 0 { -1 } else { 1 })
}

fn steps(start: i64, stop: i64, step: i64) -> Result<Vec<Value>, String> {
    let (mut numbers, mut at) = (Vec::new(), start);
    if step == 0 {
        return Ok(numbers);
    }
    while if step > 0 { at < stop } else { at > stop } {
        if numbers.len() >= usize::try_from(LONGEST).unwrap_or(usize::MAX) {
            return Err(format!("more than {LONGEST} numbers"));
        }
        numbers.push(Value::Number(at));
        at = at.checked_add(step).ok_or("a number is too large")?;
    }
    Ok(numbers)
}

/// What "sprig" takes for a whole number: anything, if need be as zero.
pub(super) fn whole(value: &Value) -> i64 {
    match value {
        Value::Number(number) => *number,
        Value::Flag(flag) => i64::from(*flag),
        Value::Float(number) => truncated(*number),
        Value::Text(text) => text.trim().parse().unwrap_or_else(|_| truncated(text.trim().parse().unwrap_or_default())),
        Value::Nothing | Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Time(_) => 0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "Go cuts off too, and `as` saturates")]
fn truncated(number: f64) -> i64 {
    number as i64
}

#[expect(clippy::cast_precision_loss, reason = "as in Go")]
fn fraction(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::Text(text) => text.trim().parse().unwrap_or_default(),
        other => whole(other) as f64,
    }
}

/// Calls a function; `None` where it is none of these.
pub(super) fn call(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let number = |result: Option<i64>| {
        result.map(Value::Number).ok_or_else(|| format!("`{name}`: the result is not a number that there is"))
    };
    let numbers: Vec<i64> = args.iter().map(whole).collect();
    let fold = |first: i64, combine: fn(i64, i64) -> Option<i64>| {
        number(numbers.iter().try_fold(first, |all, next| combine(all, *next)))
    };
    if let Some(result) = fractions(name, args) {
        return Some(Ok(Value::Float(result)));
    }
    Some(match (name, numbers.as_slice()) {
        ("add", _) => fold(0, i64::checked_add),
        ("mul", [_, ..]) => fold(1, i64::checked_mul),
        ("add1", [value]) => number(value.checked_add(1)),
        ("sub", [a, b]) => number(a.checked_sub(*b)),
        ("div", [a, b]) => number(a.checked_div(*b)),
        ("mod", [a, b]) => number(a.checked_rem(*b)),
        ("max" | "biggest", [_, ..]) => number(numbers.iter().max().copied()),
        ("min", [_, ..]) => number(numbers.iter().min().copied()),
        ("int" | "int64" | "atoi", [value]) => Ok(Value::Number(*value)),
        ("until", [count]) => until(*count).map(Value::List),
        ("untilStep", [start, stop, step]) => steps(*start, *stop, *step).map(Value::List),
        ("seq", [_] | [_, _] | [_, _, _]) => seq(&numbers),
        _ => return None,
    })
}

fn fractions(name: &str, args: &[Value]) -> Option<f64> {
    let numbers: Vec<f64> = args.iter().map(fraction).collect();
    let all = numbers.iter().copied();
    Some(match (name, numbers.as_slice()) {
        ("float64", [value]) => *value,
        ("floor", [value]) => value.floor(),
        ("ceil", [value]) => value.ceil(),
        ("round", [value, places]) if (0.0..=15.0).contains(places) => {
            let scale = 10_f64.powf(places.trunc());
            (value * scale + 0.5).floor() / scale
        }
        ("addf", [_, ..]) => all.sum(),
        ("mulf", [_, ..]) => all.product(),
        ("subf", [_, ..]) => all.reduce(|a, b| a - b)?,
        ("divf", [_, ..]) => all.reduce(|a, b| a / b)?,
        ("maxf", [_, ..]) => all.reduce(f64::max)?,
        ("minf", [_, ..]) => all.reduce(f64::min)?,
        _ => return None,
    })
}

/// As the program `seq`: both ends included, as a text.
fn seq(numbers: &[i64]) -> Result<Value, String> {
    let (start, step, end) = match *numbers {
        [end] => (1, if end < 1 { -1 } else { 1 }, end),
        [start, end] => (start, if end < start { -1 } else { 1 }, end),
        [start, step, end] => (start, step, end),
        _ => return Err("`seq` takes one to three numbers".to_owned()),
    };
    let beyond = end.checked_add(step.signum()).ok_or("a number is too large")?;
    let numbers: Vec<String> = steps(start, beyond, step)?.iter().map(Value::text).collect();
    Ok(Value::Text(numbers.join(" ")))
}
