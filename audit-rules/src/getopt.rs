//! Options in a list of words, in the order and with the freedoms of GNU `getopt_long`, which the original uses: options
//! may be bundled, may follow stray words (which move to the end), and long ones may be cut short.

/// Whether `auditctl`'s short option takes an argument; `None`: it has no such option.
const fn takes_argument(letter: u8) -> Option<bool> {
    match letter {
        b'h' | b'i' | b'c' | b's' | b'l' | b'D' | b'v' | b't' => Some(false),
        b'C' | b'e' | b'f' | b'r' | b'b' | b'a' | b'A' | b'd' | b'S' | b'F' | b'm' | b'R' | b'w' | b'W'
        | b'k' | b'p' | b'q' => Some(true),
        _ => None,
    }
}

/// A long option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Long {
    LoginuidImmutable,
    BacklogWaitTime,
    ResetLost,
    ResetBacklogWaitTimeActual,
    Signal,
    Help,
}

/// Name, option, whether it takes an argument.
const LONG: &[(&str, Long, bool)] = &[
    ("loginuid-immutable", Long::LoginuidImmutable, false),
    ("backlog_wait_time", Long::BacklogWaitTime, true),
    ("reset-lost", Long::ResetLost, false),
    ("reset_backlog_wait_time_actual", Long::ResetBacklogWaitTimeActual, false),
    ("signal", Long::Signal, true),
    ("help", Long::Help, false),
];

/// An option that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opt {
    Short(u8),
    Long(Long),
    /// Not an option of `auditctl`, cut short ambiguously, or without its argument.
    Bad,
}

/// The words and how far they have been read. Indices count as in C: 1 is the first word, 0 would be the program.
pub(crate) struct Options<'a> {
    words: Vec<(usize, &'a [u8])>,
    /// `optind`: the next word to be looked at.
    pub(crate) at: usize,
    /// Where in the word before `at`, or at it, the next bundled letter stands; 0 between words.
    letter: usize,
    first_stray: usize,
    last_stray: usize,
    /// Which of the words given (from 0) was looked at last: the place of an error.
    pub(crate) current: usize,
}

impl<'a> Options<'a> {
    pub(crate) fn new(words: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let words = std::iter::once((0, &b"auditctl"[..])).chain(words.into_iter().enumerate()).collect();
        Self { words, at: 1, letter: 0, first_stray: 1, last_stray: 1, current: 0 }
    }

    /// `argc`.
    pub(crate) fn count(&self) -> usize {
        self.words.len()
    }

