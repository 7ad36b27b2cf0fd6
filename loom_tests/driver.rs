//! Builds the models as a package of their own, runs them, and then each mutant in its own process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::mutants::{MUTANTS, Mutant};

/// A copy of the lock and its models, in the target directory.
struct Copy {
    directory: PathBuf,
}

impl Copy {
    fn make() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models");
        for folder in ["src/sync", "loom_tests"] {
            let _ = fs::remove_dir_all(directory.join(folder));
            copy_folder(&package.join(folder), &directory.join(folder));
        }
        let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
        let loom = manifest.lines().find(|line| line.starts_with("loom = ")).unwrap();
        fs::write(directory.join("Cargo.toml"), manifest_with(loom)).unwrap();
        Self { directory }
    }

    /// Builds the models; returns the program, or what the compiler said.
    fn build(&self) -> Result<PathBuf, String> {
        let output = Command::new(env!("CARGO"))
            .args(["test", "--test", "models", "--no-run", "--message-format=json"])
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .env("RUSTFLAGS", "--cfg aquifer_loom")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .output()
            .unwrap();
        let messages = String::from_utf8_lossy(&output.stdout);
        // The one artifact of this build that is a program.
        let program =
            messages.split("\"executable\":\"").nth(1).and_then(|rest| rest.split('"').next());
        program
            .filter(|_| output.status.success())
            .map(PathBuf::from)
            .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn manifest_with(loom: &str) -> String {
    format!(
        r#"[workspace]

[package]
name = "aquifer-models"
version = "0.0.0"
edition = "2024"
autotests = false

[lib]
path = "src/empty.rs"

[dependencies]
{loom}

[[test]]
name = "models"
path = "loom_tests/models.rs"

[profile.test]
opt-level = 2
debug = false

[lints.rust]
unexpected_cfgs = {{ level = "allow", check-cfg = ['cfg(aquifer_loom)'] }}
"#
    )
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(path, target).unwrap();
        }
    }
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).env("RUST_BACKTRACE", "0").output().unwrap()
}

fn text_of(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{error}")
}

/// One test, since a mutant may be judged only where the lock itself passes.
#[test]
fn the_models_hold_and_each_mutant_fails_for_its_reason() {
    let copy = Copy::make();
    fs::write(copy.directory.join("src/empty.rs"), "").unwrap();
    let program = copy.build().unwrap_or_else(|error| panic!("{error}"));
    let output = run(&program, &["--nocapture"]);
    println!("{}", text_of(&output));
    assert!(output.status.success(), "a model of the lock fails");

    let failures: Vec<_> = MUTANTS.iter().filter_map(|mutant| judge(&copy, mutant).err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    println!("{} mutants fail, each for its reason", MUTANTS.len());
}

/// Builds a mutant, and runs the model that must fail for it.
fn judge(copy: &Copy, mutant: &Mutant) -> Result<(), String> {
    let Mutant { name, file, from, to, model, reason } = mutant;
    let path = copy.directory.join("src/sync").join(file);
    let original = fs::read_to_string(&path).unwrap();
    assert!(!reason.is_empty(), "{name} has no reason");
    if original.matches(from).count() != 1 {
        return Err(format!("{name}: {file} does not have its text exactly once: {from}"));
    }
    fs::write(&path, original.replace(from, to)).unwrap();
    let built = copy.build();
    let judged =
        built.map_err(|error| format!("{name} does not compile: {error}")).and_then(|program| {
            let output = run(&program, &["--exact", model, "--nocapture"]);
            let text = text_of(&output);
            if !text.contains("running 1 test") {
                Err(format!("{name}: there is no model {model}"))
            } else if output.status.success() {
                Err(format!("{name}: {model} does not notice"))
            } else if !text.contains(reason) {
                Err(format!("{name}: {model} fails, but not for the reason \"{reason}\": {text}"))
            } else {
                println!("mutant {name}: {model} fails by \"{reason}\"");
                Ok(())
            }
        });
    fs::write(&path, original).unwrap();
    judged
}
