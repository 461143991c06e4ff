//! What the specifications ask of a server, case by case, and what an attacker does with them.

mod frames;
mod http1;
mod http2;
