//! Rebuilds the crate when a case, a fault or a page of the specification changes, since all are embedded in it.

fn main() {
    println!("cargo::rerun-if-changed=cases");
    println!("cargo::rerun-if-changed=faults");
    println!("cargo::rerun-if-changed=../spec");
}
