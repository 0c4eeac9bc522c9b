//! The rows of the table of names per syscall, each quirk, and what holds for any sequence of lookups.

use proptest::prelude::*;

use super::*;

/// Debian's 6.1 and 6.12.
const OLD: Algorithm = Algorithm { ends_trimmed: false, one_pass: false };
/// 6.14 to 6.18.
const TRIMMING: Algorithm = Algorithm { ends_trimmed: true, one_pass: false };
/// 6.19 and later.
const ONE_PASS: Algorithm = Algorithm { ends_trimmed: true, one_pass: true };
const EVERY: [Algorithm; 3] = [OLD, TRIMMING, ONE_PASS];

/// A filesystem that the filesystem list keeps out in these tests, and its device.
const HIDDEN: (u32, u32) = (0x9fa0, 9);
const DEVICE: u32 = 8;

type Made = (abi::Lookup, &'static str);

fn lookup(op: LookupOp, name: u64, text: &'static str, ino: u64) -> Made {
    let flags = if ino == 0 { 0 } else { abi::LOOKUP_INODE };
    let inode = abi::Inode { ino, dev: DEVICE, magic: 0xef53, ..abi::Inode::default() };
    (abi::Lookup { name, op: op as u16, flags, inode, ..abi::Lookup::default() }, text)
}

fn getname(name: u64, text: &'static str) -> Made {
    lookup(LookupOp::Getname, name, text, 0)
}

fn normal(name: u64, text: &'static str, ino: u64) -> Made {
    lookup(LookupOp::Normal, name, text, ino)
}

fn parent(name: u64, text: &'static str, ino: u64) -> Made {
    lookup(LookupOp::Parent, name, text, ino)
}

fn file(ino: u64) -> Made {
    lookup(LookupOp::File, 0, "", ino)
}

fn child(op: LookupOp, directory: u64, text: &'static str, ino: u64) -> Made {
    let (mut facts, text) = lookup(op, 0, text, ino);
    facts.dir_ino = directory;
    facts.dir_dev = DEVICE;
    (facts, text)
}

fn delete(directory: u64, text: &'static str, ino: u64) -> Made {
    child(LookupOp::Delete, directory, text, ino)
}

fn create(directory: u64, text: &'static str, ino: u64) -> Made {
    child(LookupOp::Create, directory, text, ino)
}

fn flagged((mut facts, text): Made, flags: u16) -> Made {
    facts.flags |= flags;
    (facts, text)
}

fn on(device: u32, magic: u32, (mut facts, text): Made) -> Made {
    facts.inode.dev = device;
    facts.inode.magic = magic;
    facts.dir_dev = device;
    (facts, text)
}

fn entries(made: &[Made], algorithm: Algorithm) -> Vec<Entry<'_>> {
    let lookups = made.iter().map(|(facts, text)| Lookup { facts, text: text.as_bytes() });
    replay(&lookups, algorithm, &|magic| magic == HIDDEN.0)
}

/// A list in short: the type's letter, the part of the name that is meant, the inode; `h` hidden, `?` not evaluated.
fn short(list: &[Entry<'_>]) -> Vec<String> {
    let one = |entry: &Entry<'_>| {
        let kind = match entry.kind {
            NameType::Normal => "N",
            NameType::Parent => "P",
            NameType::Create => "C",
            NameType::Delete => "D",
            NameType::Unknown => "U",
        };
        let name = entry.name.map_or("(null)", |name| {
            let length = entry.name_len.unwrap_or(name.len());
            std::str::from_utf8(&name[..length]).unwrap()
        });
        let inode = entry.inode.map_or_else(|| "-".to_owned(), |inode| inode.ino.to_string());
        let marks =
            format!("{}{}", if entry.hidden { " h" } else { "" }, if entry.unevaluated { " ?" } else { "" });
        format!("{kind} {name} {inode}{marks}")
    };
    list.iter().map(one).collect()
}

fn list(made: &[Made], algorithm: Algorithm) -> Vec<String> {
    short(&entries(made, algorithm))
}

/// The same on every kernel.
fn always(made: &[Made], expected: &[&str]) {
    for algorithm in EVERY {
        assert_eq!(list(made, algorithm), expected, "{algorithm:?}");
    }
}

