//! Security contexts: the text of `subj=` and `obj=` from the profiles of an `AppArmor` label, as
//! `aa_label_snxprint` (`security/apparmor/label.c`) words it for the kernel's audit.

use std::fs;

use kern::abi;
use zerocopy::FromBytes;

/// `aa_profile_mode_names` in `security/apparmor/policy.c`.
const MODES: [&str; 5] = ["enforce", "complain", "kill", "unconfined", "user"];
/// Whether the kernel adds the mode; it does not by default.
const SHOW_MODE: &str = "/proc/sys/kernel/apparmor_display_secid_mode";
/// Before the name of a namespace below the root: the root's own name and `//`.
const ROOT: &[u8] = b"root//";

/// How labels are written on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels {
    show_mode: bool,
}

/// Whether records name the mode of a profile at present.
pub fn shows_mode() -> bool {
    fs::read(SHOW_MODE).is_ok_and(|text| text.first() == Some(&b'1'))
}

impl Labels {
    /// As the kernel writes them at present.
    pub fn of_this_machine() -> Self {
        Self { show_mode: shows_mode() }
    }

    /// Appends `name` (` subj=`, ` obj=`) and the context that the profiles make up; nothing if there are none.
    pub fn write<'a>(self, out: &mut Vec<u8>, name: &str, profiles: impl Iterator<Item = &'a [u8]>) {
        let mut shown: &[u8] = b"";
        let mut modes: Option<Option<u32>> = None;
        let mut confined = false;
        for (number, profile) in profiles.enumerate() {
            let Ok((head, text)) = abi::Profile::ref_from_prefix(profile) else { return };
            out.extend_from_slice(if number == 0 { name.as_bytes() } else { b"//&" });
            let namespace = head.namespace.get(..head.namespace_len as usize).unwrap_or_default();
            if !namespace.is_empty() && namespace != shown {
                out.push(b':');
                out.extend_from_slice(namespace.strip_prefix(ROOT).unwrap_or(namespace));
                out.push(b':');
                shown = namespace;
            }
            out.extend_from_slice(text.get(..head.name_len as usize).unwrap_or(text));
            if head.flags & abi::PROFILE_UNCONFINED == 0 {
                confined = true;
                modes = Some(match modes {
                    Some(Some(mode)) if mode != head.mode => None,
                    Some(None) => None,
                    _ => Some(head.mode),
                });
            }
        }
        if self.show_mode && confined {
            let mode = modes.flatten().and_then(|mode| MODES.get(mode as usize));
            out.extend_from_slice(b" (");
            out.extend_from_slice(mode.copied().unwrap_or("mixed").as_bytes());
            out.push(b')');
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;

    fn profile(namespace: &[u8], name: &[u8], mode: u32, flags: u32) -> Vec<u8> {
        let mut head = abi::Profile {
            mode,
            flags,
            namespace_len: namespace.len() as u32,
            name_len: name.len() as u32,
            namespace: [0; 256],
        };
        head.namespace[..namespace.len()].copy_from_slice(namespace);
        [head.as_bytes(), name].concat()
    }

    fn text(show_mode: bool, profiles: &[Vec<u8>]) -> String {
        let mut out = Vec::new();
        Labels { show_mode }.write(&mut out, " subj=", profiles.iter().map(Vec::as_slice));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn profiles_are_joined_as_the_kernel_joins_them() {
        let free = profile(b"", b"unconfined", 3, abi::PROFILE_UNCONFINED);
        let cups = profile(b"", b"/usr/sbin/cupsd", 0, 0);
        let inner = profile(b"root//lxd", b"web", 1, 0);
        assert_eq!(text(false, &[]), "");
        assert_eq!(text(false, std::slice::from_ref(&free)), " subj=unconfined");
        assert_eq!(text(true, std::slice::from_ref(&free)), " subj=unconfined");
        assert_eq!(text(true, std::slice::from_ref(&cups)), " subj=/usr/sbin/cupsd (enforce)");
        assert_eq!(text(false, &[cups.clone(), inner.clone()]), " subj=/usr/sbin/cupsd//&:lxd:web");
        assert_eq!(text(true, &[cups, inner]), " subj=/usr/sbin/cupsd//&:lxd:web (mixed)");
    }
}
