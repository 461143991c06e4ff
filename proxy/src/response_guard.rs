//! What lasts as long as an answer is on its way.

use std::fmt;

/// Something that ends with the exchange that it belongs to, such as a place among the requests in flight: dropping it ends it.
pub(crate) trait ResponseGuard: fmt::Debug + Send {}

/// A [`ResponseGuard`] of any kind.
pub(crate) type BoxedGuard = Box<dyn ResponseGuard>;
