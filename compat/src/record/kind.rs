//! Record types: the number on the wire and the word in the log.

use std::fmt;

use audit_rules::table::message_type;

/// Type of a record, the number that `NETLINK_AUDIT` carries as `nlmsg_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u16);

impl MessageType {
    /// The word in the log, as in `type=SYSCALL`; `None` if the number has none (then the log says `UNKNOWN[n]`, as
    /// [`Display`](fmt::Display) does).
    pub fn name(self) -> Option<&'static str> {
        message_type::name(self.0)
    }

    /// The type that bears this word, whatever its case. `UNKNOWN[n]` is the type of that number.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        if let Some(number) = message_type::number(name) {
            return Some(Self(number));
        }
        let number = name.strip_prefix(b"UNKNOWN[")?.strip_suffix(b"]")?;
        std::str::from_utf8(number).ok()?.parse().ok().map(Self)
    }
}

/// Constants for the types that code names; the table of all is in [`audit_rules::table::message_type`].
macro_rules! kinds {
    ($($number:literal $name:ident,)*) => {
        impl MessageType {
            $(#[doc = concat!("`", stringify!($name), "`, ", stringify!($number), ".")]
            pub const $name: Self = Self($number);)*

            /// Every constant with its name, so that a test can hold them against the table.
            #[cfg(test)]
            const CONSTANTS: &[(Self, &str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

kinds! {
    1005 USER,
    1006 LOGIN,
    1100 USER_AUTH,
    1101 USER_ACCT,
    1102 USER_MGMT,
    1103 CRED_ACQ,
    1104 CRED_DISP,
    1105 USER_START,
    1106 USER_END,
    1107 USER_AVC,
    1114 ADD_USER,
    1115 DEL_USER,
    1116 ADD_GROUP,
    1117 DEL_GROUP,
    1120 TEST,
    1121 TRUSTED_APP,
    1123 USER_CMD,
    1124 USER_TTY,
    1132 GRP_MGMT,
    1200 DAEMON_START,
    1201 DAEMON_END,
    1202 DAEMON_ABORT,
    1203 DAEMON_CONFIG,
    1205 DAEMON_ROTATE,
    1206 DAEMON_RESUME,
    1207 DAEMON_ACCEPT,
    1208 DAEMON_CLOSE,
    1209 DAEMON_ERR,
    1300 SYSCALL,
    1302 PATH,
    1303 IPC,
    1304 SOCKETCALL,
    1305 CONFIG_CHANGE,
    1306 SOCKADDR,
    1307 CWD,
    1309 EXECVE,
    1311 IPC_SET_PERM,
    1312 MQ_OPEN,
    1313 MQ_SENDRECV,
    1314 MQ_NOTIFY,
    1315 MQ_GETSETATTR,
    1316 KERNEL_OTHER,
    1317 FD_PAIR,
    1318 OBJ_PID,
    1319 TTY,
    1320 EOE,
    1321 BPRM_FCAPS,
    1322 CAPSET,
    1323 MMAP,
    1324 NETFILTER_PKT,
    1325 NETFILTER_CFG,
    1326 SECCOMP,
    1327 PROCTITLE,
    1328 FEATURE_CHANGE,
    1330 KERN_MODULE,
    1331 FANOTIFY,
    1332 TIME_INJOFFSET,
    1333 TIME_ADJNTPVAL,
    1334 BPF,
    1335 EVENT_LISTENER,
    1336 URINGOP,
    1337 OPENAT2,
    1338 DM_CTRL,
    1339 DM_EVENT,
    1400 AVC,
    1700 ANOM_PROMISCUOUS,
    1701 ANOM_ABEND,
    1702 ANOM_LINK,
    1703 ANOM_CREAT,
    2000 KERNEL,
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN[{}]", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_those_of_the_table() {
        for &(kind, name) in MessageType::CONSTANTS {
            assert!(kind.name().is_none_or(|known| known == name), "{kind} {name}");
        }
        // In the kernel, but not known to Debian 12's tools, which we write like.
        let unnamed: Vec<u16> = MessageType::CONSTANTS
            .iter()
            .filter(|(kind, _)| kind.name().is_none())
            .map(|(kind, _)| kind.0)
            .collect();
        assert!(unnamed.iter().all(|n| [1338, 1339].contains(n)), "{unnamed:?}");
    }

    #[test]
    fn numbers_without_a_name() {
        assert_eq!(MessageType(1204).to_string(), "UNKNOWN[1204]");
        assert_eq!(MessageType::from_name(b"UNKNOWN[1204]"), Some(MessageType(1204)));
        assert_eq!(MessageType::from_name(b"UNKNOWN[]"), None);
        assert_eq!(MessageType::from_name(b"UNKNOWN[65536]"), None);
        assert_eq!(MessageType::from_name(b"SYSCALL"), Some(MessageType::SYSCALL));
    }
}
