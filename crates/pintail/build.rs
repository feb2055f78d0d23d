//! Compiles the sample application, which `pintail demo` deploys, into `$OUT_DIR/hello` for `include_bytes!`.

use std::env::var_os;
use std::path::Path;
use std::process::Command;

fn main() {
    let from_cargo = |name: &str| var_os(name).unwrap_or_else(|| panic!("cargo did not set {name}"));
    let crate_folder = from_cargo("CARGO_MANIFEST_DIR");
    let source = Path::new(&crate_folder).join("../../examples/hello/src/hello.rs");
    println!("cargo::rerun-if-changed={}", source.display());
    println!("cargo::rerun-if-changed=build.rs");
    assert!(
        source.is_file(),
        "the sample application `{}` is missing: `pintail demo` is built from it, so build in a whole checkout",
        source.display()
    );

    let rustc = from_cargo("RUSTC");
    // The root's clippy.toml keeps programs inside `pintail-os`; a build script can't use that crate's rule.
    #[allow(clippy::disallowed_methods)]
    let mut compile = Command::new(&rustc);
    // Small rather than fast: it is carried inside the `pintail` binary.
    compile.args(["--edition", "2024", "--crate-name", "hello", "--crate-type", "bin"]);
    for setting in ["opt-level=s", "lto=fat", "codegen-units=1", "panic=abort", "strip=symbols"] {
        compile.args(["-C", setting]);
    }
    compile.arg("--target").arg(from_cargo("TARGET"));
    // Cargo's `target.….linker`, without which a cross build would link with the wrong one.
    if let Some(linker) = var_os("RUSTC_LINKER") {
        let mut setting = std::ffi::OsString::from("linker=");
        setting.push(linker);
        compile.arg("-C").arg(setting);
    }
    // It names no folder of the machine that built it, as `pintail` itself does not when it is released.
    let mut remap = crate_folder.clone();
    remap.push("=/pintail/crates/pintail");
    compile.arg("--remap-path-prefix").arg(remap);
    compile.arg("-o").arg(Path::new(&from_cargo("OUT_DIR")).join("hello")).arg(&source);

    let status =
        compile.status().unwrap_or_else(|e| panic!("cannot run `{}`: {e}", Path::new(&rustc).display()));
    assert!(status.success(), "cannot compile the sample application `{}`: {status}", source.display());
}
