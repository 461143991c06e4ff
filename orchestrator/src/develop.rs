//! `develop.watch` of the compose specification: changed files are brought into the containers of a service while they
//! run, or have it built anew or restarted.
//!
//! [`rule`] says which files are about which service, [`tree`] tells which of them have changed, [`batch`] turns those
//! into work, [`sync`] carries files over. What works on whole services (`cli::watch`) goes the way of `up` and `restart`.

pub mod archive;
pub mod batch;
pub mod owner;
pub mod pending;
pub mod rule;
pub mod run;
pub mod sync;
pub mod tree;
