//! File system types of the `fstype` field: super block magic numbers of `<linux/magic.h>`.

const NAMES: &[(u32, &str)] =
    &[(0x0027_E0EB, "cgroup"), (0x6367_7270, "cgroup2"), (0x6462_6720, "debugfs"), (0x7472_6163, "tracefs")];

/// The name of a file system type.
pub fn name(number: u32) -> Option<&'static str> {
    super::name_of(NAMES, number)
}

/// The file system type called `name`.
pub fn number(name: &[u8]) -> Option<u32> {
    super::number_of(NAMES, name)
}
