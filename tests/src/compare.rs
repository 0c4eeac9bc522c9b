//! Two recordings of one case, compared record by record and field by field.

use std::collections::HashMap;
use std::fmt;

use crate::case::Case;
use crate::log::{Event, Record};
use crate::normal::Names;
use crate::place::Places;

/// One thing in which two recordings differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The case.
    pub case: String,
    /// Which of its events, from 0.
    pub event: usize,
    /// The type of the record.
    pub record: String,
    /// Which record of that type in the event, from 0.
    pub index: usize,
    /// The field; empty when the whole record (or, without a record, the whole event) is on one side only.
    pub field: String,
    /// What their side says.
    pub theirs: Option<String>,
    /// What ours says.
    pub ours: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, event, record, index, field, theirs, ours } = self;
        let nothing = "(nothing)".to_owned();
        let (theirs, ours) = (theirs.as_ref().unwrap_or(&nothing), ours.as_ref().unwrap_or(&nothing));
        write!(
            f,
            "{case}: event {event}: {record}[{index}] {field}\n    theirs: {theirs}\n    ours:   {ours}"
        )
    }
}

/// The events of `case` in a log, normalised; `told` is what the actor told of the inodes of its scene.
pub fn events_of(case: &Case, log: &[Event], told: &str) -> Vec<Event> {
    let mut names = if case.own { Names::in_places(Places::read(told)) } else { Names::default() };
    let mut events: Vec<Event> =
        log.iter().filter(|event| event.has_key(case.name)).map(|event| names.normalise(event)).collect();
    for record in events.iter_mut().flat_map(|event| &mut event.records) {
        for field in &mut record.fields {
            if case.ignored.contains(&(record.kind.as_str(), field.name.as_str())) {
                field.value.clear();
            }
        }
    }
    events
}

/// Everything in which the two recordings of `case` differ.
pub fn compare(case: &str, theirs: &[Event], ours: &[Event]) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for number in 0..theirs.len().max(ours.len()) {
        match (theirs.get(number), ours.get(number)) {
            (Some(theirs), Some(ours)) => events(case, number, theirs, ours, &mut mismatches),
            (theirs, ours) => mismatches.push(Mismatch {
                case: case.to_owned(),
                event: number,
                record: String::new(),
                index: 0,
                field: String::new(),
                theirs: theirs.map(|event| format!("{:?}", kinds(event))),
                ours: ours.map(|event| format!("{:?}", kinds(event))),
            }),
        }
    }
    mismatches
}

fn kinds(event: &Event) -> Vec<&str> {
    event.records.iter().map(|record| record.kind.as_str()).collect()
}

fn events(case: &str, number: usize, theirs: &Event, ours: &Event, mismatches: &mut Vec<Mismatch>) {
    let at = |record: &str, index, field: &str, theirs: Option<String>, ours: Option<String>| Mismatch {
        case: case.to_owned(),
        event: number,
        record: record.to_owned(),
        index,
        field: field.to_owned(),
        theirs,
        ours,
    };
    let (by_kind_theirs, by_kind_ours) = (by_kind(theirs), by_kind(ours));
    let mut every: Vec<&str> = by_kind_theirs.keys().chain(by_kind_ours.keys()).copied().collect();
    every.sort_unstable();
    every.dedup();
    let mut same_records = true;
    for kind in every {
        let theirs = by_kind_theirs.get(kind).map_or(&[][..], Vec::as_slice);
        let ours = by_kind_ours.get(kind).map_or(&[][..], Vec::as_slice);
        for index in 0..theirs.len().max(ours.len()) {
            match (theirs.get(index), ours.get(index)) {
                (Some(theirs), Some(ours)) => {
                    for (field, theirs, ours) in fields(theirs, ours) {
                        mismatches.push(at(kind, index, &field, theirs, ours));
                    }
                }
                (theirs, ours) => {
                    same_records = false;
                    mismatches.push(at(kind, index, "", theirs.map(|r| body(r)), ours.map(|r| body(r))));
                }
            }
        }
    }
    // The order of the records counts too; where one is missing it cannot be the same.
    if same_records && kinds(theirs) != kinds(ours) {
        mismatches.push(at("", 0, "order", Some(kinds(theirs).join(" ")), Some(kinds(ours).join(" "))));
    }
}

fn by_kind(event: &Event) -> HashMap<&str, Vec<&Record>> {
    let mut map: HashMap<&str, Vec<&Record>> = HashMap::new();
    for record in &event.records {
        map.entry(&record.kind).or_default().push(record);
    }
    map
}

fn body(record: &Record) -> String {
    record.fields.iter().map(|field| format!("{}={}", field.name, field.value)).collect::<Vec<_>>().join(" ")
}

/// The fields in which two records differ, or `order` when they have the same fields in another order.
fn fields(theirs: &Record, ours: &Record) -> Vec<(String, Option<String>, Option<String>)> {
    let mut different = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for field in theirs.fields.iter().chain(&ours.fields) {
        if !names.contains(&field.name.as_str()) {
            names.push(&field.name);
        }
    }
    let all = |record: &Record, name: &str| -> Option<String> {
        let values: Vec<&str> = record
            .fields
            .iter()
            .filter(|field| field.name == name)
            .map(|field| field.value.as_str())
            .collect();
        if values.is_empty() { None } else { Some(values.join(" ")) }
    };
    let mut same_names = true;
    for name in names {
        let (left, right) = (all(theirs, name), all(ours, name));
        if left != right {
            same_names &= left.is_some() == right.is_some();
            different.push((name.to_owned(), left, right));
        }
    }
    let order =
        |record: &Record| record.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>().join(" ");
    if same_names && order(theirs) != order(ours) {
        different.push(("order".to_owned(), Some(order(theirs)), Some(order(ours))));
    }
    different
}
