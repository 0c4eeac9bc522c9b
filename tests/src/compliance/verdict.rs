//! What the observations amount to.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::observation::Observation;
use super::table::{Ask, Original, Series, State};

/// Lines of standard error that only one side writes, under whatever command: which original it is about, how they begin, and the
/// entry.
const LINES: [(Original, &str, &str); 3] = [
    (Original::Old, "There was an error while processing parameters", "error-line"),
    (Original::New, "Old style watch rules are slower", "no-advice"),
    (Original::New, "perm used without an arch is slower", "no-advice"),
];

/// The entries of differences that any command may show.
pub const ANY_COMMAND: [&str; 2] = ["error-line", "no-advice"];

/// One original beside ours, in one state.
#[derive(Debug)]
pub struct Pair<'a> {
    /// Which original.
    pub original: Original,
    /// In which state.
    pub state: State,
    /// What the original's commands did.
    pub theirs: &'a [Observation],
    /// What ours did.
    pub ours: &'a [Observation],
}

/// What is wrong, readable; empty when nothing is. Adds the entries that were needed to `used`.
pub fn judge(table: &[Series], pair: &Pair<'_>, used: &mut BTreeSet<String>) -> String {
    let asks = table.iter().filter(|series| series.is_for(pair.state)).flat_map(|series| {
        let name = series.name.as_str();
        series.asks().map(move |ask| (name, ask))
    });
    let mut text = String::new();
    for (((series, ask), theirs), ours) in asks.zip(pair.theirs).zip(pair.ours) {
        let allowed = allowed(ask, pair);
        let head = format!(
            "{} line {}, {:?} {}: {}\n",
            series,
            ask.line,
            pair.original,
            pair.state.name(),
            ask.text
        );
        // Writing to a String cannot fail.
        let (theirs, ours) = level(theirs, ours, pair.original, used);
        match (theirs == ours, allowed) {
            (true, None) => {}
            (false, Some(entry)) => {
                used.insert(entry.to_owned());
            }
            (true, Some(entry)) => {
                let _ = write!(text, "{head}  {entry} is allowed, but there is no difference\n{ours}");
            }
            (false, None) => {
                let _ = write!(text, "{head}  theirs\n{theirs}  ours\n{ours}");
            }
        }
    }
    text
}

/// Both without the lines that only one side writes.
fn level(
    theirs: &Observation,
    ours: &Observation,
    original: Original,
    used: &mut BTreeSet<String>,
) -> (Observation, Observation) {
    let (mut theirs, mut ours) = (theirs.clone(), ours.clone());
    for (_, start, entry) in LINES.iter().filter(|line| line.0 == original) {
        let (their_rest, our_rest) = (theirs.without(start), ours.without(start));
        if (&their_rest, &our_rest) != (&theirs, &ours) {
            used.insert((*entry).to_owned());
        }
        (theirs, ours) = (their_rest, our_rest);
    }
    (theirs, ours)
}

fn allowed<'a>(ask: &'a Ask, pair: &Pair<'_>) -> Option<&'a str> {
    let fits =
        |from, state: Option<State>| from == pair.original && state.is_none_or(|state| state == pair.state);
    ask.allowed.iter().find(|allowed| fits(allowed.from, allowed.state)).map(|allowed| allowed.entry.as_str())
}
