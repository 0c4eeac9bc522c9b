//! File types of the `filetype` field: the `S_IFMT` part of a mode.

const NAMES: &[(u32, &str)] = &[
    (0o010_000, "fifo"),
    (0o020_000, "character"),
    (0o040_000, "dir"),
    (0o060_000, "block"),
    (0o100_000, "file"),
    (0o120_000, "link"),
    (0o140_000, "socket"),
];

/// The name of a file type.
pub fn name(number: u32) -> Option<&'static str> {
    super::name_of(NAMES, number)
}

/// The file type called `name`.
pub fn number(name: &[u8]) -> Option<u32> {
    super::number_of(NAMES, name)
}
