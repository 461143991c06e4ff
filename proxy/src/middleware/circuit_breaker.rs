//! `circuitBreaker`: leaves a service alone for a while when its answers say that it cannot keep up.

mod window;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Response, StatusCode};

use crate::config::dynamic::CircuitBreaker as Config;
use crate::http::body::Body;
use crate::http::error_response::status_text;

use super::expression::{Expression, Kind, Signature};
use window::Window;

/// When it opens, and for how long.
#[derive(Debug)]
pub(crate) struct CircuitBreaker {
    expression: Expression,
    check_period: Duration,
    fallback: Duration,
    recovery: Duration,
    status: StatusCode,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    window: Window,
    next_check: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Requests pass.
    Closed,
    /// None passes until then.
    Open { until: Instant },
    /// More and more pass.
    Recovering { since: Instant, allowed: u64, denied: u64 },
}

impl CircuitBreaker {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let known = |name: &str| {
            let (takes, gives): (&[Kind], Kind) = match name {
                "NetworkErrorRatio" => (&[], Kind::Fraction),
                "ResponseCodeRatio" => (&[Kind::Whole; 4], Kind::Fraction),
                "LatencyAtQuantileMS" => (&[Kind::Fraction], Kind::Whole),
                _ => return None,
            };
            Some(Signature { takes, gives })
        };
        let status = u16::try_from(config.response_code).ok().and_then(|code| StatusCode::from_u16(code).ok());
        Ok(Self {
            expression: Expression::parse(&config.expression, &known)?,
            check_period: config.check_period.to_std(),
            fallback: config.fallback_duration.to_std(),
            recovery: config.recovery_duration.to_std(),
            status: status.ok_or_else(|| format!("{} is no status code", config.response_code))?,
            state: Mutex::new(State { phase: Phase::Closed, window: Window::default(), next_check: Instant::now() }),
        })
    }

    /// The answer while the service is left alone.
    pub(crate) fn request(&self, now: Instant) -> Option<Response<Body>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.refuses(&mut state, now).then(|| status_text(self.status))
    }

    fn refuses(&self, state: &mut State, now: Instant) -> bool {
        if let Phase::Open { until } = state.phase {
            if now < until {
                return true;
            }
            state.phase = Phase::Recovering { since: now, allowed: 0, denied: 0 };
        }
        let Phase::Recovering { since, allowed, denied } = &mut state.phase else { return false };
        let elapsed = now.saturating_duration_since(*since);
        if elapsed >= self.recovery {
            state.phase = Phase::Closed;
            return false;
        }
        // The share that passes grows with time to one half, as that of Traefik does; then the circuit closes.
        let share = 0.5 * elapsed.as_secs_f64() / self.recovery.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
        let passed = *allowed as f64 / ((*allowed + *denied).max(1)) as f64;
        if passed < share {
            *allowed += 1;
            false
        } else {
            *denied += 1;
            true
        }
    }

    /// Counts an answer, and opens when that is enough.
    pub(crate) fn response(&self, status: StatusCode, began: Instant, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.window.record(status, now.saturating_duration_since(began), now);
        if matches!(state.phase, Phase::Open { .. }) || now < state.next_check {
            return;
        }
        state.next_check = now + self.check_period;
        let window = &state.window;
        if self.expression.holds(&|call| window.value(call, now)) {
            state.phase = Phase::Open { until: now + self.fallback };
            state.window = Window::default();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn opens_stays_open_and_recovers() {
        let config = Config { expression: "NetworkErrorRatio() > 0.5".to_owned(), ..Config::default() };
        let breaker = CircuitBreaker::new(&config).unwrap();
        let now = Instant::now();
        let after = |secs: u64| now + Duration::from_secs(secs);
        assert!(breaker.request(now).is_none());
        breaker.response(StatusCode::BAD_GATEWAY, now, now + Duration::from_millis(1));
        assert!(breaker.request(after(1)).is_some());
        let passed = (0..100).filter(|_| breaker.request(after(15)).is_none()).count();
        assert!(passed < 50, "{passed}");
        let passed = (0..100).filter(|_| breaker.request(after(20)).is_none()).count();
        assert!(passed > 10, "{passed}");
        assert!((0..10).all(|_| breaker.request(after(40)).is_none()));
    }

    #[test]
    fn no_expression_is_a_mistake() {
        assert!(CircuitBreaker::new(&Config::default()).is_err());
    }
}