    /// The word at `index`, counted as in C, in its present place.
    pub(crate) fn word(&self, index: usize) -> Option<&'a [u8]> {
        self.words.get(index).map(|word| word.1)
    }

    /// Which of the words given (from 0) now stands at `index`.
    pub(crate) fn origin(&self, index: usize) -> usize {
        self.words.get(index).map_or(0, |word| word.0)
    }

    /// Takes `number` words at the end out of the count: they have been read.
    pub(crate) fn drop_last(&mut self, number: usize) {
        self.words.truncate(self.words.len() - number);
    }

    /// The next option and its argument.
    pub(crate) fn next(&mut self) -> Option<(Opt, &'a [u8])> {
        if self.letter == 0 && !self.next_word() {
            return None;
        }
        let word = self.words[self.at].1;
        self.current = self.words[self.at].0;
        if self.letter == 0 {
            if word[1] == b'-' {
                return Some(self.long(&word[2..]));
            }
            self.letter = 1;
        }
        let letter = word[self.letter];
        self.letter += 1;
        let rest = &word[self.letter..];
        if rest.is_empty() {
            self.at += 1;
            self.letter = 0;
        }
        match takes_argument(letter) {
            None => return Some((Opt::Bad, b"")),
            Some(false) => return Some((Opt::Short(letter), b"")),
            Some(true) => {}
        }
        if !rest.is_empty() {
            self.at += 1;
            self.letter = 0;
            return Some((Opt::Short(letter), rest));
        }
        Some(self.argument().map_or((Opt::Bad, &b""[..]), |argument| (Opt::Short(letter), argument)))
    }

    /// Takes the next word as an argument.
    fn argument(&mut self) -> Option<&'a [u8]> {
        let argument = self.word(self.at)?;
        self.at += 1;
        Some(argument)
    }

    /// Moves to the next word that is an option, stray words out of the way; `false` at the end.
    fn next_word(&mut self) -> bool {
        if self.first_stray != self.last_stray && self.last_stray != self.at {
            self.exchange();
        } else if self.last_stray != self.at {
            self.first_stray = self.at;
        }
        while self.words.get(self.at).is_some_and(|(_, word)| !matches!(word, [b'-', _, ..])) {
            self.at += 1;
        }
        self.last_stray = self.at;
        if self.word(self.at) == Some(b"--") {
            self.at += 1;
            if self.first_stray != self.last_stray && self.last_stray != self.at {
                self.exchange();
            } else if self.first_stray == self.last_stray {
                self.first_stray = self.at;
            }
            self.last_stray = self.count();
            self.at = self.count();
        }
        if self.at == self.count() {
            if self.first_stray != self.last_stray {
                self.at = self.first_stray;
            }
            return false;
        }
        true
    }

    /// Puts the options read since the stray words before them.
    fn exchange(&mut self) {
        let strays = self.last_stray - self.first_stray;
        self.words[self.first_stray..self.at].rotate_left(strays);
        self.first_stray += self.at - self.last_stray;
        self.last_stray = self.at;
    }

    fn long(&mut self, word: &'a [u8]) -> (Opt, &'a [u8]) {
        let equals = word.iter().position(|&byte| byte == b'=');
        let name = &word[..equals.unwrap_or(word.len())];
        let exact = LONG.iter().find(|row| row.0.as_bytes() == name);
        let mut short = LONG.iter().filter(|row| row.0.as_bytes().starts_with(name));
        let found = match (exact, short.next(), short.next()) {
            (Some(row), ..) | (None, Some(row), None) => Some(row),
            _ => None,
        };
        self.at += 1;
        let Some(&(_, option, takes)) = found else { return (Opt::Bad, b"") };
        match (equals, takes) {
            (Some(equals), true) => (Opt::Long(option), &word[equals + 1..]),
            (Some(_), false) => (Opt::Bad, b""),
            (None, false) => (Opt::Long(option), b""),
            (None, true) => {
                self.argument().map_or((Opt::Bad, &b""[..]), |argument| (Opt::Long(option), argument))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Long, Opt, Options};

    fn all(line: &str) -> (Vec<(Opt, String)>, Vec<String>, usize) {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut options = Options::new(words);
        let mut found = Vec::new();
        while let Some((option, argument)) = options.next() {
            found.push((option, String::from_utf8_lossy(argument).into_owned()));
        }
        let words = options.words.iter().map(|word| String::from_utf8_lossy(word.1).into_owned()).collect();
        (found, words, options.at)
    }

    #[test]
    fn options_are_bundled_and_take_arguments() {
        let (found, _, at) = all("-il -S open -Fuid=0");
        assert_eq!(
            found,
            [
                (Opt::Short(b'i'), String::new()),
                (Opt::Short(b'l'), String::new()),
                (Opt::Short(b'S'), "open".into()),
                (Opt::Short(b'F'), "uid=0".into())
            ]
        );
        assert_eq!(at, 5);
    }

    #[test]
    fn stray_words_move_to_the_end() {
        let (found, words, at) = all("x -l y -s");
        assert_eq!(found.len(), 2);
        assert_eq!(words, ["auditctl", "-l", "-s", "x", "y"]);
        assert_eq!(at, 3);
        assert_eq!(all("x").2, 1);
        assert_eq!(all("-").2, 1);
        assert_eq!(all("-l -- -s").2, 3);
    }

    #[test]
    fn long_options_may_be_cut_short() {
        assert_eq!(all("--back 5").0, [(Opt::Long(Long::BacklogWaitTime), "5".into())]);
        assert_eq!(all("--backlog_wait_time=5").0, [(Opt::Long(Long::BacklogWaitTime), "5".into())]);
        assert_eq!(all("--reset").0, [(Opt::Bad, String::new())]);
        assert_eq!(all("--reset-").0, [(Opt::Long(Long::ResetLost), String::new())]);
        assert_eq!(all("--reset-lost=1").0, [(Opt::Bad, String::new())]);
        assert_eq!(all("--signal").0, [(Opt::Bad, String::new())]);
        assert_eq!(all("--he").0, [(Opt::Long(Long::Help), String::new())]);
        assert_eq!(all("-S").0, [(Opt::Bad, String::new())]);
    }
}
