//! The security module that gives tasks and objects contexts, and what it makes of the fields of rules that ask for them
//! (`subj_*`, `obj_*`). Which one is active is settled at boot.

use std::fs;
use std::io::{Error, ErrorKind};

use audit_rules::{Field, Rule};
use nix::errno::Errno;

use crate::role::Roles;

/// The active modules, in the words of `lsm=`; there where securityfs is mounted.
const ACTIVE: &str = "/sys/kernel/security/lsm";
/// The kernel's filesystems: those modules that bring one register it only when they are active.
const FILESYSTEMS: &str = "/proc/filesystems";
/// Whether `AppArmor` is active.
const APPARMOR: &str = "/sys/module/apparmor/parameters/enabled";
/// A task's own context.
const OWN: &str = "/proc/self/attr/current";
/// Modules that have no hooks for audit's rules (`audit_rule_init`).
const WITHOUT_HOOKS: [&str; 11] = [
    "capability",
    "lockdown",
    "landlock",
    "yama",
    "loadpin",
    "safesetid",
    "integrity",
    "ima",
    "evm",
    "bpf",
    "tomoyo",
];

/// `subj_*`, `obj_user` to `obj_lev_high`.
const fn is_label(field: Field) -> bool {
    field.is_subject_label() || field.is_object_label()
}

/// Which module judges `subj_*` and `obj_*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurityModule {
    /// None: the kernel takes rules with such fields, and they match nothing.
    None,
    /// `AppArmor`, which knows one of them, `subj_role`.
    AppArmor(Roles),
    /// `SELinux`, by its policy.
    Selinux,
    /// One of which nothing is known, or several; what is known of them, for people.
    Other(String),
}

impl SecurityModule {
    /// That of the kernel that runs.
    pub fn find() -> Self {
        if let Ok(active) = fs::read_to_string(ACTIVE) {
            return Self::of_list(&active);
        }
        let filesystems = match fs::read_to_string(FILESYSTEMS) {
            Ok(filesystems) => filesystems,
            Err(error) => return Self::Other(format!("{FILESYSTEMS}: {error}")),
        };
        let apparmor = fs::read(APPARMOR).is_ok_and(|text| text.first() == Some(&b'Y'));
        Self::of_traces(&filesystems, apparmor, fs::read(OWN))
    }

    /// By the list of active modules.
    fn of_list(active: &str) -> Self {
        let mut others =
            active.trim().split(',').filter(|name| !name.is_empty() && !WITHOUT_HOOKS.contains(name));
        match (others.next(), others.next()) {
            (None, _) => Self::None,
            (Some("apparmor"), None) => Self::AppArmor(Roles::default()),
            (Some("selinux"), None) => Self::Selinux,
            _ => Self::Other(active.trim().to_owned()),
        }
    }

    /// By what modules leave elsewhere.
    fn of_traces(filesystems: &str, apparmor: bool, own: Result<Vec<u8>, Error>) -> Self {
        let has = |name: &str| filesystems.split_whitespace().any(|word| word == name);
        match (has("selinuxfs"), has("smackfs"), apparmor) {
            (true, false, false) => Self::Selinux,
            (false, false, true) => Self::AppArmor(Roles::default()),
            (false, false, false) => match own {
                // nobody answers; or there is nothing that could
                Err(error)
                    if error.raw_os_error() == Some(Errno::EINVAL as i32)
                        || error.kind() == ErrorKind::NotFound =>
                {
                    Self::None
                }
                Ok(context) => Self::Other(format!("one that says {}", String::from_utf8_lossy(&context))),
                Err(error) => Self::Other(format!("{OWN}: {error}")),
            },
            _ => Self::Other("several, or smack".to_owned()),
        }
    }

    /// Its name, for people; the reason if there is none.
    pub fn name(&self) -> Result<String, String> {
        match self {
            Self::None => Err("no active security module gives any".to_owned()),
            Self::AppArmor(_) => Ok("AppArmor".to_owned()),
            Self::Selinux => Ok("SELinux".to_owned()),
            Self::Other(name) => Ok(format!("unknown: {name}")),
        }
    }

