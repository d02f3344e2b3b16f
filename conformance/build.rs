//! Rebuilds the crate when a case or a page of the specification changes, since both are embedded in it.

fn main() {
    println!("cargo::rerun-if-changed=cases");
    println!("cargo::rerun-if-changed=../spec");
}
