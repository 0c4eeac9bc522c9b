//! What runs in the guest: the workspace's programs and test programs, as cargo builds them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The packages whose integration tests need a kernel.
const PACKAGES: [&str; 2] = ["tests", "ebpfauditd"];
/// The test programs of theirs that need none, but the sources.
const KERNELLESS: [&str; 1] = ["tests/corpora"];
/// The test programs that run only if they are named: commands answer alike on every kernel, `make test` compares them on this
/// machine's, and an emulated processor takes ten minutes for it.
const IF_NAMED: [&str; 1] = ["tests/compliance"];
/// The test programs that leave a machine in which no other can run.
const FINAL: [&str; 2] = ["tests/until_reboot", "tests/stop"];

/// One of the executables that cargo made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Executable {
    /// `package/target`.
    pub(super) name: String,
    /// Where it lies, here and in the guest: programs are found beside each other, and some paths are compiled in.
    pub(super) path: PathBuf,
}

/// Everything that cargo made for a run.
#[derive(Debug)]
pub(super) struct Suite {
    /// Daemon, tools, actor.
    pub(super) programs: Vec<Executable>,
    /// Programs of libtest.
    pub(super) tests: Vec<Executable>,
}

impl Suite {
    /// Builds the programs alone.
    pub(super) fn programs(release: bool) -> Result<Self> {
        let programs = cargo(&["build", "--workspace", "--bins"], release, Some("bin"))?;
        ensure!(!programs.is_empty(), "cargo built nothing");
        Ok(Self { programs, tests: Vec::new() })
    }

    /// Builds all of it.
    pub(super) fn build(release: bool) -> Result<Self> {
        let Self { programs, .. } = Self::programs(release)?;
        let mut words = vec!["test", "--no-run", "--tests"];
        for package in PACKAGES {
            words.extend(["-p", package]);
        }
        let mut tests = cargo(&words, release, Some("test"))?;
        tests.retain(|test| !KERNELLESS.contains(&test.name.as_str()));
        ensure!(!tests.is_empty(), "cargo built no tests");
        Ok(Self { programs, tests })
    }

    /// What goes into one machine each: all that leave it as they found it, and then each that does not.
    pub(super) fn boots(self) -> Vec<Self> {
        let (last, first): (Vec<_>, Vec<_>) =
            self.tests.into_iter().partition(|test| FINAL.contains(&test.name.as_str()));
        let mut boots = vec![first];
        boots.extend(last.into_iter().map(|test| vec![test]));
        // Without any test there is a command to run.
        if boots.len() > 1 {
            boots.retain(|tests| !tests.is_empty());
        }
        boots.into_iter().map(|tests| Self { programs: self.programs.clone(), tests }).collect()
    }

    /// Keeps the test programs with these names (`package/target`, or the target alone); without names all that do not ask for it.
    pub(super) fn only(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            ensure!(
                self.tests.iter().any(|test| test.is(name)),
                "no test program is called {name}: there are {}",
                self.tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>().join(", ")
            );
        }
        if names.is_empty() {
            for test in self.tests.extract_if(.., |test| IF_NAMED.contains(&test.name.as_str())) {
                println!("{}: only if named by --only", test.name);
            }
        } else {
            self.tests.retain(|test| names.iter().any(|name| test.is(name)));
        }
        Ok(())
    }
}

impl Executable {
    fn is(&self, name: &str) -> bool {
        self.name == name || self.name.ends_with(&format!("/{name}"))
    }
}

/// Runs cargo and returns the executables of this kind.
fn cargo(words: &[&str], release: bool, kind: Option<&str>) -> Result<Vec<Executable>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).args(["--locked", "--message-format=json-render-diagnostics"]);
    if release {
        command.arg("--release");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let output = command
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "cargo {}: {}", words.join(" "), output.status);
    let said = String::from_utf8(output.stdout).context("what cargo says is not UTF-8")?;
    let mut found: Vec<Executable> = said.lines().filter_map(|line| executable(line, kind?)).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup();
    Ok(found)
}

/// The executable that a message of cargo tells of, if it is of this kind (The Cargo Book, "External tools").
fn executable(message: &str, kind: &str) -> Option<Executable> {
    let path = PathBuf::from(text(message, "executable")?);
    let target = message.split_once("\"target\":{")?.1;
    if !target.starts_with(&format!("\"kind\":[\"{kind}\"]")) {
        return None;
    }
    let package = Path::new(text(message, "manifest_path")?).parent()?.file_name()?.to_str()?.to_owned();
    Some(Executable { name: format!("{package}/{}", text(target, "name")?), path })
}

/// The first string with this key. Names and paths of ours need no escapes, so one that has them is not ours.
fn text<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let value = json.split_once(&format!("\"{key}\":\""))?.1.split_once('"')?.0;
    (!value.contains('\\')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/tests#0.1.0","manifest_path":"/w/tests/Cargo.toml","target":{"kind":["test"],"crate_types":["bin"],"name":"comparison","src_path":"/w/tests/tests/comparison.rs","edition":"2024"},"profile":{"test":true},"features":[],"filenames":["/w/target/debug/deps/comparison-1f"],"executable":"/w/target/debug/deps/comparison-1f","fresh":true}"#;

    #[test]
    fn what_leaves_a_machine_changed_gets_one_of_its_own() {
        let names = |boot: &Suite| boot.tests.iter().map(|test| test.name.clone()).collect::<Vec<_>>();
        let suite = |names: &[&str]| Suite {
            programs: Vec::new(),
            tests: names
                .iter()
                .map(|name| Executable { name: (*name).to_owned(), path: PathBuf::new() })
                .collect(),
        };
        let boots = suite(&["tests/life", "tests/stop", "tests/until_reboot"]).boots();
        let expected = [["tests/life"], ["tests/stop"], ["tests/until_reboot"]];
        assert_eq!(boots.iter().map(names).collect::<Vec<_>>(), expected);
        assert_eq!(suite(&["tests/stop"]).boots().len(), 1);
        assert_eq!(suite(&[]).boots().len(), 1);
    }

    #[test]
    fn a_message_of_cargo() {
        let expected = Executable {
            name: "tests/comparison".to_owned(),
            path: PathBuf::from("/w/target/debug/deps/comparison-1f"),
        };
        assert_eq!(executable(MESSAGE, "test"), Some(expected));
        assert_eq!(executable(MESSAGE, "bin"), None);
        let library =
            MESSAGE.replace("\"executable\":\"/w/target/debug/deps/comparison-1f\"", "\"executable\":null");
        assert_eq!(executable(&library, "test"), None);
    }
}