#[test]
fn the_algorithm_is_that_of_the_release() {
    for (release, expected) in [
        ("5.10.0-46-cloud-amd64", OLD),
        ("6.1.0-56-cloud-amd64", OLD),
        ("6.12.117+deb12-cloud-amd64", OLD),
        ("6.13.12", OLD),
        ("6.14.0-rc1", TRIMMING),
        ("6.18.44-fc-v669", TRIMMING),
        ("6.19.1", ONE_PASS),
        ("7.2.13+deb14-cloud-amd64", ONE_PASS),
        ("", ONE_PASS),
    ] {
        assert_eq!(Algorithm::of(Release::parse(release)), expected, "{release}");
    }
}

#[test]
fn opens() {
    always(&[normal(1, "/etc/passwd", 5)], &["N /etc/passwd 5"]);
    // O_CREAT, existing: the slow path and a positive dentry
    always(&[parent(1, "/a/x", 2), normal(1, "/a/x", 5)], &["P /a/ 2", "N /a/x 5"]);
    // O_CREAT, new; the walk done twice
    let new = [parent(1, "/a/x", 2), parent(1, "/a/x", 2), create(2, "x", 0), create(2, "x", 7)];
    always(&new, &["P /a/ 2", "C /a/x 7"]);
    always(&new[..3], &["P /a/ 2", "C /a/x -"]);
    always(&new[..1], &["P /a/ 2"]);
    // after the child was made, the final open finds it
    always(&[new[0], new[2], new[3], normal(1, "/a/x", 7)], &["P /a/ 2", "N /a/x 7"]);
    // failed walk
    always(&[getname(1, "/none")], &["U /none -"]);
    // found as a directory, then told of as a name that led nowhere
    always(&[new[0], getname(1, "/a/x")], &["P /a/ 2"]);
    // O_TMPFILE, open_by_handle_at
    always(&[normal(1, "/tmp", 9)], &["N /tmp 9"]);
    always(&[normal(1, "", 9)], &["N  9"]);
}

#[test]
fn removals() {
    let unlink = [parent(1, "/a/x", 2), delete(2, "x", 5)];
    always(&unlink, &["P /a/ 2", "D /a/x 5"]);
    always(&unlink[..1], &["P /a/ 2"]);
    // a name without a slash: the directory is the working directory
    always(&[parent(1, "x", 2), delete(2, "x", 5)], &["P  2", "D x 5"]);
}

#[test]
fn creations() {
    // mkdir, mknod, bind: refused, and done
    always(&[parent(1, "/a/d", 2), create(2, "d", 0)], &["P /a/ 2", "C /a/d -"]);
    always(&[parent(1, "/a/d", 2), create(2, "d", 0), create(2, "d", 6)], &["P /a/ 2", "C /a/d 6"]);
}

#[test]
fn renames() {
    // the new name is taken over first by kernels up to 6.18 that gcc compiled
    let names = [parent(2, "/b/new", 3), parent(1, "/a/old", 2)];
    let absent = [names[0], names[1], delete(2, "old", 5), create(3, "new", 0), create(3, "new", 5)];
    always(&absent, &["P /b/ 3", "P /a/ 2", "D /a/old 5", "C /b/new 5"]);
    let existing = [names[0], names[1], delete(2, "old", 5), delete(3, "new", 6), create(3, "new", 5)];
    always(&existing, &["P /b/ 3", "P /a/ 2", "D /a/old 5", "D /b/new 6", "C /b/new 5"]);
    always(&names, &["P /b/ 3", "P /a/ 2"]);
    // old name first, as by 7.x
    let mut swapped = absent;
    swapped.swap(0, 1);
    always(&swapped, &["P /a/ 2", "P /b/ 3", "D /a/old 5", "C /b/new 5"]);
    // RENAME_EXCHANGE
    let exchange = [
        names[0],
        names[1],
        delete(2, "old", 5),
        delete(3, "new", 6),
        create(3, "new", 5),
        create(2, "old", 6),
    ];
    always(&exchange, &["P /b/ 3", "P /a/ 2", "D /a/old 5", "D /b/new 6", "C /b/new 5", "C /a/old 6"]);
}

