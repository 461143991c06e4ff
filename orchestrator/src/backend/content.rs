//! What is inside of containers: paths, archives, and images made of them.

pub use crate::pipe::Upload;

/// How an archive is unpacked in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpack {
    /// Files belong to the numbers that the archive says. A folder stays: a file in its place is a failure, and so is a
    /// folder in a file's.
    Sparing,
    /// As [`Unpack::Sparing`], and everything belongs to the container's user.
    ForUser,
}

/// Mode bit of a folder, as the engine encodes modes (Go's `os.FileMode`).
const FOLDER: u32 = 1 << 31;
/// Mode bit of a symbolic link.
const LINK: u32 = 1 << 27;
/// Mode bits of what is neither file nor folder nor link: device, named pipe, socket, character device, irregular.
const SPECIAL: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

/// What a path in a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a named pipe, a socket.
    Special,
}

impl PathKind {
    /// From the engine's mode bits.
    #[must_use]
    pub fn of_mode(mode: u32) -> Self {
        match mode {
            _ if mode & FOLDER != 0 => Self::Folder,
            _ if mode & LINK != 0 => Self::Link,
            _ if mode & SPECIAL != 0 => Self::Special,
            _ => Self::File,
        }
    }
}

/// A path in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInfo {
    /// What it is.
    pub kind: PathKind,
    /// Where a symbolic link leads, as a path in the container; empty for others.
    pub link_target: String,
}

/// An image to be made of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitSpec {
    /// Name to give it, with or without a tag; empty for none.
    pub reference: String,
    /// Who made it.
    pub author: String,
    /// What for.
    pub message: String,
    /// Instructions of a Dockerfile that change its configuration (`ENV A=b`).
    pub changes: Vec<String>,
    /// Freeze the container meanwhile.
    pub pause: bool,
}

#[cfg(test)]
mod tests {
    use super::PathKind;

    #[test]
    fn modes_are_the_engines() {
        let kinds = [2_147_484_141, 420, 134_218_239, 69_206_454, 33_554_852].map(PathKind::of_mode);
        assert_eq!(kinds, [PathKind::Folder, PathKind::File, PathKind::Link, PathKind::Special, PathKind::Special]);
    }
}
