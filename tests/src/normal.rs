//! What two runs of one action cannot have in common: process ids, session numbers, serial numbers of keys,
//! inode numbers of new files. Nothing else is made equal.

use std::collections::HashMap;

use crate::log::{Event, Field, Record};
use crate::place::Places;

/// Numbers of one case, named by the order in which they appear.
#[derive(Debug, Default)]
pub struct Names {
    processes: HashMap<String, String>,
    sessions: HashMap<String, String>,
    keys: HashMap<String, String>,
    places: Option<Places>,
    inodes: HashMap<String, String>,
    devices: HashMap<String, String>,
}

/// System calls whose result is a process id (x86-64: clone, fork, vfork, clone3, setsid).
const GIVE_PROCESS: [&str; 5] = ["56", "57", "58", "435", "112"];

/// The system call whose result is the random serial number of a key (x86-64: `add_key`).
const GIVES_KEY: &str = "248";

/// System calls of which these registers hold process ids: kill, tkill, tgkill, `rt_sigqueueinfo`, `rt_tgsigqueueinfo`, ptrace,
/// setpgid, `pidfd_open`; kill of i386.
const PROCESS_REGISTERS: [(&str, &str, &[&str]); 9] = [
    ("c000003e", "62", &["a0"]),
    ("c000003e", "200", &["a0"]),
    ("c000003e", "234", &["a0", "a1"]),
    ("c000003e", "129", &["a0"]),
    ("c000003e", "297", &["a0", "a1"]),
    ("c000003e", "101", &["a1"]),
    ("c000003e", "109", &["a0"]),
    ("c000003e", "434", &["a0"]),
    ("40000003", "37", &["a0"]),
];

impl Names {
    /// Inodes and devices are to be called by the names of the scene's files, or numbered if they have none.
    pub fn in_places(places: Places) -> Self {
        Self { places: Some(places), ..Self::default() }
    }

    /// The event with names in the place of such numbers.
    pub fn normalise(&mut self, event: &Event) -> Event {
        let arch = event.syscall("arch").unwrap_or_default().to_owned();
        let number = event.syscall("syscall").unwrap_or_default().to_owned();
        let succeeded = event.syscall("success") == Some("yes");
        let registers = PROCESS_REGISTERS
            .iter()
            .find(|(of, call, _)| *of == arch && *call == number)
            .map_or(&[][..], |(_, _, registers)| registers);
        let number = if succeeded { number.as_str() } else { "" };
        let records = event.records.iter().map(|record| self.record(record, registers, number)).collect();
        Event { stamp: String::new(), records }
    }

    fn record(&mut self, record: &Record, registers: &[&str], succeeded: &str) -> Record {
        let new_file = record.kind == "PATH" && record.value("nametype") == Some("CREATE");
        let syscall = record.kind == "SYSCALL";
        let fields = record.fields.iter().map(|Field { name, value }| {
            let value = match name.as_str() {
                "pid" | "ppid" | "opid" => self.process(value),
                "exit" if syscall && GIVE_PROCESS.contains(&succeeded) => self.process(value),
                "exit" if syscall && succeeded == GIVES_KEY => name_of(&mut self.keys, "key", value),
                register if syscall && registers.contains(&register) => self.register(value),
                "ses" | "oses" if value != "4294967295" && value != "-1" => {
                    // before what is done to a watch 6.12 has no space: `ses=1op=remove_rule`
                    let number = value.trim_end_matches(|letter: char| !letter.is_ascii_digit());
                    name_of(&mut self.sessions, "session", number)
                }
                "inode" if self.places.is_some() => self.inode(record, value),
                "dev" if self.places.is_some() => self.device(value),
                "inode" if new_file => "new".to_owned(),
                _ => value.clone(),
            };
            Field { name: name.clone(), value }
        });
        Record { kind: record.kind.clone(), fields: fields.collect() }
    }

    fn inode(&mut self, record: &Record, value: &str) -> String {
        let device = record.value("dev").unwrap_or_default();
        match self.places.as_ref().and_then(|places| places.inode(device, value)) {
            Some(path) => path.to_owned(),
            None => name_of(&mut self.inodes, "inode", &format!("{device} {value}")),
        }
    }

    fn device(&mut self, value: &str) -> String {
        match self.places.as_ref().and_then(|places| places.device(value)) {
            Some(path) => format!("that of {path}"),
            None => name_of(&mut self.devices, "device", value),
        }
    }

    fn process(&mut self, value: &str) -> String {
        if value == "0" { value.to_owned() } else { name_of(&mut self.processes, "process", value) }
    }

    /// A register: hexadecimal, and negative for a process group. Only a number that can be a process id is one.
    fn register(&mut self, value: &str) -> String {
        const HIGHEST: i64 = 4_194_304;
        let Ok(number) = u64::from_str_radix(value, 16) else { return value.to_owned() };
        let number = if value.len() == 8 { i64::from(number as u32 as i32) } else { number as i64 };
        match number {
            1..=HIGHEST => self.process(&number.to_string()),
            _ if (-HIGHEST..0).contains(&number) => format!("-{}", self.process(&(-number).to_string())),
            _ => value.to_owned(),
        }
    }
}

fn name_of(names: &mut HashMap<String, String>, what: &str, value: &str) -> String {
    let next = format!("{what} {}", names.len());
    names.entry(value.to_owned()).or_insert(next).clone()
}