    /// Why the rule can never match on this kernel: one of its fields is not known to the module. The kernel keeps such a field
    /// without what it would be judged by (`audit_data_to_entry`), and it is false, whatever its operator.
    pub fn never_matches(&self, rule: &Rule) -> Option<String> {
        let mut fields = rule.conditions().iter().map(audit_rules::Condition::field);
        match self {
            Self::None => {
                let field = fields.find(|field| is_label(*field))?;
                Some(format!("{}: no active security module gives contexts", field.name()))
            }
            // aa_audit_rule_init
            Self::AppArmor(_) => {
                let field = fields.find(|field| is_label(*field) && *field != Field::SubjRole)?;
                Some(format!("{}: AppArmor, the active security module, does not know it", field.name()))
            }
            Self::Selinux | Self::Other(_) => None,
        }
    }

    /// Why programs cannot judge a rule that may match.
    pub fn obstacle(&self, rule: &Rule) -> Option<String> {
        if let Self::AppArmor(roles) = self {
            return roles.obstacle(rule);
        }
        let mut fields = rule.conditions().iter().map(audit_rules::Condition::field);
        let field = fields.find(|field| is_label(*field))?;
        let who = if *self == Self::Selinux { "SELinux, by its policy" } else { "the security module" };
        Some(format!("{} is judged by {who}, which only the kernel can ask", field.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::rules;

    #[test]
    fn a_list_of_modules_says_which_gives_contexts() {
        let of = SecurityModule::of_list;
        assert_eq!(of("capability,landlock,lockdown,yama,tomoyo,bpf\n"), SecurityModule::None);
        assert_eq!(of(""), SecurityModule::None);
        assert_eq!(
            of("lockdown,capability,landlock,yama,apparmor,bpf"),
            SecurityModule::AppArmor(Roles::default())
        );
        assert_eq!(of("capability,selinux\n"), SecurityModule::Selinux);
        for unknown in ["capability,smack", "capability,apparmor,selinux", "capability,new"] {
            assert!(matches!(of(unknown), SecurityModule::Other(_)), "{unknown}");
        }
    }

    #[test]
    fn without_a_list_traces_say_it() {
        let of = SecurityModule::of_traces;
        let refused = || Err(Error::from_raw_os_error(Errno::EINVAL as i32));
        let absent = || Err(Error::from_raw_os_error(Errno::ENOENT as i32));
        assert_eq!(of("nodev\tproc\n\text4\n", false, refused()), SecurityModule::None);
        assert_eq!(of("nodev\tproc\n", false, absent()), SecurityModule::None);
        assert_eq!(
            of("nodev\tproc\n", true, Ok(b"unconfined\n".to_vec())),
            SecurityModule::AppArmor(Roles::default())
        );
        let selinux = "nodev\tselinuxfs\n\text4\n";
        assert_eq!(of(selinux, false, Ok(b"kernel\0".to_vec())), SecurityModule::Selinux);
        assert!(matches!(of(selinux, true, refused()), SecurityModule::Other(_)));
        assert!(matches!(of("nodev\tsmackfs\n", false, Ok(b"_".to_vec())), SecurityModule::Other(_)));
        assert!(matches!(of("nodev\tproc\n", false, Ok(b"x\n".to_vec())), SecurityModule::Other(_)));
        let denied = Err(Error::from_raw_os_error(Errno::EACCES as i32));
        assert!(matches!(of("nodev\tproc\n", false, denied), SecurityModule::Other(_)));
    }

    #[test]
    fn a_field_that_the_module_does_not_know_never_matches() {
        let rules = rules(&[
            "-a always,exit -S open -F subj_role=unconfined",
            "-a always,exit -S open -F subj_type!=a -F uid=0",
            "-a always,exit -S open -F obj_lev_low=a",
            "-a always,exit -S open -F uid=0",
        ]);
        let never = |module: &SecurityModule| {
            rules.iter().map(|rule| module.never_matches(rule).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(never(&SecurityModule::None), [true, true, true, false]);
        assert_eq!(never(&SecurityModule::AppArmor(Roles::default())), [false, true, true, false]);
        assert_eq!(never(&SecurityModule::Selinux), [false; 4]);
        assert_eq!(never(&SecurityModule::Other("smack".into())), [false; 4]);
    }
}
