//! What an event says that the kernel acted on.

use crate::log::Event;

/// The values that the event of a race names, as [`super::race::Round::play`] tells them; nothing when it is not clear.
pub fn recorded(race: &str, event: &Event) -> Option<String> {
    let digit = |text: &str| match text.trim_matches('"').bytes().last() {
        Some(b'0') => Some('0'),
        Some(b'1') => Some('1'),
        _ => None,
    };
    let path = |kind: &str| {
        let of = |wanted: &str| {
            let mut records = event.records.iter().filter(|record| record.kind == "PATH");
            let record = records.find(|record| record.value("nametype") == Some(wanted))?;
            digit(record.value("name")?)
        };
        of(kind)
    };
    match race {
        "open" => path("NORMAL").map(|which| format!("{which}0")),
        "unlink" => path("DELETE").map(|which| format!("{which}0")),
        "rename" => Some(format!("{}{}", path("DELETE")?, path("CREATE")?)),
        "exec" => {
            let argument = digit(event.record("EXECVE")?.value("a1")?)?;
            // The program as it was found, and as it runs. (The first argument is text like any other.)
            let (found, runs) = (path("NORMAL")?, digit(event.syscall("exe")?)?);
            (found == runs).then_some(format!("{found}{argument}"))
        }
        // The port's lower byte.
        "connect-inet" | "bind-inet" => {
            let address = event.record("SOCKADDR")?.value("saddr")?;
            let low = u8::from_str_radix(address.get(6..8)?, 16).ok()?;
            Some(format!("{}0", low & 1))
        }
        _ => {
            let bytes = crate::log::unhex(event.record("SOCKADDR")?.value("saddr")?.split('\x1d').next()?)?;
            let name = bytes.get(2..)?.split(|byte| *byte == 0).next()?;
            let named = digit(std::str::from_utf8(name).ok()?)?;
            let found = path(if race == "bind-unix" { "CREATE" } else { "NORMAL" })?;
            (named == found).then_some(format!("{named}0"))
        }
    }
}
