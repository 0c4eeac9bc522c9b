//! Rules on security contexts, whatever the active module makes of them: taken or refused, listed and deleted as with the
//! original, and what ours tells of those that cannot match.

use anyhow::{Context, Result, ensure};
use tests::kernel::Audit;
use tests::obstacle::{contexts_by_others, some_contexts};
use tests::program::Outcome;
use tests::side::{Daemon, Side};
use tests::skip::skipped;

/// Each field, texts that name no profile, and the lists that take such fields.
const RULES: [&str; 20] = [
    "always,exit -F arch=b64 -S getsid -F subj_user=unconfined",
    "always,exit -F arch=b64 -S getsid -F subj_role=unconfined",
    "always,exit -F arch=b64 -S getsid -F subj_role!=unconfined",
    "never,exit -F arch=b64 -S getsid -F subj_type=chronyd_t",
    "never,exit -F arch=b64 -S getsid -F subj_sen>=s0",
    "always,exit -F arch=b64 -S getsid -F subj_clr!=s0",
    "always,exit -F arch=b64 -S getsid -F obj_user=unconfined",
    "always,exit -F arch=b64 -S getsid -F obj_role!=unconfined",
    "always,exit -F arch=b64 -S getsid -F obj_type=unconfined",
    "always,exit -F arch=b64 -S getsid -F obj_lev_low<s0",
    "always,exit -F arch=b64 -S getsid -F obj_lev_high=s0",
    "always,exit -F arch=b64 -S getsid -F subj_role=/no/such/profile",
    "always,exit -F arch=b64 -S getsid -F subj_role!=unconfine",
    "always,exit -F arch=b64 -S getsid -F subj_role=:nowhere:unconfined",
    "always,exit -F arch=b64 -S getsid -F subj_role=unconfined//&unconfined",
    "always,exit -F arch=b64 -S getsid -F subj_role=&unconfined",
    "always,exit -F dir=/etc -F perm=w -F obj_type=etc_t",
    "never,task -F subj_type=init_t",
    "always,exclude -F subj_user=system_u",
    "always,user -F subj_role=unconfined",
];

/// What auditctl says when each rule is added, then listed, and deleted.
fn answers(side: Side, audit: &Audit) -> Result<Vec<Vec<Outcome>>> {
    let daemon = Daemon::start(side, audit, &[], &[])?;
    let mut said = Vec::new();
    for rule in RULES {
        let change = |option| daemon.auditctl(&[&[option], &*rule.split(' ').collect::<Vec<_>>()].concat());
        said.push(vec![change("-a")?, daemon.auditctl(&["-l"])?, change("-d")?, daemon.auditctl(&["-l"])?]);
    }
    daemon.stop()?;
    Ok(said)
}

/// Whether both say the same. Ours says more at the end of an error (`error-line`).
fn is_alike(theirs: &Outcome, ours: &Outcome) -> bool {
    theirs.status == ours.status
        && theirs.stdout == ours.stdout
        && (theirs.stderr == ours.stderr
            || !theirs.stderr.is_empty() && ours.stderr.starts_with(&theirs.stderr))
}

/// `contexts-without-policy` of docs/differences.md.
fn is_of_no_policy(theirs: &Outcome, ours: &Outcome) -> bool {
    let said = |outcome: &Outcome, why: &str| {
        outcome.stderr.starts_with(&format!("Error sending delete rule data request ({why})\n"))
    };
    theirs.status == ours.status
        && said(theirs, "Operation not supported")
        && said(ours, "No such file or directory")
}

#[test]
fn they_are_taken_refused_and_listed_as_with_the_original() -> Result<()> {
    let audit = Audit::hold()?;
    let theirs = answers(Side::Theirs, &audit)?;
    let ours = answers(Side::Ours, &audit)?;
    let mut wrong = Vec::new();
    for (rule, (theirs, ours)) in RULES.iter().zip(theirs.iter().zip(&ours)) {
        let taken = if theirs[0].status.success() { "taken" } else { "refused" };
        println!("{taken}: {rule}: {}", theirs[0].stderr.trim());
        let alike =
            |(theirs, ours): (&Outcome, &Outcome)| is_alike(theirs, ours) || is_of_no_policy(theirs, ours);
        if !theirs.iter().zip(ours).all(alike) {
            wrong.push(format!("{rule}\n  theirs: {theirs:?}\n  ours:   {ours:?}"));
        }
    }
    ensure!(wrong.is_empty(), "{} of {} rules:\n{}", wrong.len(), RULES.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn what_never_matches_is_said_and_drags_nothing_along() -> Result<()> {
    if let Some(why) = contexts_by_others() {
        skipped(format!("rules that never match: {why}"));
        return Ok(());
    }
    let audit = Audit::hold()?;
    let rules = ["subj_type=chronyd_t", "obj_user!=unconfined", "uid=0"]
        .map(|field| format!("-a always,exit -F arch=b64 -S clock_settime,getsid -F {field} -F key=here"));
    let daemon = Daemon::start(Side::Ours, &audit, &rules, &[])?;
    let plan = daemon.plan()?;
    let ends = ["0 kernel audit, 0 refused"].iter().all(|end| plan.trim_end().ends_with(end));
    ensure!(ends && plan.matches("why: never matches: ").count() == 2, "{plan}");
    let text = daemon.auditctl(&["--rules-status"])?.success()?;
    let why = if some_contexts().is_some() {
        "AppArmor, the active security module, does not know it"
    } else {
        "no active security module gives contexts"
    };
    for field in ["subj_type", "obj_user"] {
        ensure!(text.contains(&format!("      cannot match: {field}: {why}\n")), "{text}");
    }
    ensure!(text.matches("cannot match").count() == 2, "{text}");
    let text = daemon.auditctl(&["--explain", "clock_settime"])?.success()?;
    ensure!(text.contains("rule 1 names it, but never matches: it names clock_settime"), "{text}");
    daemon.stop().context("the daemon").map(drop)
}