#[test]
fn a_rename_to_the_same_last_component_takes_over_the_source() {
    let made = [
        parent(2, "/mnt/c/x", 3),
        parent(1, "/mnt/a/x", 2),
        delete(2, "x", 5),
        delete(3, "x", 6),
        create(3, "x", 5),
    ];
    always(&made, &["P /mnt/c/ 3", "P /mnt/a/ 2", "D /mnt/a/x 6", "C /mnt/c/x 5"]);
    // prefixes of unequal length: only from 6.19 on, where the source is met before the directory is known
    let made = [parent(1, "/mnt/a/x", 2), delete(2, "x", 5), parent(2, "/mnt/ccc/x", 3), delete(3, "x", 6)];
    let apart = ["P /mnt/a/ 2", "D /mnt/a/x 5", "P /mnt/ccc/ 3", "D /mnt/ccc/x 6"];
    assert_eq!(list(&made, OLD), apart);
    assert_eq!(list(&made, TRIMMING), apart);
    assert_eq!(list(&made, ONE_PASS), ["P /mnt/a/ 2", "D /mnt/a/x 6", "P /mnt/ccc/ 3"]);
}

#[test]
fn links() {
    let made = [parent(2, "/b/new", 3), normal(1, "/a/old", 5), create(3, "new", 0), create(3, "new", 5)];
    always(&made, &["P /b/ 3", "N /a/old 5", "C /b/new 5"]);
    let symlink =
        |target| [parent(2, "/b/new", 3), getname(1, target), create(3, "new", 0), create(3, "new", 8)];
    always(&symlink("../some/text"), &["P /b/ 3", "U ../some/text -", "C /b/new 8"]);
    // the text's last component is the new name, behind a prefix of the same length
    always(&symlink("/c/new"), &["P /b/ 3", "C /c/new 8"]);
    // ... or is all of the text
    always(&symlink("new"), &["P /b/ 3", "C new 8"]);
    // the text is met before the directory: from 6.19 on, its own prefix counts
    let text_first = [getname(1, "/far/away/new"), parent(2, "/b/new", 3), create(3, "new", 8)];
    assert_eq!(list(&text_first, TRIMMING), ["U /far/away/new -", "P /b/ 3", "C /b/new 8"]);
    assert_eq!(list(&text_first, ONE_PASS), ["C /far/away/new 8", "P /b/ 3"]);
}

#[test]
fn slashes_at_the_end() {
    let made = [parent(1, "/a/d//", 2), create(2, "d", 0), create(2, "d", 6)];
    let lost = ["P /a/ 2", "P (null) 2", "C (null) -", "P (null) 2", "C (null) 6"];
    // told of twice in one lookup, as the hooks give it
    let marked = [made[0], flagged(made[2], abi::LOOKUP_AGAIN)];
    for made in [&made[..], &marked] {
        assert_eq!(list(made, OLD), lost);
        for algorithm in [TRIMMING, ONE_PASS] {
            assert_eq!(list(made, algorithm), ["P /a/ 2", "C /a/d// 6"]);
        }
    }
}

#[test]
fn execs() {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    // Tomoyo looks the program up once more, by a struct filename of its own at the same address
    let tomoyo = flagged(normal(1, "/bin/ls", 5), abi::LOOKUP_NEW);
    always(
        &[normal(1, "/bin/ls", 5), tomoyo, normal(3, loader, 6)],
        &["N /bin/ls 5", "N /bin/ls 5", "N /lib64/ld-linux-x86-64.so.2 6"],
    );
    always(&[normal(1, "./script", 5), normal(2, "/bin/sh", 6)], &["N ./script 5", "N /bin/sh 6"]);
    always(&[getname(1, "/no/program")], &["U /no/program -"]);
}

#[test]
fn mounts() {
    // the first name was given back before the second was taken over, at the same address
    always(&[normal(1, "/mnt", 5), normal(1, "/source", 6)], &["N /mnt 5", "N /source 6"]);
    let umount = flagged(normal(1, "/mnt", 5), abi::LOOKUP_NOEVAL);
    always(&[umount], &["N /mnt 5 ?"]);
}

