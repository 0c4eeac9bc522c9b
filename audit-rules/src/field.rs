//! Fields, operators and comparisons of a rule: `AUDIT_PID` and so on of `<linux/audit.h>`.

/// An operator between a field and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `&`: any bit of the value is set in the field.
    BitMask,
    /// `&=`: all bits of the value are set in the field.
    BitTest,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 8] =
        [Self::Eq, Self::Ne, Self::Lt, Self::Le, Self::Gt, Self::Ge, Self::BitMask, Self::BitTest];

    /// The kernel's number, a word of `fieldflags`.
    pub const fn number(self) -> u32 {
        match self {
            Self::Eq => 0x4000_0000,
            Self::Ne => 0x3000_0000,
            Self::Lt => 0x1000_0000,
            Self::Le => 0x5000_0000,
            Self::Gt => 0x2000_0000,
            Self::Ge => 0x6000_0000,
            Self::BitMask => 0x0800_0000,
            Self::BitTest => 0x4800_0000,
        }
    }

    /// The operator with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.number() == number)
    }

    /// The operator as it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::BitMask => "&",
            Self::BitTest => "&=",
        }
    }

    /// `=` or `!=`.
    pub const fn is_equality(self) -> bool {
        matches!(self, Self::Eq | Self::Ne)
    }

    /// `&` or `&=`.
    pub const fn is_bitwise(self) -> bool {
        matches!(self, Self::BitMask | Self::BitTest)
    }
}

macro_rules! fields {
    ($($variant:ident = $number:literal, $name:literal, $doc:literal;)*) => {
        /// A field that a rule can look at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $(#[doc = $doc] $variant = $number,)* }

        impl Field {
            /// Every field, ascending by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that `auditctl -l` prints.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The field called `name`, whatever its case; `loginuid` is another name of `auid`.
            pub fn from_name(name: &[u8]) -> Option<Self> {
                let mut lower = [0; LONGEST_NAME];
                let lower = lower.get_mut(..name.len())?;
                lower.copy_from_slice(name);
                lower.make_ascii_lowercase();
                match std::str::from_utf8(lower).ok()? {
                    $($name => Some(Self::$variant),)*
                    "loginuid" => Some(Self::LoginUid),
                    _ => None,
                }
            }
        }
    };
}

/// The longest name of a field has so many bytes.
const LONGEST_NAME: usize = 13;

fields! {
    Pid = 0, "pid", "Process (thread group), in the initial PID namespace.";
    Uid = 1, "uid", "Real user.";
    Euid = 2, "euid", "Effective user.";
    Suid = 3, "suid", "Saved user.";
    Fsuid = 4, "fsuid", "File system user.";
    Gid = 5, "gid", "Real group, or a supplementary one.";
    Egid = 6, "egid", "Effective group, or a supplementary one.";
    Sgid = 7, "sgid", "Saved group.";
    Fsgid = 8, "fsgid", "File system group.";
    LoginUid = 9, "auid", "User who logged in; 4294967295 is unset.";
    Pers = 10, "pers", "Personality, all bits.";
    Arch = 11, "arch", "Architecture of the call, `AUDIT_ARCH_*`.";
    MsgType = 12, "msgtype", "Record type.";
    SubjUser = 13, "subj_user", "User of the task's security label.";
    SubjRole = 14, "subj_role", "Role of the task's security label.";
    SubjType = 15, "subj_type", "Type of the task's security label.";
    SubjSen = 16, "subj_sen", "Low level of the task's security label.";
    SubjClr = 17, "subj_clr", "High level of the task's security label.";
    Ppid = 18, "ppid", "Parent process.";
    ObjUser = 19, "obj_user", "User of the object's security label.";
    ObjRole = 20, "obj_role", "Role of the object's security label.";
    ObjType = 21, "obj_type", "Type of the object's security label.";
    ObjLevLow = 22, "obj_lev_low", "Low level of the object's security label.";
    ObjLevHigh = 23, "obj_lev_high", "High level of the object's security label.";
    SessionId = 25, "sessionid", "Login session; 4294967295 is unset.";
    FsType = 26, "fstype", "Magic number of the file system.";
    DevMajor = 100, "devmajor", "Major number of a name's device.";
    DevMinor = 101, "devminor", "Minor number of a name's device.";
    Inode = 102, "inode", "Inode of a name, low 32 bits.";
    Exit = 103, "exit", "Return value of the call, low 32 bits.";
    Success = 104, "success", "Whether the call succeeded: 0 no, anything else yes.";
    Path = 105, "path", "A watched file (`AUDIT_WATCH`).";
    Perm = 106, "perm", "Kinds of access, see [`crate::Perms`].";
    Dir = 107, "dir", "A watched directory tree.";
    FileType = 108, "filetype", "File type, the `S_IFMT` part of a mode.";
    ObjUid = 109, "obj_uid", "Owner of a name.";
    ObjGid = 110, "obj_gid", "Group of a name.";
    Compare = 111, "field_compare", "Two fields against each other, see [`Comparison`].";
    Exe = 112, "exe", "The program that the task runs.";
    SaddrFam = 113, "saddr_fam", "Address family of the call's socket address.";
    A0 = 200, "a0", "Argument 0, low 32 bits.";
    A1 = 201, "a1", "Argument 1, low 32 bits.";
    A2 = 202, "a2", "Argument 2, low 32 bits.";
    A3 = 203, "a3", "Argument 3, low 32 bits.";
    Key = 210, "key", "The rule's key: always true; several keys are joined with byte 1.";
}

