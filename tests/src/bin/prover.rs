//! `prover PROOF ...`: the process that acts in one of the proofs, born for it.
//!
//! Addresses are not randomised, so that the registers of two runs can be compared.

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prover: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    tests::proof::steady(&arguments)?;
    let words = arguments.get(2..).unwrap_or_default();
    match arguments.get(1).map(String::as_str) {
        Some("random") => tests::random::player::play(words),
        Some("racing") => tests::racing::player::play(words),
        Some("reload") => tests::reload::play(words),
        Some("crowd") => tests::crowd::play(words),
        Some("identity") => tests::identity::player::play(words),
        _ => bail!("usage: prover PROOF ..."),
    }
}
