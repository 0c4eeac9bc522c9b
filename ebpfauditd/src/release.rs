//! The kernel's release: where versions differ in what they record and nothing but the number tells.

/// First two numbers of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32);

impl Release {
    /// From the text of `uname -r`. One that says nothing is taken for a new one.
    pub fn parse(text: &str) -> Self {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
        Self(numbers.next().flatten().unwrap_or(u32::MAX), numbers.next().flatten().unwrap_or(0))
    }

    /// That of the running kernel.
    pub fn running() -> Self {
        Self::parse(&uname())
    }
}

/// A release and the number of its stable update, which carries fixes back from later releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update(pub Release, pub u32);

impl Update {
    /// From the text of `uname -r`; an update that is not told is the first.
    pub fn parse(text: &str) -> Self {
        let number = text.split(|c: char| !c.is_ascii_digit()).nth(2).and_then(|part| part.parse().ok());
        Self(Release::parse(text), number.unwrap_or(0))
    }

    /// That of the running kernel. Debian has counted its own updates in `uname -r` until 6.12, and tells the kernel's in the text of
    /// the build.
    pub fn running() -> Self {
        Self::of_debian(&build()).unwrap_or_else(|| Self::parse(&uname()))
    }

    fn of_debian(build: &str) -> Option<Self> {
        Some(Self::parse(build.split_once(" Debian ")?.1))
    }

    /// Whether it has what came with `first`, an update of the same release.
    pub fn carries(self, first: Self) -> bool {
        self.0 == first.0 && self.1 >= first.1
    }
}

/// Whether the running kernel may preempt what runs in it, as the text of its build says: at all times, or when it is told to.
pub fn may_preempt() -> bool {
    build().contains("PREEMPT")
}

fn build() -> String {
    let uname = nix::sys::utsname::uname();
    uname.map(|name| name.version().to_string_lossy().into_owned()).unwrap_or_default()
}

fn uname() -> String {
    let uname = nix::sys::utsname::uname();
    uname.map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(Release::parse("6.12.117+deb12-cloud-amd64"), Release(6, 12));
        assert_eq!(Release::parse("6.14.0-rc1"), Release(6, 14));
        assert_eq!(Release::parse("7"), Release(7, 0));
        assert!(Release::parse("5.10.0-46-cloud-amd64") < Release(5, 18));
        assert!(Release::parse("") > Release(7, 2));
    }

    #[test]
    fn updates_are_compared_within_their_release() {
        let debian = Update::parse("6.12.117+deb12-cloud-amd64");
        assert_eq!(debian, Update(Release(6, 12), 117));
        assert!(debian.carries(Update(Release(6, 12), 43)));
        assert!(!debian.carries(Update(Release(6, 12), 118)) && !debian.carries(Update(Release(6, 1), 43)));
        assert_eq!(Update::parse("7"), Update(Release(7, 0), 0));
        let build = "#1 SMP Debian 5.10.251-1 (2026-02-24)";
        assert_eq!(Update::of_debian(build), Some(Update(Release(5, 10), 251)));
        assert_eq!(Update::of_debian("#1 SMP PREEMPT_DYNAMIC Mon Jan 5"), None);
    }
}