impl Field {
    /// The kernel's number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The field with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.binary_search_by_key(&number, |field| field.number()).ok().map(|at| Self::ALL[at])
    }

    /// Whether the value is text in the rule's buffer; otherwise it is a number.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Path | Self::Dir | Self::Exe | Self::Key)
            || self.is_subject_label()
            || self.is_object_label()
    }

    /// `subj_*`.
    pub const fn is_subject_label(self) -> bool {
        matches!(self, Self::SubjUser | Self::SubjRole | Self::SubjType | Self::SubjSen | Self::SubjClr)
    }

    /// `obj_user` to `obj_lev_high`.
    pub const fn is_object_label(self) -> bool {
        matches!(self, Self::ObjUser | Self::ObjRole | Self::ObjType | Self::ObjLevLow | Self::ObjLevHigh)
    }

    /// The fields whose value is a user id.
    pub const fn is_user(self) -> bool {
        matches!(self, Self::Uid | Self::Euid | Self::Suid | Self::Fsuid | Self::LoginUid | Self::ObjUid)
    }

    /// The fields whose value is a group id.
    pub const fn is_group(self) -> bool {
        matches!(self, Self::Gid | Self::Egid | Self::Sgid | Self::Fsgid | Self::ObjGid)
    }

    /// `a0` to `a3`.
    pub const fn is_argument(self) -> bool {
        matches!(self, Self::A0 | Self::A1 | Self::A2 | Self::A3)
    }
}

/// A comparison of two fields, `-C`: the value of a `field_compare` field, `AUDIT_COMPARE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Comparison(u32);

/// All comparisons in the form that `auditctl -l` prints; the first is number 1.
const COMPARISONS: [(Field, Field); 25] = {
    use Field::{Egid, Euid, Fsgid, Fsuid, Gid, LoginUid as Auid, ObjGid, ObjUid, Sgid, Suid, Uid};
    [
        (Uid, ObjUid),
        (Gid, ObjGid),
        (Euid, ObjUid),
        (Egid, ObjGid),
        (Auid, ObjUid),
        (Suid, ObjUid),
        (Sgid, ObjGid),
        (Fsuid, ObjUid),
        (Fsgid, ObjGid),
        (Uid, Auid),
        (Uid, Euid),
        (Uid, Fsuid),
        (Uid, Suid),
        (Auid, Fsuid),
        (Auid, Suid),
        (Auid, Euid),
        (Euid, Suid),
        (Euid, Fsuid),
        (Suid, Fsuid),
        (Gid, Egid),
        (Gid, Fsgid),
        (Gid, Sgid),
        (Egid, Fsgid),
        (Egid, Sgid),
        (Sgid, Fsgid),
    ]
};

impl Comparison {
    /// The highest number (`AUDIT_MAX_FIELD_COMPARE`). The kernel does not refuse higher ones in `field_compare`; they never
    /// match.
    pub const MAX: u32 = 25;

    /// The comparison of these two fields, in either order; `None` if they cannot be compared.
    pub fn between(one: Field, two: Field) -> Option<Self> {
        let at = COMPARISONS.iter().position(|&pair| pair == (one, two) || pair == (two, one))?;
        Some(Self(at as u32 + 1))
    }

    /// The comparison with this number, 1 to 25.
    pub const fn from_number(number: u32) -> Option<Self> {
        if number >= 1 && number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// The kernel's number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The two fields, in the order in which `auditctl -l` prints them.
    pub const fn fields(self) -> (Field, Field) {
        COMPARISONS[self.0 as usize - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Field, Op};

    #[test]
    fn numbers_lead_back() {
        for &field in Field::ALL {
            assert_eq!(Field::from_number(field.number()), Some(field));
            assert_eq!(Field::from_name(field.name().as_bytes()), Some(field));
        }
        for op in Op::ALL {
            assert_eq!(Op::from_number(op.number()), Some(op));
        }
        assert_eq!(Field::from_name(b"LoginUID"), Some(Field::LoginUid));
        assert_eq!(Field::from_name(b"field_compares"), None);
        assert_eq!(Field::from_name(b"\xffid"), None);
        assert_eq!(Field::from_number(24), None, "loginuid_set is the kernel's own");
    }

    #[test]
    fn a_comparison_has_one_number_in_either_order() {
        let one = Comparison::between(Field::ObjUid, Field::Suid);
        assert_eq!(one, Comparison::between(Field::Suid, Field::ObjUid));
        assert_eq!(one.map(Comparison::number), Some(6));
        assert_eq!(Comparison::between(Field::Uid, Field::Gid), None);
        assert_eq!(Comparison::between(Field::Uid, Field::Uid), None);
    }
}
