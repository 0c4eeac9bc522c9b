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
        let uname = nix::sys::utsname::uname();
        Self::parse(&uname.map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default())
    }
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
}
