//! One sequence: what follows from its seed, or a part of it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Error, Result};

use super::call::Call;
use super::dice::Dice;
use super::rule;

/// How many calls a sequence has at most.
const LONGEST: usize = 40;

/// A sequence; as text `SEED`, or `SEED:NUMBER,NUMBER` when only these of its calls are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// What all follows from.
    pub seed: u64,
    /// The calls that are made, by number; nothing: all of them.
    pub kept: Option<Vec<usize>>,
}

impl Sequence {
    /// Whether the process is an unprivileged one.
    pub fn unprivileged(&self) -> bool {
        Dice::new(!self.seed).one_in(4)
    }

    /// Its calls on the tree `root`.
    pub fn calls(&self, root: &str) -> Result<Vec<Call>> {
        let mut dice = Dice::new(self.seed);
        let count = 8 + dice.below(LONGEST - 8);
        let calls = (0..count).map(|_| Call::random(&mut dice, root)).collect::<Result<Vec<_>>>()?;
        Ok(match &self.kept {
            None => calls,
            Some(kept) => kept.iter().filter_map(|number| calls.get(*number).cloned()).collect(),
        })
    }

    /// Its rules, as lines of `audit.rules`; the tree must be there.
    pub fn rules(&self, root: &Path, auid: u32) -> Result<Vec<String>> {
        rule::rules(&mut Dice::new(self.seed ^ 0x5555_5555), root, auid)
    }

    /// The sequence with these of its calls alone.
    #[must_use]
    pub fn keeping(&self, kept: Vec<usize>) -> Self {
        Self { seed: self.seed, kept: Some(kept) }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        if let Some(kept) = &self.kept {
            let numbers: Vec<String> = kept.iter().map(usize::to_string).collect();
            write!(f, ":{}", numbers.join(","))?;
        }
        Ok(())
    }
}

impl FromStr for Sequence {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (seed, kept) = text.split_once(':').map_or((text, None), |(seed, kept)| (seed, Some(kept)));
        let kept = kept.map(|kept| {
            kept.split(',')
                .filter(|number| !number.is_empty())
                .map(|number| number.parse().context("a number"))
                .collect()
        });
        Ok(Self { seed: seed.parse().context("a seed")?, kept: kept.transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_as_text() {
        for text in ["17", "17:0,3"] {
            assert_eq!(text.parse::<Sequence>().unwrap().to_string(), text);
        }
        let whole: Sequence = "17".parse().unwrap();
        let calls = whole.calls("/tree").unwrap();
        assert_eq!(calls, whole.calls("/tree").unwrap());
        assert_eq!(whole.keeping(vec![3]).calls("/tree").unwrap(), calls[3..4]);
    }
}
