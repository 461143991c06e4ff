//! The content of a volume as a tar archive (POSIX.1-2001, pax), and back: what `stack volume` runs inside of a container
//! that has the volume, so that owners, modes, links, devices and extended attributes are all within reach.

pub mod pack;
pub mod swap;
pub mod unpack;
mod xattr;

#[cfg(test)]
mod tests;

/// Where the volume is mounted in that container.
pub const MOUNT: &str = "/volume";
/// Folder in the volume for what is being restored; it is no part of the volume's content.
pub const STAGING: &str = ".stack-restore";
/// The last thing that is said on standard error where all went well: an output that just ends may have been cut off.
pub const COMPLETE: &str = "complete";
