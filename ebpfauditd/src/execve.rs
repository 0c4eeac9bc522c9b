//! EXECVE records and their splitting (`kernel/auditsc.c`, `audit_log_execve_info`), from the bytes of the argument area.

use compat::record::quote;
use compat::record::{Event, MessageType};

use crate::text;

/// Bytes of arguments that one record takes (`MAX_EXECVE_AUDIT_LEN`).
const ROOM: usize = 7500;
/// Bytes the kernel keeps for the name of a field (`sizeof(abuf)`).
const LABEL: usize = 96;
/// A record is closed when less than this is left.
const LEAST: usize = LABEL + 8;
/// Longest argument the kernel measures (`MAX_ARG_STRLEN`).
const LONGEST: usize = 131_072;

/// What is being written: the record's room, and the part of an argument that is in the kernel's buffer.
struct Writer<'a> {
    event: &'a mut Event,
    room: usize,
}

impl Writer<'_> {
    /// Begins another record when little room is left.
    fn make_room(&mut self) {
        if self.room < LEAST {
            self.room = ROOM;
            self.event.begin(MessageType::EXECVE);
        }
    }

    /// Writes a field's name and takes it off the room.
    fn label(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let out = self.event.body_mut();
        let before = out.len();
        write(out);
        let length = out.len() - before;
        self.room = self.room.saturating_sub(length);
    }
}

/// Writes the EXECVE records of `argc` arguments, which lie in `area` one after the other, each with its NUL.
pub fn write(event: &mut Event, argc: u32, area: &[u8]) {
    event.begin(MessageType::EXECVE);
    text::word(event.body_mut(), "argc=");
    text::decimal(event.body_mut(), u64::from(argc));
    let mut writer = Writer { event, room: ROOM };
    let mut rest = area;
    for number in 0..argc {
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        argument(&mut writer, number, &rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}

/// One argument. The kernel reads it through a buffer of [`ROOM`] bytes; where a record ends depends on how full that
/// buffer is, so the buffer is followed here.
fn argument(writer: &mut Writer<'_>, number: u32, argument: &[u8]) {
    let mut full = argument.len().min(LONGEST);
    let mut unread = argument;
    let mut buffered: &[u8] = &[];
    let mut hex = false;
    let mut more = true;
    let mut pending = 0;
    let mut piece = 0;
    loop {
        if more {
            let space = ROOM - buffered.len();
            let taken = unread.len().min(space);
            // the buffer always holds the bytes just before what is unread
            let start = argument.len() - unread.len() - buffered.len();
            let end = argument.len() - unread.len() + taken;
            // A string that just fills the buffer has not shown its NUL yet.
            if taken == space {
                hex = true;
                full = full.saturating_mul(2);
            } else {
                more = false;
                hex = hex || quote::needs_hex(&argument[start..start + taken]);
                if full < ROOM {
                    full = if hex { taken * 2 } else { taken };
                }
            }
            buffered = &argument[start..end];
            unread = &argument[end..];
            pending = if hex { buffered.len() * 2 } else { buffered.len() + 2 };
        }
        writer.make_room();
        let split = more || piece > 0 || pending + LABEL > writer.room;
        writer.label(|out| {
            text::word(out, " a");
            text::decimal(out, u64::from(number));
            if split {
                if piece == 0 {
                    text::word(out, "_len=");
                    text::decimal(out, full as u64);
                    text::word(out, " a");
                    text::decimal(out, u64::from(number));
                }
                out.push(b'[');
                text::decimal(out, piece);
                out.push(b']');
            }
            out.push(b'=');
        });
        if split {
            piece += 1;
        }
        let mut now = buffered.len();
        if hex {
            if pending > writer.room {
                now = now.min(writer.room / 2);
            }
            quote::hex(writer.event.body_mut(), &buffered[..now]);
            writer.room = writer.room.saturating_sub(now * 2);
            pending = pending.saturating_sub(now * 2);
        } else {
            if pending > writer.room {
                now = now.min(writer.room.saturating_sub(2));
            }
            let out = writer.event.body_mut();
            out.push(b'"');
            out.extend_from_slice(&buffered[..now]);
            out.push(b'"');
            writer.room = writer.room.saturating_sub(now + 2);
            pending = pending.saturating_sub(now);
        }
        buffered = &buffered[now..];
        if buffered.is_empty() && !more {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(arguments: &[&[u8]]) -> Vec<String> {
        let mut area = Vec::new();
        for argument in arguments {
            area.extend_from_slice(argument);
            area.push(0);
        }
        let mut event = Event::new();
        write(&mut event, arguments.len() as u32, &area);
        event
            .records()
            .map(|(kind, body)| {
                assert_eq!(kind, MessageType::EXECVE);
                String::from_utf8(body.to_vec()).unwrap()
            })
            .collect()
    }

    #[test]
    fn short_arguments_stand_in_one_record() {
        assert_eq!(records(&[b"ls", b"-l", b"a b", b""]), [r#"argc=4 a0="ls" a1="-l" a2=612062 a3="""#]);
    }

    #[test]
    fn an_argument_longer_than_the_buffer_is_split_in_hex() {
        let long = vec![b'x'; 20_000];
        let records = records(&[b"e", &long]);
        assert!(records[0].starts_with(r#"argc=2 a0="e" a1_len=40000 a1[0]=7878"#), "{}", &records[0][..60]);
        let digits: usize = records
            .iter()
            .flat_map(|record| record.split(' '))
            .filter(|field| field.starts_with("a1["))
            .map(|field| field.split_once('=').unwrap().1.len())
            .sum();
        assert_eq!(digits, 40_000);
    }

    #[test]
    fn many_arguments_go_on_in_further_records() {
        let one = vec![b'y'; 1000];
        let arguments: Vec<&[u8]> = (0..30).map(|_| one.as_slice()).collect();
        let records = records(&arguments);
        assert!(records.len() > 3);
        assert!(records[1].starts_with(" a"));
        assert!(records.iter().all(|record| record.len() <= ROOM + LABEL));
    }
}
