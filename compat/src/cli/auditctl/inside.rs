//! `--rules-status` and `--explain`, which the original does not have: what our daemon alone knows of the rules.

use crate::audit::{Audit, kind};

use super::console::Console;
use super::exit;
use super::session::reason;
use super::target::Target;

/// Asks for each rule's engine and what it did.
const STATUS: &[u8] = b"--rules-status";
/// Asks which rule would record what.
const EXPLAIN: &[u8] = b"--explain";

/// What `--help` adds to the original's usage.
pub(super) const HELP: &[u8] = b"    --rules-status                    Show what serves each rule, how often it matched, and why it cannot\n    \
--explain <path|syscall>...       Show which rule would record it\n";

/// Whether these words ask for that.
pub(super) fn is_asked(words: &[Vec<u8>]) -> bool {
    match words {
        [option] => option == STATUS,
        [option, ..] => option == EXPLAIN,
        [] => false,
    }
}

/// Asks the daemon and prints its answer. Returns the program's exit code.
pub(super) fn ask(target: &mut Target, console: &Console, words: &[Vec<u8>]) -> u8 {
    let Target::Daemon(socket) = target else {
        console.complain(b"ebpfauditd is not running, and nobody else knows that");
        return exit::REFUSED;
    };
    let answer = match words {
        [_, asked @ ..] if !asked.is_empty() => socket.request(kind::EXPLAIN, &asked.join(&0)),
        _ => socket.request(kind::RULES_STATUS, &[]),
    };
    match answer {
        Ok(answer) => {
            answer.parts.iter().for_each(|part| console.print(&part.payload));
            exit::SUCCESS
        }
        Err(error) => {
            console.complain(format!("Error asking the daemon ({})", reason(&error)).as_bytes());
            exit::REFUSED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_words_are_ours() {
        let is =
            |line: &str| is_asked(&line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        assert!(is("--rules-status") && is("--explain /etc/passwd") && is("--explain openat chmod"));
        assert!(!is("--rules-status -l") && !is("--explain") && !is("-l") && !is("--rules"));
    }
}