#[test]
fn message_queues() {
    let hidden = flagged(parent(1, "queue", 2), abi::LOOKUP_HIDDEN);
    always(&[hidden, create(2, "queue", 0), create(2, "queue", 4)], &["P  2 h", "C queue 4"]);
    always(&[hidden, delete(2, "queue", 4)], &["P  2 h", "D queue 4"]);
    always(&[hidden], &["P  2 h"]);
    always(&[file(4)], &["N (null) 4"]);
}

#[test]
fn descriptors_never_share_an_entry() {
    always(&[file(4), file(4)], &["N (null) 4", "N (null) 4"]);
}

#[test]
fn a_name_whose_entry_does_not_fit_takes_over_one_of_the_same_inode() {
    // 2 was found as a directory by its own name before
    let made = [normal(1, "/a", 2), parent(2, "/b/x", 3), normal(2, "/b/x", 2)];
    always(&made, &["N /a 2", "P /b/ 3"]);
    // and a directory wants an entry that is one
    let made = [parent(1, "/a/x", 2), normal(2, "/a/y", 5), parent(2, "/a/y", 2)];
    always(&made, &["P /a/ 2", "N /a/y 5"]);
}

#[test]
fn a_directory_that_no_lookup_found_has_no_name() {
    // overlayfs works on directories of its layers
    let mut directory = lookup(LookupOp::Directory, 0, "", 30);
    directory.0.inode.mode = 0o40_755;
    let made = [parent(1, "/o/d", 2), create(2, "d", 0), directory, create(30, "#1a", 0)];
    always(&made, &["P /o/ 2", "C /o/d -", "P (null) 30", "C (null) -"]);
    assert_eq!(entries(&made, OLD)[2].inode.map(|inode| inode.mode), Some(0o40_755));
}

#[test]
fn a_filesystem_on_the_list_leaves_the_names_alone() {
    let (magic, device) = HIDDEN;
    always(&[on(device, magic, normal(1, "/proc/x", 5))], &["U /proc/x -"]);
    always(&[on(device, magic, file(5))], &[]);
    let made = [
        on(device, magic, parent(1, "/proc/x", 2)),
        // its inode is not there yet: the directory's filesystem counts
        on(device, 0, create(2, "x", 0)),
        on(device, magic, create(2, "x", 3)),
    ];
    always(&made, &["U /proc/x -"]);
}

fn any_lookup() -> impl Strategy<Value = Made> {
    let text = prop::sample::select(vec!["/a/x", "/b/x", "/long/x", "x", "a/x/", "/", "", "x//", "/a/b/c"]);
    let last = prop::sample::select(vec!["x", "c", "a", "b"]);
    let op = prop::sample::select(LookupOp::ALL.to_vec());
    let flags = prop::sample::select(vec![0, abi::LOOKUP_NEW, abi::LOOKUP_HIDDEN, abi::LOOKUP_NOEVAL]);
    (op, 0u64..4, text, last, 0u64..6, 1u64..6, flags).prop_map(
        |(op, name, text, last, ino, directory, flags)| {
            let of_child = matches!(op, LookupOp::Delete | LookupOp::Create);
            let made = if of_child { child(op, directory, last, ino) } else { lookup(op, name, text, ino) };
            flagged(made, flags)
        },
    )
}

proptest! {
    #[test]
    fn every_lookup_leaves_its_inode(made in prop::collection::vec(any_lookup(), 0..12)) {
        for algorithm in EVERY {
            for end in 1..=made.len() {
                let (facts, _) = made[end - 1];
                let list = entries(&made[..end], algorithm);
                // a child may bring its directory with it
                let children = made[..end].iter().filter(|(facts, _)| facts.dir_ino != 0).count();
                prop_assert!(list.len() <= end + children);
                let counts = !matches!(
                    LookupOp::from_number(facts.op),
                    Some(LookupOp::Getname | LookupOp::Directory)
                );
                if counts && facts.flags & abi::LOOKUP_INODE != 0 {
                    prop_assert!(list.iter().any(|entry| entry.inode == Some(facts.inode)));
                }
                let cut_within_the_name = list.iter().all(|entry| {
                    entry.name_len.is_none_or(|length| entry.name.is_some_and(|name| length <= name.len()))
                });
                prop_assert!(cut_within_the_name);
            }
        }
    }
}
