//! Traefik's access log, byte for byte what its readers (fail2ban, CrowdSec, GoAccess) expect.
//!
//! A request only fills in a record; a thread of its own formats and writes. When the writer cannot follow, lines are
//! dropped and counted rather than requests delayed.

mod fields;
mod format;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use fields::Fields;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use crate::config::statics;
use crate::http::exchange::TlsSession;

/// Lines that may wait for the writer.
const BACKLOG: usize = 8192;

/// The format of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    /// Common log format with Traefik's four additions.
    #[default]
    Common,
    /// Common log format as it is.
    GenericClf,
    /// One JSON object a line.
    Json,
}

/// Which requests are logged; a request that meets any condition is. Without condition all are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Filters {
    /// Ranges of status codes, both ends included.
    pub status_codes: Vec<(u16, u16)>,
    /// Only requests that were retried.
    pub retry_attempts: bool,
    /// Only requests that took at least this long.
    pub min_duration: Duration,
}

impl From<&statics::AccessLog> for Format {
    fn from(options: &statics::AccessLog) -> Self {
        match options.format.to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "genericclf" => Self::GenericClf,
            _ => Self::Common,
        }
    }
}

impl From<&statics::AccessLog> for Filters {
    /// Ranges that are none are left out.
    fn from(options: &statics::AccessLog) -> Self {
        let ranges = options.filters.status_codes.iter().filter_map(|range| {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
        });
        Self {
            status_codes: ranges.collect(),
            retry_attempts: options.filters.retry_attempts,
            min_duration: options.filters.min_duration.to_std(),
        }
    }
}

/// One request, as it is logged.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) started: Instant,
    pub(crate) started_at: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) entry_point: Arc<str>,
    pub(crate) client: std::net::SocketAddr,
    /// Who the client is to a trusted peer, if it says so: `X-Forwarded-For` as it came.
    pub(crate) forwarded_for: Option<HeaderValue>,
    pub(crate) username: Option<String>,
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) scheme: &'static str,
    pub(crate) host: HeaderValue,
    pub(crate) path: String,
    /// `None` where no header is logged.
    pub(crate) headers: Option<Box<Headers>>,
    pub(crate) tls: Option<Arc<TlsSession>>,
    /// Bytes read of the request's body; `None` where it has none.
    pub(crate) request_size: Option<Arc<AtomicU64>>,
    pub(crate) router: Option<Arc<str>>,
    /// The load balancer whose server was asked.
    pub(crate) service: Option<Arc<str>>,
    pub(crate) server_url: Option<String>,
    pub(crate) origin_status: Option<StatusCode>,
    pub(crate) origin_duration: Duration,
    /// Bytes of the server's body; `None` where they are those that the client got.
    pub(crate) origin_size: Option<Arc<AtomicU64>>,
    pub(crate) status: StatusCode,
    pub(crate) downstream_size: u64,
    pub(crate) retries: u32,
    /// Whether what the gateway does for itself is logged.
    pub(crate) internals: bool,
    /// How many requests were to be logged up to this one, those that a filter leaves out included.
    pub(crate) count: u64,
}

impl Record {
    /// Whether requests of a router are logged at all.
    pub(crate) fn is_wanted(&self, router: &str, service: &str) -> bool {
        self.internals || !super::is_internal(router, service)
    }
}

/// Headers of a request and its answer.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    /// As the service was asked; as the client asked, where none was.
    pub(crate) request: Option<HeaderMap>,
    pub(crate) response: HeaderMap,
}

/// Where finished requests are reported.
#[derive(Debug)]
pub struct AccessLog {
    queue: SyncSender<Box<Record>>,
    filters: Filters,
    has_headers: bool,
    internals: bool,
    count: AtomicU64,
    dropped: Arc<AtomicU64>,
}

impl AccessLog {
    /// Starts the thread that writes lines to `out`, as the options ask for it. It ends with the last clone of the log, or when `out` fails.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(options: &statics::AccessLog, out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (format, filters, fields) = (Format::from(options), Filters::from(options), Fields::from(&options.fields));
        let has_headers = fields.has_headers();
        let (queue, records) = sync_channel(BACKLOG);
        let dropped = Arc::new(AtomicU64::new(0));
        let missed = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(format, &fields, &records, &missed, out))?;
        let (internals, count) = (options.add_internals, AtomicU64::new(0));
        Ok(Self { queue, filters, has_headers, internals, count, dropped })
    }

    /// Where headers are noted, if any are logged.
    pub(crate) fn headers(&self) -> Option<Box<Headers>> {
        self.has_headers.then(Box::default)
    }

    /// Whether what the gateway does for itself is logged.
    pub(crate) const fn has_internals(&self) -> bool {
        self.internals
    }

    pub(crate) fn write(&self, mut record: Box<Record>) {
        record.count = self.count.fetch_add(1, Relaxed) + 1;
        if self.wants(&record)
            && let Err(TrySendError::Full(_)) = self.queue.try_send(record)
        {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    fn wants(&self, record: &Record) -> bool {
        let filters = &self.filters;
        let status = record.status.as_u16();
        if *filters == Filters::default() {
            return true;
        }
        filters.status_codes.iter().any(|&(low, high)| (low..=high).contains(&status))
            || (filters.retry_attempts && record.retries > 0)
            || (!filters.min_duration.is_zero() && record.duration >= filters.min_duration)
    }
}

fn write_all(format: Format, fields: &Fields, records: &Receiver<Box<Record>>, dropped: &AtomicU64, out: impl Write) {
    let mut out = std::io::BufWriter::with_capacity(32 * 1024, out);
    let mut line = Vec::with_capacity(1024);
    while let Ok(first) = records.recv() {
        let mut next = Some(first);
        while let Some(record) = next {
            line.clear();
            format::line(&mut line, format, fields, &record);
            if out.write_all(&line).is_err() {
                return;
            }
            next = records.try_recv().ok();
        }
        // Everything that waits is written before the buffer is handed to the system.
        if out.flush().is_err() {
            return;
        }
        let missed = dropped.swap(0, Relaxed);
        if missed > 0 {
            tracing::warn!(lines = missed, "the access log cannot follow; lines were dropped");
        }
    }
}
